from __future__ import annotations

import asyncio
import itertools
import os
import sys
from pathlib import Path

import pytest

from reference_impl.books.memory import MemoryBooks
from reference_impl.books.postgresql.address import Server
from reference_impl.books.postgresql.books import PostgresqlBooks
from reference_impl.books.postgresql.opening import remove
from reference_impl.books.postgresql.session import aside
from reference_impl.books.postgresql.trailing import verify_schema
from reference_impl.books.sqlite.books import SqliteBooks
from reference_impl.books.sqlite.disk import Committing, Disk
from reference_impl.books.sqlite.opening import make_ready
from reference_impl.books.sqlite.trailing import verify_file

sys.path.insert(0, str(Path(__file__).parent))

from book_samples import Shelf


@pytest.fixture(scope="session")
def blank_books(tmp_path_factory):
    """Path of empty books, migrated once: tests copy the file."""
    path = tmp_path_factory.mktemp("blank") / "blank.sqlite"
    make_ready([path])
    return path


@pytest.fixture
def runner():
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(params=Committing)
def sqlite_books(request, tmp_path, blank_books):
    yield from opened(tmp_path / "34.sqlite", blank_books, request.param)


@pytest.fixture
def turn_books(tmp_path, blank_books):
    yield from opened(tmp_path / "34.sqlite", blank_books, Committing.TURN)


@pytest.fixture
def beside_books(tmp_path, blank_books):
    yield from opened(tmp_path / "34.sqlite", blank_books, Committing.BESIDE)


def opened(path, blank_books, committing):
    """Yield books; whatever a test made of them, their trail tells it."""
    path.write_bytes(blank_books.read_bytes())
    books = SqliteBooks(path, Disk(None, committing))
    yield books
    books.close()
    verified = verify_file(path)
    assert verified.holds, verified.findings


@pytest.fixture
def sqlite_shelf(sqlite_books, runner):
    return Shelf(sqlite_books, runner)


@pytest.fixture
def turn_shelf(turn_books, runner):
    return Shelf(turn_books, runner)


@pytest.fixture
def beside_shelf(beside_books, runner):
    return Shelf(beside_books, runner)


@pytest.fixture
def memory_shelf(runner):
    return Shelf(MemoryBooks(), runner)


NUMBERS = itertools.count()


@pytest.fixture
def schema(postgresql):
    """A place for the books of one test."""
    place = Server.read(postgresql).schema(f"yidi_{os.getpid()}_{next(NUMBERS)}")
    yield place
    aside(lambda: remove(place))


@pytest.fixture
def postgresql_books(schema, runner):
    """Yield books; whatever a test made of them, their trail tells it."""
    books = runner.run(PostgresqlBooks.open(schema))
    yield books
    books.close()
    runner.run(asyncio.sleep(0))
    verified = verify_schema(schema)
    assert verified.holds, verified.findings


@pytest.fixture
def postgresql_shelf(postgresql_books, runner):
    return Shelf(postgresql_books, runner)


@pytest.fixture(params=["turn", "beside", "postgresql"])
def durable_shelf(request):
    return request.getfixturevalue(f"{request.param}_shelf")


@pytest.fixture(params=["memory", "turn", "beside", "postgresql"])
def shelf(request):
    return request.getfixturevalue(f"{request.param}_shelf")
