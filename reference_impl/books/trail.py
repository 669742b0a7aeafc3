"""The trail (留痕) of a node's books: every commit once more, in order, each chained to the one before it (G19).

An entry stands in the same commit as what it tells of. It holds the changes themselves, so the books are what comes of
doing them again: a row that is missing, added or altered is found and named, by other code than wrote it (the books in
memory). Whoever can write the file could write the whole chain anew; an entry noted elsewhere (its number and hash)
says that they did not. This module knows no database.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from reference_impl.books.final import BooksError, FinalBooks
from reference_impl.books.memory import MemoryBooks
from reference_impl.books.packing import unpacked
from reference_impl.domain.unreadable import NO_JSON
from reference_impl.protocol.messages import MessageId, Reply, Request
from reference_impl.protocol.records import KINDS, Change, Committed, Key, MessageRecord, Record, Way

__all__ = [
    "BEGINNING",
    "GROUP_HEAD",
    "NAMED_MAX",
    "SERIAL_BYTES",
    "Entry",
    "Noted",
    "Verified",
    "entry_after",
    "opening_content",
    "told",
    "verify",
    "written",
]

NAMED_MAX = 100
"""So many findings are named; all are counted."""
SERIAL_BYTES = 8
"""An entry's number is hashed as so many bytes, the highest first."""
_HASH = hashlib.sha256


class Entry(NamedTuple):
    """A row of the trail; where it is kept the content may be packed (``packing``)."""

    serial: int
    hash: bytes
    content: bytes


class Noted(NamedTuple):
    """An entry as somebody wrote it down elsewhere."""

    serial: int
    hash: bytes


BEGINNING = Noted(0, bytes(_HASH().digest_size))
"""What the first entry follows."""


class _Done(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One change, its message laid flat. That of an outcome leaves out what it asked, which stands with its intent."""

    key: Key
    code: str
    opened_us: int
    request: Request | None
    reply: Reply | None
    reversed_by: MessageId | None
    withdrawn: bool
    insert: bool
    tombstone: MessageRecord | None
    lifted: Key | None
    records: tuple[tuple[str, Any], ...]


class _Group(msgspec.Struct, frozen=True, gc=False, tag="group", array_like=True):
    """The changes of one commit."""

    changes: tuple[_Done, ...]


class _Opening(msgspec.Struct, frozen=True, gc=False, tag="opening", array_like=True):
    """What books held when their trail began: they are from before there was one."""

    messages: tuple[MessageRecord, ...]
    records: tuple[tuple[str, Any], ...]


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What came of verifying: how many entries, the last one's hash, what is wrong."""

    entries: int
    tip: str
    findings: tuple[str, ...]
    """The first of them."""
    found: int

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return self.found == 0


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Group | _Opening).decode
_NAME_OF = {kind: one.name for kind, one in KINDS.items()}
_KIND_OF = {one.name: kind for kind, one in KINDS.items()}
GROUP_HEAD = _encode(_Group(()))[:-1]
"""What the content of a commit's entry begins with: behind it a list in MessagePack, of what ``told`` says of each."""


def written(changes: Sequence[Change]) -> bytes:
    """Return the content of an entry for the changes of one commit."""
    return _encode(_Group(tuple([_done(change) for change in changes])))


def told(change: Change) -> bytes:
    """Return what an entry holds of one change, for books that learn only while writing which changes hold."""
    return _encode(_done(change))


def opening_content(held: FinalBooks) -> bytes:
    """Return the content of the first entry of books that held something before."""
    records = tuple((_NAME_OF[kind], one) for kind, rows in held.records.items() for one in rows)
    return _encode(_Opening(tuple(held.messages), records))


def entry_after(serial: int, before: bytes, content: bytes) -> Entry:
    """Return the entry that follows the one of number ``serial`` and hash ``before``."""
    number = (serial + 1).to_bytes(SERIAL_BYTES, "big")
    return Entry(serial + 1, _HASH(b"".join((before, number, content))).digest(), content)


def verify(
    entries: Iterable[Entry],
    books: FinalBooks,
    noted: Sequence[Noted] = (),
    unread: Iterable[tuple[str, str]] = (),
) -> Verified:
    """Hold a trail against itself, against what was noted of it elsewhere, and the books against what it tells.

    ``unread`` are rows, by table and key, of which ``books`` can show nothing.
    """
    replay = _Replay()
    findings: list[str] = []
    found = 0
    for finding in chain(
        _findings_of(entries, replay, noted),
        _between(replay, books),
        (f"{table} {key}: added or altered, and of no record" for table, key in unread),
    ):
        found += 1
        if found <= NAMED_MAX:
            findings.append(finding)
    last = replay.last
    return Verified(entries=last.serial, tip=last.hash.hex(), findings=tuple(findings), found=found)


def _findings_of(entries: Iterable[Entry], replay: _Replay, noted: Sequence[Noted]) -> Iterator[str]:
    """Do the entries again, and yield what is wrong with them."""
    wanted: defaultdict[int, set[bytes]] = defaultdict(set)
    for one in noted:
        wanted[one.serial].add(one.hash)
    for kept in entries:
        if not _is_entry(kept):
            yield f"entry {kept.serial}: no entry of a trail, and not read"
            continue
        entry = kept._replace(content=unpacked(kept.content))
        yield from _links(replay.last, entry)
        if wanted.pop(entry.serial, set[bytes]()) - {entry.hash}:
            yield f"entry {entry.serial}: it is not the one that was noted"
        yield from replay.do(entry)
        replay.last = Noted(entry.serial, entry.hash)
    for serial in sorted(wanted):
        yield f"entry {serial}: missing, though it was noted; the trail ends with {replay.last.serial}"


def _between(replay: _Replay, books: FinalBooks) -> Iterator[str]:
    """Yield where the books are not what was done again: asked when all of it has been."""
    yield from _differences(replay.books.read_all(), books)


def _is_entry(kept: Entry) -> bool:
    """Return whether a row can be one: a file takes text and numbers for bytes, and numbers below the first."""
    cells: tuple[Any, ...] = kept.hash, kept.content
    return kept.serial > BEGINNING.serial and all(isinstance(cell, bytes) for cell in cells)


def _links(last: Noted, entry: Entry) -> Iterator[str]:
    """Yield what breaks the chain between two entries."""
    if entry.serial != last.serial + 1:
        yield f"entry {last.serial + 1}: missing; the next one there is {entry.serial}"
    elif entry_after(last.serial, last.hash, entry.content).hash != entry.hash:
        yield f"entry {entry.serial}: altered, or not the one that followed"


class _Replay:
    """Books made anew from a trail."""

    __slots__ = ("books", "last")

    def __init__(self) -> None:
        self.books = MemoryBooks()
        self.last = BEGINNING

    def do(self, entry: Entry) -> Iterator[str]:
        """Do again what an entry tells; yield what cannot be done."""
        try:
            told = _decode(entry.content)
            if isinstance(told, _Opening):
                self.books.put_in(told.messages, [_record_of(*one) for one in told.records])
                return
            for done in told.changes:
                if not isinstance(self.books.apply(_change_of(done)), Committed):
                    key = done.key
                    yield f"entry {entry.serial}: message {key.sender} {key.msgid} does not follow from those before"
        except (*NO_JSON, BooksError, LookupError) as error:
            yield f"entry {entry.serial}: cannot be done again: {error}"


def _done(change: Change) -> _Done:
    message, records, insert = change.message, change.records, change.insert
    return _Done(
        message.key,
        message.code,
        message.opened_us,
        message.request if insert else None,
        message.reply,
        message.reversed_by,
        message.withdrawn,
        insert,
        change.tombstone,
        change.lifted,
        tuple([(_NAME_OF[type(record)], record) for record in records]) if records else (),
    )


def _change_of(done: _Done) -> Change:
    message = MessageRecord(
        done.key, done.code, done.opened_us, done.request, done.reply, done.reversed_by, done.withdrawn
    )
    return Change(
        message=message,
        insert=done.insert,
        tombstone=done.tombstone,
        lifted=done.lifted,
        records=tuple(_record_of(*one) for one in done.records),
    )


def _record_of(name: str, said: Any) -> Record:
    return msgspec.convert(said, _KIND_OF[name])


# --- books against a trail --------------------------------------------------------------------------------------------


def _differences(told: FinalBooks, books: FinalBooks) -> Iterator[str]:
    """Yield where the books are not what their trail tells."""
    yield from _of_table("messages", _by_key(told.messages), _by_key(books.messages))
    for kind, (name, key, way) in KINDS.items():
        named = key if way is Way.VERSIONED else _NAMING.get(name, key)
        written, there = (side.records.get(kind, ()) for side in (told, books))
        yield from _of_table(name, _by(named, written), _by(named, there))
        if way is not Way.VERSIONED and len(written) == len(there):
            yield from _out_of_order(name, named, written, there)


_NAMING = {"settlements": "settlement", "settlement_copies": "settlement"}
"""By which field a row is named that is kept under the key of another thing."""


def _by_key(messages: Iterable[MessageRecord]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for one in messages:
        found[f"{one.key.sender} {one.key.msgid}"].append(one)
    return found


def _by(key: str, records: Iterable[Record]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for record in records:
        found[getattr(record, key)].append(record)
    return found


def _of_table(name: str, told: Mapping[str, Sequence[Any]], books: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    for key, expected in told.items():
        there = books.get(key, ())
        for one, other in zip(expected, there, strict=False):
            if _encode(one) != _encode(other):  # by what is written: a seal is equal to every other, and is evidence
                yield f"{name} {key}: altered in {', '.join(_changed(one, other))}"
        if len(there) != len(expected):
            yield f"{name} {key}: {'missing' if len(there) < len(expected) else 'there more often than it was written'}"
    for key in books.keys() - told.keys():
        yield f"{name} {key}: added, and no entry tells of it"


def _out_of_order(name: str, key: str, told: Iterable[Record], books: Iterable[Record]) -> Iterator[str]:
    """Yield what stands in the place of another row: the later of two settlements is the one that counts."""
    named, there = ([getattr(record, key) for record in side] for side in (told, books))
    if sorted(named) == sorted(there):
        yield from (f"{name} {this}: not in its order" for one, this in zip(named, there, strict=True) if one != this)


def _changed(one: msgspec.Struct, other: msgspec.Struct) -> list[str]:
    """Return the fields that differ, never what they hold."""
    before, after = msgspec.structs.asdict(one), msgspec.structs.asdict(other)
    return [name for name in before if _encode(before[name]) != _encode(after[name])]
