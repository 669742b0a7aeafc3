"""Books in dicts: what the simulated world writes in, and the plain statement of the contract.

The simulator's speed hangs on ``apply`` and ``see``: they share the structs they are given and copy nothing.
They must never suspend, and never keep a half-applied change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from reference_impl.books.final import BooksError, FinalBooks
from reference_impl.protocol.records import AlreadyThere, Change, Committed, Entry, Stale, Verdict, View

if TYPE_CHECKING:
    from reference_impl.protocol.messages import PersonNo, VisitId
    from reference_impl.protocol.records import Claim, Key, PersonRecord, Posting, VisitRecord

__all__ = ["MemoryBooks"]

_COMMITTED = Committed()
_STALE = Stale()


class MemoryBooks:
    """One node's books in memory: ``see`` and ``apply`` at once, ``look`` and ``commit`` for the port."""

    __slots__ = ("_claims", "_entries", "_older", "_persons", "_postings", "_standing", "_visits")

    def __init__(self) -> None:
        """Open empty books."""
        self._entries: dict[Key, Entry] = {}
        self._visits: dict[VisitId, VisitRecord] = {}
        self._persons: dict[PersonNo, PersonRecord] = {}
        self._claims: list[Claim] = []
        self._postings: list[Posting] = []
        self._standing: dict[VisitId, Claim] = {}
        self._older: dict[VisitId, list[Claim]] = {}
        """Standing claims under the latest one. Two of a visit is a fault the checker must be able to see."""

    def see(self, key: Key, person: PersonNo | None = None, visit: VisitId | None = None) -> View:
        """Return what is known of the message, the person and the visit."""
        return View(
            self._entries.get(key),
            None if person is None else self._persons.get(person),
            None if visit is None else self._visits.get(visit),
            None if visit is None else self._standing.get(visit),
        )

    def apply(self, change: Change) -> Verdict:
        """Apply the whole change or none of it."""
        entry = change.entry
        stored = self._entries.get(entry.key)
        if change.insert:
            if stored is not None and not stored.withdrawn:
                return AlreadyThere(stored)
        elif stored is None:
            raise BooksError(f"no entry of key {entry.key} to replace: insert it first")
        if (change.person is not None or change.visit is not None) and not self._move(change.person, change.visit):
            return _STALE
        if stored is not None and stored.reversed_by is not None:
            entry = msgspec.structs.replace(entry, reversed_by=stored.reversed_by)
        self._entries[entry.key] = entry
        if change.tombstone is not None:
            self._mark(change.tombstone)
        if change.claim is not None:
            self._post(change.claim)
        if change.posting is not None:
            self._postings.append(change.posting)
        return _COMMITTED

    def intents(self) -> tuple[Entry, ...]:
        """Return the intents without outcome, oldest first."""
        open_ = [entry for entry in self._entries.values() if _is_open(entry)]
        return tuple(sorted(open_, key=lambda entry: entry.opened_us))

    async def look(self, key: Key, *, person: PersonNo | None = None, visit: VisitId | None = None) -> View:
        """Return what is known of the message, the person and the visit, at one instant."""
        return self.see(key, person, visit)

    async def commit(self, change: Change) -> Verdict:
        """Apply the whole change or none of it."""
        return self.apply(change)

    async def open_entries(self) -> tuple[Entry, ...]:
        """Return the intents without outcome, oldest first."""
        return self.intents()

    def read_all(self) -> FinalBooks:
        """Return everything written down."""
        return FinalBooks(
            tuple(self._entries.values()),
            tuple(self._visits.values()),
            tuple(self._persons.values()),
            tuple(self._claims),
            tuple(self._postings),
        )

    def _move(self, person: PersonRecord | None, visit: VisitRecord | None) -> bool:
        """Write the person and the visit unless somebody else moved one of them first."""
        if visit is not None:
            known = self._visits.get(visit.visit)
            if visit.version != (1 if known is None else known.version + 1):
                return False
        if person is not None:
            holder = self._persons.get(person.person)
            if person.version != (1 if holder is None else holder.version + 1):
                return False
            self._persons[person.person] = person
        if visit is not None:
            self._visits[visit.visit] = visit
        return True

    def _mark(self, tombstone: Entry) -> None:
        stored = self._entries.get(tombstone.key)
        if stored is None:
            self._entries[tombstone.key] = tombstone
        elif stored.reversed_by is None:
            self._entries[tombstone.key] = msgspec.structs.replace(stored, reversed_by=tombstone.reversed_by)

    def _post(self, claim: Claim) -> None:
        self._claims.append(claim)
        latest = self._standing.get(claim.visit)
        if claim.sign > 0:
            if latest is not None:
                self._older.setdefault(claim.visit, []).append(latest)
            self._standing[claim.visit] = claim
        elif latest is not None and latest.settlement == claim.reverses:
            older = self._older.get(claim.visit)
            if older:
                self._standing[claim.visit] = older.pop()
            else:
                del self._standing[claim.visit]
        elif claim.visit in self._older:
            self._older[claim.visit] = [c for c in self._older[claim.visit] if c.settlement != claim.reverses]


def _is_open(entry: Entry) -> bool:
    """Return whether a restart has to drive it; a reversed message needs no outcome, its reversal has one."""
    return entry.reply is None and entry.request is not None and entry.reversed_by is None and not entry.withdrawn
