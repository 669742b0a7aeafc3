"""A process that dies before or after any line of the journal leaves books that serve, and a move that ends well."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "books"))

from book_samples import done, insert, key, settled

from reference_impl.books.final import BooksError
from reference_impl.books.journal import Stage, read_journal, write_journal
from reference_impl.books.places import serving_place
from reference_impl.books.sqlite.books import SqliteBooks, fill_books, read_final
from reference_impl.books.stated import Stated, Told
from reference_impl.protocol.records import Committed
from reference_impl.server import moving
from reference_impl.server.held import HeldBooks
from reference_impl.server.move_steps import MoveAction
from reference_impl.server.moving import Move, MoveStatus

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
        place = serving_place(folder, "34")
        self.books = HeldBooks(place, SqliteBooks(place.path))
        self.shut = True
        self.move = Move("34", folder, self.books, Clock(), lambda: self.shut)

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

    assert serving_place(folder, "34").name == "34.2.sqlite"
    after = serving_place(folder, "34").read_final()
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

    assert serving_place(folder, "34").name == "34.sqlite"
    after = serving_place(folder, "34").read_final()
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


def test_a_first_pass_that_broke_off_is_made_when_the_command_is_given_again(folder, monkeypatch):
    in_the_way = folder / "34.2.sqlite.partial"
    in_the_way.mkdir()

    async def story():
        process = Process(folder, monkeypatch)
        try:
            await process.do([MoveAction.COPY])
            in_the_way.rmdir()
            await process.do([MoveAction.COPY])
            return process.move.status()
        finally:
            process.gone()

    status = asyncio.run(story())

    assert (status.stage, status.trouble) == (Stage.COPIED, "")


def change(path, sql):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


def test_a_pass_that_cannot_read_says_so_and_the_way_back_is_open(folder, monkeypatch, capsys):
    """A cell of the old books that is no text fails the whole page, not one row of it."""

    async def story():
        process = Process(folder, monkeypatch)
        try:
            await process.do([MoveAction.FREEZE])
            change(folder / "34.sqlite", "UPDATE messages SET code = CAST(x'ff41' AS TEXT)")
            await process.do([MoveAction.MIGRATE])
            broken = process.move.status()
            await process.do([MoveAction.ROLL_BACK])
            return broken, process.move.status()
        finally:
            process.gone()

    broken, after = asyncio.run(story())

    assert (broken.stage, broken.moving) == (Stage.MIGRATING, False)
    assert "34.sqlite cannot be read" in broken.trouble
    assert (after.stage, after.trouble) == (Stage.ROLLED_BACK, "")
    assert "broke off" in capsys.readouterr().err


def lose(path):
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def test_new_books_that_are_gone_prove_nothing_and_are_made_anew(folder, monkeypatch):
    async def story():
        process = Process(folder, monkeypatch)
        try:
            await process.do([MoveAction.FREEZE, MoveAction.MIGRATE])
            lose(folder / "34.2.sqlite")
            await process.do([MoveAction.VERIFY])
            failed = process.move.status()
            await process.do([MoveAction.MIGRATE, MoveAction.VERIFY])
            return failed, process.move.status()
        finally:
            process.gone()

    failed, mended = asyncio.run(story())

    assert failed.stage == Stage.FAILED
    assert "no books at" in failed.trouble
    assert (mended.stage, mended.trouble) == (Stage.VERIFIED, "")


SWITCHED = [MoveAction.FREEZE, MoveAction.MIGRATE, MoveAction.VERIFY, MoveAction.SWITCH]
GONE = [
    (SWITCHED[:3], "34.2.sqlite", MoveAction.SWITCH, Stage.VERIFIED),
    (SWITCHED, "34.sqlite", MoveAction.ROLL_BACK, Stage.SWITCHED),
]


@pytest.mark.parametrize(("steps", "name", "action", "stage"), GONE)
def test_empty_books_never_serve_in_place_of_those_that_are_gone(folder, monkeypatch, steps, name, action, stage):
    async def story():
        process = Process(folder, monkeypatch)
        try:
            await process.do(steps)
            lose(folder / name)
            with pytest.raises(BooksError, match=f"no books at .*{name}"):
                await process.do([action])
            return process.move.stage
        finally:
            process.gone()

    assert asyncio.run(story()) == stage
    assert not (folder / name).exists()


def test_a_node_whose_moved_books_are_gone_does_not_start_on_empty_ones(folder, monkeypatch):
    async def story():
        process = Process(folder, monkeypatch)
        await process.do([*SWITCHED, MoveAction.REOPEN])
        process.gone()

    asyncio.run(story())
    lose(folder / "34.2.sqlite")

    with pytest.raises(BooksError, match=r"no books at .*34\.2\.sqlite: expected those of a move"):
        serving_place(folder, "34")


def full(*_):
    raise BooksError("no space left on device")


@pytest.mark.parametrize("action", [MoveAction.COPY, MoveAction.FREEZE])
@pytest.mark.parametrize("before", [[], [*SWITCHED, MoveAction.REOPEN]])
def test_a_move_that_could_not_be_written_down_has_not_begun(folder, monkeypatch, before, action):
    async def story():
        process = Process(folder, monkeypatch)
        try:
            await process.do(before)
            status = process.move.status()
            monkeypatch.setattr(moving, "write_journal", full)
            with pytest.raises(BooksError, match="no space"):
                await process.move.obey(action)
            assert process.move.status() == status
        finally:
            process.gone()

    asyncio.run(story())


def test_a_freeze_that_could_not_be_written_down_breaks_off_no_first_pass(folder, monkeypatch):
    async def story():
        process = Process(folder, monkeypatch)
        try:
            await process.move.obey(MoveAction.COPY)
            with monkeypatch.context() as patched:
                patched.setattr(moving, "write_journal", full)
                with pytest.raises(BooksError, match="no space"):
                    await process.move.obey(MoveAction.FREEZE)
            await process.rest()
            return process.move.stage
        finally:
            process.gone()

    assert asyncio.run(story()) == Stage.COPIED


def test_new_books_that_fill_the_disk_make_room_for_the_way_back(folder, monkeypatch):
    async def story():
        process = Process(folder, monkeypatch)
        try:
            await process.do([MoveAction.FREEZE, MoveAction.MIGRATE])

            def write(*line):
                if (folder / "34.2.sqlite").exists():
                    full()
                write_journal(*line)

            monkeypatch.setattr(moving, "write_journal", write)
            await process.do([MoveAction.ROLL_BACK])
            assert await process.books.commit(insert(done(2))) == Committed()
        finally:
            process.gone()

    asyncio.run(story())

    assert serving_place(folder, "34").name == "34.sqlite"


def test_a_journal_on_a_full_disk_freezes_nothing(folder, monkeypatch):
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

    assert rows == 7
    assert max(waited) == rows / 2


# --- what holds the gate at the switch ---

UP_TO_VERIFIED = SWITCHED[:2]
LACKING = Told.of([Stated("A1", 100), Stated("A2", 200)], [Stated("A1", 100)])
HOLDING = Told.of([Stated("A1", 100)], [Stated("A1", 100)])


def tell(folder, monkeypatch, *stories):
    """Let one process after the other do its story with the move; return what each says."""

    async def all_of_them():
        said = []
        for story in stories:
            process = Process(folder, monkeypatch)
            try:
                process.move.resume()
                await process.rest()
                said.append(await story(process))
            finally:
                process.gone()
        return said

    return asyncio.run(all_of_them())


def test_a_settlement_that_only_a_neighbour_knows_of_holds_the_gate_at_the_switch(folder, monkeypatch):
    async def story(process):
        await process.do(UP_TO_VERIFIED)
        failed = await process.move.obey(MoveAction.VERIFY, told=LACKING)
        with pytest.raises(ValueError, match="the move is failed; only what is verified may serve"):
            await process.move.obey(MoveAction.SWITCH)
        return failed

    [failed] = tell(folder, monkeypatch, story)

    assert failed.stage == Stage.FAILED
    assert failed.wrong == ("settlement A2 200 fen: a neighbour was told of it; it is missing or otherwise",)


def test_what_a_neighbour_misses_is_not_forgotten_by_another_pass_a_kill_or_a_verification_without_it(
    folder, monkeypatch
):
    async def misses(process):
        await process.do(UP_TO_VERIFIED)
        await process.move.obey(MoveAction.VERIFY, told=LACKING)

    async def goes_on(process):
        await process.do([MoveAction.MIGRATE])
        return (await process.move.obey(MoveAction.VERIFY)).stage

    async def is_heard_again(process):
        return (await process.move.obey(MoveAction.VERIFY, told=HOLDING)).stage

    assert tell(folder, monkeypatch, misses, goes_on, goes_on, is_heard_again)[1:] == [
        Stage.FAILED,
        Stage.FAILED,
        Stage.VERIFIED,
    ]


def test_a_row_that_is_changed_after_the_verification_is_found_at_the_switch(folder, monkeypatch):
    async def story(process):
        await process.do([*UP_TO_VERIFIED, MoveAction.VERIFY])
        change(folder / "34.2.sqlite", "UPDATE settlements SET pool_fen = pool_fen + 1")
        failed = await process.move.obey(MoveAction.SWITCH)
        with pytest.raises(BooksError, match="frozen while they are moved"):
            await process.books.commit(insert(done(2)))
        await process.do([MoveAction.MIGRATE, MoveAction.VERIFY, MoveAction.SWITCH])
        return failed, process.books.place.name

    [(failed, serving)] = tell(folder, monkeypatch, story)

    assert failed.stage == Stage.FAILED
    assert failed.serving == "34.sqlite"
    assert any("changed in pool_fen" in line for line in failed.wrong)
    assert serving == "34.2.sqlite", "made anew they serve"


def test_a_door_that_opens_while_the_freeze_waits_its_turn_keeps_the_books_writing(folder, monkeypatch):
    """The step before it holds the lock; the doors were shut when the command came, and are not when it is due."""

    async def story(process):
        copying = asyncio.create_task(process.move.obey(MoveAction.COPY))
        freezing = asyncio.create_task(process.move.obey(MoveAction.FREEZE))
        await copying
        process.shut = False
        with pytest.raises(ValueError, match="cannot freeze books of node 34: it lets messages in; close its doors"):
            await freezing
        await process.rest()
        assert await process.books.commit(insert(done(2))) == Committed()
        return process.move.stage

    assert tell(folder, monkeypatch, story) == [Stage.COPIED]
