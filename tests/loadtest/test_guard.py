"""The guard of a run against somebody else's system: it ends the run once, and holds nothing back."""

from __future__ import annotations

from loadtest.guard import FEWEST, LAST, Guard
from loadtest.inputs import Caps
from reference_impl.protocol.messages import Answered, Closed, Overloaded, Reply, Unknown, Unreachable

YES = Answered(Reply("", None))
SECOND_US = 1_000_000


def guarded(rate: int = 3, error_share: float = 0.5):
    said: list[str] = []
    return Guard(Caps(rate, 60_000_000, error_share), said.append), said


def test_a_message_too_many_within_a_second_is_not_sent_and_ends_the_run_once():
    guard, said = guarded(rate=3)

    assert [guard.admits(at_us) for at_us in (0, 10, 20, 999_999, 5 * SECOND_US)] == [True] * 3 + [False] * 2
    assert said == ["more than 3 messages within a second; the cap (--max-rate) ended the run"]


def test_as_many_as_are_allowed_may_go_on_for_ever():
    guard, said = guarded(rate=3)

    assert all(guard.admits(number * SECOND_US // 3 + number) for number in range(300))
    assert not said


def test_more_errors_than_allowed_among_the_last_end_the_run():
    guard, said = guarded()
    for number in range(FEWEST):
        guard.came((Unknown(0), Unreachable(), Overloaded(0, ""))[number % 3])

    assert guard.over
    assert said == [
        "100% of the last 20 messages had no answer, or one of overload; above 50% (--abort-error-rate) the run ends"
    ]
    assert not guard.admits(0)


def test_fewer_than_twenty_say_nothing_and_half_of_them_is_not_more_than_half():
    guard, said = guarded()
    for _ in range(FEWEST - 1):
        guard.came(Unknown(0))
    assert not said
    other, quiet = guarded()
    for number in range(LAST * 3):
        other.came(Unknown(0) if number % 2 else YES)

    assert not quiet


def test_who_is_refused_or_met_a_closed_door_was_answered():
    guard, said = guarded(error_share=0.0)
    for _ in range(LAST):
        guard.came(Answered(Reply("", None, "X")))
        guard.came(Closed("34", 0, 0))

    assert not said


def test_old_errors_are_forgotten():
    guard, said = guarded(error_share=0.2)
    for _ in range(15):
        guard.came(YES)
    for _ in range(2):
        guard.came(Unknown(0))
    for _ in range(LAST):
        guard.came(YES)
    for _ in range(20):
        guard.came(Unknown(0))
    assert not said
    guard.came(Unknown(0))

    assert said
