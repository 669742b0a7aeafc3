"""No moment is issued before a later one is kept, and what cannot be kept is not issued."""

from __future__ import annotations

import os
import time

import pytest

from reference_impl.server import kept
from reference_impl.server.errors import StartError
from reference_impl.server.kept import AHEAD_US, KeptClock, kept_us


class Machine:
    """A monotonic clock that a test moves."""

    def __init__(self):
        self.ns = 0

    def monotonic_ns(self):
        return self.ns


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    monkeypatch.setattr(time, "monotonic_ns", machine.monotonic_ns)
    return machine


@pytest.fixture
def writes(monkeypatch):
    """Count the writes to disk."""
    made, write = [], os.pwrite

    def counted(*given):
        made.append(given)
        return write(*given)

    monkeypatch.setattr(os, "pwrite", counted)
    return made


def test_what_is_kept_is_always_later_than_what_was_issued_and_is_seldom_written(tmp_path, machine, writes):
    clock = KeptClock(0, tmp_path, "all")
    for second in range(3600):
        for _ in range(10):
            machine.ns = second * 10**9
            assert clock.now_us() == second * 10**6 < kept_us(tmp_path)

    assert len(writes) <= 3600 * 10**6 // AHEAD_US + 1


def test_a_clean_stop_gives_back_what_was_reserved(tmp_path, machine):
    clock = KeptClock(0, tmp_path, "all")
    machine.ns = 7 * 10**9
    assert clock.now_us() == 7 * 10**6

    clock.give_back()

    assert kept_us(tmp_path) == 7 * 10**6
    machine.ns = 10**15
    assert clock.now_us() == 10**12, "whoever still asks is told, and nothing is written"
    assert kept_us(tmp_path) == 7 * 10**6


def test_time_before_the_run_is_not_kept(tmp_path, machine, writes):
    clock = KeptClock(5 * 10**9, tmp_path, "all")

    assert clock.now_us() == -5 * 10**6
    clock.give_back()
    assert kept_us(tmp_path) == 0


def test_time_stands_still_while_it_cannot_be_kept_and_goes_on_afterwards(tmp_path, machine, monkeypatch, capsys):
    clock = KeptClock(0, tmp_path, "all")
    assert clock.now_us() == 0

    def full(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "pwrite", full)
        machine.ns = 3600 * 10**9
        issued = {clock.now_us() for _ in range(5)}

    assert issued == {kept_us(tmp_path) - 1}
    assert capsys.readouterr().err.count("time stands still") == 1
    assert clock.now_us() == 3600 * 10**6 < kept_us(tmp_path)


def test_the_latest_of_all_processes_counts_and_nonsense_is_named(tmp_path):
    assert kept_us(tmp_path) == 0
    (tmp_path / "a.time").write_text(f"{7:020d}\n")
    (tmp_path / "b.time").write_text(f"{9:020d}\n")
    (tmp_path / "c.time").write_text("")
    assert kept_us(tmp_path) == 9

    (tmp_path / "d.time").write_text("yesterday")
    with pytest.raises(StartError, match=r"d\.time"):
        kept_us(tmp_path)


def test_a_clock_is_held_to_the_one_the_books_were_made_under(tmp_path, machine):
    told = {"starts_at": kept.datetime(2024, 3, 13), "time_scale": 60.0}
    kept.hold_clock(tmp_path, **told)
    kept.hold_clock(tmp_path, **told)

    with pytest.raises(StartError, match=r"scale 60, and this start .* scale 1:"):
        kept.hold_clock(tmp_path, **{**told, "time_scale": 1.0})

    (tmp_path / "clock.json").write_text("{")
    with pytest.raises(StartError, match=r"clock\.json"):
        kept.hold_clock(tmp_path, **told)


# --- a clock that is set ---

SECOND_NS, SECOND_US = 10**9, 10**6


def at(machine, second):
    machine.ns = second * SECOND_NS


def test_a_clock_that_is_set_ahead_shows_so_much_more_and_stands_when_it_is_set_right_until_that_is_reached(
    tmp_path, machine
):
    clock = KeptClock(0, tmp_path, "all")
    at(machine, 100)
    assert clock.now_us() == 100 * SECOND_US

    clock.be_off_by(30 * SECOND_US)
    at(machine, 101)
    assert clock.now_us() == 131 * SECOND_US < kept_us(tmp_path)
    clock.be_off_by(0)

    for second in (102, 110, 130, 131):
        at(machine, second)
        assert clock.now_us() == 131 * SECOND_US
    at(machine, 132)
    assert clock.now_us() == 132 * SECOND_US


def test_a_clock_that_is_set_behind_stands_until_it_is_reached_and_goes_on_with_a_leap(tmp_path, machine):
    clock = KeptClock(0, tmp_path, "all")
    at(machine, 100)
    assert clock.now_us() == 100 * SECOND_US

    clock.be_off_by(-10 * SECOND_US)
    seen = []
    for second in (101, 109, 110, 115):
        at(machine, second)
        seen.append(clock.now_us() // SECOND_US)
    assert seen == [100, 100, 100, 105]
    clock.be_off_by(0)
    assert clock.now_us() == 115 * SECOND_US


@pytest.mark.parametrize("ahead_s", [1, 5, 15, 60])
@pytest.mark.parametrize("killed_after_s", [0, 3, 9, 12, 30])
@pytest.mark.parametrize("set_right", [False, True])
def test_a_process_killed_while_its_clock_is_off_starts_no_earlier_than_it_had_come(
    tmp_path, machine, ahead_s, killed_after_s, set_right
):
    """Its clock is right again, and behind what it had shown; what was kept tells the two apart."""
    clock = KeptClock(0, tmp_path, "all")
    at(machine, 100)
    clock.now_us()
    clock.be_off_by(ahead_s * SECOND_US)
    shown_us = 0
    for second in range(100, 101 + killed_after_s):
        at(machine, second)
        shown_us = clock.now_us()
    if set_right:
        clock.be_off_by(0)
        assert clock.now_us() == shown_us

    again = KeptClock(0, tmp_path, "all")

    assert again.now_us() >= shown_us
    at(machine, 200 + killed_after_s + ahead_s)
    assert again.now_us() == machine.ns // 1000, "and goes on by the right clock once that has come so far"


@pytest.mark.parametrize("killed_after_s", [0, 3, 9, 12, 30])
def test_a_process_killed_with_the_right_clock_does_not_let_time_stand(tmp_path, machine, killed_after_s):
    clock = KeptClock(0, tmp_path, "all")
    for second in range(100, 101 + killed_after_s):
        at(machine, second)
        clock.now_us()

    at(machine, 101 + killed_after_s)
    assert KeptClock(0, tmp_path, "all").now_us() == machine.ns // 1000


def test_before_the_run_another_zero_may_be_set_and_a_kill_right_after_it_lets_no_time_stand(tmp_path, machine):
    at(machine, 3)
    clock = KeptClock(0, tmp_path, "all")
    assert clock.now_us() == 3 * SECOND_US

    clock.begin_at(9 * SECOND_NS)
    assert clock.now_us() == -6 * SECOND_US
    at(machine, 10)
    assert KeptClock(9 * SECOND_NS, tmp_path, "all").now_us() == SECOND_US


def test_a_clock_that_is_set_while_nothing_can_be_kept_never_goes_back(tmp_path, machine, monkeypatch):
    clock = KeptClock(0, tmp_path, "all")
    at(machine, 100)
    shown = [clock.now_us()]

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "pwrite", full)
        for off_s in (30, 0, -30, 0):
            clock.be_off_by(off_s * SECOND_US)
            machine.ns += SECOND_NS
            shown.append(clock.now_us())
    machine.ns += SECOND_NS
    shown.append(clock.now_us())

    assert shown == sorted(shown)


def test_a_clean_stop_with_a_clock_that_is_ahead_keeps_what_it_had_come_to(tmp_path, machine):
    clock = KeptClock(0, tmp_path, "all")
    at(machine, 100)
    clock.be_off_by(30 * SECOND_US)
    at(machine, 105)
    assert clock.now_us() == 135 * SECOND_US

    clock.give_back()

    assert kept_us(tmp_path) == 135 * SECOND_US
