"""Books for long runs: what nobody asks for any more leaves memory, and comes back when somebody does ask.

A day of the nation writes ten million messages and five million records. Hardly anybody asks for a message once it has
its verdict, nor, but for a rare cancel, for a visit that is settled; the checker reads all of them in the end. So what
is finished is put on shelves on disk (``shelves``) soon after. A message is found there by its key until its retention
is over: a sender asks until its deadline, and with a fault or a cutover that may hold a resend back for longer, the
retention is longer; with one that never ends, nothing is put away. A record is found there always. This module must
never forget a message that a resend, a reversal or a restart may still ask for.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from reference_impl.books.final import FinalBooks
from reference_impl.books.memory import Appended, MemoryBooks, finders
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
    Ref,
    RememberedRecord,
    View,
    VisitRecord,
    Way,
)
from scenarios.schema.course import courses_of
from scenarios.schema.faults import ShortDownload
from sim.model.shelves import MessageShelf, ShelvedStanding, ShelvedVersioned, shelved
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
AT_HAND_SLICES: Final = 2
"""What is finished is put on its shelf after so many of these parts: most of what is asked again is asked by then."""
_OVER: Final = (VisitState.SETTLED, VisitState.CANCELLED)

_LOOKED_UP: Final = {kind: row.key for kind, row in KINDS.items() if row.way is not Way.APPENDED}
"""The kinds that are asked for, and by which field."""
_AT_HAND: Final = (VisitRecord, ChargesRecord, FilingsRecord, RememberedRecord)
"""How a visit stands, for as long as it goes on, and what a person has filed: asked for again later, one by one."""
_LYING: Final = (ChargesRecord, FilingsRecord, RememberedRecord)
"""Of these, what lies on disk by itself once nothing has changed it for the retention."""


def retention_us(scenario: Scenario) -> int | None:
    """Return how long a finished message is remembered; None for ever, when a fault lasts to the end of the run.

    Where desks ask for the lines of a stay (5204), its first charges are looked up in their messages at its end.
    """
    lengths_us = [0]
    for fault in scenario.faults:
        if fault.until is None:
            return None
        if isinstance(fault, ShortDownload):
            continue  # it holds up no message
        lengths_us.append(fault.until - fault.at)
    if scenario.visits.queries is not None:
        lengths_us.append(scenario.horizon.length + scenario.horizon.drain_limit)
    lengths_us.extend(stop.full_at - stop.stop_at for stop in courses_of(scenario))
    clients = scenario.clients
    return DEADLINES_KEPT * clients.deadline + clients.timeout + clients.retries.cap + sum(lengths_us)


class _Slice:
    """What was finished within a part of the retention."""

    __slots__ = ("below", "keys", "known_by", "messages", "until_us")

    def __init__(self, until_us: int) -> None:
        self.until_us = until_us
        """When the slice takes no more."""
        self.messages: list[Key] = []
        self.known_by = array("q")
        """What its messages are to be forgotten by, once they are on the shelf."""
        self.below = 0
        """Their numbers there are below this one; whatever of them has a later one is there again, in a later slice."""
        self.keys: dict[type[Record], list[str]] = {kind: [] for kind in KINDS}


class ArchivingBooks(MemoryBooks):
    """Memory books that put away what is finished, and forget its messages after ``keep_us``."""

    __slots__ = (
        "_appended",
        "_at_hand",
        "_keep_us",
        "_record_places",
        "_remembered",
        "_remembers",
        "_shelf",
        "_slice_us",
        "_spool",
        "_timeline",
    )

    def __init__(self, timeline: Timeline, keep_us: int, spool: Spool | None = None, seen: Seen | None = None) -> None:
        """Open empty books; ``spool`` and ``seen`` may be shared by all books of a run."""
        super().__init__()
        self._timeline = timeline
        self._keep_us = keep_us
        self._slice_us = keep_us // SLICES
        self._spool = Spool() if spool is None else spool
        seen = Seen(_VISITS) if seen is None else seen
        self._at_hand: deque[_Slice] = deque([_Slice(0)])
        """Slices whose messages and records are still at hand; the last one is filled."""
        self._remembered: deque[_Slice] = deque()
        """Slices on the shelf whose messages are not forgotten yet."""
        self._shelf = MessageShelf(self._spool)
        self._remembers = self._shelf.numbers
        self._keepers |= {
            kind: shelved(kind, self._spool, seen) for kind in KINDS if KINDS[kind].way is not Way.APPENDED
        }
        self._finders = finders(self._keepers)
        self._appended: list[tuple[type[Record], Appended]] = [
            (kind, keeper) for kind, keeper in self._keepers.items() if type(keeper) is Appended
        ]
        """Kinds that nobody looks up: only the checker reads them, in the end."""
        self._record_places: dict[type[Record], list[Place]] = {kind: [] for kind, _ in self._appended}

    def see(self, key: Key, refs: tuple[Ref, ...] = ()) -> View:
        """Return what is known of the message and of the records named."""
        if hash(key) in self._remembers:
            self._fetch(key)
        return MemoryBooks.see(self, key, refs)

    def apply(self, change: Change) -> CommitResult:
        """Apply the whole change or none of it; then put away what has come of age."""
        message, tombstone = change.message, change.tombstone
        if hash(message.key) in self._remembers:
            self._fetch(message.key)
        if tombstone is not None or change.lifted is not None:
            self._fetch_original(change)
        result = MemoryBooks.apply(self, change)  # not super(): this runs several times a message
        if type(result) is Committed:
            current, now_us = self._at_hand[-1], self._timeline.now_us
            if now_us >= current.until_us:
                current = self._next_slice(now_us)
            if message.reply is not None or message.withdrawn:
                current.messages.append(message.key)
            if tombstone is not None:
                current.messages.append(tombstone.key)
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
        records: dict[type[Record], Any] = {}
        for kind, keeper in self._keepers.items():
            if isinstance(keeper, ShelvedVersioned | ShelvedStanding):
                records[kind] = keeper.whole()
            else:
                unpack = msgspec.msgpack.Decoder(list[kind]).decode
                records[kind] = Packed(self._spool, tuple(self._record_places[kind]), unpack, keeper.all())
        return FinalBooks(self._shelf.with_rest(tuple(self._messages.values())), records)

    @property
    def packed(self) -> int:
        """How many messages are put away."""
        return self._shelf.packed

    def _next_slice(self, now_us: int) -> _Slice:
        """Begin a slice; put away and forget what has come of age."""
        while self._at_hand and self._at_hand[0].until_us + AT_HAND_SLICES * self._slice_us <= now_us:
            self._put_away(self._at_hand.popleft())
        while self._remembered and self._remembered[0].until_us + self._keep_us <= now_us:
            self._forget(self._remembered.popleft())
        self._pack_appended()
        self._at_hand.append(_Slice(now_us + self._slice_us))
        return self._at_hand[-1]

    def _pack_appended(self) -> None:
        block = self._spool.block
        for kind, keeper in self._appended:
            full = len(keeper.rows) // block * block
            self._record_places[kind] += [self._spool.put(keeper.rows[at : at + block]) for at in range(0, full, block)]
            del keeper.rows[:full]

    def _put_away(self, old: _Slice) -> None:
        """Put on the shelf what nobody is likely to ask for, and remember it."""
        for key in self._shelf.put(self._finished(old.messages)):
            del self._messages[key]
            old.known_by.append(hash(key))
        old.below = self._shelf.next_number
        old.messages = []
        keepers: dict[type[Record], Any] = self._keepers
        for kind, keys in old.keys.items():
            if kind not in _AT_HAND:
                for key in keys:
                    keepers[kind].put_away(key)
                keys.clear()
        old.keys[VisitRecord] = self._put_away_visits(old.keys[VisitRecord])
        self._remembered.append(old)

    def _forget(self, old: _Slice) -> None:
        """Find its messages no more; a visit of it that has not moved meanwhile may lie still for days."""
        self._shelf.forget(old.known_by, old.below)
        visits: Any = self._keepers[VisitRecord]
        for key in self._put_away_visits(old.keys[VisitRecord]):
            visits.lay_down(key)
        for kind in _LYING:
            keeper: Any = self._keepers[kind]
            for key in old.keys[kind]:
                keeper.lay_down(key)

    def _put_away_visits(self, keys: list[str]) -> list[str]:
        """Put away those of these visits that are over, with their charges; return the others that are at hand."""
        visits: Any = self._keepers[VisitRecord]
        charges: Any = self._keepers[ChargesRecord]
        others: list[str] = []
        for key in keys:
            visit = visits.at_hand(key)
            if visit is None:
                continue  # it was noted at each of its versions
            if visit.state in _OVER:
                visits.put_away(key)
                charges.put_away(key)
            else:
                others.append(key)
        return others

    def _fetch(self, key: Key) -> None:
        """Have a message at hand again, until it is put away as if it were finished now."""
        message = self._shelf.take(key)
        if message is not None:
            self._messages[key] = message
            self._at_hand[-1].messages.append(key)

    def _fetch_original(self, change: Change) -> None:
        """Have at hand what a reversal marks, or what its mark is lifted from."""
        if change.tombstone is not None:
            self._fetch(change.tombstone.key)
        if change.lifted is not None:
            self._fetch(change.lifted)

    def _finished(self, keys: Iterable[Key]) -> Iterator[MessageRecord]:
        """Yield the messages of these keys that a restart need not drive on, each once."""
        messages = self._messages
        for key in dict.fromkeys(keys):
            message = messages.get(key)
            if message is None:
                continue  # it is on the shelf since an earlier time that it was written
            if message.reply is None and message.request is not None and not message.withdrawn:
                continue  # its outcome is noted when it comes
            yield message
