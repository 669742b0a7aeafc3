"""``yidi trail``: what it says of books that are as they were written, and of those that are not."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.postgresql import execute_in

from lab.cli.app import run_command
from lab.cli.commands.trail import trail
from reference_impl.books.final import BooksError
from reference_impl.books.journal import Journal, Stage, write_journal
from reference_impl.books.places import write_server
from reference_impl.books.postgresql.address import Server
from reference_impl.books.postgresql.place import PostgresqlPlace
from reference_impl.books.sqlite.books import fill_books
from reference_impl.domain.failures import InputError
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import FindPerson, MessageId, PersonNo, Request
from reference_impl.protocol.records import Change, Key, MessageRecord


def asked(number: int) -> Change:
    msgid, hub, hospital = MessageId(f"H33040030001{number:018d}"), NodeId("hub"), NodeId("H33040030001")
    request = Request("1101", msgid, hub, hospital, "330400", "340100", FindPerson(person=PersonNo("P")))
    return Change(message=MessageRecord(Key(hub, msgid), "1101", 0, request), insert=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for node in ("hub", "34"):
        fill_books(tmp_path / "books" / f"{node}.sqlite", [asked(1), asked(2)])
    return tmp_path


def test_books_that_hold_are_told_with_the_entry_to_note(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert trail(str(folder), (), as_json=False) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["34.sqlite", "hub.sqlite"]
    noted = lines[0].rpartition(" ")[2]
    assert trail(str(folder / "books" / "34.sqlite"), [noted], as_json=False) == 0


def test_an_altered_row_is_named_and_the_command_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(folder / "books" / "34.sqlite", isolation_level=None)) as connection:
        connection.execute("UPDATE messages SET opened_us = 7")
        connection.executemany(
            "INSERT INTO messages SELECT NULL, ?, msgid, code, opened_us, request, reply, reversed_by, withdrawn "
            "FROM messages WHERE serial = 1",
            [(f"x{number}",) for number in range(120)],
        )

    assert run_command(["trail", str(folder)]) == 3
    said = capsys.readouterr().out
    assert "34.sqlite: 122 things are not as they were written" in said
    assert "altered in opened_us" in said
    assert "and 22 more" in said
    assert run_command(["trail", str(folder), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["34.sqlite"]["found"] == 122


@pytest.mark.parametrize("noted", ["7", "0:" + 64 * "0", "x:00", "3:abc", "3:" + 62 * "0"])
def test_what_is_no_noted_entry_is_refused(folder: Path, noted: str) -> None:
    with pytest.raises(InputError, match="expected NUMBER:HASH"):
        trail(str(folder / "books" / "34.sqlite"), [noted], as_json=False)


def test_a_place_without_books_or_with_too_many_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(InputError, match="no books at"):
            trail(str(place), (), as_json=False)
    with pytest.raises(InputError, match="--noted is of the books of one node"):
        trail(str(folder), [f"1:{64 * '0'}"], as_json=False)


@pytest.mark.parametrize("place", ["/dev/null", 5_000 * "a", "/dev/null/books"], ids=["device", "long", "in a device"])
def test_a_place_where_no_books_can_be_is_refused(place: str) -> None:
    with pytest.raises(InputError, match="expected the folder of 'yidi serve --books'"):
        trail(place, (), as_json=False)


def test_books_that_cannot_be_read_are_told_beside_those_that_hold(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "books" / "34.sqlite").write_bytes(b"no books")

    assert trail(str(folder), (), as_json=False) == 3

    said = capsys.readouterr().out
    assert "34.sqlite cannot be read" in said
    assert "hub.sqlite: 1 entries hold" in said


def test_of_books_that_moved_the_file_that_serves_is_verified(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    books = folder / "books"
    fill_books(books / "34.2.sqlite", [asked(1)])
    write_journal(books, "34", Journal(stage=Stage.REOPENED, serving="34.2.sqlite"))

    assert trail(str(folder), (), as_json=False) == 0
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == ["34.2.sqlite", "hub.sqlite"]


# --- on a server ---


def names_said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def moved(folder: Path, database: str) -> Server:
    """A server where 33 began and 34 has moved to; the hub and the old books of 34 lie in the folder still."""
    server = Server.read(database)
    write_server(folder / "books", server)
    write_journal(folder / "books", "34", Journal(stage=Stage.REOPENED, serving="yidi_34_2"))
    for name in ("yidi_33", "yidi_34_2"):
        PostgresqlPlace(server.schema(name)).fill([asked(1), asked(2)])
    return server


def test_of_a_folder_that_names_a_server_those_that_serve_are_verified_wherever_they_lie(
    folder: Path, moved: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """The old file of 34 holds for ever; what was written since, its successor tells."""
    assert trail(str(folder), (), as_json=False) == 0
    assert names_said(capsys) == ["yidi_33", "yidi_34_2", "hub.sqlite"]

    execute_in(moved.schema("yidi_34_2"), "UPDATE messages SET opened_us = 7 WHERE serial = 1")

    assert run_command(["trail", str(folder)]) == 3
    assert "yidi_34_2: 1 thing is not as it was written" in capsys.readouterr().out


def test_books_on_a_server_are_verified_by_their_address_too(moved: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["trail", moved.address]) == 0
    assert names_said(capsys) == ["yidi_33", "yidi_34_2"]

    assert run_command(["trail", f"{moved.address}#yidi_33", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["yidi_33"]
    assert trail(f"{moved.address}#yidi_33", [f"{said['entries']}:{said['tip']}"], as_json=False) == 0
    execute_in(moved.schema("yidi_33"), "DELETE FROM trail")
    assert trail(f"{moved.address}#yidi_33", [f"{said['entries']}:{said['tip']}"], as_json=False) == 3
    assert "missing, though it was noted" in capsys.readouterr().out


def test_a_database_without_books_or_a_schema_without_is_told(database: str) -> None:
    with pytest.raises(InputError, match=r"no books at postgresql://.*; expected the database"):
        trail(database, (), as_json=False)
    with pytest.raises(BooksError, match="no books at"):
        trail(f"{database}#yidi_77", (), as_json=False)


def test_a_server_that_is_away_is_told_and_never_taken_for_the_files_that_were_left(folder: Path) -> None:
    write_server(folder / "books", Server("postgresql://nobody@127.0.0.1:1/none"))

    with pytest.raises(BooksError, match="cannot be reached"):
        trail(str(folder), (), as_json=False)
    assert trail(str(folder / "books" / "34.sqlite"), (), as_json=False) == 0
