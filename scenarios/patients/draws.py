"""Keyed numbers in bulk and the distributions drawn with them: bit for bit those of ``reference_impl.domain.keyed``.

A draw depends on (seed, visit, step, attempt, purpose) alone, never on how many draws came before it, so two engines,
two orders of events and two plans under test see the same numbers. Only integer arithmetic and single IEEE operations
are used when drawing: ``exp``, ``log``, ``pow`` and fused or reordered sums differ in the last bit between machines.
This module must never hold state, and never use ``hash()``, which differs from process to process.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reference_impl.domain.keyed import GOLDEN, MIX_1, MIX_2, TO_UNIT, WORD, Quantiles, uniform

_POISSON_SPREAD = 12.0
"""Half-width, in standard deviations, of the counts a Poisson draw can return; beyond it lies less than 1e-30."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def uniforms(seed: int, visits: NDArray[np.integer], step: int, attempt: int, purpose: int) -> Floats:
    """Return ``uniform`` of each of ``visits``, bit for bit."""
    value = visits.astype(np.uint64) + np.uint64(seed * GOLDEN & WORD)
    value = mix_words(value)
    value ^= np.uint64(((step << 40) ^ (attempt << 20) ^ purpose) & WORD)
    return (mix_words(value) >> np.uint64(11)).astype(np.float64) * TO_UNIT


def mix_words(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return ``mix64`` of each of ``value``."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(MIX_1)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(MIX_2)
    return value ^ (value >> np.uint64(31))


@dataclass(frozen=True, slots=True)
class KeyedDraws:
    """The protocol's ``Draws`` port under one seed."""

    seed: int

    def uniform(self, visit: int, step: int, attempt: int, purpose: int) -> float:
        """Return the number in [0, 1) of this key."""
        return uniform(self.seed, visit, step, attempt, purpose)


# --- distributions ----------------------------------------------------------------------------------------------------


class QuantileTable(Quantiles):
    """Quantiles joined by straight lines, drawn from one at a time or all at once.

    Scalar and vectorised draws agree bit for bit: each is one subtraction, one product and one sum (``numpy.interp``
    may fuse the last two on some machines).
    """

    __slots__ = ("_p_array", "_slopes_array", "_v_array")

    def __init__(self, probabilities: Sequence[float], values: Sequence[float]) -> None:
        """Check the table and lay it out as arrays."""
        super().__init__(probabilities, values)
        p, v = self._p, self._v
        self._p_array, self._v_array, self._slopes_array = np.array(p[:-1]), np.array(v[:-1]), np.array(self._slopes)

    def at_many(self, u: Floats) -> Floats:
        """Return the quantile of each of ``u``."""
        k = np.searchsorted(self._p_array, u, side="right") - 1
        return self._v_array[k] + (u - self._p_array[k]) * self._slopes_array[k]

    def scaled(self, factor: float) -> QuantileTable:
        """Return the distribution of ``factor`` times this one."""
        return QuantileTable(self._p, [x * factor for x in self._v])

    def with_mean(self, mean: float) -> QuantileTable:
        """Return this shape with the given mean."""
        return self.scaled(mean / self.mean)


class GroupedChoice:
    """Weighted choice inside groups, for a million drawers at once.

    ``weights[g][k]`` is the weight of choice ``k`` of group ``g``; a choice is returned as its position in the
    concatenation of all groups. A group without weight may exist, but nobody may draw from it.
    """

    __slots__ = ("_edges", "_has_weight", "_last")

    def __init__(self, weights: Sequence[Sequence[float]]) -> None:
        """Lay all groups' cumulative shares on one line, group ``g`` on [g, g + 1)."""
        edges: list[float] = []
        last: list[int] = []
        has_weight: list[bool] = []
        for group, row in enumerate(weights):
            total = math.fsum(row)
            has_weight.append(total > 0.0)
            last_with_weight = max((k for k, w in enumerate(row) if w > 0.0), default=-1)
            cumulative = 0.0
            for k, weight in enumerate(row):
                cumulative += weight
                edges.append(group + (1.0 if k >= last_with_weight else cumulative / total))
            last.append(len(edges) - 1 - (len(row) - 1 - last_with_weight))
        self._edges, self._last, self._has_weight = np.array(edges), np.array(last), np.array(has_weight)

    def draw(self, groups: Ints, u: Floats) -> Ints:
        """Return the choice of each drawer: the first whose cumulative share is above ``u``."""
        if not bool(np.all(self._has_weight[groups])):
            empty = sorted({int(g) for g in groups[~self._has_weight[groups]]})
            raise ValueError(f"nothing to choose from in groups {empty}; expected a weight above 0")
        found = np.searchsorted(self._edges, groups + u, side="right")
        # g + u may round up to g + 1 when u is within 2**-53 of one; such a drawer keeps to its own group.
        return np.minimum(found, self._last[groups]).astype(np.int64)


def poisson(mean: float, u: float) -> int:
    """Return the Poisson count at quantile ``u``, by products of plain ratios from the mode outwards."""
    if mean < 0.0 or not math.isfinite(mean):
        raise ValueError(f"a Poisson mean must be finite and >= 0 (got {mean!r})")
    mode = int(mean)
    spread = int(_POISSON_SPREAD * math.sqrt(mean + 1.0)) + 40
    low = max(0, mode - spread)
    up = np.cumprod(mean / np.arange(mode + 1, mode + spread + 1, dtype=np.float64))
    down = np.cumprod(np.arange(mode, low, -1, dtype=np.float64) / mean) if mode > low else np.empty(0)
    cumulative = np.cumsum(np.concatenate((down[::-1], [1.0], up)))
    return low + int(np.searchsorted(cumulative, u * float(cumulative[-1]), side="right"))
