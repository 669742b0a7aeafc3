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
