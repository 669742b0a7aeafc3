"""From what processes metered to what serving costs: turns, pieces, groups, changes, and how a process cools.

Fitted to CPU alone, never to a latency, so that what is predicted is not what was fitted. A process's CPU in a window
is that of its pieces and groups, which were metered one by one, and of the rest (HTTP, the loop), which falls on turns
and on what is read; what comes first in a turn costs more the longer the process had slept. Nothing in here measures
anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize as scipy_optimize  # pyright: ignore[reportMissingTypeStubs] - SciPy brings no types

from lab.calibration.windows import Floats, Windows
from reference_impl.domain.failures import InvalidRunError
from sim.model.costs import ANY_CODE, AS_THE_MEAN, SERVING_ROLES, STAGES, CostRow, Fitted, LoadFit, Table

optimize: Any = scipy_optimize

RESAMPLES = 100
SAMPLES_MIN = 20
"""A transaction with fewer pieces of a stage is given the costs of all transactions together."""
PARTS = 41
_READ = ("receive", "answer", "mixed")
"""Pieces that begin with something read: HTTP is theirs."""
SERVED = (*(stage for stage in STAGES if stage != "change"), "mixed")
"""Pieces of a turn; a change is part of a group."""
_COLD_MAX = 4.0
_COOLING_US = (1e3, 1e6)
_NS_PER_US = 1000.0
_LEAST_GAPS = 2


class Numbers(NamedTuple):
    """What is fitted; ``pieces_us`` is by kind, as metered, without its share of what is read.

    ``standing_share`` is what a process uses of a core when no message comes: a server looks at its clock now and then.
    """

    turn_us: float
    read_us: float
    standing_share: float
    group_us: float
    change_us: float
    cold: float
    cooling_us: float
    checkpoint_us: float
    pieces_us: Floats


def fit(windows: Windows) -> Numbers:
    """Return the numbers that tell the CPU of these windows best.

    Raises:
        InvalidRunError: when next to nothing was metered.

    """
    if not windows.kinds or not windows.groups.any() or np.count_nonzero(windows.turns.sum(axis=0)) < _LEAST_GAPS:
        raise InvalidRunError(
            f"nothing to fit costs to: {windows.turns.sum():.0f} turns and {windows.groups.sum():.0f} groups were "
            "metered; expected hundreds of both: the system was not under load"
        )
    cold, cooling_us = coldness_in(windows)
    factor = coldness_of(windows.gaps_us, cold, cooling_us)
    pieces_us = means_us(windows.pieces.sum(axis=0), windows.pieces_us.sum(axis=0), factor)
    turn_us, read_us, standing_share = _solved(_loop_columns(windows, factor), _loop_us(windows))
    group_us, change_us = _solved(_group_columns(windows, factor), windows.groups_us.sum(axis=1))
    checkpoint_us = _ratio(windows.checkpoints_us.sum(), windows.checkpoints.sum())
    return Numbers(turn_us, read_us, standing_share, group_us, change_us, cold, cooling_us, checkpoint_us, pieces_us)


def coldness_of(gaps_us: Floats, cold: float, cooling_us: float) -> Floats:
    """Return what a process costs after each gap, against one that has just run."""
    return 1.0 + cold * (1.0 - np.exp(-gaps_us / cooling_us))


def coldness_in(windows: Windows) -> tuple[float, float]:
    """Return how cold a process gets and how fast, from equal pieces after different gaps."""
    counts, cpu_us = windows.pieces.sum(axis=0), windows.pieces_us.sum(axis=0)
    seen = counts > 0
    measured = np.divide(cpu_us, counts, out=np.zeros_like(cpu_us), where=seen)

    def distance(cold: float, cooling_us: float) -> float:
        factor = coldness_of(windows.gaps_us, cold, cooling_us)
        means = means_us(counts, cpu_us, factor)
        apart = np.divide(measured, means[:, None], out=np.ones_like(measured), where=means[:, None] > 0) - factor
        return float((counts * np.where(seen, apart, 0.0) ** 2).sum())

    def best_cold(cooling_us: float) -> tuple[float, float]:
        return _least(lambda cold: distance(cold, cooling_us), (0.0, _COLD_MAX), close=1e-3)

    low, high = (math.log(bound_us) for bound_us in _COOLING_US)
    log_us, _ = _least(lambda log_us: best_cold(math.exp(log_us))[1], (low, high), close=1e-2)
    return best_cold(math.exp(log_us))[0], math.exp(log_us)


def _least(of: Callable[[float], float], bounds: tuple[float, float], *, close: float) -> tuple[float, float]:
    """Return where a function of one number is least between bounds, and what it is there."""
    found = optimize.minimize_scalar(of, bounds=bounds, method="bounded", options={"xatol": close})
    return float(found.x), float(found.fun)


def means_us(counts: Floats, cpu_us: Floats, factor: Floats) -> Floats:
    """Return the mean of each kind on a process that has just run, from sums by kind and octave."""
    weight = (counts * factor).sum(axis=1)
    return np.divide(cpu_us.sum(axis=1), weight, out=np.zeros(len(weight)), where=weight > 0)


def _loop_us(windows: Windows) -> Floats:
    """Return what was spent beside pieces, groups and checkpoints, by window."""
    served = windows.of_stage(*SERVED)
    metered_us = windows.pieces_us[:, served].sum(axis=(1, 2)) + windows.groups_us.sum(axis=1)
    return np.maximum(0.0, windows.cpu_us - metered_us - windows.checkpoints_us)


def _loop_columns(windows: Windows, factor: Floats) -> Floats:
    read = windows.pieces[:, windows.of_stage(*_READ)].sum(axis=1)
    return np.stack([windows.turns @ factor, read @ factor, windows.length_us], axis=1)


def _group_columns(windows: Windows, factor: Floats) -> Floats:
    cold = windows.groups @ factor
    return np.stack([cold, cold + (windows.changes - windows.groups).sum(axis=1)], axis=1)


def _solved(columns: Floats, values: Floats) -> tuple[float, ...]:
    """Return the least squares that are not negative; a window counts by what happened in it, not by its square."""
    weight = 1.0 / np.sqrt(np.maximum(1.0, columns[:, 0]))
    scale = np.maximum(columns.max(axis=0), 1e-9)  # of one size, so that all are solved equally well
    found: Floats = optimize.nnls(columns * weight[:, None] / scale, values * weight)[0]
    return tuple(float(value) for value in found / scale)


# --- into a cost file -------------------------------------------------------------------------------------------------


class Estimate(NamedTuple):
    """Numbers, and the same of every resampling of the windows."""

    numbers: Numbers
    resampled: tuple[Numbers, ...]

    def fitted(self, name: str) -> Fitted:
        """Return one of the numbers with its interval."""
        return _between(getattr(self.numbers, name), [getattr(one, name) for one in self.resampled])


def estimate(windows: Windows, *, resamples: int = RESAMPLES, seed: int = 1) -> Estimate:
    """Return the numbers with what they would be, had other windows of the same loads been seen."""
    found = fit(windows)
    random = np.random.default_rng(seed)
    own = [np.flatnonzero(windows.loads == load) for load in np.unique(windows.loads)]
    again: list[Numbers] = []
    for _ in range(resamples):
        rows = np.concatenate([random.choice(rows, rows.size) for rows in own])
        again.append(fit(windows.taken(rows)))
    return Estimate(found, tuple(again))


def _between(value: float, others: Sequence[float]) -> Fitted:
    low, high = np.percentile(np.asarray(others), (2.5, 97.5)) if len(others) else (value, value)
    return Fitted(round(value, 3), round(min(value, float(low)), 3), round(max(value, float(high)), 3))


def cost_rows(windows: Windows, found: Estimate) -> Iterable[CostRow]:
    """Yield a row for every role and stage, and one for each transaction that was seen often enough."""
    counts = windows.pieces.sum(axis=(0, 2))
    for role in SERVING_ROLES:
        for stage in STAGES:
            mine = [n for n, kind in enumerate(windows.kinds) if (kind[0], kind[2]) == (role, stage)]
            yield CostRow(role, ANY_CODE, stage, _stage_us(found, mine, counts, stage))
            for number in mine:
                if counts[number] >= SAMPLES_MIN:
                    yield CostRow(role, windows.kinds[number][1], stage, _stage_us(found, [number], counts, stage))


def _stage_us(found: Estimate, mine: Sequence[int], counts: Floats, stage: str) -> Fitted:
    """Return what kinds of piece of one stage cost on the mean: with what is read, or without its group."""
    if not mine or not counts[list(mine)].sum():
        return Fitted(0.0, 0.0, 0.0)
    weights = counts[list(mine)] / counts[list(mine)].sum()

    def of(numbers: Numbers) -> float:
        own_us = float(numbers.pieces_us[list(mine)] @ weights)
        if stage == "change":
            return max(0.0, own_us - numbers.group_us)
        return own_us + (numbers.read_us if stage in _READ else 0.0)

    return _between(of(found.numbers), [of(numbers) for numbers in found.resampled])


def load_fits(windows: Windows, numbers: Numbers) -> tuple[LoadFit, ...]:
    """Return how well the numbers tell each load."""
    told_us = told(windows, numbers)
    made: list[LoadFit] = []
    for load in np.unique(windows.loads):
        mine = windows.loads == load
        measured_us, whole_us = windows.cpu_us[mine], told_us[mine]
        busy = measured_us > measured_us.max() / 10
        served = windows.of_stage(*SERVED)
        made.append(
            LoadFit(
                use=round(_use(windows, mine), 4),
                pieces_per_turn=round(_ratio(windows.pieces[mine][:, served].sum(), windows.turns[mine].sum()), 3),
                changes_per_group=round(_ratio(windows.changes[mine].sum(), windows.groups[mine].sum()), 3),
                error=round(float(whole_us.sum() / measured_us.sum() - 1.0), 4),
                residual=round(float(np.sqrt(np.mean((whole_us[busy] / measured_us[busy] - 1.0) ** 2))), 4),
            )
        )
    return tuple(made)


def told(windows: Windows, numbers: Numbers) -> Floats:
    """Return the CPU of each window as the numbers tell it (us)."""
    factor = coldness_of(windows.gaps_us, numbers.cold, numbers.cooling_us)
    served = windows.of_stage(*SERVED)
    pieces_us = (windows.pieces[:, served] @ factor) @ numbers.pieces_us[served]
    loop_us = _loop_columns(windows, factor) @ np.array([numbers.turn_us, numbers.read_us, numbers.standing_share])
    groups_us = _group_columns(windows, factor) @ np.array([numbers.group_us, numbers.change_us])
    return pieces_us + loop_us + groups_us + windows.checkpoints * numbers.checkpoint_us


def _use(windows: Windows, mine: NDArray[np.bool_]) -> float:
    """Return the share of the core that all processes used together."""
    side_by_side = len(np.unique(windows.processes[mine]))
    return float((windows.cpu_us * windows.pace)[mine].sum() * side_by_side / max(1.0, windows.length_us[mine].sum()))


def _ratio(one: float, other: float) -> float:
    return float(one / other) if other else 0.0


# --- distributions ----------------------------------------------------------------------------------------------------


def spread_of(windows: Windows, numbers: Numbers, readings: Iterable[Mapping[str, Any]]) -> Table:
    """Return how single pieces spread around the mean of their kind, coldness apart: in thousandths of it."""
    factor = coldness_of(windows.gaps_us, numbers.cold, numbers.cooling_us)
    by_name_us = {" ".join(kind): float(mean) for kind, mean in zip(windows.kinds, numbers.pieces_us, strict=True)}
    shares = [
        cpu_ns / _NS_PER_US / (by_name_us[name] * factor[octave])
        for reading in readings
        for name, samples in reading["samples"].items()
        if by_name_us.get(name, 0.0) > 0 and not name.endswith("mixed") and len(samples) >= SAMPLES_MIN
        for octave, cpu_ns in samples
    ]
    if not shares:
        return (AS_THE_MEAN,)
    mean = float(np.mean(shares))
    return quantile_table([share / mean * AS_THE_MEAN for share in shares])


def quantile_table(values: Sequence[float]) -> Table:
    """Return a table from which drawing gives the mean that was measured.

    Each value is the mean of an equal part of the sorted samples, the first of the smallest, the last of the largest.
    Plain quantiles would draw a line up to the one largest sample and give a rare hiccup the weight of a whole part.
    Nothing measured costs nothing.

    >>> quantile_table([])
    (0,)
    >>> from sim.model.costs import mean_us
    >>> table = quantile_table([10.0] * 99 + [1000.0])
    >>> table[-2:], round(mean_us(table), 1)
    ((10, 802), 19.9)
    """
    if not len(values):
        return (0,)
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    table = [float(part.mean()) for part in np.array_split(ordered, min(PARTS, ordered.size))]
    gaps = len(table) - 1
    if gaps:
        # The straight lines that are drawn from give the two ends half their weight: the last one makes up for it.
        drawn = (sum(table) - (table[0] + table[-1]) / 2) / gaps
        table[-1] = max(table[-2], table[-1] + 2 * gaps * (float(ordered.mean()) - drawn))
    return tuple(round(value) for value in table)
