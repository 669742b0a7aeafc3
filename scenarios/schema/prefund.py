"""The prefunds (预付金) that insured provinces keep with places of care: ``prefund``.

Without the key nothing is reserved, and no settlement is refused for want of money.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scenarios.schema.base import MachineTime, Model, PeopleTime, ProvinceCode, span

__all__ = ["PrefundQuota", "PrefundSection", "TopUp"]

_RETRY_US = 30_000_000
_Fen = Annotated[int, Field(ge=0, lt=10**16)]


class TopUp(Model):
    """An emergency top-up (紧急调增) that arrives during the run."""

    at: PeopleTime = Field(description="when it arrives, from the start of the horizon")
    fen: Annotated[int, Field(gt=0, lt=10**16)] = Field(description="by how much the limit rises")


class PrefundQuota(Model):
    """What one insured province has paid one province of care in advance."""

    insured: ProvinceCode = Field(description="whose people settle by it")
    care: ProvinceCode = Field(description="where they are treated")
    limit_fen: _Fen = Field(description="what may be owed at most, from the start of the horizon on")
    top_ups: tuple[TopUp, ...] = Field(default=(), description="what is added to it, and when")


class PrefundSection(Model):
    """Which prefunds there are, and what becomes of a settlement that one does not cover."""

    quotas: Annotated[tuple[PrefundQuota, ...], Field(min_length=1)] = Field(
        description="one a pair of provinces; between others nothing is limited"
    )
    when_dry: Literal["refuse", "wait"] = Field(
        default="refuse",
        description="refuse: a verdict (S16), and the patient claims by paper; wait: no verdict, the desk tries again "
        "as after any busy answer, until money is there, or patient and hospital give up and claim by paper. ASSUMED.",
    )
    retry: Annotated[MachineTime, Field(gt=0)] | None = Field(
        default=None, description="of those that wait: how soon they may ask again. Default 30 s: ASSUMED."
    )
    patience: PeopleTime = Field(
        default=span("1d"),
        gt=0,
        description="of those that wait: so long a hospital asks that settles for somebody who has left (settle_later, "
        "stand_in); at a desk the patient gives up sooner. ASSUMED.",
    )

    @property
    def patience_us(self) -> int | None:
        """How long a hospital asks again by itself; None where nobody waits."""
        return None if self.when_dry == "refuse" else self.patience

    @property
    def retry_us(self) -> int:
        """How soon those that wait may ask again."""
        return _RETRY_US if self.retry is None else self.retry
