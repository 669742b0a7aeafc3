from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from reference_impl.books.memory import MemoryBooks
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


@pytest.fixture(params=["memory", "turn", "beside"])
def shelf(request):
    return request.getfixturevalue(f"{request.param}_shelf")
