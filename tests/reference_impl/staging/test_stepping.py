"""A ramp that gates hold: a step goes on when the last while was good, is held while it was not, and never for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.scopes import Side
from reference_impl.hospital.pulse import Seen
from reference_impl.protocol.door import DoorState
from reference_impl.staging.stepping import OpenBySteps, SteppedRamp, breaches
from scenarios.schema import Cutover
from scenarios.schema.course import course_of
from scenarios.schema.go_no_go import StepGates

MIN = 60_000_000
OPENS, END = 120 * MIN, 600 * MIN
GOOD = Seen(messages=50, p95_us=1_000_000, busy=0, oldest_us=0)
BAD = Seen(messages=50, p95_us=4_000_000, busy=0, oldest_us=0)
STEPS = [{"share": 0.1, "hold": "30min"}, {"share": 0.5, "hold": "20min"}]


def ramp(end_us: int = END, monitor=None, **gates) -> SteppedRamp:
    asked = {"p95": "3s", "over": "5min", "hold": "15min", "holds": 2} | gates
    plan = Cutover.model_validate(
        {
            "scope": "34",
            "at": "1h",
            "window": "1h",
            "monitor": monitor,
            "ramp": {"kind": "steps", "steps": STEPS, "gates": asked},
        }
    )
    return SteppedRamp(OpenBySteps("34", course_of(plan, 1), (Side.CARE, Side.INSURED), end_us))


def ridden(one: SteppedRamp, seen) -> list[tuple[int, str]]:
    """Ride the ramp to its end, seeing what ``seen`` says of a minute; return its events by the minute."""
    turn, rows = one.begin(OPENS), []
    while True:
        rows += turn.rows
        if one.next_us is None:
            return [(row.at_us // MIN, row.kind) for row in rows]
        now_us = one.next_us
        turn = one.look(now_us, seen(now_us // MIN))


def test_where_all_is_well_the_ramp_goes_as_planned():
    assert ridden(ramp(), lambda _: GOOD) == [(120, "reopen"), (150, "go"), (170, "go"), (170, "full")]


def test_a_step_is_held_while_after_while_and_goes_on_when_its_gates_are_met():
    """Bad until minute 160: held at 150 until 165; met since the look at 160, and taken five minutes later."""
    rows = ridden(ramp(), lambda minute: BAD if minute < 160 else GOOD)

    assert rows == [
        (120, "reopen"), (150, "hold"), (160, "gate_met"), (165, "go"), (185, "go"), (185, "full"),
    ]  # fmt: skip


def test_a_gate_that_is_met_and_broken_again_was_not_met():
    rows = ridden(ramp(), lambda minute: GOOD if minute in (155, 165, 170) or minute > 180 else BAD)

    assert (165, "gate_met") not in rows
    assert rows[1:3] == [(150, "hold"), (165, "go")]


BY_THEN = {
    "go_on": [
        (150, "hold"),
        (165, "hold"),
        (180, "no_go"),
        (200, "hold"),
        (215, "hold"),
        (230, "no_go"),
        (230, "full"),
    ],
    "hold_on": [(150 + 15 * n, "hold") for n in range(30)] + [(600, "full")],
}


@pytest.mark.parametrize("then", BY_THEN)
def test_what_comes_when_no_more_time_is_given(then):
    assert ridden(ramp(then=then), lambda _: BAD)[1:] == BY_THEN[then]


def test_a_step_that_cannot_be_kept_falls_back_and_is_tried_again():
    """The first step is kept; at the second the province does not bear the half of its patients."""
    one = ramp(then="fall_back", holds=0)
    one.begin(OPENS)
    one.look(OPENS + 30 * MIN, GOOD)
    turn = one.look(OPENS + 50 * MIN, BAD)

    assert [row.kind for row in turn.rows] == ["no_go"]
    assert [[step.share for step in command.steps] for command in turn.commands] == [[0.1], [0.1]]
    assert one.next_us == OPENS + 80 * MIN


def test_a_door_closes_again_once_and_the_ramp_begins_anew():
    one = ramp(then="close_again", closed_for="2h", holds=0)
    one.begin(OPENS)
    closed = one.look(OPENS + 30 * MIN, BAD)
    again = one.look(OPENS + 150 * MIN, BAD)
    held = one.look(OPENS + 180 * MIN, BAD)

    assert {command.state for command in closed.commands} == {DoorState.CLOSED}
    assert {command.reopens_us for command in closed.commands} == {OPENS + 150 * MIN}
    assert {command.state for command in again.commands} == {DoorState.RAMP}
    assert [row.kind for row in held.rows] == ["hold"]


def test_while_steps_are_held_the_door_waits_for_word_and_people_are_told_a_later_hour():
    one = ramp()
    planned = one.begin(OPENS).commands
    held = one.look(OPENS + 30 * MIN, BAD).commands

    assert all(command.by_word for command in (*planned, *held))
    assert {command.full_us for command in planned} == {OPENS + 50 * MIN}
    assert {command.full_us for command in held} == {OPENS + 65 * MIN}


def test_full_admission_begins_the_watch_that_the_plan_asks_for():
    assert ridden(ramp(monitor={"lasts": "1h"}), lambda _: GOOD)[-2:] == [(170, "full"), (170, "monitor")]


JUDGED = [
    ({"p95": "3s"}, BAD, 1),
    ({"p95": "3s"}, Seen(messages=19, p95_us=4_000_000, busy=0, oldest_us=0), 0),
    ({"p95": "3s"}, Seen(messages=50, p95_us=None, busy=50, oldest_us=0), 1),
    ({"p95": "3s"}, Seen(messages=19, p95_us=None, busy=19, oldest_us=0), 0),
    ({"busy": "10%"}, Seen(messages=50, p95_us=1, busy=5, oldest_us=0), 0),
    ({"busy": "10%"}, Seen(messages=50, p95_us=1, busy=6, oldest_us=0), 1),
    ({"oldest": "1h"}, Seen(messages=0, p95_us=None, busy=0, oldest_us=60 * MIN), 0),
    ({"oldest": "1h"}, Seen(messages=0, p95_us=None, busy=0, oldest_us=61 * MIN), 1),
    ({"oldest": "1h", "busy": "0%", "p95": "1s"}, Seen(messages=50, p95_us=4_000_000, busy=9, oldest_us=61 * MIN), 3),
]


@pytest.mark.parametrize(("gates", "seen", "count"), JUDGED)
def test_each_gate_is_judged_by_its_own_number_and_too_few_messages_say_nothing(gates, seen, count):
    assert len(breaches(StepGates.model_validate(gates), seen)) == count


@given(
    then=st.sampled_from(["go_on", "hold_on", "fall_back", "close_again"]),
    bad=st.sets(st.integers(120, 600)),
    holds=st.integers(0, 4),
)
def test_whatever_is_seen_it_ends_wide_open_within_the_horizon_and_never_goes_back_in_time(then, bad, holds):
    more = {"closed_for": "2h"} if then == "close_again" else {}
    rows = ridden(ramp(then=then, holds=holds, **more), lambda minute: BAD if minute in bad else GOOD)

    at = [minute for minute, kind in rows if kind != "gate_met"]
    assert at == sorted(at)
    assert rows[-1][1] == "full"
    assert rows[-1][0] <= END // MIN
    assert sum(kind == "full" for _, kind in rows) == 1
