"""Institutions that are not opened for people from elsewhere: who is turned away, and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest
from support.tiny_world import CARE, assert_lawful, assert_nothing_leaked, fates, live, scenario, visit

from lab.analysis.agreement import agreement_of
from lab.analysis.measures import measure
from lab.analysis.network import scope_of
from lab.checker import check
from reference_impl.domain.nodes import NodeId
from scenarios.patients.network import opened_at_start
from scenarios.patients.visits import plan_visits
from scenarios.schema import Scenario
from sim.run import SimRun

KINDS = ("pharmacy", "outpatient", "inpatient")
NOBODY = {"care": ["11"]}
"""A line that opens only Beijing, where nobody goes."""


def lived(*visits: dict[str, Any], between: str = "provinces", opened: Any = (NOBODY,), **more: Any) -> SimRun:
    asked = scenario(*visits, network={"between": between, "opened": list(opened)}, **more)
    run = live(asked)
    findings = check(run.books, run.record(), agreement=agreement_of(asked))
    assert findings.clean, findings.violations
    assert_nothing_leaked(run)
    return run


def figures(run: SimRun) -> dict[str, float | None]:
    return measure(run.record(), run.simulation.world.scenario).flat()


def refusals(run: SimRun) -> list[tuple[str, str]]:
    messages = run.recorder.frames()["messages"]
    said_no = messages.filter(messages["outcome"] == "refused")
    return list(zip(said_no["code"], said_no["refusal"], strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_where_nothing_is_opened_the_bill_is_paid_and_claimed_by_paper(kind: str) -> None:
    run = lived(visit(kind))

    assert fates(run) == ["paper_by_network"]
    (row,) = run.recorder.frames()["visits"].iter_rows(named=True)
    assert (row["refusal"], row["paper_fen"], row["fund_fen"]) == ("E14", 400_000, 0)
    assert not run.books[NodeId(CARE)].visits
    assert_lawful(run, settled=0)


def test_a_stay_is_told_on_admission_and_again_when_it_ends() -> None:
    run = lived(visit("inpatient"))

    assert refusals(run) == [("2401", "E14"), ("2401", "E14")]


@pytest.mark.parametrize("kind", KINDS)
def test_where_it_is_opened_nothing_is_different(kind: str) -> None:
    run, plain = lived(visit(kind), opened=[{"care": [CARE]}]), live(scenario(visit(kind)))

    assert run.digest() == plain.digest()
    assert_lawful(run, settled=1)


def test_a_stay_during_which_the_hospital_is_opened_is_settled_directly_when_it_ends() -> None:
    run = lived(visit("inpatient"), opened=[{"care": [CARE], "opens": "30s"}])

    assert fates(run) == ["direct"]
    assert refusals(run) == [("2401", "E14")]
    assert_lawful(run, settled=1)
    assert figures(run)["network.opened_in_stay"] == 1


def test_a_stay_that_was_admitted_is_settled_after_the_hospital_has_left() -> None:
    run = lived(visit("inpatient"), opened=[{"care": [CARE], "closes": "30s"}])

    assert fates(run) == ["direct"]
    assert_lawful(run, settled=1)


def test_a_stay_that_was_admitted_is_settled_whole_after_the_hospital_has_left_also_in_parts() -> None:
    """Found by an adversary: after its settlement in the middle, the rest of a long stay went to paper."""
    long_stays = {"mid_stay": {"longer_than": "30s", "share": 1}, "uploads_per_stay": 4}
    run = lived(visit("inpatient") | {"stay": "60s"}, opened=[{"care": [CARE], "closes": "20s"}], visits=long_stays)

    assert fates(run) == ["mid_stay_then_direct"]
    assert refusals(run) == []
    assert sum(one.sign for books in run.books.values() for one in books.settlements) == 2


def test_scope_by_kind_turns_the_other_kinds_away() -> None:
    run = lived(*map(visit, KINDS), opened=[{"care": [CARE], "kinds": ["inpatient"]}])

    assert sorted(fates(run)) == ["direct", "paper_by_network", "paper_by_network"]
    said = figures(run)
    assert (said["network.asked"], said["network.refused"], said["network.refused_inpatient"]) == (3, 2, 0)
    assert (said["network.advance"], said["visits.paper_by_network"]) == (8_000, 2)


def test_people_of_the_province_are_not_asked_unless_it_is_between_cities() -> None:
    near = visit("outpatient", insured=330100)

    assert fates(lived(near)) == ["direct"]
    turned_away = lived(near, between="cities")
    assert fates(turned_away) == ["paper_by_network"]
    assert figures(turned_away)["network.refused_share"] == 1


def test_a_lost_reply_to_a_refusal_changes_nothing() -> None:
    faults = [{"kind": "lose", "link": ["hospital", CARE], "direction": "reply", "codes": ["2201"], "first": 2}]
    run = lived(visit("outpatient"), faults=faults)

    assert fates(run) == ["paper_by_network"]
    assert {refusal for _, refusal in refusals(run)} == {"E14"}


def open_stays(**network: Any) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "open-stays",
            "horizon": {"start": "2024-03-13T09:00:00", "length": "2h", "drain_limit": "30d"},
            "visits": {"per_day": 100, "mix": {"outpatient": 0, "pharmacy": 0, "inpatient": 1}, "local_per_cross": 0},
            "topology": {"regions": ["33", "63"], "hospitals_per_province": {"hospital": 3, "pharmacy": 1}},
            **network,
        }
    )


def test_stays_under_way_when_the_run_begins_are_in_the_books_only_where_they_could_be_admitted() -> None:
    asked = open_stays(network={"opened": [{"care": ["33"]}]})
    run = live(asked)

    assert check(run.books, run.record(), agreement=agreement_of(asked)).clean
    lying = run.recorder.frames()["visits"].filter("open_at_start")
    by_place = {code: set(group["fate"]) for (code,), group in lying.group_by(lying["care_region"].str.slice(0, 2))}
    assert by_place["63"] == {"paper_by_network"}
    assert "direct" in by_place["33"]
    assert "paper_by_network" not in by_place["33"]
    assert not run.books[NodeId("63")].visits


def test_a_share_opens_the_same_institutions_under_every_seed_and_a_larger_one_those_of_a_smaller() -> None:
    def opened(share: float, seed: int) -> frozenset[str]:
        asked = open_stays(seed=seed, network={"opened": [{"share": share}]})
        scope = scope_of(asked)
        assert scope is not None
        return frozenset(scope.openings)

    some = opened(0.4, 1)
    assert some == opened(0.4, 2)
    assert some < opened(0.8, 1) <= opened(1, 1)
    assert len(opened(1, 1)) == 8


def test_a_line_opens_an_institution_only_for_what_it_is_networked_for() -> None:
    asked = open_stays(network={"opened": [{"kinds": ["inpatient", "pharmacy"], "levels": ["tertiary", "primary"]}]})
    scope, places = scope_of(asked), plan_visits(asked).hospitals
    assert scope is not None

    for place in places:
        kinds = {kind for one in scope.openings.get(place.code, ()) for kind in one.kinds}
        expected = {kind for kind in place.kinds if kind != "outpatient"} if place.level != 2 else set()
        assert kinds == expected


def test_a_stay_of_a_neighbour_is_none_from_elsewhere_before_the_run_either() -> None:
    asked = scenario(visit("inpatient", insured=330100), network={"opened": [NOBODY]})
    assert asked.network is not None

    assert opened_at_start(asked.network, plan_visits(asked).visit(0))
