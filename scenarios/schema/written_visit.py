"""One visit with a moment of its own: written out in the scenario, or a row of a trace."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from scenarios.schema.base import Model, PeopleTime, RegionCode, VisitKind, span

__all__ = ["TOTAL_FEN_MAX", "ExplicitVisit", "TracedVisit"]

TOTAL_FEN_MAX = 999_999_999_999
"""Of a bill, which may be one charge line: the interface writes its price as n16,6, ten digits of yuan."""


class _Timed(Model):
    """A kind of visit at a moment; only inpatients stay."""

    kind: VisitKind
    at: PeopleTime = Field(description="arrival, from the start of the horizon")
    stay: PeopleTime = Field(default=span("0s"), description="from admission to discharge; inpatients only")
    total_fen: Annotated[int, Field(gt=0, le=TOTAL_FEN_MAX)] | None = Field(
        default=None, description="the whole bill in fen. Default: drawn for the kind."
    )

    @model_validator(mode="after")
    def _only_inpatients_stay(self) -> _Timed:
        if (self.kind == "inpatient") != (self.stay > 0):
            stays = "no stay" if self.stay == 0 else "a stay"
            raise ValueError(
                f"{self.kind} visit with {stays}; expected a stay above 0 for inpatients, and for them only"
            )
        return self


class ExplicitVisit(_Timed):
    """One visit, written out."""

    care: RegionCode = Field(description="six-digit region of the place of care")
    insured: RegionCode = Field(description="six-digit region of the insurer")

    @property
    def places(self) -> tuple[str, str]:
        """The regions of care and of the insurer."""
        return self.care, self.insured


class TracedVisit(_Timed):
    """One row of a trace: where it says no places, they are drawn as for every cross-province visit."""

    care: RegionCode | None = Field(default=None, description="six-digit region of the place of care. Default: drawn.")
    insured: RegionCode | None = Field(default=None, description="six-digit region of the insurer. Default: drawn.")
    institution: str | None = Field(
        default=None,
        description="the place of care by its code, as in column hospital of a run's visits, instead of care",
    )

    @model_validator(mode="after")
    def _both_places_or_none(self) -> TracedVisit:
        said = (self.care is not None) + (self.institution is not None)
        if said == (self.insured is not None):
            return self
        got = [name for name in ("care", "institution", "insured") if getattr(self, name) is not None]
        raise ValueError(
            f"places by halves (got {' and '.join(got)}); expected insured with either care or institution, or none "
            "of the three"
        )

    @property
    def placed(self) -> bool:
        """Whether the trace says where it happens."""
        return self.insured is not None

    @property
    def places(self) -> tuple[str, str] | None:
        """The regions of care and of the insurer; None where they are drawn."""
        if self.insured is None:
            return None
        return self.care or (self.institution or "")[1:7], self.insured
