"""What becomes of whom a stop turns away: each policy ends in its own fate, with its money right to the fen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from support.tiny_world import (
    CARE,
    INSURED,
    S,
    assert_lawful,
    assert_nothing_leaked,
    codes,
    fates,
    live,
    scenario,
    visit,
)

from lab.analysis.policies import mid_stay_figures
from lab.checker import check
from reference_impl.domain.nodes import NodeId

STOP = {"scope": CARE, "at": "60s", "stop_before": "20s", "window": "60s", "ramp": 0}
"""Stops accepting at 40 s, closes at 60 s, opens wide at 120 s; desks know of it."""
ON_TIME_S = 120


def stopped(*visits: dict[str, Any], policies: dict[str, Any], **changes: Any) -> Any:
    return scenario(*visits, cutover=STOP | changes | {"policies": policies})


def only(recourse: str, **more: Any) -> dict[str, Any]:
    stays = {"kinds": ["inpatient"]} if recourse == "on_account" else {}
    kept = {"settle_later": {"spread": "5s"}} if recourse in ("settle_later", "stand_in") else {}
    return {"mixes": [{recourse: 1} | stays], **kept, **more}


def the_visit(run: Any) -> dict[str, Any]:
    (row,) = run.recorder.frames()["visits"].iter_rows(named=True)
    return row


def away(run: Any) -> list[tuple[str, int | None]]:
    rows = run.recorder.frames()["turned_away"].select("how", "until_us").rows()
    return [(how, None if until_us is None else until_us // S) for how, until_us in rows]


FATES = {
    "park": "parked_then_direct", "wait": "waited_then_direct", "settle_later": "settled_later",
    "on_account": "on_account_then_direct", "stand_in": "estimated_then_settled", "paper": "paper_by_closure",
}  # fmt: skip


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("kind", ["pharmacy", "outpatient", "inpatient"])
@pytest.mark.parametrize("recourse", list(FATES))
def test_each_policy_ends_in_its_own_fate_and_leaves_nothing_behind(
    recourse: str, kind: str, *, announced: bool
) -> None:
    """A stay of 60 s that began at 10 s wants to leave in the middle of the stop; the others come then."""
    if recourse == "on_account" and kind != "inpatient":
        pytest.skip("stays only")
    policies = only(recourse, **({"stand_in": {"limit_fen": 400_000}} if recourse == "stand_in" else {}))
    came = visit(kind, at="10s" if kind == "inpatient" else "50s")
    run = live(stopped(came, policies=policies, announced=announced))
    row = the_visit(run)
    assert row["fate"] == FATES[recourse]
    paid = recourse == "paper"
    assert row["paper_fen"] == (400_000 if paid else 0)
    assert row["fund_fen"] + row["cash_fen"] + row["account_fen"] == (0 if paid else 400_000)
    assert_lawful(run, settled=0 if paid else 1)
    assert_nothing_leaked(run)


def test_who_waits_is_there_when_the_door_opens_and_who_would_wait_too_long_comes_again() -> None:
    patient = live(stopped(visit("pharmacy", at="50s"), policies=only("wait")))
    assert away(patient) == [("waited", ON_TIME_S)]
    gone = live(stopped(visit("pharmacy", at="50s"), policies=only("wait", wait={"patience": "69s"})))
    assert away(gone) == [("came_back", ON_TIME_S)]
    assert the_visit(gone)["settle_done_us"] > ON_TIME_S * S


@pytest.mark.parametrize(("recourse", "desks"), [("park", 1), ("wait", 1), ("settle_later", 0), ("stand_in", 0)])
def test_what_the_hospital_sends_by_itself_needs_no_desk(recourse: str, desks: int) -> None:
    limit = {"stand_in": {"limit_fen": 400_000}} if recourse == "stand_in" else {}
    run = live(stopped(visit("pharmacy", at="50s"), policies=only(recourse, **limit)))
    assert run.recorder.frames()["contacts"].height == desks


def test_what_is_kept_begins_spread_over_its_own_time() -> None:
    visits = [visit("pharmacy", at=f"{at}s") for at in range(45, 59, 2)]
    run = live(stopped(*visits, policies=only("settle_later", settle_later={"spread": "5s"})))
    begun = [until for _, until in away(run)]
    assert all(until is not None and ON_TIME_S <= until < ON_TIME_S + 5 for until in begun)
    assert len(set(begun)) > 1


def test_what_is_kept_knocks_until_the_ramp_lets_it_in() -> None:
    """Half of the persons are let in at once, the others after 100 s: nobody gives up, nobody comes to a desk."""
    ramp = {"kind": "steps", "steps": [{"share": 0, "hold": "100s"}]}
    run = live(stopped(visit("outpatient", at="50s"), policies=only("settle_later"), ramp=ramp))
    assert the_visit(run)["fate"] == "settled_later"
    assert the_visit(run)["settle_done_us"] > (ON_TIME_S + 100) * S
    assert ("1101", "closed") in codes(run)


def test_an_estimate_above_its_limit_falls_to_paper() -> None:
    policies = only("stand_in", stand_in={"limit_fen": 399_999})
    assert fates(live(stopped(visit("pharmacy", at="50s"), policies=policies))) == ["paper_by_closure"]


def test_a_stay_on_account_is_registered_anew_with_all_its_charges_and_the_day_it_ended() -> None:
    """What the old system knew is taken back in order; the settlement is later, the end of the stay is not.

    Its second charges fell due at 70 s, behind the closed door: they lay at the hospital.
    """
    run = live(stopped(visit("inpatient", at="10s"), policies=only("on_account")))
    assert away(run)[0][0] == "on_account"
    sent = [code for code, outcome in codes(run) if outcome == "ok"]
    assert sent == [
        "1101", "2401", "2301", "2302", "2404", "1101", "2401", "2301", "2301", "2303", "2402", "2304",
    ]  # fmt: skip
    stays = [(one.state, one.ended_us, one.fees.total_fen) for one in run.books[NodeId(CARE)].visits]
    assert stays == [("cancelled", 0, 0), ("settled_discharged", 70 * S, 400_000)]


def test_the_first_mix_that_names_kind_and_class_holds_and_others_do_as_without_policies() -> None:
    mixes = [{"kinds": ["inpatient"], "settle_later": 1}, {"kinds": ["outpatient"], "paper": 1}]
    policies = {"mixes": mixes, "settle_later": {"spread": "5s"}}
    came = [visit("inpatient", at="10s"), visit("outpatient", at="50s"), visit("pharmacy", at="50s")]
    run = live(stopped(*came, policies=policies))
    by_kind = dict(run.recorder.frames()["visits"].select("kind", "fate").rows())
    assert by_kind == {
        "inpatient": "settled_later", "outpatient": "paper_by_closure", "pharmacy": "parked_then_direct",
    }  # fmt: skip


def test_classes_of_patients_are_told_apart() -> None:
    """Many patients of one hour: those in work wait, the retired and the residents claim by paper."""
    mixes = [{"classes": ["active"], "wait": 1}, {"paper": 1}]
    came = [visit("pharmacy", at=f"{at}s", insured=630100) for at in range(41, 59)]
    run = live(stopped(*came, policies={"mixes": mixes}))
    plan = run.simulation.world.plan
    rows = run.recorder.frames()["visits"].select("visit", "fate").rows()
    expected = {True: "waited_then_direct", False: "paper_by_closure"}
    assert {fate for _, fate in rows} == set(expected.values())
    assert all(fate == expected[plan.visit(number).person_type == "active"] for number, fate in rows)


def test_a_mixture_of_parking_and_paper_turns_the_same_patients_as_park_share_does() -> None:
    came = [visit("pharmacy", at=f"{at}s") for at in range(41, 59)]
    by_share = live(scenario(*came, cutover=STOP | {"park_share": 0.4}))
    by_mix = live(stopped(*came, policies={"mixes": [{"park": 0.4, "paper": 0.6}]}))
    assert by_share.digest() == by_mix.digest()
    assert {"parked_then_direct", "paper_by_closure"} == set(fates(by_mix))


def test_a_stay_whose_papers_were_never_taken_is_simply_registered_after_the_stop() -> None:
    """Admitted while the door was closed: there is nothing to take back."""
    run = live(stopped(visit("inpatient", at="45s") | {"stay": "30s"}, policies=only("on_account")))
    assert "2404" not in [code for code, _ in codes(run)]
    assert fates(run) == ["on_account_then_direct"]
    assert_lawful(run, settled=1)


@pytest.mark.parametrize(("says", "year"), [("of_discharge", 2024), ("of_settlement", 2025), (None, 2024)])
def test_a_stay_that_ends_in_december_and_is_settled_in_january_counts_in_the_year_the_plan_says(
    says: str | None, year: int
) -> None:
    """It ends at 70 s, ten seconds before midnight, in the stop; the insurer's own policy says: of its discharge."""
    policies = only("settle_later") | ({"benefit_year": says} if says else {})
    asked = stopped(visit("inpatient", at="10s"), policies=policies)
    newyear = asked.horizon.model_copy(update={"start": datetime(2024, 12, 31, 23, 58, 40)})
    run = live(asked.model_copy(update={"horizon": newyear}))
    (settled,) = run.books[NodeId(INSURED)].settlements
    assert settled.year == year
    assert settled.posted_us > ON_TIME_S * S


def test_a_bucket_lets_in_one_after_the_other_and_tells_each_when_to_come() -> None:
    """Eight patients of the stop come back at 120 s; one is let in every 10 s, and nobody has to be refused twice."""
    visits = [visit("pharmacy", at=f"{at}s") for at in range(42, 58, 2)]
    ramp = {"kind": "token_bucket", "over": "200s", "admit": 1, "every": "10s", "burst": 2}
    run = live(stopped(*visits, policies=only("wait"), ramp=ramp))
    frames = run.recorder.frames()
    assert set(fates(run)) == {"waited_then_direct"}
    settled = sorted(at_us // S for at_us in frames["visits"]["settle_done_us"])
    assert all(at >= ON_TIME_S + 10 * (place - 1) for place, at in enumerate(settled))
    assert settled[-1] <= 120 + 8 * 10 + 5
    assert max(frames["turned_away"]["visit"].value_counts()["count"]) <= 2


def test_the_backlog_has_its_own_lane_and_new_patients_are_not_kept_behind_it() -> None:
    """Twelve waited; one new patient comes a little after the reopening, and is let in before most of them."""
    visits = [*(visit("pharmacy", at=f"{at}s") for at in range(45, 57)), visit("pharmacy", at="121s")]
    ramp = {"kind": "token_bucket", "over": "300s", "admit": 1, "every": "10s", "backlog_share": "50%"}
    asked = stopped(*visits, policies=only("wait"), ramp=ramp)
    run = live(asked.model_copy(update={"horizon": asked.horizon.model_copy(update={"length": 300 * S})}))
    rows = run.recorder.frames()["visits"].sort("settle_done_us")["visit"].to_list()
    assert rows.index(12) <= 2


FORCED = {"forced_mid_stay": {"lead": "5s"}}
LONG = visit("inpatient", at="4s", total_fen=4_000_000) | {"stay": "180s"}
"""A stay from 4 s to 184 s whose charges fall due at 94 s and 184 s, in two batches of two lines."""


def mid_stay(run: Any) -> dict[str, Any]:
    (row,) = run.recorder.frames()["mid_stays"].iter_rows(named=True)
    return row


def findings_of(run: Any) -> Any:
    return check(run.books, run.record())


def long_stay(**policies: Any) -> Any:
    """A stay of 180 s, and a stop from 120 s: by then one batch of its charges is up and half of the next one."""
    asked = scenario(LONG, cutover=STOP | {"at": "150s", "window": "20s", "policies": policies})
    return asked.model_copy(update={"horizon": asked.horizon.model_copy(update={"length": 300 * S})})


def test_an_open_stay_is_settled_before_the_stop_and_its_rest_at_the_end() -> None:
    """Two visits in the books, two settlements that stand, one bill: to the fen on every side."""
    run = live(long_stay(**FORCED))
    row, first = the_visit(run), mid_stay(run)
    assert row["fate"] == "mid_stay_then_direct"
    assert 125 * S < first["at_us"] <= 131 * S
    stays = {one.visit: (one.state, one.fees.total_fen) for one in run.books[NodeId(CARE)].visits}
    assert stays == {
        first["visit_id"]: ("settled", first["total_fen"]),
        row["visit_id"]: ("settled_discharged", 4_000_000 - first["total_fen"]),
    }
    lines = [line.total_fen for batch in range(2) for line in run.simulation.world.plan.visit(0).lines(batch, 2)]
    assert first["total_fen"] == sum(lines[:2])
    assert row["fund_fen"] + row["cash_fen"] + row["account_fen"] == 4_000_000
    assert [one.amounts.total_fen for one in run.books[NodeId(INSURED)].settlements] == [
        first["total_fen"], 4_000_000 - first["total_fen"],
    ]  # fmt: skip
    findings = findings_of(run)
    assert findings.clean, findings.violations
    assert_nothing_leaked(run)
    assert dict(mid_stay_figures(run.record())) == {
        "cutover.mid_stay_people": 1, "cutover.mid_stay_fen": first["total_fen"],
    }  # fmt: skip


@pytest.mark.parametrize(("merge", "dearer"), [(True, False), (False, True)])
def test_the_rest_of_a_stay_pays_no_second_deductible_unless_the_plan_says_so(*, merge: bool, dearer: bool) -> None:
    forced = {"forced_mid_stay": {"lead": "5s", "merge_deductible": merge}}
    first, rest = (one.amounts for one in live(long_stay(**forced)).books[NodeId(INSURED)].settlements)
    whole = live(long_stay()).books[NodeId(INSURED)].settlements[0].amounts
    assert first.deductible_fen == whole.deductible_fen > 0
    assert (first.deductible_fen + rest.deductible_fen > whole.deductible_fen) is dearer


def test_the_rest_of_a_stay_that_ends_in_the_stop_does_as_the_mixture_says() -> None:
    """Its first part is settled; what is claimed by paper is the rest alone."""
    asked = scenario(LONG, cutover=STOP | {"at": "150s", "window": "60s", "policies": FORCED | only("paper")})
    run = live(asked.model_copy(update={"horizon": asked.horizon.model_copy(update={"length": 300 * S})}))
    row, first = the_visit(run), mid_stay(run)
    assert row["fate"] == "paper_by_closure"
    assert row["paper_fen"] == 4_000_000 - first["total_fen"]
    assert row["fund_fen"] == first["fund_fen"] > 0
    assert findings_of(run).clean


@pytest.mark.parametrize(("limit_fen", "fate"), [(0, "estimated_then_settled"), (-1, "paper_by_closure")])
def test_the_limit_of_an_estimate_is_held_against_the_rest_of_a_stay(limit_fen: int, fate: str) -> None:
    """What was settled before the stop is no part of what is estimated."""
    rest_fen = 4_000_000 - mid_stay(live(long_stay(**FORCED)))["total_fen"]
    policies = FORCED | only("stand_in", stand_in={"limit_fen": rest_fen + limit_fen})
    asked = scenario(LONG, cutover=STOP | {"at": "150s", "window": "60s", "policies": policies})
    run = live(asked.model_copy(update={"horizon": asked.horizon.model_copy(update={"length": 300 * S})}))
    assert fates(run) == [fate]


def test_the_rest_of_a_stay_on_account_is_registered_anew_without_what_was_settled() -> None:
    asked = scenario(LONG, cutover=STOP | {"at": "150s", "window": "60s", "policies": FORCED | only("on_account")})
    run = live(asked.model_copy(update={"horizon": asked.horizon.model_copy(update={"length": 300 * S})}))
    assert the_visit(run)["fate"] == "on_account_then_direct"
    assert sum(one.amounts.total_fen for one in run.books[NodeId(INSURED)].settlements) == 4_000_000
    assert sorted(one.state for one in run.books[NodeId(CARE)].visits) == ["cancelled", "settled", "settled_discharged"]
    assert findings_of(run).clean


@pytest.mark.parametrize(("code", "fate"), [("2304", "reversed_then_paper"), ("2303", "paper_by_choice")])
def test_a_settlement_before_the_stop_that_nobody_answers_is_taken_back_and_all_of_it_is_paid(
    code: str, fate: str
) -> None:
    lost = {"kind": "lose", "link": ["hub", INSURED], "direction": "reply", "codes": [code], "at": 0, "for": "175s"}
    asked = long_stay(**FORCED).model_copy(update={"faults": scenario(faults=[lost]).faults})
    run = live(asked)
    row = the_visit(run)
    assert (row["fate"], row["paper_fen"], row["fund_fen"]) == (fate, 4_000_000, 0)
    assert not run.recorder.frames()["mid_stays"].height
    assert findings_of(run).violations == ()


def test_a_stay_whose_desk_is_shut_before_its_turn_goes_on_and_is_settled_whole() -> None:
    """The insurer's door closes at 100 s for another stop: the first part cannot be settled at about 130 s."""
    other = STOP | {"scope": INSURED, "at": "100s", "stop_before": "1s", "window": "40s"}
    plan = STOP | {"at": "150s", "window": "20s", "policies": FORCED}
    asked = scenario(LONG, cutover=[plan, other])
    run = live(asked.model_copy(update={"horizon": asked.horizon.model_copy(update={"length": 300 * S})}))
    assert fates(run) == ["direct"]
    assert not run.recorder.frames()["mid_stays"].height
    assert sum(one.amounts.total_fen for one in run.books[NodeId(INSURED)].settlements) == 4_000_000
    assert findings_of(run).clean


def test_stays_that_end_before_the_stop_and_stays_it_does_not_concern_are_let_be() -> None:
    early = visit("inpatient", at="4s") | {"stay": "30s"}
    elsewhere = visit("inpatient", at="4s", care=630100, insured=110100) | {"stay": "180s"}
    run = live(scenario(early, elsewhere, cutover=STOP | {"policies": FORCED}))
    assert not run.recorder.frames()["mid_stays"].height
    assert fates(run) == ["direct", "direct"]
