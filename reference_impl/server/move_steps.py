"""The commands of a move to new books, and at which stage of it each may be given: what comes before what.

Tables alone: must never touch books or a journal (``reference_impl.server.moving`` does).
"""

from __future__ import annotations

from enum import StrEnum

from reference_impl.books.journal import ENDED, Stage

__all__ = ["FROZEN_IN", "MoveAction", "has_to_be_done"]


class MoveAction(StrEnum):
    """What an operator commands, in the order of a move."""

    COPY = "copy"
    """Make a first pass while the node serves."""
    FREEZE = "freeze"
    MIGRATE = "migrate"
    VERIFY = "verify"
    SWITCH = "switch"
    ROLL_BACK = "roll-back"
    REOPEN = "reopen"


_NEW = frozenset({None, *ENDED})
_STILL = frozenset({Stage.FROZEN, Stage.MIGRATING, Stage.MIGRATED, Stage.VERIFIED, Stage.FAILED})
FROZEN_IN = _STILL | {Stage.SWITCHED}
"""Stages in which the books that serve take no write."""
_FROM: dict[MoveAction, frozenset[Stage | None]] = {
    MoveAction.COPY: _NEW | {Stage.COPYING},
    MoveAction.FREEZE: _NEW | {Stage.COPYING, Stage.COPIED},
    MoveAction.MIGRATE: frozenset({Stage.FROZEN, Stage.MIGRATING, Stage.FAILED}),
    MoveAction.VERIFY: frozenset({Stage.MIGRATED, Stage.VERIFIED, Stage.FAILED}),
    MoveAction.SWITCH: frozenset({Stage.VERIFIED}),
    MoveAction.ROLL_BACK: frozenset({Stage.COPYING, Stage.COPIED, *FROZEN_IN}),
    MoveAction.REOPEN: frozenset({Stage.SWITCHED}),
}
_DONE: dict[MoveAction, frozenset[Stage | None]] = {
    MoveAction.COPY: frozenset({Stage.COPIED}),
    MoveAction.FREEZE: _STILL,
    MoveAction.MIGRATE: frozenset({Stage.MIGRATED, Stage.VERIFIED}),
    MoveAction.VERIFY: frozenset(),
    MoveAction.SWITCH: frozenset({Stage.SWITCHED}),
    MoveAction.ROLL_BACK: frozenset({Stage.ROLLED_BACK}),
    MoveAction.REOPEN: frozenset({Stage.REOPENED}),
}
"""Where there is nothing to do: the answer to a command may have been lost, and it is sent again."""
_REST: dict[MoveAction, str] = {
    MoveAction.COPY: "a move is under way: go on with it, or roll it back",
    MoveAction.FREEZE: "the new books serve already: reopen, or roll back",
    MoveAction.MIGRATE: "freeze the books first",
    MoveAction.VERIFY: "migrate first, and wait until that is done",
    MoveAction.SWITCH: "only what is verified may serve: migrate and verify first",
    MoveAction.ROLL_BACK: "there is no move to take back; after reopening the new books have taken messages in",
    MoveAction.REOPEN: "switch first, or roll back",
}


def has_to_be_done(action: MoveAction, stage: Stage | None) -> bool:
    """Return whether there is something left to do of a command at a stage; None is no move.

    Raises:
        ValueError: when it is not the time for it.

    """
    if stage in _DONE[action]:
        return False
    if stage not in _FROM[action]:
        at = "there is no move" if stage is None else f"the move is {stage}"
        raise ValueError(f"{at}; {_REST[action]}")
    return True
