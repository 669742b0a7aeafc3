"""Faults that an operator switches on in a running node: it refuses, it or its disk is slow, its clock is off.

Freezing and killing are done to the process from outside, losing and delaying to the links; lost commits are planted in
the books from the scenario itself. This module must never change what a message means.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

__all__ = ["ClockCommand", "FaultCommand", "NodeFaults", "RefuseCommand", "SlowCommand", "SlowDiskCommand"]


SLOWER_US_MAX = 24 * 3_600_000_000
"""By so much at most one command makes a node slower: nobody waits for a day."""


class RefuseCommand(msgspec.Struct, frozen=True, tag_field="kind", tag="refuse"):
    """Answer that the node is overloaded, and do nothing."""

    node: str
    on: bool


class SlowCommand(msgspec.Struct, frozen=True, tag_field="kind", tag="slow"):
    """Take ``add_us`` longer for each message, holding its worker; a negative one takes that back again."""

    node: str
    add_us: Annotated[int, msgspec.Meta(ge=-SLOWER_US_MAX, le=SLOWER_US_MAX)]


class SlowDiskCommand(msgspec.Struct, frozen=True, tag_field="kind", tag="slow_disk"):
    """Take ``add_us`` longer for each group of commits; a negative one takes that back again."""

    node: str
    add_us: int


class ClockCommand(msgspec.Struct, frozen=True, tag_field="kind", tag="clock_off"):
    """Let the clock of the node's process be ``off_us`` ahead of the run's; 0 is right."""

    node: str
    off_us: int


FaultCommand = RefuseCommand | SlowCommand | SlowDiskCommand | ClockCommand


class NodeFaults:
    """What an operator has switched on."""

    __slots__ = ("refusing", "slow_us")

    def __init__(self) -> None:
        """Start sound."""
        self.refusing = False
        self.slow_us = 0

    def obey(self, command: RefuseCommand | SlowCommand) -> None:
        """Switch as told."""
        if isinstance(command, RefuseCommand):
            self.refusing = command.on
        else:
            self.slow_us = max(0, self.slow_us + command.add_us)

    def state(self) -> Literal["sound", "refusing", "slow"]:
        """Return what the node suffers from, in a word."""
        if self.refusing:
            return "refusing"
        return "slow" if self.slow_us else "sound"
