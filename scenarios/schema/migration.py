"""How a node's books are moved behind its closed doors: ``cutover.window.books``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scenarios.schema.base import Model

__all__ = ["BooksMigration"]


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
