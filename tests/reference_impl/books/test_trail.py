"""The trail of books (G19): whatever is missing, added or altered, in the books or in the trail, is found and named."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import msgspec
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
    replace,
    reversal,
    settled,
    settlement,
    tombstone,
    visit,
)

from reference_impl.books.final import BooksError
from reference_impl.books.sqlite.books import SqliteBooks, fill_books
from reference_impl.books.sqlite.trailing import extend_trail, verify_file
from reference_impl.books.trail import NAMED_MAX, Noted
from reference_impl.protocol.messages import Seal


@pytest.fixture
def path(tmp_path, blank_books, runner):
    """Books with some of everything, closed."""
    path = tmp_path / "34.sqlite"
    path.write_bytes(blank_books.read_bytes())
    books = SqliteBooks(path)
    shelf = Shelf(books, runner)
    sealed = msgspec.structs.replace(intent(1).request, seal=Seal("own", "wax"))
    shelf.commit(insert(msgspec.structs.replace(intent(1), request=sealed), visit(1)))
    shelf.commit(replace(done(1), copy(1), visit(2)))
    shelf.commit(settled(2, version=1))
    shelf.commit(insert(reversal(4, of=3), tombstone=tombstone(3, reversed_by=msgid(4))))
    shelf.commit(insert(intent(5)))
    books.close()
    return path


def execute(path, sql, *parameters):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute(sql, parameters).rowcount != 0, "the plant took hold"


def findings(path, *noted):
    return verify_file(path, noted).findings


def test_books_are_what_their_trail_tells(path):
    verified = verify_file(path)

    assert verified.holds
    assert verified.entries == 5
    assert len(verified.tip) == 64


ROW_OF_ONE = "code, opened_us, request, reply, reversed_by, withdrawn FROM messages WHERE msgid = {1}"
PLANTS = {
    "a settlement is gone": ("DELETE FROM settlements WHERE settlement = 'A2'", "settlements A2: missing"),
    "a settlement costs a fen more": (
        "UPDATE settlements SET cash_fen = cash_fen + 1",
        "settlements A2: altered in amounts",
    ),
    "a settlement is of another": ("UPDATE settlements SET person = 'x'", "settlements A2: altered in person"),
    "a settlement is there twice": (
        "INSERT INTO settlements SELECT 99, {but_serial} FROM settlements",
        "settlements A2: there more often than it was written",
    ),
    "a leg of a posting is gone": ("DELETE FROM postings_legs WHERE place = 1", "postings B2: altered in legs"),
    "what a person has had is less": (
        "UPDATE persons SET pool_paid_fen = 0",
        f"persons {person(1).person}: altered in accumulators",
    ),
    "a visit is reopened": ("UPDATE visits SET version = 1, settlement = ''", "visits S1: altered in version"),
    "a copy says another time": ("UPDATE settlement_copies SET settled_us = 8", "settlement_copies A1: altered"),
    "a message is gone": ("DELETE FROM messages WHERE msgid = {5}", f"messages hub {msgid(5)}: missing"),
    "a mark of a reversal is lifted": (
        "UPDATE messages SET reversed_by = NULL WHERE msgid = {3}",
        f"messages hub {msgid(3)}: altered in reversed_by",
    ),
    "a verdict is another": (
        "UPDATE messages SET reply = (SELECT reply FROM messages WHERE msgid = {2}) WHERE msgid = {1}",
        f"messages hub {msgid(1)}: altered in reply",
    ),
    "a message comes from nowhere": (
        f"INSERT INTO messages SELECT 99, 'hub', 'x', {ROW_OF_ONE}",
        "messages hub x: added, and no entry tells of it",
    ),
    "a visit comes from nowhere": ("UPDATE visits SET visit = 'S7'", "visits S7: added, and no entry tells of it"),
    "an entry is gone": ("DELETE FROM trail WHERE serial = 3", "entry 3: missing; the next one there is 4"),
    "the first entry is gone": ("DELETE FROM trail WHERE serial = 1", "entry 1: missing; the next one there is 2"),
    "the last entry is gone": ("DELETE FROM trail WHERE serial = 5", f"messages hub {msgid(5)}: added"),
    "an entry is no entry": ("UPDATE trail SET content = x'c1' WHERE serial = 2", "entry 2: cannot be done again"),
    "an entry has another hash": ("UPDATE trail SET hash = zeroblob(32) WHERE serial = 2", "entry 2: altered"),
    "two entries change places": (
        "UPDATE trail SET serial = CASE serial WHEN 4 THEN 105 ELSE 104 END WHERE serial IN (4, 5)",
        "entry 4: missing; the next one there is 104",
    ),
}


def columns(path, table):
    with closing(sqlite3.connect(path)) as connection:
        return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


@pytest.mark.parametrize(("sql", "finding"), PLANTS.values(), ids=PLANTS)
def test_a_planted_row_is_found_and_named(path, sql, finding):
    but_serial = ", ".join(name for name in columns(path, "settlements") if name != "serial")
    for number in range(1, 6):
        sql = sql.replace(f"{{{number}}}", f"'{msgid(number)}'")
    execute(path, sql.replace("{but_serial}", but_serial))

    found = findings(path)

    assert [one for one in found if one.startswith(finding)], found


def change_bytes(path, table, column, serial, *, old, new):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        where = f"FROM {table} WHERE serial = {serial}"
        (before,) = connection.execute(f"SELECT {column} {where}").fetchone()
        assert before.replace(old, new) != before
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE serial = {serial}", (before.replace(old, new),))  # noqa: S608 - names of our own


def test_an_entry_that_tells_otherwise_is_found_and_named_with_what_it_tells(path):
    change_bytes(path, "trail", "content", 3, old=b"34:fund", new=b"34:find")

    assert findings(path) == ("entry 3: altered, or not the one that followed", "postings B2: altered in legs")


def test_a_seal_that_is_exchanged_is_found_though_no_message_differs_by_it(path):
    change_bytes(path, "messages", "request", 1, old=b"\xa3wax", new=b"\xa3WAX")

    assert findings(path) == (f"messages hub {msgid(1)}: altered in request",)


def test_a_finding_names_fields_and_never_what_they_hold(path):
    execute(path, "UPDATE settlements SET person = 'Wang Xiaoming'")

    assert "Wang" not in " ".join(findings(path))


def test_a_trail_made_anew_is_found_by_an_entry_that_was_noted(path, tmp_path, blank_books, runner):
    verified = verify_file(path)
    noted = Noted(verified.entries, bytes.fromhex(verified.tip))
    other = tmp_path / "other.sqlite"
    other.write_bytes(blank_books.read_bytes())
    books = SqliteBooks(other)
    Shelf(books, runner).commit(insert(intent(1)))
    books.close()

    assert findings(path, noted) == ()
    assert findings(other) == ()
    assert findings(other, noted) == ("entry 5: missing, though it was noted; the trail ends with 1",)
    assert findings(path, Noted(2, bytes(32))) == ("entry 2: it is not the one that was noted",)


def test_all_findings_are_counted_and_the_first_are_named(path):
    execute(path, "DELETE FROM trail")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for number in range(2 * NAMED_MAX):
            connection.execute(
                "INSERT INTO messages SELECT NULL, 'hub', ?, code, opened_us, request, reply, reversed_by, withdrawn "
                "FROM messages WHERE msgid = ?",
                (f"x{number}", msgid(1)),
            )

    verified = verify_file(path)

    assert len(verified.findings) == NAMED_MAX
    assert verified.found > 2 * NAMED_MAX


def test_an_entry_that_does_not_follow_is_named(path):
    """The chain is right and what it tells is impossible: somebody who could write it could not make it true."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        extend_trail(connection, [insert(intent(5)), settled(2, version=7)])
        connection.execute("COMMIT")

    assert findings(path) == (
        f"entry 6: message hub {msgid(5)} does not follow from those before",
        f"entry 6: message hub {msgid(2)} does not follow from those before",
    )


def test_a_change_that_is_not_written_leaves_no_entry(path, runner):
    books = SqliteBooks(path)
    shelf = Shelf(books, runner)
    shelf.commit(insert(intent(1)))  # there already
    shelf.commit(insert(intent(9), person(9)))  # stale
    with pytest.raises(BooksError):
        shelf.commit(replace(done(77)))  # nothing to close
    books.close()

    assert verify_file(path).entries == 5


def test_books_from_before_there_was_a_trail_begin_it_with_what_they_hold(path, runner):
    execute(path, "DELETE FROM trail")
    SqliteBooks(path).close()
    assert verify_file(path).entries == 1
    books = SqliteBooks(path)
    Shelf(books, runner).commit(insert(done(6), person(2), settlement(6, visit_number=6), posting(6)))
    books.close()

    assert verify_file(path).holds
    assert verify_file(path).entries == 2
    execute(path, "DELETE FROM settlements WHERE settlement = 'A2'")
    assert findings(path) == ("settlements A2: missing",)


def test_what_books_are_filled_with_before_a_run_is_in_their_trail(tmp_path):
    path = tmp_path / "33.sqlite"
    fill_books(path, [settled(1, version=1)])
    fill_books(path, [settled(2, version=2)])

    assert verify_file(path).holds
    assert verify_file(path).entries == 2


def test_a_running_process_is_verified_at_one_instant(path, runner):
    books = SqliteBooks(path)
    Shelf(books, runner).commit(insert(intent(8)))

    assert verify_file(path).entries == 6
    books.close()


def test_a_row_that_nobody_can_read_is_told(path):
    execute(path, "UPDATE messages SET request = x'c1' WHERE serial = 1")

    with pytest.raises(BooksError, match="cannot be read"):
        verify_file(path)


def test_books_that_are_not_there_old_or_broken_are_told(path, tmp_path, blank_books):
    with pytest.raises(BooksError, match="no books at"):
        verify_file(tmp_path / "nowhere.sqlite")
    old = tmp_path / "old.sqlite"
    old.write_bytes(blank_books.read_bytes())
    execute(old, "PRAGMA user_version = 13")
    with pytest.raises(BooksError, match=r"have schema 13.*start their node once"):
        verify_file(old)
    execute(path, "ALTER TABLE trail RENAME TO trial")
    with pytest.raises(BooksError, match="cannot be read"):
        verify_file(path)
