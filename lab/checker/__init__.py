"""Holds the final books against what the hospitals saw: nothing may be made, lost or doubled.

The checker uses two independent witnesses, the nodes' books and the run's record; neither may be asked to judge itself.
It must never repair what it finds: findings are listed, and ``lab.worlds.followup`` works them off.
"""

from lab.checker.agreement import NO_AGREEMENT, Agreement
from lab.checker.evidence import Evidence, LaidOut, gather, lay_out
from lab.checker.findings import (
    Findings,
    ReconciliationBreak,
    Violation,
    check,
    check_tables,
    look_through,
    some_hold_alone,
)

__all__ = [
    "NO_AGREEMENT",
    "Agreement",
    "Evidence",
    "Findings",
    "LaidOut",
    "ReconciliationBreak",
    "Violation",
    "check",
    "check_tables",
    "gather",
    "lay_out",
    "look_through",
    "some_hold_alone",
]
