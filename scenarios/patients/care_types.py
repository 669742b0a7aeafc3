"""As what each visit is to be paid, and for which disease: drawn by numbers, so that both worlds and all nodes agree.

This module must never look at how a run goes.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from reference_impl.domain.care_types import DISEASES, SPECIAL_TERMS, CareType, SpecialCare
from reference_impl.domain.keyed import WORD, Purpose, key_hash, uniform
from scenarios.patients.draws import uniforms
from scenarios.patients.provinces import DATA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scenarios.patients.visits import PlannedVisit
    from scenarios.schema.care_types import CareTypes

__all__ = ["CareTypeDraws", "disease_weights", "special_care"]


@dataclass(frozen=True, slots=True)
class CareTypeDraws:
    """What a scenario says of care types, and the draws of its visits and people."""

    spec: CareTypes
    seed: int

    def care_type(self, visit: PlannedVisit) -> CareType:
        """Return as what a visit is to be paid."""
        drawn = uniform(self.seed, visit.visit, 0, 0, Purpose.CARE_TYPE)
        if visit.kind == "outpatient":
            if drawn < self.spec.chronic:
                return CareType.CHRONIC
            if drawn < self.spec.chronic + self.spec.emergency:
                return CareType.EMERGENCY
            return CareType.INTERNET if drawn < self._remote_below else CareType.ORDINARY
        if visit.kind == "inpatient":
            return CareType.ORDINARY
        share = self.spec.special_drugs if self.is_dual_channel(visit.hospital.code) else self.spec.astray
        return CareType.SPECIAL_DRUGS if drawn < share else CareType.ORDINARY

    def chronic(self, visits: int) -> NDArray[np.bool_]:
        """Return of each of so many visits whether it is for a chronic disease, where it is an outpatient's."""
        return uniforms(self.seed, np.arange(visits), 0, 0, Purpose.CARE_TYPE) < self.spec.chronic

    def by_internet(self, visits: int) -> NDArray[np.bool_]:
        """Return of each of so many visits whether it is a follow-up by internet, where it is an outpatient's."""
        drawn = uniforms(self.seed, np.arange(visits), 0, 0, Purpose.CARE_TYPE)
        return (drawn >= self.spec.chronic + self.spec.emergency) & (drawn < self._remote_below)

    @property
    def _remote_below(self) -> float:
        return self.spec.chronic + self.spec.emergency + self.spec.internet

    def disease(self, person: str) -> str:
        """Return the chronic disease that a person comes with: always the same one."""
        u, weights = uniform(self.seed, int(person) & WORD, 0, 0, Purpose.DISEASE), disease_weights()
        u *= sum(weights.values())
        for code, weight in weights.items():
            u -= weight
            if u < 0:
                return code
        return DISEASES[0].code

    def is_dual_channel(self, code: str) -> bool:
        """Return whether a pharmacy is designated for special drugs."""
        drawn = uniform(self.seed, key_hash(code), 0, 0, Purpose.DUAL_CHANNEL)
        return code.startswith("P") and drawn < self.spec.dual_channel

    def looks_up(self, visit: PlannedVisit) -> bool:
        """Return whether the desk of a chronic visit asks which diseases are recognised before it says one."""
        asks = uniform(self.seed, visit.visit, 1, 0, Purpose.AS_ORDINARY) < self.spec.looks_up
        return asks and self.care_type(visit) is CareType.CHRONIC

    def as_ordinary(self, visit: PlannedVisit) -> bool:
        """Return whether the desk settles a visit as an ordinary one once its disease is not recognised."""
        return uniform(self.seed, visit.visit, 0, 0, Purpose.AS_ORDINARY) < self.spec.as_ordinary


def special_care(spec: CareTypes) -> SpecialCare:
    """Return what an insurer is told."""
    valid_us = spec.prescription_valid if spec.internet else 0
    return SpecialCare(terms=SPECIAL_TERMS, recognised_share=spec.recognised, prescription_valid_us=valid_us)


@cache
def disease_weights() -> dict[str, float]:
    """Return how often people come with each chronic disease, by its code.

    Raises:
        ValueError: when the data do not name each disease once.

    """
    weights: dict[str, float] = tomllib.loads((DATA / "diseases.toml").read_text("utf-8"))["weights"]
    if [*weights] != [disease.code for disease in DISEASES]:
        raise ValueError(f"diseases.toml weighs {[*weights]}: expected each disease of care_types.toml, in its order")
    return weights
