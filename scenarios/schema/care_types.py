"""As what visits are paid (医疗类别): emergencies, chronic and special diseases, special drugs: ``visits.care_types``.

Without the key every visit is an ordinary one of its kind. Shares are drawn by the visits' and the people's numbers, so
both worlds see the same. This module must never decide what is paid: ``reference_impl.domain.care_types`` does.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from scenarios.schema.base import Model, PeopleTime, Share, span

__all__ = ["CareTypes"]


class CareTypes(Model):
    """What share of the visits is no ordinary one, and what becomes of those whose claim is refused."""

    emergency: Share = Field(default=0.06, description="of outpatient visits: emergencies (13). ASSUMED.")
    chronic: Share = Field(
        default=0.0645,
        description="of outpatient visits: for a chronic or special disease (14); 3.08 M of 48.24 M in 2025 Q1. "
        "DERIVED from S24.",
    )
    chronic_bill: Annotated[float, Field(gt=0, le=100)] = Field(
        default=5.0,
        description="multiplies the bill of a chronic visit; the fund paid 906 yuan a case against 125 (S24). ASSUMED.",
    )
    recognised: Share = Field(
        default=0.95,
        description="of people who come for a chronic disease: their insurer has recognised it (2503). ASSUMED.",
    )
    as_ordinary: Share = Field(
        default=0.8,
        description="of visits whose disease is not recognised: the desk settles them as ordinary ones; the others "
        "are refused. ASSUMED.",
    )
    looks_up: Share = Field(
        default=0.0,
        description="of chronic visits: the desk asks first which diseases are recognised (5301), and says an ordinary "
        "visit where theirs is not",
    )
    dual_channel: Share = Field(
        default=0.3, description="of pharmacies: designated for special drugs (双通道). ASSUMED."
    )
    special_drugs: Share = Field(
        default=0.05, description="of sales at designated pharmacies: of special drugs (18). ASSUMED."
    )
    astray: Share = Field(
        default=0.0, description="of sales at the other pharmacies: of special drugs, which they may not sell so."
    )

    internet: Share = Field(
        default=0.0,
        description="of outpatient visits: follow-ups by internet, at no window, that end with an electronic "
        "prescription which the insurer holds",
    )
    prescription_valid: PeopleTime = Field(
        default=span("3d"), gt=0, description="how long such a prescription may be dispensed by. RECALLED."
    )
    fetched_within: PeopleTime = Field(
        default=span("1d"),
        gt=0,
        description="a prescription is taken to a pharmacy from a moment on that is drawn up to this after people have "
        "had 4 hours, by the next planned sale of its two provinces within that time, if any. ASSUMED.",
    )

    @model_validator(mode="after")
    def _at_most_all(self) -> CareTypes:
        total = self.emergency + self.chronic + self.internet
        if total > 1:
            raise ValueError(f"emergency, chronic and internet sum to {total:g}; expected at most 1")
        return self
