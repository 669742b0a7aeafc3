"""One patient at the fake chain's hospital: the very journey code, on fake ports."""

from __future__ import annotations

from support.chain import HOSPITAL, Chain

from lab.torture import patients
from lab.torture.patients import FakeDesk, FakeVisit

__all__ = ["FakeDesk", "FakeVisit", "Patient"]


class Patient(patients.Patient):
    """A journey, and what its chain has seen of it."""

    surroundings: Chain

    @property
    def chain(self) -> Chain:
        return self.surroundings

    @property
    def codes(self) -> list[str]:
        """The transactions that arrived at or left for the care province, in order."""
        return [code for where, code in self.chain.calls if where == f"{HOSPITAL}->33"]
