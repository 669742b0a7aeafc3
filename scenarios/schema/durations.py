"""How long a piece of work lasts: one duration, or a distribution by name that the seed draws from.

A draw depends on the key alone (``reference_impl.domain.keyed``), so both worlds, and two plans under test, see the
same. Every distribution has a longest duration: a plan must be able to say when it is over at the latest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import NormalDist
from typing import Annotated, Any, Generic, Literal, Self, TypeAlias, TypeVar, cast

import numpy as np
from pydantic import AfterValidator, Discriminator, Field, PrivateAttr, Tag, model_validator

from reference_impl.domain.keyed import Quantiles
from scenarios import distributions as by_name
from scenarios.schema.base import MachineTime, Model, PeopleTime, Share

__all__ = [
    "Drawn",
    "Duration",
    "MachineDrawn",
    "MachineDuration",
    "SomeDuration",
    "drawn_us",
    "longest_us",
    "mean_us",
    "shortest_us",
]

_CUT = 0.001
"""A lognormal of a median is cut off at this share of either end: whatever is drawn lies between."""
_NORMAL = NormalDist()
_KEYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "constant": (("value",),),
    "uniform": (("low", "high"),),
    "triangular": (("low", "mode", "high"),),
    "lognormal": (("median", "spread"), ("mean", "cv")),
    "exponential": (("mean",),),
    "gamma": (("mean", "cv"),),
    "weibull": (("mean", "shape"),),
    "erlang": (("mean", "stages"),),
    "hyperexponential": (("mean", "cv"),),
    "empirical": (("values",), ("file", "values")),
    "mixture": (("of",),),
}
_FORMS = "; ".join(f"{name} ({' or '.join(', '.join(form) for form in forms)})" for name, forms in _KEYS.items())
_PARAMETERS = (
    "value", "low", "mode", "high", "median", "spread", "mean", "cv", "shape", "stages", "file", "values", "of"
)  # fmt: skip
_MOST_VALUES = 200_000
_MEAN_OVER = 10_000
"""Quantiles whose mean is the mean of a distribution."""
_LEFT_MIN = 1e-3
"""Bounds must leave so much of a distribution: of less the table of quantiles knows nothing."""

TimeT = TypeVar("TimeT")


class _Worked:
    """What was worked out of a distribution once: no part of what it is, so all are equal."""

    __slots__ = ("moments", "sorted_us", "table")
    __hash__ = None  # pyright: ignore[reportAssignmentType] - nobody looks one up

    def __init__(self) -> None:
        self.table: Quantiles | None = None
        self.sorted_us: list[int] = []
        self.moments: tuple[float, float] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Worked)


class DrawnOf(Model, Generic[TimeT]):
    """A distribution of durations by name, on one of the two clocks."""

    distribution: Literal[
        "constant", "uniform", "triangular", "lognormal", "exponential", "gamma", "weibull", "erlang",
        "hyperexponential", "empirical", "mixture",
    ] = Field(description=_FORMS)  # fmt: skip
    value: TimeT | None = Field(default=None, description="of a constant one")
    low: TimeT | None = Field(default=None, description="the shortest")
    mode: TimeT | None = Field(default=None, description="the most likely one of a triangular distribution")
    high: TimeT | None = Field(default=None, description="the longest")
    median: TimeT | None = Field(default=None, description="half of a lognormal distribution is shorter")
    spread: Annotated[float, Field(gt=0, le=3)] | None = Field(
        default=None, description="standard deviation of a lognormal one's logarithm: 0.5 puts 5 % above 2.3 medians"
    )
    mean: TimeT | None = Field(default=None, description="the mean, before any cut by at_least and at_most")
    cv: Annotated[float, Field(gt=0, le=10)] | None = Field(
        default=None,
        description="coefficient of variation: standard deviation over mean; 1 or more if hyperexponential",
    )
    shape: Annotated[float, Field(ge=0.3, le=20)] | None = Field(
        default=None, description="of a Weibull distribution: below 1 what has lasted goes on longer"
    )
    stages: Annotated[int, Field(ge=1, le=1_000)] | None = Field(
        default=None, description="exponential stages of an Erlang distribution, of one length each"
    )
    values: Annotated[tuple[TimeT, ...], Field(min_length=1, max_length=_MOST_VALUES)] | None = Field(
        default=None, description="durations that were seen; each is drawn as often as it is listed"
    )
    file: str | None = Field(
        default=None,
        description="a CSV (*.csv) or Parquet (*.parquet) file, from the folder of the scenario on, of one column "
        "duration (such as 1.5s) or duration_us. Its rows become 'values'.",
    )
    of: Annotated[tuple[PartOf[TimeT], ...], Field(min_length=2, max_length=20)] | None = Field(
        default=None, description="the parts of a mixture, each with its share"
    )
    at_least: TimeT | None = Field(default=None, description="what is shorter is never drawn, what is left more often")
    at_most: TimeT | None = Field(default=None, description="what is longer is never drawn, what is left more often")

    _worked: _Worked = PrivateAttr(default_factory=_Worked)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, which works out anew what it draws."""
        copied = super().model_copy(update=update, deep=deep)
        copied._worked = _Worked()  # noqa: SLF001 - its own
        return copied

    def __hash__(self) -> int:
        """Return the hash of what it says."""
        return hash(self.model_dump_json())

    @model_validator(mode="after")
    def _has_its_parameters(self) -> DrawnOf[TimeT]:
        forms = _KEYS[self.distribution]
        stated = tuple(name for name in _PARAMETERS if getattr(self, name) is not None)
        if stated not in forms:
            got = ", ".join(stated) or "none"
            wanted = " or ".join(", ".join(form) for form in forms)
            raise ValueError(f"a {self.distribution} duration takes {wanted} (got {got})")
        bounds = [part for part in (_us(self.low), _us(self.mode), _us(self.high)) if part is not None]
        if bounds != sorted(bounds):
            raise ValueError(f"a {self.distribution} duration must not fall: {', '.join(stated)} in rising order")
        if self.mean is not None and not self.mean:
            raise ValueError(f"a {self.distribution} duration of mean 0 has no shape; expected more, or constant")
        if self.distribution == "hyperexponential" and (self.cv or 0) < 1:
            raise ValueError(f"a hyperexponential duration varies with cv 1 or more (got {self.cv}); expected gamma")
        if self.of is not None and not math.isclose(math.fsum(part.share for part in self.of), 1, abs_tol=1e-9):
            raise ValueError(f"shares of a mixture add up to {math.fsum(p.share for p in self.of):g}; expected 1")
        self._refuse_bounds()
        return self

    def _refuse_bounds(self) -> None:
        low, high = _us(self.at_least), _us(self.at_most)
        if low is None and high is None:
            return
        if low is not None and high is not None and low >= high:
            raise ValueError("at_least is not shorter than at_most")
        left = by_name.Truncated(_whole(self), low or 0, math.inf if high is None else high).share
        if left < _LEFT_MIN:
            raise ValueError(f"at_least and at_most leave {left:.2g} of it; expected {_LEFT_MIN:g} at least")

    def at(self, u: float) -> int:
        """Return the quantile of ``u`` in [0, 1], in microseconds.

        >>> Drawn.model_validate({"distribution": "triangular", "low": "1s", "mode": "2s", "high": "3s"}).at(0.5)
        2000000
        >>> Drawn.model_validate({"distribution": "exponential", "mean": "1s"}).at(0.5)
        693147
        """
        if self.at_least is not None or self.at_most is not None:
            return self._tabled(u)
        low, mode, high = _us(self.low) or 0, _us(self.mode) or 0, _us(self.high) or 0
        match self.distribution:
            case "constant":
                return _us(self.value) or 0
            case "uniform":
                return round(low + u * (high - low))
            case "triangular":
                return _triangular_us(u, low, mode, high)
            case "lognormal" if self.median is not None:
                z = _NORMAL.inv_cdf(min(max(u, _CUT), 1 - _CUT))
                return round((_us(self.median) or 0) * math.exp((self.spread or 0.0) * z))
            case "empirical":
                return self._listed(u)
            case _:
                return self._tabled(u)

    @property
    def mean_us(self) -> float:
        """The mean of what is drawn, in microseconds."""
        return self._moments()[0]

    @property
    def mean_square_us2(self) -> float:
        """The mean square of what is drawn, in square microseconds."""
        return self._moments()[1]

    def _tabled(self, u: float) -> int:
        table = self._worked.table
        if table is None:
            table = self._worked.table = by_name.table_of(_cut(self))
        return round(table.at(u) if u < 1 else table.maximum)

    def _listed(self, u: float) -> int:
        """Return the listed duration at a quantile: none is drawn that was not seen."""
        listed = self._worked.sorted_us
        if not listed:
            listed = self._worked.sorted_us = sorted(cast("tuple[int, ...]", self.values))
        return listed[min(int(u * len(listed)), len(listed) - 1)]

    def _moments(self) -> tuple[float, float]:
        """Return the mean (us) and the mean square (us²) of what is drawn."""
        moments = self._worked.moments
        if moments is None:
            looks = [self.at((k + 0.5) / _MEAN_OVER) for k in range(_MEAN_OVER)]
            mean, square = (math.fsum(look**power for look in looks) / _MEAN_OVER for power in (1, 2))
            moments = self._worked.moments = (mean, square)
        return moments


class PartOf(DrawnOf[TimeT], Generic[TimeT]):
    """A part of a mixture."""

    share: Annotated[Share, Field(gt=0, le=1)] = Field(description="how much of what is drawn is of this part")


def _us(value: object) -> int | None:
    """Return a duration of either clock as the number that it is."""
    return cast("int | None", value)


def _triangular_us(u: float, low: int, mode: int, high: int) -> int:
    if high == low:
        return low
    if u < (mode - low) / (high - low):
        return round(low + math.sqrt(u * (high - low) * (mode - low)))
    return round(high - math.sqrt((1 - u) * (high - low) * (high - mode)))


def _mean(one: DrawnOf[Any]) -> float:
    return float(_us(one.mean) or 0)


def _lognormal(one: DrawnOf[Any]) -> by_name.Distribution:
    if one.median is not None:
        return by_name.lognormal_of_median(_us(one.median) or 0, one.spread or 0.0)
    return by_name.lognormal(_mean(one), one.cv or 0.0)


_BUILDERS: dict[str, Callable[[DrawnOf[Any]], by_name.Distribution]] = {
    "constant": lambda one: by_name.Stepped(np.array([float(_us(one.value) or 0)])),
    "uniform": lambda one: by_name.uniform(_us(one.low) or 0, _us(one.high) or 0),
    "triangular": lambda one: by_name.triangular(_us(one.low) or 0, _us(one.mode) or 0, _us(one.high) or 0),
    "lognormal": _lognormal,
    "exponential": lambda one: by_name.exponential(_mean(one)),
    "gamma": lambda one: by_name.gamma(_mean(one), one.cv or 0.0),
    "weibull": lambda one: by_name.weibull(_mean(one), one.shape or 0.0),
    "erlang": lambda one: by_name.erlang(_mean(one), one.stages or 0),
    "hyperexponential": lambda one: by_name.hyperexponential(_mean(one), one.cv or 0.0),
    "empirical": lambda one: by_name.Stepped(np.array(sorted(one.values or ()), dtype=np.float64)),
    "mixture": lambda one: by_name.Mixed([part.share for part in one.of or ()], [_cut(part) for part in one.of or ()]),
}


def _whole(drawn: DrawnOf[Any]) -> by_name.Distribution:
    """Return what a name means, before any cut."""
    return _BUILDERS[drawn.distribution](drawn)


def _cut(drawn: DrawnOf[Any]) -> by_name.Distribution:
    """Return what a name means, within its bounds."""
    if drawn.at_least is None and drawn.at_most is None:
        return _whole(drawn)
    high = math.inf if drawn.at_most is None else float(drawn.at_most)
    return by_name.Truncated(_whole(drawn), float(drawn.at_least or 0), high)


Drawn: TypeAlias = DrawnOf[PeopleTime]
"""A distribution on the clock of people, which ``scale.time`` shrinks."""
MachineDrawn: TypeAlias = DrawnOf[MachineTime]
"""A distribution on the clock of machines."""


def which_form(value: object) -> str:
    """Return the tag of what may be one duration or a mapping of more; its brackets keep it out of error messages."""
    return "(mapping)" if isinstance(value, dict | Model) else "(duration)"


Duration = Annotated[
    Annotated[PeopleTime, Tag("(duration)")] | Annotated[Drawn, Tag("(mapping)")], Discriminator(which_form)
]
"""One duration, or a distribution of them."""


def _some(lasts: int | DrawnOf[Any]) -> int | DrawnOf[Any]:
    if longest_us(lasts) <= 0:
        raise ValueError("a duration of 0; expected one greater than 0")
    return lasts


SomeDuration = Annotated[Duration, AfterValidator(_some)]
"""A duration that is more than nothing, or a distribution of which some is."""
MachineDuration = Annotated[
    Annotated[MachineTime, Tag("(duration)")] | Annotated[MachineDrawn, Tag("(mapping)")], Discriminator(which_form)
]
"""One duration, or a distribution of them, that ``scale.time`` leaves alone."""


def drawn_us(duration: int | DrawnOf[Any], u: float) -> int:
    """Return the duration at quantile ``u``, in microseconds."""
    return duration.at(u) if isinstance(duration, DrawnOf) else duration


def shortest_us(duration: int | DrawnOf[Any]) -> int:
    """Return the shortest that can be drawn."""
    return drawn_us(duration, 0.0)


def longest_us(duration: int | DrawnOf[Any]) -> int:
    """Return the longest that can be drawn."""
    return drawn_us(duration, 1.0)


def mean_us(duration: int | DrawnOf[Any]) -> float:
    """Return the mean of what can be drawn."""
    return duration.mean_us if isinstance(duration, DrawnOf) else float(duration)
