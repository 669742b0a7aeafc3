"""A patient who is seen by internet takes the prescription to a pharmacy: what both desks say, and what can go wrong."""

from __future__ import annotations

from typing import Any

import pytest
from support.tiny_world import CARE, INSURED, assert_lawful, assert_nothing_leaked, fates, live, scenario, visit

from lab.analysis.agreement import agreement_of
from lab.analysis.prescriptions import figures_of_books
from lab.checker import check
from reference_impl.domain.master_data import item_of
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.prescribed import drugs_of
from reference_impl.protocol.messages import SellDrugs
from reference_impl.protocol.records import PrescriptionRecord
from scenarios.patients.visits import VisitPlan, plan_visits
from scenarios.schema import Scenario
from sim.run import SimRun

FOUR_HOURS_S = 4 * 3_600
LONG = {"start": "2024-03-13T00:00:00", "length": "1d", "drain_limit": "1h"}


def asking(
    *visits: dict[str, Any], faults: Any = (), cutover: Any = (), master_data: Any = None, **typed: Any
) -> Scenario:
    """Every outpatient comes by internet; a sale six hours later is by their prescription."""
    by_internet = {"emergency": 0, "chronic": 0, "special_drugs": 0, "internet": 1, "fetched_within": "2h"}
    care_types = {"care_types": by_internet | typed}
    more = {"cutover": cutover, "master_data": master_data}
    return scenario(*visits, faults=faults, horizon=LONG, visits=care_types, **more)


def lived(asked: Scenario) -> tuple[SimRun, dict[str, float]]:
    run = live(asked)
    findings = check(run.books, run.record(), agreement=agreement_of(asked))
    assert findings.clean, findings.violations
    assert_lawful(run, settled=int(run.recorder.frames()["visits"]["acked"].sum()))
    assert_nothing_leaked(run)
    return run, {name.partition(".")[2]: value for name, value in figures_of_books(run.books, asked).items() if value}


def said(run: SimRun) -> list[tuple[str, str]]:
    messages = run.recorder.frames()["messages"]
    return [(row["code"], row["refusal"]) for row in messages.iter_rows(named=True)]


SEEN, FETCHED = visit("outpatient"), visit("pharmacy", at="6h")


def test_a_follow_up_by_internet_ends_in_a_sale_to_the_same_person() -> None:
    run, figures = lived(asking(SEEN, FETCHED))
    seen, fetched = run.books[NodeId(INSURED)].settlements

    assert fates(run) == ["direct", "direct"]
    assert figures == {"issued": 1, "dispensed": 1}
    assert seen.person == fetched.person
    assert seen.prescription == fetched.prescription != ""
    assert (seen.care_type, fetched.care_type) == ("internet", "ordinary")


def test_what_is_fetched_is_what_was_prescribed_whoever_comes_for_it() -> None:
    """The sale is of all that its prescription says; the prescription that nobody fetches says some drugs too."""
    asked = asking(SEEN, SEEN, FETCHED)
    run, _ = lived(asked)
    plan = [*plan_visits(asked)]
    prescribing = [one for one in plan if one.kind == "outpatient"]
    [fetched] = [one for one in plan if one.kind == "pharmacy"]
    [fetching] = [one for one in prescribing if one.prescription == fetched.prescription]

    assert fetching.drugs == drugs_of(fetched.lines(0, 1))
    kept = run.books[NodeId(INSURED)].of(PrescriptionRecord)
    assert {one.prescription: one.drugs for one in kept} == {one.prescription: one.drugs for one in prescribing}
    assert all(one.drugs for one in kept)


def test_codes_issued_anew_between_visit_and_sale_mean_the_same_drugs() -> None:
    """Hospital and pharmacy have mapped other codes; the sale still says its care type and its prescription."""
    issued = {"releases": [{"of": "catalogue", "valid_from": "3h"}]}
    run, figures = lived(asking(SEEN, FETCHED, master_data=issued))
    [said] = [one for one in run.books[NodeId(CARE)].messages if one.code == "2102"]
    [kept] = {one.drugs for one in run.books[NodeId(INSURED)].of(PrescriptionRecord)}

    assert figures == {"issued": 1, "dispensed": 1}
    assert said.request is not None
    assert isinstance(said.request.body, SellDrugs)
    assert all(line.item != item_of(line.item) for line in said.request.body.lines)
    assert not any(drug.item != item_of(drug.item) for drug in kept)


def test_nobody_waits_for_a_window_who_is_seen_by_internet() -> None:
    """A hospital with one desk and five patients at once: nobody waits, and nothing is handed over."""
    run, _ = lived(asking(*[SEEN] * 5, visit("pharmacy", at="3h")))
    visits = run.recorder.frames()["visits"]
    seen = visits.filter(visits["kind"] == "outpatient")

    assert seen["desk_wait_us"].to_list() == [0] * 5
    assert (seen["ended_us"] - seen["arrival_us"]).max() < 1_000_000


def test_who_was_not_settled_has_a_prescription_that_no_insurer_holds() -> None:
    """No settlement of the follow-up reaches the insurer; the pharmacy is told so hours later, at its first word."""
    gone = {"kind": "lose", "link": ["hub", INSURED], "direction": "request", "codes": ["2207"], "first": 100}
    run, figures = lived(asking(SEEN, FETCHED, faults=[gone]))

    assert fates(run) == ["reversed_then_paper", "refused"]
    assert figures == {"unknown": 1}
    assert said(run)[-1] == ("2101", "D38")


def test_a_prescription_that_is_fetched_too_late_is_refused() -> None:
    run, figures = lived(asking(SEEN, FETCHED, prescription_valid="5h"))

    assert fates(run) == ["direct", "refused"]
    assert figures == {"issued": 1, "expired": 1}


def test_a_lost_reply_to_a_sale_is_asked_for_again_and_dispenses_once() -> None:
    lost = {"kind": "lose", "link": [CARE, "hub"], "direction": "reply", "codes": ["2102"], "first": 1}
    run, figures = lived(asking(SEEN, FETCHED, faults=[lost]))

    assert fates(run) == ["direct", "direct_after_retry"]
    assert figures == {"issued": 1, "dispensed": 1}


@pytest.mark.parametrize(
    ("sale", "why"),
    [
        (visit("pharmacy", at="4h"), "sooner than people have time"),
        (visit("pharmacy", at="7h"), "later than anybody fetches drugs"),
        (visit("pharmacy", at="6h", insured=110100), "of another insurer's people"),
        (visit("pharmacy", at="6h", care=110100, insured=630100), "in another province"),
    ],
)
def test_no_other_sale_is_by_the_prescription(sale: dict[str, Any], why: str) -> None:
    run, figures = lived(asking(SEEN, sale))

    assert fates(run) == ["direct", "direct"], why
    assert figures == {"issued": 1}, why


def generated(internet: float, seed: int = 1) -> VisitPlan:
    typed = {"emergency": 0, "chronic": 0, "internet": internet}
    visits = {"explicit": (), "per_day": 3_000, "local_per_cross": 0.5, "care_types": typed}
    three_days = {"start": "2024-03-13T00:00:00", "length": "3d"}
    return plan_visits(scenario(visits=visits, horizon=three_days, seed=seed))


@pytest.mark.parametrize("seed", range(3))
def test_pairs_are_of_one_person_and_no_place_has_more_to_do(seed: int) -> None:
    plain, plan = generated(0, seed), generated(0.2, seed)
    assert (plan.columns.hospital == plain.columns.hospital).all()
    assert (plan.columns.arrival_us == plain.columns.arrival_us).all()
    assert (plan.columns.total_fen == plain.columns.total_fen).all()
    named: dict[str, list[Any]] = {}
    for one in plan:
        if one.prescription:
            named.setdefault(one.prescription, []).append(one)
    pairs = [both for both in named.values() if len(both) == 2]

    assert len(pairs) > 100
    assert all(len(both) <= 2 and both[0].kind == "outpatient" for both in named.values())
    for seen, fetched in pairs:
        assert fetched.kind == "pharmacy"
        assert (seen.person, seen.insured_region) == (fetched.person, fetched.insured_region)
        assert seen.care_region[:2] == fetched.care_region[:2]
        assert FOUR_HOURS_S <= (fetched.arrival_us - seen.arrival_us) / 1_000_000 <= FOUR_HOURS_S + 24 * 3_600
        assert (seen.handling_us, seen.local) == (0, fetched.local)


@pytest.mark.parametrize("seed", range(3))
def test_nobody_is_in_two_places_at_once_once_sales_have_their_people(seed: int) -> None:
    ends: dict[str, int] = {}
    for one in generated(0.3, seed):
        assert one.arrival_us >= ends.get(one.person, 0)
        ends[one.person] = one.arrival_us + one.stay_us + FOUR_HOURS_S * 1_000_000


def test_without_the_key_no_plan_names_a_prescription() -> None:
    assert not any(one.prescription for one in generated(0))
    asked = scenario(visit("outpatient"))

    assert figures_of_books(live(asked).books, asked) == {}
