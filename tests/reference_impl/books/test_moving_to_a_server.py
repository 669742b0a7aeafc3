"""Books are moved from a file to a server and on to another schema, and held against each other whatever they lie in."""

from __future__ import annotations

import sys

import pytest
from book_samples import (
    Shelf,
    copy,
    done,
    insert,
    intent,
    msgid,
    person,
    posting,
    settled,
    settlement,
    tombstone,
    visit,
)
from support.postgresql import execute

from reference_impl.books.final import BooksError
from reference_impl.books.moving import move, prove
from reference_impl.books.places import following, place_named, serving_place, write_server
from reference_impl.books.postgresql.address import Server
from reference_impl.books.postgresql.books import PostgresqlBooks
from reference_impl.books.postgresql.books import fill_books as fill_server
from reference_impl.books.postgresql.books import read_final as read_server
from reference_impl.books.postgresql.opening import remove
from reference_impl.books.postgresql.session import aside
from reference_impl.books.postgresql.shelf import PostgresqlShelf
from reference_impl.books.postgresql.trailing import verify_schema
from reference_impl.books.sqlite.books import fill_books, read_final
from reference_impl.books.sqlite.shelf import SqliteShelf
from reference_impl.books.sqlite.trailing import verify_file
from reference_impl.books.trail import Noted

OLD = [
    settled(1, version=1),
    insert(intent(2), visit(1, number=2), tombstone=tombstone(9)),
    insert(done(3), copy(3), settlement(4, visit_number=3), posting(4), person(1, name="X")),
    *(insert(done(number), person(1, name=name)) for number, name in enumerate(("a", "B", "ä", "Z-1", "Z1", "张"), 20)),
]


@pytest.fixture
def old(tmp_path, blank_books):
    path = tmp_path / "34.sqlite"
    path.write_bytes(blank_books.read_bytes())
    fill_books(path, OLD)
    return path


def moved(old, schema, rows_max=1000):
    with SqliteShelf.of(old) as ours, PostgresqlShelf.made(schema) as theirs:
        return list(move(ours, theirs, rows_max))


def proof(old, schema):
    with SqliteShelf.of(old) as ours, PostgresqlShelf.of(schema) as theirs:
        return prove(ours, theirs)


def change(schema, sql):
    execute(schema.server.address, sql.format(schema.name))


def by_key(final):
    return final.messages, {kind: sorted(rows, key=repr) for kind, rows in final.records.items()}


@pytest.mark.parametrize("rows_max", [1, 3, 1000])
def test_everything_moves_and_reads_the_same_in_whatever_order_a_language_puts_words(old, schema, rows_max):
    moved(old, schema, rows_max)

    assert proof(old, schema).holds
    assert by_key(read_server(schema)) == by_key(read_final(old))


def test_a_second_pass_moves_only_what_is_new_and_what_is_too_much_goes(old, schema):
    moved(old, schema)
    fill_books(old, [settled(7, version=2)])
    change(schema, "INSERT INTO {}.starts VALUES (77)")

    steps = {step.table: step.moved for step in moved(old, schema) if step.moved}

    assert steps == {
        "messages": 1, "persons": 1, "settlements": 1, "postings": 1, "postings_legs": 2, "starts": 1, "trail": 1,
    }  # fmt: skip
    assert proof(old, schema).holds


def test_a_trail_goes_on_where_its_books_have_moved_to(old, schema, runner):
    """What was noted of the file is still there, and what is written on the server follows it."""
    noted = verify_file(old)
    moved(old, schema)
    assert verify_schema(schema) == noted

    books = runner.run(PostgresqlBooks.open(schema))
    Shelf(books, runner).commit(settled(7, version=2))
    books.close()

    now = verify_schema(schema, [Noted(noted.entries, bytes.fromhex(noted.tip))])
    assert (now.entries, now.findings) == (noted.entries + 1, ())
    change(schema, "DELETE FROM {}.trail WHERE serial = 1")
    assert verify_schema(schema).findings[0] == "entry 1: missing; the next one there is 2"


PLANTED = [
    ("UPDATE {}.settlements SET pool_fen = pool_fen + 1 WHERE serial = 1", "settlements 1 A1", "changed", ("pool_fen",)),
    ("UPDATE {}.persons SET version = 3 WHERE person = 'X'", "persons X", "changed", ("version",)),
    ("UPDATE {}.messages SET reversed_by = NULL WHERE serial = 3", f"messages 3 {msgid(9)}", "changed", ("reversed_by",)),
    ("DELETE FROM {}.messages WHERE serial = 3", f"messages 3 {msgid(9)}", "missing", ()),
    ("DELETE FROM {}.postings_legs WHERE serial = 1 AND place = 0", "postings_legs 1 0", "missing", ()),
    ("INSERT INTO {}.starts VALUES (77)", "starts 77", "added", ()),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "row", "kind", "columns"), PLANTED)
def test_a_planted_difference_is_found_and_its_row_is_named(old, schema, sql, row, kind, columns):
    moved(old, schema)
    change(schema, sql)

    [one] = proof(old, schema).differences

    assert (f"{one.table} {one.key}", one.kind, one.columns) == (row, kind, columns)


def test_a_row_that_the_server_does_not_take_is_refused_alone(old, schema):
    fill_books(old, [insert(done(30), person(1, name="nul\0"))])
    fill_server(schema, [])
    change(schema, "INSERT INTO {}.messages SELECT 50, 'hub', '" + msgid(1) + "', '2102', 0, NULL, NULL, NULL, 0")

    refused = [one for step in moved(old, schema, 1) for one in step.refused]

    assert [(one.table, one.key) for one in refused] == [("messages", f"1 {msgid(1)}"), ("persons", "nul\0")]
    assert "UniqueViolation" in refused[0].why
    assert not proof(old, schema).holds


def test_books_that_somebody_has_open_or_that_are_not_there_are_named(old, schema):
    with pytest.raises(BooksError, match="no books at"):
        PostgresqlShelf.of(schema)
    with PostgresqlShelf.made(schema), pytest.raises(BooksError, match="open in another process"):
        PostgresqlShelf.made(schema)
    with (
        SqliteShelf.of(old) as ours,
        PostgresqlShelf.of(schema) as closed,
        pytest.raises(BooksError, match="read-only"),
    ):
        list(move(ours, closed))


# --- where books lie ---


def test_a_folder_without_a_server_knows_no_schema(tmp_path):
    with pytest.raises(BooksError, match=r"yidi_34_2 lie on a server, and .*server\.json is not there"):
        place_named(tmp_path, "yidi_34_2")

    (tmp_path / "server.json").write_text("nonsense")
    with pytest.raises(BooksError, match="cannot read where books lie"):
        serving_place(tmp_path, "34")


def test_without_the_driver_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    write_server(tmp_path, Server.read("postgresql://yidi@127.0.0.1:1/yidi"))
    monkeypatch.setitem(sys.modules, "reference_impl.books.postgresql.place", None)

    with pytest.raises(BooksError, match=r"need asyncpg, which is not installed: pip install 'yidi\[postgresql\]'"):
        serving_place(tmp_path, "34")


def test_new_books_take_the_next_number_that_nobody_has(tmp_path, database):
    server = Server.read(database)
    made = [server.schema(name) for name in ("yidi_34_2", "yidi_34_3")]
    for schema in made:
        fill_server(schema, [])
    (tmp_path / "34.sqlite").touch()
    write_server(tmp_path, server)

    assert following(tmp_path, "34", "34.sqlite", None).name == "34.2.sqlite"
    assert following(tmp_path, "34", "34.sqlite", server).name == "yidi_34_4"
    assert following(tmp_path, "34", "yidi_34_7", server).name == "yidi_34_8"
    assert serving_place(tmp_path, "34").name == "34.sqlite"
    assert serving_place(tmp_path, "35").name == "yidi_35"
    place = place_named(tmp_path, "yidi_34_3")
    place.remove()
    assert not place.exists()
    aside(lambda: remove(made[0]))


def test_what_cannot_be_taken_away_is_in_nobody_s_way(tmp_path):
    write_server(tmp_path, Server.read("postgresql://yidi@127.0.0.1:1/yidi"))

    place_named(tmp_path, "yidi_34_2").remove()
