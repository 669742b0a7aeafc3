"""A node with more to do than it can, in the simulated world: small stories of the library's overloads."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import pytest
from support.tiny_world import HUB, assert_nothing_leaked, live, scenario, visit

from lab.analysis.overload import figures
from lab.checker import check
from reference_impl.domain.money import E4
from sim.run import SimRun

SLOW = {"kind": "slow", "node": HUB, "at": "0s", "for": "2min", "add": "100ms"}
STOP = {"kind": "freeze", "node": HUB, "at": "20s", "for": "5s"}
STEADY = [visit("pharmacy", at=f"{5000 + 600 * n}ms", total_fen=10_000 + n) for n in range(150)]
"""Five messages a second, of which the hub can do nine and a half."""
ADMISSION = {"wait": "200ms", "retry_after": "300ms", "retry_after_max": "2s"}
IMPATIENT = {
    "timeout": "700ms", "deadline": "8s", "forward_timeout": {"care": "650ms", "hub": "600ms"},
    "reversal_timeout": "700ms", "retries": {"max": 40, "backoff": "200ms", "factor": 1, "cap": "200ms"},
    "clerk": {"retries": 0, "wait": "10s"},
}  # fmt: skip


def lived(
    *, admission: dict[str, Any] | None, clients: dict[str, Any] | None = None, faults: Any = (SLOW, STOP)
) -> SimRun:
    hub = {"workers": 1, "queue": 60, "hold_while_waiting": True} | (
        {} if admission is None else {"admission": admission}
    )
    asked = scenario(
        *STEADY,
        visits={"handling": "100ms"},
        topology={"hub": hub, "hospitals_per_province": {"hospital": 2, "pharmacy": 12}, "desks_per_hospital": 12},
        clients=IMPATIENT | (clients or {}),
        faults=faults,
        overload={"at": "20s", "for": "5s"},
    )
    run = live(asked)
    findings = check(cast("Any", run.books), run.record())
    assert findings.clean, findings.violations
    assert_nothing_leaked(run)
    return run


def figures_of(run: SimRun) -> dict[str, float]:
    return figures(run.record(), run.simulation.world.scenario)


@pytest.fixture(scope="module")
def bare() -> SimRun:
    return lived(admission=None)


@pytest.fixture(scope="module")
def cured() -> SimRun:
    return lived(admission=ADMISSION)


def test_without_anything_a_short_stop_leaves_an_overload_that_stays(bare: SimRun) -> None:
    found = figures_of(bare)

    assert found["overload.recovery"] > 60_000_000
    assert found["overload.goodput_after"] < 1


def test_with_early_refusal_the_trouble_ends_soon_after_its_cause(cured: SimRun, bare: SimRun) -> None:
    found = figures_of(cured)

    assert found["overload.recovery"] < 30_000_000
    assert found["overload.goodput_after"] > 1.2
    assert found["overload.retries"] < figures_of(bare)["overload.retries"] / 4


def test_a_budget_alone_ends_it_too_and_its_retries_keep_to_it() -> None:
    run = lived(admission=None, clients={"retry_budget": {"share": 0.2, "burst": 2, "one_every": "5s"}})

    assert figures_of(run)["overload.goodput_after"] > 1.2


def test_what_is_dropped_or_refused_early_left_nothing_at_the_node(cured: SimRun) -> None:
    messages = cured.record().messages
    outcomes = Counter(messages["outcome"].to_list())
    hub = cured.simulation.world.nodes[HUB]

    assert outcomes["overloaded"] > 0
    assert hub.workers.sums.refused > 0
    assert hub.admission is not None
    assert hub.admission.waiting == 0
    assert not cured.simulation.world.stores[HUB].intents()


def test_a_killed_node_forgets_who_waited() -> None:
    kill = {"kind": "kill", "node": HUB, "at": "26s", "for": "5s"}  # a second after the stop: some wait

    run = lived(admission=ADMISSION, faults=(SLOW, STOP, kill))

    admission = run.simulation.world.nodes[HUB].admission
    assert admission is not None
    assert admission.waiting == 0


def test_what_is_turned_away_early_costs_less_than_reading_it(cured: SimRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy_us(run: SimRun) -> int:
        return sum(cpu.tally().busy_us for cpu in run.simulation.world.cpus.values())

    monkeypatch.setattr("sim.model.node.PEEK_SHARE_E4", E4)

    assert busy_us(cured) < busy_us(lived(admission=ADMISSION))


def test_the_same_seed_gives_the_same_digest(cured: SimRun) -> None:
    assert lived(admission=ADMISSION).digest() == cured.digest()
