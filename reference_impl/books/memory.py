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
    LISTS,
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
    from collections.abc import Iterable, Sequence

    from reference_impl.protocol.messages import MessageId
    from reference_impl.protocol.records import Key, Listing, Record, Ref

__all__ = ["MemoryBooks", "finders"]

_COMMITTED = Committed()
_STALE = Stale()


class Versioned:
    """One record a key; the next version takes the place of the last."""

    __slots__ = ("_by", "_key", "_keys_by", "_stored")

    def __init__(self, key: str) -> None:
        """``key`` is the field a record is found by."""
        self._key = key
        self._stored: dict[str, Any] = {}
        self._by = ""
        """The other field by which records are found together, once somebody has asked."""
        self._keys_by: dict[str, dict[str, None]] | None = None
        """The keys of records that have, or once had, a value of it: most books are never asked, and keep none."""

    def find(self, key: str) -> Record | None:
        """Return the record of this key."""
        return self._stored.get(key)

    def fits(self, record: Any) -> bool:
        """Return whether ``record`` is the next version of what is stored."""
        stored = self._stored.get(getattr(record, self._key))
        return record.version == (1 if stored is None else stored.version + 1)

    def keep(self, record: Record) -> None:
        """Write ``record``, which fits."""
        key = getattr(record, self._key)
        self._stored[key] = record
        if self._keys_by is not None:
            self._keys_by.setdefault(getattr(record, self._by), {})[key] = None

    def find_together(self, by: str, value: str) -> tuple[Any, ...]:
        """Return the records whose field ``by`` has this value, by their keys; it is the same field every time."""
        keys_by = self._keys_by
        if keys_by is None:
            keys_by = dict[str, dict[str, None]]()
            self._by = by
            for record in self.whole():
                keys_by.setdefault(getattr(record, by), {})[getattr(record, self._key)] = None
            self._keys_by = keys_by
        found: list[Any] = [self.find(key) for key in sorted(keys_by.get(value, ()))]
        return tuple(record for record in found if getattr(record, by) == value)

    def all(self) -> tuple[Record, ...]:
        """Return every record as it stands."""
        return tuple(self._stored.values())

    def whole(self) -> Sequence[Any]:
        """Return every record as it stands, wherever it lies."""
        return self.all()


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


class Together:
    """Finds records of a versioned kind together."""

    __slots__ = ("_by", "_found", "_keeper")

    def __init__(self, found: type[Record], by: str, keeper: Versioned) -> None:
        """Return what ``keeper`` finds by the field ``by`` as one ``found``."""
        self._found: Any = found
        self._by = by
        self._keeper = keeper

    def find(self, key: str) -> Record | None:
        """Return those of this value; None where there is none."""
        records = self._keeper.find_together(self._by, key)
        return self._found(key, records) if records else None


Keeper = Versioned | Appended


def finders(keepers: dict[type[Record], Keeper]) -> dict[type[Record], Keeper | Together]:
    """Return what a look asks: each keeper, and what finds their records together."""
    return {**keepers, **{found: _together(found, listing, keepers) for found, listing in LISTS.items()}}


def _together(found: type[Record], listing: Listing, keepers: dict[type[Record], Keeper]) -> Together:
    keeper = keepers[listing.kind]
    assert isinstance(keeper, Versioned)  # LISTS names no other
    return Together(found, listing.by, keeper)


def _keeper(kind: type[Record]) -> Keeper:
    _, key, way = KINDS[kind]
    if way is Way.VERSIONED:
        return Versioned(key)
    return Standing(key) if way is Way.STANDING else Appended()


class MemoryBooks:
    """One node's books in memory: ``see`` and ``apply`` at once, ``look`` and ``commit`` for the port."""

    __slots__ = ("_finders", "_keepers", "_messages")

    def __init__(self) -> None:
        """Open empty books."""
        self._messages: dict[Key, MessageRecord] = {}
        self._keepers: dict[type[Record], Keeper] = {kind: _keeper(kind) for kind in KINDS}
        self._finders = finders(self._keepers)

    def see(self, key: Key, refs: tuple[Ref, ...] = ()) -> View:
        """Return what is known of the message and of the records named."""
        message = self._messages.get(key)
        if not refs:
            return View(message)
        finders_of = self._finders
        found: list[Record] = []
        for ref in refs:
            record = finders_of[ref.kind].find(ref.key)
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
