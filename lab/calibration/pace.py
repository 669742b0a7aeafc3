"""The machine's pace: what the same work cost in one second and in another.

A machine that others share is quick and slow by turns. The mean alone then tells half of a run: the median latency is
that of its quick seconds, the percentiles above are of its slow ones. Told from CPU of pieces, never from a latency.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lab.calibration.fit import SERVED, coldness_in, coldness_of, means_us
from lab.calibration.windows import Floats, Windows
from sim.model.costs import AS_THE_MEAN, Table

_US_PER_S = 1e6


def pace_of(windows: Windows) -> tuple[Table, ...]:
    """Return what the pieces of each second cost against their mean, in thousandths, by load from its run's zero.

    From pieces alone, which were metered one by one: no fit of what the rest falls on can lean on it. A second with few
    of them tells little: it is taken to be as the mean.
    """
    served = windows.of_stage(*SERVED)
    counts, cpu_us = windows.pieces[:, served], windows.pieces_us[:, served]
    cold, cooling_us = coldness_in(windows)
    factor = coldness_of(windows.gaps_us, cold, cooling_us)
    expected_us = (counts @ factor) @ means_us(counts.sum(axis=0), cpu_us.sum(axis=0), factor)
    measured_us = cpu_us.sum(axis=(1, 2))
    return tuple(_pace(windows, measured_us, expected_us, load) for load in np.unique(windows.loads))


def _pace(windows: Windows, measured_us: Floats, expected_us: Floats, load: int) -> Table:
    mine = windows.loads == load
    share = _seconds_of(windows)[mine]
    measured, expected = measured_us[mine] @ share, expected_us[mine] @ share
    while expected.size > 1 and not expected[-1]:
        measured, expected = measured[:-1], expected[:-1]
    enough = expected > expected[expected > 0].mean() / 4 if expected.any() else expected > 0
    pace = np.divide(measured, expected, out=np.ones_like(expected), where=enough)
    return tuple(max(1, round(float(each) * AS_THE_MEAN)) for each in pace)


def at_even_pace(windows: Windows, paces: Sequence[Table]) -> Windows:
    """Return the windows as they would be, had the machine gone at its mean pace all the time."""
    share = _seconds_of(windows)
    pace = np.ones(len(windows.loads))
    for load, table in enumerate(paces):
        by_second = np.ones(share.shape[1])
        by_second[: len(table)] = np.asarray(table[: share.shape[1]]) / AS_THE_MEAN
        mine = windows.loads == load
        inside = share[mine].sum(axis=1)
        pace[mine] = share[mine] @ by_second + (1.0 - inside)
    return replace(
        windows,
        pace=pace,
        cpu_us=windows.cpu_us / pace,
        groups_us=windows.groups_us / pace[:, None],
        pieces_us=windows.pieces_us / pace[:, None, None],
        checkpoints_us=windows.checkpoints_us / pace,
    )


def _seconds_of(windows: Windows) -> Floats:
    """Return which share of each window lies in each second since its run's zero."""
    began_s, length_s = windows.began_us / _US_PER_S, np.maximum(windows.length_us, 1.0) / _US_PER_S
    seconds = np.arange(max(1, math.ceil(float((began_s + length_s).max(initial=0.0)))))
    inside = np.minimum(seconds + 1, (began_s + length_s)[:, None]) - np.maximum(seconds, began_s[:, None])
    return np.maximum(0.0, inside) / length_s[:, None]
