"""A stop after which everybody insured in Qinghai has another number: who is settled, under which, and who is not."""

from __future__ import annotations

from typing import Any

import pytest
from support.tiny_world import INSURED, S, assert_lawful, assert_nothing_leaked, fates, live, scenario, visit

from lab.analysis import renumbering
from lab.checker import check, findings
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.renumbering import is_new_number
from scenarios.record.recorder import record_of
from scenarios.schema.course import courses_of
from scenarios.schema.renumbered import renumberings_of
from sim.run import SimRun

STOP = {"scope": INSURED, "at": "60s", "stop_before": "20s", "window": "60s", "ramp": "0s", "announced": False}
"""Stops accepting at 40 s, closes at 60 s, reopens at 120 s for everybody."""
KINDS = ("pharmacy", "outpatient", "inpatient")


def moved(*visits: dict[str, Any], seed: int = 1, faults: Any = (), **renumber: Any) -> SimRun:
    return live(scenario(*visits, seed=seed, faults=faults, cutover=STOP | {"renumber": renumber}))


def numbers(run: SimRun) -> list[str]:
    """The number under which each settlement stands, in the order they were made."""
    return [one.person for one in run.books[NodeId(INSURED)].settlements]


def asked(run: SimRun, code: str) -> int:
    return run.recorder.frames()["messages"].filter(code=code).height


def test_a_stay_open_across_the_stop_is_asked_for_again_and_settled_under_the_new_number() -> None:
    stay = visit("inpatient", at="10s") | {"stay": "150s"}
    run = moved(stay)
    (number,) = numbers(run)

    assert fates(run) == ["direct"]
    assert is_new_number(number)
    assert asked(run, "1101") == 2
    (person,) = run.recorder.frames()["visits"]["person"]
    assert not is_new_number(person), "the record goes by the certificate, which stays"
    assert [record.person for record in run.books[NodeId(INSURED)].persons] == [person]
    assert_lawful(run, settled=1)
    assert_nothing_leaked(run)


@pytest.mark.parametrize("kind", KINDS)
def test_who_comes_after_the_reopening_is_settled_under_the_new_number(kind: str) -> None:
    run = moved(visit(kind, at="130s"))

    assert fates(run) == ["direct"]
    assert [is_new_number(number) for number in numbers(run)] == [True]
    assert asked(run, "1101") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_who_came_before_is_settled_under_the_old_number(kind: str) -> None:
    early = visit(kind, at="10s") | ({"stay": "10s"} if kind == "inpatient" else {})
    assert [is_new_number(number) for number in numbers(moved(early))] == [False]


def test_a_patient_parked_by_the_stop_comes_back_and_is_asked_for_again() -> None:
    run = moved(visit("outpatient", at="39s"), visit("outpatient", at="50s"))

    assert fates(run)[1] == "parked_then_direct"
    assert is_new_number(numbers(run)[-1])
    assert_lawful(run, settled=2)


def test_a_settlement_without_an_answer_before_the_stop_is_retried_with_its_old_number_and_has_one_effect() -> None:
    """The reply is lost for as long as the door is open: the same message goes on after the reopening."""
    lost = {"kind": "lose", "link": ["hospital", "33"], "direction": "reply", "share": 1, "codes": ["2102"]}
    clients = {"deadline": "200s", "retries": {"backoff": "5s", "cap": "20s"}}
    faults = [lost | {"at": "0s", "for": "125s"}]
    asked_for = scenario(visit("pharmacy", at="38s"), faults=faults, clients=clients, cutover=STOP | {"renumber": {}})
    run = live(asked_for)

    assert fates(run) == ["direct_after_retry"]
    assert [is_new_number(number) for number in numbers(run)] == [False]
    assert_lawful(run, settled=1)


def test_a_reversal_after_the_reopening_comes_with_the_number_of_what_it_takes_back() -> None:
    lost = {"kind": "lose", "link": ["hub", "63"], "direction": "reply", "share": 1, "codes": ["2102"]}
    clients = {"deadline": "100s"}
    run = live(
        scenario(
            visit("pharmacy", at="38s"),
            faults=[lost | {"at": "0s", "for": "400s"}],
            clients=clients,
            cutover=STOP | {"renumber": {}},
        )
    )

    assert fates(run) == ["reversed_then_paper"]
    taken_back = [(is_new_number(one.person), one.sign) for one in run.books[NodeId(INSURED)].settlements]
    assert taken_back == [(False, 1), (False, -1)]
    sent_us = run.recorder.frames()["messages"].filter(code="2601")["sent_us"]
    assert sent_us.min() > 120 * S
    assert_lawful(run, settled=0)


@pytest.mark.parametrize("renumber", [{"map": "absent"}, {"map": "late", "late_by": "1000s"}])
@pytest.mark.parametrize("kind", KINDS)
def test_whom_the_map_does_not_have_pays_and_claims_by_paper(kind: str, renumber: dict[str, Any]) -> None:
    run = moved(visit(kind, at="130s"), **renumber)
    (row,) = run.recorder.frames()["visits"].iter_rows(named=True)

    assert (row["fate"], row["refusal"]) == ("paper_by_number", "E05")
    assert row["paper_fen"] == row["total_fen"]
    assert numbers(run) == []
    assert_nothing_leaked(run)


def test_a_late_map_serves_who_comes_once_it_is_there() -> None:
    run = moved(visit("pharmacy", at="125s"), visit("pharmacy", at="145s"), map="late", late_by="20s")

    assert fates(run) == ["paper_by_number", "direct"]


def test_a_partial_map_leaves_its_share_of_the_people_without_a_number() -> None:
    run = moved(*(visit("pharmacy", at=f"{130 + n}s") for n in range(40)), map="partial", mapped="50%")

    assert 10 < fates(run).count("paper_by_number") < 30
    assert fates(run).count("direct") == 40 - fates(run).count("paper_by_number")


def neighbours(*at: str) -> list[dict[str, Any]]:
    """Two persons whose serial numbers are next to each other, each with a sale at some of these moments."""
    return [visit("pharmacy", at=moment) for moment in at]


def test_a_map_that_is_not_one_to_one_mixes_up_two_deductibles_and_the_checker_names_them() -> None:
    """Explicit visits are of people with neighbouring serials: some pairs share a number, and one deductible."""
    sound = moved(*neighbours("130s", "140s", "150s", "160s"))
    mixed = moved(
        *neighbours("130s", "140s", "150s", "160s"), one_to_one=False, collisions="100%", allow_collisions=True
    )

    assert check(sound.books, record_of(sound.recorder.tables())).violations == ()
    found = check(mixed.books, record_of(mixed.recorder.tables()))
    assert fates(mixed) == ["direct"] * 4
    assert len(set(numbers(mixed))) < 4
    assert {broken.law for broken in found.violations} == {"18 one person"}
    assert found.laws["deductibles_are_of_one_person"] == 4 - len(set(numbers(mixed)))
    settled_fen = [
        sum(one.amounts.fund_fen for one in run.books[NodeId(INSURED)].settlements) for run in (sound, mixed)
    ]
    assert settled_fen[0] != settled_fen[1], "somebody's deductible was paid by somebody else"


def test_two_who_share_a_number_are_named_place_by_place_though_they_go_to_different_provinces(monkeypatch) -> None:
    """A large run is checked one province of care after the other: what a settlement is worked out upon lies elsewhere."""
    visits = [visit("pharmacy", at=f"{130 + 10 * n}s", care=(330400, 110100)[n % 2]) for n in range(6)]
    mixed = moved(*visits, one_to_one=False, collisions="100%", allow_collisions=True)
    tables = mixed.recorder.tables()
    whole = check(mixed.books, record_of(tables))
    monkeypatch.setattr(findings, "PORTIONED_ROWS", 0)

    portioned = findings.check_tables(mixed.books, tables)

    assert whole.laws["deductibles_are_of_one_person"] > 0
    assert portioned.laws == whole.laws


def test_what_the_numbers_did_is_measured_for_the_plan() -> None:
    stay = visit("inpatient", at="10s") | {"stay": "150s"}
    visits = [stay, visit("pharmacy", at="15s"), *(visit("pharmacy", at=f"{130 + n}s") for n in range(20))]
    said = scenario(*visits, cutover=STOP | {"renumber": {"map": "partial", "mapped": "50%"}})
    run = live(said)
    figures = dict(renumbering.measure(record_of(run.recorder.tables()), courses_of(said)))

    lost = fates(run).count("paper_by_number")
    assert 0 < lost < 20
    assert figures == {
        "cutover.number_not_found": lost,
        "cutover.settled_under_new": sum(map(is_new_number, numbers(run))),
        "cutover.reversed_by_old": 0,
    }


def test_a_stop_that_changes_no_numbers_has_no_figures_of_them() -> None:
    said = scenario(visit("pharmacy", at="15s"), cutover=STOP)
    assert dict(renumbering.measure(record_of(live(said).recorder.tables()), courses_of(said))) == {}


def test_what_is_taken_back_by_the_old_number_is_counted_under_its_plan_alone() -> None:
    lost = {"kind": "lose", "link": ["hub", "63"], "direction": "reply", "share": 1, "codes": ["2102"]}
    other = STOP | {"scope": "11", "name": "elsewhere", "renumber": {}}
    said = scenario(
        visit("pharmacy", at="38s"),
        faults=[lost | {"at": "0s", "for": "400s"}],
        clients={"deadline": "100s"},
        cutover=[STOP | {"renumber": {}}, other],
    )
    figures = dict(renumbering.measure(record_of(live(said).recorder.tables()), courses_of(said)))

    assert figures["cutover.reversed_by_old"] == 1
    assert figures["cutover.reversed_by_old[plan=63]"] == 1
    assert figures["cutover.reversed_by_old[plan=elsewhere]"] == 0


def test_a_stop_that_turns_back_renumbers_nobody() -> None:
    window = {"planned": "60s", "migrate": "90s"}
    late = {"window": window, "roll_back": {"after": "50s", "takes": "10s"}}
    said = scenario(visit("pharmacy", at="160s"), cutover=STOP | late | {"renumber": {}})

    assert renumberings_of(said) == ()
    assert [is_new_number(number) for number in numbers(live(said))] == [False]


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others() -> None:
    first, again, other = (numbers(moved(visit("pharmacy", at="130s"), seed=seed)) for seed in (1, 1, 2))

    assert first == again
    assert first != other


def test_a_node_that_was_killed_knows_the_new_numbers_when_it_starts_again() -> None:
    kill = {"kind": "kill", "node": INSURED, "at": "130s", "for": "5s"}
    run = moved(visit("pharmacy", at="140s"), faults=[kill])

    assert fates(run) == ["direct"]
    assert [is_new_number(number) for number in numbers(run)] == [True]
