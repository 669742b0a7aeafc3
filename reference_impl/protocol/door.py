"""A door: open, draining, closed, or letting work in by a ramp (灰度). A closed door is never a verdict (G2).

A door belongs to a scope: the hub, a province or a city, on the care side or the insured side. While it drains, what
is already known still passes (queries, resends, reversals, the further steps of a visit begun before), and no new
business starts. This module decides; who commands a door, and when, is elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never
from zlib import crc32

import msgspec

from reference_impl.domain.scopes import Side, covers
from reference_impl.domain.transactions import TRANSACTIONS
from reference_impl.protocol.messages import Closed, Overloaded, Request

__all__ = ["Door", "DoorCommand", "DoorState", "Doors"]

_RAMP_STEPS = 10_000
_REFUSING_RETRY_US = 1_000_000


class DoorState(StrEnum):
    """What the door does."""

    OPEN = "open"
    DRAINING = "draining"
    CLOSED = "closed"
    RAMP = "ramp"
    REFUSING = "refusing"
    """Not planned work but a fault: the node answers busy to everything."""


class DoorCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator says. ``full_us`` is the end of the ramp; times are of the run's clock."""

    scope: str
    side: Side
    state: DoorState
    reopens_us: int = 0
    full_us: int = 0


@dataclass(slots=True)
class Door:
    """One door and its last command."""

    command: DoorCommand

    def refusal(self, request: Request, now_us: int, *, known: bool) -> Closed | Overloaded | None:
        """Return why ``request`` may not pass now, or None. ``known``: its key or its visit is in the books."""
        state = self.command.state
        match state:
            case DoorState.OPEN:
                return None
            case DoorState.DRAINING:
                fresh = TRANSACTIONS[request.code].starts_business and not known
                return self._closed(now_us) if fresh else None
            case DoorState.CLOSED:
                return self._closed(now_us)
            case DoorState.REFUSING:
                return Overloaded(_REFUSING_RETRY_US)
            case DoorState.RAMP:
                fresh = TRANSACTIONS[request.code].starts_business and not known
                return self._closed(now_us) if fresh and not self._let_in(request, now_us) else None
            case _:
                assert_never(state)

    def _closed(self, now_us: int) -> Closed:
        end_us = self.command.full_us if self.command.state is DoorState.RAMP else self.command.reopens_us
        return Closed(self.command.scope, end_us, max(0, end_us - now_us))

    def _let_in(self, request: Request, now_us: int) -> bool:
        """Return whether the ramp has reached this patient: a stable draw by person, so that a retry is no lottery."""
        opened, full = self.command.reopens_us, self.command.full_us
        if now_us >= full:
            return True
        if now_us <= opened:
            return False
        return crc32(request.body.person.encode()) % _RAMP_STEPS < _RAMP_STEPS * (now_us - opened) // (full - opened)


class Doors:
    """The doors of one node, by side and scope; a node without commands has none and pays nothing."""

    __slots__ = ("_doors", "all_open")

    def __init__(self) -> None:
        """Start with every door open."""
        self._doors: dict[tuple[Side, str], Door] = {}
        self.all_open = True
        """Whether no door has to be asked."""

    def obey(self, command: DoorCommand) -> None:
        """Set the door of the command's scope and side."""
        if command.state is DoorState.OPEN:
            self._doors.pop((command.side, command.scope), None)
        else:
            self._doors[command.side, command.scope] = Door(command)
        self.all_open = not self._doors

    def refusal(self, request: Request, side: Side, now_us: int, *, known: bool) -> Closed | Overloaded | None:
        """Return why ``request`` may not pass on this side, or None."""
        region = request.care_region if side is Side.CARE else request.insured_region
        for (door_side, scope), door in self._doors.items():
            if door_side is side and covers(scope, region):
                refusal = door.refusal(request, now_us, known=known)
                if refusal is not None:
                    return refusal
        return None

    def commands(self) -> tuple[DoorCommand, ...]:
        """Return the commands in force, for an operator to read and a restart to repeat."""
        return tuple(door.command for door in self._doors.values())
