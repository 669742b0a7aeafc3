"""By what nodes know who sends: ``trust``. Of the real world; without the key a sender is who its message says.

The simulated world sends no bytes that could be signed: it has the same fates, and asks what a node's gate would say.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from scenarios.schema.base import MachineTime, Model, span

__all__ = ["TrustSection"]

_LEAST_WINDOW_US = 1_000_000


class TrustSection(Model):
    """How hospitals prove who they are, and what insurers want proved of what they ask."""

    headers: Literal["hunan", "guangdong"] = Field(
        default="hunan",
        description="the family of headers that carries a signature: _api_* with milliseconds, or x-tif-* with seconds "
        "and a nonce. Their names are DOCUMENTED.",
    )
    window: MachineTime = Field(
        default=span("30min"),
        gt=0,
        description="how old a signature may be, or how far ahead of the node's clock. Default 30 min: DOCUMENTED of "
        "one gateway for the past, ASSUMED for the future.",
    )
    seals: bool = Field(
        default=True,
        description="whether institutions seal what they ask, and insurers believe nothing else: neither hub nor care "
        "province can invent a message or change an amount. ASSUMED.",
    )
    mutual_tls: bool = Field(
        default=False,
        description="whether nodes prove to each other which they are, by certificates of one authority. Not together "
        "with faults of the links between nodes: the proxy that makes those cannot look into what is encrypted.",
    )
    hospital_tls: bool = Field(
        default=False,
        description="whether hospitals reach their care place by TLS, and ask for its certificate. Not together with "
        "faults of the links of hospitals.",
    )

    @field_validator("window")
    @classmethod
    def _not_below_a_second(cls, window: int) -> int:
        if window < _LEAST_WINDOW_US:  # one family of headers tells whole seconds
            raise ValueError("nobody would be heard within it; expected 1s or more")
        return window
