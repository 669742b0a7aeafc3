"""The trail of a schema: begun here, extended by ``write_group`` in the commit that an entry tells of, and verified.

Only the server knows which changes of a group hold, so it makes the entry: of what the writer says of each change it
takes that of those it wrote. Verifying goes by ``books/trail.py``, which wrote none of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from reference_impl.books.final import BooksError, FinalBooks
from reference_impl.books.postgresql.opening import must_be_current
from reference_impl.books.postgresql.reading import read_rows
from reference_impl.books.postgresql.session import ERRORS, connect, trouble
from reference_impl.books.sql.statements import Dialect, read_statements
from reference_impl.books.trail import BEGINNING, Entry, Noted, Verified, entry_after, opening_content, verify

if TYPE_CHECKING:
    from reference_impl.books.postgresql.address import Schema
    from reference_impl.books.postgresql.session import Connection

__all__ = ["begin_trail", "verify_schema"]

_SQL = read_statements(Dialect.POSTGRESQL)
_PAGE_ENTRIES = 200

_Run = Callable[[Coroutine[Any, Any, Any]], Any]


async def begin_trail(connection: Connection) -> None:
    """Begin the trail of books from before there was one, with what they hold; empty ones have nothing to tell.

    The session must have the books, so that nobody writes meanwhile.
    """
    async with connection.transaction():
        if await connection.fetchrow(_SQL["last_of_trail"]) is not None:
            return
        if await connection.fetchval(_SQL["last_message"]) is None:
            return
        entry = entry_after(*BEGINNING, opening_content(await read_rows(connection)))
        await connection.execute(_SQL["keep_trail"], *entry)


def verify_schema(schema: Schema, noted: Sequence[Noted] = ()) -> Verified:
    """Verify the trail of a schema at one instant, whoever writes it meanwhile; it takes a session that only reads.

    Raises:
        BooksError: when the books are not there, not ours, of another program, or cannot be read.

    """
    with asyncio.Runner() as runner:
        run: _Run = runner.run
        connection = run(connect(schema))
        try:
            run(must_be_current(connection, schema))
            transaction = connection.transaction(isolation="repeatable_read", readonly=True)
            run(transaction.start())
            unread = [tuple(row) for row in run(connection.fetch(_SQL["unread_rows"]))]
            return verify(_entries(connection, run), _held(connection, run), noted, unread)
        except (*ERRORS, msgspec.MsgspecError, TypeError, ValueError) as error:  # a column may be made another
            raise BooksError(f"books {schema} cannot be read: {trouble(error)}; restore them from a copy") from None
        finally:
            connection.terminate()
            run(asyncio.sleep(0))


def _held(connection: Connection, run: _Run) -> FinalBooks:
    return run(read_rows(connection))


def _entries(connection: Connection, run: _Run) -> Iterator[Entry]:
    """Yield the entries, a page at a time: a trail is longer than the books."""
    cursor = run(_cursor(connection))
    while rows := run(cursor.fetch(_PAGE_ENTRIES)):
        yield from (Entry(*row) for row in rows)


async def _cursor(connection: Connection) -> Any:
    return await connection.cursor(_SQL["all_trail"])
