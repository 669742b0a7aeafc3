"""A planted bug: books that say a settlement is on disk and do not hold it (the case of Jiaxing and Qinghai).

Acknowledged at the hospital, absent at the insured side: the checker must find each one. Both worlds plant it by the
same keyed draws, so both lose the same settlements. It must never touch anything but a settlement's own commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.protocol.records import Change, Committed, Entry, Key, Verdict, View
from scenarios.patients.draws import Purpose, key_hash, uniform
from scenarios.schema.faults import LostCommit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reference_impl.protocol.messages import MessageId, PersonNo, VisitId
    from reference_impl.protocol.ports import Books, Clock
    from scenarios.schema import Scenario

__all__ = ["LosingBooks", "LostCommits", "lost_commits"]


def lost_commits(scenario: Scenario, node: str) -> LostCommits | None:
    """Return the lost commits that the scenario plants at a node, or None."""
    planted = [fault for fault in scenario.faults if isinstance(fault, LostCommit) and fault.node == node]
    return LostCommits(scenario.seed, planted) if planted else None


class LostCommits:
    """Decides which commits are lost; remembers them, so that deciding one again loses it again."""

    __slots__ = ("_faults", "_lost", "_seed")

    def __init__(self, seed: int, faults: Iterable[LostCommit]) -> None:
        """Lose by these faults, drawn by ``seed`` and the message's key."""
        self._seed = seed
        self._faults = tuple(faults)
        self._lost: list[set[MessageId]] = [set() for _ in self._faults]

    def loses(self, change: Change, now_us: int) -> bool:
        """Return whether this change, committed now, is to leave no trace."""
        claim = change.claim
        if claim is None or claim.sign < 0:
            return False
        entry = change.entry
        return any(self._hit(number, entry, now_us) for number in range(len(self._faults)))

    def _hit(self, number: int, entry: Entry, now_us: int) -> bool:
        fault, lost, msgid = self._faults[number], self._lost[number], entry.key.msgid
        if msgid in lost:
            return True
        if entry.code not in fault.codes or now_us < fault.at or (fault.until is not None and now_us >= fault.until):
            return False
        if fault.count is not None and len(lost) >= fault.count:
            return False
        key = key_hash(f"lost commit {number} {fault.node} {msgid}")
        if uniform(self._seed, key, 0, 0, Purpose.LOSS) >= fault.share:
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

    async def look(self, key: Key, *, person: PersonNo | None = None, visit: VisitId | None = None) -> View:
        """Return what is known of the message, the person and the visit, at one instant."""
        return await self._books.look(key, person=person, visit=visit)

    async def commit(self, change: Change) -> Verdict:
        """Apply the change, or say so and do nothing."""
        if self._lost.loses(change, self._clock.now_us()):
            return Committed()
        return await self._books.commit(change)

    async def open_entries(self) -> tuple[Entry, ...]:
        """Return the intents without outcome, oldest first."""
        return await self._books.open_entries()
