"""Where a warm-up ends, by MSER-5: of one series, or of the mean of replications.

Batch means of five values are cut off at the front, one after the other; the cut is where the standard error of the
rest, taken as if its values were independent, is least (White, Cobb and Spratt 2000). It assumes that the load is even:
of a day with its peaks it finds the peaks. A cut in the last half says that the series is too short, and is no cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lab.analysis.statistics import Floats

__all__ = ["BATCH", "VALUES_MIN", "Cut", "mean_series", "mser5"]

BATCH = 5
BATCHES_MIN = 10
VALUES_MIN = BATCH * BATCHES_MIN
"""With fewer values there is nothing to choose between."""
_KEPT_BATCHES = 5
"""A rest of fewer batches is never tried: a few that happen to be alike would always win (Hoad and others 2010)."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How many ``values`` of the front to leave out, of how many, and the error after each cut of so many batches."""

    values: int
    of: int
    errors: Floats

    @property
    def too_short(self) -> bool:
        """Whether the cut lies in the last half: the series had hardly begun to be steady when it ended."""
        return 2 * self.values > self.of


def mser5(series: Floats) -> Cut:
    """Return the cut of a series in the order of time.

    Raises:
        ValueError: when it has fewer than :data:`VALUES_MIN` values, or one that is not finite.

    >>> mser5(np.concatenate([np.arange(20.0), np.full(80, 20.0)])).values
    20
    >>> mser5(np.ones(100)).values
    0
    """
    if series.size < VALUES_MIN or not np.isfinite(series).all():
        raise ValueError(f"MSER-5 needs at least {VALUES_MIN} finite values (got {series.size})")
    batches = series[: series.size // BATCH * BATCH].reshape(-1, BATCH).mean(axis=1)
    errors = _errors(batches)[: batches.size - _KEPT_BATCHES + 1]
    return Cut(int(np.argmin(errors)) * BATCH, int(series.size), errors)


def _errors(batches: Floats) -> Floats:
    """Return the squared deviations of each rest from its own mean, over the square of how many it has."""
    centred = batches - batches.mean()
    left = np.arange(batches.size, 0, -1, dtype=np.float64)
    sums, squares = (np.cumsum(part[::-1])[::-1] for part in (centred, centred * centred))
    return np.maximum(squares - sums * sums / left, 0.0) / (left * left)


def mean_series(replications: Sequence[Floats]) -> Floats:
    """Return the mean of replications, moment by moment: what is not the start's own scatters less in it.

    Raises:
        ValueError: when there is none, or they are not equally long.

    >>> mean_series([np.array([1.0, 2.0]), np.array([3.0, 4.0])])
    array([2., 3.])
    """
    if not replications or len({series.size for series in replications}) > 1:
        raise ValueError("a mean of series needs one at least, all of one length")
    return np.mean(np.stack(replications), axis=0)
