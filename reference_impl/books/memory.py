"""Books in dicts: what the simulated world writes in, and the plain statement of the contract.

The simulator's speed hangs on ``apply`` and ``see``: they share the structs they are given and copy nothing.
They must never suspend, and never keep a half-applied change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from reference_impl.books.final import BooksError, FinalBooks, refuse_unknown
from reference_impl.protocol.records import (
    KINDS,
    AlreadyThere,
    Change,
    CommitResult,
    Committed,
    MessageRecord,
    Stale,
    View,
    Way,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reference_impl.protocol.messages import MessageId
    from reference_impl.protocol.records import Key, Record, Ref

__all__ = ["MemoryBooks"]

_COMMITTED = Committed()
_STALE = Stale()


class Versioned:
    """One record a key; the next version takes the place of the last."""

    __slots__ = ("_key", "_stored")

    def __init__(self, key: str) -> None:
        """``key`` is the field a record is found by."""
        self._key = key
        self._stored: dict[str, Any] = {}

    def find(self, key: str) -> Record | None:
        """Return the record of this key."""
        return self._stored.get(key)

    def fits(self, record: Any) -> bool:
        """Return whether ``record`` is the next version of what is stored."""
        stored = self._stored.get(getattr(record, self._key))
        return record.version == (1 if stored is None else stored.version + 1)

    def keep(self, record: Record) -> None:
        """Write ``record``, which fits."""
        self._stored[getattr(record, self._key)] = record

    def all(self) -> tuple[Record, ...]:
        """Return every record as it stands."""
        return tuple(self._stored.values())


class Appended:
    """Records one after the other; nobody looks for one."""

    __slots__ = ("rows",)

    def __init__(self) -> None:
        """Start empty."""
        self.rows: list[Record] = []

    def find(self, key: str) -> Record | None:
        """Return None: such records are never looked up."""
        del key

    def fits(self, record: Record) -> bool:
        """Return True: there is always room for one more."""
        del record
        return True

    def keep(self, record: Record) -> None:
        """Append ``record``."""
        self.rows.append(record)

    def all(self) -> tuple[Record, ...]:
        """Return all, in the order written."""
        return tuple(self.rows)


class Standing(Appended):
    """Records one after the other, of which the latest of a key that no later one reverses stands."""

    __slots__ = ("_key", "_standing")

    def __init__(self, key: str) -> None:
        """``key`` is the field a record is found by."""
        super().__init__()
        self._key = key
        self._standing: dict[str, list[Any]] = {}
        """Two standing settlements of a visit are a fault the checker must be able to see."""

    def find(self, key: str) -> Record | None:
        """Return the one that stands."""
        standing = self._standing.get(key)
        return standing[-1] if standing else None

    def keep(self, record: Any) -> None:
        """Append ``record``; a negative one lets what it reverses stand no more."""
        self.rows.append(record)
        standing = self._standing.setdefault(getattr(record, self._key), [])
        if record.sign > 0:
            standing.append(record)
        else:
            standing[:] = [one for one in standing if one.settlement != record.reverses]


Keeper = Versioned | Appended


def _keeper(kind: type[Record]) -> Keeper:
    _, key, way = KINDS[kind]
    if way is Way.VERSIONED:
        return Versioned(key)
    return Standing(key) if way is Way.STANDING else Appended()


class MemoryBooks:
    """One node's books in memory: ``see`` and ``apply`` at once, ``look`` and ``commit`` for the port."""

    __slots__ = ("_keepers", "_messages")

    def __init__(self) -> None:
        """Open empty books."""
        self._messages: dict[Key, MessageRecord] = {}
        self._keepers: dict[type[Record], Keeper] = {kind: _keeper(kind) for kind in KINDS}

    def see(self, key: Key, refs: tuple[Ref, ...] = ()) -> View:
        """Return what is known of the message and of the records named."""
        message = self._messages.get(key)
        if not refs:
            return View(message)
        keepers = self._keepers
        found: list[Record] = []
        for ref in refs:
            record = keepers[ref.kind].find(ref.key)
            if record is not None:
                found.append(record)
        return View(message, tuple(found))

    def apply(self, change: Change) -> CommitResult:
        """Apply the whole change or none of it."""
        message = change.message
        stored = self._messages.get(message.key)
        if change.insert:
            if stored is not None and not stored.withdrawn:
                return AlreadyThere(stored)
        else:
            message = _closed(stored, message)
        keepers, records = self._keepers, change.records
        if records:
            refuse_unknown(records)
            for record in records:
                if not keepers[type(record)].fits(record):
                    return _STALE
        if stored is not None and stored.reversed_by is not None:
            if records and not change.insert and message.reversed_by is None:
                return _STALE
            message = msgspec.structs.replace(message, reversed_by=stored.reversed_by)
        self._messages[message.key] = message
        if change.tombstone is not None or change.lifted is not None:
            self._reverse(change)
        for record in records:
            keepers[type(record)].keep(record)
        return _COMMITTED

    def put_in(self, messages: Iterable[MessageRecord], records: Iterable[Record]) -> None:
        """Hold what other books held, as it stands, whatever its version."""
        self._messages.update((message.key, message) for message in messages)
        for record in records:
            self._keepers[type(record)].keep(record)

    def intents(self) -> tuple[MessageRecord, ...]:
        """Return the intents without outcome, oldest first."""
        open_ = [message for message in self._messages.values() if _is_open(message)]
        return tuple(sorted(open_, key=lambda message: message.opened_us))

    async def look(self, key: Key, *refs: Ref) -> View:
        """Return what is known of the message and of the records named, at one instant."""
        return self.see(key, refs)

    async def commit(self, change: Change) -> CommitResult:
        """Apply the whole change or none of it."""
        return self.apply(change)

    async def open_intents(self) -> tuple[MessageRecord, ...]:
        """Return the intents without outcome, oldest first."""
        return self.intents()

    def read_all(self) -> FinalBooks:
        """Return everything written down."""
        return FinalBooks(
            tuple(self._messages.values()), {kind: keeper.all() for kind, keeper in self._keepers.items()}
        )

    def _reverse(self, change: Change) -> None:
        """Set the mark that a reversal leaves, or lift the one it left."""
        if change.tombstone is not None:
            self._mark(change.tombstone)
        if change.lifted is not None:
            self._lift(change.lifted, change.message.key.msgid)

    def _mark(self, tombstone: MessageRecord) -> None:
        stored = self._messages.get(tombstone.key)
        if stored is None:
            self._messages[tombstone.key] = tombstone
        elif stored.reversed_by is None:
            self._messages[tombstone.key] = msgspec.structs.replace(stored, reversed_by=tombstone.reversed_by)

    def _lift(self, key: Key, by: MessageId) -> None:
        stored = self._messages.get(key)
        if stored is not None and stored.reversed_by == by:
            withdrawn = stored.withdrawn or stored.request is None
            self._messages[key] = msgspec.structs.replace(stored, reversed_by=None, withdrawn=withdrawn)


def _closed(stored: MessageRecord | None, message: MessageRecord) -> MessageRecord:
    """Return a stored message with the outcome in ``message``; what it asked stands."""
    if stored is None:
        raise BooksError(f"no message of key {message.key} to replace: insert it first")
    if message.request is not None and stored.request is message.request:
        return message
    return msgspec.structs.replace(message, code=stored.code, opened_us=stored.opened_us, request=stored.request)


def _is_open(message: MessageRecord) -> bool:
    """Return whether a restart has to drive it; a reversed message needs no outcome, its reversal has one."""
    return (
        message.reply is None and message.request is not None and message.reversed_by is None and not message.withdrawn
    )
