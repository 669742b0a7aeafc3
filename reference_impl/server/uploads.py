"""The filings that a city accepted and has not uploaded: until it has, no hospital elsewhere settles by them.

An insurer's books state of each filing when it is uploaded; which are still to come is kept beside them, for whoever
watches, from what the books hold at the start and from each commit after it. This module must never decide by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reference_impl.books.moving import rows_of
from reference_impl.books.sql.tables import TABLES
from reference_impl.domain.filing import NO_END_US
from reference_impl.protocol.records import Committed, FilingsRecord
from reference_impl.protocol.sweeper import Left

if TYPE_CHECKING:
    from reference_impl.books.places import Place
    from reference_impl.protocol.assembly import NodeConfig
    from reference_impl.protocol.ports import Books, Clock
    from reference_impl.protocol.records import Change, CommitResult, Key, MessageRecord, Ref, View

__all__ = ["NotedUploads", "Uploads", "filings_in", "uploads_late"]


_FEW = 1000
"""So many persons are kept without looking for those whose filings have been uploaded meanwhile."""


class _Awaited(NamedTuple):
    accepted_us: int
    uploaded_us: int


class Uploads:
    """The filings of one insurer that wait for their upload, by person and receipt."""

    __slots__ = ("_awaited", "_clock", "_full_at")

    def __init__(self, clock: Clock) -> None:
        """Know of none."""
        self._awaited: dict[str, dict[str, _Awaited]] = {}
        self._clock = clock
        self._full_at = _FEW

    def note(self, record: FilingsRecord) -> None:
        """Know what a person has filed by now; what was withdrawn waits for nothing."""
        now_us = self._clock.now_us()
        awaited = {
            one.serial: _Awaited(one.accepted_us, one.uploaded_us)
            for one in record.filings
            if one.uploaded_us > now_us and one.ended_us == NO_END_US
        }
        if awaited:
            self._awaited[record.person] = awaited
        else:
            self._awaited.pop(record.person, None)
        if len(self._awaited) > self._full_at:
            self._forget(now_us)
            self._full_at = 2 * len(self._awaited) + _FEW

    def left(self) -> Left:
        """Return how many wait, and when the oldest was accepted."""
        self._forget(self._clock.now_us())
        accepted = [one.accepted_us for awaited in self._awaited.values() for one in awaited.values()]
        return Left(len(accepted), min(accepted, default=None))

    def _forget(self, now_us: int) -> None:
        """Forget what has been uploaded."""
        for person, awaited in tuple(self._awaited.items()):
            still = {serial: one for serial, one in awaited.items() if one.uploaded_us > now_us}
            if still:
                self._awaited[person] = still
            else:
                del self._awaited[person]


class NotedUploads:
    """Books that tell of each filing that was committed."""

    __slots__ = ("_books", "_uploads")

    def __init__(self, books: Books, uploads: Uploads) -> None:
        """Write in ``books``."""
        self._books = books
        self._uploads = uploads

    async def look(self, key: Key, *refs: Ref) -> View:
        """Return what is known of the message and of the records named, at one instant."""
        return await self._books.look(key, *refs)

    async def commit(self, change: Change) -> CommitResult:
        """Apply the whole change or none of it."""
        result = await self._books.commit(change)
        if isinstance(result, Committed):
            for record in change.records:
                if isinstance(record, FilingsRecord):
                    self._uploads.note(record)
        return result

    async def open_intents(self) -> tuple[MessageRecord, ...]:
        """Return the intents without outcome."""
        return await self._books.open_intents()


def uploads_late(config: NodeConfig) -> bool:
    """Return whether an insurer's filings are known to the nation later than to their city."""
    table = None if config.province is None else config.province.filing
    return table is not None and any(rules.upload_us > 0 for rules in (table.rules, *table.regions.values()))


def filings_in(place: Place) -> tuple[FilingsRecord, ...]:
    """Return what people have filed, from the books at a place.

    Raises:
        BooksError: when they cannot be read.

    """
    [filings] = (table for table in TABLES if table.name == "filings")
    with place.shelf() as shelf:
        return tuple(map(filings.read, rows_of(shelf, filings)))
