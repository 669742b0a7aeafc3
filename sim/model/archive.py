"""Books for long runs: postings, and entries finished long ago, are kept packed.

A day of the nation writes ten million entries. Nobody asks for one long after its verdict (a sender resends until its
deadline), but the checker reads all of them in the end. So what is finished and older than the retention is packed in
blocks (measured: 90 bytes an entry instead of 550) and unpacked only when it is read again. With a fault or a stop that
may hold a resend back for longer, the retention is longer; with one that never ends, nothing is packed.
This module must never pack what a resend, a reversal or a restart may still ask for.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, overload

import msgspec

from reference_impl.books.final import FinalBooks
from reference_impl.books.memory import MemoryBooks
from reference_impl.protocol.records import Change, Committed, Entry, Key, Posting, Verdict

if TYPE_CHECKING:
    from scenarios.schema import Scenario
    from sim.engine.timeline import Timeline

BLOCK: Final = 512
DEADLINES_KEPT: Final = 2
"""A sender asks until its deadline, and its last copy may wait in queues for as long again."""

_pack = msgspec.msgpack.Encoder().encode
_entries_of = msgspec.msgpack.Decoder(list[Entry]).decode
_postings_of = msgspec.msgpack.Decoder(list[Posting]).decode
_T = TypeVar("_T")


def retention_us(scenario: Scenario) -> int | None:
    """Return how long a finished entry stays at hand; None for ever, when a fault lasts to the end of the run."""
    lengths_us = [0]
    for fault in scenario.faults:
        if fault.until is None:
            return None
        lengths_us.append(fault.until - fault.at)
    stop = scenario.cutover
    if stop is not None:
        lengths_us.append(stop.full_at - stop.stop_at)
    clients = scenario.clients
    return DEADLINES_KEPT * clients.deadline + clients.patience + clients.retries.cap + sum(lengths_us)


class ArchivingBooks(MemoryBooks):
    """Memory books that pack their finished entries after ``keep_us``."""

    __slots__ = ("_block", "_due", "_entry_blocks", "_keep_us", "_posting_blocks", "_timeline")

    def __init__(self, timeline: Timeline, keep_us: int) -> None:
        """Open empty books."""
        super().__init__()
        self._timeline = timeline
        self._keep_us = keep_us
        self._due: deque[tuple[int, Key]] = deque()
        self._block: list[Entry] = []
        self._entry_blocks: list[bytes] = []
        self._posting_blocks: list[bytes] = []

    def apply(self, change: Change) -> Verdict:
        """Apply the whole change or none of it; then pack what has come of age."""
        verdict = super().apply(change)
        if type(verdict) is Committed:
            now_us, due = self._timeline.now_us, self._due
            due.append((now_us + self._keep_us, change.entry.key))
            if change.tombstone is not None:
                due.append((now_us + self._keep_us, change.tombstone.key))
            while due[0][0] <= now_us:
                self._retire(due.popleft()[1], now_us)
            if len(self._postings) >= BLOCK:
                self._posting_blocks.append(_packed(self._postings))
                self._postings.clear()
        return verdict

    def read_all(self) -> FinalBooks:
        """Return everything written down; what is packed is unpacked as it is read."""
        live = super().read_all()
        entries = Packed(tuple(self._entry_blocks), _entries_of, (*self._block, *live.entries))
        postings = Packed(tuple(self._posting_blocks), _postings_of, tuple(live.postings))
        return FinalBooks(entries, live.visits, live.persons, live.claims, postings)

    @property
    def packed(self) -> int:
        """How many entries are packed."""
        return len(self._entry_blocks) * BLOCK

    def _retire(self, key: Key, now_us: int) -> None:
        entry = self._entries.get(key)
        if entry is None:
            return  # it was written twice, as intent and as outcome, and retired the first time
        if entry.reply is None and entry.request is not None and not entry.withdrawn:
            self._due.append((now_us + self._keep_us, key))  # a restart may still drive it
            return
        del self._entries[key]
        self._block.append(entry)
        if len(self._block) == BLOCK:
            self._entry_blocks.append(_packed(self._block))
            self._block.clear()


def _packed(items: list[Any]) -> bytes:
    return zlib.compress(_pack(items), 1)


class Packed(Sequence[_T], Generic[_T]):
    """Items in the order they were put away: packed blocks first, then what is at hand."""

    __slots__ = ("_blocks", "_rest", "_unpack")

    def __init__(self, blocks: tuple[bytes, ...], unpack: Callable[[bytes], list[_T]], rest: tuple[_T, ...]) -> None:
        """Keep the blocks packed."""
        self._blocks = blocks
        self._unpack = unpack
        self._rest = rest

    def __len__(self) -> int:
        return len(self._blocks) * BLOCK + len(self._rest)

    def __iter__(self) -> Iterator[_T]:
        for block in self._blocks:
            yield from self._unpack(zlib.decompress(block))
        yield from self._rest

    @overload
    def __getitem__(self, place: int) -> _T: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[_T, ...]: ...
    def __getitem__(self, place: int | slice) -> _T | tuple[_T, ...]:
        return tuple(self)[place]
