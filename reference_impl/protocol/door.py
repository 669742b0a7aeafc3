"""A door: open, draining, closed, or letting work in by a ramp (灰度). A closed door is never a verdict (G2).

A door belongs to a scope: the hub, a province or a city, on the care side or the insured side. While it drains, what
is already known still passes (queries, resends, reversals, the further steps of a visit begun before), and no new
business starts. A scope may have one door for business between provinces, another for that within its own, and one
for filing alone. This module decides; who commands a door, and when, is elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, assert_never
from zlib import crc32

import msgspec

from reference_impl.domain.renumbering import Numbered
from reference_impl.domain.scopes import Business, Side, concerned, covers
from reference_impl.domain.transactions import FILINGS, TRANSACTIONS
from reference_impl.protocol.bucket import BucketRule, TokenBucket
from reference_impl.protocol.ids import stamp_of
from reference_impl.protocol.messages import Closed, Overloaded, Request
from reference_impl.protocol.numbers import NO_NUMBERS, Numbers
from reference_impl.protocol.records import Key
from reference_impl.protocol.threshold import may_have_acted
from reference_impl.protocol.unmended import UnmendedRows

__all__ = ["Door", "DoorCommand", "DoorState", "DoorStep", "Doors"]

RAMP_PLACES = 10_000
_REFUSING_RETRY_US = 1_000_000


class DoorState(StrEnum):
    """What the door does."""

    OPEN = "open"
    DRAINING = "draining"
    CLOSED = "closed"
    RAMP = "ramp"
    REFUSING = "refusing"
    """Not planned work but a fault: the node answers busy to everything."""


class DoorStep(NamedTuple):
    """One step of a ramp: from ``at_us`` on a share of the patients of some provinces and kinds of visit.

    Empty means all. A province counts at either end of the way. A question about a person (1101) is of no kind.
    """

    at_us: int
    share: float
    provinces: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def lets_in(self, request: Request, place: int, now_us: int) -> bool:
        """Return whether it lets in the patient at ``place`` of ``RAMP_PLACES``."""
        ends = (request.care_region[:2], request.insured_region[:2])
        if self.provinces and not any(end in self.provinces for end in ends):
            return False
        kind = TRANSACTIONS[request.code].kind
        named = not self.kinds or kind is None or kind in self.kinds
        return named and self.at_us <= now_us and place < RAMP_PLACES * self.share


class DoorCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator says. ``full_us`` is the end of the ramp; times are of the run's clock."""

    scope: str
    side: Side
    state: DoorState
    reopens_us: int = 0
    full_us: int = 0
    business: Business = Business.ALL
    steps: tuple[DoorStep, ...] = ()
    """Of a ramp in steps, in order; what one has let in stays let in. Without any the share grows evenly."""
    bucket: BucketRule | None = None
    """Of a ramp by a token bucket."""
    by_word: bool = False
    """Of a ramp that goes on by the next command alone: ``full_us`` is no more than what people are told."""
    unmended: UnmendedRows | None = None
    """Of a door that lets in: the rows of the books behind it that are not right yet."""

    @property
    def door(self) -> tuple[Side, str, Business]:
        """Which door is meant: a command to another one leaves it as it is."""
        return self.side, self.scope, self.business


@dataclass(slots=True)
class Door:
    """One door and its last command; ``numbers`` tell who is one person."""

    command: DoorCommand
    numbers: Numbers = NO_NUMBERS
    restarted_us: int | None = None
    """When the node started again on a command that it had obeyed before."""
    _bucket: TokenBucket | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        rule = self.command.bucket
        self._bucket = None if rule is None else TokenBucket(rule, self.command.reopens_us, self.restarted_us)

    def refusal(self, request: Request, now_us: int, *, known: bool) -> Closed | Overloaded | None:
        """Return why ``request`` may not pass now, or None. ``known``: its key or its visit is in the books."""
        state = self.command.state
        match state:
            case DoorState.OPEN:
                return self._row_missing(request, now_us)
            case DoorState.DRAINING:
                return self._closed(now_us) if not known and self._starts(request) else None
            case DoorState.CLOSED:
                return self._closed(now_us)
            case DoorState.REFUSING:
                return Overloaded(_REFUSING_RETRY_US)
            case DoorState.RAMP:
                if not known and self._starts(request) and not self._let_in(request, now_us):
                    return self._not_yet(request, now_us)
                return self._row_missing(request, now_us)
            case _:
                assert_never(state)

    def _starts(self, request: Request) -> bool:
        """Return whether the request begins what this door is for: behind one for filing, every filing does."""
        return self.command.business is Business.FILING or TRANSACTIONS[request.code].starts_business

    def _row_missing(self, request: Request, now_us: int) -> Closed | None:
        """Refuse whose row is not right yet, until it is."""
        rows = self.command.unmended
        if rows is None or now_us >= rows.until_us:
            return None
        person = self.numbers.original(Numbered.PERSON, request.body.person)
        visit: str = getattr(request.body, "visit", "")
        mended_us = rows.mended_us(person, self.numbers.original(Numbered.VISIT, visit) if visit else "")
        return self._closed_until(mended_us, now_us) if now_us < mended_us else None

    def _closed(self, now_us: int) -> Closed:
        return self._closed_until(self.command.reopens_us, now_us)

    def _not_yet(self, request: Request, now_us: int) -> Closed:
        """Refuse whom the ramp has not reached, until it is over; a bucket tells each a time of their own."""
        full_us, bucket = self.command.full_us, self._bucket
        end_us = full_us if bucket is None else min(full_us, bucket.told_us(stamp_of(request.msgid), now_us))
        return self._closed_until(end_us, now_us)

    def _closed_until(self, end_us: int, now_us: int) -> Closed:
        return Closed(self.command.scope, end_us, max(0, end_us - now_us))

    def _let_in(self, request: Request, now_us: int) -> bool:
        """Return whether the ramp has reached this patient: a stable draw by person, so that a retry is no lottery."""
        opened, full = self.command.reopens_us, self.command.full_us
        if now_us >= full and not self.command.by_word:
            return True
        person = self.numbers.original(Numbered.PERSON, request.body.person)
        if self._bucket is not None:
            return self._bucket.lets_in(person, stamp_of(request.msgid), now_us)
        place = crc32(person.encode()) % RAMP_PLACES
        if self.command.steps:
            return any(step.lets_in(request, place, now_us) for step in self.command.steps)
        return now_us > opened and place < RAMP_PLACES * (now_us - opened) // (full - opened)


class Doors:
    """The doors of one node, by side, scope and business; a node without commands has none and pays nothing."""

    __slots__ = ("_doors", "_numbers", "all_open")

    def __init__(self, numbers: Numbers = NO_NUMBERS) -> None:
        """Start with every door open."""
        self._numbers = numbers
        self._doors: dict[tuple[Side, str, Business], Door] = {}
        self.all_open = True
        """Whether no door has to be asked."""

    def obey(self, command: DoorCommand, restarted_us: int | None = None) -> None:
        """Set the door that the command means; it was obeyed before by a node that started at ``restarted_us``."""
        if command.state is DoorState.OPEN and command.unmended is None:
            self._doors.pop(command.door, None)
        else:
            self._doors[command.door] = Door(command, self._numbers, restarted_us)
        self.all_open = not self._doors

    def refusal(self, request: Request, side: Side, now_us: int, *, known: bool) -> Closed | Overloaded | None:
        """Return why ``request`` may not pass on this side, or None; what is ``known`` may have had its effect."""
        care, insured = request.care_region, request.insured_region
        region = care if side is Side.CARE else insured
        for (door_side, scope, business), door in self._doors.items():
            passes = door_side is side and covers(scope, region)
            if passes and concerned(business, care_region=care, insured_region=insured, filing=request.code in FILINGS):
                refusal = door.refusal(request, now_us, known=known)
                if refusal is not None:
                    return may_have_acted(refusal, Key(request.sender, request.msgid)) if known else refusal
        return None

    def commands(self) -> tuple[DoorCommand, ...]:
        """Return the commands in force, for an operator to read and a restart to repeat."""
        return tuple(door.command for door in self._doors.values())
