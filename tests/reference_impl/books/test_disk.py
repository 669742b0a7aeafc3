"""Where commits are made must hang on the disk alone, not on what others happened to write when a process started."""

from __future__ import annotations

import pytest

from reference_impl.books.sqlite import disk
from reference_impl.books.sqlite.disk import Committing, Disk


@pytest.fixture
def looks_us(monkeypatch):
    """Let each look at the disk find what is told, and count the looks."""
    told: list[int] = []
    seen: list[int] = []

    def look(_folder):
        seen.append(told[len(seen)])
        return seen[-1]

    monkeypatch.setattr(disk, "measure_flush", look)
    monkeypatch.setattr(disk.time, "sleep", lambda _s: None)
    return told, seen


@pytest.mark.parametrize(
    ("found_us", "looks", "committing"),
    [
        pytest.param([140], 1, Committing.TURN, id="quick at once"),
        pytest.param([7985, 12_000, 150], 3, Committing.TURN, id="others wrote while the process started"),
        pytest.param([7985, 8000, 7900, 8100, 7950, 8050], 6, Committing.BESIDE, id="slow at every look"),
    ],
)
def test_a_disk_is_slow_when_it_is_so_at_every_look(tmp_path, looks_us, found_us, looks, committing):
    told, seen = looks_us
    told += found_us
    found = Disk.under(tmp_path, nodes=1)
    assert (found.committing, len(seen), found.flush_us) == (committing, looks, min(found_us))
