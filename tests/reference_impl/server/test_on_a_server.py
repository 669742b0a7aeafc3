"""A system whose books lie on a PostgreSQL server: it begins there, is killed, moves there under load, and keeps secrets."""

from __future__ import annotations

import asyncio
import threading

import msgspec
import pytest
from move_samples import HOSTS, MOVE, after, as_hub, before, crash, doors, go, insist, person, settled_in, step, told
from server_samples import config
from support.postgresql import Cluster, execute, need, own_folder

from reference_impl.books.final import BooksError
from reference_impl.books.places import read_server, serving_place
from reference_impl.books.postgresql.address import Server
from reference_impl.books.postgresql.books import PostgresqlBooks
from reference_impl.protocol.door import DoorState
from reference_impl.protocol.messages import Answered, Settled
from reference_impl.server.errors import CommandError
from reference_impl.server.supervisor import System


def test_a_system_that_begins_on_a_server_settles_and_remembers_everything_over_a_kill(tmp_path, database, runner):
    with System(config(HOSTS), tmp_path, server=Server.read(database)) as system:
        with as_hub(system, runner) as send:
            answers = before(send)
            crash(system)
            after(send, answers)
        assert system.stats()["moved"]["nodes"]["34"]["committing"] == "beside"
        system.stop()

        assert sorted(settled_in(system)) == ["0001", "0002", "0003", "0005"]
        assert all(system.place_of(node).verify(()).holds for node in ("33", "34", "hub"))
        assert list((tmp_path / "books").glob("*.sqlite*")) == []
    [rows] = execute(database, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'yidi%' ORDER BY 1")
    assert [row[0] for row in rows] == ["yidi_33", "yidi_34", "yidi_hub"]


def test_sessions_that_end_under_a_running_system_cost_no_answer(tmp_path, database, runner):
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'yidi%'"
    with System(config(HOSTS), tmp_path, server=Server.read(database)) as system, as_hub(system, runner) as send:
        answers = before(send)
        execute(database, end)
        after(send, answers)
        system.stop()

        assert sorted(settled_in(system)) == ["0001", "0002", "0003", "0005"]


def test_new_books_of_a_system_on_a_server_lie_there_too(tmp_path, database, runner):
    with System(config(HOSTS), tmp_path, server=Server.read(database)) as system, as_hub(system, runner) as send:
        answers = before(send)
        doors(system, DoorState.CLOSED)
        for action in (*MOVE[1:], "reopen"):
            go(system, action)
        doors(system, DoorState.OPEN)
        assert system.move_status("34")["serving"] == "yidi_34_2"
        crash(system)
        after(send, answers)


class Crowd:
    """People who buy drugs one after the other, each asking until there is a verdict, whatever happens meanwhile."""

    def __init__(self, system, first):
        self.system, self.number, self.settled = system, first, []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        with asyncio.Runner() as runner, as_hub(self.system, runner) as send:
            while not self.over.is_set():
                self.number += 1
                asked = told(self.number)
                body = msgspec.structs.replace(asked.body, person=person(self.number % 50))
                answer = insist(send, msgspec.structs.replace(asked, body=body))
                if isinstance(answer.reply.body, Settled):
                    self.settled.append(answer.reply.body.settlement)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(120)

    def wait(self, count):
        until = len(self.settled) + count
        while len(self.settled) < until and self.thread.is_alive():
            threading.Event().wait(0.02)


def test_files_move_to_a_server_under_load_and_every_answer_is_in_the_new_books_once(tmp_path, database):
    with System(config(HOSTS), tmp_path) as system:
        with Crowd(system, 1000) as crowd:
            crowd.wait(20)
            go(system, "copy", to=database)
            crowd.wait(20)
            doors(system, DoorState.CLOSED)
            for action in (*MOVE[1:], "reopen"):
                go(system, action)
            assert system.move_status("34")["wrong"] == []
            doors(system, DoorState.OPEN)
            crowd.wait(20)
            crash(system)
            crowd.wait(10)
        status = system.move_status("34")
        system.stop()
        place = system.place_of("34")
        books, verified = place.read_final(), place.verify(())

    assert verified.holds, verified.findings
    assert (status["serving"], status["stage"]) == ("yidi_34_2", "reopened")
    assert len(crowd.settled) > 60
    kept = [one.settlement for one in books.settlements]
    assert sorted(kept) == sorted(crowd.settled)
    assert sum(leg.amount_fen for posting in books.postings for leg in posting.legs) == 0


WHERE = [
    ("postgresql://yidi:open-sesame@127.0.0.1/yidi", r"holds a password"),
    ("nowhere", r"no address of a database"),
    ("postgresql://yidi@127.0.0.1:1/yidi", r"cannot be reached"),
]


def test_a_move_to_no_server_does_not_begin(tmp_path):
    with System(config(HOSTS), tmp_path) as system:
        for address, words in WHERE:
            with pytest.raises((CommandError, BooksError), match=words) as refused:
                step(system, "copy", to=address)
            assert "open-sesame" not in str(refused.value)
        assert system.move_status("34")["stage"] == ""
        assert read_server(tmp_path / "books") is None


def test_a_move_under_way_goes_nowhere_else(tmp_path, database):
    with System(config(HOSTS), tmp_path) as system:
        go(system, "copy")
        with pytest.raises(CommandError, match="where a move goes is said when it begins"):
            step(system, "freeze", to=database)
        step(system, "roll-back")
        go(system, "copy", to=database)
        with pytest.raises(CommandError, match="a system has one server"):
            step(system, "copy", to=f"{database}_other")


# --- where a start finds books ---


def start(folder, server=None):
    with System(config(HOSTS), folder, server=None if server is None else Server.read(server)):
        pass


def test_a_start_goes_by_the_folder_and_is_held_to_it(tmp_path, database):
    start(tmp_path / "one", database)
    start(tmp_path / "one")
    assert serving_place(tmp_path / "one" / "books", "34").name == "yidi_34"

    with pytest.raises(BooksError, match=r"there are books at .*#yidi_hub already"):
        start(tmp_path / "two", database)
    start(tmp_path / "three")
    with pytest.raises(BooksError, match=r"books of node hub lie in .*hub\.sqlite: start without"):
        start(tmp_path / "three", database)


def test_a_server_may_be_reached_by_another_address_if_the_books_are_there(tmp_path, database):
    start(tmp_path, database)
    other = database.replace("@127.0.0.1", "@localhost")
    start(tmp_path, other)
    assert read_server(tmp_path / "books").address == other

    with pytest.raises(BooksError, match="and none at"):
        start(tmp_path, database.rpartition("/")[0] + "/postgres")


# --- passwords ---

PASSWORD = "open-sesame-7f3a"  # noqa: S105 - of a server that lives for this test


@pytest.fixture(scope="module")
def guarded():
    """A server of our own that asks for a password."""
    need(own=True)
    with own_folder() as folder:
        words = folder.parent / f"{folder.name}.password"
        words.write_text(PASSWORD)
        words.chmod(0o644)
        cluster = Cluster(folder / "data").make(auth="scram-sha-256", password_file=words).start()
        words.unlink()
        try:
            yield cluster.address
        finally:
            cluster.stop()


def everything_in(folder):
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()).decode("utf-8", "replace")


def test_a_password_comes_from_the_environment_and_stands_nowhere(tmp_path, guarded, runner, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with System(config(HOSTS), tmp_path, server=Server.read(guarded)) as system, as_hub(system, runner) as send:
        assert isinstance(insist(send, told(1), Answered).reply.body, Settled)
        asked = [system.stats(), system.move_status("34")]
    monkeypatch.setenv("PGPASSWORD", PASSWORD + "-wrong")
    with pytest.raises(BooksError, match="password authentication failed") as refused:
        runner.run(PostgresqlBooks.open(Server.read(guarded).schema("yidi_34")))

    assert PASSWORD not in f"{asked} {refused.value} {refused.value.__context__!r}"
    found = everything_in(tmp_path)
    assert guarded in found
    assert PASSWORD not in found


def test_a_password_may_come_from_a_file(tmp_path, guarded, runner, monkeypatch):
    file = tmp_path / "pass"
    file.write_text(f"*:*:*:*:{PASSWORD}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    books = runner.run(PostgresqlBooks.open(Server.read(guarded).schema("yidi_file")))
    books.close()


def test_a_node_whose_server_is_away_says_so_and_the_others_serve(tmp_path, database, runner):
    with System(config(HOSTS), tmp_path) as system:
        go(system, "copy", to=database)
        doors(system, DoorState.CLOSED)
        for action in (*MOVE[1:], "reopen"):
            go(system, action)
        doors(system, DoorState.OPEN)
    execute(database, "DROP SCHEMA yidi_34_2 CASCADE")

    with System(config(HOSTS), tmp_path, allow_broken=True) as system:
        assert list(system.broken) == ["34"]
        assert "no books at" in system.broken["34"]
