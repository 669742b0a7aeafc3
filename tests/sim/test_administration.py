"""Administration stops: nobody can file, and everything else goes on; what becomes of who wanted to file."""

from __future__ import annotations

from typing import Any, cast

import pytest
from support.tiny_world import CARE, INSURED, S, assert_lawful, assert_nothing_leaked, fates, live, scenario, visit

from lab.analysis.agreement import agreement_of
from lab.analysis.filing import figures_of_books
from lab.analysis.measures import measure
from lab.checker import check
from reference_impl.domain.nodes import NodeId
from scenarios.reading.checks import problems
from scenarios.schema import Scenario
from sim.run import SimRun

REOPENS_US = 95 * S
STOP: dict[str, Any] = {
    "scope": INSURED,
    "business": "filing",
    "at": "5s",
    "stop_before": "1s",
    "window": "90s",
    "ramp": "0s",
}
DESK = {"files": 1, "takes": "3s", "comes_back": 1, "comes_back_after": "60s"}
LATER: dict[str, Any] = {"settle_later": {"spread": "10s"}, "stand_in": {"limit_fen": 1_000_000}}
RECOURSES = {
    "park": "parked_then_direct",
    "wait": "waited_then_direct",
    "settle_later": "settled_later",
    "stand_in": "estimated_then_settled",
    "paper": "paper_by_closure",
}


def asking(
    *visits: dict[str, Any], stop: Any = None, mix: str = "park", by_clerk: int = 0, in_stay: int = 0, **filing: Any
) -> Scenario:
    plan: dict[str, Any] = STOP | {"policies": {"mixes": [{mix: 1}], **LATER}} | (stop or {})
    spec = {"standings": {"unfiled": 1}, "desk": DESK | {"by_clerk": by_clerk}, "in_stay": in_stay, **filing}
    return scenario(*visits, cutover=plan, filing=spec)


def lived(asked: Scenario) -> SimRun:
    run = live(asked)
    assert check(cast("Any", run.books), run.record(), agreement=agreement_of(asked)).clean
    assert_nothing_leaked(run)
    return run


def filed(run: SimRun) -> list[tuple[str, str]]:
    """The sender's letter and the outcome of each filing."""
    messages = run.recorder.frames()["messages"].filter(code="2501")
    return [(msgid[0], outcome) for msgid, outcome in zip(messages["msgid"], messages["outcome"], strict=True)]


def listed(run: SimRun) -> list[tuple[str, str]]:
    return run.recorder.frames()["inflight"].select("snapshot", "stage").rows()


@pytest.mark.parametrize("by_clerk", [0, 1])
@pytest.mark.parametrize(("mix", "fate"), RECOURSES.items())
def test_who_cannot_file_at_the_desk_does_what_the_plan_says(mix: str, fate: str, by_clerk: int) -> None:
    run = lived(asking(visit("outpatient"), mix=mix, by_clerk=by_clerk))

    sender = "H" if by_clerk else "A"
    assert fates(run) == [fate]
    assert filed(run) == ([(sender, "closed")] if mix == "paper" else [(sender, "closed"), (sender, "ok")])
    away = run.recorder.frames()["turned_away"]
    assert away["plan"].to_list() == ["63-filing"]
    assert listed(run) == [("reopen", "manual_claim" if mix == "paper" else "filing_pending")]
    assert_lawful(run, settled=int(mix != "paper"))


@pytest.mark.parametrize(("mix", "fate"), RECOURSES.items())
def test_who_cannot_file_from_the_ward_tries_with_each_charge_and_before_leaving(mix: str, fate: str) -> None:
    run = lived(asking(visit("inpatient"), mix=mix, in_stay=1))

    tries = [outcome for _, outcome in filed(run)]
    assert fates(run) == [fate]
    assert tries == ["closed"] * 3 + ["ok"] * (mix != "paper")
    assert run.recorder.frames()["messages"].filter(outcome="refused").is_empty()


def test_who_lies_on_files_from_the_ward_when_it_is_open_again_and_nobody_turns_the_patient_away() -> None:
    run = lived(asking(visit("inpatient") | {"stay": "120s"}, in_stay=1, stop={"window": "70s"}))

    assert [outcome for _, outcome in filed(run)] == ["closed", "ok"]
    assert fates(run) == ["direct"]
    assert listed(run) == [("reopen", "filing_pending")]
    assert run.recorder.frames()["turned_away"].is_empty()


def test_nobody_can_file_from_the_moment_new_filings_are_turned_away() -> None:
    run = lived(asking(visit("outpatient"), stop={"at": "60s", "stop_before": "55s", "window": "30s"}))

    assert [outcome for _, outcome in filed(run)] == ["closed", "ok"]


def test_who_needs_to_file_nothing_is_neither_held_up_nor_counted() -> None:
    asked = asking(visit("outpatient"), visit("pharmacy"), visit("inpatient"), standings={})
    run = lived(asked)

    figures = measure(run.record(), asked).flat()
    assert fates(run) == ["direct"] * 3
    assert figures["cutover.offered"] == figures["cutover.backlog"] == figures["filing.shut_out"] == 0
    assert listed(run) == []


def test_the_figures_of_such_a_plan_count_who_wanted_to_file_and_nobody_else() -> None:
    asked = asking(visit("outpatient"), visit("pharmacy", at="20s"), visit("outpatient", at="30s", insured=330400))
    run = lived(asked)

    figures = measure(run.record(), asked).flat()
    assert figures["cutover.offered"] == figures["cutover.backlog"] == figures["cutover.reopening"] == 1
    assert figures["cutover.park_people"] == figures["filing.shut_out"] == figures["filing.shut_out_direct"] == 1
    assert figures["cutover.refused"] == 1


def test_a_clerk_files_again_at_each_desk_until_the_door_is_open_to_the_patient() -> None:
    """The plan says half of the time that it lasts; who comes back is turned away once more."""
    window = {"planned": "40s", "freeze": "90s"}
    run = lived(asking(visit("outpatient"), by_clerk=1, stop={"window": window}))

    assert [outcome for _, outcome in filed(run)] == ["closed", "closed", "ok"]
    assert fates(run) == ["parked_then_direct"]


@pytest.mark.parametrize("by_clerk", [0, 1])
def test_a_stop_of_business_within_provinces_turns_no_filing_away(by_clerk: int) -> None:
    """The platform speaks to the insurer from within its province, and what it files is for treatment elsewhere."""
    run = lived(asking(visit("outpatient"), stop={"business": "local"}, by_clerk=by_clerk))

    assert [outcome for _, outcome in filed(run)] == ["ok"]
    assert fates(run) == ["filed_then_direct"]


# --- two plans at once ---

ALL = {"name": "settlement", "scope": INSURED, "at": "20s", "stop_before": "1s", "window": "30s", "ramp": "0s"}


def test_filing_stops_before_settlement_does_and_stays_shut_longer() -> None:
    filing = {"standings": {"unfiled": 1}, "desk": DESK | {"by_clerk": 0}}
    asked = scenario(visit("outpatient"), visit("outpatient", at="30s"), cutover=[STOP, ALL], filing=filing)
    run = lived(asked)

    frames = run.recorder.frames()
    away = frames["turned_away"].sort("at_us").select("visit", "plan").rows()
    figures = measure(run.record(), asked).flat()
    assert away == [(0, "63-filing"), (1, "settlement"), (1, "63-filing")]
    assert fates(run) == ["parked_then_direct"] * 2
    assert figures["cutover.backlog[plan=63-filing]"] == 2
    assert figures["cutover.backlog[plan=settlement]"] == 1
    assert figures["cutover.lost"] == figures["cutover.doubled"] == 0


# --- make-up days ---


@pytest.mark.parametrize(
    ("make_up", "fate", "made_up"), [("60s", "parked_then_direct", 1), ("1us", "paper_by_filing", 0)]
)
@pytest.mark.parametrize("by_clerk", [0, 1])
def test_what_was_turned_away_may_be_made_up_for_some_days(
    make_up: str, fate: str, made_up: int, by_clerk: int
) -> None:
    asked = asking(visit("outpatient"), stop={"make_up": make_up}, by_clerk=by_clerk)
    run = lived(asked)

    kept = [one for record in run.books[NodeId(INSURED)].filings for one in record.filings]
    assert fates(run) == [fate]
    assert [(one.begins_us, one.accepted_us > REOPENS_US) for one in kept] == [(4 * S, True)] * made_up
    assert figures_of_books(cast("Any", run.books), asked)["filing.made_up"] == made_up


def test_who_files_after_the_make_up_days_has_it_dated_as_it_is_accepted() -> None:
    asked = asking(visit("outpatient", at="115s"), stop={"make_up": "5s"})
    run = lived(asked)

    kept = [one for record in run.books[NodeId(INSURED)].filings for one in record.filings]
    assert [one.begins_us == one.accepted_us for one in kept] == [True]
    assert fates(run) == ["filed_then_direct"]


def test_what_the_hospital_kept_is_made_up_in_time_or_paid() -> None:
    late = asking(visit("outpatient"), stop={"make_up": "1us"}, mix="settle_later")

    assert fates(lived(late)) == ["paper_by_filing"]


def test_the_same_seed_lives_the_same_stop_again() -> None:
    asked = asking(visit("outpatient"), visit("inpatient", at="20s"), in_stay=1)

    assert live(asked).digest() == live(asked).digest()


WAYS = """
    scope  side      business  by phone  by a clerk
    hub    both      filing    passes    stopped
    hub    both      cross     passes    stopped
    33     care      filing    passes    stopped
    33     both      filing    passes    stopped
    33     care      cross     passes    stopped
    63     insured   filing    stopped   stopped
    63     both      filing    stopped   stopped
    63     insured   cross     stopped   stopped
    63     both      cross     stopped   stopped
    63     both      all       stopped   stopped
    63     care      filing    passes    passes
    63     care      all       passes    passes
    63     both      local     passes    passes
"""


@pytest.mark.parametrize("by_clerk", [0, 1])
@pytest.mark.parametrize("row", WAYS.strip().splitlines()[1:])
def test_what_is_filed_by_phone_passes_the_insurers_door_alone(row: str, by_clerk: int) -> None:
    """The patient is turned away for want of a filing before the door closes, and files after that."""
    scope, side, business, *ways = row.split()
    stop = {"scope": scope, "side": side, "business": business, "at": "18s", "stop_before": "0s"}
    spec = {"standings": {"unfiled": 1}, "desk": DESK | {"by_clerk": by_clerk}}
    plan = STOP | stop | {"announced": business == "filing"}
    run = lived(scenario(visit("outpatient"), visits={"handling": "6s"}, cutover=plan, filing=spec))

    first = filed(run)[0]
    assert first == ("H" if by_clerk else "A", {"passes": "ok", "stopped": "closed"}[ways[by_clerk]])


@pytest.mark.parametrize(("by_clerk", "met"), [(0, 0), (1, 1)])
@pytest.mark.parametrize(("scope", "side"), [("hub", "both"), (CARE, "care"), (CARE, "both")])
def test_a_stop_on_the_way_of_clerks_counts_and_lists_whom_they_were_to_file(
    scope: str, side: str, by_clerk: int, met: int
) -> None:
    stop = {"scope": scope, "side": side, "at": "18s", "stop_before": "1s"}
    spec = {"standings": {"unfiled": 1}, "desk": DESK | {"by_clerk": by_clerk or 0.000001}}
    asked = scenario(visit("outpatient"), visits={"handling": "6s"}, cutover=STOP | stop, filing=spec)
    run = lived(asked)

    figures = measure(run.record(), asked).flat()
    assert figures["cutover.offered"] == figures["cutover.backlog"] == met
    assert listed(run) == [("reopen", "filing_pending")] * met
    assert fates(run) == ["parked_then_direct" if met else "filed_then_direct"]


def test_a_stop_that_nobody_who_files_can_meet_is_refused() -> None:
    stop = {"scope": "hub", "policies": {}}
    (found,) = problems(asking(visit("outpatient"), stop=stop))

    assert found.path == ("cutover", 0, "scope")
    assert "everybody files by phone" in found.what
    assert not list(problems(asking(visit("outpatient"), stop=stop, by_clerk=1)))
