"""Visits that a planned stop held up: which fate each recourse ends in.

One fate a recourse. Must never decide which recourse a visit takes: the plan does (``scenarios.schema.recourse``).
"""

from __future__ import annotations

from collections.abc import Mapping

from scenarios.record.fates import Fate
from scenarios.schema.recourse import Recourse

__all__ = ["FATES_AFTER", "KEPT"]

FATES_AFTER: Mapping[Recourse, Fate] = {
    Recourse.PARK: Fate.PARKED_THEN_DIRECT,
    Recourse.WAIT: Fate.WAITED_THEN_DIRECT,
    Recourse.SETTLE_LATER: Fate.SETTLED_LATER,
    Recourse.ON_ACCOUNT: Fate.ON_ACCOUNT_THEN_DIRECT,
    Recourse.STAND_IN: Fate.ESTIMATED_THEN_SETTLED,
    Recourse.PAPER: Fate.PAPER_BY_CLOSURE,
}
"""How a visit ends that took a recourse, once its insurer has said yes."""
KEPT = frozenset({Recourse.SETTLE_LATER, Recourse.STAND_IN})
"""The patient has gone for good: the hospital sends what it kept."""
