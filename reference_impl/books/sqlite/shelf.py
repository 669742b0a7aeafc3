"""The whole of a SQLite file, open to be moved or compared; a ``reference_impl.books.moving.Shelf``.

Used by one thread at a time, which need not be the one that opened it.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from reference_impl.books.final import BooksError
from reference_impl.books.journal import must_be_there
from reference_impl.books.moving import Account
from reference_impl.books.sql.statements import read_statements
from reference_impl.books.sqlite.connection import connect
from reference_impl.books.sqlite.opening import lock, make_like

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from reference_impl.books.sql.layout import Row
    from reference_impl.books.sql.tables import BookTable

__all__ = ["SqliteShelf"]

_SQL = read_statements()
_ILL_FORMED = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError)
"""What is wrong with one row and not with the file."""


class SqliteShelf:
    """One file."""

    __slots__ = ("_connection", "_lock", "path")

    def __init__(self, connection: sqlite3.Connection, path: Path, held: int | None) -> None:
        """Use ``made`` or ``of``."""
        self._connection = connection
        self._lock = held
        self.path = path

    @classmethod
    def of(cls, path: Path) -> Self:
        """Open a file that is there to be read; another may have it open and write.

        Raises:
            BooksError: when it is not there, or cannot be read.

        """
        must_be_there(path)
        try:
            connection = connect(path)
            connection.execute("PRAGMA query_only=1")
        except sqlite3.Error as error:
            raise _unreadable(path, error) from None
        return cls(connection, path, None)

    @classmethod
    def made(cls, path: Path, like: Path) -> Self:
        """Open a file to write into, made with the tables of ``like`` when there is none, for this process alone.

        Raises:
            BooksError: when another process has it open, or it cannot be written.

        """
        held = lock(path)
        try:
            make_like(path, like)
            return cls(connect(path), path, held)
        except sqlite3.Error as error:
            os.close(held)
            raise _unreadable(path, error) from None
        except BaseException:
            os.close(held)
            raise

    def __enter__(self) -> Self:
        """Return the shelf."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def page(self, table: BookTable, after: Row, rows_max: int) -> list[Row]:
        """Return the next rows behind a key, by key."""
        with self._reading():
            cursor = self._connection.execute(_SQL[f"page_{table.name}"], after)
            try:
                return cursor.fetchmany(rows_max)
            finally:
                cursor.close()

    def put(self, table: BookTable, rows: Sequence[Row], gone: Sequence[Row]) -> list[tuple[Row, str]]:
        """Write rows by their key and take out those of the keys ``gone``, in one commit; return what is refused."""
        connection = self._connection
        refused: list[tuple[Row, str]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_SQL[f"drop_{table.name}"], gone)
            for row in rows:
                try:
                    connection.execute(_SQL[f"put_{table.name}"], row)
                except _ILL_FORMED as error:
                    refused.append((row, f"{type(error).__name__}: {error}"))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise BooksError(f"books {self.path} cannot be written: {error}") from None
        return refused

    def account(self, table: BookTable) -> Account:
        """Return how many rows a table has, and its sums of money."""
        with self._reading():
            (rows,) = self._connection.execute(_SQL[f"count_{table.name}"]).fetchone()
            sums = self._connection.execute(_SQL[f"sums_{table.name}"]).fetchone() if table.money else ()
        return Account(rows=rows, fen=dict(zip(table.money, sums, strict=True)))

    @contextmanager
    def _reading(self) -> Generator[None]:
        """Name the file that cannot be read."""
        try:
            yield
        except sqlite3.Error as error:
            raise _unreadable(self.path, error) from None

    def close(self) -> None:
        """Close the file and let others have it."""
        self._connection.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _unreadable(path: Path, error: sqlite3.Error) -> BooksError:
    return BooksError(f"books {path} cannot be read: {error}; restore the file from a copy")
