"""The injector does the scenario's faults and stop to a system, writes down what it did, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support.postgresql import wait_until

from loadtest.actions import Injector, Machine
from reference_impl.books.sqlite.place import SqlitePlace
from reference_impl.domain.scopes import Business, Side
from reference_impl.protocol.day_sheet import SheetLine
from reference_impl.protocol.door import DoorCommand, DoorState, DoorStep
from reference_impl.server.closing import ClosedDay, DayClosing
from reference_impl.server.faults import ClockCommand, RefuseCommand, SlowCommand, SlowDiskCommand
from scenarios.record.recorder import EventRow
from scenarios.record.tables import ClosingRow
from scenarios.schema import Scenario

ROOT = Path(__file__).parents[2]
AFTER_ALL_US = 10**15


class FakeSystem:
    """Remembers what was done to it; ``deaf`` calls fail before one succeeds."""

    def __init__(self, deaf: int = 0) -> None:
        self.did: list[tuple] = []
        self.deaf = deaf
        self.changed = threading.Event()
        self.waits, self.closed_us = 0, 0
        """So many orders find decisions of the day that wait; then it closes."""

    def _do(self, *what: object) -> None:
        if self.deaf:
            self.deaf -= 1
            raise ConnectionRefusedError("nobody listens")
        self.did.append(what)
        self.changed.set()

    def freeze(self, node: str) -> None:
        self._do("freeze", node)

    def thaw(self, node: str) -> None:
        self._do("thaw", node)

    def kill(self, node: str) -> None:
        self._do("kill", node)

    def restart(self, node: str) -> None:
        self._do("restart", node)

    def door(self, node: str, command: DoorCommand) -> None:
        self._do("door", node, command)

    def close_day(self, node: str, closed: ClosedDay) -> DayClosing:
        self._do("close", node, closed)
        waits = len([one for one in self.did if one[:2] == ("close", node)]) <= self.waits
        if waits:
            return DayClosing(waiting=2)
        return DayClosing(waiting=0, closed_us=self.closed_us, sheet=(SheetLine(care="33", entries=3, total_fen=9),))

    def fault(self, command: object) -> None:
        self._do("fault", command)


def scenario(*faults: dict, cutover: object = None) -> Scenario:
    return Scenario.model_validate({"name": "faulty", "faults": faults, "cutover": cutover})


def done(asked: Scenario, system: FakeSystem, now_us: int = AFTER_ALL_US) -> Injector:
    """Run an injector on a clock that stands after everything, so that all is done at once."""
    injector = Injector(asked, system, lambda: now_us)
    injector.start()
    for thread in injector._threads:
        thread.join(5)
    return injector


NODE_FAULTS = [
    ({"kind": "freeze", "node": "63"}, [("freeze", "63"), ("thaw", "63")]),
    ({"kind": "kill", "node": "63"}, [("kill", "63"), ("restart", "63")]),
    (
        {"kind": "refuse", "node": "hub"},
        [("fault", RefuseCommand("hub", on=True)), ("fault", RefuseCommand("hub", on=False))],
    ),
    (
        {"kind": "slow", "node": "33", "add": "5ms"},
        [("fault", SlowCommand("33", 5_000)), ("fault", SlowCommand("33", -5_000))],
    ),
    (
        {"kind": "slow_disk", "node": "33", "add": "5ms"},
        [("fault", SlowDiskCommand("33", 5_000)), ("fault", SlowDiskCommand("33", -5_000))],
    ),
    (
        {"kind": "clock_off", "node": "hub", "by": "30s", "towards": "behind"},
        [("fault", ClockCommand("hub", -30_000_000)), ("fault", ClockCommand("hub", 0))],
    ),
]


@pytest.mark.parametrize(
    ("fault", "acts"), NODE_FAULTS, ids=lambda case: case.get("kind") if isinstance(case, dict) else ""
)
def test_fault_is_done_and_undone(fault, acts):
    system = FakeSystem()

    injector = done(scenario(fault | {"at": "1s", "for": "2s"}), system)

    assert system.did == acts
    assert injector.events[0][:4] == (AFTER_ALL_US, AFTER_ALL_US, fault["kind"], fault["node"])
    assert injector.failures == ()


def test_the_database_of_a_node_is_held_and_let_go_again(tmp_path):
    place = SqlitePlace(tmp_path / "63.sqlite")
    place.make_ready()
    system = FakeSystem()
    system.place_of = {"63": place}.__getitem__
    asked = scenario({"kind": "database_down", "node": "63", "at": "0s", "for": "1h"})
    injector = Injector(asked, system, lambda: 0)
    injector.start()

    def is_held() -> bool:
        with contextlib.closing(sqlite3.connect(place.path, timeout=0, isolation_level=None)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            return False

    wait_until(is_held)
    injector.stop()
    assert not is_held()
    assert injector.events == (EventRow(0, 0, "database_down", "63"),)
    assert injector.failures == ()


class FakeDisk:
    """A disk that writes down what is done to it."""

    def __init__(self) -> None:
        self.did: list[str] = []

    def fill(self) -> None:
        self.did.append("fill")

    def make_room(self) -> None:
        self.did.append("make room")


def test_the_disk_under_the_books_is_filled_and_has_room_again():
    disk, asked = FakeDisk(), scenario({"kind": "full_disk", "at": "1s", "for": "2s"})
    injector = Injector(asked, FakeSystem(), lambda: AFTER_ALL_US, Machine(disk=disk))
    injector.start()
    for thread in injector._threads:
        thread.join(5)

    assert disk.did == ["fill", "make room"]
    assert injector.events == (EventRow(AFTER_ALL_US, AFTER_ALL_US, "full_disk", "*"),)


def test_no_other_disk_is_filled():
    injector = done(scenario({"kind": "full_disk", "at": "1s", "for": "2s"}), FakeSystem())

    assert injector.failures == ("the books do not lie on a small disk of this run, and no other is filled",)


class FakeHog:
    """A hog that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[float] = []

    def take(self, share: float) -> None:
        self.told.append(share)


def test_the_systems_core_is_taken_away_and_given_back():
    hog, asked = FakeHog(), scenario({"kind": "cpu_hog", "at": "1s", "for": "2s", "share": "40%"})
    injector = Injector(asked, FakeSystem(), lambda: AFTER_ALL_US, Machine(hog=hog))
    injector.start()
    for thread in injector._threads:
        thread.join(5)

    assert hog.told == [0.4, 0.0]
    assert injector.events == (EventRow(AFTER_ALL_US, AFTER_ALL_US, "cpu_hog", "*", "40%"),)


def test_no_other_core_is_taken():
    injector = done(scenario({"kind": "cpu_hog", "at": "1s", "for": "2s", "share": "40%"}), FakeSystem())

    assert injector.failures == ("no program of this run takes a share of the system's core",)


def test_restart_after_a_kill_is_an_event_of_its_own():
    injector = done(scenario({"kind": "kill", "node": "63", "at": "1s", "for": "2s"}), FakeSystem())

    assert [row.kind for row in injector.events] == ["kill", "restart"]


def test_faults_of_links_and_books_are_only_written_down():
    system = FakeSystem()
    asked = scenario(
        {"kind": "lose", "link": ["hospital", "33"], "direction": "reply", "share": "2%", "at": "1s", "for": "2s"},
        {"kind": "delay", "link": ["33", "hub"], "add": "5ms", "at": "2s"},
        {"kind": "lost_commit", "node": "63", "codes": ["2304"]},
    )

    injector = done(asked, system)

    assert system.did == []
    assert injector.events == (
        EventRow(0, None, "lost_commit", "63", "2304, 100%"),
        EventRow(1_000_000, 3_000_000, "lose", "hospital>33", "replies, 2%"),
        EventRow(2_000_000, None, "delay", "33>hub", "+5000 us"),
    )


def test_stop_undoes_what_is_on_and_does_nothing_more():
    system = FakeSystem()
    asked = scenario(
        {"kind": "freeze", "node": "63", "at": "0s", "for": "1h"},
        {"kind": "kill", "node": "33", "at": "1h", "for": "1h"},
    )
    injector = Injector(asked, system, lambda: 0)
    injector.start()
    assert system.changed.wait(5)

    injector.stop()

    assert system.did == [("freeze", "63"), ("thaw", "63")]
    assert [row.kind for row in injector.events] == ["freeze"]


def test_command_to_a_process_that_cannot_hear_is_repeated(monkeypatch):
    monkeypatch.setattr("loadtest.actions._INSIST_EVERY_S", 0.001)
    system = FakeSystem(deaf=3)
    clock = iter(range(0, 10**9, 1000))
    injector = Injector(
        scenario({"kind": "refuse", "node": "63", "at": "0s", "for": "50ms"}), system, lambda: next(clock)
    )
    injector.start()
    injector._threads[0].join(5)

    assert [command.on for _, command in system.did] == [True, False]
    assert injector.failures == ()


def test_fault_that_could_not_be_done_in_its_time_is_reported():
    injector = done(scenario({"kind": "refuse", "node": "63", "at": "0s", "for": "50ms"}), FakeSystem(deaf=10**6))

    assert injector.failures == ("nobody listens",)
    assert injector.events == ()


def test_injector_that_was_never_started_stops():
    Injector(scenario({"kind": "freeze", "node": "63", "at": "0s", "for": "1h"}), FakeSystem(), lambda: 0).stop()


# --- the end of a business day ---

MIDNIGHT_US = 15 * 3_600_000_000
"""From nine in the morning, when the horizon begins."""


def closing() -> Scenario:
    horizon = {"start": "2024-03-13T09:00:00", "length": "1d"}
    return Scenario.model_validate(
        {"name": "closing", "horizon": horizon, "closing": {}, "topology": {"regions": [33, 63]}}
    )


def test_a_day_is_ordered_closed_of_each_insurer_until_nothing_of_it_waits(monkeypatch):
    monkeypatch.setattr("loadtest.actions._INSIST_EVERY_S", 0.001)
    system = FakeSystem(deaf=1)
    system.waits, system.closed_us = 2, MIDNIGHT_US + 7

    injector = done(closing(), system)
    injector.end_days()

    order = ClosedDay(20240313, 20240314)
    assert sorted(system.did) == [("close", node, order) for node in ("33", "63") for _ in range(3)]
    assert injector.failures == ()
    assert injector.closings == tuple(
        ClosingRow(node, care, 20240313, MIDNIGHT_US, MIDNIGHT_US + 7, 2, *((3, 9, 0) if care == "33" else (0, 0, 0)))
        for node in ("33", "63")
        for care in ("33", "63")
    )


def test_a_day_that_does_not_close_before_the_run_ends_is_reported():
    system = FakeSystem()
    system.waits = 10**6
    injector = Injector(closing(), system, lambda: AFTER_ALL_US)
    injector.start()
    assert system.changed.wait(5)

    injector.stop()

    assert min(injector.failures) == "day 20240313 of node 33 stays open: 2 decisions wait"
    assert injector.closings == ()


def test_a_day_whose_end_does_not_come_is_neither_closed_nor_missed():
    injector = Injector(closing(), FakeSystem(), lambda: 0)
    injector.start()

    injector.stop()

    assert (injector.failures, injector.closings) == ((), ())


def test_a_day_of_a_process_that_never_hears_is_reported(monkeypatch):
    monkeypatch.setattr("loadtest.actions._INSIST_EVERY_S", 0.001)
    injector = Injector(closing(), FakeSystem(deaf=10**6), lambda: AFTER_ALL_US)
    injector.start()

    injector.stop()

    assert injector.failures == ("nobody listens", "nobody listens")


# --- the planned stop ---

STOP = {"scope": "3415", "side": "care", "at": "100s", "stop_before": "10s", "window": "50s", "ramp": "20s"}


def test_doors_are_commanded_phase_by_phase():
    system = FakeSystem()

    injector = done(scenario(cutover=STOP), system)

    facts = {"scope": "3415", "side": Side.CARE, "reopens_us": 150_000_000, "full_us": 170_000_000}
    assert system.did == [
        ("door", "34", DoorCommand(state=state, **facts))
        for state in (DoorState.DRAINING, DoorState.CLOSED, DoorState.RAMP, DoorState.OPEN)
    ]
    assert [(row.kind, row.until_us, row.target) for row in injector.events] == [
        ("stop_accept", 100_000_000, "3415"),
        ("close", 150_000_000, "3415"),
        ("reopen", 170_000_000, "3415"),
        ("full", None, "3415"),
    ]


def test_a_window_that_overruns_is_told_to_the_closed_door_and_written_down_as_planned_and_true():
    """The real world draws the same course, and moves its doors by it: closed once more, with the new hour."""
    system = FakeSystem()
    ramp = {"kind": "steps", "steps": [{"share": 0.5, "hold": "20s"}]}
    work = {"window": {"planned": "50s", "migrate": "80s"}, "ramp": ramp, "business": "cross", "name": "night"}

    injector = done(scenario(cutover=STOP | work), system)

    told = [(door.state, door.reopens_us, door.full_us, door.steps) for _, _, door in system.did]
    assert told == [
        (DoorState.DRAINING, 150_000_000, 170_000_000, ()),
        (DoorState.CLOSED, 150_000_000, 170_000_000, ()),
        (DoorState.CLOSED, 180_000_000, 200_000_000, ()),
        (DoorState.RAMP, 180_000_000, 200_000_000, (DoorStep(180_000_000, 0.5),)),
        (DoorState.OPEN, 180_000_000, 200_000_000, ()),
    ]
    assert {door.business for _, _, door in system.did} == {Business.CROSS}
    assert {row.kind: (row.until_us, row.note) for row in injector.events}["close"] == (
        180_000_000, "night, planned until 150000000 us",
    )  # fmt: skip


def test_each_plan_of_a_night_moves_its_own_doors():
    system = FakeSystem()

    injector = done(scenario(cutover=[STOP, STOP | {"scope": "33", "roll_back": None}]), system)

    assert {(node, door.scope) for _, node, door in system.did} == {("34", "3415"), ("33", "33")}
    assert sorted(row.note for row in injector.events if row.kind == "close") == ["33-care", "3415-care"]


def test_laboratory_side_loads_neither_gevent_nor_locust():
    names = "loadtest.actions, loadtest.links, loadtest.validity, loadtest.inputs, loadtest.proxy"
    code = f"import sys, {names}; sys.exit(any(name in sys.modules for name in ('gevent', 'locust')))"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_waiting_is_by_the_runs_clock():
    system = FakeSystem()
    epoch_ns = time.monotonic_ns() + 50_000_000
    injector = Injector(
        scenario({"kind": "freeze", "node": "63", "at": "0s", "for": "20ms"}),
        system,
        lambda: (time.monotonic_ns() - epoch_ns) // 1000,
    )
    injector.start()
    injector._threads[0].join(5)

    [row] = injector.events
    assert row.at_us >= 0
    assert row.until_us >= 20_000
