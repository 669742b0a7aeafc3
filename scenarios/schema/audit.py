"""Audit after settlement: what people look at, how many they are, and what is wrong with the business they look at.

Business of a run breaks no rule by itself, so the scenario says how much of it does. Its times are working times by the
calendar, whatever the scale of the run. Must never say how the queue goes on (``reference_impl.domain.audit_office``)
or which rules there are (``reference_impl.supervision``).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from scenarios.schema.base import Model, Share
from scenarios.schema.paper_claims import Hours

__all__ = ["Audit", "AuditDesk", "Joint", "Tickets", "Violations"]

Staff = Annotated[int, Field(ge=1, le=10_000)]
Minutes = Annotated[float, Field(gt=0, le=10_000)]
WorkingDaysLimit = Annotated[int, Field(ge=1, le=365)]


class Violations(Model):
    """What is wrong with the settlements of the run."""

    seen: Share = Field(default=0.0, description="of the settlements, those that break a rule. ASSUMED.")
    unseen: Share = Field(
        default=0.0, description="of the others, those that break none, and that only people can find. ASSUMED."
    )
    unseen_recovered: Share = Field(
        default=0.2, description="of what fund and account paid for one that breaks no rule, asked back. ASSUMED."
    )


class AuditDesk(Model):
    """The people at one kind of desk of a province, how long a case takes one of them, and its deadline."""

    staff: Staff = Field(default=2, description="people at the desk. ASSUMED.")
    minutes: Minutes = Field(default=30.0, description="work on one case. ASSUMED.")
    working_days: WorkingDaysLimit = Field(default=5, description="deadline of a case at the desk. ASSUMED.")


class Tickets(AuditDesk):
    """Cost checks (费用协查) that an insured place asks of the place of care."""

    staff: Staff = Field(default=1, description="people at the desk. ASSUMED.")
    minutes: Minutes = Field(default=120.0, description="work on one ticket. ASSUMED.")
    working_days: WorkingDaysLimit = Field(default=20, description="deadline of a ticket. ASSUMED.")
    above_yuan: Annotated[int, Field(ge=0, le=10**9)] = Field(
        default=30_000, description="bill of a stay between provinces above which it is asked for (FOUND S11)"
    )
    asked: Share = Field(default=1.0, description="of such stays, those that are asked for. ASSUMED.")
    after_days: Annotated[float, Field(ge=0, le=365)] = Field(
        default=10.0, description="from the settlement until the insured place asks. ASSUMED."
    )


class Joint(Model):
    """Cases that experts of both provinces look at (联合检查, SEED 001)."""

    share: Share = Field(default=0.0, description="of the experts' cases between provinces. ASSUMED.")


class Audit(Model):
    """Audit offices in every province of the scenario, all alike, for the settlements and paper claims of the run."""

    violations: Violations = Violations()
    sample: Share = Field(default=0.05, description="of what no rule caught, drawn for a reviewer. ASSUMED.")
    review: AuditDesk = AuditDesk()
    expert: AuditDesk = AuditDesk(staff=1, minutes=120, working_days=20)
    tickets: Tickets = Tickets()
    joint: Joint = Joint()
    hours: Hours = Hours()
    finds: Share = Field(default=1.0, description="chance that a violation which people look at is found. ASSUMED.")
    penalty: Share = Field(
        default=0.3, description="contractual penalty, of what is asked back; it stays in the place of care. ASSUMED."
    )

    def first_midnight(self, start: datetime) -> datetime:
        """Return the midnight before a run began: the offices' days count from there."""
        return start.replace(hour=0, minute=0, second=0, microsecond=0)
