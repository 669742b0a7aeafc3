"""Books of every released schema, with rows in them, are brought up in SQLite and on a server, and hold what they held."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from book_samples import Shelf, copy, done, insert, intent, person, posting, settled, settlement, tombstone, visit
from sqlalchemy.ext.asyncio import create_async_engine
from support.postgresql import execute

from reference_impl.books.final import BooksError
from reference_impl.books.moving import rows_of
from reference_impl.books.postgresql import opening as on_server
from reference_impl.books.postgresql.books import PostgresqlBooks
from reference_impl.books.postgresql.place import PostgresqlPlace
from reference_impl.books.postgresql.session import aside, connect
from reference_impl.books.postgresql.shelf import PostgresqlShelf
from reference_impl.books.sql.schema import metadata
from reference_impl.books.sql.tables import TABLES
from reference_impl.books.sql.version import SCHEMA_VERSION
from reference_impl.books.sqlite import opening as in_file
from reference_impl.books.sqlite.books import SqliteBooks, fill_books
from reference_impl.books.sqlite.place import SqlitePlace
from reference_impl.books.sqlite.shelf import SqliteShelf
from reference_impl.domain.fees import PricedLine
from reference_impl.protocol.records import ChargedBatch, ChargesRecord, Committed

CHANGES = [
    settled(1, version=1),
    insert(intent(2), visit(1, number=2), tombstone=tombstone(9)),
    insert(done(3), copy(3), settlement(4, visit_number=3), posting(4), person(1, name="X")),
    insert(done(4), settlement(5, visit_number=3, sign=-1, reverses="A4"), person(2, name="X")),
    insert(done(5), ChargesRecord("S1", 1, (ChargedBatch("B1", (PricedLine("4711", 250, pre_self_pay_fen=250),)),))),
]
TABLE_THEN = {"messages": "entries", "settlements": "claims", "postings_legs": "posting_legs"}
"""What tables were called in the first schema, where they had another name."""
COLUMN_THEN = {("messages", "serial"): "entry", ("settlements", "serial"): "claim", ("postings", "serial"): "entry",
               ("postings_legs", "serial"): "entry", ("postings_legs", "place"): "leg"}  # fmt: skip
REVISIONS = [f"{number:04d}" for number in range(1, SCHEMA_VERSION + 1)]


@pytest.fixture
def today(tmp_path):
    """The rows of books of today, by table, each by the names of its columns."""
    path = tmp_path / "today.sqlite"
    fill_books(path, CHANGES)
    with SqliteShelf.of(path) as shelf:
        return {
            table.name: [dict(zip(table.columns, row, strict=True)) for row in rows_of(shelf, table)]
            for table in TABLES
        }


class File:
    """Books in SQLite at some revision."""

    def __init__(self, request):
        self.path = request.getfixturevalue("tmp_path") / "34.sqlite"

    def make(self, revision):
        in_file._migrate(self.path, revision=revision, version=int(revision))

    def columns(self, table):
        with closing(sqlite3.connect(self.path)) as connection:
            return [name for (name,) in connection.execute(f"SELECT name FROM pragma_table_info('{table}')")]  # noqa: S608

    def put(self, table, row):
        with closing(sqlite3.connect(self.path)) as connection, connection:
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO {table} ({names(row)}) VALUES ({marks})", tuple(row.values()))  # noqa: S608

    def opened(self, runner):
        return SqliteBooks(self.path)

    def place(self):
        return SqlitePlace(self.path)

    def shelf(self):
        return SqliteShelf.of(self.path)


class OnServer:
    """Books on a server at some revision."""

    def __init__(self, request):
        self.schema = request.getfixturevalue("schema")

    def make(self, revision):
        aside(lambda: on_server.migrate(self.schema, revision))

    def columns(self, table):
        asked = f"SELECT column_name FROM information_schema.columns WHERE table_schema = '{self.schema.name}' AND table_name = '{table}'"  # noqa: S608
        [rows] = execute(self.schema.server.address, asked)
        return [row[0] for row in rows]

    def put(self, table, row):
        async def work():
            connection = await connect(self.schema)
            marks = ", ".join(f"${place}" for place in range(1, len(row) + 1))
            await connection.execute(f"INSERT INTO {table} ({names(row)}) VALUES ({marks})", *row.values())  # noqa: S608
            await connection.close()

        aside(work)

    def opened(self, runner):
        return runner.run(PostgresqlBooks.open(self.schema))

    def place(self):
        return PostgresqlPlace(self.schema)

    def shelf(self):
        return PostgresqlShelf.of(self.schema)


TRAIL = "trail"


def names(row):
    return ", ".join(f'"{name}"' for name in row)


@pytest.fixture(params=[File, OnServer])
def old(request):
    return request.param(request)


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_books_of_an_old_schema_held_they_hold_in_today_s_and_are_written_to(old, today, runner, revision):
    old.make(revision)
    first = revision == "0001"
    held = {}
    for table, rows in today.items():
        table_then = TABLE_THEN.get(table, table) if first else table
        there = old.columns(table_then)
        for row in rows if there else ():
            then = {name: COLUMN_THEN.get((table, name), name) if first else name for name in row}
            kept = {name: cell for name, cell in row.items() if then[name] in there}
            old.put(table_then, {then[name]: cell for name, cell in kept.items()})
            held.setdefault(table, []).append(kept)

    books = old.opened(runner)
    try:
        shelf = Shelf(books, runner)
        assert len(shelf.read_all().messages) == len(today["messages"])
        with old.shelf() as whole:
            for table in TABLES:
                if table.name == TRAIL and table.name not in held:
                    continue  # it begins with what the others held: tests of the trail look at that
                found = [dict(zip(table.columns, row, strict=True)) for row in rows_of(whole, table)]
                expected = held.get(table.name, [])
                assert [
                    {name: row[name] for name in kept} for row, kept in zip(found, expected, strict=True)
                ] == expected
        assert shelf.commit(settled(7, version=2)) == Committed()
    finally:
        books.close()
    verified = old.place().verify(())
    assert verified.holds, verified.findings
    assert verified.entries == 2


def test_migrations_make_the_schema_that_new_books_have_on_a_server(schema, runner):
    def differences(connection):
        options = {"include_name": lambda name, kind, _: not (kind == "table" and name == "last_group")}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    async def compared():
        engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: connect(schema))
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(differences)
        finally:
            await engine.dispose()

    facts = """SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, l.collname
               FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
               LEFT JOIN pg_collation l ON l.oid = a.attcollation
               WHERE n.nspname = '{0}' AND a.attnum > 0 AND c.relkind = 'r' ORDER BY 1, 2"""
    indexes = """SELECT tablename, replace(substring(indexdef FROM 'USING .*'), '{0}.', '')
                 FROM pg_indexes WHERE schemaname = '{0}' ORDER BY 1, 2"""
    asked = [one.format(schema.name) for one in (facts, indexes)]

    aside(lambda: on_server.migrate(schema))
    books = runner.run(PostgresqlBooks.open(schema))
    books.close()
    migrated = execute(schema.server.address, *asked)
    assert aside(compared) == []
    aside(lambda: on_server.remove(schema))
    books = runner.run(PostgresqlBooks.open(schema))
    books.close()

    assert execute(schema.server.address, *asked) == migrated


def test_old_books_on_a_server_that_cannot_be_brought_up_are_told_and_left_as_they_were(schema, runner):
    aside(lambda: on_server.migrate(schema, "0001"))
    execute(schema.server.address, f"CREATE TABLE {schema.name}.messages (stray TEXT)")

    with pytest.raises(BooksError, match=rf"from schema 1 to {SCHEMA_VERSION}: .* nothing was changed"):
        runner.run(PostgresqlBooks.open(schema))

    [[row]] = execute(schema.server.address, f"SELECT version_num FROM {schema.name}.alembic_version")  # noqa: S608
    assert row[0] == "0001"
    with pytest.raises(asyncpg.UndefinedTableError):
        execute(schema.server.address, f"SELECT * FROM {schema.name}.settlements")  # noqa: S608
