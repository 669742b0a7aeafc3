"""Books are moved to new ones row by row, and held against the old ones: what is missing, added or changed is named."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from book_samples import copy, done, insert, intent, key, msgid, person, posting, settled, settlement, tombstone, visit

from reference_impl.books.final import BooksError
from reference_impl.books.moving import move, prove
from reference_impl.books.sql.schema import metadata
from reference_impl.books.sql.tables import TABLES
from reference_impl.books.sql.version import SCHEMA_VERSION
from reference_impl.books.sqlite.books import SqliteBooks, fill_books, read_final
from reference_impl.books.sqlite.opening import make_like
from reference_impl.books.sqlite.shelf import SqliteShelf
from reference_impl.books.stated import Stated, Told, answered_by, stated_in
from reference_impl.domain.nodes import HUB, NodeId

OLD = [
    settled(1, version=1),
    insert(intent(2), visit(1, number=2), tombstone=tombstone(9)),
    insert(done(3), copy(3), settlement(4, visit_number=3), posting(4), person(1, name="X")),
]


@pytest.fixture
def old(tmp_path, blank_books):
    path = tmp_path / "34.sqlite"
    path.write_bytes(blank_books.read_bytes())
    fill_books(path, OLD)
    return path


@pytest.fixture
def new(tmp_path, old):
    path = tmp_path / "34.2.sqlite"
    make_like(path, old)
    return path


def moved(old, new, rows_max=1000):
    with SqliteShelf.of(old) as ours, SqliteShelf.made(new, old) as theirs:
        return list(move(ours, theirs, rows_max))


def proof(old, new):
    with SqliteShelf.of(old) as ours, SqliteShelf.of(new) as theirs:
        return prove(ours, theirs)


def change(path, sql):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


def test_every_table_of_the_schema_is_moved_column_by_column():
    described = {table.name: (list(table.columns), [table.columns[place] for place in table.key]) for table in TABLES}

    assert described == {
        table.name: ([c.name for c in table.c], [c.name for c in table.primary_key.columns])
        for table in metadata.sorted_tables
    }


@pytest.mark.parametrize("rows_max", [1, 2, 1000])
def test_everything_moves_and_the_new_books_read_the_same(old, new, rows_max):
    moved(old, new, rows_max)

    assert read_final(new) == read_final(old)
    assert proof(old, new).holds


def test_new_books_are_of_today_s_schema(old, new):
    schema = "SELECT type, name, sql FROM sqlite_master ORDER BY name"
    facts = ("PRAGMA application_id", "PRAGMA user_version", "PRAGMA journal_mode", "SELECT * FROM alembic_version")
    found = []
    for path in (old, new):
        with closing(sqlite3.connect(path)) as connection:
            found.append([connection.execute(sql).fetchall() for sql in (schema, *facts)])

    assert found[0] == found[1]
    assert found[1][2] == [(SCHEMA_VERSION,)]


def test_what_is_remembered_of_a_key_and_the_marks_of_reversals_move_along(old, new, runner):
    moved(old, new)

    books = SqliteBooks(new)
    try:
        assert runner.run(books.look(key(1))).message == done(1)
        assert runner.run(books.look(key(9))).message.reversed_by == "R1"
    finally:
        books.close()


def test_a_second_pass_moves_only_what_is_new(old, new):
    moved(old, new)
    fill_books(old, [settled(7, version=2)])

    steps = {step.table: step.moved for step in moved(old, new) if step.moved}

    assert steps == {"messages": 1, "persons": 1, "settlements": 1, "postings": 1, "postings_legs": 2, "trail": 1}
    assert proof(old, new).holds


def test_a_pass_that_is_broken_off_anywhere_is_made_again(old, new):
    steps = len(moved(old, new, 1))
    for broken_after in range(steps):
        new.unlink()
        with SqliteShelf.of(old) as ours, SqliteShelf.made(new, old) as theirs:
            going = move(ours, theirs, 1)
            for _ in range(broken_after):
                next(going)
        moved(old, new, 1)
        assert proof(old, new).holds


PLANTED = [
    ("UPDATE settlements SET pool_fen = pool_fen + 1 WHERE serial = 1", "settlements 1 A1", "changed", ("pool_fen",)),
    ("UPDATE persons SET version = 3 WHERE person = 'X'", "persons X", "changed", ("version",)),
    ("UPDATE messages SET reversed_by = NULL WHERE serial = 3", f"messages 3 {msgid(9)}", "changed", ("reversed_by",)),
    ("DELETE FROM messages WHERE serial = 3", f"messages 3 {msgid(9)}", "missing", ()),
    ("DELETE FROM postings_legs WHERE serial = 1 AND place = 0", "postings_legs 1 0", "missing", ()),
    ("INSERT INTO starts VALUES (77)", "starts 77", "added", ()),
]


@pytest.mark.parametrize(("sql", "row", "kind", "columns"), PLANTED, ids=lambda case: " ".join(str(case).split()[:3]))
def test_a_planted_difference_is_found_and_its_row_is_named(old, new, sql, row, kind, columns):
    moved(old, new)
    change(new, sql)

    found = proof(old, new)

    assert not found.holds
    [one] = found.differences
    assert (f"{one.table} {one.key}", one.kind, one.columns) == (row, kind, columns)
    assert any(words.startswith(f"{row} {kind}") for words in found.words())


def test_counts_and_sums_are_said_beside_the_rows(old, new):
    moved(old, new)
    change(new, "DELETE FROM settlements WHERE serial = 1")

    words = proof(old, new).words()

    assert "settlements: 1 rows, expected 2" in words
    assert "settlements: pool_fen sums to 600, expected 1200" in words
    assert "settlements 1 A1 missing" in words


def test_of_very_many_differences_the_first_are_listed_and_all_are_counted(old, new):
    moved(old, new)
    with closing(sqlite3.connect(new)) as connection, connection:
        connection.executemany("INSERT INTO starts VALUES (?)", [(number,) for number in range(1, 151)])

    found = proof(old, new)

    assert (len(found.differences), found.differing) == (100, 150)
    assert found.words()[-1] == "and 50 rows more"


def test_a_row_that_the_program_cannot_read_is_refused_and_then_missing(old, new):
    change(old, "UPDATE visits SET state = 'nonsense' WHERE visit = 'S2'")

    [refused] = [one for step in moved(old, new) for one in step.refused]

    assert (refused.table, refused.key) == ("visits", "S2")
    assert "nonsense" in refused.why
    assert "visits S2 missing" in proof(old, new).words()


def test_a_row_that_the_new_books_do_not_take_is_refused_alone(old, new):
    change(new, f"INSERT INTO messages SELECT 50, 'hub', '{msgid(1)}', '2102', 0, NULL, NULL, NULL, 0")

    refused = [one for step in moved(old, new, 1) for one in step.refused]

    assert [(one.table, one.key) for one in refused] == [("messages", f"1 {msgid(1)}")]
    assert "UNIQUE" in refused[0].why


def test_a_row_too_much_in_the_new_books_is_taken_out(old, new):
    change(new, "INSERT INTO starts VALUES (77)")

    moved(old, new)

    assert proof(old, new).holds


def test_new_books_that_another_process_writes_are_not_touched(old, new):
    books = SqliteBooks(new)
    try:
        with pytest.raises(BooksError, match="open in another process"):
            moved(old, new)
    finally:
        books.close()


def test_books_that_cannot_be_written_are_named(old, new):
    with (
        SqliteShelf.of(old) as ours,
        SqliteShelf.of(new) as closed,
        pytest.raises(BooksError, match=r"34\.2\.sqlite cannot be written"),
    ):
        list(move(ours, closed))


def test_what_a_neighbour_was_told_is_held_against_the_books(old, new):
    """The hub keeps a copy of each settlement that Anhui answered; one of them is not in Anhui's books, one is not the same."""
    moved(old, new)
    hub = new.with_name("hub.sqlite")
    make_like(hub, old)
    fill_books(hub, [insert(done(1), copy(1)), insert(done(4), copy(4)), insert(done(5), copy(5))])
    change(hub, "UPDATE settlement_copies SET total_fen = 999 WHERE settlement = 'A4'")

    with SqliteShelf.of(hub) as ours, SqliteShelf.of(new) as theirs:
        told = set(answered_by(ours, HUB, NodeId("34")))
        assert not set(answered_by(ours, HUB, NodeId("33")))
        found = Told.of(told, stated_in(theirs)).missing

    assert {one.settlement for one in told} == {"A1", "A4", "A5"}
    assert found == (Stated("A4", 999), Stated("A5", 1000))


@pytest.mark.parametrize(("owner", "asked"), [("hub", "34"), ("34", "34"), ("33", "hub")])
def test_who_answered_a_message_follows_from_whose_books_they_are(old, owner, asked):
    with SqliteShelf.of(old) as ours:
        assert [one.settlement for one in answered_by(ours, NodeId(owner), NodeId(asked))] == ["A3"]


def test_books_that_are_damaged_are_named(old, new):
    moved(old, new)
    with new.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 3 * 4096)

    with pytest.raises(BooksError, match=r"34\.2\.sqlite cannot be read"):
        proof(old, new)
