"""The work behind a closed door: its length follows from its rows, and what it finds decides whether the door opens."""

from __future__ import annotations

import pytest

from reference_impl.staging.moves import books_move
from reference_impl.staging.timetable import timetable
from scenarios.schema import Cutover, Scenario
from scenarios.schema.course import course_of

MIN, H = 60_000_000, 3_600_000_000
ROWS = {
    "persons": {"count": 1_000_000, "moved": 10_000, "every": "1min"},
    "visits": {"count": 20_000, "moved": 1_000, "every": "1min"},
    "history": {"count": 6_000_000, "moved": 100_000, "every": "1min"},
}
"""100, 20 and 60 minutes: three hours."""


def plan(rows=None, gates=None, **said):
    window = {"planned": "5h", "freeze": "30min", "verify": "1h", "rows": ROWS | (rows or {}), "gates": gates}
    return Cutover.model_validate({"scope": "34", "at": "20h", "window": window} | said)


def lengths(course):
    return [(phase.value, lasts_us // MIN) for phase, lasts_us in course.works]


def test_the_move_takes_as_long_as_its_rows_take():
    course = course_of(plan(), 1)

    assert lengths(course) == [("freeze_data", 30), ("migrate", 180), ("verify", 60)]
    assert course.found.refused == {"persons": 0.012, "visits": 0.005}
    assert course.reopen_at == course.planned_reopen_at


def test_a_further_pass_moves_what_the_one_before_refused_and_puts_part_of_it_right():
    """Of a tenth of a million persons a second pass takes ten minutes, and a third half as long."""
    persons = ROWS["persons"] | {"refused": 0.1}
    course = course_of(plan({"persons": persons, "visits": ROWS["visits"] | {"refused": 0}, "passes": 3}), 1)

    assert lengths(course)[1] == ("migrate", 180 + 10 + 5)
    assert course.found.refused == pytest.approx({"persons": 0.025, "visits": 0.0})


GATED = [
    ({"persons": "2%"}, ["go"], False, 30 + 180 + 60),
    ({"persons": "1%"}, ["hold", "go"], False, 30 + 180 + 60 + 1.2 + 0.1 + 60),
    ({"persons": "1%", "more_passes": 0}, ["no_go"], True, 30 + 180 + 60),
    ({"persons": "1%", "more_passes": 0, "otherwise": "open"}, ["no_go"], False, 30 + 180 + 60),
    ({"persons": "0.5%", "more_passes": 1}, ["hold", "no_go"], True, 30 + 180 + 60 + 1.2 + 0.1 + 60),
    ({"visits": "0.2%", "more_passes": 2}, ["hold", "hold", "go"], False, 30 + 180 + 60 + 1.9 + 121.0 - 1.0 + 0.05),
]


@pytest.mark.parametrize(("gates", "decisions", "turned_back", "minutes"), GATED)
def test_the_door_opens_by_what_the_work_found(gates, decisions, turned_back, minutes):
    course = course_of(plan(gates=gates, roll_back={"after": "8h", "takes": "30min"}), 1)

    assert [one.decision.value for one in course.judged] == decisions
    assert course.rolled_back is turned_back
    assert sum(lasts for _, lasts in course.works) / MIN == pytest.approx(minutes, abs=0.1)
    if turned_back:
        assert course.reopen_at == course.close_at + sum(lasts for _, lasts in course.works) + H // 2


def test_the_last_point_of_return_comes_before_a_gate_that_would_be_met_later():
    """A second pass would be done after the decision at four and a half hours: what was not judged yet is not."""
    course = course_of(plan(gates={"persons": "1%"}, roll_back={"after": "270min"}), 1)

    assert course.rolled_back
    assert [one.decision.value for one in course.judged] == ["hold"]


def test_what_is_decided_stands_in_the_timetable_with_its_numbers():
    asked = Scenario.model_validate(
        {"name": "gated", "cutover": plan(gates={"persons": "1%"}, roll_back={"after": "8h"})}
    )
    rows = {step.row.kind: step.row for step in timetable(asked) if step.row is not None}

    assert rows["hold"].note == "34, refused persons 1.200% above 1.000%: another pass"
    assert rows["hold"].at_us < rows["go"].at_us <= rows["reopen"].at_us


def test_shares_are_drawn_between_their_bounds_and_the_plan_says_when_it_can_open():
    rows = {"persons": ROWS["persons"] | {"refused": 0.005, "refused_up_to": 0.03}, "differs_up_to": 0.01}
    asked = plan(rows, {"persons": "2%", "differences": "0.5%"}, roll_back={"after": "9h", "takes": "1h"})
    courses = [course_of(asked, seed) for seed in range(300)]
    first, last = asked.reopens_between
    shares = [one.found.refused["persons"] for one in courses if not one.rolled_back]

    assert first <= min(one.reopen_at for one in courses)
    assert max(one.reopen_at for one in courses) <= last
    assert all(0.0025 <= share <= 0.03 for share in shares)
    assert {one.decision.value for course in courses for one in course.judged} == {"go", "hold"}
    assert len(set(shares)) == len(shares)


def test_a_plan_whose_rows_are_stated_really_moves_its_books():
    assert books_move(plan(), 1.0) is not None
    assert books_move(Cutover.model_validate({"scope": "34", "at": "20h", "window": {"planned": "5h"}}), 1.0) is None
