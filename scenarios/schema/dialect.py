"""The protocol that hospitals speak before a stop and after it: ``cutover[].dialect``.

Must never say what a dialect holds: ``reference_impl.domain.dialects`` does.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from scenarios.schema.base import Model, PeopleTime, span

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
    both_answer_for: PeopleTime = Field(
        default=span("30d"),
        gt=0,
        description="what was first sent in the old one is sent again in it, and answered, so long. ASSUMED.",
    )
