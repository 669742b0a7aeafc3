"""A process that dies before or after any line of the journal leaves books that serve, and a move that ends well."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "books"))

from book_samples import done, insert, key, settled

from reference_impl.books.final import BooksError
from reference_impl.books.journal import Stage, read_journal, serving_books, write_journal
from reference_impl.books.sqlite.books import SqliteBooks, fill_books, read_final
from reference_impl.protocol.records import Committed
from reference_impl.server import moving
from reference_impl.server.held import HeldBooks
from reference_impl.server.moving import Move, MoveAction, MoveStatus

STEPS = [action for action in MoveAction if action is not MoveAction.ROLL_BACK]
BACK = [MoveAction.COPY, MoveAction.FREEZE, MoveAction.MIGRATE, MoveAction.VERIFY, MoveAction.SWITCH]
STAGES = 8
"""Lines of the journal in a move that copies first: two for each pass, one for each other step."""


class Killed(BaseException):
    """The process is gone."""


class Clock:
    def now_us(self):
        return 7


class Process:
    """One process: the books that serve, and their move; ``kill_at`` is the line of the journal at which it dies."""

    def __init__(self, folder, monkeypatch, kill_at=None, *, written=False):
        self.lines = 0

        def write(*line):
            self.lines += 1
            if self.lines == kill_at and not written:
                raise Killed
            write_journal(*line)
            if self.lines == kill_at:
                raise Killed

        monkeypatch.setattr(moving, "write_journal", write)
        self.books = HeldBooks(SqliteBooks(serving_books(folder, "34")))
        self.move = Move("34", self.books, Clock())

    async def do(self, actions):
        for action in actions:
            await self.move.obey(action)
            await self.rest()

    async def rest(self):
        """Wait until no pass is under way; one that dies takes the process along."""
        if self.move._pass is not None:
            await self.move._pass

    def gone(self):
        self.books.close()


@pytest.fixture
def folder(tmp_path):
    fill_books(tmp_path / "34.sqlite", [settled(1, version=1)])
    return tmp_path


def die(folder, monkeypatch, actions, kill_at, *, written):
    async def story():
        process = Process(folder, monkeypatch, kill_at, written=written)
        try:
            with pytest.raises(Killed):
                await process.do(actions)
        finally:
            process.gone()

    asyncio.run(story())


DEATHS = [(line, written) for line in range(1, STAGES + 1) for written in (False, True)]


@pytest.mark.parametrize(("line", "written"), DEATHS)
def test_dead_at_any_line_of_the_journal_the_move_is_taken_up_and_ends(folder, monkeypatch, line, written):
    before = read_final(folder / "34.sqlite")
    die(folder, monkeypatch, STEPS, line, written=written)

    async def again():
        process = Process(folder, monkeypatch)
        try:
            process.move.resume()
            await process.rest()
            stage = process.move.stage
            first = {None: 0, Stage.COPIED: 1, Stage.FROZEN: 2, Stage.MIGRATED: 3, Stage.SWITCHED: 5, Stage.REOPENED: 6}
            await process.do(STEPS[first[stage] :])
            assert await process.books.commit(insert(done(2))) == Committed()
        finally:
            process.gone()

    asyncio.run(again())

    assert serving_books(folder, "34").name == "34.2.sqlite"
    after = read_final(serving_books(folder, "34"))
    assert (after.messages, after.records) == ((*before.messages, done(2)), before.records)


@pytest.mark.parametrize("steps", range(1, len(BACK) + 1))
@pytest.mark.parametrize("written", [False, True])
def test_dead_while_it_goes_back_it_goes_back_again(folder, monkeypatch, steps, written):
    before = read_final(folder / "34.sqlite")
    lines = [0, 2, 3, 5, 6, 7][steps] + 1
    die(folder, monkeypatch, [*BACK[:steps], MoveAction.ROLL_BACK], lines, written=written)

    async def again():
        process = Process(folder, monkeypatch)
        try:
            await process.do([MoveAction.ROLL_BACK])
            assert await process.books.commit(insert(done(2))) == Committed()
        finally:
            process.gone()

    asyncio.run(again())

    assert serving_books(folder, "34").name == "34.sqlite"
    after = read_final(serving_books(folder, "34"))
    assert (after.messages, after.records) == ((*before.messages, done(2)), before.records)


def test_what_was_being_written_when_the_books_froze_is_moved_too(folder, monkeypatch):
    async def story():
        process = Process(folder, monkeypatch)
        try:
            writing = process.books.commit(settled(3, version=2))
            await process.do([MoveAction.FREEZE, MoveAction.MIGRATE, MoveAction.VERIFY, MoveAction.SWITCH])
            assert await writing == Committed()
            assert (await process.books.look(key(3))).message == done(3)
            with pytest.raises(BooksError, match="frozen while they are moved"):
                await process.books.commit(settled(4, version=3))
        finally:
            process.gone()

    asyncio.run(story())


def test_new_books_that_cannot_be_written_are_said_and_the_old_ones_serve_on(folder, monkeypatch, capsys):
    (folder / "34.2.sqlite.partial").mkdir()

    async def story():
        process = Process(folder, monkeypatch)
        try:
            await process.move.obey(MoveAction.COPY)
            await process.rest()
            assert await process.books.commit(insert(done(2))) == Committed()
            return process.move.status()
        finally:
            process.gone()

    status = asyncio.run(story())

    assert isinstance(status, MoveStatus)
    assert (status.stage, status.moving) == (Stage.COPYING, False)
    assert "34.2.sqlite" in status.trouble
    assert "broke off" in capsys.readouterr().err


def test_a_journal_on_a_full_disk_freezes_nothing(folder, monkeypatch):
    def full(*_):
        raise BooksError("no space left on device")

    async def story():
        process = Process(folder, monkeypatch)
        monkeypatch.setattr(moving, "write_journal", full)
        try:
            with pytest.raises(BooksError, match="no space"):
                await process.move.obey(MoveAction.FREEZE)
            assert await process.books.commit(insert(done(2))) == Committed()
        finally:
            process.gone()

    asyncio.run(story())

    assert read_journal(folder, "34") is None


def test_a_rate_bounds_how_fast_rows_are_moved(folder, monkeypatch):
    """The clock is the test's own: what is asserted is the time that the pass asked to wait, not the time it took."""
    waited, began = [], 100.0

    async def sleep(seconds):
        waited.append(seconds)

    class Still:
        monotonic = staticmethod(lambda: began)

    async def story():
        process = Process(folder, monkeypatch)
        try:
            await process.do([MoveAction.FREEZE])
            monkeypatch.setattr(moving, "time", Still)
            monkeypatch.setattr(moving.asyncio, "sleep", sleep)
            await process.move.obey(MoveAction.MIGRATE, 2)
            await process.rest()
            return sum(process.move.status().moved.values())
        finally:
            process.gone()

    rows = asyncio.run(story())

    assert rows == 6
    assert max(waited) == rows / 2
