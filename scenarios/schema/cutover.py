"""A planned stop: ``cutover``.

Stops accepting at T - stop_before, closes at T, reopens after the window, with a ramp.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from reference_impl.domain.scopes import SideChoice
from scenarios.schema.base import CodeText, Model, PeopleTime, Share, span


class Phase(StrEnum):
    """A phase of a cutover, as the record calls it."""

    STOP_ACCEPT = "stop_accept"
    CLOSE = "close"
    REOPEN = "reopen"
    FULL = "full"


LISTED = (Phase.STOP_ACCEPT, Phase.CLOSE)
"""At their beginning all business under way on the cutover's path is listed."""


class Cutover(Model):
    """The phases of a planned stop of one scope."""

    scope: CodeText = Field(
        description="'hub', a province (two digits) or a city (four digits): every region with this prefix stops."
    )
    side: SideChoice = Field(
        default="both", description="the business that stops: as place of care, as insurer, or both."
    )
    at: PeopleTime = Field(description="T, the moment of closing, from the start of the horizon.")
    stop_before: PeopleTime = Field(
        default=span("1h"), description="new settlements are turned away this long before T. ASSUMED."
    )
    window: PeopleTime = Field(gt=0, description="how long it stays closed.")
    ramp: PeopleTime = Field(
        default=span("2h"), description="the admitted share grows from 0 to 1 over this time after reopening. ASSUMED."
    )
    announced: bool = Field(default=True, description="the desks of other provinces know of it beforehand.")
    park_share: Share | None = Field(
        default=None, description="share of turned-away patients who settle later. Default: clients.park.share."
    )

    @property
    def stop_at(self) -> int:
        """New settlements are turned away from here on."""
        return self.at - self.stop_before

    @property
    def close_at(self) -> int:
        """Nothing is answered from here on."""
        return self.at

    @property
    def reopen_at(self) -> int:
        """The door opens, a little."""
        return self.at + self.window

    @property
    def full_at(self) -> int:
        """The door is wide open."""
        return self.reopen_at + self.ramp

    def phases(self) -> tuple[tuple[Phase, int, int | None], ...]:
        """Return (phase, begin, end) in order; one of no length is left out, and the last has no end."""
        every = (
            (Phase.STOP_ACCEPT, self.stop_at, self.close_at),
            (Phase.CLOSE, self.close_at, self.reopen_at),
            (Phase.REOPEN, self.reopen_at, self.full_at),
            (Phase.FULL, self.full_at, None),
        )
        return tuple(phase for phase in every if phase[1] != phase[2])
