"""When which dialect is spoken and answered where, and what the old one has of today's transactions."""

from __future__ import annotations

import pytest

from reference_impl.domain.dialects import DialectChange, has_old_form, old_answers, speaks_old

CHANGE = DialectChange(scope="3304", from_us=100, old_until_us=200)
NEVER = DialectChange(scope="33", from_us=None, old_until_us=None)


@pytest.mark.parametrize(("now_us", "old", "answers"), [(99, True, True), (100, False, True), (200, False, False)])
def test_the_old_dialect_is_spoken_until_the_reopening_and_answered_for_a_while_longer(
    now_us: int, old: bool, answers: bool
) -> None:
    assert speaks_old([CHANGE], "330400", now_us) is old
    assert old_answers([CHANGE], "330400", now_us) is answers


def test_where_no_change_is_the_old_dialect_is_neither_spoken_nor_answered() -> None:
    for changes, region in (([], "330400"), ([CHANGE], "330100")):
        assert not speaks_old(changes, region, 0)
        assert not old_answers(changes, region, 0)


def test_a_move_that_turned_back_leaves_the_old_dialect_for_good() -> None:
    assert speaks_old([NEVER], "330400", 10**15)
    assert old_answers([NEVER], "330400", 10**15)


@pytest.mark.parametrize(
    ("code", "original", "has"),
    [
        ("2304", "", True),
        ("2303", "", False),  # the old dialect has no trial
        ("2102", "", False),
        ("2601", "2304", True),
        ("2601", "2102", False),  # nor what is to be reversed
    ],
)
def test_the_old_dialect_is_of_stays_alone(code: str, original: str, has: bool) -> None:
    assert has_old_form(code, original) is has
