"""The database of a node's books, held by somebody else: nothing is committed to it until they let go.

In a file another connection has the lock of whoever writes, so that each commit waits its time and fails; what was
committed may still be read. On a server every session of the node is ended, whatever it was doing, and a new one finds
all tables locked. Both locks are of a connection of this process: they end with it, however it ends. It must never
write anything.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from typing import TYPE_CHECKING, Any, Protocol

from reference_impl.books.final import BooksError
from reference_impl.books.postgresql.place import PostgresqlPlace
from reference_impl.books.postgresql.session import ERRORS, connect, trouble
from reference_impl.books.sqlite.connection import connect as connect_to_file
from reference_impl.books.sqlite.place import SqlitePlace

if TYPE_CHECKING:
    from reference_impl.books.places import Place
    from reference_impl.books.postgresql.address import Schema

__all__ = ["HeldDatabases"]

_LIMIT_S = 30.0
_END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = $1 AND pid <> pg_backend_pid() AND datname = current_database()"""
_TABLES = "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables WHERE schemaname = $1"


class _Hold(Protocol):
    def end(self) -> None: ...


class HeldDatabases:
    """The databases that are held at this moment, by their nodes."""

    def __init__(self) -> None:
        """Hold none."""
        self._held: dict[str, _Hold] = {}

    def take(self, node: str, place: Place) -> None:
        """Hold the database of a node's books, which lie at ``place``.

        Raises:
            BooksError: when it cannot be held.

        """
        self._held[node] = _HeldFile(place) if isinstance(place, SqlitePlace) else _HeldSchema(_schema_of(place))

    def let_go(self, node: str) -> None:
        """Let the node have it again; where it is not held, nothing happens."""
        held = self._held.pop(node, None)
        if held is not None:
            held.end()


def _schema_of(place: Place) -> Schema:
    assert isinstance(place, PostgresqlPlace)  # there is no third kind
    return place.schema


class _HeldFile:
    """The lock of whoever writes into a file."""

    def __init__(self, place: SqlitePlace) -> None:
        try:
            self._connection = connect_to_file(place.path)
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise BooksError(f"books {place.path} cannot be held: {error}") from None

    def end(self) -> None:
        self._connection.close()


class _HeldSchema:
    """Locks on all tables of a schema, in a session that a thread of its own keeps."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._over = threading.Event()
        self._begun = threading.Event()
        self._failure: BooksError | None = None
        self._thread = threading.Thread(target=self._run, name=f"holds {schema.name}", daemon=True)
        self._thread.start()
        if not self._begun.wait(_LIMIT_S):
            self.end()
            raise BooksError(f"books {schema} cannot be held: the server says nothing for {_LIMIT_S:g} s")
        if self._failure is not None:
            raise self._failure

    def end(self) -> None:
        self._over.set()
        self._thread.join(_LIMIT_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._hold())
        except BooksError as error:
            self._failure = error
        except ERRORS as error:
            self._failure = BooksError(f"books {self._schema} cannot be held: {trouble(error)}")
        finally:
            self._begun.set()

    async def _hold(self) -> None:
        connection = await connect(self._schema)
        try:
            await self._lock(connection)
            self._begun.set()
            await asyncio.to_thread(self._over.wait)
        finally:
            connection.terminate()

    async def _lock(self, connection: Any) -> None:
        name = self._schema.name
        tables = await connection.fetchval(_TABLES, name)
        if tables is None:
            raise BooksError(f"books {self._schema} cannot be held: no books are there")
        await connection.execute(_END_OTHERS.replace("$1", f"'{name}'"))  # a name of small letters, digits and _
        await connection.execute(f"BEGIN; LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
        await connection.fetch(_END_OTHERS, name)
