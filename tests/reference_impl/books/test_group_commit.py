"""The writer: groups, callers that go away, and changes that cannot be written."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3

import pytest
from book_samples import done, insert, key, settled, settlement

from reference_impl.books.final import BooksError
from reference_impl.books.sqlite import group
from reference_impl.books.sqlite.writer import GATHERED_MAX
from reference_impl.protocol.records import Committed


def test_changes_of_one_round_share_one_flush(sqlite_shelf):
    sqlite_shelf.commit_all([insert(done(number)) for number in range(50)])

    assert (sqlite_shelf.books.stats.batches, list(sqlite_shelf.books.stats.sizes)) == (1, [50])


def test_a_group_is_bounded(durable_shelf):
    durable_shelf.commit_all([insert(done(number)) for number in range(600)])

    assert max(durable_shelf.books.stats.sizes) == 256
    assert len(durable_shelf.read_all().messages) == 600


def test_a_caller_that_went_away_changes_nothing(sqlite_shelf, runner):
    books = sqlite_shelf.books

    async def leave():
        waiting = asyncio.ensure_future(books.commit(insert(done(1))))
        waiting.cancel()
        return await books.commit(insert(done(2)))

    assert runner.run(leave()) == Committed()
    assert sqlite_shelf.look(key(1)).message == done(1)


def test_closing_writes_what_is_queued(sqlite_shelf, runner, tmp_path):
    books = sqlite_shelf.books

    async def queue_and_close():
        queued = books.commit(insert(done(1)))
        books._writer.close()
        return queued

    runner.run(queue_and_close())

    assert books.read_all().messages == (done(1),)


def test_a_value_that_sqlite_cannot_hold_fails_alone_and_whole(sqlite_shelf):
    huge = settlement(2)
    huge = type(huge)(*[getattr(huge, name) if name != "posted_us" else 2**70 for name in huge.__struct_fields__])
    changes = [settled(1, version=1), insert(done(2), huge), insert(done(3))]

    first, ill, third = sqlite_shelf.commit_all(changes)

    assert (first, third) == (Committed(), Committed())
    assert isinstance(ill, OverflowError)
    assert [message.key for message in sqlite_shelf.read_all().messages] == [key(1), key(3)]
    assert sqlite_shelf.books.failure is None


def test_books_that_cannot_be_written_say_so(sqlite_shelf):
    blocker = sqlite3.connect(sqlite_shelf.books.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    sqlite_shelf.books._writer.group._connection.execute("PRAGMA busy_timeout=0")
    try:
        with pytest.raises(BooksError, match="cannot be written"):
            sqlite_shelf.commit(insert(done(1)))
    finally:
        blocker.close()

    assert sqlite_shelf.books.failure is not None


def test_while_another_process_writes_a_group_fails_at_once_and_not_each_change_after_a_wait_of_its_own(
    sqlite_shelf, monkeypatch
):
    """The loop that commits serves nobody meanwhile: a wait a change would be minutes."""
    tries = []
    alone = group.GroupCommit._try_alone
    monkeypatch.setattr(group.GroupCommit, "_try_alone", lambda writer, job: tries.append(job) or alone(writer, job))
    blocker = sqlite3.connect(sqlite_shelf.books.path, isolation_level=None)
    sqlite_shelf.books._writer.group._connection.execute("PRAGMA busy_timeout=0")
    blocker.execute("BEGIN IMMEDIATE")
    try:
        told = sqlite_shelf.commit_all([insert(done(number)) for number in range(5)])
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()

    assert [type(one) for one in told] == [BooksError] * 5
    assert tries == []
    assert sqlite_shelf.commit_all([insert(done(9))]) == [Committed()]
    assert sqlite_shelf.books.failure is None
    assert [message.key for message in sqlite_shelf.read_all().messages] == [key(9)]


def test_whoever_submits_after_closing_is_told_so_and_waits_for_nothing(durable_shelf, runner):
    books = durable_shelf.books

    async def late():
        books._writer.close()
        return await asyncio.wait_for(books.commit(insert(done(1))), 5)

    with pytest.raises(BooksError, match="the books are closed: nothing was written"):
        runner.run(late())


def test_a_watcher_that_fails_leaves_nobody_waiting(durable_shelf):
    def broken(*_):
        raise LookupError("planted")

    durable_shelf.books.watch(broken)

    [told] = durable_shelf.commit_all([insert(done(1))])

    assert isinstance(told, BooksError)
    assert "planted" in str(told)


def test_the_watcher_is_told_of_every_group(sqlite_shelf):
    told = []
    sqlite_shelf.books.watch(lambda changes, cpu_ns, flush: told.append((len(changes), cpu_ns > 0, flush.disk_us >= 0)))

    sqlite_shelf.commit_all([insert(done(1)), insert(done(2))])
    sqlite_shelf.books.close()

    assert told == [(2, True, True)]


def test_what_a_commit_waited_for_its_core_is_no_time_of_the_disk(sqlite_shelf, monkeypatch):
    """The kernel is made to say that each commit stood ready for ten seconds: nothing is left for the disk.

    The thread was away from its core all the same, and comes back as cold as that.
    """
    told_us, waited_ns = [], itertools.count(0, 10_000_000_000)
    sqlite_shelf.books.watch(lambda changes, cpu_ns, flush: told_us.append(flush))

    sqlite_shelf.commit_all([insert(done(1))])
    monkeypatch.setattr(group, "core_wait_ns", lambda: next(waited_ns))
    sqlite_shelf.commit_all([insert(done(2))])

    assert told_us[0].away_us >= told_us[0].disk_us > 0
    assert told_us[1].disk_us == 0
    assert told_us[1].away_us > 0


def test_an_ill_formed_change_is_told_to_its_caller_and_the_books_stay_well(durable_shelf):
    nameless = type(settlement(2))(
        *[None, *[getattr(settlement(2), name) for name in settlement(2).__struct_fields__][1:]]
    )

    [ill] = durable_shelf.commit_all([insert(done(2), nameless)])

    assert isinstance(ill, BooksError)
    assert durable_shelf.books.failure is None


def test_what_is_decided_while_a_turn_commits_is_in_the_next_turn(turn_shelf, runner):
    books = turn_shelf.books

    async def story():
        first = books.commit(insert(done(1)))
        second = books.commit(insert(done(2)))
        assert not first.done()  # nothing is said before it is on disk
        await first
        third = books.commit(insert(done(3)))
        return [await second, await third]

    assert runner.run(story()) == [Committed(), Committed()]
    assert list(books.stats.sizes) == [2, 1]


def test_what_comes_in_while_a_turn_decides_shares_its_flush(turn_shelf, runner):
    books = turn_shelf.books

    async def story():
        first = books.commit(insert(done(1)))
        await asyncio.sleep(0)  # the loop looks for more, and finds it
        second = books.commit(insert(done(2)))
        assert not first.done()
        return [await first, await second]

    assert runner.run(story()) == [Committed(), Committed()]
    assert list(books.stats.sizes) == [2]


def test_a_turn_that_always_finds_more_commits_all_the_same(turn_shelf, runner):
    books = turn_shelf.books

    async def story():
        first = books.commit(insert(done(1)))
        others = []
        while not first.done():
            others.append(books.commit(insert(done(len(others) + 2))))
            await asyncio.sleep(0)
        for each in others:
            await each

    runner.run(story())

    assert books.stats.sizes[0] == GATHERED_MAX


def test_in_the_turn_a_look_sees_what_was_committed_a_moment_ago(turn_shelf, runner):
    books = turn_shelf.books

    async def story():
        waiting = books.commit(insert(done(1)))
        before = await books.look(key(1))
        await waiting
        return before.message, (await books.look(key(1))).message

    assert runner.run(story()) == (None, done(1))


def test_on_a_slow_disk_a_group_waits_before_it_is_on_disk_and_each_slowness_ends_by_itself(
    sqlite_shelf, runner, monkeypatch
):
    waited_s = []
    monkeypatch.setattr(group.time, "sleep", waited_s.append)
    books = sqlite_shelf.books

    for number, add_us in enumerate((0, 200_000, 100_000, -200_000, -300_000)):
        books.slow_down(add_us)
        assert sqlite_shelf.commit(insert(done(number))) == Committed()

    assert waited_s == [0.2, 0.3, 0.1]
