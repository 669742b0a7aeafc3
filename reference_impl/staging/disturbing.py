"""From a scenario's faults of links to what each does: one flat kind of thing, which travels to the proxy as JSON.

What severs groups of nodes becomes losses on every link between them. This module must never decide on a message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from scenarios.schema.link_faults import (
    ANY,
    Bandwidth,
    Delay,
    Duplicate,
    LinkFault,
    Lose,
    Reorder,
    Reset,
    Severed,
    SlowClose,
    YesWithErrorText,
    YesWithoutReceipt,
    severed,
)

if TYPE_CHECKING:
    from scenarios.schema.scenario import Scenario

__all__ = ["CUTS", "FALSE_YES", "LINK_KINDS", "Direction", "Disturbance", "disturbances"]

_FOREVER_US = 1 << 62
FALSE_YES = ("yes_with_error_text", "yes_without_receipt")
"""The kinds of a yes that is none."""
CUTS = ("reset", "slow_close")
"""The kinds of a message that ends in its middle."""
LINK_KINDS = ("lose", "delay", *FALSE_YES, *CUTS, "duplicate", "reorder", "bandwidth", "partition", "half_partition")
"""The kinds of faults, as a scenario calls them, whose hits a link counts by itself."""

Direction = Literal["request", "reply"]
Kind = Literal[
    "lose",
    "delay",
    "yes_with_error_text",
    "yes_without_receipt",
    "reset",
    "slow_close",
    "duplicate",
    "reorder",
    "bandwidth",
]


class Disturbance(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of links in the run's clock. ``number`` is its place among the scenario's faults.

    ``add_us`` is how much later something comes: a message, its copy, or the end of a connection in its middle.
    """

    number: int
    kind: Kind
    caller: str
    callee: str
    at_us: int
    until_us: int
    direction: Direction = "request"
    share: float = 0.0
    acted: float = 0.0
    add_us: int = 0
    jitter_us: int = 0
    bytes_per_second: int = 0
    burst_bytes: int = 0
    codes: tuple[str, ...] = ()
    first: int | None = None

    @property
    def is_drawn(self) -> bool:
        """Whether it hits some messages and others not, or each otherwise."""
        return self.kind != "bandwidth" and (self.kind != "delay" or self.jitter_us > 0)

    def concerns(self, caller: str, callee: str) -> bool:
        """Return whether it lies on the link between these ends."""
        return self.caller in (ANY, caller) and self.callee in (ANY, callee)

    def active(self, now_us: int) -> bool:
        """Return whether it is at work at this moment."""
        return self.at_us <= now_us < self.until_us

    def covers(self, code: str) -> bool:
        """Return whether it touches this transaction."""
        return not self.codes or code in self.codes

    def reaches(self, attempt: int) -> bool:
        """Return whether it touches this crossing of a message."""
        return self.first is None or attempt <= self.first


def disturbances(scenario: Scenario) -> tuple[Disturbance, ...]:
    """Return the link faults of a scenario, in its order."""
    found: list[Disturbance] = []
    for number, fault in enumerate(scenario.faults):
        if isinstance(fault, LinkFault):
            found.append(_disturbance(number, fault))
        elif isinstance(fault, Severed):
            found.extend(_losses(number, fault, scenario))
    return tuple(found)


def _losses(number: int, fault: Severed, scenario: Scenario) -> Iterator[Disturbance]:
    for caller, callee, direction in severed(fault, scenario.topology.ways()):
        yield Disturbance(
            number=number,
            kind="lose",
            caller=caller,
            callee=callee,
            at_us=fault.at,
            until_us=_end_us(fault.until),
            direction=direction,
            share=1.0,
        )


def _disturbance(number: int, fault: LinkFault) -> Disturbance:
    caller, callee = fault.link
    return Disturbance(
        number=number,
        kind=fault.kind,
        caller=caller,
        callee=callee,
        at_us=fault.at,
        until_us=_end_us(fault.until),
        **_particulars(fault),
    )


def _particulars(fault: LinkFault) -> dict[str, Any]:
    """Return what is particular to a kind, by the names of the fields."""
    match fault:
        case Delay():
            return {"add_us": fault.add, "jitter_us": fault.jitter}
        case Bandwidth():
            return {"bytes_per_second": fault.bytes_per_second, "burst_bytes": fault.burst_bytes}
        case _:
            drawn = {"share": fault.share, "codes": fault.codes, "first": fault.first}
    match fault:
        case Lose() | Reset():
            return drawn | {"direction": fault.direction}
        case YesWithErrorText() | YesWithoutReceipt():
            return drawn | {"acted": fault.acted}
        case Duplicate():
            return drawn | {"add_us": fault.after}
        case SlowClose():
            return drawn | {"direction": fault.direction, "add_us": fault.after}
        case Reorder():
            return drawn | {"direction": fault.direction, "add_us": fault.by}


def _end_us(until_us: int | None) -> int:
    return _FOREVER_US if until_us is None else until_us
