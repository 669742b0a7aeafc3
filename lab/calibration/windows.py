"""What metered processes tell, as arrays: what happened in each window of about a second, and what CPU it took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

OCTAVES = 28
_NS_PER_US = 1000.0


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows as arrays, by window, kind of piece and octave of the gap before: what happened, and CPU in us."""

    kinds: tuple[tuple[str, str, str], ...]
    loads: NDArray[np.int64]
    processes: NDArray[np.int64]
    began_us: Floats
    """Since the zero of the load's own run."""
    length_us: Floats
    cpu_us: Floats
    gaps_us: Floats
    """The mean gap of each octave."""
    turns: Floats
    groups: Floats
    changes: Floats
    groups_us: Floats
    pieces: Floats
    pieces_us: Floats
    checkpoints: Floats
    checkpoints_us: Floats
    pace: Floats
    """What CPU cost in the window against the mean; 1 until it is known, and taken out then of all that is in us."""

    def taken(self, rows: NDArray[np.int64]) -> Windows:
        """Return these windows, which may be some of them more than once."""
        own = {name: getattr(self, name)[rows] for name in _BY_WINDOW}
        return Windows(self.kinds, gaps_us=self.gaps_us, **own)

    def of_stage(self, *stages: str) -> NDArray[np.int64]:
        """Return which kinds are of these stages."""
        return np.array([n for n, (_, _, stage) in enumerate(self.kinds) if stage in stages], dtype=np.int64)


_BY_WINDOW = (
    "loads", "processes", "began_us", "length_us", "cpu_us", "turns", "groups", "changes", "groups_us",
    "pieces", "pieces_us", "checkpoints", "checkpoints_us", "pace",
)  # fmt: skip


def windows_of(loads: Sequence[Iterable[Mapping[str, Any]]], zeros_us: Sequence[int] = ()) -> Windows:
    """Return the windows of several loads' readings, each of many processes, as ``server.meter`` gives them.

    ``zeros_us`` are the zeros of the loads' runs on the machine's monotonic clock; 0 where none are given.
    """
    zeros_us = zeros_us or [0] * len(loads)
    rows = [
        (load, process, window)
        for load, readings in enumerate(loads)
        for process, reading in enumerate(readings)
        for window in reading["windows"]
    ]
    names = sorted({name for *_, window in rows for name in window["pieces"]})
    place = {name: number for number, name in enumerate(names)}
    turns, gaps = np.zeros((len(rows), OCTAVES)), np.zeros(OCTAVES)
    groups, changes, groups_us = (np.zeros((len(rows), OCTAVES)) for _ in range(3))
    pieces, pieces_us = (np.zeros((len(rows), len(names), OCTAVES)) for _ in range(2))
    for number, (_, _, window) in enumerate(rows):
        for octave, (count, gap_us) in window["turns"].items():
            turns[number, int(octave)] += count
            gaps[int(octave)] += gap_us
        for octave, (count, changed, cpu_ns) in window["groups"].items():
            groups[number, int(octave)] += count
            changes[number, int(octave)] += changed
            groups_us[number, int(octave)] += cpu_ns / _NS_PER_US
        for name, tally in window["pieces"].items():
            for octave, (count, cpu_ns) in tally.items():
                pieces[number, place[name], int(octave)] += count
                pieces_us[number, place[name], int(octave)] += cpu_ns / _NS_PER_US
    counted = turns.sum(axis=0)
    kinds = tuple(cast("tuple[str, str, str]", tuple(name.split())) for name in names)
    return Windows(
        kinds,
        np.array([load for load, _, _ in rows], dtype=np.int64),
        np.array([process for _, process, _ in rows], dtype=np.int64),
        np.array([window["began_us"] - zeros_us[load] for load, _, window in rows], dtype=np.float64),
        np.array([window["length_us"] for *_, window in rows], dtype=np.float64),
        np.array([window["cpu_us"] for *_, window in rows], dtype=np.float64),
        np.divide(gaps, counted, out=np.zeros(OCTAVES), where=counted > 0),
        turns,
        groups,
        changes,
        groups_us,
        pieces,
        pieces_us,
        np.array([window["checkpoints"] for *_, window in rows], dtype=np.float64),
        np.array([window["checkpoints_ns"] / _NS_PER_US for *_, window in rows], dtype=np.float64),
        np.ones(len(rows)),
    )
