"""One key, one effect (G1): what to do with a message, given what is already written under its key.

Pure: storage is elsewhere, and so is the reply.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

import msgspec

__all__ = ["Judgement", "differing_field", "judge"]


class Judgement(Enum):
    """What the key says."""

    FRESH = auto()
    BUSY = auto()
    REPLAY = auto()
    CONFLICT = auto()
    REVERSED = auto()


def judge(*, stored: object, content: object, replied: bool, reversed_: bool) -> Judgement:
    """Return what to do with ``content`` when ``stored`` is already known under its key.

    ``stored`` is None for a tombstone: a reversal that came before its original (G4). Content that differs is a
    conflict whatever became of the first message.
    """
    if stored is None:
        return Judgement.REVERSED if reversed_ else Judgement.FRESH
    if stored != content:
        return Judgement.CONFLICT
    if replied:
        return Judgement.REPLAY
    return Judgement.REVERSED if reversed_ else Judgement.BUSY


def differing_field(stored: msgspec.Struct, content: msgspec.Struct) -> str:
    """Return the name of the first field that differs, never its value: the other party's data stays hidden.

    >>> class Sale(msgspec.Struct):
    ...     person: str
    ...     total_fen: int
    >>> differing_field(Sale("A", 1), Sale("A", 2))
    'total_fen'
    """
    if type(stored) is not type(content):
        return "infno"
    before: dict[str, Any] = msgspec.structs.asdict(stored)
    after: dict[str, Any] = msgspec.structs.asdict(content)
    return next((name for name, value in before.items() if value != after[name]), "")
