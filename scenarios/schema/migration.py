"""What is moved behind the closed doors of a plan, and how: ``cutover.window.rows`` and ``cutover.window.books``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, model_validator

from scenarios.schema.base import Model, PeopleTime, Share, span

__all__ = ["BooksMigration", "MovedRows", "OpenVisits", "Persons", "Rows"]


class BooksMigration(Model):
    """How rows get into the new books. The real world moves them so; the simulated one takes the plan's durations."""

    rows_per_second: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="at most so many, in people's time; without it as fast as the machine does it"
    )
    copy_first: bool = Field(
        default=False,
        description="a first pass is made from stop-accept on, while messages are still answered; the window moves "
        "what has changed since",
    )
    tries: Annotated[int, Field(ge=1)] = Field(
        default=1,
        description="so often the rows are moved and verified, into books made anew each time, while some are refused "
        "or wrong; then the move is taken back",
    )


class Rows(Model):
    """Rows of one kind: how many there are at the freeze, and how fast they go."""

    count: Annotated[int, Field(ge=0, le=10**12)] = Field(description="in the true books at the freeze, whole volume")
    moved: Annotated[int, Field(gt=0)] = Field(description="so many are moved ...")
    every: PeopleTime = Field(gt=0, description="... in each such time")

    def takes_us(self, rows: float) -> int:
        """Return how long so many rows take, on the clock of ``every``."""
        return round(rows * self.every / self.moved)


class _Refusable(Rows):
    """Rows that the new system may refuse; in a seed their share lies between the two bounds."""

    refused: Share = Field(default=0.0, description="share that a first pass refuses at least")
    refused_up_to: Share | None = Field(
        default=None, description="... and at most, drawn evenly; default: always the same"
    )

    @model_validator(mode="after")
    def _bounds_rise(self) -> _Refusable:
        if self.refused_up_to is not None and self.refused_up_to < self.refused:
            raise ValueError(f"refused_up_to {self.refused_up_to:.2%} is below refused, {self.refused:.2%}")
        return self

    def refused_at(self, u: float) -> float:
        """Return the share at quantile ``u`` in [0, 1]."""
        high = self.refused if self.refused_up_to is None else self.refused_up_to
        return self.refused + u * (high - self.refused)


class Persons(_Refusable):
    """Rows of persons, with their balances: who has none is turned away, whatever the visit."""

    refused: Share = Field(
        default=0.012, description="share that a first pass refuses at least: 1.2 % of the balances (ESES 2016). FOUND."
    )


class OpenVisits(_Refusable):
    """Rows of visits that were open at the freeze: who has none is turned away with this visit alone."""

    refused: Share = Field(
        default=0.005,
        description="share that a first pass refuses at least: 0.5 % of the instructions (ESES 2016). FOUND.",
    )


class MovedRows(Model):
    """What is moved, by kind; the length of ``migrate`` follows from it."""

    persons: Persons | None = Field(default=None, description="persons with their balances")
    visits: OpenVisits | None = Field(default=None, description="visits that are open at the freeze")
    history: Rows | None = Field(
        default=None, description="all that nobody waits for: it takes time and is not refused"
    )
    passes: Annotated[int, Field(ge=1, le=5)] = Field(
        default=1, description="each moves again what the one before it refused"
    )
    put_right: Share = Field(default=0.5, description="share of the refused rows that a further pass takes. ASSUMED.")
    differs: Share = Field(default=0.0, description="share of the rows that verification finds different at least")
    differs_up_to: Share | None = Field(default=None, description="... and at most, drawn evenly")
    mended_within: PeopleTime = Field(
        default=span("2d"),
        gt=0,
        description="rows refused for good are worked by hand, evenly over so long from the reopening on. ASSUMED.",
    )

    @model_validator(mode="after")
    def _moves_something(self) -> MovedRows:
        if not any(True for _ in self.kinds()):
            raise ValueError("rows without a kind; expected persons, visits or history")
        if self.differs_up_to is not None and self.differs_up_to < self.differs:
            raise ValueError(f"differs_up_to {self.differs_up_to:.2%} is below differs, {self.differs:.2%}")
        return self

    def kinds(self) -> Iterator[tuple[str, Rows]]:
        """Yield the kinds of rows that are moved, by name."""
        for name in ("persons", "visits", "history"):
            rows: Rows | None = getattr(self, name)
            if rows is not None:
                yield name, rows

    def refusable(self) -> Iterator[tuple[str, _Refusable]]:
        """Yield the kinds of which some may be refused, by name."""
        for name, rows in self.kinds():
            if isinstance(rows, _Refusable):
                yield name, rows

    def differs_at(self, u: float) -> float:
        """Return the share that differs, at quantile ``u`` in [0, 1]."""
        high = self.differs if self.differs_up_to is None else self.differs_up_to
        return self.differs + u * (high - self.differs)

    def pass_us(self, number: int, refused: dict[str, float]) -> int:
        """Return how long a pass takes, counted from 0: the first moves all, a further one what was ``refused``."""
        if number == 0:
            return sum(rows.takes_us(rows.count) for _, rows in self.kinds())
        return sum(rows.takes_us(rows.count * refused[name]) for name, rows in self.refusable())
