"""What is asked of one SQLite connection: a look at one instant, one change, the whole books.

``apply`` runs inside a transaction that its caller begins and commits, so that many changes share one flush to disk.
It must never raise for what another change did: an error would roll back the neighbours.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import closing
from typing import TYPE_CHECKING, Any

from reference_impl.books.final import BooksError, FinalBooks, refuse_unknown
from reference_impl.books.sql.layout import LAYOUTS, Layout, Row
from reference_impl.books.sql.rows import message_of, message_row, outcome_row
from reference_impl.books.sql.statements import read_statements
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
)

if TYPE_CHECKING:
    from pathlib import Path

    from reference_impl.protocol.records import Key, Record, Ref

__all__ = [
    "COMMITTED",
    "apply",
    "connect",
    "count_start",
    "find_intents",
    "find_latest_us",
    "probe",
    "read_all_of",
    "read_whole",
    "see",
    "see_at_one_instant",
]

COMMITTED = Committed()
"""What every change that was written comes to."""
_STALE = Stale()
_SQL = read_statements()
_FIND_MESSAGE, _MARK_OF_MESSAGE, _INSERT_MESSAGE, _CLOSE_MESSAGE, _MARK_MESSAGE = (
    _SQL[name] for name in ("find_message", "mark_of_message", "insert_message", "close_message", "mark_message")
)
_FIND = {kind: _SQL.get(f"find_{layout.kind.name}") for kind, layout in LAYOUTS.items()}
_TOGETHER = {found: _SQL[f"find_{KINDS[listing.kind].name}_by_{listing.by}"] for found, listing in LISTS.items()}
_VERSION = {kind: _SQL[f"version_of_{layout.kind.name}"] for kind, layout in LAYOUTS.items() if layout.versioned}
_KEEP = {kind: _SQL[f"keep_{layout.kind.name}"] for kind, layout in LAYOUTS.items()}
_CACHE_KIB = 16 * 1024


def connect(file: Path | str) -> sqlite3.Connection:
    """Return a connection that flushes every commit (FULL) and leaves transactions to its user.

    ``file`` is a path, or as text a URI that says how it is opened.
    """
    uri = isinstance(file, str)
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, cached_statements=64, uri=uri)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    connection.execute("PRAGMA busy_timeout=5000")
    return connection


def see(connection: sqlite3.Connection, key: Key, refs: tuple[Ref, ...] = ()) -> View:
    """Return what is known of the message and of the records named; nothing is written meanwhile."""
    message = _find_message(connection, key)
    if not refs:
        return View(message)
    found = [_find(connection, ref) for ref in refs]
    return View(message, tuple([record for record in found if record is not None]))


def see_at_one_instant(connection: sqlite3.Connection, key: Key, refs: tuple[Ref, ...] = ()) -> View:
    """Return what is known of the message and of the records named, at one instant, whatever others write."""
    if not refs:
        return see(connection, key)
    connection.execute("BEGIN")
    try:
        return see(connection, key, refs)
    finally:
        connection.execute("COMMIT")


def apply(connection: sqlite3.Connection, change: Change) -> CommitResult:
    """Write the whole change or none of it, and say which."""
    refuse_unknown(change.records)
    for record in change.records:
        if type(record) in _VERSION and _is_stale(connection, record):
            return _stale_unless_known(connection, change)
    if _reversed_meanwhile(connection, change):
        return _STALE
    if change.insert:
        if not connection.execute(_INSERT_MESSAGE, message_row(change.message)).rowcount:
            return AlreadyThere(_must_find(connection, change.message.key))
    elif not connection.execute(_CLOSE_MESSAGE, outcome_row(change.message)).rowcount:
        raise _nothing_to_replace(change.message.key)
    if change.tombstone is not None:
        connection.execute(_MARK_MESSAGE, message_row(change.tombstone))
    if change.lifted is not None:
        connection.execute(_SQL["lift_mark"], (change.lifted.msgid, change.lifted.sender, change.message.key.msgid))
    for record in change.records:
        _keep(connection, record)
    return COMMITTED


def find_intents(connection: sqlite3.Connection) -> tuple[MessageRecord, ...]:
    """Return the intents without outcome, oldest first."""
    return tuple(map(message_of, connection.execute(_SQL["find_intents"])))


def count_start(connection: sqlite3.Connection) -> int:
    """Write down one more start of the node's process, and return how many there were before."""
    connection.execute("BEGIN IMMEDIATE")
    (before,) = connection.execute(_SQL["count_starts"]).fetchone()
    connection.execute(_SQL["keep_start"])
    connection.execute("COMMIT")
    return before


def probe(path: Path) -> None:
    """Have the disk take a page of the file at ``path``: its version is written over with itself, and flushed.

    Raises:
        sqlite3.Error: when the file does not take it, or is gone; none is made in its place.

    """
    with closing(connect(f"{path.absolute().as_uri()}?mode=rw")) as connection:
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute(f"PRAGMA user_version={version}")
        connection.execute("COMMIT")


def find_latest_us(connection: sqlite3.Connection) -> int | None:
    """Return the latest instant that anything in the books was opened or posted at; None in empty books."""
    (latest_us,) = connection.execute(_SQL["latest_instant"]).fetchone()
    return latest_us


def read_whole(connection: sqlite3.Connection) -> FinalBooks:
    """Return everything written down, at one instant."""
    connection.execute("BEGIN")
    try:
        return read_all_of(connection)
    finally:
        connection.execute("COMMIT")


def read_all_of(connection: sqlite3.Connection) -> FinalBooks:
    """Return everything written down, inside a transaction of the caller's."""
    messages = tuple(map(message_of, connection.execute(_SQL["all_messages"])))
    return FinalBooks(messages, {kind: _all(connection, layout) for kind, layout in LAYOUTS.items()})


# --- records ----------------------------------------------------------------------------------------------------------


def _find(connection: sqlite3.Connection, ref: Ref) -> Record | None:
    statement = _FIND.get(ref.kind)
    if statement is None:
        return _find_together(connection, ref)
    row = connection.execute(statement, (ref.key,)).fetchone()
    return None if row is None else LAYOUTS[ref.kind].record_of(row)


def _find_together(connection: sqlite3.Connection, ref: Ref) -> Record | None:
    """Return all records that have in common what ``ref`` names; None of a kind that is never looked up."""
    if ref.kind not in LISTS:
        return None
    found: Any = ref.kind
    record_of = LAYOUTS[LISTS[ref.kind].kind].record_of
    records = tuple(map(record_of, connection.execute(_TOGETHER[ref.kind], (ref.key,))))
    return found(ref.key, records) if records else None


def _is_stale(connection: sqlite3.Connection, record: Any) -> bool:
    key = getattr(record, LAYOUTS[type(record)].kind.key)
    row = connection.execute(_VERSION[type(record)], (key,)).fetchone()
    return record.version != (1 if row is None else row[0] + 1)


def _keep(connection: sqlite3.Connection, record: Record) -> None:
    kind = type(record)
    layout = LAYOUTS[kind]
    serial = connection.execute(_KEEP[kind], layout.row_of(record)).lastrowid
    child = layout.child
    if child is not None:
        rows = [(serial, place, *row) for place, row in enumerate(getattr(record, child.field))]
        connection.executemany(_SQL[f"keep_{child.table}"], rows)


def _all(connection: sqlite3.Connection, layout: Layout) -> tuple[Record, ...]:
    rows = connection.execute(_SQL[f"all_{layout.kind.name}"])
    if layout.versioned:
        return tuple(map(layout.record_of, rows))
    children: defaultdict[int, list[Row]] = defaultdict(list)
    if layout.child is not None:
        for serial, _, *cells in connection.execute(_SQL[f"all_{layout.child.table}"]):
            children[serial].append(tuple(cells))
    return tuple(layout.record_of(cells, children.get(serial, ())) for serial, *cells in rows)


# --- messages ---------------------------------------------------------------------------------------------------------


def _find_message(connection: sqlite3.Connection, key: Key) -> MessageRecord | None:
    row = connection.execute(_FIND_MESSAGE, (key.msgid, key.sender)).fetchone()
    return None if row is None else message_of(row)


def _reversed_meanwhile(connection: sqlite3.Connection, change: Change) -> bool:
    """Return whether an outcome that writes records does not know of a reversal that came before it."""
    message = change.message
    if change.insert or not change.records or message.reversed_by is not None:
        return False
    row = connection.execute(_MARK_OF_MESSAGE, (message.key.msgid, message.key.sender)).fetchone()
    return row is not None and row[0] is not None


def _stale_unless_known(connection: sqlite3.Connection, change: Change) -> CommitResult:
    """Return the result of a change whose versions are stale: a known key is said first."""
    stored = _find_message(connection, change.message.key)
    if change.insert:
        return _STALE if stored is None or stored.withdrawn else AlreadyThere(stored)
    if stored is None:
        raise _nothing_to_replace(change.message.key)
    return _STALE


def _nothing_to_replace(key: Key) -> BooksError:
    return BooksError(f"no message of key {key} to replace: insert it first")


def _must_find(connection: sqlite3.Connection, key: Key) -> MessageRecord:
    message = _find_message(connection, key)
    if message is None:
        raise BooksError(f"message of key {key} was refused as known, and is not there: the file is damaged")
    return message
