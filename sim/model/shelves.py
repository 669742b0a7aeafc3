"""Shelves: what books put away on disk while a run goes on, each found again by its key.

A record is found for as long as the run lasts, a message until it is forgotten. This module must never decide what may
be put away, nor when.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from reference_impl.books.memory import Standing, Versioned
from reference_impl.protocol.records import KINDS, Key, MessageRecord, Record, Way
from sim.model.spool import Packed, Place, Seen, Spool

__all__ = ["MessageShelf", "Shelf", "ShelvedStanding", "ShelvedVersioned", "shelved"]

_NONE: Final = ()
_pack = msgspec.msgpack.Encoder().encode
_messages_of = msgspec.msgpack.Decoder(list[MessageRecord]).decode


class MessageShelf:
    """Finished messages on disk, found again by their key until they are forgotten; the run's end reads them all."""

    __slots__ = ("_gone", "_open", "_places", "_spool", "numbers")

    def __init__(self, spool: Spool) -> None:
        """Start empty."""
        self._spool = spool
        self._places: list[Place] = []
        self._open: list[MessageRecord] = []
        """The block that is not full yet."""
        self.numbers: dict[int, int] = {}
        """The number of each message that is remembered, by the hash of its key, which takes less than the key."""
        self._gone: set[int] = set()
        """The numbers of messages taken out again."""

    def put(self, messages: Iterable[MessageRecord]) -> list[Key]:
        """Put messages away, and return the keys of those that were: not where another has its hash."""
        numbers, block, put = self.numbers, self._spool.block, list[Key]()
        for message in messages:
            known_by = hash(message.key)
            if known_by in numbers:
                continue
            numbers[known_by] = len(self._places) * block + len(self._open)
            self._open.append(message)
            put.append(message.key)
            if len(self._open) == block:
                self._places.append(self._spool.put(self._open))
                self._open = []
        return put

    def take(self, key: Key) -> MessageRecord | None:
        """Take out the message of a key, if it is remembered."""
        number = self.numbers.get(hash(key))
        if number is None:
            return None
        message = self._at(number)
        if message.key != key:
            return None
        del self.numbers[hash(key)]
        self._gone.add(number)
        return message

    def forget(self, known_by: Iterable[int], below: int) -> None:
        """Find these messages no more, but for those that were taken out and put here again as ``below`` or later."""
        numbers = self.numbers
        for one in known_by:
            if numbers.get(one, below) < below:
                del numbers[one]

    @property
    def next_number(self) -> int:
        """The number of the next message that is put here."""
        return len(self._places) * self._spool.block + len(self._open)

    def with_rest(self, rest: tuple[MessageRecord, ...]) -> Packed[MessageRecord]:
        """Return all that is here, forgotten or not, and then ``rest``."""
        first = len(self._places) * self._spool.block
        here = tuple(message for at, message in enumerate(self._open, first) if at not in self._gone)
        gone = frozenset(at for at in self._gone if at < first)
        return Packed(self._spool, tuple(self._places), _messages_of, here + rest, gone)

    @property
    def packed(self) -> int:
        """How many messages lie on disk."""
        return len(self._places) * self._spool.block

    def _at(self, number: int) -> MessageRecord:
        block, at = divmod(number, self._spool.block)
        if block == len(self._places):
            return self._open[at]
        return _messages_of(self._spool.get(self._places[block]))[at]


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

    def with_rest(
        self, rest: tuple[Record | int, ...], unpack_alone: Callable[[bytes], Any] | None = None
    ) -> Packed[Any]:
        """Return all that is here and then ``rest``: records, or places of such that lie alone."""
        first = len(self._places) * self._spool.block
        here = tuple(record for at, record in enumerate(self._open, first) if at not in self._gone)
        gone = frozenset(at for at in self._gone if at < first)
        return Packed(self._spool, tuple(self._places), self._unpack, here + rest, gone, unpack_alone)

    def __len__(self) -> int:
        return len(self._hashes) - len(self._gone)

    def _at(self, number: int) -> Record:
        block, at = divmod(number, self._spool.block)
        if block == len(self._places):
            return self._open[at]
        return self._unpack(self._spool.get(self._places[block]))[at]


class ShelvedVersioned(Versioned):
    """One record a key; those put away are found again, and of those that lie still only the place is at hand."""

    __slots__ = ("_decode", "_spool", "shelf")

    def __init__(self, kind: type[Record], shelf: Shelf, spool: Spool) -> None:
        """``shelf`` is where records are put away, ``spool`` where they lie still."""
        super().__init__(KINDS[kind].key)
        self._decode: Callable[[bytes], Any] = msgspec.msgpack.Decoder(kind).decode
        self._spool = spool
        self.shelf = shelf

    def find(self, key: str) -> Record | None:
        """Return the record of this key."""
        record = self._stored.get(key)
        if record is None:
            taken = self.shelf.take(key)
            if taken:
                record = self._stored[key] = taken[-1]
        elif type(record) is int:
            return self._lying(record)
        return record

    def fits(self, record: Any) -> bool:
        """Return whether ``record`` is the next version of what is stored."""
        stored: Any = self.find(getattr(record, self._key))
        return bool(record.version == (1 if stored is None else stored.version + 1))

    def all(self) -> tuple[Record, ...]:
        """Return every record at hand as it stands."""
        return tuple(self._lying(one) if type(one) is int else one for one in self._stored.values())

    def whole(self) -> Packed[Any]:
        """Return every record as it stands, unpacked as it is read: a nation has a million that lie."""
        return self.shelf.with_rest(tuple(self._stored.values()), self._decode)

    def put_away(self, key: str) -> None:
        """Put the record of this key away, if it is at hand."""
        record = self._stored.pop(key, None)
        if record is not None:
            self.shelf.put(self._lying(record) if type(record) is int else record)

    def at_hand(self, key: str) -> Any:
        """Return the record of this key, if it is at hand and does not lie still."""
        record = self._stored.get(key)
        return None if type(record) is int else record

    def lay_down(self, key: str) -> None:
        """Keep only the place of the record of this key at hand."""
        record = self._stored.get(key)
        if record is not None and type(record) is not int:
            self._stored[key] = self._spool.put_alone(_pack(record))

    def _lying(self, place: int) -> Any:
        return self._decode(self._spool.get_alone(place))


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

    def whole(self) -> Packed[Any]:
        """Return all, put away or not."""
        return self.shelf.with_rest(self.all())

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


def shelved(kind: type[Record], spool: Spool, seen: Seen) -> ShelvedVersioned | ShelvedStanding:
    """Return a keeper of this kind that can put its records away."""
    shelf = Shelf(kind, spool, seen)
    if KINDS[kind].way is Way.STANDING:
        return ShelvedStanding(KINDS[kind].key, shelf)
    return ShelvedVersioned(kind, shelf, spool)
