"""The rehearsal: books are really moved under load, and nobody's fate is another for it, killed in the midst or not."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from support.both_worlds import assert_same_fates
from support.real_system import run_for_real

from lab.analysis.agreement import agreement_of
from lab.checker import check
from reference_impl.books.places import serving_place
from reference_impl.books.sqlite.opening import make_like
from reference_impl.server.move_steps import MoveAction
from reference_impl.server.supervisor import System
from scenarios.reading.loader import load_scenario

pytestmark = pytest.mark.slow


def notes(ended, node):
    return {row["kind"]: row["note"] for row in ended.record.events.filter(target=node).iter_rows(named=True)}


def test_moving_the_books_for_real_changes_nobodys_fate(tmp_path):
    asked = load_scenario("rehearsal")

    ended = assert_same_fates(asked, tmp_path)

    for node in ("34", "hub"):
        assert serving_place(tmp_path / "books", node).name == f"{node}.2.sqlite"
        told = notes(ended, node)
        assert ", refused: 0" in told["migrate"]
        assert ", verified: " in told["verify"]
    assert check(ended.books, ended.record, agreement=agreement_of(asked)).violations == ()


def refuse_half(target, like):
    """Let new books take only every other row of messages, until they are made anew."""
    make_like(target, like)
    with closing(sqlite3.connect(target)) as connection, connection:
        connection.execute(
            "CREATE TRIGGER planted BEFORE INSERT ON messages WHEN NEW.serial % 2 "
            "BEGIN SELECT RAISE(ABORT, 'planted'); END"
        )


def test_rows_that_new_books_refuse_under_load_are_named_and_moved_again_and_every_law_holds(tmp_path, monkeypatch):
    """An operator mends what was refused and moves anew: the new books of the first try are thrown away."""
    asked = load_scenario(
        "rehearsal", sets=["cutover.0.window.books.tries=2", "cutover.0.window.books.copy_first=false"]
    )
    move, planted = System.move, []

    def plant(system, node, action, *more):
        if action is MoveAction.MIGRATE and node == "34" and not planted:
            planted.append(node)
            refuse_half(tmp_path / "books" / "34.2.sqlite", tmp_path / "books" / "34.sqlite")
        return move(system, node, action, *more)

    monkeypatch.setattr(System, "move", plant)

    ended = run_for_real(asked, tmp_path)

    assert ended.finished, ended.errors
    assert ended.failures == ()
    told = notes(ended, "34")
    assert "refused: messages " in told["migrate"]
    assert "verification failed: messages: " in told["verify"]
    assert "moved again: verified: " in told["verify"]
    assert serving_place(tmp_path / "books", "34").name == "34.2.sqlite"
    assert check(ended.books, ended.record, agreement=agreement_of(asked)).violations == ()


def test_killed_in_the_midst_of_its_move_a_province_goes_on_and_every_law_holds(tmp_path):
    """At 32 rows a second of the run the pass is met by the kill, and made to its end by the process that follows."""
    kill = {"kind": "kill", "node": "34", "at": "9h30min", "for": "4h"}
    work = "{planned: 10h, freeze: 30min, migrate: 3h, verify: 1h, books: {rows_per_second: 0.02}}"
    slow = f"cutover=[{{scope: 34, at: 8h30min, window: {work}}}]"
    asked = load_scenario("rehearsal", sets=[f"faults=[{kill}]", slow])

    ended = run_for_real(asked, tmp_path)

    assert ended.finished, ended.errors
    assert ended.failures == ()
    assert serving_place(tmp_path / "books", "34").name == "34.2.sqlite"
    order = [row["kind"] for row in ended.record.events.sort("at_us").iter_rows(named=True)]
    assert order.index("migrate") < order.index("kill") < order.index("verify")
    assert check(ended.books, ended.record, agreement=agreement_of(asked)).violations == ()


def test_files_move_to_a_server_under_load_and_every_law_holds(tmp_path, monkeypatch, database):
    """The province and the hub go to PostgreSQL in the midst of their business, and serve from there to the end."""
    move = System.move
    monkeypatch.setattr(System, "move", lambda *given, **named: move(*given, **named, to=database))

    ended = run_for_real(load_scenario("rehearsal"), tmp_path)

    assert ended.finished, ended.errors
    assert ended.failures == ()
    for node in ("34", "hub"):
        assert serving_place(tmp_path / "books", node).name == f"yidi_{node}_2"
        told = notes(ended, node)
        assert ", refused: 0" in told["migrate"]
        assert ", verified: " in told["verify"]
    assert check(ended.books, ended.record).violations == ()
