"""How far predictions were from what was measured, and why: the model, or a machine that had changed since.

A run of the real world meters its own costs. Predicted with those, what is left is the error of the *model*; predicted
with the costs of an earlier calibration, the rest is the *drift* of the machine. A reference of the machine's speed,
taken beside each, says whether it ran as fast. A prediction is as sure as its costs: it is made again with every cost
at the low end of its interval, and at the high end. Nothing is said to be better or worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.model.costs import CostFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MEASURES = (
    "settlements.rate", "contact.latency.p50", "contact.latency.p95", "settlement.latency.p50",
    "settlement.latency.p95", "bottleneck.utilisation",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Predicted:
    """One measure: as measured, predicted with the run's own costs, and with those of an earlier calibration.

    ``low`` and ``high`` are the least and the most of the prediction with the run's own costs that their doubt allows;
    None where it was not asked.
    """

    measure: str
    measured: float | None
    own: float | None
    earlier: float | None
    low: float | None = None
    high: float | None = None

    @property
    def model_error(self) -> float | None:
        """By how much the prediction with the run's own costs is off, as a share of what was measured."""
        return _off(self.own, self.measured)

    @property
    def drift(self) -> float | None:
        """By how much an earlier calibration predicts otherwise than the run's own costs, as a share of the latter."""
        return _off(self.earlier, self.own)


@dataclass(frozen=True, slots=True)
class PredictionErrors:
    """Every measure with both its errors, and what the machine was like; speeds in us, 0 where none was taken."""

    rows: tuple[Predicted, ...]
    speed_us: float
    earlier_speed_us: float
    foreign_share: float


def prediction_errors(
    measured: Mapping[str, float | None],
    own: Mapping[str, float | None],
    earlier: Mapping[str, float | None],
    costs: tuple[CostFile, CostFile],
    bounds: Sequence[Mapping[str, float | None]] = (),
) -> PredictionErrors:
    """Return the errors of two predictions; ``costs`` are the run's own and the earlier ones.

    ``bounds`` are what is predicted with the run's own costs at the ends of their intervals.
    """

    def predicted(name: str) -> Predicted:
        made = [value for one in (own, *bounds) if (value := one.get(name)) is not None]
        low, high = (min(made), max(made)) if bounds and made else (None, None)
        return Predicted(name, measured.get(name), own.get(name), earlier.get(name), low, high)

    return PredictionErrors(
        tuple(map(predicted, MEASURES)), costs[0].speed_us, costs[1].speed_us, costs[0].foreign_share
    )


def _off(value: float | None, truth: float | None) -> float | None:
    return None if value is None or not truth else value / truth - 1.0
