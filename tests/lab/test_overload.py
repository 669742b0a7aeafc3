"""The figures of an overload, each beside a truth that is counted in another way."""

from __future__ import annotations

import math
from typing import Any, cast

import polars as pl
import pytest
from support.tiny_world import HUB, live, scenario, visit

from lab.analysis.measures import measure
from lab.analysis.overload import figures, good_us
from scenarios.reading.errors import ScenarioError
from scenarios.reading.loader import load_scenario
from scenarios.record.recorder import Record
from scenarios.schema import Scenario

S = 1_000_000
OVERLOAD = {"at": "30s", "for": "20s", "peak_over": "10s"}
MANY = [visit("pharmacy", at=f"{second}s", total_fen=10_000 + second) for second in range(5, 100, 3)]
AT_ONCE = [visit("pharmacy", at="61s", total_fen=20_000 + number) for number in range(8)]
DARK = {"kind": "lose", "link": [HUB, "63"], "direction": "request", "at": "30s", "for": "20s"}


@pytest.fixture(scope="module")
def lived() -> tuple[Scenario, Record]:
    asked = scenario(*MANY, faults=[DARK], clients={"retry_budget": {"burst": 1}}, overload=OVERLOAD)
    return asked, live(asked).record()


@pytest.fixture(scope="module")
def crowded() -> tuple[Scenario, Record]:
    """The hub turns everybody away for ten seconds of the overload and five after it; some are lost before and after."""
    lost = {**DARK, "at": "5s", "for": "3s"}
    refusing = {"kind": "refuse", "node": HUB, "at": "40s", "for": "15s"}
    clients = {"retries": {"max": 30, "backoff": "1s", "factor": 1, "cap": "1s"}}
    some = {**DARK, "at": "60s", "for": "5s", "share": 0.3}
    asked = scenario(
        *MANY, *AT_ONCE, faults=[lost, refusing, some], clients=clients, overload={**OVERLOAD, "calm": 0.7}
    )
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
    sent, away, held, bad_in, all_in = [], list[bool](), 0, dict[int, int](), dict[int, int]()
    for row in record.messages.iter_rows(named=True):
        second = int((row["sent_us"] - 50 * S) // S)
        all_in[second] = all_in.get(second, 0) + 1
        bad_in[second] = bad_in.get(second, 0) + (row["outcome"] not in ("ok", "refused"))
        if row["outcome"].startswith("held"):
            held += 1
        else:
            sent.append(row["msgid"])
            if 30 * S <= row["sent_us"] < 50 * S:
                away.append(row["outcome"] == "overloaded")
    assert asked.overload is not None
    calm = asked.overload.calm
    last = max((at for at in bad_in if 0 <= at < 70 and bad_in[at] > calm * all_in[at]), default=-1)
    return {
        "overload.goodput": goodput,
        "overload.peak": peak,
        "overload.kept": goodput / peak,
        "overload.goodput_after": sum(50 <= at_s < 120 for at_s in good_s) / 70,
        "overload.retries": (len(sent) - len(set(sent))) / len(set(sent)),
        "overload.turned_away": sum(away) / len(away),
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


def test_what_is_turned_away_is_told_apart_from_what_else_goes_wrong(crowded: tuple[Scenario, Record]) -> None:
    asked, record = crowded
    found, truth = figures(record, asked), one_by_one(asked, record)
    strict = asked.overload.model_copy(update={"calm": 0.0}) if asked.overload else None

    assert {name: found[name] for name in truth} == pytest.approx(truth)
    assert 0 < truth["overload.turned_away"] < 1
    assert {"overloaded", "busy"} <= set(record.messages["outcome"])
    stricter = figures(record, asked.model_copy(update={"overload": strict}))
    assert stricter["overload.recovery"] > found["overload.recovery"]


def test_goodput_is_of_what_stands_and_was_heard_of_in_time() -> None:
    visits = pl.DataFrame(
        [
            (True, "direct", 7, 30),
            (True, "direct_after_retry", 5, 20),
            (True, "direct", 8, 10),  # too late
            (False, "paper", None, None),
            (True, "reversed", 1, 40),
        ],
        schema=["acked", "fate", "latency_us", "settle_done_us"],
        orient="row",
    )

    assert good_us(visits, deadline_us=7).tolist() == [20, 30]


def test_openings_are_those_of_the_breakers_themselves() -> None:
    breaker = {"over": "10s", "calls": 2, "rest": "4s", "ramp": "4s"}
    asked = scenario(*MANY, faults=[DARK], clients={"breaker": breaker}, overload=OVERLOAD)
    run = live(asked)
    found, world = figures(run.record(), asked), run.simulation.world
    calls = world.site.calls

    assert calls is not None
    assert found["overload.openings"] == sum(node.restraint.openings for node in world.nodes.values() if node.restraint)
    assert found["overload.hospital_openings"] == calls.openings
    assert found["overload.openings"] > 0 < found["overload.hospital_openings"]


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
