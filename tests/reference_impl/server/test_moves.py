"""A province moves to new books while its neighbours run: killed at any step it goes on or back, and nothing is lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from move_samples import (
    HOSTS,
    MOVE,
    SLOW,
    after,
    as_hub,
    before,
    crash,
    doors,
    go,
    insist,
    passed,
    settled_in,
    step,
    told,
)
from server_samples import config, hospital, sale, same_but_hops

from reference_impl.protocol.door import DoorState
from reference_impl.protocol.messages import Closed, Settled
from reference_impl.server.calls import ask_host
from reference_impl.server.config import Entrance
from reference_impl.server.errors import CommandError
from reference_impl.server.supervisor import System


@pytest.fixture(params=["files", "server"])
def to(request):
    """Where new books lie: in another file, or on a server."""
    return "" if request.param == "files" else request.getfixturevalue("database")


@pytest.fixture
def system(tmp_path):
    with System(config(HOSTS), tmp_path) as system:
        yield system


@pytest.fixture
def send(system, runner):
    with as_hub(system, runner) as send:
        yield send


def test_a_province_moves_and_remembers_everything(system, send, to):
    answers = before(send)
    go(system, "copy", to=to)
    doors(system, DoorState.CLOSED)

    for action in MOVE[1:]:
        go(system, action)
    insist(send, told(1), Closed)
    status = step(system, "reopen")
    doors(system, DoorState.OPEN)

    assert status["stage"] == "reopened"
    serving = "yidi_34_2" if to else "34.2.sqlite"
    assert (status["serving"], status["target"], status["wrong"]) == (serving, "34.sqlite", [])
    assert status["rows"]["settlements"] == 4
    after(send, answers)
    system.stop()
    assert sorted(settled_in(system)) == ["0001", "0002", "0003", "0005"]


def test_killed_at_every_step_it_goes_on_and_nothing_is_lost_or_doubled(system, send, to):
    answers = before(send)
    step(system, "copy", SLOW, to)
    crash(system)
    assert system.move_status("34")["stage"] in ("copying", "copied")
    doors(system, DoorState.CLOSED)
    step(system, "freeze")
    crash(system)
    assert system.move_status("34")["stage"] == "frozen"
    step(system, "migrate", SLOW)
    crash(system)
    assert system.move_status("34")["moving"] or system.move_status("34")["stage"] == "migrated"
    go(system, "migrate")
    crash(system)
    passed(system)
    assert step(system, "verify")["stage"] == "verified"
    crash(system)
    with pytest.raises(CommandError, match=r"only what is verified may serve"):
        step(system, "switch")  # a kill is no proof: it is looked through once more
    passed(system)
    step(system, "verify")
    step(system, "switch")
    crash(system)
    insist(send, told(1), Closed)
    assert step(system, "reopen")["stage"] == "reopened"
    crash(system)
    doors(system, DoorState.OPEN)

    after(send, answers)
    system.stop()
    assert sorted(settled_in(system)) == ["0001", "0002", "0003", "0005"]


def test_killed_at_every_step_it_goes_back_and_the_old_books_serve(system, send, to):
    answers = before(send)
    for last in range(len(MOVE)):
        doors(system, DoorState.CLOSED)
        for action in MOVE[:last]:
            go(system, action, to=to)
        step(system, MOVE[last], SLOW, to)
        crash(system)
        status = step(system, "roll-back")
        assert (status["stage"], status["serving"]) == ("rolled_back", "34.sqlite")
        crash(system)
        doors(system, DoorState.OPEN)
        assert same_but_hops(insist(send, told(1))) == same_but_hops(answers[1])

    after(send, answers)
    assert [path.name for path in (system.folder / "books").glob("34.*sqlite")] == ["34.sqlite"]
    system.stop()
    assert sorted(settled_in(system)) == ["0001", "0002", "0003", "0005"]


def test_what_is_answered_while_the_books_are_frozen_is_no_verdict(system, send):
    doors(system, DoorState.CLOSED)
    step(system, "freeze")

    insist(send, told(1), Closed)
    step(system, "roll-back")
    doors(system, DoorState.OPEN)

    assert isinstance(insist(send, told(1)).reply.body, Settled)


PLANTED = [
    ("UPDATE settlements SET pool_fen = pool_fen + 1 WHERE serial = 1", "settlements 1 A", "changed in pool_fen"),
    ("DELETE FROM messages WHERE serial = 1", "messages 1 P", "missing"),
    ("INSERT INTO starts VALUES (99)", "starts 99", "added"),
]


def test_a_move_that_fails_its_verification_stops_there_and_names_the_rows(system, send):
    before(send)
    doors(system, DoorState.CLOSED)
    step(system, "freeze")
    for sql, row, kind in PLANTED:
        go(system, "migrate")
        with closing(sqlite3.connect(system.folder / "books" / "34.2.sqlite")) as connection, connection:
            connection.execute(sql)

        status = step(system, "verify")

        assert status["stage"] == "failed"
        assert any(line.startswith(row) and line.endswith(kind) for line in status["wrong"]), status["wrong"]
        with pytest.raises(CommandError, match=r"the move is failed; only what is verified may serve"):
            step(system, "switch")
        crash(system)
        assert system.move_status("34")["stage"] == "failed"

    go(system, "migrate")  # made anew, whatever was wrong with them
    assert step(system, "verify")["stage"] == "verified"


def test_a_row_that_cannot_be_read_is_listed_and_holds_the_gate(system, send):
    before(send)
    doors(system, DoorState.CLOSED)
    step(system, "freeze")
    with closing(sqlite3.connect(system.books_path("34"))) as connection, connection:
        connection.execute("UPDATE messages SET request = x'c1' WHERE serial = 1")

    step(system, "migrate")
    status = passed(system)

    assert status["refused_rows"] == {"messages": 1}
    assert status["refused"][0]["key"].startswith("1 P")
    assert step(system, "verify")["stage"] == "failed"


OUT_OF_ORDER = """
    freeze     it lets messages in; close its doors first
    migrate    there is no move; freeze the books first
    verify     there is no move; migrate first
    switch     there is no move; only what is verified may serve
    reopen     there is no move; switch first
    roll-back  there is no move; there is no move to take back
"""


def test_a_step_out_of_its_order_is_refused_with_what_to_do(system):
    for line in OUT_OF_ORDER.strip().splitlines():
        action, words = line.strip().split("  ", 1)
        with pytest.raises(CommandError, match=words.strip()):
            step(system, action)


def test_doors_stay_shut_while_the_books_take_no_write(system):
    doors(system, DoorState.CLOSED)
    step(system, "freeze")

    with pytest.raises(CommandError, match=r"cannot be open while its books take no write"):
        doors(system, DoorState.OPEN)


def test_after_the_last_point_of_return_there_is_no_way_back(system):
    doors(system, DoorState.CLOSED)
    for action in (*MOVE[1:], "reopen"):
        go(system, action)

    with pytest.raises(CommandError, match=r"the move is reopened; .* the new books have taken messages in"):
        step(system, "roll-back")


def test_a_command_whose_answer_was_lost_is_sent_again_and_done_once(system):
    doors(system, DoorState.CLOSED)
    for action in (*MOVE[1:], "reopen"):
        go(system, action)
        first = system.move_status("34")["stage"]
        if action != "verify":
            assert step(system, action)["stage"] == first


def test_two_moves_after_each_other_have_files_of_their_own(system, send):
    answers = before(send)
    for _ in range(2):
        doors(system, DoorState.CLOSED)
        for action in (*MOVE[1:], "reopen"):
            go(system, action)
        doors(system, DoorState.OPEN)

    assert system.books_path("34").name == "34.3.sqlite"
    after(send, answers)


def test_a_journal_that_cannot_be_read_keeps_its_node_from_serving(tmp_path):
    with System(config(HOSTS), tmp_path):
        pass
    (tmp_path / "books" / "34.move.json").write_bytes(b"{")

    with System(config(HOSTS), tmp_path, allow_broken=True) as system:
        assert "34.move.json" in system.broken["34"]


def test_what_is_under_way_is_counted_and_listed(system, runner):
    """The insurer is dead: its settlement is open at the hub and at the place of care, and listed by its key."""
    system.freeze("34")
    with hospital(system, runner) as send:
        send(sale(1), timeout_us=200_000)
    listed = ask_host(system.address("hub", Entrance.OPERATORS), "GET", "inflight")
    system.thaw("34")

    assert [one["msgid"] for one in listed["33"]["leftovers"]] == [sale(1).msgid]
    assert (listed["hub"]["open"], listed["hub"]["leftovers"][0]["sender"]) == (1, "33")
