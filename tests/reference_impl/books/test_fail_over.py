"""The primary dies under load and its standby is promoted: what was acknowledged is there, once, and tellers go on."""

from __future__ import annotations

import asyncio

import pytest
from book_samples import copy, done, insert, intent, key, person, replace
from support.postgresql import PACKAGE_USER, Cluster, execute, need, own_folder, wait_until

from reference_impl.books.final import BooksError
from reference_impl.books.postgresql import group, looks
from reference_impl.books.postgresql.address import Server
from reference_impl.books.postgresql.books import PostgresqlBooks
from reference_impl.books.postgresql.trailing import verify_schema
from reference_impl.books.trail import Noted
from reference_impl.protocol.records import Committed

pytestmark = pytest.mark.slow
LANES, EACH = 6, 60


@pytest.fixture
def pair():
    """A primary, and a standby without which nothing is acknowledged."""
    need(own=True)
    with own_folder() as folder:
        primary = Cluster(
            folder / "one", settings=("shared_buffers=32MB", "wal_level=replica", "max_wal_senders=4")
        ).make()
        primary.start()
        standby = Cluster(folder / "two")
        reached = ("-h", "127.0.0.1", "-p", str(primary.port), "-U", PACKAGE_USER)
        standby.run("pg_basebackup", "-D", str(standby.folder), "-R", "-X", "stream", "-c", "fast", *reached)
        standby.start()
        execute(primary.address, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        in_step = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
        wait_until(lambda: execute(primary.address, in_step)[0])
        try:
            yield primary, standby
        finally:
            standby.stop()
            primary.stop()


def test_a_standby_takes_over_and_nothing_acknowledged_is_lost_or_doubled(pair, runner, monkeypatch):
    for module, name in ((group, "WRITE_LIMIT_S"), (looks, "LOOK_LIMIT_S")):
        monkeypatch.setattr(module, name, 90.0)
    primary, standby = pair
    with pytest.raises(BooksError, match="cannot be reached"):
        runner.run(PostgresqlBooks.open(Server.read(standby.address).schema("yidi_34")))
    both = f"postgresql://{PACKAGE_USER}@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/{PACKAGE_USER}"
    told, noted = [], []

    async def teller(books, lane):
        for version in range(1, EACH + 1):
            number = version * 10 + lane
            assert await books.commit(insert(intent(number))) == Committed()
            change = replace(done(number), person(version, name=f"34{lane:022d}"), copy(number))
            assert await books.commit(change) == Committed()
            told.append(number)
            assert (await books.look(key(number))).message == done(number)

    async def take_over():
        while len(told) < LANES * EACH // 3:  # noqa: ASYNC110 - tellers ring no bell
            await asyncio.sleep(0.01)
        noted.append(await asyncio.to_thread(verify_schema, Server.read(both).schema("yidi_34")))
        await asyncio.to_thread(primary.stop)
        before = len(told)
        await asyncio.to_thread(standby.promote)
        return before

    async def story():
        books = await PostgresqlBooks.open(Server.read(both).schema("yidi_34"))
        try:
            before, *_ = await asyncio.gather(take_over(), *(teller(books, lane) for lane in range(LANES)))
            return before, await asyncio.to_thread(books.read_all)
        finally:
            books.close()

    before, final = runner.run(story())

    assert before < len(told) == LANES * EACH
    assert sorted(one.settlement for one in final.copies) == sorted(f"A{number}" for number in told)
    assert sorted(one.key.msgid for one in final.messages) == sorted(key(number).msgid for number in told)
    assert [one.version for one in final.persons] == [EACH] * LANES
    [then] = noted
    now = verify_schema(Server.read(both).schema("yidi_34"), [Noted(then.entries, bytes.fromhex(then.tip))])
    assert (then.holds, now.holds) == (True, True), (then.findings, now.findings)
    assert now.entries > then.entries
