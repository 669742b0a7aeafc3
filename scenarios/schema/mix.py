"""Of what kinds the visits are: a share of each."""

from __future__ import annotations

from pydantic import Field, model_validator

from scenarios.schema.base import Model, Share

_SUM_TOLERANCE = 1e-6


class Mix(Model):
    """Shares of the kinds of visit; together 1."""

    outpatient: Share = Field(
        default=0.682, description="ordinary 63.8 % and chronic 4.4 % together (2025 Q1). DERIVED from S24."
    )
    pharmacy: Share = Field(default=0.267, description="DERIVED from S24.")
    inpatient: Share = Field(default=0.051, description="DERIVED from S24.")

    @model_validator(mode="after")
    def _sums_to_one(self) -> Mix:
        total = self.outpatient + self.pharmacy + self.inpatient
        if abs(total - 1.0) > _SUM_TOLERANCE:
            raise ValueError(f"outpatient, pharmacy and inpatient sum to {total:g}; expected shares that sum to 1")
        return self
