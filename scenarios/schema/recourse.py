"""What patients do whom a planned stop turns away, and what is done for them: ``cutover[].policies``.

A recourse is drawn for each visit by its number, so both worlds, and two plans under test, turn the same patients the
same way. This module must never say how a journey goes on: ``reference_impl.hospital`` does.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from reference_impl.domain.money import E4, share_fen
from reference_impl.domain.policies import PersonType
from scenarios.schema.base import Model, PeopleTime, Positive, Share, VisitKind, span

__all__ = [
    "EVERY_CLASS",
    "EVERY_KIND",
    "DrugStock",
    "MidStay",
    "Mix",
    "Paper",
    "Recourse",
    "StandIn",
    "StopPolicies",
    "Wait",
]

EVERY_KIND: tuple[VisitKind, ...] = ("outpatient", "pharmacy", "inpatient")
EVERY_CLASS: tuple[PersonType, ...] = ("active", "retired", "resident")
_WHOLE = 1e-9
"""Shares that differ from 1 by no more than this add up to it."""


class Recourse(StrEnum):
    """What a turned-away patient does; drawn in this order, so that a mixture of two has the same patients park."""

    PARK = "park"
    """Leaves with a notice on the phone, and comes back spread over a time after the reopening."""
    WAIT = "wait"
    """Stays, or comes back in person at the hour that was told: everybody at once."""
    SETTLE_LATER = "settle_later"
    """Leaves; the hospital keeps the papers and sends them itself at the reopening: no trip, no desk."""
    ON_ACCOUNT = "on_account"
    """A stay ends on the hospital's account (挂账): registered anew and settled, in person, after the reopening."""
    STAND_IN = "stand_in"
    """Pays an estimated share at once; the hospital settles later, and the difference is made up (true-up)."""
    PAPER = "paper"
    """Pays all, and claims by paper."""


class Mix(Model):
    """What the turned-away of some kinds and classes do, in shares that add up to 1."""

    kinds: tuple[VisitKind, ...] = Field(default=EVERY_KIND, description="of visits; default: all")
    classes: tuple[PersonType, ...] = Field(default=EVERY_CLASS, description="of patients; default: all")
    park: Share = Field(default=0.0, description="leave, are told by phone, and come back within clients.park.spread")
    wait: Share = Field(default=0.0, description="wait at the hospital, or come back in person at the hour they heard")
    settle_later: Share = Field(default=0.0, description="leave; the hospital sends it itself when the door is open")
    on_account: Share = Field(
        default=0.0, description="stays only: leave on the hospital's account, are registered anew and come back to pay"
    )
    stand_in: Share = Field(
        default=0.0, description="pay an estimate, which is put right later; above its limit it becomes paper"
    )
    paper: Share = Field(default=0.0, description="pay all and claim by paper")

    @model_validator(mode="after")
    def _adds_up(self) -> Mix:
        total = sum(self.share_of(recourse) for recourse in Recourse)
        if abs(total - 1) > _WHOLE:
            raise ValueError(f"the shares of a mix add up to {total:.6g}; expected 1 (paper takes what is left)")
        if self.on_account and self.kinds != ("inpatient",):
            raise ValueError("on_account is for stays; expected it in a mix with 'kinds: [inpatient]'")
        for name in ("kinds", "classes"):
            stated: tuple[str, ...] = getattr(self, name)
            if not stated or len(set(stated)) != len(stated):
                raise ValueError(f"{name} names {'one twice' if stated else 'none'}: {', '.join(stated)}")
        return self

    def share_of(self, recourse: Recourse) -> float:
        """Return the share of one recourse."""
        return getattr(self, recourse.value)

    def at(self, u: float) -> Recourse:
        """Return the recourse at quantile ``u`` in [0, 1).

        >>> Mix(park=0.3, wait=0.2, paper=0.5).at(0.4)
        <Recourse.WAIT: 'wait'>
        """
        reached = 0.0
        taken = [recourse for recourse in Recourse if self.share_of(recourse)]
        for recourse in taken:
            reached += self.share_of(recourse)
            if u < reached:
                return recourse
        return taken[-1]  # the shares added up to 1 but for a rounding


class Wait(Model):
    """How those who wait do it."""

    patience: PeopleTime = Field(
        default=span("2h"), description="who would wait longer goes home, and makes the trip again. ASSUMED."
    )


class SettleLater(Model):
    """How hospitals send what they kept (store and forward)."""

    spread: PeopleTime = Field(
        default=span("1h"), description="their machines begin spread over this time after the reopening. ASSUMED."
    )


class OwnShares(Model):
    """The share of a bill that patients of a kind bear, as estimated."""

    outpatient: Share = Field(default=0.5, description="of an outpatient visit. ASSUMED.")
    pharmacy: Share = Field(default=0.5, description="of a pharmacy sale. ASSUMED.")
    inpatient: Share = Field(default=0.45, description="of a stay. ASSUMED.")


class StandIn(Model):
    """An estimate instead of a settlement, put right when the settlement comes."""

    limit_fen: Annotated[int, Field(gt=0, lt=10**16)] = Field(
        default=100_000,
        description="largest bill that is estimated, in fen; above it the patient claims by paper. ASSUMED.",
    )
    own_share: OwnShares = OwnShares()

    def estimate_fen(self, kind: VisitKind, total_fen: int) -> int:
        """Return what the patient pays at once, in fen, half a fen rounded up.

        >>> StandIn().estimate_fen("inpatient", 10_001)
        4500
        """
        return share_fen(total_fen, round(getattr(self.own_share, kind) * E4))


class MidStay(Model):
    """Open stays are settled as far as they have come, before the stop; the rest is a new stay in the books."""

    share: Share = Field(default=1.0, gt=0, description="of the open stays on the way of the stop")
    lead: PeopleTime = Field(
        default=span("1d"), gt=0, description="over the last such time before new business is refused. ASSUMED."
    )
    merge_deductible: bool | None = Field(
        default=None,
        description="the rest counts as the same stay for the deductible; else it pays that of another stay. An option "
        "of the platform (MERG_DEDC_TYPE: FOUND). Default: as the policy of the region says, and the same stay where "
        "it has none of its own: ASSUMED.",
    )


class Paper(Model):
    """What a paper claim costs whoever makes it."""

    days: Positive = Field(
        default=14.0,
        description="calendar days until the money comes: at most ten working days in Tai'an (SEED 004). DERIVED.",
    )
    trips: Annotated[int, Field(ge=0, le=10)] = Field(default=1, description="trips to claim it. ASSUMED.")
    handed_in_within: PeopleTime = Field(
        default=span("60d"),
        gt=0,
        description="claims are handed in evenly over so long from the reopening on. ASSUMED.",
    )
    deadline: Annotated[PeopleTime, Field(gt=0)] | None = Field(
        default=None,
        description="a claim handed in later than so long after the reopening is lost (Suzhou: until 03-31, 88 days)",
    )


class DrugStock(Model):
    """Patients are advised beforehand to have medicine in stock: who did needs no pharmacy while it lasts."""

    lasts: PeopleTime = Field(
        default=span("30d"), gt=0, description="from stop-accept on: a month was advised in Tai'an. FOUND."
    )
    share: Share = Field(default=0.5, gt=0, description="of the pharmacies' patients due in the stop. ASSUMED.")


class StopPolicies(Model):
    """What is done about patients during a stop. Without a mix, ``park_share`` park and the others claim by paper."""

    mixes: tuple[Mix, ...] = Field(
        default=(), description="the first that names kind and class of a visit says what becomes of it"
    )
    wait: Wait = Wait()
    settle_later: SettleLater = SettleLater()
    stand_in: StandIn = StandIn()
    forced_mid_stay: MidStay | None = Field(default=None, description="open stays are settled before the stop")
    paper: Paper = Paper()
    drug_stock: DrugStock | None = Field(
        default=None, description="medicine in stock spares the pharmacy's patients a trip during the stop"
    )
    benefit_year: Literal["of_discharge", "of_settlement"] | None = Field(
        default=None,
        description="the year in which a stay counts that ended in one and is settled in the next; default: as the "
        "insurer's benefit policy says",
    )
    hospital_advance: Share = Field(
        default=0.0,
        description="share of the bills kept open that the insurers' fund pays to hospitals in advance (SEED 002)",
    )

    def mix_of(self, kind: VisitKind, person_type: PersonType) -> Mix | None:
        """Return what says what such a turned-away patient does; None where nothing does."""
        return next((mix for mix in self.mixes if kind in mix.kinds and person_type in mix.classes), None)
