"""How long people take over abnormal transactions: until the owner knows what each is, and until it is put right.

Source 001 asks that abnormal transactions be located promptly; how long that takes nobody has published, so every span
is ASSUMED and a key, in hours of people time. What machines find out by asking again is measured, and has no key.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scenarios.schema.base import Model

Hours = Annotated[float, Field(ge=0)]


class LocateHours(Model):
    """From when it went wrong until its owner knows what it is; a one-sided account is found by reconciliation."""

    transport: Hours = Field(default=0.5, description="a message left to people. ASSUMED.")
    identity: Hours = Field(default=0.0, description="the code names it. ASSUMED.")
    eligibility: Hours = Field(default=0.0, description="the code names it. ASSUMED.")
    state: Hours = Field(default=0.0, description="the code names it. ASSUMED.")
    data: Hours = Field(default=0.0, description="the code names it. ASSUMED.")
    configuration: Hours = Field(default=24.0, description="of a policy that has no terms. ASSUMED.")
    one_sided: Hours = Field(default=1.0, description="after the reconciliation that finds it. ASSUMED.")


class CloseHours(Model):
    """From then until it is put right."""

    transport: Hours = Field(default=24.0, description="a message left to people. ASSUMED.")
    identity: Hours = Field(default=0.2, description="at the desk. ASSUMED.")
    eligibility: Hours = Field(default=24.0, description="by the insured place. ASSUMED.")
    state: Hours = Field(default=0.5, description="by the hospital's clerk. ASSUMED.")
    data: Hours = Field(default=2.0, description="by the hospital's clerk. ASSUMED.")
    configuration: Hours = Field(default=120.0, description="by the insured place. ASSUMED.")
    one_sided: Hours = Field(default=240.0, description="refund and paper claim, or an entry. ASSUMED.")


class Abnormal(Model):
    """What becomes of transactions that did not end in a yes. Absent: nobody counts them."""

    locate_hours: LocateHours = LocateHours()
    close_hours: CloseHours = CloseHours()
    reconciled_at_hour: Annotated[float, Field(ge=0, lt=24)] = Field(
        default=2.0,
        description="hour at which the accounts of the day before are held against each other: a one-sided account is "
        "found then. ASSUMED.",
    )
