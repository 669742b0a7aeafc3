"""What one core of this machine makes as a load generator, told before a run, beside what the run asks of it.

A bound from below of what a message costs, so that only what surely cannot be made is said to be too much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lab.analysis.streams import messages_by_kind
from lab.calibration.speed import reference_us
from loadtest.validity import CPU_SHARE_MAX

if TYPE_CHECKING:
    from scenarios.patients.visits import VisitPlan
    from scenarios.schema import Scenario

__all__ = ["expected_rate", "makes_at_most", "said_before"]

MESSAGE_PER_REFERENCE = 1.2
"""The least that a message takes of the generator's core, as a share of what ``reference_us`` times: less than half of
what was measured (docs/target.md), so that only what surely cannot be made is refused."""
_PEAK_S = 10
"""Over so long the busiest stretch of a plan is looked for."""
_US_PER_S = 1_000_000


def said_before(wanted: float, most: float) -> str:
    """Return what is said before a run that sends so many messages a second at its busiest.

    >>> said_before(100, 1_200)
    'about 100 messages/s at the busiest; one core of this machine makes at most about 1,200'
    """
    said = f"about {wanted:,.0f} messages/s at the busiest; one core of this machine makes at most about {most:,.0f}"
    return said if wanted <= most else f"{said}: expect an invalid run; less volume, or a faster machine, would do"


def expected_rate(scenario: Scenario, plan: VisitPlan) -> float:
    """Return how many messages a second a plan sends at its busiest, on means."""
    arrivals_us = plan.columns.arrival_us[~plan.columns.open_at_start]
    if not len(arrivals_us):
        return 0.0
    busiest = int(np.bincount((arrivals_us // (_PEAK_S * _US_PER_S)).astype(np.int64)).max())
    each = sum(sum(by_kind.values()) for by_kind in messages_by_kind(scenario).values())
    return busiest * each / min(_PEAK_S, max(1.0, scenario.horizon.length / _US_PER_S))


def makes_at_most() -> float:
    """Return how many messages a second the generator makes before it measures itself."""
    once_us = min(reference_us() for _ in range(5))
    return CPU_SHARE_MAX * _US_PER_S / (MESSAGE_PER_REFERENCE * once_us)
