"""What patients were promised: ``objective``. What a cutover leaves of it is measured (the error budget), never judged.

A gate judges, where a scenario states one.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scenarios.schema.base import Model, PeopleTime, Share, span


class Objective(Model):
    """The share of patients who settle directly and in time, over a period; the rest is the error budget."""

    availability: Annotated[Share, Field(lt=1)] = Field(
        default=0.999, description="of those who want to settle, settled directly and in time. ASSUMED."
    )
    period: PeopleTime = Field(default=span("30d"), gt=0, description="over which it is promised. ASSUMED.")
    late_after: PeopleTime = Field(
        default=span("30min"), gt=0, description="who waits longer than this to settle is late. ASSUMED."
    )
    down_below: Annotated[Share, Field(gt=0)] = Field(
        default=0.5,
        description="a quarter of an hour in which a smaller share settles in time counts as down, all of it. ASSUMED.",
    )
    normal: Annotated[Share, Field(gt=0)] = Field(
        default=0.95, description="share of what it was before that counts as normal again. ASSUMED."
    )
