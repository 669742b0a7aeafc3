"""The sweeper: drives intents that a node has left open, without a crash and without anybody asking (G13, G14, G15).

An intent stays open when the next node was silent. Its sender asks again until a deadline and then reverses it; but a
sender may have given up, and thousands may have at once. So each is driven again some time after it was last touched,
oldest first, a bounded number a round, one at a time for each insured province, or city with a relay of its own: one
that is back is not flooded, and one that stays away holds up nobody else's. What fails waits longer before its next
turn, at the end of the line.

A drive is made under a lease that the forwarder keeps in memory: it lasts as long as that one drive, which the timeout
of its call bounds, and it ends with the process. So two sweeps at once, or a sweep beside a resend, are as good as one.

A message that cannot be driven, because driving it raises, is *parked*: listed with its reason and swept no more, while
the others flow. The list is the process's own: one that starts again finds the message open, drives it in its first
rounds, and lists it anew. Its visit is freed by rule: by the outcome, when its sender asks again or the node starts
again and it succeeds; else by its reversal (2601), which its hospital sends at its deadline and which never waits for
what it reverses.

This module must never decide what an answer means: it asks the forwarder to try once, and hears whether it is over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import NamedTuple

import msgspec

from reference_impl.domain.regions import city_of, province_of
from reference_impl.domain.telling import told
from reference_impl.protocol.messages import MessageId, Reverse
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.records import Key, MessageRecord

__all__ = ["DEFAULT_SWEEP", "Left", "LeftOpen", "Parked", "SweepRules", "Sweeper"]

FAILURES_MAX = 3
"""So many fruitless drives end a lane's round: who is at its end, or the way there, does not answer."""


class SweepRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a node sweeps.

    An intent is driven once nobody has touched it for ``age_us``, at most ``batch`` in a round for each insured
    province, with ``interval_us`` between rounds. One that fails waits an interval, then twice as long each time, at
    most ``age_us``. ``apart`` are the cities that may be away while the rest of their province is not: its relays.
    """

    interval_us: int = 1_000_000
    age_us: int = 60_000_000
    batch: int = 256
    apart: frozenset[str] = frozenset()


DEFAULT_SWEEP = SweepRules()


class Parked(msgspec.Struct, frozen=True):
    """A message that cannot be driven, for an operator to read. ``since_us`` is of the run's clock."""

    sender: str
    msgid: MessageId
    code: str
    why: str
    since_us: int


class Left(NamedTuple):
    """Messages without an outcome: how many, and when the oldest of them was opened; None where there is none."""

    number: int
    oldest_us: int | None


class LeftOpen(NamedTuple):
    """What a node has left open: for each insured province and city apart that ever left it any; and its reversals.

    Of a reversal (2601) that is open nobody knows whether it is through.
    """

    by_destination: dict[str, Left]
    reversals: Left


class _Open(msgspec.Struct):
    """An intent in the line: when its turn comes, and how long it waits after one more failure."""

    message: MessageRecord
    due_us: int
    wait_us: int


class _Lane:
    """The open intents for one insured province, or city apart, in the order they were last touched."""

    __slots__ = ("line", "swept")

    def __init__(self) -> None:
        self.line: dict[Key, _Open] = {}
        self.swept = False


class Sweeper:
    """Keeps the line of a node's open intents, and drives it."""

    __slots__ = ("_drive", "_lane_of", "_lanes", "_ports", "_rules", "parked")

    def __init__(self, ports: NodePorts, rules: SweepRules, drive: Callable[[MessageRecord], Awaitable[bool]]) -> None:
        """``drive`` tries once to end an intent and returns whether it is over; it never raises for one message."""
        self._ports = ports
        self._rules = rules
        self._drive = drive
        self._lanes: dict[str, _Lane] = {}
        self._lane_of: dict[Key, _Lane] = {}
        self.parked: dict[Key, Parked] = {}

    @property
    def open(self) -> int:
        """How many intents stand in line."""
        return len(self._lane_of)

    def left_open(self) -> LeftOpen:
        """Return what stands in line."""
        reversals = [one for lane in self._lanes.values() for one in lane.line.values() if _is_reversal(one.message)]
        return LeftOpen({to: _left(lane.line.values()) for to, lane in self._lanes.items()}, _left(reversals))

    def recover(self, messages: Iterable[MessageRecord]) -> None:
        """Put intents that a former process left open in line; nobody else is at them, so their turn is now."""
        now_us = self._ports.clock.now_us()
        for message in messages:
            self._put(message, now_us)

    def touched(self, message: MessageRecord) -> None:
        """Put an intent that stays open at the end of the line, for a time when nobody has touched it for long."""
        if message.key not in self.parked:
            self._put(message, self._ports.clock.now_us() + self._rules.age_us)

    def over(self, key: Key) -> None:
        """Take an intent that has its outcome out of the line."""
        self.parked.pop(key, None)
        lane = self._lane_of.pop(key, None)
        if lane is not None:
            del lane.line[key]

    def park(self, message: MessageRecord, error: Exception) -> None:
        """Take a message that cannot be driven out of the line, and list it."""
        self.over(message.key)
        key, now_us = message.key, self._ports.clock.now_us()
        self.parked[key] = Parked(key.sender, key.msgid, message.code, told(error), now_us)

    def _put(self, message: MessageRecord, due_us: int) -> None:
        request = message.request
        assert request is not None  # a tombstone is never driven
        region = request.insured_region
        city = city_of(region)
        lane = self._lanes.setdefault(city if city in self._rules.apart else province_of(region), _Lane())
        self.over(message.key)
        self._lane_of[message.key] = lane
        lane.line[message.key] = _Open(message, due_us, self._rules.interval_us)
        if not lane.swept:
            lane.swept = True
            self._ports.tasks.start(self._sweep(lane))

    async def _sweep(self, lane: _Lane) -> None:
        """Sweep a lane until nothing is open in it; a lane without open intents costs nothing."""
        clock = self._ports.clock
        try:
            while lane.line:
                first_us = min(each.due_us for each in lane.line.values())
                await clock.sleep_us(first_us - clock.now_us())
                await self._round(lane)
                if lane.line:
                    await clock.sleep_us(self._rules.interval_us)
        finally:
            lane.swept = False

    async def _round(self, lane: _Lane) -> None:
        clock, rules, failures = self._ports.clock, self._rules, 0
        now_us = clock.now_us()
        due = [each for each in lane.line.values() if each.due_us <= now_us]
        for each in due[: rules.batch]:
            key = each.message.key
            if lane.line.get(key) is not each:
                continue  # touched or over since the round began
            if await self._drive(each.message):
                self.over(key)
                continue
            if key in self.parked:
                continue  # its own fault, which says nothing of the province
            if lane.line.get(key) is each:
                del lane.line[key]
                each.due_us, each.wait_us = clock.now_us() + each.wait_us, min(2 * each.wait_us, rules.age_us)
                lane.line[key] = each
            failures += 1
            if failures == FAILURES_MAX:
                return


def _left(line: Collection[_Open]) -> Left:
    return Left(len(line), min((each.message.opened_us for each in line), default=None))


def _is_reversal(message: MessageRecord) -> bool:
    request = message.request
    assert request is not None  # a tombstone never stands in line
    return isinstance(request.body, Reverse)
