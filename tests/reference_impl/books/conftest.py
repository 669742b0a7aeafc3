from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from reference_impl.books.memory import MemoryBooks
from reference_impl.books.opening import make_ready
from reference_impl.books.sqlite import SqliteBooks

sys.path.insert(0, str(Path(__file__).parent))


class Shelf:
    """Books of either kind, driven to the end of every await."""

    def __init__(self, books, runner):
        self.books, self._run = books, runner.run

    def commit(self, change):
        async def committed():
            return await self.books.commit(change)

        return self._run(committed())

    def commit_all(self, changes):
        async def committed():
            return await asyncio.gather(*(self.books.commit(change) for change in changes), return_exceptions=True)

        return self._run(committed())

    def look(self, key, **more):
        return self._run(self.books.look(key, **more))

    def open_entries(self):
        return self._run(self.books.open_entries())

    def read_all(self):
        return self.books.read_all()


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


@pytest.fixture
def sqlite_books(tmp_path, blank_books):
    path = tmp_path / "34.sqlite"
    path.write_bytes(blank_books.read_bytes())
    books = SqliteBooks(path)
    yield books
    books.close()


@pytest.fixture
def sqlite_shelf(sqlite_books, runner):
    return Shelf(sqlite_books, runner)


@pytest.fixture
def memory_shelf(runner):
    return Shelf(MemoryBooks(), runner)


@pytest.fixture(params=["memory", "sqlite"])
def shelf(request):
    return request.getfixturevalue(f"{request.param}_shelf")
