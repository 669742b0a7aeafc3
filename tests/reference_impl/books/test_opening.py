"""Opening a file: ours, new, old, foreign, broken, in use; and what the schema and its statements must agree on."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing

import msgspec
import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from book_samples import (
    PERSON_REF,
    Shelf,
    done,
    insert,
    intent,
    key,
    person,
    posting,
    settled,
    settlement,
    visit,
    visit_refs,
)

from reference_impl.books.final import BooksError
from reference_impl.books.memory import MemoryBooks
from reference_impl.books.sql import rows, statements
from reference_impl.books.sql.layout import LAYOUTS
from reference_impl.books.sql.schema import metadata
from reference_impl.books.sql.statements import Dialect, file_of
from reference_impl.books.sql.version import SCHEMA_VERSION
from reference_impl.books.sqlite import opening
from reference_impl.books.sqlite.books import SqliteBooks, fill_books, read_final, read_latest_us
from reference_impl.books.sqlite.opening import make_ready
from reference_impl.protocol.records import Committed, View


def execute(path, *sql):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [connection.execute(each).fetchall() for each in sql]


def test_reopened_books_hold_what_was_committed(tmp_path, sqlite_shelf):
    sqlite_shelf.commit(settled(1, version=1))
    sqlite_shelf.books.close()

    assert read_final(tmp_path / "34.sqlite").messages == (done(1),)


def test_books_open_in_one_process_at_a_time(sqlite_books):
    with pytest.raises(BooksError, match="open in another process"):
        SqliteBooks(sqlite_books.path)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "34.sqlite"
    path.write_bytes(b"\x89PNG" * 5000)

    with pytest.raises(BooksError, match="cannot be read"):
        SqliteBooks(path)


def test_a_refused_file_is_given_back(tmp_path, blank_books):
    path = tmp_path / "34.sqlite"
    path.write_bytes(b"no database")
    with pytest.raises(BooksError):
        SqliteBooks(path)
    path.write_bytes(blank_books.read_bytes())

    SqliteBooks(path).close()


def test_another_programs_database_is_refused(tmp_path):
    path = tmp_path / "34.sqlite"
    execute(path, "CREATE TABLE songs (title TEXT)")

    with pytest.raises(BooksError, match="is not yidi's: application id 0x0"):
        SqliteBooks(path)


def test_books_of_a_newer_program_are_refused(tmp_path, blank_books):
    path = tmp_path / "34.sqlite"
    path.write_bytes(blank_books.read_bytes())
    execute(path, f"PRAGMA user_version={SCHEMA_VERSION + 1}")

    with pytest.raises(BooksError, match="use a newer yidi"):
        SqliteBooks(path)


def test_books_of_an_older_schema_are_migrated_and_keep_their_rows(tmp_path, sqlite_shelf):
    sqlite_shelf.commit(insert(done(1)))
    path = sqlite_shelf.books.path
    sqlite_shelf.books.close()
    execute(path, "PRAGMA user_version=0")

    assert read_final(path).messages == (done(1),)
    assert execute(path, "PRAGMA user_version") == [[(SCHEMA_VERSION,)]]


def test_many_new_books_are_migrated_once_and_copied(tmp_path):
    paths = [tmp_path / "books" / f"{node}.sqlite" for node in ("hub", "33", "34")]

    make_ready(paths)

    assert [read_final(path) for path in paths] == [MemoryBooks().read_all()] * 3
    assert list(tmp_path.rglob("*.partial")) == []


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "books").write_text("a file in the way")

    with pytest.raises(BooksError, match="cannot make books"):
        make_ready([tmp_path / "books" / "34.sqlite"])
    with pytest.raises(BooksError, match="cannot open books"):
        SqliteBooks(tmp_path / "books" / "34.sqlite")


def test_reading_the_books_of_a_node_that_never_ran_is_refused(tmp_path):
    with pytest.raises(BooksError, match="no books at"):
        read_final(tmp_path / "34.sqlite")


def test_books_are_filled_before_the_run_all_or_none(tmp_path, blank_books):
    path = tmp_path / "34.sqlite"
    path.write_bytes(blank_books.read_bytes())
    fill_books(path, [insert(done(1), visit(1))])

    with pytest.raises(BooksError, match="already hold"):
        fill_books(path, [insert(done(2)), insert(done(1))])
    assert read_final(path).messages == (done(1),)


def test_every_commit_is_flushed(sqlite_books):
    """FULL and WAL: what is acknowledged survives a power cut."""
    assert execute(sqlite_books.path, "PRAGMA journal_mode") == [[("wal",)]]
    assert sqlite_books._writer.group._connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_current_file_opens_without_loading_sqlalchemy(tmp_path, blank_books):
    (tmp_path / "34.sqlite").write_bytes(blank_books.read_bytes())
    program = (
        "import sys; from pathlib import Path; from reference_impl.books.sqlite.books import SqliteBooks;"
        f"SqliteBooks(Path({str(tmp_path / '34.sqlite')!r})).close();"
        "sys.exit('sqlalchemy' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=30).returncode == 0


def test_migrations_make_exactly_the_schema(blank_books):
    engine = sqlalchemy.create_engine(f"sqlite:///{blank_books}")
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()

    assert differences == []


@pytest.mark.parametrize("dialect", Dialect)
def test_compiled_statements_are_those_of_the_schema(dialect):
    made = statements.render(dialect)

    assert file_of(dialect).read_text(encoding="utf-8") == made, "run python -m reference_impl.books.sql.statements"


def test_every_compiled_statement_is_understood_by_the_database(blank_books, tmp_path):
    path = tmp_path / "34.sqlite"
    path.write_bytes(blank_books.read_bytes())
    wanted = {name: parameters for name, _, parameters in statements.compile_statements(Dialect.SQLITE)}

    with closing(sqlite3.connect(path)) as connection:
        for name, sql in statements.read_statements().items():
            connection.execute(f"EXPLAIN {sql}", (None,) * len(wanted[name]))


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("find_message", "sqlite_autoindex_messages_1"),
        ("find_settlements", "settlements_by_visit"),
        ("find_intents", "open_intents"),
    ],
)
def test_hot_statements_use_their_index(blank_books, statement, index):
    wanted = {name: parameters for name, _, parameters in statements.compile_statements(Dialect.SQLITE)}[statement]
    with closing(sqlite3.connect(f"file:{blank_books}?mode=ro", uri=True)) as connection:
        plan = connection.execute(
            f"EXPLAIN QUERY PLAN {statements.read_statements()[statement]}", (None,) * len(wanted)
        ).fetchall()

    assert index in str(plan)


def test_amounts_can_be_asked_in_sql(sqlite_shelf):
    """G5 by the database itself: legs of all postings cancel, and funds can be summed."""
    for number in (1, 2):
        sqlite_shelf.commit(settled(number, version=number))

    sums = execute(
        sqlite_shelf.books.path, "SELECT SUM(amount_fen) FROM postings_legs", "SELECT SUM(pool_fen) FROM settlements"
    )

    assert sums == [[(0,)], [(1200,)]]


def test_rows_have_the_columns_of_their_tables():
    lengths = {name: len(table.columns) for name, table in metadata.tables.items()}

    assert len(rows.message_row(intent(1))) == lengths["messages"] - 1
    for record in (visit(1), person(1), settlement(1), posting(1)):
        layout = LAYOUTS[type(record)]
        assert len(layout.row_of(record)) == lengths[layout.kind.name] - (0 if layout.versioned else 1)


def test_books_of_the_first_schema_are_taken_over_with_what_they_hold(tmp_path, runner):
    """A file of revision 0001 with a whole settlement in it: renamed in place, nothing lost, and written to again."""
    path = first_schema_with(tmp_path, settled(1, version=1))
    assert execute(path, "PRAGMA user_version", "SELECT COUNT(*) FROM claims") == [[(1,)], [(1,)]]

    books = SqliteBooks(path)
    shelf = Shelf(books, runner)
    try:
        view = shelf.look(key(1), PERSON_REF, *visit_refs())
        assert view == View(done(1), (msgspec.structs.replace(person(1), latest="A1"), settlement(1)))
        assert shelf.read_all().postings == (posting(1),)
        assert shelf.commit(settled(2, version=2)) == Committed()
    finally:
        books.close()
    assert execute(path, "PRAGMA user_version") == [[(SCHEMA_VERSION,)]]


FIRST_TABLES = {
    "entries": "messages",
    "visits": "visits",
    "persons": "persons",
    "claims": "settlements",
    "postings": "postings",
    "posting_legs": "postings_legs",
}
"""Tables of the first schema, and what they are called today."""
FIRST_COLUMNS = {"entry": "serial", "claim": "serial", "leg": "place"}
"""Columns of the first schema that are called otherwise today."""


def first_schema_with(folder, change):
    """A file as revision 0001 made it, with the rows of ``change``."""
    old, new = folder / "34.sqlite", folder / "new.sqlite"
    opening._migrate(old, revision="0001", version=1)
    fill_books(new, [change])
    execute(old, f"ATTACH '{new}' AS new", *(copying(old, then, now) for then, now in FIRST_TABLES.items()))
    return old


def copying(old, then, now):
    """The statement that fills a table of the first schema from today's."""
    ((*columns,),) = execute(old, f"SELECT name FROM pragma_table_info('{then}')")  # noqa: S608 - a name
    names = [name for (name,) in columns]
    today = ", ".join(FIRST_COLUMNS.get(name, name) for name in names)
    return f"INSERT INTO {then} ({', '.join(names)}) SELECT {today} FROM new.{now}"  # noqa: S608 - names


def test_of_settled_stays_of_old_books_each_may_still_be_gone_on_from(tmp_path):
    """Books of before 0014 do not say which stays were settled in their middle: none of these may be turned away."""
    old, new = tmp_path / "34.sqlite", tmp_path / "new.sqlite"
    opening._migrate(old, revision="0013", version=13)
    stay = msgspec.structs.replace(settlement(1), code="2304")
    sale = settlement(2, visit_number=2)
    fill_books(new, [insert(done(1), stay, sale)])
    execute(old, f"ATTACH '{new}' AS new", copying(old, "settlements", "settlements"))

    kept = read_final(migrated(old)).settlements

    assert [(one.code, one.part.mid_stay, one.part.continues, one.hospital_level) for one in kept] == [
        ("2304", 1, "", 0),
        ("2102", 0, "", 0),
    ]


def migrated(path):
    SqliteBooks(path).close()
    return path


def test_old_books_that_cannot_be_brought_up_are_told_and_left_as_they_were(tmp_path):
    path = first_schema_with(tmp_path, settled(1, version=1))
    execute(path, "CREATE TABLE messages (stray TEXT)")

    with pytest.raises(
        BooksError, match=rf"cannot bring books .* from schema 1 to {SCHEMA_VERSION}: .* nothing was changed"
    ):
        SqliteBooks(path)

    assert execute(path, "PRAGMA user_version", "SELECT COUNT(*) FROM claims") == [[(1,)], [(1,)]]


def test_starts_are_counted_and_the_latest_instant_is_found(tmp_path, runner):
    path = tmp_path / "34.sqlite"
    books = SqliteBooks(path)
    try:
        assert [books.count_start() for _ in range(3)] == [0, 1, 2]
        assert books.latest_us() is None
        Shelf(books, runner).commit(insert(intent(1, opened_us=70)))
        assert books.latest_us() == 70
        Shelf(books, runner).commit(settled(2, version=1))
        assert books.latest_us() == max(70, settlement(2).posted_us, posting(2).posted_us)
    finally:
        books.close()
    assert read_latest_us(path) is not None
    assert read_latest_us(tmp_path / "35.sqlite") is None
