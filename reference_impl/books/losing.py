"""A planted bug: books that say a settlement is on disk and do not hold it (the case of Jiaxing and Qinghai).

Acknowledged at the hospital, absent at the insured side: the checker must find each one. Both worlds plant it by the
same keyed draws, so both lose the same settlements. It must never touch anything but a settlement's own commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from reference_impl.domain.keyed import Purpose, key_hash, uniform
from reference_impl.protocol.records import (
    Change,
    CommitResult,
    Committed,
    Key,
    MessageRecord,
    Ref,
    SettlementRecord,
    View,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reference_impl.protocol.messages import MessageId
    from reference_impl.protocol.ports import Books, Clock

__all__ = ["CommitLoss", "LosingBooks", "LostCommits"]


class CommitLoss(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which commits of a node are to leave no trace. ``until_us`` None: to the end; ``count`` None: without limit."""

    node: str
    seed: int
    at_us: int
    until_us: int | None
    codes: tuple[str, ...]
    share: float
    count: int | None


class LostCommits:
    """Decides which commits are lost; remembers them, so that deciding one again loses it again."""

    __slots__ = ("_faults", "_lost")

    def __init__(self, faults: Iterable[CommitLoss]) -> None:
        """Lose by these faults, each drawn by its seed and the message's key."""
        self._faults = tuple(faults)
        self._lost: list[set[MessageId]] = [set() for _ in self._faults]

    def loses(self, change: Change, now_us: int) -> bool:
        """Return whether this change, committed now, is to leave no trace."""
        settled = change.get(SettlementRecord)
        if settled is None or settled.sign < 0:
            return False
        message = change.message
        return any(self._hit(number, message, now_us) for number in range(len(self._faults)))

    def _hit(self, number: int, message: MessageRecord, now_us: int) -> bool:
        fault, lost, msgid = self._faults[number], self._lost[number], message.key.msgid
        if msgid in lost:
            return True
        if (
            message.code not in fault.codes
            or now_us < fault.at_us
            or (fault.until_us is not None and now_us >= fault.until_us)
        ):
            return False
        if fault.count is not None and len(lost) >= fault.count:
            return False
        key = key_hash(f"lost commit {number} {fault.node} {msgid}")
        if uniform(fault.seed, key, 0, 0, Purpose.LOSS) >= fault.share:
            return False
        lost.add(msgid)
        return True


class LosingBooks:
    """Books of either kind with the bug planted; everything else passes through."""

    __slots__ = ("_books", "_clock", "_lost")

    def __init__(self, books: Books, lost: LostCommits, clock: Clock) -> None:
        """Plant ``lost`` in ``books``."""
        self._books = books
        self._lost = lost
        self._clock = clock

    async def look(self, key: Key, *refs: Ref) -> View:
        """Return what is known of the message and of the records named, at one instant."""
        return await self._books.look(key, *refs)

    async def commit(self, change: Change) -> CommitResult:
        """Apply the change, or say so and do nothing."""
        if self._lost.loses(change, self._clock.now_us()):
            return Committed()
        return await self._books.commit(change)

    async def open_intents(self) -> tuple[MessageRecord, ...]:
        """Return the intents without outcome, oldest first."""
        return await self._books.open_intents()
