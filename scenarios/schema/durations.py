"""How long a piece of work lasts: one duration, or a distribution by name that the seed draws from.

A draw depends on the key alone (``reference_impl.domain.keyed``), so both worlds, and two plans under test, see the
same. Every distribution has a longest duration: a plan must be able to say when it is over at the latest.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from scenarios.schema.base import Model, PeopleTime

__all__ = ["Drawn", "Duration", "drawn_us", "longest_us", "shortest_us"]

_CUT = 0.001
"""A lognormal is cut off at this share of either end: whatever is drawn lies between."""
_NORMAL = NormalDist()
_KEYS = {
    "constant": ("value",),
    "uniform": ("low", "high"),
    "triangular": ("low", "mode", "high"),
    "lognormal": ("median", "spread"),
}
_PARAMETERS = ("value", "low", "mode", "high", "median", "spread")


class Drawn(Model):
    """A distribution of durations by name."""

    distribution: Literal["constant", "uniform", "triangular", "lognormal"] = Field(
        description="constant (value), uniform (low, high), triangular (low, mode, high) or lognormal (median, spread)"
    )
    value: PeopleTime | None = Field(default=None, description="of a constant one")
    low: PeopleTime | None = Field(default=None, description="the shortest")
    mode: PeopleTime | None = Field(default=None, description="the most likely one of a triangular distribution")
    high: PeopleTime | None = Field(default=None, description="the longest")
    median: PeopleTime | None = Field(default=None, description="half of a lognormal distribution is shorter")
    spread: Annotated[float, Field(gt=0, le=3)] | None = Field(
        default=None, description="standard deviation of a lognormal one's logarithm: 0.5 puts 5 % above 2.3 medians"
    )

    @model_validator(mode="after")
    def _has_its_parameters(self) -> Drawn:
        wanted = _KEYS[self.distribution]
        stated = tuple(name for name in _PARAMETERS if getattr(self, name) is not None)
        if stated != wanted:
            got = ", ".join(stated) or "none"
            raise ValueError(f"a {self.distribution} duration takes {', '.join(wanted)} (got {got})")
        bounds = [part for part in (self.low, self.mode, self.high) if part is not None]
        if bounds != sorted(bounds):
            raise ValueError(f"a {self.distribution} duration must not fall: {', '.join(wanted)} in rising order")
        return self

    def at(self, u: float) -> int:
        """Return the quantile of ``u`` in [0, 1], in microseconds.

        >>> Drawn.model_validate({"distribution": "triangular", "low": "1s", "mode": "2s", "high": "3s"}).at(0.5)
        2000000
        """
        low, mode, high = self.low or 0, self.mode or 0, self.high or 0
        match self.distribution:
            case "constant":
                return self.value or 0
            case "uniform":
                return round(low + u * (high - low))
            case "triangular":
                return _triangular_us(u, low, mode, high)
            case "lognormal":
                z = _NORMAL.inv_cdf(min(max(u, _CUT), 1 - _CUT))
                return round((self.median or 0) * math.exp((self.spread or 0.0) * z))


def _triangular_us(u: float, low: int, mode: int, high: int) -> int:
    if high == low:
        return low
    if u < (mode - low) / (high - low):
        return round(low + math.sqrt(u * (high - low) * (mode - low)))
    return round(high - math.sqrt((1 - u) * (high - low) * (high - mode)))


def which_form(value: object) -> str:
    """Return the tag of what may be one duration or a mapping of more; its brackets keep it out of error messages."""
    return "(mapping)" if isinstance(value, dict | Model) else "(duration)"


Duration = Annotated[
    Annotated[PeopleTime, Tag("(duration)")] | Annotated[Drawn, Tag("(mapping)")], Discriminator(which_form)
]
"""One duration, or a distribution of them."""


def drawn_us(duration: int | Drawn, u: float) -> int:
    """Return the duration at quantile ``u``, in microseconds."""
    return duration.at(u) if isinstance(duration, Drawn) else duration


def shortest_us(duration: int | Drawn) -> int:
    """Return the shortest that can be drawn."""
    return drawn_us(duration, 0.0)


def longest_us(duration: int | Drawn) -> int:
    """Return the longest that can be drawn."""
    return drawn_us(duration, 1.0)
