"""A planned stop with business in flight: listed at stop-accept and at closing, followed to one fate each, lost nowhere."""

from __future__ import annotations

from typing import Any

import pytest
from support.tiny_world import (
    CARE,
    HUB,
    INSURED,
    S,
    assert_lawful,
    assert_nothing_leaked,
    fates,
    live,
    prepare,
    scenario,
    visit,
)

from reference_impl.domain.nodes import NodeId

STOP = {"at": "60s", "stop_before": "20s", "window": "60s", "ramp": "30s", "announced": False}
"""Stops accepting at 40 s, closes at 60 s, reopens at 120 s, is wide open at 150 s."""


def stopped(*visits: dict[str, Any], scope: str = CARE, **changes: Any) -> Any:
    return scenario(*visits, cutover=STOP | {"scope": scope} | changes)


@pytest.mark.parametrize("scope", [CARE, "3304", INSURED, "6301", HUB])
def test_a_patient_who_comes_while_the_stop_is_on_parks_and_settles_after_it(scope: str) -> None:
    run = live(stopped(visit("pharmacy", at="50s"), scope=scope))
    assert fates(run) == ["parked_then_direct"]
    done_us = run.recorder.frames()["visits"]["settle_done_us"][0]
    assert done_us > 120 * S
    assert_lawful(run, settled=1)
    assert_nothing_leaked(run)


@pytest.mark.parametrize("scope", [CARE, HUB])
def test_a_patient_who_does_not_want_to_wait_pays_and_claims_by_paper(scope: str) -> None:
    run = live(stopped(visit("outpatient", at="50s"), scope=scope, park_share=0))
    assert fates(run) == ["paper_by_closure"]
    assert run.recorder.frames()["visits"]["paper_fen"].to_list() == [400_000]
    assert_lawful(run, settled=0)
    assert_nothing_leaked(run)


@pytest.mark.parametrize("scope", ["3301", "6302", "11"])
def test_a_stop_elsewhere_concerns_nobody(scope: str) -> None:
    run = live(stopped(visit("pharmacy", at="50s"), scope=scope))
    assert fates(run) == ["direct"]
    assert not len(run.recorder.frames()["inflight"])


@pytest.mark.parametrize(("side", "care", "insured", "concerned"), [
    ("care", 330400, 630100, True), ("care", 630100, 330400, False),
    ("insured", 330400, 630100, False), ("insured", 630100, 330400, True),
    ("both", 330400, 630100, True), ("both", 630100, 330400, True), ("both", 630100, 110100, False),
])  # fmt: skip
def test_only_the_business_of_the_stopped_side_stops(side: str, care: int, insured: int, *, concerned: bool) -> None:
    run = live(stopped(visit("pharmacy", at="50s", care=care, insured=insured), side=side))
    assert fates(run) == ["parked_then_direct" if concerned else "direct"]


def test_phases_are_events_and_what_is_in_flight_is_listed_with_its_stage_and_its_fate() -> None:
    """A stay that spans the stop is open at both looks; a patient of the last moment is in transit or at the desk."""
    stay = visit("inpatient", at="10s") | {"stay": "200s"}
    run = live(stopped(stay, visit("outpatient", at="39s"), visit("pharmacy", at="57s")))
    assert [(row.kind, row.at_us) for row in run.events] == [
        ("stop_accept", 40 * S), ("close", 60 * S), ("reopen", 120 * S), ("full", 150 * S),
    ]  # fmt: skip
    listed = run.recorder.frames()["inflight"]
    assert set(listed["snapshot"]) == {"stop_accept", "close", "reopen"}
    assert {"open_stay"} <= set(listed["stage"])
    assert {"at_desk", "in_transit"} & set(listed["stage"])
    assert all(listed["fate"])
    assert "open_at_end" not in set(fates(run))
    assert_lawful(run, settled=3)
    assert_nothing_leaked(run)


def test_while_it_drains_a_visit_begun_before_goes_on_to_its_end() -> None:
    """An outpatient registered just before stop-accept settles in the drain: queries, resends and next steps pass."""
    run = live(stopped(visit("outpatient", at="38s")))
    (row,) = run.recorder.frames()["visits"].iter_rows(named=True)
    assert row["fate"] in {"direct", "direct_after_retry"}
    assert row["settle_done_us"] < 60 * S


def test_a_restart_in_the_middle_of_a_stop_finds_its_doors_as_the_operator_left_them() -> None:
    kill = {"kind": "kill", "node": CARE, "at": "70s", "for": "5s"}
    run = live(scenario(visit("pharmacy", at="90s"), faults=[kill], cutover=STOP | {"scope": CARE}))
    assert fates(run) == ["parked_then_direct"]
    role: Any = run.simulation.world.nodes[NodeId(CARE)].role
    assert role.doors.all_open


def test_a_stop_without_a_ramp_opens_wide_at_once() -> None:
    run = live(stopped(visit("pharmacy", at="50s"), ramp="0s"))
    assert [row.kind for row in run.events] == ["stop_accept", "close", "full"]
    assert fates(run) == ["parked_then_direct"]


def test_what_is_in_flight_says_what_the_patient_has_to_lay_out_unless_it_is_settled() -> None:
    """A stay the charges run up by then, in two batches of which one is due at stop-accept; everybody else the bill."""
    stay = visit("inpatient", at="10s", total_fen=900_000) | {"stay": "50s"}
    run = live(stopped(stay, visit("outpatient", at="39s", total_fen=31_400)))
    listed = run.recorder.frames()["inflight"].filter(snapshot="stop_accept")
    advance_fen = dict(zip(listed["kind"], listed["advance_fen"], strict=True))
    first_batch = run.simulation.world.plan.visit(0).lines(0, 2)
    assert advance_fen == {"inpatient": sum(line.total_fen for line in first_batch), "outpatient": 31_400}
    assert 0 < advance_fen["inpatient"] < 900_000


def test_who_is_parked_when_the_run_ends_was_parked_until_then() -> None:
    """Without it a discharge still parked looked like a stay still going on, and was missing from the backlog."""
    run = prepare(stopped(visit("pharmacy", at="50s"), announced=True)).run(until_us=100 * S)
    (row,) = run.recorder.frames()["visits"].iter_rows(named=True)
    assert row["fate"] == "open_at_end"
    assert row["parked_us"] == 100 * S - 50 * S


def test_who_waits_at_a_desk_when_the_run_ends_has_waited_until_then() -> None:
    first, second = (visit("pharmacy", at="10s") for _ in range(2))
    asked = scenario(first, second, clients={"timeout": "60s"}, faults=[
        {"kind": "freeze", "node": CARE, "at": "9s", "for": "100s"},
    ])  # fmt: skip
    run = prepare(asked).run(until_us=30 * S)
    waits_us = run.recorder.frames()["visits"]["desk_wait_us"].to_list()
    assert sorted(waits_us) == [0, 20 * S]


def two_plans(**local: Any) -> Any:
    """A city's business between provinces stops as STOP says, that within its province 30 s later."""
    cross = STOP | {"name": "cross", "scope": "3304", "business": "cross"}
    return [cross, STOP | {"name": "local", "scope": "3304", "business": "local", "at": "90s", "window": "30s"} | local]


def test_a_city_stops_cross_province_business_while_business_within_its_province_goes_on() -> None:
    abroad, at_home = visit("pharmacy", at="50s"), visit("pharmacy", at="50s", insured=330100)
    run = live(scenario(abroad, at_home, cutover=two_plans()))
    assert sorted(fates(run)) == ["direct", "parked_then_direct"]
    assert_nothing_leaked(run)


def test_what_each_plan_lists_and_turns_away_bears_its_name() -> None:
    """A stay between provinces and one within; each is in flight for its own plan, and each patient meets one door."""
    stays = [visit("inpatient", at="10s", insured=insured) | {"stay": "300s"} for insured in (630100, 330100)]
    late = [visit("pharmacy", at="100s", insured=insured) for insured in (630100, 330100)]
    run = live(scenario(*stays, *late, cutover=two_plans()))
    frames = run.recorder.frames()
    within = set(frames["visits"].filter(local=True)["visit"])
    assert {(row["plan"], row["visit"] in within) for row in frames["inflight"].iter_rows(named=True)} == {
        ("cross", False), ("local", True),
    }  # fmt: skip
    away = {(row["plan"], row["visit"] in within, row["how"]) for row in frames["turned_away"].iter_rows(named=True)}
    assert away == {("cross", False, "parked"), ("local", True, "parked")}
    assert [(row.kind, row.note) for row in run.events if row.kind in ("close", "full")] == [
        ("close", "cross"), ("close", "local"), ("full", "cross"), ("full", "local"),
    ]  # fmt: skip


def test_a_door_that_opens_leaves_the_door_beside_it_as_it_was() -> None:
    """The local door opens at 100 s, the cross-province one at 120 s: a patient from abroad still waits for that."""
    plans = two_plans(at="70s", stop_before="10s", window="20s", ramp="0s")
    run = live(scenario(visit("pharmacy", at="100s"), cutover=plans))
    assert run.recorder.frames()["visits"]["settle_done_us"][0] > 120 * S


def test_who_pays_at_a_closed_door_is_written_down_with_the_plan_that_closed_it() -> None:
    run = live(stopped(visit("pharmacy", at="50s"), park_share=0, name="night"))
    assert run.recorder.frames()["turned_away"].select("plan", "until_us", "how").rows() == [("night", None, "paid")]


def worked(planned: str, **more: Any) -> dict[str, Any]:
    """STOP with 60 s of work behind the closed door: freeze from 60 s, migrate from 80 s, verify from 100 s to 120 s."""
    return {"window": {"planned": planned, "freeze": "20s", "migrate": "20s", "verify": "20s"}, **more}


def phases_of(run: Any) -> list[tuple[str, int]]:
    return [(row.kind, row.at_us // S) for row in run.events]


def test_a_window_that_overruns_sends_away_twice_who_came_back_at_the_hour_that_was_announced() -> None:
    at_once = {"park": {"share": 1, "spread": "0s"}}
    run = live(scenario(visit("pharmacy", at="50s"), clients=at_once, cutover=STOP | {"scope": CARE} | worked("20s")))
    assert phases_of(run) == [
        ("stop_accept", 40), ("close", 60), ("freeze_data", 60), ("migrate", 80), ("extend", 80), ("verify", 100),
        ("reopen", 120), ("full", 150),
    ]  # fmt: skip
    assert [row.note for row in run.events if row.kind == "close"] == [f"{CARE}, planned until {80 * S} us"]
    away = run.recorder.frames()["turned_away"]
    assert [at_us // S for at_us in away["until_us"]] == [80, 120, 150]
    assert fates(run) == ["parked_then_direct"]


def test_work_that_is_done_early_waits_for_the_hour_that_was_announced() -> None:
    run = live(stopped(visit("pharmacy", at="50s"), **worked("90s")))
    assert [at for kind, at in phases_of(run) if kind == "reopen"] == [150]
    assert [row.note for row in run.events if row.kind == "close"] == [CARE]


@pytest.mark.parametrize(("takes", "reopens"), [("0s", 105), ("10s", 115)])
def test_work_not_done_at_the_last_point_of_return_is_given_up_and_the_old_system_opens(
    takes: str, reopens: int
) -> None:
    """Verifying would be over at 120 s; at 105 s the decision is to go back, and nothing of the move goes on."""
    back = {"after": "45s", "takes": takes}
    run = live(stopped(visit("pharmacy", at="50s"), **worked("60s", roll_back=back, ramp=0)))
    assert phases_of(run)[-3:] == [("verify", 100), ("roll_back", 105), ("full", reopens)]
    assert [row.until_us for row in run.events if row.kind == "verify"] == [105 * S]
    assert fates(run) == ["parked_then_direct"]
    assert_lawful(run, settled=1)


def test_work_done_in_time_is_not_given_up() -> None:
    run = live(stopped(visit("pharmacy", at="50s"), **worked("60s", roll_back={"after": "60s"})))
    assert "roll_back" not in dict(phases_of(run))


@pytest.mark.parametrize(("ramp", "opens_s"), [
    ("30s", 150), ({"kind": "linear", "over": "30s"}, 150), ({"kind": "big_bang"}, 120),
    ({"kind": "steps", "steps": [{"share": 0, "hold": "40s"}, {"share": 1, "hold": "40s"}]}, 160),
])  # fmt: skip
def test_a_ramp_lets_in_as_it_says(ramp: Any, opens_s: int) -> None:
    """Patients come each second after the reopening; none is let in before the ramp's first share reaches anybody."""
    coming = [visit("pharmacy", at=f"{at}s") for at in range(110, 170, 3)]
    asked = stopped(*coming, ramp=ramp)
    asked = asked.model_copy(update={"horizon": asked.horizon.model_copy(update={"length": 300 * S})})
    run = live(asked)
    let_in = run.recorder.frames()["messages"].filter(outcome="ok")["sent_us"].min()
    expected = {150: (120, 150), 120: (120, 122), 160: (160, 163)}[opens_s]
    assert expected[0] * S <= let_in <= expected[1] * S
    assert set(fates(run)) <= {"direct", "direct_after_retry", "parked_then_direct"}


@pytest.mark.parametrize(("announced", "expected"), [(True, "parked_then_direct"), (False, "direct")])
def test_desks_that_know_of_it_begin_with_nobody_after_the_early_cut_off(expected: str, *, announced: bool) -> None:
    """The door is open until 40 s; desks that were told stop at 25 s, with whoever has not begun."""
    run = live(stopped(visit("pharmacy", at="30s"), early_cutoff="15s", announced=announced))
    assert fates(run) == [expected]


def test_who_has_begun_before_the_early_cut_off_is_served_to_the_end() -> None:
    run = live(stopped(visit("outpatient", at="23s"), early_cutoff="15s", announced=True))
    assert set(fates(run)) <= {"direct", "direct_after_retry"}


@pytest.mark.parametrize(("anyway", "how"), [(0, "stayed_home"), (1, "parked")])
def test_who_was_told_stays_at_home_and_who_comes_anyway_is_sent_away(anyway: int, how: str) -> None:
    notice = {"announce": {"lead": "5s", "half_heard_after": 0, "comes_anyway": anyway}}
    run = live(stopped(visit("pharmacy", at="50s"), ramp=0, **notice))
    assert run.recorder.frames()["turned_away"]["how"].to_list() == [how]
    assert fates(run) == ["parked_then_direct"]
    assert ("announce", 35) in phases_of(run)


def test_who_has_two_stops_on_the_way_waits_for_the_longer_one_and_belongs_to_both() -> None:
    """The place of care stops until 120 s and the insurer until 180 s; the patient makes one trip and comes back once."""
    both = [STOP | {"scope": CARE, "announced": True}, STOP | {"scope": INSURED, "announced": True, "window": "120s"}]
    run = live(scenario(visit("pharmacy", at="50s"), cutover=[one | {"ramp": 0} for one in both]))
    away = run.recorder.frames()["turned_away"]
    assert set(away["plan"]) == {CARE, INSURED}
    assert away["until_us"].n_unique() == 1
    assert away["until_us"][0] > 180 * S


def test_a_stay_admitted_on_account_is_due_at_the_desk_when_it_comes_to_leave_not_when_it_came() -> None:
    """Desks know of the stop and admit on account, without a contact: the first one is when the stay leaves."""
    stay = visit("inpatient", at="50s") | {"stay": "200s"}
    run = live(stopped(stay, announced=True))
    assert fates(run) == ["direct"]
    [contact] = run.recorder.frames()["contacts"].iter_rows(named=True)
    assert contact["intended_us"] >= 250 * S
    assert contact["done_us"] - contact["intended_us"] < 60 * S
