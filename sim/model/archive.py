"""Books for long runs: records that nobody looks up, and messages done long ago, are kept packed.

A day of the nation writes ten million messages. Nobody asks for one long after its verdict (a sender asks until its
deadline), but the checker reads all of them in the end. So what is finished and older than the retention is packed in
blocks (measured: 90 bytes a message instead of 550) and unpacked only when it is read again. With a fault or a cutover
that may hold a resend back for longer, the retention is longer; with one that never ends, nothing is packed.
This module must never pack what a resend, a reversal or a restart may still ask for.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, overload

import msgspec

from reference_impl.books.final import FinalBooks
from reference_impl.books.memory import Appended, MemoryBooks
from reference_impl.protocol.records import Change, CommitResult, Committed, Key, MessageRecord, Record

if TYPE_CHECKING:
    from scenarios.schema import Scenario
    from sim.engine.timeline import Timeline

BLOCK: Final = 512
DEADLINES_KEPT: Final = 2
"""A sender asks until its deadline, and its last copy may wait in queues for as long again."""

_pack = msgspec.msgpack.Encoder().encode
_messages_of = msgspec.msgpack.Decoder(list[MessageRecord]).decode
_T = TypeVar("_T")


def retention_us(scenario: Scenario) -> int | None:
    """Return how long a finished message stays at hand; None for ever, when a fault lasts to the end of the run."""
    lengths_us = [0]
    for fault in scenario.faults:
        if fault.until is None:
            return None
        lengths_us.append(fault.until - fault.at)
    cutover = scenario.cutover
    if cutover is not None:
        lengths_us.append(cutover.full_at - cutover.stop_at)
    clients = scenario.clients
    return DEADLINES_KEPT * clients.deadline + clients.timeout + clients.retries.cap + sum(lengths_us)


class ArchivingBooks(MemoryBooks):
    """Memory books that pack their finished messages after ``keep_us``."""

    __slots__ = ("_block", "_due", "_keep_us", "_message_blocks", "_record_blocks", "_timeline", "_unread")

    def __init__(self, timeline: Timeline, keep_us: int) -> None:
        """Open empty books."""
        super().__init__()
        self._timeline = timeline
        self._keep_us = keep_us
        self._due: deque[tuple[int, Key]] = deque()
        self._block: list[MessageRecord] = []
        self._message_blocks: list[bytes] = []
        self._unread = [(kind, keeper) for kind, keeper in self._keepers.items() if type(keeper) is Appended]
        """Kinds that nobody looks up: only the checker reads them, in the end."""
        self._record_blocks: dict[type[Record], list[bytes]] = {kind: [] for kind, _ in self._unread}

    def apply(self, change: Change) -> CommitResult:
        """Apply the whole change or none of it; then pack what has come of age."""
        result = super().apply(change)
        if type(result) is Committed:
            now_us, due = self._timeline.now_us, self._due
            due.append((now_us + self._keep_us, change.message.key))
            if change.tombstone is not None:
                due.append((now_us + self._keep_us, change.tombstone.key))
            while due[0][0] <= now_us:
                self._retire(due.popleft()[1], now_us)
            for kind, keeper in self._unread:
                if len(keeper.rows) >= BLOCK:
                    self._record_blocks[kind].append(_packed(keeper.rows))
                    keeper.rows.clear()
        return result

    def read_all(self) -> FinalBooks:
        """Return everything written down; what is packed is unpacked as it is read."""
        live = super().read_all()
        messages = Packed(tuple(self._message_blocks), _messages_of, (*self._block, *live.messages))
        packed = {
            kind: Packed(tuple(blocks), _unpacker(kind), tuple(live.records[kind]))
            for kind, blocks in self._record_blocks.items()
        }
        return FinalBooks(messages, {**live.records, **packed})

    @property
    def packed(self) -> int:
        """How many messages are packed."""
        return len(self._message_blocks) * BLOCK

    def _retire(self, key: Key, now_us: int) -> None:
        message = self._messages.get(key)
        if message is None:
            return  # it was written twice, as intent and as outcome, and retired the first time
        if message.reply is None and message.request is not None and not message.withdrawn:
            self._due.append((now_us + self._keep_us, key))  # a restart may still drive it
            return
        del self._messages[key]
        self._block.append(message)
        if len(self._block) == BLOCK:
            self._message_blocks.append(_packed(self._block))
            self._block.clear()


def _unpacker(kind: type[Record]) -> Callable[[bytes], list[Any]]:
    return msgspec.msgpack.Decoder(list[kind]).decode


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
