"""The trail of books (G19): whatever is missing, added or altered, in the books or in the trail, is found and named.

The same stories are told of books in a file and of books on a server.
"""

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
from support.postgresql import execute_in

from reference_impl.books.final import BooksError
from reference_impl.books.packing import packed, unpacked
from reference_impl.books.postgresql import opening as on_server
from reference_impl.books.postgresql.books import PostgresqlBooks
from reference_impl.books.postgresql.place import PostgresqlPlace
from reference_impl.books.postgresql.session import aside
from reference_impl.books.sqlite.books import SqliteBooks
from reference_impl.books.sqlite.place import SqlitePlace
from reference_impl.books.sqlite.trailing import verify_file
from reference_impl.books.trail import NAMED_MAX, Entry, Noted, entry_after, written
from reference_impl.protocol.messages import Seal


class InFile:
    """Books in a file, and what somebody with another program does to it."""

    def __init__(self, path, blank):
        self.place = SqlitePlace(path)
        path.write_bytes(blank.read_bytes())

    def opened(self, runner):
        return SqliteBooks(self.place.path)

    def find(self, sql, *parameters):
        with closing(sqlite3.connect(self.place.path, isolation_level=None)) as connection:
            return connection.execute(sql, parameters).fetchall()

    def execute(self, sql, *parameters):
        with closing(sqlite3.connect(self.place.path, isolation_level=None)) as connection:
            assert connection.execute(sql, parameters).rowcount != 0, "the plant took hold"

    def binary(self, given):
        return f"x'{given.hex()}'"

    def columns(self, table):
        return [name for (name,) in self.find(f"SELECT name FROM pragma_table_info('{table}')")]  # noqa: S608 - ours


class OnServer:
    """Books on a server, and what somebody with another session does to them."""

    def __init__(self, schema):
        self.place = PostgresqlPlace(schema)

    def opened(self, runner):
        return runner.run(PostgresqlBooks.open(self.place.schema))

    def find(self, sql):
        return [tuple(row) for row in execute_in(self.place.schema, sql)]

    def execute(self, sql):
        planted = f"WITH planted AS ({sql} RETURNING 1) SELECT 1 FROM planted"  # noqa: S608 - ours
        assert self.find(planted), "the plant took hold"

    def binary(self, given):
        return f"'\\x{given.hex()}'::bytea"

    def columns(self, table):
        schema = self.place.schema.name
        return [
            name
            for (name,) in self.find(
                f"SELECT column_name::text FROM information_schema.columns WHERE table_schema = '{schema}' "  # noqa: S608
                f"AND table_name = '{table}' ORDER BY ordinal_position"
            )
        ]


def blank(request, kind):
    if kind == "file":
        folder = request.getfixturevalue("tmp_path_factory").mktemp("books")
        return InFile(folder / "34.sqlite", request.getfixturevalue("blank_books"))
    return OnServer(request.getfixturevalue("schema"))


@pytest.fixture(params=["file", "server"])
def empty(request):
    """Books that hold nothing."""
    return blank(request, request.param)


@pytest.fixture
def kept(empty, runner):
    """Books with some of everything, closed."""
    books = empty.opened(runner)
    shelf = Shelf(books, runner)
    sealed = msgspec.structs.replace(intent(1).request, seal=Seal("own", "wax"))
    shelf.commit(insert(msgspec.structs.replace(intent(1), request=sealed), visit(1)))
    shelf.commit(replace(done(1), copy(1), visit(2)))
    shelf.commit(settled(2, version=1))
    shelf.commit(insert(reversal(4, of=3), tombstone=tombstone(3, reversed_by=msgid(4))))
    shelf.commit(insert(intent(5)))
    books.close()
    return empty


def findings(kept, *noted):
    return kept.place.verify(noted).findings


def test_books_are_what_their_trail_tells(kept):
    verified = kept.place.verify(())

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
    "a leg is of no posting": (
        "INSERT INTO postings_legs VALUES (99, 0, '34:fund', 777)",
        "postings_legs 99 0: added or altered, and of no record",
    ),
    "a leg is in no place": (
        "UPDATE postings_legs SET place = 7 WHERE place = 1",
        "postings_legs 1 7: added or altered, and of no record",
    ),
    "an open message is hidden from who drives it again": (
        "UPDATE messages SET withdrawn = 2 WHERE msgid = {5}",
        f"messages hub {msgid(5)}: added or altered, and of no record",
    ),
    "an entry is before the first": (
        "INSERT INTO trail SELECT -serial, hash, content FROM trail",
        "entry -5: no entry of a trail, and not read",
    ),
    "an entry is gone": ("DELETE FROM trail WHERE serial = 3", "entry 3: missing; the next one there is 4"),
    "the first entry is gone": ("DELETE FROM trail WHERE serial = 1", "entry 1: missing; the next one there is 2"),
    "the last entry is gone": ("DELETE FROM trail WHERE serial = 5", f"messages hub {msgid(5)}: added"),
    "an entry is no entry": ("UPDATE trail SET content = {no entry} WHERE serial = 2", "entry 2: cannot be done again"),
    "an entry has another hash": ("UPDATE trail SET hash = {another hash} WHERE serial = 2", "entry 2: altered"),
    "two entries change places": (
        "UPDATE trail SET serial = CASE serial WHEN 4 THEN 105 ELSE 104 END WHERE serial IN (4, 5)",
        "entry 4: missing; the next one there is 104",
    ),
}


@pytest.mark.parametrize(("sql", "finding"), PLANTS.values(), ids=PLANTS)
def test_a_planted_row_is_found_and_named(kept, sql, finding):
    words = {
        "but_serial": ", ".join(name for name in kept.columns("settlements") if name != "serial"),
        "no entry": kept.binary(b"\xc1"),
        "another hash": kept.binary(bytes(32)),
        **{str(number): f"'{msgid(number)}'" for number in range(1, 6)},
    }
    for word, said in words.items():
        sql = sql.replace(f"{{{word}}}", said)
    kept.execute(sql)

    found = findings(kept)

    assert [one for one in found if one.startswith(finding)], found


def change_bytes(kept, table, column, serial, *, old, new):
    where = f"FROM {table} WHERE serial = {serial}"
    [(before,)] = kept.find(f"SELECT {column} {where}")
    told = unpacked(before)
    assert told.replace(old, new) != told
    after = kept.binary(packed(told.replace(old, new)) if told != before else told.replace(old, new))
    kept.execute(f"UPDATE {table} SET {column} = {after} WHERE serial = {serial}")  # noqa: S608 - names of our own


def test_an_entry_that_tells_otherwise_is_found_and_named_with_what_it_tells(kept):
    change_bytes(kept, "trail", "content", 3, old=b"34:fund", new=b"34:find")

    assert findings(kept) == ("entry 3: altered, or not the one that followed", "postings B2: altered in legs")


def test_an_entry_whose_bytes_are_damaged_is_found_or_tells_the_same(kept):
    """Some bits of what is packed say where an earlier text is taken from: another place may hold the same text."""
    [(before,)] = kept.find("SELECT content FROM trail WHERE serial = 3")
    damages = [before[:place] + bytes([before[place] ^ 0x10]) + before[place + 1 :] for place in range(len(before))]
    for damaged in (before[:-1], before + b"more", before + before, *damages):
        kept.execute(f"UPDATE trail SET content = {kept.binary(damaged)} WHERE serial = 3")  # noqa: S608 - ours

        assert findings(kept) or unpacked(damaged) == unpacked(before), damaged


def test_entries_of_before_there_were_packed_ones_are_read_beside_them(kept):
    """The chain is over what is told: a file whose older entries are plain has the same last hash."""
    tip = kept.place.verify(()).tip
    for serial in (1, 3):
        [(content,)] = kept.find(f"SELECT content FROM trail WHERE serial = {serial}")  # noqa: S608 - ours
        plain = kept.binary(unpacked(content))
        kept.execute(f"UPDATE trail SET content = {plain} WHERE serial = {serial}")  # noqa: S608 - ours

    verified = kept.place.verify(())

    assert (verified.findings, verified.tip) == ((), tip)


def test_a_seal_that_is_exchanged_is_found_though_no_message_differs_by_it(kept):
    change_bytes(kept, "messages", "request", 1, old=b"\xa3wax", new=b"\xa3WAX")

    assert findings(kept) == (f"messages hub {msgid(1)}: altered in request",)


def test_a_finding_names_fields_and_never_what_they_hold(kept):
    kept.execute("UPDATE settlements SET person = 'Wang Xiaoming'")

    assert "Wang" not in " ".join(findings(kept))


def test_a_trail_made_anew_is_found_by_an_entry_that_was_noted(kept, runner):
    verified = kept.place.verify(())
    noted = Noted(verified.entries, bytes.fromhex(verified.tip))
    assert findings(kept, noted) == ()
    assert findings(kept, Noted(2, bytes(32))) == ("entry 2: it is not the one that was noted",)

    for table in ("trail", *TABLES):
        kept.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
    books = kept.opened(runner)
    Shelf(books, runner).commit(insert(intent(1)))
    books.close()

    assert findings(kept) == ()
    assert findings(kept, noted) == ("entry 5: missing, though it was noted; the trail ends with 1",)


def test_an_older_copy_put_in_the_place_of_books_is_found_by_an_entry_noted_since(runner, tmp_path, blank_books):
    """A backup is in itself as good as it was: only what was noted after it tells that anything is gone."""
    kept = InFile(tmp_path / "34.sqlite", blank_books)
    for number in (1, 2):
        backup = kept.place.path.read_bytes()
        books = kept.opened(runner)
        Shelf(books, runner).commit(insert(intent(number)))
        books.close()
    since = kept.place.verify(())
    kept.place.path.write_bytes(backup)

    assert findings(kept) == ()
    missing = f"entry {since.entries}: missing, though it was noted; the trail ends with {since.entries - 1}"
    assert findings(kept, Noted(since.entries, bytes.fromhex(since.tip))) == (missing,)


TABLES = ("messages", "visits", "persons", "settlements", "settlement_copies", "postings", "postings_legs")
"""Where the books of these tests hold something."""


def test_all_findings_are_counted_and_the_first_are_named(kept):
    kept.execute("DELETE FROM trail")
    for number in range(2 * NAMED_MAX):
        kept.execute(
            f"INSERT INTO messages SELECT {1000 + number}, 'hub', 'x{number}', code, opened_us, request, reply, "  # noqa: S608
            f"reversed_by, withdrawn FROM messages WHERE msgid = '{msgid(1)}'"
        )

    verified = kept.place.verify(())

    assert len(verified.findings) == NAMED_MAX
    assert verified.found > 2 * NAMED_MAX


def put(kept, entry):
    hashed, content = kept.binary(entry.hash), kept.binary(entry.content)
    kept.execute(f"INSERT INTO trail VALUES ({entry.serial}, {hashed}, {content})")  # noqa: S608 - ours


def test_an_entry_that_does_not_follow_is_named(kept):
    """The chain is right and what it tells is impossible: somebody who could write it could not make it true."""
    [last] = kept.find("SELECT serial, hash FROM trail ORDER BY serial DESC LIMIT 1")
    put(kept, entry_after(*last, written([insert(intent(5)), settled(2, version=7)])))

    assert findings(kept) == (
        f"entry 6: message hub {msgid(5)} does not follow from those before",
        f"entry 6: message hub {msgid(2)} does not follow from those before",
    )


def test_of_two_notes_of_one_entry_each_has_to_hold(kept):
    verified = kept.place.verify(())
    good, other = Noted(verified.entries, bytes.fromhex(verified.tip)), Noted(verified.entries, bytes(32))

    for both in ((good, other), (other, good)):
        assert findings(kept, *both) == ("entry 5: it is not the one that was noted",)
    assert findings(kept, good, good) == ()


def test_a_settlement_put_behind_its_reversal_is_found(kept, runner):
    """Of a visit the latest counts that no later one reverses: the order of rows decides who has been paid."""
    books = kept.opened(runner)
    Shelf(books, runner).commit(insert(done(6), settlement(6, sign=-1, reverses="A2")))
    books.close()
    assert findings(kept) == ()

    kept.execute("UPDATE settlements SET serial = 99 WHERE settlement = 'A2'")

    assert findings(kept) == ("settlements A6: not in its order", "settlements A2: not in its order")


def test_a_message_that_is_there_twice_is_found_whichever_comes_last(request, runner):
    """Whoever may change a table may take away what keeps its keys apart."""
    kept = blank(request, "server")
    books = kept.opened(runner)
    Shelf(books, runner).commit(insert(intent(1)))
    books.close()
    execute_in(kept.place.schema, "ALTER TABLE messages DROP CONSTRAINT messages_msgid_sender_key")
    kept.execute(f"INSERT INTO messages SELECT -9, 'hub', msgid, {ROW_OF_ONE.replace('{1}', repr(str(msgid(1))))}")

    assert f"messages hub {msgid(1)}: there more often than it was written" in findings(kept)


@pytest.mark.parametrize("column", ["hash", "content"])
@pytest.mark.parametrize("cell", ["'text'", "5"])
def test_an_entry_that_is_no_bytes_is_named_and_the_rest_is_read(blank_books, tmp_path, runner, column, cell):
    kept = InFile(tmp_path / "34.sqlite", blank_books)
    books = kept.opened(runner)
    Shelf(books, runner).commit(insert(intent(1)))
    books.close()
    kept.execute(f"UPDATE trail SET {column} = {cell}")  # noqa: S608 - names of our own

    assert findings(kept) == (
        "entry 1: no entry of a trail, and not read",
        f"messages hub {msgid(1)}: added, and no entry tells of it",
    )


def test_a_change_that_is_not_written_leaves_no_entry(kept, runner):
    books = kept.opened(runner)
    shelf = Shelf(books, runner)
    shelf.commit(insert(intent(1)))  # there already
    shelf.commit(insert(intent(9), person(9)))  # stale
    with pytest.raises(BooksError):
        shelf.commit(replace(done(77)))  # nothing to close
    books.close()

    assert kept.place.verify(()).entries == 5


def test_of_a_group_the_entry_tells_what_was_written_and_nothing_else(kept, runner):
    """Known, stale, nothing to close, and too large to be written: each stands between two that hold."""
    ill = [insert(intent(1)), insert(intent(9), person(9)), replace(done(77)), insert(intent(10, opened_us=2**70))]
    books = kept.opened(runner)
    shelf = Shelf(books, runner)
    for number, one in enumerate(ill):
        shelf.commit_all([insert(intent(20 + 2 * number)), one, insert(intent(21 + 2 * number))])
    books.close()

    verified = kept.place.verify(())

    assert verified.holds, verified.findings
    assert kept.find("SELECT count(*) FROM messages") == [(5 + 2 * len(ill),)]


def test_books_from_before_there_was_a_trail_begin_it_with_what_they_hold(kept, runner):
    kept.execute("DELETE FROM trail")
    kept.opened(runner).close()
    assert kept.place.verify(()).entries == 1
    books = kept.opened(runner)
    Shelf(books, runner).commit(insert(done(6), person(2), settlement(6, visit_number=6), posting(6)))
    books.close()

    assert kept.place.verify(()).holds
    assert kept.place.verify(()).entries == 2
    kept.execute("DELETE FROM settlements WHERE settlement = 'A2'")
    assert findings(kept) == ("settlements A2: missing",)


def test_what_books_are_filled_with_before_a_run_is_in_their_trail(empty):
    empty.place.fill([settled(1, version=1)])
    empty.place.fill([settled(2, version=2)])
    assert empty.place.verify(()).entries == 2
    empty.execute("DELETE FROM trail")

    empty.place.fill([settled(3, version=3)])

    assert empty.place.verify(()).holds
    assert empty.place.verify(()).entries == 2


def test_a_running_process_is_verified_at_one_instant(kept, runner):
    books = kept.opened(runner)
    Shelf(books, runner).commit(insert(intent(8)))

    assert kept.place.verify(()).entries == 6
    books.close()


def test_a_row_that_nobody_can_read_is_told(kept):
    kept.execute(f"UPDATE messages SET request = {kept.binary(b'{0xC1}')} WHERE serial = 1")  # noqa: S608 - names of our own

    with pytest.raises(BooksError, match="cannot be read"):
        kept.place.verify(())


# --- one chain, wherever books lie ---

STORY = [
    [insert(intent(1), visit(1))],
    [replace(done(1), copy(1), visit(2))],
    [insert(intent(number)) for number in range(100, 115)],
    [insert(intent(number)) for number in range(200, 216)],
    [insert(intent(number)) for number in range(300, 556)],
    [settled(2, version=1), insert(intent(1)), insert(intent(9), person(9))],
    [insert(intent(1))],
    [insert(reversal(4, of=3), tombstone=tombstone(3, reversed_by=msgid(4)))],
]
"""Groups of every length that a list is written otherwise for, one of which some does not hold, and one of which nothing."""


def test_the_same_changes_make_the_same_chain_in_a_file_and_on_a_server(request, runner):
    chains = []
    for kind in ("file", "server"):
        one = blank(request, kind)
        books = one.opened(runner)
        shelf = Shelf(books, runner)
        for group in STORY:
            shelf.commit_all(group)
        books.close()
        kept = one.find("SELECT serial, hash, content FROM trail ORDER BY serial")
        chains.append([Entry(serial, hashed, unpacked(content)) for serial, hashed, content in kept])

    assert chains[0] == chains[1]
    assert len(chains[0]) == len(STORY) - 1


def test_books_that_are_filled_with_much_have_an_entry_for_each_call(schema):
    place = PostgresqlPlace(schema)
    place.fill([insert(intent(number)) for number in range(5_000)])

    verified = place.verify(())

    assert (verified.entries, verified.findings) == (2, ())


# --- what is not there, or of another program ---


def test_files_that_are_not_there_old_or_broken_are_told(tmp_path, blank_books):
    with pytest.raises(BooksError, match="no books at"):
        verify_file(tmp_path / "nowhere.sqlite")
    old, broken = (InFile(tmp_path / name, blank_books) for name in ("old.sqlite", "broken.sqlite"))
    old.execute("PRAGMA user_version = 13")
    with pytest.raises(BooksError, match=r"have schema 13.*start their node once"):
        findings(old)
    broken.execute("ALTER TABLE trail RENAME TO trial")
    with pytest.raises(BooksError, match="cannot be read"):
        findings(broken)


def test_schemas_that_are_not_there_old_or_broken_are_told(schema, runner):
    one = OnServer(schema)
    with pytest.raises(BooksError, match="no books at"):
        findings(one)
    aside(lambda: on_server.migrate(schema, "0016"))
    with pytest.raises(BooksError, match=r"have schema 16.*start their node once"):
        findings(one)
    one.opened(runner).close()
    assert one.place.verify(()).entries == 0
    execute_in(schema, "ALTER TABLE trail RENAME TO trial")
    with pytest.raises(BooksError, match="cannot be read"):
        findings(one)
