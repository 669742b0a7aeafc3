"""Books on a server: lost connections, other sessions, plans, passwords, and what is not ours."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from book_samples import Shelf, copy, done, insert, intent, key, msgid, person, replace, settled, tombstone, visit_refs
from support import postgresql as postgresql_support
from support.cutter import Cutter
from support.postgresql import execute, execute_in

from reference_impl.books.final import BooksError
from reference_impl.books.postgresql import group, looks, opening
from reference_impl.books.postgresql.address import Schema, Server
from reference_impl.books.postgresql.books import PostgresqlBooks, fill_books, read_final, read_latest_us
from reference_impl.books.postgresql.changes import Serials, arguments, together
from reference_impl.books.postgresql.looks import statement
from reference_impl.books.postgresql.trailing import verify_schema
from reference_impl.books.sql.layout import LAYOUTS
from reference_impl.books.sql.version import SCHEMA_VERSION
from reference_impl.domain.failures import InputError
from reference_impl.protocol.records import (
    AlreadyThere,
    Committed,
    PersonRecord,
    SettlementRecord,
    Stale,
    VisitRecord,
    Way,
)

# --- a connection that is lost ---


@pytest.fixture
def cutter(schema):
    with Cutter(urlsplit(schema.server.address).port) as cutter:
        yield cutter


@pytest.fixture
def cut_books(schema, cutter, runner):
    """Books behind the cutter, warm: what is sent next is one call."""
    server = urlsplit(schema.server.address)
    place = Server.read(server._replace(netloc=f"{server.username}@127.0.0.1:{cutter.port}").geturl())
    books = runner.run(PostgresqlBooks.open(place.schema(schema.name)))
    shelf = Shelf(books, runner)
    shelf.commit(insert(intent(1)))
    shelf.look(key(1))
    yield shelf
    books.close()
    runner.run(asyncio.sleep(0))
    verified = verify_schema(schema)
    assert verified.holds, verified.findings


def test_who_lost_the_books_to_another_process_writes_no_more_when_that_one_is_gone(
    cut_books, cutter, schema, runner, monkeypatch
):
    """Both number their groups alike: the first would take what the second wrote for its own, and say yes to it."""
    monkeypatch.setattr(group, "WRITE_LIMIT_S", 0.3)
    cutter.refusing = True
    cutter.arm("before")
    with pytest.raises(BooksError, match="whether it was written is not known"):
        cut_books.commit(replace(done(1), copy(1)))
    other = runner.run(PostgresqlBooks.open(schema))
    Shelf(other, runner).commit(insert(done(7)))
    other.close()
    runner.run(asyncio.sleep(0))
    cutter.refusing = False

    with pytest.raises(BooksError, match="were opened by another process meanwhile: start this one again"):
        cut_books.commit(insert(done(8)))

    assert cut_books.books.failure is not None
    assert [message.key for message in read_final(schema).messages] == [key(1), key(7)]


WHEN = ["before", "after"]


@pytest.mark.parametrize("when", WHEN)
def test_a_connection_lost_in_a_commit_is_found_out_and_nothing_is_lost_or_doubled(cut_books, cutter, when):
    cutter.arm(when)
    told = cut_books.commit_all([replace(done(1), copy(1)), settled(2, version=1), settled(3, version=1)])

    assert cutter.cuts
    assert told == [Committed(), Committed(), Stale()]
    final = cut_books.read_all()
    assert (final.messages, final.copies, len(final.settlements)) == ((done(1), done(2)), (copy(1),), 1)


def test_what_was_known_already_is_still_told_so_when_its_answer_was_lost(cut_books, cutter):
    cutter.arm("after")

    assert cut_books.commit_all([insert(done(1)), insert(done(2))]) == [AlreadyThere(intent(1)), Committed()]


def test_without_the_last_group_a_lost_answer_would_double_a_copy(cut_books, cutter, monkeypatch):
    """The planted bug that the memory of the last group is there for."""
    begin = group.GroupWrite.begin

    async def forgetful(writer):
        await begin(writer)
        writer._written = (0, "")

    monkeypatch.setattr(group.GroupWrite, "begin", forgetful)
    cutter.arm("after")
    cut_books.commit(replace(done(1), copy(1)))

    assert cut_books.read_all().copies == (copy(1), copy(1))


def test_a_lost_session_that_still_works_is_waited_for(cut_books, cutter, schema, runner):
    """The server has not heard that its client is gone: until it has ended the call nobody else may write."""

    async def story():
        blocker = await group.connect(schema)
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute("LOCK TABLE messages IN SHARE MODE")
        cutter.arm("meanwhile")
        committing = asyncio.ensure_future(cut_books.books.commit(replace(done(1), copy(1))))
        await asyncio.sleep(0.3)
        assert not committing.done()
        await transaction.rollback()
        blocker.terminate()
        return await committing

    assert runner.run(story()) == Committed()
    assert cut_books.read_all().copies == (copy(1),)


def test_a_look_that_loses_its_connection_is_asked_again(cut_books, cutter):
    for when in WHEN:
        cutter.arm(when)
        assert cut_books.look(key(1)).message == intent(1)
    assert cutter.cuts


def test_a_server_that_says_nothing_for_long_is_asked_again_in_another_session(cut_books, cutter, monkeypatch):
    for module in (group, looks):
        monkeypatch.setattr(module, "ANSWER_LIMIT_S", 0.3)
    cutter.arm("never")
    assert cut_books.look(key(1)).message == intent(1)
    cutter.arm("never")
    assert cut_books.commit(replace(done(1), copy(1))) == Committed()

    assert cutter.cuts == 2
    assert cut_books.read_all().copies == (copy(1),)


def test_books_that_are_closed_meanwhile_leave_nobody_waiting_and_begin_no_session(cut_books, cutter, schema, runner):
    async def story():
        books = cut_books.books
        cutter.arm("never")
        waiting = [asyncio.ensure_future(books.commit(insert(done(2))))]
        await asyncio.sleep(0.1)
        cutter.arm("never")
        waiting += [asyncio.ensure_future(books.look(key(number))) for number in (1, 2)]
        waiting.append(asyncio.ensure_future(books.commit(insert(done(3)))))
        await asyncio.sleep(0.1)
        waiting.append(asyncio.ensure_future(books.look(key(3))))
        await asyncio.sleep(0)
        books.close()
        return await asyncio.gather(*waiting, return_exceptions=True)

    told = [str(one) for one in runner.run(story())]

    assert "whether it was written is not known" in told[0]
    assert all("nothing was read" in one for one in (told[1], told[2], told[4]))
    assert "nothing was written" in told[3]
    assert [message.key for message in read_final(schema).messages] == [key(1)]


def test_a_server_that_stays_away_leaves_it_unknown_and_says_so_and_what_comes_after_is_served(
    cut_books, cutter, monkeypatch
):
    for module, name in ((group, "WRITE_LIMIT_S"), (looks, "LOOK_LIMIT_S")):
        monkeypatch.setattr(module, name, 0.2)
    cutter.refusing = True
    cutter.arm("after")
    with pytest.raises(BooksError, match="whether it was written is not known"):
        cut_books.commit(replace(done(1)))
    with pytest.raises(BooksError, match="nothing was written"):
        cut_books.commit(insert(done(2)))
    cutter.arm("before")
    with pytest.raises(BooksError, match="cannot be reached"):
        cut_books.look(key(1))
    assert cut_books.books.failure is not None

    cutter.refusing = False

    assert cut_books.look(key(1)).message == done(1)
    assert cut_books.commit(insert(done(2))) == Committed()
    assert cut_books.books.failure is None


@pytest.mark.parametrize("seed", range(3))
def test_sessions_ended_at_random_under_many_commits_lose_nothing_and_double_nothing(
    postgresql_books, schema, runner, seed
):
    draw = random.Random(seed)
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"
    ended = []

    async def teller(lane, told):
        for version in range(1, 41):
            number = version * 10 + lane
            await postgresql_books.commit(insert(intent(number)))
            change = replace(done(number), person(version, name=f"34{lane:022d}"), copy(number))
            told.append((await postgresql_books.commit(change), number))
            view = await postgresql_books.look(key(number))
            assert view.message == done(number)

    async def ender(told):
        """End all sessions each time that some more is told: they must come to something in between."""
        connection = await group.connect(Schema(schema.server, "public"))
        try:
            while True:
                due = len(told) + draw.randint(5, 25)
                while len(told) < due:  # noqa: ASYNC110 - tellers ring no bell
                    await asyncio.sleep(draw.random() * 0.004)
                ended.append(len(await connection.fetch(end, schema.name)))
        finally:
            connection.terminate()

    async def story():
        told = []
        ending = asyncio.ensure_future(ender(told))
        await asyncio.gather(*(teller(lane, told) for lane in range(6)))
        ending.cancel()
        return told

    told = runner.run(story())

    assert sum(ended) > 5
    assert {verdict for verdict, _ in told} == {Committed()}
    final = postgresql_books.read_all()
    assert len(final.messages) == len(final.copies) == len(told) == 240
    assert sorted(one.settlement for one in final.copies) == sorted(f"A{number}" for _, number in told)
    assert [one.version for one in final.persons] == [40] * 6


# --- a process that dies ---

PROGRAM = """
import asyncio, os, sys
sys.path.insert(0, sys.argv[2])
from book_samples import settled, person, settlement, posting, done, insert
from reference_impl.books.postgresql.address import Schema
from reference_impl.books.postgresql.books import PostgresqlBooks

async def teller(books, lane):
    for version in range(1, 10_000):
        number = version * 10 + lane
        change = insert(done(number), person(version, name=f"34{lane:022d}"), settlement(number),
                        posting(number))
        await books.commit(change)
        os.write(1, f"{number}\\n".encode())

async def main():
    books = await PostgresqlBooks.open(Schema.read(sys.argv[1]))
    await asyncio.gather(*(teller(books, lane) for lane in range(8)))

asyncio.run(main())
"""


def test_killed_between_commits_nothing_acknowledged_is_lost_and_nothing_is_half(schema):
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(schema), str(Path(__file__).parent)], stdout=subprocess.PIPE
    )
    heard = b""
    while heard.count(b"\n") < 150:
        heard += os.read(child.stdout.fileno(), 4096)
    child.send_signal(signal.SIGKILL)
    heard += child.stdout.read()
    child.stdout.close()
    child.wait(10)

    books = read_final(schema)

    acknowledged = {int(word) for word in heard.rpartition(b"\n")[0].split()}
    messages = {int(message.key.msgid[-6:]) for message in books.messages}
    assert acknowledged <= messages
    assert {int(one.settlement[1:]) for one in books.settlements} == messages
    assert {int(posting.settlement[1:]) for posting in books.postings} == messages
    assert all(sum(leg.amount_fen for leg in posting.legs) == 0 and posting.legs for posting in books.postings)
    assert sum(person.version for person in books.persons) == len(messages)


# --- one writer ---


def test_books_open_in_one_process_at_a_time(postgresql_shelf, schema, runner, monkeypatch):
    monkeypatch.setitem(group.connect.__globals__["_SETTINGS"], "lock_timeout", "100")
    for work in (
        lambda: runner.run(PostgresqlBooks.open(schema)),
        lambda: read_final(schema),
        lambda: fill_books(schema, [settled(1, version=1)]),
    ):
        with pytest.raises(BooksError, match="open in another process"):
            work()

    assert postgresql_shelf.commit(settled(1, version=1)) == Committed()


def test_closed_books_take_nothing_and_may_be_opened_again(postgresql_books, schema, runner):
    async def story():
        await postgresql_books.commit(insert(done(1)))
        postgresql_books.close()
        with pytest.raises(BooksError, match="closed"):
            await postgresql_books.commit(insert(done(2)))
        again = await PostgresqlBooks.open(schema)
        try:
            return (await again.look(key(1))).message, await again.commit(insert(done(3)))
        finally:
            again.close()

    assert runner.run(story()) == (done(1), Committed())


def test_serial_numbers_go_on_where_they_were(postgresql_books, schema, runner):
    shelf = Shelf(postgresql_books, runner)
    for number in (1, 2):
        shelf.commit(settled(number, version=number))
    postgresql_books.close()
    again = runner.run(PostgresqlBooks.open(schema))
    try:
        Shelf(again, runner).commit(settled(3, version=3))
    finally:
        again.close()

    serials = [f"SELECT serial FROM {schema.name}.{table} ORDER BY serial" for table in ("messages", "settlements")]  # noqa: S608 - names
    found = execute(schema.server.address, *serials)
    assert [[row[0] for row in rows] for rows in found] == [[1, 2, 3], [1, 2, 3]]


# --- groups ---


def test_changes_of_one_round_are_one_round_trip(postgresql_shelf):
    postgresql_shelf.commit_all([insert(done(number)) for number in range(50)])

    assert list(postgresql_shelf.books.stats.sizes) == [50]


TOGETHER = [
    ([insert(done(1)), insert(done(2))], 2),
    ([insert(done(1)), insert(done(2)), replace(done(1))], 2),
    ([insert(done(1), person(1)), insert(done(2), person(2))], 1),
    ([insert(done(1), tombstone=tombstone(2)), insert(done(2))], 1),
    ([insert(done(1), copy(1)), insert(done(2), copy(1))], 2),
    ([], 0),
]


@pytest.mark.parametrize(("changes", "count"), TOGETHER)
def test_a_call_ends_before_a_change_that_touches_the_key_of_another(changes, count):
    assert together(changes) == count


def test_of_rows_none_is_numbered_twice():
    serials = Serials()
    first = arguments([settled(1, version=1), settled(2, version=2)], serials)
    second = arguments([settled(3, version=3)], serials)

    assert [row[0] for row in (*first[0], *second[0])] == [1, 2, 3]


def test_a_value_that_the_server_cannot_hold_fails_alone_and_whole(postgresql_shelf):
    ill = [insert(intent(2, opened_us=2**70)), insert(done(3), person(1, name="\0"))]

    told = postgresql_shelf.commit_all([settled(1, version=1), *ill, insert(done(4))])

    assert [type(one) for one in told] == [Committed, BooksError, BooksError, Committed]
    assert all("cannot be written" in str(one) for one in told[1:3])
    assert [message.key for message in postgresql_shelf.read_all().messages] == [key(1), key(4)]
    assert postgresql_shelf.books.failure is None


def test_a_known_message_that_nobody_can_read_has_nothing_else_of_its_group_written_twice(runner, schema):
    books = runner.run(PostgresqlBooks.open(schema))
    shelf = Shelf(books, runner)
    shelf.commit_all([insert(intent(1)), insert(intent(2))])
    execute_in(schema, f"UPDATE messages SET request = '\\xc1' WHERE msgid = '{msgid(1)}'")  # noqa: S608 - ours

    told = shelf.commit_all([replace(done(2), copy(2)), insert(done(1)), insert(done(3))])
    books.close()

    assert [type(one) for one in told] == [Committed, BooksError, Committed]
    assert "cannot be read" in str(told[1])
    assert execute_in(schema, "SELECT count(*) FROM settlement_copies") == [(1,)]


FULL_DISK = [
    """CREATE FUNCTION refuse() RETURNS TRIGGER LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$""",
    "CREATE TRIGGER full_disk BEFORE INSERT ON messages EXECUTE FUNCTION refuse()",
]


def test_a_full_disk_is_told_to_all_of_a_group_at_once_until_there_is_room_again(postgresql_shelf, schema, monkeypatch):
    tries = []
    alone = group.GroupWrite._alone
    monkeypatch.setattr(group.GroupWrite, "_alone", lambda writer, one: tries.append(one) or alone(writer, one))
    for each in FULL_DISK:
        execute_in(schema, each)

    told = postgresql_shelf.commit_all([insert(done(number)) for number in range(5)])

    assert [type(one) for one in told] == [BooksError] * 5
    assert "no space left on device" in str(postgresql_shelf.books.failure)
    assert tries == []
    execute_in(schema, "DROP TRIGGER full_disk ON messages")
    assert postgresql_shelf.commit_all([insert(done(9))]) == [Committed()]
    assert postgresql_shelf.books.failure is None
    assert [message.key for message in postgresql_shelf.read_all().messages] == [key(9)]


def test_looks_of_one_round_that_name_the_same_go_together(postgresql_books, runner):
    async def story():
        await postgresql_books.commit(settled(1, version=1))
        wanted = [(key(number), *visit_refs(f"S{number}")) for number in range(200)]
        return await asyncio.gather(*(postgresql_books.look(*one) for one in wanted))

    views = runner.run(story())

    assert [view.message for view in views if view.message] == [done(1)]
    assert views[1].get(SettlementRecord).settlement == "A1"
    assert views[1].get(VisitRecord) is None


def test_a_caller_that_went_away_changes_nothing(postgresql_books, runner):
    async def leave():
        waiting = [asyncio.ensure_future(postgresql_books.commit(insert(done(1))))]
        waiting.append(asyncio.ensure_future(postgresql_books.look(key(1))))
        await asyncio.sleep(0)
        for one in waiting:
            one.cancel()
        return await postgresql_books.commit(insert(done(2))), await postgresql_books.look(key(2))

    committed, view = runner.run(leave())
    assert (committed, view.message) == (Committed(), done(2))


# --- opening ---


def test_a_probe_has_the_server_commit_and_leaves_nothing(postgresql_books, runner):
    runner.run(postgresql_books.probe())

    assert not postgresql_books.read_all().messages


def test_starts_are_counted_and_the_latest_instant_is_found(postgresql_shelf, schema):
    books = postgresql_shelf.books
    assert [books.count_start() for _ in range(3)] == [0, 1, 2]
    assert books.latest_us() is None
    postgresql_shelf.commit(insert(intent(1, opened_us=70)))
    assert books.latest_us() == read_latest_us(schema) == 70
    assert read_latest_us(Schema(schema.server, "yidi_nobody")) is None


def test_books_that_are_not_there_are_not_read(schema):
    with pytest.raises(BooksError, match="no books at"):
        read_final(schema)


def test_filling_is_all_or_nothing(schema):
    with pytest.raises(BooksError, match="already hold"):
        fill_books(schema, [settled(1, version=1), settled(2, version=1)])
    assert read_final(schema).messages == ()

    fill_books(schema, [settled(1, version=1), settled(2, version=2)])
    assert [one.key.msgid for one in read_final(schema).messages] == [msgid(1), msgid(2)]


NOT_OURS = [
    (["CREATE TABLE visits (stray INTEGER)"], "not yidi's"),
    (["CREATE TABLE alembic_version (version_num TEXT)", "INSERT INTO alembic_version VALUES ('9999')"], "newer yidi"),
]


@pytest.mark.parametrize(("statements", "words"), NOT_OURS)
def test_what_is_not_ours_or_newer_is_left_alone(schema, runner, statements, words):
    made = [
        f"CREATE SCHEMA {schema.name}",
        *(s.replace("TABLE ", f"TABLE {schema.name}.").replace("INTO ", f"INTO {schema.name}.") for s in statements),
    ]
    execute(schema.server.address, *made)

    with pytest.raises(BooksError, match=words):
        runner.run(PostgresqlBooks.open(schema))


def test_new_books_open_without_loading_sqlalchemy(schema):
    program = (
        "import asyncio, sys; from reference_impl.books.postgresql.books import PostgresqlBooks;"
        "from reference_impl.books.postgresql.address import Schema;"
        f"asyncio.run(PostgresqlBooks.open(Schema.read({str(schema)!r})));"
        "sys.exit('sqlalchemy' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


def test_what_the_function_does_is_made_anew_with_another_program(postgresql_books, schema, runner, monkeypatch):
    postgresql_books.close()
    monkeypatch.setattr(opening, "_MADE", "another")
    again = runner.run(PostgresqlBooks.open(schema))
    try:
        assert Shelf(again, runner).commit(settled(1, version=1)) == Committed()
    finally:
        again.close()


# --- plans ---


def test_what_is_asked_of_books_is_found_by_an_index_however_small_they_are(postgresql_books, runner, schema):
    shapes = [(), *((kind,) for kind, layout in LAYOUTS.items() if layout.kind.way is not Way.APPENDED)]
    shapes.append((PersonRecord, SettlementRecord))

    async def plans():
        connection = await group.connect(schema)
        try:
            for shape in shapes:
                given = ", ".join(["'x'"] * (2 + len(shape)))
                names = ", ".join(["text"] * (2 + len(shape)))
                await connection.execute(f"PREPARE look ({names}) AS {statement(shape)}")
                yield "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE look({given})"))
                await connection.execute("DEALLOCATE look")
        finally:
            connection.terminate()

    async def story():
        return [plan async for plan in plans()]

    for plan in runner.run(story()):
        assert "Seq Scan" not in plan, plan
        assert "Index" in plan or "Bitmap" in plan, plan


# --- the address ---

ADDRESSES = [
    ("postgresql://yidi:open-sesame@db/yidi", "PGPASSWORD"),
    ("postgresql://yidi@db/yidi?password=open-sesame", "PGPASSWORD"),
    ("postgresql://yidi:open-#sesame@db/yidi", "PGPASSWORD"),
    ("postgresql://yidi@db", "no address of a database"),
    ("postgresql:///yidi", "no address of a database"),
    ("postgres://db/yidi", "no address of a database"),
    ("postgresql://db/yidi#other", "no address of a database"),
]


@pytest.mark.parametrize(("address", "words"), ADDRESSES)
def test_an_address_that_is_none_or_holds_a_password_is_refused_without_repeating_it(address, words):
    with pytest.raises(InputError, match=words) as told:
        Server.read(address)

    assert "sesame" not in str(told.value)


@pytest.mark.parametrize(
    "address", ["postgresql://yidi:open#sesame@db/yidi", "postgresql://yidi:sesame@db/yidi#yidi_34"]
)
def test_what_names_a_schema_is_refused_with_a_password_too(address):
    with pytest.raises(InputError, match="PGPASSWORD") as told:
        Schema.read(address)

    assert "sesame" not in str(told.value)


def test_a_schema_is_read_back_as_it_is_written():
    schema = Server.read("postgresql://yidi@a:5432,b:5433/yidi").schema("yidi_34")

    assert Schema.read(str(schema)) == schema
    with pytest.raises(InputError, match="no name of a schema"):
        Schema.read("postgresql://yidi@a/yidi#x; DROP")


def test_a_server_that_is_not_there_is_named(runner):
    place = Server.read("postgresql://yidi@127.0.0.1:1/yidi").schema("yidi_34")

    with pytest.raises(BooksError, match=r"books postgresql://yidi@127\.0\.0\.1:1/yidi#yidi_34 cannot be reached"):
        runner.run(PostgresqlBooks.open(place))


def test_the_newest_revision_is_what_new_books_say(postgresql_books, schema):
    [[row]] = execute(schema.server.address, f"SELECT version_num FROM {schema.name}.alembic_version")  # noqa: S608 - a name

    assert int(row[0]) == SCHEMA_VERSION


# --- tests without a server ---


@pytest.mark.parametrize(("must_run", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_where_no_server_can_be_had_its_tests_are_skipped_with_a_reason_but_not_in_ci(monkeypatch, must_run, outcome):
    monkeypatch.setattr(postgresql_support, "programs", lambda: None)
    monkeypatch.delenv(postgresql_support.ADDRESS, raising=False)
    monkeypatch.setenv(postgresql_support.NEEDED, must_run)

    with pytest.raises(outcome, match="install the system's package postgresql"):
        postgresql_support.need()


def test_a_slow_server_is_waited_for_at_each_group_and_each_slowness_ends_by_itself(
    postgresql_shelf, runner, monkeypatch
):
    sleep, waited_s = asyncio.sleep, []

    async def slept(seconds, *more):
        waited_s.append(seconds)
        await sleep(0, *more)

    books = postgresql_shelf.books
    for number, add_us in enumerate((0, 200_000, -300_000)):
        books.slow_down(add_us)
        with monkeypatch.context() as slow:
            slow.setattr(group.asyncio, "sleep", slept)
            assert postgresql_shelf.commit(insert(done(number))) == Committed()

    assert waited_s == [0.2]
