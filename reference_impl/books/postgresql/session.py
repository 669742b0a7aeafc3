"""A session with the server: how it is begun, what its loss looks like, and who may write.

The session that writes holds a lock of the server's on its books, and the lock ends with the session. So whoever has
it knows that no earlier session of these books can still write, and a session that lost it cannot either: its
connection is gone. This module must never send a password anywhere but to the server.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs] - it brings none

from reference_impl.books.final import BooksError

if TYPE_CHECKING:
    from reference_impl.books.postgresql.address import Schema

__all__ = [
    "ANSWER_LIMIT_S",
    "ERRORS",
    "Connection",
    "aside",
    "connect",
    "is_lost",
    "is_of_the_books",
    "persist",
    "take",
    "trouble",
]

Connection = Any
"""An ``asyncpg.Connection``; the library has no types of its own rows."""
CONNECT_LIMIT_S = 5
ANSWER_LIMIT_S = 5.0
"""How long one answer may take before its session counts as lost."""
LOCK_LIMIT_MS = 3_000
"""How long a session waits for the lock of one that has just died: the server sees the end of its connection first."""
_PAUSE_S = 0.05
_SETTINGS = {
    "synchronous_commit": "on",  # what is committed is on disk, whatever the database's own default says (G7)
    "lock_timeout": str(LOCK_LIMIT_MS),
    "enable_seqscan": "off",  # all that a node asks it asks by a key: no plan made on empty tables may outlive that
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",  # no plan here is better for knowing the values, and each costs its making
    "tcp_keepalives_idle": "5",  # a client whose machine is gone must not hold the lock for hours
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
_DRIVER = (asyncpg.InterfaceError, asyncpg.InternalClientError)
ERRORS = (asyncpg.PostgresError, *_DRIVER, OSError, TimeoutError)
"""What the server, the driver and the way between them raise."""
_LOST = (asyncpg.PostgresConnectionError, *_DRIVER, OSError, TimeoutError)
_GOING = ("57P01", "57P02", "57P03", "25006")
"""Shut down by its administrator, crashed, not up yet, no primary any more: the session is of no more use."""
_ILL_FORMED = ("22", "23", "54")
"""Classes of errors that are of what was to be written: a value that is none, a key that is there, a key too long."""
_T = TypeVar("_T")


async def connect(schema: Schema) -> Connection:
    """Return a session that sees the tables of ``schema``; of several servers, with the primary.

    Raises:
        BooksError: when there is no server, or it lets nobody in.

    """
    try:
        return await cast("Any", asyncpg).connect(
            schema.server.address,
            timeout=CONNECT_LIMIT_S,
            target_session_attrs="read-write",
            server_settings={**_SETTINGS, "search_path": schema.name, "application_name": schema.name},
        )
    except (*ERRORS, ValueError) as error:
        raise BooksError(
            f"books {schema} cannot be reached: {trouble(error)}; start the server, or check address, user and password"
        ) from None


_QUICK_COMPRESSION = """
    SELECT set_config(name, 'lz4', false) FROM pg_settings
    WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)"""
"""Entries of the trail are long, and PostgreSQL's own compression is the dearest part of writing one."""


async def take(connection: Connection, schema: Schema) -> None:
    """Take the books for this session, for as long as it lasts, and have it write as fast as this server can.

    Raises:
        BooksError: when another session has them.

    """
    try:
        await connection.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", f"yidi books {schema.name}")
        await connection.execute(_QUICK_COMPRESSION)
    except asyncpg.LockNotAvailableError:
        raise BooksError(f"books {schema} are open in another process: stop that one first") from None


def is_lost(error: BaseException, connection: Connection | None) -> bool:
    """Return whether an error is of the connection, so that nobody knows what became of what was sent."""
    if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
        return False  # a value that the driver could not even send
    if isinstance(error, _LOST) or getattr(error, "sqlstate", None) in _GOING:
        return True
    return connection is not None and connection.is_closed()


def is_of_the_books(error: BaseException) -> bool:
    """Return whether the server takes nothing at all at this moment: its disk is full, somebody has locked a table."""
    return isinstance(error, asyncpg.PostgresError) and (getattr(error, "sqlstate", None) or "")[:2] not in _ILL_FORMED


def trouble(error: BaseException) -> str:
    """Return what is wrong, in a line; a server's own detail, which quotes the row, is left out."""
    said = error.args[0] if isinstance(error, asyncpg.PostgresError) and error.args else error
    words = " ".join(str(said).split())
    return words or type(error).__name__


async def persist(attempt: Callable[[], Awaitable[_T]], limit_s: float) -> _T:
    """Try until it succeeds or time is up; a server that starts again or fails over is away for a moment.

    Raises:
        BooksError: the last one.

    """
    until_s = time.monotonic() + limit_s
    while True:
        try:
            return await attempt()
        except BooksError:
            if time.monotonic() > until_s:
                raise
            await asyncio.sleep(_PAUSE_S)


def aside(work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Do some work with a session of its own and wait for it, whatever loop runs here: before and after serving."""
    done: list[_T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(asyncio.run(work()))
        except BaseException as error:  # noqa: BLE001 - handed on below
            failed.append(error)

    thread = threading.Thread(target=run, name="books-aside")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]
