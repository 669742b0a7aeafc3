"""What is asked of one SQLite connection: a look at one instant, one change, the whole books.

``apply`` runs inside a transaction that its caller begins and commits, so that many changes share one flush to disk.
It must never raise for what another change did: an error would roll back the neighbours.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from reference_impl.books.final import BooksError, FinalBooks
from reference_impl.books.sql import rows
from reference_impl.books.sql.statements import read_statements
from reference_impl.protocol.records import AlreadyThere, Change, Committed, Entry, Posting, Stale, Verdict, View

if TYPE_CHECKING:
    from pathlib import Path

    from reference_impl.protocol.messages import PersonNo, VisitId
    from reference_impl.protocol.records import Key, PersonRecord, VisitRecord

__all__ = ["apply", "connect", "find_intents", "read_whole", "see"]

_COMMITTED = Committed()
_STALE = Stale()
_SQL = read_statements()
_FIND_ENTRY, _FIND_PERSON, _FIND_VISIT, _FIND_CLAIM, _FIND_VERSIONS, _INSERT_ENTRY, _REPLACE_ENTRY, _MARK_ENTRY = (
    _SQL[name]
    for name in (
        "find_entry",
        "find_person",
        "find_visit",
        "find_claim",
        "find_versions",
        "insert_entry",
        "replace_entry",
        "mark_entry",
    )
)
_CACHE_KIB = 16 * 1024


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection that flushes every commit (FULL) and leaves transactions to its user."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    connection.execute("PRAGMA busy_timeout=5000")
    return connection


def see(connection: sqlite3.Connection, key: Key, person: PersonNo | None, visit: VisitId | None) -> View:
    """Return what is known of the message, the person and the visit, at one instant."""
    if person is None and visit is None:
        return View(_find_entry(connection, key))
    execute = connection.execute
    execute("BEGIN")
    try:
        entry = _find_entry(connection, key)
        holder = None if person is None else execute(_FIND_PERSON, (person,)).fetchone()
        known = claim = None
        if visit is not None:
            known = execute(_FIND_VISIT, (visit,)).fetchone()
            claim = execute(_FIND_CLAIM, (visit,)).fetchone()
    finally:
        execute("COMMIT")
    return View(
        entry,
        None if holder is None else rows.person_of(holder),
        None if known is None else rows.visit_of(known),
        None if claim is None else rows.claim_of(claim),
    )


def apply(connection: sqlite3.Connection, change: Change) -> Verdict:
    """Write the whole change or none of it, and say which."""
    entry, person, visit = change.entry, change.person, change.visit
    if (person is not None or visit is not None) and _is_stale(connection, person, visit):
        return _stale_unless_known(connection, change)
    row = rows.entry_row(entry)
    if change.insert:
        if not connection.execute(_INSERT_ENTRY, row).rowcount:
            return AlreadyThere(_must_find(connection, entry.key))
    elif not connection.execute(_REPLACE_ENTRY, (*row[2:6], row[6], row[7], row[1], row[0])).rowcount:
        raise _nothing_to_replace(entry.key)
    if change.tombstone is not None:
        connection.execute(_MARK_ENTRY, rows.entry_row(change.tombstone))
    if person is not None:
        connection.execute(_SQL["write_person"], rows.person_row(person))
    if visit is not None:
        connection.execute(_SQL["write_visit"], rows.visit_row(visit))
    if change.claim is not None:
        connection.execute(_SQL["insert_claim"], rows.claim_row(change.claim))
    if change.posting is not None:
        _insert_posting(connection, change.posting)
    return _COMMITTED


def find_intents(connection: sqlite3.Connection) -> tuple[Entry, ...]:
    """Return the intents without outcome, oldest first."""
    return tuple(map(rows.entry_of, connection.execute(_SQL["find_intents"])))


def read_whole(connection: sqlite3.Connection) -> FinalBooks:
    """Return everything written down, at one instant."""
    execute = connection.execute
    execute("BEGIN")
    try:
        return FinalBooks(
            tuple(map(rows.entry_of, execute(_SQL["all_entries"]))),
            tuple(map(rows.visit_of, execute(_SQL["all_visits"]))),
            tuple(map(rows.person_of, execute(_SQL["all_persons"]))),
            tuple(map(rows.claim_of, execute(_SQL["all_claims"]))),
            rows.postings_of(execute(_SQL["all_postings"]), execute(_SQL["all_legs"])),
        )
    finally:
        execute("COMMIT")


def _find_entry(connection: sqlite3.Connection, key: Key) -> Entry | None:
    row = connection.execute(_FIND_ENTRY, (key.msgid, key.sender)).fetchone()
    return None if row is None else rows.entry_of(row)


def _stale_unless_known(connection: sqlite3.Connection, change: Change) -> Verdict:
    """Return the verdict on a change whose versions are stale: a known key is said first."""
    stored = _find_entry(connection, change.entry.key)
    if change.insert:
        return _STALE if stored is None or stored.withdrawn else AlreadyThere(stored)
    if stored is None:
        raise _nothing_to_replace(change.entry.key)
    return _STALE


def _nothing_to_replace(key: Key) -> BooksError:
    return BooksError(f"no entry of key {key} to replace: insert it first")


def _must_find(connection: sqlite3.Connection, key: Key) -> Entry:
    entry = _find_entry(connection, key)
    if entry is None:
        raise BooksError(f"entry of key {key} was refused as known, and is not there: the file is damaged")
    return entry


def _is_stale(connection: sqlite3.Connection, person: PersonRecord | None, visit: VisitRecord | None) -> bool:
    keys = (None if person is None else person.person, None if visit is None else visit.visit)
    person_version, visit_version = connection.execute(_FIND_VERSIONS, keys).fetchone()
    return (person is not None and person.version != (person_version or 0) + 1) or (
        visit is not None and visit.version != (visit_version or 0) + 1
    )


def _insert_posting(connection: sqlite3.Connection, posting: Posting) -> None:
    header = (posting.posting, posting.settlement, posting.posted_us)
    number = connection.execute(_SQL["insert_posting"], header).lastrowid
    legs = [(number, place, leg.account, leg.amount_fen) for place, leg in enumerate(posting.legs)]
    connection.executemany(_SQL["insert_leg"], legs)
