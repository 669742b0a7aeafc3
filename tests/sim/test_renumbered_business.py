"""A stop after which Zhejiang's hospitals, their visits and settlements have other numbers: what becomes of the open."""

from __future__ import annotations

from typing import Any

import pytest
from support.stop_storm import WORLD, judged
from support.tiny_world import CARE, HUB, S, assert_lawful, assert_nothing_leaked, fates, live, scenario, visit

from lab.analysis import renumbering
from lab.checker import check
from reference_impl.domain.institution import INSTITUTION_CHARS
from reference_impl.domain.renumbering import Numbered, is_new_number, shape_of
from scenarios.reading.loader import dump_scenario
from scenarios.reading.scale import resolve
from scenarios.record.recorder import record_of
from scenarios.schema import Scenario
from scenarios.schema.course import courses_of
from scenarios.schema.renumbered import renumberings_of
from sim.run import SimRun

STOP = {
    "scope": CARE, "at": "60s", "stop_before": "20s", "window": "60s", "ramp": "0s", "announced": False,
    "policies": {"settle_later": {"spread": "10s"}},
}  # fmt: skip
"""Stops accepting at 40 s, closes at 60 s, reopens at 120 s for everybody."""
ALL = {"persons": False, "visits": {}, "settlements": {}, "institutions": {}}
NAMES = ("visits", "settlements", "institutions")
KINDS = ("pharmacy", "outpatient", "inpatient")


def moved(*visits: dict[str, Any], faults: Any = (), clients: Any = None, **renumber: Any) -> SimRun:
    return live(scenario(*visits, faults=faults, clients=clients, cutover=STOP | {"renumber": renumber or ALL}))


def stay(at: str = "10s", lasts: str = "150s") -> dict[str, Any]:
    return visit("inpatient", at=at) | {"stay": lasts}


def found(run: SimRun) -> Any:
    return check(run.books, record_of(run.recorder.tables()))


def row(run: SimRun) -> dict[str, Any]:
    (only,) = run.recorder.frames()["visits"].iter_rows(named=True)
    return only


def test_a_stay_open_across_the_stop_is_settled_under_the_new_numbers_as_the_visit_that_it_was() -> None:
    run = moved(stay())
    of_visit, (settled,) = row(run), run.books[CARE].copies
    codes = {one[:INSTITUTION_CHARS] for one in run.recorder.frames()["messages"]["msgid"]}

    assert fates(run) == ["direct"]
    assert settled.visit == of_visit["visit_id"], "the books go on under the id that the stay was opened with"
    assert of_visit["settlement_id"][0] == shape_of(Numbered.SETTLEMENT).issued
    assert sorted(is_new_number(code, Numbered.INSTITUTION) for code in codes) == [False, True]
    assert found(run).clean
    assert_nothing_leaked(run)


@pytest.mark.parametrize("kind", KINDS)
def test_who_comes_after_the_reopening_is_told_new_numbers_and_settled(kind: str) -> None:
    run = moved(visit(kind, at="130s"))

    assert fates(run) == ["direct"]
    assert row(run)["visit_id"][0] == shape_of(Numbered.VISIT).issued
    assert found(run).clean


@pytest.mark.parametrize("kind", KINDS)
def test_who_came_before_keeps_the_numbers_of_before(kind: str) -> None:
    run = moved(visit(kind, at="10s") | ({"stay": "10s"} if kind == "inpatient" else {}))

    assert (row(run)["visit_id"][0], row(run)["settlement_id"][0]) == ("S", "A")
    assert_lawful(run, settled=1)


def test_a_settlement_without_an_answer_before_the_stop_is_retried_under_its_old_code_and_has_one_effect() -> None:
    lost = {"kind": "lose", "link": ["hospital", CARE], "direction": "reply", "share": 1, "codes": ["2102"]}
    clients = {"deadline": "200s", "retries": {"backoff": "5s", "cap": "20s"}}
    run = moved(visit("pharmacy", at="38s"), faults=[lost | {"at": "0s", "for": "125s"}], clients=clients)

    assert fates(run) == ["direct_after_retry"]
    assert found(run).clean


def test_a_reversal_after_the_reopening_finds_what_was_sent_under_the_old_code() -> None:
    lost = {"kind": "lose", "link": [HUB, "63"], "direction": "reply", "share": 1, "codes": ["2102"]}
    faults = [lost | {"at": "0s", "for": "400s"}]
    run = moved(visit("pharmacy", at="38s"), faults=faults, clients={"deadline": "100s"})
    reversals = run.recorder.frames()["messages"].filter(code="2601")

    assert fates(run) == ["reversed_then_paper"]
    assert reversals["sent_us"].min() > 120 * S
    assert all(is_new_number(one[:INSTITUTION_CHARS], Numbered.INSTITUTION) for one in reversals["msgid"])
    assert found(run).clean
    assert_lawful(run, settled=0)


@pytest.mark.parametrize("gap", [{"map": "absent"}, {"map": "late", "late_by": "1000s"}])
@pytest.mark.parametrize("name", ["visits", "institutions"])
def test_a_stay_that_the_map_does_not_have_is_paid_and_claimed_by_paper(name: str, gap: dict[str, Any]) -> None:
    run = moved(stay(), persons=False, **{name: gap})

    assert (row(run)["fate"], row(run)["refusal"]) == ("paper_by_number", "E05")
    assert found(run).clean
    assert_nothing_leaked(run)


@pytest.mark.parametrize("gap", [{"map": "absent"}, {"map": "late", "late_by": "1000s"}])
def test_what_is_opened_after_the_reopening_needs_no_map(gap: dict[str, Any]) -> None:
    run = moved(visit("outpatient", at="130s"), persons=False, visits=gap, settlements=gap)

    assert fates(run) == ["direct"]
    assert_nothing_leaked(run)


def test_a_partial_map_of_visits_leaves_its_share_of_the_stays_without_a_record() -> None:
    run = moved(*(stay(at=f"{n}s") for n in range(1, 31)), persons=False, visits={"map": "partial", "mapped": "50%"})
    lost = fates(run).count("paper_by_number")

    assert 5 < lost < 25
    assert fates(run).count("direct") == 30 - lost
    assert found(run).clean
    said = scenario(stay(), cutover=STOP | {"renumber": {"persons": False, "visits": {}}})
    figures = dict(renumbering.measure(record_of(run.recorder.tables()), courses_of(said)))
    assert figures["cutover.number_not_found"] == lost


def planted(name: str) -> dict[str, Any]:
    return {"persons": False, name: {"one_to_one": False, "collisions": "100%", "allow_collisions": True}}


def test_a_map_of_visits_that_is_not_one_to_one_loses_stays_and_the_checker_names_them() -> None:
    stays = [stay(at=f"{10 + n}s") for n in range(6)]
    sound, mixed = moved(*stays), moved(*stays, **planted("visits"))

    assert found(sound).violations == ()
    assert {broken.law for broken in found(mixed).violations} == {"19 not found"}
    assert fates(mixed).count("refused") == found(mixed).laws["a_number_leads_to_one_record"]


def test_a_map_of_institutions_that_is_not_one_to_one_is_named_with_the_code_that_they_share() -> None:
    """In Shanghai the second and the third pharmacy share a code; the first shares one with nobody, and is not found."""
    plan = {"scope": "31", "at": "1h", "window": "20min", "ramp": 0}
    places = WORLD["topology"] | {"hospitals_per_province": {"hospital": 3, "pharmacy": 3}}
    asked = WORLD | {"topology": places, "cutover": plan | {"renumber": planted("institutions")}}
    wrong, _ = judged(resolve(Scenario.model_validate(asked)))

    assert any("19 one institution" in one for one in wrong)
    assert any("19 not found" in one and "E03" in one for one in wrong)


def test_every_kind_has_a_map_of_its_own_and_the_persons_the_salt_that_they_had() -> None:
    """What a library scenario was found to be under a seed it stays: a new kind must not change the persons' draws."""
    asked = {"visits": {"map": "absent"}, "settlements": {"map": "late", "late_by": "1h"}, "institutions": {}}
    both = [renumberings_of(scenario(cutover=STOP | {"renumber": one})) for one in ({}, asked)]

    assert both[1][0] == both[0][0]
    assert [one.of for one in both[1]] == list(Numbered)
    assert len({one.salt for one in both[1]}) == len(Numbered)
    absent, late = both[1][1:3]
    assert absent.map_from_us is None
    assert late.map_from_us == late.from_us + 3_600 * S


def test_a_plan_that_renumbers_only_business_is_read_back_as_it_was_written() -> None:
    """A run's folder has the scenario with every key, whether it was stated or not."""
    asked = resolve(scenario(cutover=STOP | {"renumber": ALL}))
    assert Scenario.model_validate(dump_scenario(asked)) == asked


def test_the_same_seed_gives_the_same_numbers() -> None:
    first, again = (moved(stay(), visit("pharmacy", at="130s")) for _ in range(2))
    assert first.recorder.frames()["messages"].equals(again.recorder.frames()["messages"])


@pytest.mark.parametrize("name", NAMES)
def test_a_kind_that_is_not_named_keeps_its_numbers(name: str) -> None:
    run = moved(stay(), persons=False, **{name: {}})
    codes = {one[0] for one in run.recorder.frames()["messages"]["msgid"]}

    assert fates(run) == ["direct"]
    assert (len(codes) == 2) is (name == "institutions")
    assert (row(run)["settlement_id"][0] == "C") is (name == "settlements")
