"""What each hospital holds back by itself: its breaker and its budget of retries, shared by all its desks.

A call that is held back is a try that was not made: it is written down as such, and the next one comes after a wait.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reference_impl.domain.nodes import HOSPITAL
from reference_impl.protocol.restraint import CallRules, Restraint
from scenarios.record.tables import StationRow

if TYPE_CHECKING:
    from reference_impl.domain.nodes import NodeId
    from reference_impl.protocol.ports import Clock
    from scenarios.record.recorder import Recorder
    from scenarios.schema import Clients

__all__ = ["HospitalCalls", "hospital_calls", "note_openings"]


@dataclass(slots=True)
class HospitalCalls:
    """The restraints of all hospitals of a run."""

    rules: CallRules
    _of: dict[NodeId, Restraint] = field(default_factory=dict["NodeId", Restraint])

    def of(self, institution: NodeId, clock: Clock) -> Restraint:
        """Return what one hospital holds its calls back by."""
        restraint = self._of.get(institution)
        if restraint is None:
            restraint = self._of[institution] = Restraint(self.rules, clock.now_us)
        return restraint

    @property
    def openings(self) -> int:
        """How often a breaker of any hospital has opened."""
        return sum(restraint.openings for restraint in self._of.values())


def hospital_calls(clients: Clients) -> HospitalCalls | None:
    """Return the restraints of a run's hospitals, none known yet; None where nothing holds them back."""
    rules = CallRules(breaker=clients.breaker_rule, budget=clients.budget_rule)
    return None if rules == CallRules() else HospitalCalls(rules)


def note_openings(calls: HospitalCalls | None, recorder: Recorder, *, now_us: int) -> None:
    """Write down, at the end of a run, how often breakers of its hospitals have opened, where they have any."""
    if calls is not None and calls.rules.breaker is not None:
        recorder.station(StationRow(now_us, HOSPITAL, "breaker", 0.0, 0.0, calls.openings, 0))
