"""The whole of a schema, open to be moved or compared; a ``reference_impl.books.moving.Shelf``.

Used by one thread at a time, which need not be the one that opened it: each question runs a loop of the shelf's own.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self, TypeVar

from reference_impl.books.final import BooksError
from reference_impl.books.moving import Account
from reference_impl.books.postgresql.opening import are_there, make_ready
from reference_impl.books.postgresql.session import ERRORS, Connection, connect, is_lost, is_of_the_books, take, trouble
from reference_impl.books.sql.statements import Dialect, read_statements

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from reference_impl.books.postgresql.address import Schema
    from reference_impl.books.sql.layout import Row
    from reference_impl.books.sql.tables import BookTable

__all__ = ["PostgresqlShelf"]

_SQL = read_statements(Dialect.POSTGRESQL)
_T = TypeVar("_T")


class PostgresqlShelf:
    """One schema."""

    __slots__ = ("_connection", "_runner", "schema")

    def __init__(self, schema: Schema) -> None:
        """Use ``made`` or ``of``."""
        self.schema = schema
        self._runner = asyncio.Runner()
        self._connection: Connection = None

    @classmethod
    def of(cls, schema: Schema) -> Self:
        """Open books that are there to be read; another process may have them open and write.

        Raises:
            BooksError: when they are not there, or cannot be read.

        """
        shelf = cls(schema)
        shelf._begin(shelf._read_only())
        return shelf

    @classmethod
    def made(cls, schema: Schema) -> Self:
        """Open books to write into, made when there are none, for this process alone.

        Raises:
            BooksError: when another process has them open, or they cannot be made.

        """
        shelf = cls(schema)
        shelf._begin(shelf._alone())
        return shelf

    def __enter__(self) -> Self:
        """Return the shelf."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def page(self, table: BookTable, after: Row, rows_max: int) -> list[Row]:
        """Return the next rows behind a key, by key."""
        return self._run(self._page(table, after, rows_max))

    def put(self, table: BookTable, rows: Sequence[Row], gone: Sequence[Row]) -> list[tuple[Row, str]]:
        """Write rows by their key and take out those of the keys ``gone``, in one commit; return what is refused."""
        return self._run(self._put(table, rows, gone))

    def account(self, table: BookTable) -> Account:
        """Return how many rows a table has, and its sums of money."""
        return self._run(self._account(table))

    def close(self) -> None:
        """End the session and let others have the books."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        self._runner.run(asyncio.sleep(0))
        self._runner.close()

    # --- in the shelf's own loop ---

    def _begin(self, begun: Coroutine[Any, Any, None]) -> None:
        try:
            self._run(begun)
        except BaseException:
            self.close()
            raise

    async def _read_only(self) -> None:
        if not await are_there(self.schema):
            raise BooksError(f"no books at {self.schema}: expected those of a move; restore them from a copy")
        self._connection = await connect(self.schema)
        await self._connection.execute("SET default_transaction_read_only = on")

    async def _alone(self) -> None:
        self._connection = await connect(self.schema)
        await take(self._connection, self.schema)
        await make_ready(self.schema)

    async def _page(self, table: BookTable, after: Row, rows_max: int) -> list[Row]:
        sql = f"{_SQL[f'page_{table.name}']} LIMIT {rows_max}"
        return [tuple(row) for row in await self._connection.fetch(sql, *after)]

    async def _account(self, table: BookTable) -> Account:
        rows = await self._connection.fetchval(_SQL[f"count_{table.name}"])
        sums = await self._connection.fetchrow(_SQL[f"sums_{table.name}"]) if table.money else ()
        return Account(rows=rows, fen=dict(zip(table.money, map(int, sums), strict=True)))

    async def _put(self, table: BookTable, rows: Sequence[Row], gone: Sequence[Row]) -> list[tuple[Row, str]]:
        """Write all at once; where one of them is refused, each by itself, to know which."""
        connection = self._connection
        drop, put = _SQL[f"drop_{table.name}"], _SQL[f"put_{table.name}"]
        try:
            async with connection.transaction():
                await connection.executemany(drop, gone)
                await connection.executemany(put, rows)
        except ERRORS as error:
            if is_lost(error, connection):
                raise
        else:
            return []
        refused: list[tuple[Row, str]] = []
        async with connection.transaction():
            await connection.executemany(drop, gone)
            for row in rows:
                try:
                    async with connection.transaction():
                        await connection.execute(put, *row)
                except ERRORS as error:
                    if is_lost(error, connection) or is_of_the_books(error):
                        raise
                    refused.append((row, f"{type(error).__name__}: {trouble(error)}"))
        return refused

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Have some work done; books that cannot be read or written are named."""
        try:
            return self._runner.run(work)
        except ERRORS as error:
            raise BooksError(f"books {self.schema} cannot be read or written: {trouble(error)}") from None
