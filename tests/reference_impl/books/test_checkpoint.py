"""The log is folded back after the answers, and neither when nor whether changes what the books hold."""

from __future__ import annotations

import asyncio
import sqlite3

from book_samples import done, insert, key

from reference_impl.books.sqlite.books import SqliteBooks
from reference_impl.books.sqlite.checkpoint import CHECKPOINT_CHANGES, Checkpoint
from reference_impl.protocol.records import Committed


def commit_one_by_one(shelf, numbers, told=None):
    """Commit changes one after the other, then let the loop come round."""

    async def work():
        for number in numbers:
            assert await shelf.books.commit(insert(done(number))) == Committed()
            if told is not None:
                told.append("answer")
        for _ in range(20):
            await asyncio.sleep(0.005)

    shelf._run(work())


def in_the_file_alone(path, tmp_path):
    """Return how many messages the book file has without its log."""
    alone = tmp_path / "alone.sqlite"
    alone.write_bytes(path.read_bytes())
    connection = sqlite3.connect(alone)
    connection.execute("PRAGMA journal_mode=DELETE")
    (count,) = connection.execute("SELECT count(*) FROM messages").fetchone()
    connection.close()
    return count


def test_a_long_log_is_folded_back_and_a_short_one_is_not(sqlite_shelf, tmp_path):
    path = sqlite_shelf.books.path
    commit_one_by_one(sqlite_shelf, range(CHECKPOINT_CHANGES - 1))
    assert in_the_file_alone(path, tmp_path) == 0
    commit_one_by_one(sqlite_shelf, [CHECKPOINT_CHANGES])
    assert in_the_file_alone(path, tmp_path) == CHECKPOINT_CHANGES
    commit_one_by_one(sqlite_shelf, range(CHECKPOINT_CHANGES + 1, CHECKPOINT_CHANGES + 10))
    assert len(sqlite_shelf.read_all().messages) == CHECKPOINT_CHANGES + 9


def test_whoever_waits_is_answered_before_the_log_is_folded_back(turn_shelf):
    told = []
    turn_shelf.books.watch(lambda changes, _cpu_ns, _flush: told.append(len(changes) or "folded"))

    commit_one_by_one(turn_shelf, range(CHECKPOINT_CHANGES), told)

    assert told[-3:] == [1, "answer", "folded"]
    assert told.count("folded") == 1


def test_a_log_that_cannot_be_folded_back_stays_and_is_folded_back_later(sqlite_shelf, monkeypatch, tmp_path):
    """The disk is full at the first try."""
    tries = []

    class Full(Checkpoint):
        __slots__ = ()

        def make(self):
            tries.append(None)
            if len(tries) == 1:
                raise sqlite3.OperationalError("database or disk is full")
            super().make()

    books = sqlite_shelf.books
    books._writer.group._checkpoint.__class__ = Full
    commit_one_by_one(sqlite_shelf, range(CHECKPOINT_CHANGES))
    assert isinstance(books.failure, sqlite3.OperationalError)

    commit_one_by_one(sqlite_shelf, range(CHECKPOINT_CHANGES, CHECKPOINT_CHANGES + 2))

    assert books.failure is None
    assert in_the_file_alone(books.path, tmp_path) >= CHECKPOINT_CHANGES


def test_what_a_reader_of_an_old_state_holds_up_is_folded_back_when_it_is_gone(turn_shelf, tmp_path):
    path = turn_shelf.books.path
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM messages").fetchone()
    commit_one_by_one(turn_shelf, range(CHECKPOINT_CHANGES))
    assert in_the_file_alone(path, tmp_path) == 0
    reader.close()
    commit_one_by_one(turn_shelf, range(CHECKPOINT_CHANGES, 2 * CHECKPOINT_CHANGES))
    assert in_the_file_alone(path, tmp_path) == 2 * CHECKPOINT_CHANGES


def test_closing_with_a_long_log_loses_nothing(turn_books, runner):
    """The last answer and the closing are in the same round: the log is never folded back by us."""

    async def work():
        for number in range(CHECKPOINT_CHANGES):
            await turn_books.commit(insert(done(number)))
        turn_books.close()
        await asyncio.sleep(0.02)

    runner.run(work())
    again = SqliteBooks(turn_books.path, turn_books.disk)
    assert {message.key for message in again.read_all().messages} == {key(n) for n in range(CHECKPOINT_CHANGES)}
    again.close()
