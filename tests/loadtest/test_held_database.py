"""Somebody holds the database of a node's books: nothing is committed meanwhile, and nothing of the lock outlives them."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest
from support.postgresql import execute, own_database, server, wait_until

from loadtest.held_database import HeldDatabases
from reference_impl.books.final import BooksError
from reference_impl.books.postgresql.address import Server
from reference_impl.books.postgresql.place import PostgresqlPlace
from reference_impl.books.sqlite.disk import Committing, Disk
from reference_impl.books.sqlite.place import SqlitePlace

ROOT = Path(__file__).parents[2]


def made(tmp_path: Path) -> SqlitePlace:
    place = SqlitePlace(tmp_path / "63.sqlite")
    place.make_ready()
    return place


def is_held(place: SqlitePlace) -> bool:
    with closing(sqlite3.connect(place.path, timeout=0, isolation_level=None)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        return False


def test_a_file_is_held_until_it_is_let_go_and_letting_go_twice_is_no_harm(tmp_path):
    place, held = made(tmp_path), HeldDatabases()
    held.take("63", place)
    assert is_held(place)

    held.let_go("63")
    held.let_go("63")

    assert not is_held(place)


def test_what_cannot_be_held_is_named(tmp_path):
    with pytest.raises(BooksError, match=r"63\.sqlite cannot be held: unable to open"):
        HeldDatabases().take("63", SqlitePlace(tmp_path / "nowhere" / "63.sqlite"))


def test_nothing_of_it_outlives_whoever_held_it_and_was_killed(tmp_path):
    place = made(tmp_path)
    code = """
        import sys, time
        from pathlib import Path
        from loadtest.held_database import HeldDatabases
        from reference_impl.books.sqlite.place import SqlitePlace
        HeldDatabases().take("63", SqlitePlace(Path(sys.argv[1])))
        print("held", flush=True)
        time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(place.path)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        assert run.stdout.readline() == "held\n"
        assert is_held(place)
        run.send_signal(signal.SIGKILL)

    assert not is_held(place)


@pytest.fixture(scope="module")
def address():
    with server() as given, own_database(given) as database:
        yield database


def test_on_a_server_all_sessions_of_the_node_end_and_new_ones_wait_in_vain_until_it_is_let_go(address):
    place, held = PostgresqlPlace(Server.read(address).schema("yidi_63")), HeldDatabases()
    place.make_ready()

    async def story() -> None:
        books = await place.open(Disk(None, Committing.BESIDE))
        await asyncio.to_thread(held.take, "63", place)
        with pytest.raises(BooksError, match="cannot be read"):
            await books.open_intents()
        await asyncio.to_thread(held.let_go, "63")
        assert await books.open_intents() == ()
        books.close()

    asyncio.run(story())


def test_on_a_server_nothing_of_it_outlives_whoever_held_it_and_was_killed(address):
    place = PostgresqlPlace(Server.read(address).schema("yidi_34"))
    place.make_ready()
    code = """
        import sys, time
        from loadtest.held_database import HeldDatabases
        from reference_impl.books.postgresql.address import Schema
        from reference_impl.books.postgresql.place import PostgresqlPlace
        HeldDatabases().take("34", PostgresqlPlace(Schema.read(sys.argv[1])))
        print("held", flush=True)
        time.sleep(60)
    """
    locks = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'"
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(place)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        assert run.stdout.readline() == "held\n"
        assert execute(address, locks)[0][0][0] > 0
        run.send_signal(signal.SIGKILL)

    wait_until(lambda: execute(address, locks)[0][0][0] == 0)


def test_a_schema_that_is_not_there_is_named(address):
    with pytest.raises(BooksError, match="yidi_99 cannot be held: no books are there"):
        HeldDatabases().take("99", PostgresqlPlace(Server.read(address).schema("yidi_99")))
