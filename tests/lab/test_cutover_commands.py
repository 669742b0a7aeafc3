"""An operator takes a province of a running system through a planned stop by ``yidi cutover``, a command a step."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from lab.cli.app import run_command
from reference_impl.books.sql.rows import message_row
from reference_impl.books.sqlite.connection import apply, connect
from reference_impl.domain.benefit import Settlement
from reference_impl.protocol.door import DoorState
from reference_impl.protocol.messages import FindPerson, Reply, Request, SellDrugs, Settled
from reference_impl.protocol.records import Change, Committed, Key, MessageRecord, SettlementCopy
from reference_impl.server.config import Entrance
from reference_impl.server.supervisor import System
from reference_impl.staging.build import system_config
from scenarios.schema import Scenario

SMALL = {
    "name": "small",
    "topology": {"regions": ["33", "34"], "hosts": {"all": {"nodes": ["hub", "33", "34"]}}},
    "visits": {"per_day": 0},
}


@pytest.fixture
def system(tmp_path):
    with System(system_config(Scenario.model_validate(SMALL)), tmp_path) as system:
        yield system


@pytest.fixture
def yidi(system, capsys):
    place = system.address("34", Entrance.OPERATORS)

    def command(step, *options, node="34", code=0):
        assert run_command(["cutover", step, place, node, *options]) == code
        shown = capsys.readouterr()
        return shown.out + shown.err

    return command


def test_a_planned_stop_step_by_step(yidi):
    assert "34.sqlite, never moved" in yidi("status")
    assert "draining" in yidi("stop", "--reopens-in", "2h")
    assert "under way: in work 0, waiting 0, being written 0, outcome open 0" in yidi("drain", "--within", "5s")
    yidi("copy")
    assert "closed" in yidi("close")
    assert "move frozen" in yidi("freeze")
    assert "move migrated" in yidi("migrate", "--rate", "1000")
    assert "move verified" in yidi("verify")
    assert "34.2.sqlite serve" in yidi("switch")
    assert "its books take no write" not in yidi("reopen", "--ramp", "1h")
    shown = yidi("status")
    assert "34.2.sqlite serve, beside 34.sqlite; move reopened" in shown
    assert "rows moved: 1 (starts 1)" in shown
    assert f"door 34 care: {DoorState.RAMP}" in shown


def test_a_verification_that_fails_says_which_rows_and_the_way_back_is_open(yidi, system):
    yidi("close")
    yidi("freeze")
    yidi("migrate")
    with closing(sqlite3.connect(system.folder / "books" / "34.2.sqlite")) as connection, connection:
        connection.execute("DELETE FROM starts")

    shown = yidi("verify", code=1)

    assert "starts: 0 rows, expected 1" in shown
    assert "starts 1 missing" in shown
    assert "only what is verified may serve" in yidi("switch", code=2)
    assert "while its books take no write" in yidi("reopen", code=2)
    assert "34.sqlite serve; move rolled_back" in yidi("roll-back")
    assert f"door 34 care: {DoorState.CLOSED}" in yidi("status")
    yidi("reopen")
    assert "doors: open" in yidi("status")


def test_a_row_that_cannot_be_moved_is_shown_with_its_reason(yidi, system):
    yidi("close")
    yidi("freeze")
    with closing(sqlite3.connect(system.books_path("34"))) as connection, connection:
        connection.execute("INSERT INTO messages VALUES (1, '33', 'X', '2102', 0, x'c1', NULL, NULL, 0)")

    shown = yidi("migrate", code=1)

    assert "refused: messages 1" in shown
    assert "messages 1 X: " in shown


def passed_on():
    """What the hub keeps of a sale that 34 settled."""
    msgid, amounts = "H33040000001202406030800000001", Settlement(total_fen=10_000, pool_fen=6_000, cash_fen=4_000)
    body = SellDrugs(person="34010000000000000001", insurance="310", total_fen=10_000)
    asked = Request("2102", msgid, "33", "H33040000001", "330400", "340000", body)
    said = Settled(visit="S1", settlement="A1", settled_us=7, amounts=amounts)
    message = MessageRecord(Key("33", msgid), "2102", 0, asked, Reply("R", said))
    copy = SettlementCopy("A1", "S1", msgid, "2102", 7, 1, amounts)
    return Change(message=message, insert=True, records=(copy,))


def test_a_neighbours_account_that_does_not_hold_stops_the_move_at_the_switch(yidi, system):
    """The hub keeps a settlement that the province answered it, and the province's books have lost it."""
    with closing(connect(system.books_path("hub"))) as connection:
        assert apply(connection, passed_on()) == Committed()
    yidi("close")
    yidi("freeze")
    yidi("migrate")

    shown = yidi("verify", "--told", system.address("hub", Entrance.OPERATORS), code=1)

    assert "neighbours were told of 1 settlements; missing or otherwise here: 1" in shown
    assert "settlement A1 10000 fen: a neighbour was told of it" in shown
    assert "only what is verified may serve" in yidi("switch", code=2)
    assert "move failed" in yidi("verify", code=1), "another verification without the neighbour does not make it good"
    assert "34.sqlite serve; move rolled_back" in yidi("roll-back")


def test_what_cannot_be_drained_is_listed(yidi, system):
    asked = Request("1101", "X1", "33", "H33040000001", "330400", "340000", FindPerson("34010000000000000001"))
    with closing(sqlite3.connect(system.books_path("hub"))) as connection, connection:
        row = message_row(MessageRecord(Key("33", "X1"), "1101", 0, asked))
        connection.execute("INSERT INTO messages VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    shown = yidi("drain", "--within", "0s", node="hub", code=1)

    assert "outcome open 1" in shown
    assert "1101 X1 from 33" in shown
    told = json.loads(yidi("status", "--json", node="hub"))
    assert (told["node"], told["inflight"]["open"], told["move"]["stage"]) == ("hub", 1, "")


def test_a_node_that_is_elsewhere_is_named(yidi):
    assert "no node '11' at" in yidi("status", node="11", code=2)
    assert "no node '11' in process 'all'" in yidi("freeze", node="11", code=2)
