"""What an operator may command a door: an order that a door could not obey is refused before it is written down.

A scenario's own commands are sound by its schema; one that is typed is not, and would fail at each message it is asked
about. This module must never move a door.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reference_impl.domain.money import E4
from reference_impl.domain.nodes import HUB
from reference_impl.protocol.door import DoorState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reference_impl.protocol.bucket import BucketRule
    from reference_impl.protocol.door import DoorCommand
    from reference_impl.wire.clock import BusinessClock

__all__ = ["FARTHEST_US", "refuse_nonsense"]

_SCOPE = re.compile(rf"{HUB}|[0-9]{{2}}|[0-9]{{4}}")
FARTHEST_US = 10**15
"""How far from the run's zero a moment of a door may lie: what neighbours can be told to wait."""


def refuse_nonsense(command: DoorCommand, clock: BusinessClock) -> None:
    """Refuse a command whose moments have no date, or whose ramp would let nobody in or never say when.

    Raises:
        ValueError: saying what, got and expected.

    """
    for wrong in _wrong(command, clock):
        raise ValueError(f"{wrong}; no door has moved")


def _wrong(command: DoorCommand, clock: BusinessClock) -> Iterator[str]:
    if not _SCOPE.fullmatch(command.scope):
        yield f"scope {command.scope!r}: expected {HUB!r}, a province's two digits or a city's four"
    for name, at_us in _moments(command):
        if abs(at_us) > FARTHEST_US or not clock.holds(at_us):
            yield f"{name} {at_us}: expected a moment of the run's clock that has a date"
    if command.state is DoorState.RAMP and command.by_word and not (command.steps or command.bucket):
        yield "a ramp that goes on by word alone has neither steps nor a bucket; expected one of them"
    for step in command.steps:
        if not 0 <= step.share <= 1:
            yield f"a step's share {step.share}: expected 0 to 1"
    if command.bucket is not None:
        yield from _wrong_bucket(command.bucket)
    rows = command.unmended
    if rows is not None and not (0 <= rows.persons <= 1 and 0 <= rows.visits <= 1 and rows.from_us < rows.until_us):
        yield f"unmended {rows}: expected shares of 0 to 1, and an end after the beginning"


def _moments(command: DoorCommand) -> Iterator[tuple[str, int]]:
    yield "reopens_us", command.reopens_us
    yield "full_us", command.full_us
    for step in command.steps:
        yield "a step's at_us", step.at_us
    if command.unmended is not None:
        yield "from_us", command.unmended.from_us
        yield "until_us", command.unmended.until_us


def _wrong_bucket(rule: BucketRule) -> Iterator[str]:
    for name in ("admits", "every_us", "burst"):
        if not 1 <= getattr(rule, name) <= FARTHEST_US:
            yield f"bucket.{name} {getattr(rule, name)}: expected 1 to {FARTHEST_US}"
    if not 0 <= rule.backlog_e4 < E4:
        yield f"bucket.backlog_e4 {rule.backlog_e4}: expected 0 to {E4 - 1}, for new business is let in too"
