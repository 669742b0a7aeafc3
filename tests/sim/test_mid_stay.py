"""Long stays whose patients ask to settle in the middle: two parts, one bill, and one deductible where they are merged."""

from __future__ import annotations

from typing import Any

import pytest
from support.tiny_world import CARE, INSURED, assert_nothing_leaked, fates, live, scenario, visit

from lab.analysis.measures import measure
from lab.checker import check
from reference_impl.domain.nodes import NodeId
from scenarios.patients.mid_stays import MidStayDraws
from scenarios.patients.visits import plan_visits
from scenarios.schema import Scenario
from sim.run import SimRun

BILL_FEN = 4_000_000
LONG = visit("inpatient", at="4s", total_fen=BILL_FEN) | {"stay": "180s"}
HORIZON = {"start": "2024-03-13T09:00:00", "length": "5min", "drain_limit": "10min"}
SEEDS = range(1, 7)


def asking(*visits: dict[str, Any], seed: int = 1, faults: Any = (), **long_stays: Any) -> Scenario:
    asked = {"mid_stay": {"longer_than": "60s", "share": 1} | long_stays}
    return scenario(*(visits or (LONG,)), seed=seed, faults=faults, visits=asked, horizon=HORIZON)


def lived(asked: Scenario) -> SimRun:
    run = live(asked)
    findings = check(run.books, run.record())
    assert findings.clean, findings.violations
    assert_nothing_leaked(run)
    return run


def parts(run: SimRun) -> list[Any]:
    return [made.amounts for made in run.books[NodeId(INSURED)].settlements]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_long_stay_is_settled_in_two_parts_that_are_the_whole_bill(seed: int) -> None:
    asked = asking(seed=seed)
    run = lived(asked)

    first, second = parts(run)
    assert fates(run) == ["mid_stay_then_direct"]
    assert first.total_fen + second.total_fen == BILL_FEN
    [whole] = parts(lived(asking(seed=seed, share=0)))
    assert (first.deductible_fen, second.deductible_fen) == (whole.deductible_fen, 0)
    (row,) = run.recorder.frames()["mid_stays"].iter_rows(named=True)
    assert 94_000_000 <= row["at_us"] <= 110_000_000, "after the first of two batches"
    assert row["total_fen"] == first.total_fen
    figures = measure(run.record(), asked).scalars
    assert figures["mid_stay.settled"] == figures["mid_stay.settled_whole"] == 1
    assert (figures["mid_stay.fund"], figures["mid_stay.deductible"]) == (
        first.fund_fen / 100, whole.deductible_fen / 100,
    )  # fmt: skip


def test_without_merging_the_rest_pays_the_deductible_of_another_stay() -> None:
    first, second = parts(lived(asking(merge_deductible=False)))

    assert (first.deductible_fen, second.deductible_fen) == (100_000, 50_000)


@pytest.mark.parametrize(
    ("stay", "long_stays"), [(LONG, {"longer_than": "181s"}), (LONG, {"share": 0}), (visit("outpatient"), {})]
)
def test_a_stay_that_is_not_long_or_whose_patient_does_not_ask_is_settled_whole(
    stay: dict[str, Any], long_stays: dict[str, Any]
) -> None:
    run = lived(asking(stay, **long_stays))

    assert fates(run) == ["direct"]
    assert run.recorder.frames()["mid_stays"].is_empty()


def test_a_province_that_is_away_when_the_stay_is_to_be_settled_in_parts_settles_it_whole_or_in_parts_once() -> None:
    away = {"kind": "freeze", "node": CARE, "at": "40s", "for": "60s"}

    for seed in SEEDS:
        run = lived(asking(seed=seed, faults=[away]))
        paid = parts(run)
        if fates(run)[0].startswith(("direct", "mid_stay")):
            assert sum(one.total_fen for one in paid) == BILL_FEN


def test_those_who_ask_are_the_share_of_long_stays_that_is_said_and_never_after_the_last_batch() -> None:
    generated = {"explicit": (), "per_day": 4_000, "mix": {"outpatient": 0, "pharmacy": 0, "inpatient": 1}}
    asked = scenario(
        visits=generated | {"stay_mean": "8d", "mid_stay": {"longer_than": "10d", "share": 0.4}},
        horizon=HORIZON | {"length": "2d"},
    )
    stays = [stay for stay in plan_visits(asked) if not stay.open_at_start]
    spec = asked.visits.mid_stay
    assert spec is not None
    draws = MidStayDraws(spec, asked.seed)
    due = {stay.visit: draws.due_after(stay, 4) for stay in stays}

    long = [stay for stay in stays if stay.stay_us >= spec.longer_than]
    after = [due[stay.visit] for stay in long if due[stay.visit] is not None]
    assert 0.33 < len(after) / len(long) < 0.47
    assert {after.count(batch) > len(after) // 5 for batch in (1, 2, 3)} == {True}
    assert set(after) == {1, 2, 3}
    assert all(due[stay.visit] is None for stay in stays if stay.stay_us < spec.longer_than)
    assert all(draws.due_after(stay, 1) is None for stay in stays), "one batch has no middle"


def test_nothing_is_measured_where_nobody_may_ask() -> None:
    asked = scenario(LONG, horizon=HORIZON)

    assert not [name for name in measure(live(asked).record(), asked).scalars if name.startswith("mid_stay")]


def test_a_prefund_that_is_dry_in_the_middle_of_a_stay_lets_it_go_on_and_settles_it_whole() -> None:
    """The prefund is topped up before the patient leaves."""
    topped_up = {"insured": INSURED, "care": CARE, "limit_fen": 0, "top_ups": [{"at": "150s", "fen": 10**9}]}
    asked = scenario(
        LONG, visits={"mid_stay": {"longer_than": "60s", "share": 1}}, horizon=HORIZON, prefund={"quotas": [topped_up]}
    )
    run = live(asked)

    assert fates(run) == ["direct"]
    [whole] = parts(run)
    assert whole.total_fen == BILL_FEN
