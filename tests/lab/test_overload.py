"""The figures of an overload, each beside a truth that is counted in another way."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest
from support.tiny_world import HUB, live, scenario, visit

from lab.analysis.measures import measure
from lab.analysis.overload import figures
from scenarios.reading.errors import ScenarioError
from scenarios.reading.loader import load_scenario
from scenarios.record.recorder import Record
from scenarios.schema import Scenario

S = 1_000_000
OVERLOAD = {"at": "30s", "for": "20s", "peak_over": "10s"}
MANY = [visit("pharmacy", at=f"{second}s", total_fen=10_000 + second) for second in range(5, 100, 3)]
DARK = {"kind": "lose", "link": [HUB, "63"], "direction": "request", "at": "30s", "for": "20s"}


@pytest.fixture(scope="module")
def lived() -> tuple[Scenario, Record]:
    asked = scenario(*MANY, faults=[DARK], clients={"retry_budget": {"burst": 1}}, overload=OVERLOAD)
    return asked, live(asked).record()


def one_by_one(asked: Scenario, record: Record) -> dict[str, float]:
    """Work the figures out row by row, as a reader would with a pencil."""
    good_s = [
        row["settle_done_us"] / S
        for row in record.visits.iter_rows(named=True)
        if row["acked"] and row["fate"].startswith("direct") and row["latency_us"] <= asked.clients.deadline
    ]
    peak = max(sum(from_s <= at_s < from_s + 10 for at_s in good_s if at_s < 30) for from_s in good_s) / 10
    goodput = sum(30 <= at_s < 50 for at_s in good_s) / 20
    sent, held, bad_in, all_in = [], 0, dict[int, int](), dict[int, int]()
    for row in record.messages.iter_rows(named=True):
        second = int((row["sent_us"] - 50 * S) // S)
        all_in[second] = all_in.get(second, 0) + 1
        bad_in[second] = bad_in.get(second, 0) + (row["outcome"] not in ("ok", "refused"))
        if row["outcome"].startswith("held"):
            held += 1
        else:
            sent.append(row["msgid"])
    last = max((at for at in bad_in if 0 <= at < 70 and bad_in[at] > 0.05 * all_in[at]), default=-1)
    return {
        "overload.goodput": goodput,
        "overload.peak": peak,
        "overload.kept": goodput / peak,
        "overload.goodput_after": sum(50 <= at_s < 120 for at_s in good_s) / 70,
        "overload.retries": (len(sent) - len(set(sent))) / len(set(sent)),
        "overload.held_back": held,
        "overload.recovery": (last + 1) * S,
    }


def test_figures_are_those_of_a_pencil(lived: tuple[Scenario, Record]) -> None:
    asked, record = lived
    found, truth = figures(record, asked), one_by_one(asked, record)

    assert truth["overload.held_back"] > 0 < truth["overload.recovery"]
    assert {name: found[name] for name in truth} == pytest.approx(truth)
    assert found["overload.node_held_back"] == sum(
        row["refused"] for row in record.stations.iter_rows(named=True) if row["station"] == "calls"
    )
    assert found.items() <= measure(record, asked).flat().items()


def test_a_run_that_states_no_overload_has_no_figures_of_one(lived: tuple[Scenario, Record]) -> None:
    asked, record = lived

    assert figures(record, asked.model_copy(update={"overload": None})) == {}


def test_what_goes_wrong_to_the_last_second_never_recovers() -> None:
    dark = {**DARK, "for": "100s"}
    asked = scenario(*MANY, visit("pharmacy", at="119s"), faults=[dark], overload=OVERLOAD)

    assert figures(live(asked).record(), asked)["overload.recovery"] == math.inf


def test_where_nothing_goes_wrong_recovery_takes_no_time() -> None:
    asked = scenario(*MANY, overload=OVERLOAD)

    found = figures(live(asked).record(), asked)

    assert found["overload.recovery"] == found["overload.turned_away"] == found["overload.retries"] == 0
    assert "overload.openings" not in found


def test_an_empty_run_has_no_peak() -> None:
    asked = scenario(overload={**OVERLOAD, "for": "90s"})

    found = figures(live(asked).record(), asked)

    assert found["overload.goodput"] == found["overload.goodput_after"] == 0
    assert "overload.kept" not in found
    assert "overload.retries" not in found


WRONG = [
    ("overload={at: 3h, for: 2h}", "ends after the horizon does"),
    ("gates.overload.kept='> 90%'", "of an overload, and none is stated"),
    ("topology.hub.admission={retry_after: 2s, retry_after_max: 1s}", "retry_after_max is shorter than retry_after"),
    ("clients.breaker={failures: 0}", "failures"),
    ("clients.retry_budget={share: 2}", "share"),
    ("topology.hub.per_destination=0", "per_destination"),
]


@pytest.mark.parametrize(("setting", "told"), WRONG)
def test_nonsense_is_refused(setting: str, told: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario("national-day", sets=["horizon.length=4h", setting])

    assert told in str(caught.value)
    assert cast("Any", caught.value).exit_code == 2


def test_a_province_may_have_an_admission_of_its_own() -> None:
    own = {"provinces": {"63": {"admission": {"wait": "1s"}, "per_destination": 3}}}
    spec = scenario(topology=own).topology.spec("63")

    assert spec.admission is not None
    assert (spec.admission.rule.wait_us, spec.per_destination) == (S, 3)
