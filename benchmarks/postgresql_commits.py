"""Commits to PostgreSQL: settlements judged and written by the books, beside raw writes of the same rows.

    PYTHONPATH=. python benchmarks/postgresql_commits.py [--address postgresql://…] [--seconds 3] [--rounds 5]

Both sides use asyncpg, the same tables and the same groups: as many settlements as there are callers, each group one
transaction. *Raw* judges nothing: one statement inserts the rows of a group (one round trip), or the driver's own
``executemany`` does, a table at a time (seven). The sides take turns in one run; what is printed is the ratio of the
books to raw, the median of the rounds. Without an address a server is started from the system's package (``initdb``).
"""

# ruff: noqa: E402 - what makes changes and starts servers stands among the tests

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import uvloop

sys.path[:0] = [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1] / "tests/reference_impl/books")]

from book_samples import PERSON_REF, done, insert, key, person, posting, settlement
from support.postgresql import Cluster, own_folder

from reference_impl.books.postgresql.address import Server
from reference_impl.books.postgresql.books import PostgresqlBooks
from reference_impl.books.postgresql.changes import GroupRows, Serials
from reference_impl.books.postgresql.opening import make_ready, remove
from reference_impl.books.postgresql.session import connect

CALLERS = (1, 8, 32, 128)
Side = Callable[[int], Awaitable[None]]
"""Writes one settlement for each caller; takes the number of the group."""


def changes(group: int, callers: int) -> list[Any]:
    """Return a settlement for each caller, of people whom nobody has settled for before."""
    numbers = range(group * callers + 1, (group + 1) * callers + 1)
    return [
        insert(done(number), person(1, name=f"34{number:022d}"), settlement(number), posting(number))
        for number in numbers
    ]


class Raw:
    """The rows of a group, written and not judged."""

    def __init__(self, connection: Any, callers: int) -> None:
        self.connection, self.callers, self.serials = connection, callers, Serials()

    def rows(self, group: int) -> dict[str, list[Any]]:
        """Return the rows of a group by table."""
        given = GroupRows(changes(group, self.callers), self.serials)
        return {"messages": given.said, **given.of}

    async def statement(self, group: int) -> None:
        """Write them by one statement: one round trip."""
        rows = self.rows(group)
        inserts = [
            f"INSERT INTO {table} SELECT * FROM unnest(${place}::row_of_{table}[])"  # noqa: S608 - names of tables
            for place, table in enumerate(rows, 1)
        ]
        parts = ", ".join(f"w{place} AS ({one})" for place, one in enumerate(inserts[:-1]))
        await self.connection.execute(f"WITH {parts} {inserts[-1]}", *rows.values())

    async def driver(self, group: int) -> None:
        """Write them by the driver's own means, a table at a time."""
        async with self.connection.transaction():
            for table, rows in self.rows(group).items():
                marks = ", ".join(f"${place}" for place in range(1, len(rows[0]) + 1))
                await self.connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - the same


async def rate(side: Side, callers: int, seconds: float, first: int) -> tuple[float, int]:
    """Return the settlements a second of one side, and the number of its next group."""
    began, group = time.perf_counter(), first
    while time.perf_counter() - began < seconds:
        await side(group)
        group += 1
    return (group - first) * callers / (time.perf_counter() - began), group


async def beside(server: Server, callers: int, seconds: float, rounds: int) -> None:
    """Print what the sides come to with so many callers."""
    ours, theirs = (server.schema(f"yidi_bench_{name}") for name in ("books", "raw"))
    for schema in (ours, theirs):
        await remove(schema)
        await make_ready(schema)
    books = await PostgresqlBooks.open(ours)
    connection = await connect(theirs)
    raw = Raw(connection, callers)

    async def write(group: int) -> None:
        await asyncio.gather(*(books.commit(change) for change in changes(group, callers)))

    async def step(group: int) -> None:
        numbers = range(group * callers + 1, (group + 1) * callers + 1)
        await asyncio.gather(*(books.look(key(number), PERSON_REF) for number in numbers))
        await write(group)

    sides: dict[str, Side] = {"books": write, "raw": raw.statement, "driver": raw.driver, "step": step}
    found: dict[str, list[float]] = {name: [] for name in sides}
    group = 0
    for _ in range(rounds):
        for name, side in sides.items():
            speed, group = await rate(side, callers, seconds, group)
            found[name].append(speed)
    books.close()
    connection.terminate()
    await remove(ours)
    await remove(theirs)
    report(callers, found)


def report(callers: int, found: dict[str, list[float]]) -> None:
    """Print ratios, and the books' own speed of this run for scale."""

    def ratio(one: str, other: str) -> str:
        each = [mine / theirs for mine, theirs in zip(found[one], found[other], strict=True)]
        return f"{statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})"

    print(
        f"{callers:4d} callers: commits to raw in one statement {ratio('books', 'raw')}, to raw by executemany "
        f"{ratio('books', 'driver')}; look and commit to raw {ratio('step', 'raw')}; "
        f"{statistics.median(found['books']):,.0f} settlements/s"
    )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", help="a server to write to; without it one is started here")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with nullcontext() if asked.address else own_folder() as folder:
        cluster = (
            None if folder is None else Cluster(folder / "data", settings=("shared_buffers=128MB",)).make().start()
        )
        address = asked.address or cluster.address
        try:
            for callers in CALLERS:
                uvloop.run(beside(Server.read(address), callers, asked.seconds, asked.rounds))
        finally:
            if cluster is not None:
                cluster.stop()


if __name__ == "__main__":
    main()
