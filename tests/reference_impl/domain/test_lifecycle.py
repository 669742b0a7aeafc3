"""Every (state, event) pair is answered exactly once: a missing pair would be an oversight, not a decision."""

from __future__ import annotations

from itertools import product

import pytest

from reference_impl.domain.errors import REASONS, Refusal
from reference_impl.domain.lifecycle import MOVES, REFUSED, VisitEvent, VisitState, move

STORY = """
    from                event             then
    open                charge            open
    open                settle            settled
    open                discharge         discharged
    discharged          charge            S05
    discharged          settle            settled_discharged
    settled             charge            S03
    settled             settle            S03
    settled             take_back         open
    settled_discharged  take_back         discharged
    settled_discharged  cancel_discharge  S03
    open                take_back         S04
    cancelled           charge            S02
"""


def test_every_pair_is_answered_exactly_once() -> None:
    assert set(product(VisitState, VisitEvent)) == set(MOVES) | set(REFUSED)
    assert not set(MOVES) & set(REFUSED)


@pytest.mark.parametrize("line", STORY.strip().splitlines()[1:])
def test_a_visit_moves_by_the_table(line: str) -> None:
    state, event, then = line.split()

    assert move(VisitState(state), VisitEvent(event)).value == then


def test_a_cancelled_visit_never_moves_again() -> None:
    assert not any(state is VisitState.CANCELLED for state, _ in MOVES)


def test_every_refusal_tells_the_clerk_what_to_do() -> None:
    assert set(REASONS) == set(Refusal)
    assert all(";" in reason for reason in REASONS.values())
