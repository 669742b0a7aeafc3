"""Who travels where: a synthetic matrix of cross-province visits by a doubly constrained gravity model.

The flow from origin i to destination j is proportional to ``distance ** -decay`` and balanced by iterative proportional
fitting until every province sends and receives its share of ``data/provinces.csv``. No 31 x 31 matrix is public: the
margins' order is found, their sizes and every cell are synthetic. Nothing here may be read as a fact about a province.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from scenarios.patients.draws import Floats
from scenarios.patients.provinces import Province, provinces

_EARTH_RADIUS_KM = 6371.0
_SIGNIFICANT_DIGITS = 10
"""Impedances are rounded to this, because ``pow`` may differ in its last bit from machine to machine."""
_TOLERANCE = 1e-10
_ROUNDS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class FlowMatrix:
    """Shares of all cross-province visits: ``shares[i, j]`` insured in ``regions[i]``, treated in ``regions[j]``."""

    regions: tuple[str, ...]
    shares: Floats

    def inflow(self) -> dict[str, float]:
        """Return each province's share of all care given to others."""
        return dict(zip(self.regions, (math.fsum(column) for column in self.shares.T), strict=True))

    def outflow(self) -> dict[str, float]:
        """Return each province's share of all care sought elsewhere."""
        return dict(zip(self.regions, (math.fsum(row) for row in self.shares), strict=True))


def national_flows(decay: float, care_weights: Mapping[str, float], insured_weights: Mapping[str, float]) -> FlowMatrix:
    """Return the matrix of all provinces; the weights multiply the margins of single provinces."""
    return _national(decay, tuple(sorted(care_weights.items())), tuple(sorted(insured_weights.items())))


@lru_cache(maxsize=16)
def _national(
    decay: float, care_weights: tuple[tuple[str, float], ...], insured_weights: tuple[tuple[str, float], ...]
) -> FlowMatrix:
    care, insured = dict(care_weights), dict(insured_weights)
    table = tuple(provinces().values())
    sent = _shares([p.outflow * insured.get(p.code, 1.0) for p in table])
    taken = _shares([p.inflow * care.get(p.code, 1.0) for p in table])
    for province, out, into in zip(table, sent, taken, strict=True):
        if out + into >= 1.0:
            raise ValueError(
                f"province {province.code} sends {out:.0%} of all cross-province visits and takes {into:.0%}; "
                "expected less than 100 % together, as none can be its own: lower its weights"
            )
    shares = fit_margins(gravity(table, decay), rows=sent, columns=taken)
    return FlowMatrix(tuple(p.code for p in table), shares)


def restrict(matrix: FlowMatrix, regions: Sequence[str]) -> FlowMatrix:
    """Return the flows among ``regions`` alone, their shares again adding up to 1."""
    unknown = sorted(set(regions) - set(matrix.regions))
    if unknown:
        raise ValueError(f"no flows for provinces {unknown}; expected some of {list(matrix.regions)}")
    rows = [matrix.regions.index(region) for region in regions]
    part = matrix.shares[np.ix_(rows, rows)]
    total = math.fsum(part.ravel())
    if total <= 0.0:
        raise ValueError(f"nobody travels among provinces {list(regions)}; expected at least two with weight above 0")
    return FlowMatrix(tuple(regions), part / total)


def busiest(matrix: FlowMatrix, count: int) -> tuple[str, ...]:
    """Return so many of the provinces, those that send and take the most, in the order of the matrix."""
    sent, taken = matrix.outflow(), matrix.inflow()
    ranked = sorted(matrix.regions, key=lambda region: (-(sent[region] + taken[region]), region))[:count]
    return tuple(region for region in matrix.regions if region in ranked)


def share_among(matrix: FlowMatrix, regions: Sequence[str]) -> float:
    """Return the share of all visits that stays among ``regions``."""
    rows = [matrix.regions.index(region) for region in regions]
    return math.fsum(matrix.shares[np.ix_(rows, rows)].ravel())


def distance_km(a: Province, b: Province) -> int:
    """Return the great circle between two seats in whole kilometres, so that last-bit differences cannot matter."""
    lat_a, lat_b = math.radians(a.latitude), math.radians(b.latitude)
    half_lat = math.sin((lat_b - lat_a) / 2.0)
    half_lon = math.sin(math.radians(b.longitude - a.longitude) / 2.0)
    chord = half_lat * half_lat + math.cos(lat_a) * math.cos(lat_b) * half_lon * half_lon
    return round(2.0 * _EARTH_RADIUS_KM * math.asin(math.sqrt(chord)))


def gravity(table: Sequence[Province], decay: float) -> Floats:
    """Return the unbalanced pull between provinces; nobody crosses a border to stay at home."""
    cells = [[0.0 if a.code == b.code else _rounded(max(distance_km(a, b), 1) ** -decay) for b in table] for a in table]
    return np.array(cells)


def _rounded(value: float) -> float:
    return float(f"{value:.{_SIGNIFICANT_DIGITS - 1}e}")


def fit_margins(seed: Floats, *, rows: Sequence[float], columns: Sequence[float]) -> Floats:
    """Return ``seed`` with rows and columns scaled until their sums are the shares asked for (of a total of 1).

    Sums are exact (``fsum``), so their order, which differs between machines, does not matter.
    Raises ``ValueError`` when no scaling can do it.
    """
    row_shares, column_shares = _shares(rows), _shares(columns)
    cells = seed.astype(np.float64)
    error = 1.0
    for _ in range(_ROUNDS_MAX):
        cells = cells * _factors(cells, row_shares)[:, None]
        cells = cells * _factors(cells.T, column_shares)[None, :]
        error = max(abs(math.fsum(row) - share) for row, share in zip(cells, row_shares, strict=True))
        if error < _TOLERANCE:
            return cells
    raise ValueError(
        f"row and column weights cannot both be met: after {_ROUNDS_MAX} rounds a share is off by {error:.2g}; "
        "expected weights that the cells above 0 can carry"
    )


def _shares(weights: Sequence[float]) -> list[float]:
    total = math.fsum(weights)
    if total <= 0.0 or min(weights) < 0.0:
        raise ValueError(f"weights must be >= 0 with a positive sum (got {list(weights)!r})")
    return [weight / total for weight in weights]


def _factors(lines: Floats, shares: Sequence[float]) -> Floats:
    sums = [math.fsum(line) for line in lines]
    return np.array([share / total if total > 0.0 else 0.0 for share, total in zip(shares, sums, strict=True)])
