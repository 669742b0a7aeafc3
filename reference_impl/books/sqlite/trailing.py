"""The trail of a SQLite file: entries written in the commit that they tell of, and read beside a running process."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from reference_impl.books.final import BooksError
from reference_impl.books.packing import packed
from reference_impl.books.sql.statements import read_statements
from reference_impl.books.sqlite.connection import connect, read_all_of
from reference_impl.books.sqlite.opening import must_be_current
from reference_impl.books.trail import BEGINNING, Entry, Noted, Verified, entry_after, opening_content, verify, written

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reference_impl.protocol.records import Change

__all__ = ["begin_trail", "extend_trail", "verify_file"]

_SQL = read_statements()
_LAST, _KEEP = _SQL["last_of_trail"], _SQL["keep_trail"]


def extend_trail(connection: sqlite3.Connection, changes: Sequence[Change], tip: Noted | None = None) -> Noted | None:
    """Write the entry of a commit, inside its transaction; return it, to be the ``tip`` that the next one follows.

    Without a tip it is looked for.
    """
    return _append(connection, written(changes), tip) if changes else tip


def begin_trail(connection: sqlite3.Connection) -> None:
    """Begin the trail of books from before there was one, with what they hold; empty ones have nothing to tell."""
    (holds_messages,) = connection.execute(_SQL["last_message"]).fetchone()
    if holds_messages is None or connection.execute(_LAST).fetchone() is not None:
        return
    connection.execute("BEGIN IMMEDIATE")
    _append(connection, opening_content(read_all_of(connection)))
    connection.execute("COMMIT")


def verify_file(path: Path, noted: Sequence[Noted] = ()) -> Verified:
    """Verify the trail of a file at one instant, whoever writes it meanwhile.

    Raises:
        BooksError: when the file is not ours or cannot be read.

    """
    must_be_current(path)
    try:
        with closing(connect(path)) as connection:
            connection.execute("PRAGMA query_only=1")
            connection.execute("BEGIN")
            entries = map(Entry._make, connection.execute(_SQL["all_trail"]))
            books, unread = read_all_of(connection), connection.execute(_SQL["unread_rows"]).fetchall()
            return verify(entries, books, noted, unread)
    except (sqlite3.Error, msgspec.MsgspecError, TypeError, ValueError) as error:  # a file takes text for bytes
        raise BooksError(f"books {path} cannot be read: {error}; restore the file from a copy") from None


def _append(connection: sqlite3.Connection, content: bytes, tip: Noted | None = None) -> Noted:
    serial, before = tip or connection.execute(_LAST).fetchone() or BEGINNING
    entry = entry_after(serial, before, content)
    connection.execute(_KEEP, entry._replace(content=packed(content)))
    return Noted(entry.serial, entry.hash)
