"""The office of the insured place that pays paper claims: its stages, staff and hours, and what claimants go through.

Without it a paper claim takes the days and trips that a plan's ``policies.paper`` states. Its times are working times
by the calendar, whatever the scale of the run, so they are plain numbers with their unit in the name. Must never say
how the queue goes on: ``reference_impl.domain.claims_office`` does.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from scenarios.schema.base import Model, Share

__all__ = ["CLAIM_STAGES", "ClaimStage", "PaperClaims", "StageOfClaims"]

_SHORTEST_HOURS = 0.25
"""An office that is open for less hardly gets anything done: its queue would leave the calendar."""
Days = Annotated[float, Field(ge=0, le=3660)]
HourOfDay = Annotated[float, Field(ge=0, le=24)]


class ClaimStage(StrEnum):
    """The seven stages of a paper claim, in their order (source 004)."""

    ACCEPT = "accept"
    """业务受理: papers are looked through and accepted."""
    ARCHIVE = "archive"
    """材料归档: they are scanned and filed."""
    VOUCHER = "voucher"
    """凭证出具: the claimant's receipt is issued."""
    ENTRY = "entry"
    """费用录入: the bill is entered, or taken from what the hospital uploaded."""
    AUDIT = "audit"
    """审核结算: it is audited, and what the fund pays worked out."""
    CONFIRM = "confirm"
    """单据确认: the result is confirmed."""
    PAYMENT = "payment"
    """款项拨付: the money is paid out."""


CLAIM_STAGES = tuple(ClaimStage)


class StageOfClaims(Model):
    """One stage of an office: how many work at it, and how long one claim takes one of them."""

    staff: Annotated[int, Field(ge=1, le=10_000)] = Field(default=1, description="people at the stage. ASSUMED.")
    minutes: Annotated[float, Field(gt=0, le=10_000)] = Field(default=10.0, description="work on one claim. ASSUMED.")


class Stages(Model):
    """The seven stages of source 004."""

    accept: StageOfClaims = StageOfClaims(staff=2, minutes=15)
    archive: StageOfClaims = StageOfClaims(minutes=5)
    voucher: StageOfClaims = StageOfClaims(minutes=3)
    entry: StageOfClaims = StageOfClaims(staff=2, minutes=30)
    audit: StageOfClaims = StageOfClaims(staff=2, minutes=20)
    confirm: StageOfClaims = StageOfClaims(minutes=5)
    payment: StageOfClaims = StageOfClaims(minutes=5)

    def of(self, stage: ClaimStage) -> StageOfClaims:
        """Return one of them."""
        return getattr(self, stage.value)


class Hours(Model):
    """When the offices are open."""

    opens: HourOfDay = Field(default=9.0, description="hour of the day. ASSUMED.")
    closes: HourOfDay = Field(default=17.0, description="hour of the day. ASSUMED.")
    weekdays: tuple[Annotated[int, Field(ge=1, le=7)], ...] = Field(
        default=(1, 2, 3, 4, 5), min_length=1, description="1 is Monday. ASSUMED."
    )
    holidays: tuple[date, ...] = Field(default=(), description="dates on which they stay closed")

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Hours:
        if self.closes - self.opens < _SHORTEST_HOURS:
            hours = f"closes at {self.closes:g}, and opens at {self.opens:g}"
            raise ValueError(f"{hours}; expected to close a quarter of an hour later, or more")
        if len(set(self.weekdays)) != len(self.weekdays):
            raise ValueError(f"weekdays names one twice: {', '.join(map(str, self.weekdays))}")
        return self


class Papers(Model):
    """What a claimant lacks, and how they are told."""

    told_at_once: Share = Field(
        default=1.0,
        description="share of claimants told beforehand of everything that is needed: they come once (source 004)",
    )
    missing: Annotated[int, Field(ge=0, le=50)] = Field(
        default=5,
        description="papers that the others lack, told one by one: a trip each. Six trips of one family: SEED 003.",
    )
    fetch_days: Days = Field(default=3.0, description="to fetch one missing paper and come again. ASSUMED.")


class Invoice(Model):
    """The one original invoice."""

    other_payers: Share = Field(
        default=0.0, description="share of claimants of whom other payers want the same original. ASSUMED."
    )
    payers: Annotated[int, Field(ge=1, le=10)] = Field(
        default=2, description="other payers who want it: an insurer, a blood donation office (three in all: SEED 003)"
    )
    copies_accepted: Share = Field(
        default=2 / 3, description="of such payers, those content with a stamped copy: two of three (SEED 003)"
    )
    keeps_days: Days = Field(default=30.0, description="that another payer keeps the original. ASSUMED.")
    handed_in_twice: Share = Field(
        default=0.0, description="share of claimants whose invoice is handed in once more, by mistake or not. ASSUMED."
    )


class Upload(Model):
    """Charges that the hospital uploads of a visit that could not be settled directly (4261)."""

    share: Share = Field(default=0.0, description="of the claims; 001 asks for it of every one. ASSUMED.")
    entry_minutes: Annotated[float, Field(gt=0, le=10_000)] = Field(
        default=5.0, description="that entering a bill takes when it was uploaded: it is compared. ASSUMED."
    )
    differs: Share = Field(
        default=0.0, description="of the uploads, those whose total is not the invoice's (4262): entered anew. ASSUMED."
    )


class PaperClaims(Model):
    """An office in every insured province of the scenario, all alike, for the paper claims of the run."""

    stages: Stages = Stages()
    hours: Hours = Hours()
    papers: Papers = Papers()
    invoice: Invoice = Invoice()
    upload: Upload = Upload()
    comes_after_days: Days = Field(default=3.0, description="from paying at the hospital to the way home. ASSUMED.")
    comes_within_days: Days = Field(default=7.0, description="they come spread evenly over such a time. ASSUMED.")
    work_spread: Share = Field(
        default=0.5, description="how far the work on a claim differs from its mean, either way. ASSUMED."
    )
    limit_working_days: Annotated[int, Field(ge=1, le=365)] = Field(
        default=10, description="from acceptance to the money (SEED 004: Tai'an)"
    )

    def first_midnight(self, start: datetime) -> datetime:
        """Return the midnight before a run began: the office's days count from there."""
        return start.replace(hour=0, minute=0, second=0, microsecond=0)
