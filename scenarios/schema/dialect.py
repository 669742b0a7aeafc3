"""The protocol that hospitals speak before a stop and after it: ``cutover[].dialect``.

Must never say what a dialect holds: ``reference_impl.domain.dialects`` does.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from scenarios.schema.base import Model, PeopleTime, VisitKind, span

__all__ = ["Dialect"]


class Dialect(Model):
    """The places of care in the plan's scope speak one dialect until it reopens, and another from then on.

    A move that is rolled back leaves them as they were.
    """

    before: Literal["old"] = Field(
        default="old",
        alias="from",
        description="the old provincial protocol of stays (0212, 0304, 1301; no trial); clinics and pharmacies, which "
        "it never had, speak today's",
    )
    after: Literal["new"] = Field(default="new", alias="to", description="today's national interface")
    kinds: tuple[VisitKind, ...] = Field(
        default=("inpatient",),
        description="whose messages change: stays; what clinics and pharmacies spoke before was never published",
    )
    both_answer_for: PeopleTime = Field(
        default=span("30d"),
        gt=0,
        description="what was first sent in the old one is sent again in it, and answered, so long. ASSUMED.",
    )

    @field_validator("kinds")
    @classmethod
    def _was_published(cls, kinds: tuple[VisitKind, ...]) -> tuple[VisitKind, ...]:
        unknown = [kind for kind in kinds if kind != "inpatient"]
        if unknown or not kinds:
            raise ValueError(
                "the old protocol was published for stays alone: no transaction of a clinic or a pharmacy is known, "
                f"so none can be modelled (got {', '.join(kinds) or 'no kind'}); ask for [inpatient], or leave it out"
            )
        return kinds
