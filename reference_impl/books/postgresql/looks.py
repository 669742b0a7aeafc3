"""Looks at the books: what is known of a message and of the records named, in one statement and so at one instant.

Looks that name the same kinds and are asked in the same rounds go together in one round trip. A look that loses its
session is asked again: it changes nothing.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from reference_impl.books.final import BooksError
from reference_impl.books.postgresql.session import ANSWER_LIMIT_S, Connection, connect, is_lost, persist, trouble
from reference_impl.books.sql.layout import LAYOUTS
from reference_impl.books.sql.rows import MESSAGE_COLUMNS, message_of
from reference_impl.books.sql.statements import Dialect, read_statements
from reference_impl.protocol.records import KINDS, LISTS, View, Way

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from reference_impl.books.postgresql.address import Schema
    from reference_impl.protocol.records import Key, Listing, Record, Ref

__all__ = ["Looks", "statement"]

SESSIONS_MAX = 4
"""Sessions that look; while all of them wait for the server, looks gather."""
_TOGETHER_MAX = 64
LOOK_LIMIT_S = 10.0
"""How long the server may be away before who asked is told that the books cannot be read."""
_SQL = read_statements(Dialect.POSTGRESQL)
_PARAMETER = re.compile(r"\$(\d+)")

Shape = tuple[type["Record"], ...]
"""The kinds of record that a look names, in its order."""
_T = TypeVar("_T")
_Asked = tuple[tuple[str, ...], "asyncio.Future[View]"]


@cache
def statement(shape: Shape) -> str:
    """Return the statement that finds a message and records of these kinds, each behind the other in one row."""
    parts = [f"SELECT * FROM (SELECT 1) AS one LEFT JOIN ({_SQL['find_message']}) AS message ON true"]  # noqa: S608 - ours
    for place, kind in enumerate(shape, 1):
        parts.append(f"LEFT JOIN ({_found(kind, place + 1)}) AS record_{place} ON true")
    return " ".join(parts)


def _found(kind: type[Record], by: int) -> str:
    """Find the record of a kind, or all that have something in common, as one cell of JSON."""
    listing = LISTS.get(kind)
    if listing is None:
        return _shifted(_SQL[f"find_{LAYOUTS[kind].kind.name}"], by) + " LIMIT 1"
    together = _shifted(_SQL[f"find_{KINDS[listing.kind].name}_by_{listing.by}"], by)
    return f"SELECT json_agg(each) FROM ({together}) AS each"  # noqa: S608 - ours


def _shifted(sql: str, by: int) -> str:
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + by}", sql)


def _view(shape: Shape, row: Sequence[Any]) -> View:
    cells = row[1:]
    width = len(MESSAGE_COLUMNS)
    message = None if cells[0] is None else message_of(tuple(cells[:width]))
    if not shape:
        return View(message)
    return View(message, tuple(_records(shape, cells[width:])))


def _records(shape: Shape, cells: Sequence[Any]) -> Iterator[Record]:
    at = 0
    for kind in shape:
        listing = LISTS.get(kind)
        if listing is not None:
            if cells[at] is not None:
                yield _together(kind, listing, msgspec.json.decode(cells[at]))
            at += 1
            continue
        layout = LAYOUTS[kind]
        after = at + len(layout.columns)
        if cells[at] is not None:
            yield layout.record_of(cells[at:after])
        at = after


def _together(kind: Any, listing: Listing, rows: list[dict[str, Any]]) -> Record:
    layout = LAYOUTS[listing.kind]
    records = tuple(layout.record_of(tuple(row[column.name] for column in layout.columns)) for row in rows)
    return kind(getattr(records[0], listing.by), records)


def _tell(batch: Iterable[_Asked], error: BooksError) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)


class Looks:
    """Answers looks through a few sessions."""

    __slots__ = ("_closed", "_free", "_schema", "_tasks", "_waiting", "failure")

    def __init__(self, schema: Schema) -> None:
        """Look into ``schema``; a session is begun when one is needed."""
        self._schema = schema
        self._free: list[Connection] = []
        self._waiting: dict[Shape, deque[_Asked]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self.failure: Exception | None = None
        """Why nothing can be read at this moment."""

    def look(self, key: Key, refs: tuple[Ref, ...]) -> asyncio.Future[View]:
        """Return what is known of the message and of the records named."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[View] = loop.create_future()
        wanted = tuple(ref for ref in refs if ref.kind in LISTS or LAYOUTS[ref.kind].kind.way is not Way.APPENDED)
        given = (key.msgid, key.sender, *(ref.key for ref in wanted))
        if not self._waiting:
            loop.call_soon(self._end_round)
        self._waiting.setdefault(tuple(ref.kind for ref in wanted), deque()).append((given, future))
        return future

    async def rows(self, sql: str) -> list[Any]:
        """Return the rows that a statement without parameters finds.

        Raises:
            BooksError: when the server stays away, or the books cannot be read.

        """
        return await self._asked(lambda session: session.fetch(sql, timeout=ANSWER_LIMIT_S))

    def close(self) -> None:
        """End all sessions; who still waits is told so."""
        self._closed = True
        for batch in self._waiting.values():
            _tell(batch, BooksError("the books are closed: nothing was read"))
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()
        while self._free:
            self._free.pop().terminate()

    def _end_round(self) -> None:
        """Send what waits, as far as a session is left for it."""
        while self._waiting and len(self._tasks) < SESSIONS_MAX:
            shape, asked = next(iter(self._waiting.items()))
            batch = [asked.popleft() for _ in range(min(len(asked), _TOGETHER_MAX))]
            if not asked:
                del self._waiting[shape]
            task = asyncio.get_running_loop().create_task(self._answer(shape, batch))
            self._tasks.add(task)
            task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not self._closed:
            self._end_round()

    async def _answer(self, shape: Shape, batch: list[_Asked]) -> None:
        given = [arguments for arguments, _ in batch]
        sql = statement(shape)
        try:
            rows = await self._asked(lambda session: session.fetchmany(sql, given, timeout=ANSWER_LIMIT_S))
            views = [_view(shape, row) for row in rows]
        except asyncio.CancelledError:
            _tell(batch, BooksError("the books are closed: nothing was read"))
            raise
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            _tell(batch, error if isinstance(error, BooksError) else self._unreadable(error))
            return
        for view, (_, future) in zip(views, batch, strict=True):
            if not future.done():
                future.set_result(view)

    async def _asked(self, ask: Callable[[Connection], Awaitable[_T]]) -> _T:
        """Return the answer of a session; one that is lost meanwhile is asked again in another."""
        until_s = time.monotonic() + LOOK_LIMIT_S
        while True:
            connection = await self._session(until_s)
            try:
                answer = await ask(connection)
            except Exception as error:  # noqa: BLE001 - whatever it is, who asked is told
                if not is_lost(error, connection):
                    self._free.append(connection)
                    raise self._unreadable(error) from None
                connection.terminate()
            except BaseException:
                connection.terminate()
                raise
            else:
                self._free.append(connection)
                self.failure = None
                return answer

    async def _session(self, until_s: float) -> Connection:
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
        try:
            return await persist(lambda: connect(self._schema), until_s - time.monotonic())
        except BooksError as error:
            self.failure = error
            raise

    def _unreadable(self, error: Exception) -> BooksError:
        self.failure = BooksError(f"books {self._schema} cannot be read: {trouble(error)}; restore them from a copy")
        return self.failure
