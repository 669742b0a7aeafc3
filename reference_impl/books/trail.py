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


def verify(entries: Iterable[Entry], books: FinalBooks, noted: Sequence[Noted] = ()) -> Verified:
    """Hold a trail against itself, against what was noted of it elsewhere, and the books against what it tells."""
    replay = _Replay()
    findings: list[str] = []
    found, last, wanted = 0, BEGINNING, {one.serial: one.hash for one in noted}

    def name(finding: str) -> None:
        nonlocal found
        found += 1
        if found <= NAMED_MAX:
            findings.append(finding)

    for kept in entries:
        entry = kept._replace(content=unpacked(kept.content))
        for finding in _links(last, entry):
            name(finding)
        if wanted.pop(entry.serial, entry.hash) != entry.hash:
            name(f"entry {entry.serial}: it is not the one that was noted")
        for finding in replay.do(entry):
            name(finding)
        last = Noted(entry.serial, entry.hash)
    for serial in sorted(wanted):
        name(f"entry {serial}: missing, though it was noted; the trail ends with {last.serial}")
    for finding in _differences(replay.books.read_all(), books):
        name(finding)
    return Verified(entries=last.serial, tip=last.hash.hex(), findings=tuple(findings), found=found)


def _links(last: Noted, entry: Entry) -> Iterator[str]:
    """Yield what breaks the chain between two entries."""
    if entry.serial != last.serial + 1:
        yield f"entry {last.serial + 1}: missing; the next one there is {entry.serial}"
    elif entry_after(last.serial, last.hash, entry.content).hash != entry.hash:
        yield f"entry {entry.serial}: altered, or not the one that followed"


class _Replay:
    """Books made anew from a trail."""

    __slots__ = ("books",)

    def __init__(self) -> None:
        self.books = MemoryBooks()

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
    messages = ({f"{one.key.sender} {one.key.msgid}": [one] for one in side.messages} for side in (told, books))
    yield from _of_table("messages", *messages)
    for kind, (name, key, way) in KINDS.items():
        named = key if way is Way.VERSIONED else _NAMING.get(name, key)
        sides = (_by(named, side.records.get(kind, ())) for side in (told, books))
        yield from _of_table(name, *sides)


_NAMING = {"settlements": "settlement", "settlement_copies": "settlement"}
"""By which field a row is named that is kept under the key of another thing."""


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


def _changed(one: msgspec.Struct, other: msgspec.Struct) -> list[str]:
    """Return the fields that differ, never what they hold."""
    before, after = msgspec.structs.asdict(one), msgspec.structs.asdict(other)
    return [name for name in before if _encode(before[name]) != _encode(after[name])]
