"""What became of electronic prescriptions: how many insurers held, how many were dispensed by, and who was told no.

Counted from the final books over the whole run. Nothing is measured where nobody comes by internet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lab.analysis.care_types import refused_in, standing_of
from reference_impl.domain.transactions import PHARMACY_SETTLE
from scenarios.schema.measures_prescriptions import PRESCRIPTION_REFUSALS

if TYPE_CHECKING:
    from reference_impl.books.final import FinalBooks
    from scenarios.schema import Scenario

__all__ = ["figures_of_books"]


def figures_of_books(books: Mapping[str, FinalBooks], scenario: Scenario) -> dict[str, float]:
    """Return how many prescriptions stand, how many were dispensed by, and how many sales were refused for theirs."""
    typed = scenario.visits.care_types
    if typed is None or not typed.internet:
        return {}
    named = [made for final in books.values() for made in standing_of(final) if made.prescription]
    dispensed = sum(made.code == PHARMACY_SETTLE for made in named)
    figures = {
        "prescriptions.issued": float(len(named) - dispensed),
        "prescriptions.dispensed": float(dispensed),
    }
    for refusal, name in PRESCRIPTION_REFUSALS.items():
        figures[f"prescriptions.{name}"] = float(len({*refused_in(books, refusal)}))
    return figures
