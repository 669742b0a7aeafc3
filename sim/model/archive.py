"""Books for long runs: what nobody asks for any more leaves memory, and comes back when somebody does ask.

A day of the nation writes ten million messages and five million records. Nobody asks for a message long after its
verdict (a sender asks until its deadline), nor, but for a rare cancel, for a visit that is settled; the checker reads
all of them in the end. So what is finished and older than the retention is packed in blocks on disk (``spool``). With
a fault or a cutover that may hold a resend back for longer, the retention is longer; with one that never ends, nothing
is put away. This module must never put away a message that a resend, a reversal or a restart may still ask for; a
record it may, for it finds it again.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from reference_impl.books.final import FinalBooks
from reference_impl.books.memory import Appended, MemoryBooks, Standing, Versioned
from reference_impl.domain.lifecycle import VisitState
from reference_impl.protocol.records import (
    KINDS,
    Change,
    ChargesRecord,
    CommitResult,
    Committed,
    FilingsRecord,
    Key,
    MessageRecord,
    Record,
    VisitRecord,
    Way,
)
from scenarios.schema.course import courses_of
from sim.model.spool import Packed, Place, Seen, Spool

if TYPE_CHECKING:
    from scenarios.schema import Scenario
    from sim.engine.timeline import Timeline

DEADLINES_KEPT: Final = 2
"""A sender asks until its deadline, and its last copy may wait in queues for as long again."""
_VISITS: Final = 1000
"""Visits expected by books of their own."""
SLICES: Final = 32
"""What is put away together was finished within this part of the retention."""
_PACKED: Final = (ChargesRecord, FilingsRecord)
"""What is asked for again much later: packed where it is, for a block on disk would be opened for each."""
_OVER: Final = (VisitState.SETTLED, VisitState.CANCELLED)

_LOOKED_UP: Final = {kind: row.key for kind, row in KINDS.items() if row.way is not Way.APPENDED}
"""The kinds that are asked for, and by which field."""

_NONE: Final = ()
_pack = msgspec.msgpack.Encoder().encode
_messages_of = msgspec.msgpack.Decoder(list[MessageRecord]).decode


def retention_us(scenario: Scenario) -> int | None:
    """Return how long a finished message stays at hand; None for ever, when a fault lasts to the end of the run."""
    lengths_us = [0]
    for fault in scenario.faults:
        if fault.until is None:
            return None
        lengths_us.append(fault.until - fault.at)
    lengths_us.extend(stop.full_at - stop.stop_at for stop in courses_of(scenario))
    clients = scenario.clients
    return DEADLINES_KEPT * clients.deadline + clients.timeout + clients.retries.cap + sum(lengths_us)


class Shelf:
    """Records of one kind on disk, in the order they were put there, and found again by their key."""

    __slots__ = ("_gone", "_hashes", "_key", "_name", "_open", "_places", "_seen", "_spool", "_unpack")

    def __init__(self, kind: type[Record], spool: Spool, seen: Seen) -> None:
        """Start empty."""
        self._name, self._key, _ = KINDS[kind]
        self._spool = spool
        self._seen = seen
        self._unpack: Callable[[bytes], list[Any]] = msgspec.msgpack.Decoder(list[kind]).decode
        self._places: list[Place] = []
        self._open: list[Record] = []
        """The block that is not full yet."""
        self._hashes = array("q")
        """Of the key of every record put here."""
        self._gone: set[int] = set()
        """The numbers of records taken out again."""

    def put(self, record: Record) -> None:
        """Put a record away."""
        number = hash((self._name, getattr(record, self._key)))
        self._hashes.append(number)
        self._seen.add(number)
        self._open.append(record)
        if len(self._open) == self._spool.block:
            self._places.append(self._spool.put(self._open))
            self._open = []

    def take(self, key: str) -> Sequence[Any]:
        """Take out the records of a key, in their order; none, quickly, where nothing of it was put away."""
        if not self._hashes:
            return _NONE
        number = hash((self._name, key))
        if not self._seen.may_hold(number):
            return _NONE
        taken: list[Any] = []
        for at in np.flatnonzero(np.frombuffer(self._hashes, np.int64) == number).tolist():
            record = None if at in self._gone else self._at(at)
            if record is not None and getattr(record, self._key) == key:
                self._gone.add(at)
                taken.append(record)
        return taken

    def with_rest(self, rest: tuple[Record, ...]) -> Packed[Any]:
        """Return all that is here and then ``rest``."""
        first = len(self._places) * self._spool.block
        here = tuple(record for at, record in enumerate(self._open, first) if at not in self._gone)
        gone = frozenset(at for at in self._gone if at < first)
        return Packed(self._spool, tuple(self._places), self._unpack, here + rest, gone)

    def __len__(self) -> int:
        return len(self._hashes) - len(self._gone)

    def _at(self, number: int) -> Record:
        block, at = divmod(number, self._spool.block)
        if block == len(self._places):
            return self._open[at]
        return self._unpack(self._spool.get(self._places[block]))[at]


class ShelvedVersioned(Versioned):
    """One record a key; those put away are found again, and those that lie still may be packed where they are."""

    __slots__ = ("_unpack", "shelf")

    def __init__(self, kind: type[Record], shelf: Shelf) -> None:
        """``shelf`` is where records are put away."""
        super().__init__(KINDS[kind].key)
        self._unpack: Callable[[bytes], Any] = msgspec.msgpack.Decoder(kind).decode
        self.shelf = shelf

    def find(self, key: str) -> Record | None:
        """Return the record of this key."""
        record = self._stored.get(key)
        if record is None:
            taken = self.shelf.take(key)
            if taken:
                record = self._stored[key] = taken[-1]
        elif type(record) is bytes:
            return self._unpack(record)
        return record

    def fits(self, record: Any) -> bool:
        """Return whether ``record`` is the next version of what is stored."""
        stored: Any = self.find(getattr(record, self._key))
        return bool(record.version == (1 if stored is None else stored.version + 1))

    def all(self) -> tuple[Record, ...]:
        """Return every record at hand as it stands."""
        return tuple(self._unpack(one) if type(one) is bytes else one for one in self._stored.values())

    def put_away(self, key: str) -> None:
        """Put the record of this key away, if it is at hand."""
        record = self._stored.pop(key, None)
        if record is not None:
            self.shelf.put(self._unpack(record) if type(record) is bytes else record)

    def at_hand(self, key: str) -> Any:
        """Return the record of this key, if it is at hand and not packed."""
        record = self._stored.get(key)
        return None if type(record) is bytes else record

    def pack(self, key: str) -> None:
        """Pack the record of this key where it is."""
        record = self._stored.get(key)
        if record is not None and type(record) is not bytes:
            self._stored[key] = _pack(record)


class ShelvedStanding(Standing):
    """Records one after the other, kept together by their key; those of a key are put away together."""

    __slots__ = ("_rows_of", "shelf")

    def __init__(self, key: str, shelf: Shelf) -> None:
        """``shelf`` is where records are put away."""
        super().__init__(key)
        self.shelf = shelf
        self._rows_of: dict[str, list[Record]] = {}

    def find(self, key: str) -> Record | None:
        """Return the one that stands."""
        self._fetch(key)
        return super().find(key)

    def keep(self, record: Any) -> None:
        """Append ``record``; a negative one lets what it reverses stand no more."""
        key = getattr(record, self._key)
        self._fetch(key)
        super().keep(record)
        self._rows_of.setdefault(key, []).append(self.rows.pop())

    def all(self) -> tuple[Record, ...]:
        """Return all at hand, by key."""
        return tuple(record for rows in self._rows_of.values() for record in rows)

    def put_away(self, key: str) -> None:
        """Put the records of this key away."""
        self._standing.pop(key, None)
        for record in self._rows_of.pop(key, ()):
            self.shelf.put(record)

    def _fetch(self, key: str) -> None:
        if key not in self._rows_of:
            for record in self.shelf.take(key):
                super().keep(record)
                self._rows_of.setdefault(key, []).append(self.rows.pop())


class _Slice:
    """What was finished within a part of the retention."""

    __slots__ = ("keys", "messages", "until_us")

    def __init__(self, until_us: int) -> None:
        self.until_us = until_us
        """When the slice takes no more."""
        self.messages: list[Key] = []
        self.keys: dict[type[Record], list[str]] = {kind: [] for kind in KINDS}


class ArchivingBooks(MemoryBooks):
    """Memory books that put away what is finished after ``keep_us``."""

    __slots__ = (
        "_appended",
        "_block",
        "_keep_us",
        "_message_places",
        "_record_places",
        "_slices",
        "_spool",
        "_timeline",
    )

    def __init__(self, timeline: Timeline, keep_us: int, spool: Spool | None = None, seen: Seen | None = None) -> None:
        """Open empty books; ``spool`` and ``seen`` may be shared by all books of a run."""
        super().__init__()
        self._timeline = timeline
        self._keep_us = keep_us
        self._spool = Spool() if spool is None else spool
        seen = Seen(_VISITS) if seen is None else seen
        self._slices: deque[_Slice] = deque([_Slice(0)])
        self._block: list[MessageRecord] = []
        self._message_places: list[Place] = []
        self._keepers |= {
            kind: _shelved(kind, self._spool, seen) for kind in KINDS if KINDS[kind].way is not Way.APPENDED
        }
        self._appended: list[tuple[type[Record], Appended]] = [
            (kind, keeper) for kind, keeper in self._keepers.items() if type(keeper) is Appended
        ]
        """Kinds that nobody looks up: only the checker reads them, in the end."""
        self._record_places: dict[type[Record], list[Place]] = {kind: [] for kind, _ in self._appended}

    def apply(self, change: Change) -> CommitResult:
        """Apply the whole change or none of it; then put away what has come of age."""
        result = MemoryBooks.apply(self, change)  # not super(): this runs several times a message
        if type(result) is Committed:
            now_us = self._timeline.now_us
            current = self._slices[-1]
            if now_us >= current.until_us:
                current = self._next_slice(now_us)
            message = change.message
            if message.reply is not None or message.withdrawn:
                current.messages.append(message.key)
            if change.tombstone is not None:
                current.messages.append(change.tombstone.key)
            if change.records:
                keys = current.keys
                for record in change.records:
                    kind = type(record)
                    field = _LOOKED_UP.get(kind)
                    if field is not None:
                        keys[kind].append(getattr(record, field))
        return result

    def read_all(self) -> FinalBooks:
        """Return everything written down; what is put away is read as it is asked for."""
        live = super().read_all()
        messages = Packed(self._spool, tuple(self._message_places), _messages_of, (*self._block, *live.messages))
        records: dict[type[Record], Any] = {}
        for kind, keeper in self._keepers.items():
            if isinstance(keeper, ShelvedVersioned | ShelvedStanding):
                records[kind] = keeper.shelf.with_rest(keeper.all())
            else:
                unpack = msgspec.msgpack.Decoder(list[kind]).decode
                records[kind] = Packed(self._spool, tuple(self._record_places[kind]), unpack, tuple(live.records[kind]))
        return FinalBooks(messages, records)

    @property
    def packed(self) -> int:
        """How many messages are put away."""
        return len(self._message_places) * self._spool.block

    def _next_slice(self, now_us: int) -> _Slice:
        """Begin a slice, and put away those whose retention is over."""
        slices, block = self._slices, self._spool.block
        while slices and slices[0].until_us + self._keep_us <= now_us:
            self._put_away(slices.popleft())
        for kind, keeper in self._appended:
            full = len(keeper.rows) // block * block
            self._record_places[kind] += [self._spool.put(keeper.rows[at : at + block]) for at in range(0, full, block)]
            del keeper.rows[:full]
        slices.append(_Slice(now_us + self._keep_us // SLICES))
        return slices[-1]

    def _put_away(self, old: _Slice) -> None:
        for key in old.messages:
            self._retire(key)
        keepers: dict[type[Record], Any] = self._keepers
        for kind, keys in old.keys.items():
            if kind is VisitRecord:
                self._put_away_visits(keys)
            elif kind in _PACKED:
                for key in keys:
                    keepers[kind].pack(key)
            else:
                for key in keys:
                    keepers[kind].put_away(key)

    def _put_away_visits(self, keys: list[str]) -> None:
        visits: Any = self._keepers[VisitRecord]
        charges: Any = self._keepers[ChargesRecord]
        for key in keys:
            visit = visits.at_hand(key)
            if visit is None:
                continue  # it was noted at each of its versions
            if visit.state in _OVER:
                visits.put_away(key)
                charges.put_away(key)
            else:
                visits.pack(key)

    def _retire(self, key: Key) -> None:
        message = self._messages.get(key)
        if message is None:
            return  # it was written twice, and retired the first time
        if message.reply is None and message.request is not None and not message.withdrawn:
            return  # a restart may still drive it; its outcome is noted when it comes
        del self._messages[key]
        self._block.append(message)
        if len(self._block) == self._spool.block:
            self._message_places.append(self._spool.put(self._block))
            self._block = []


def _shelved(kind: type[Record], spool: Spool, seen: Seen) -> ShelvedVersioned | ShelvedStanding:
    shelf = Shelf(kind, spool, seen)
    return ShelvedStanding(KINDS[kind].key, shelf) if KINDS[kind].way is Way.STANDING else ShelvedVersioned(kind, shelf)
