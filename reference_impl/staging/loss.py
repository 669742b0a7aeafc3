"""What a faulty link does to a message: the one decision that the simulated links and the real fault proxy both take.

A loss is drawn by key, from (seed, fault, link, direction, message id, nth time that message crosses that link), so
both worlds lose the same messages. A link is a pair of ends: ``hospital``, a province, or ``hub``; a reply belongs to
the link of its request. This module must never send, wait or know which world it is in.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from reference_impl.books.losing import CommitLoss
from reference_impl.domain.keyed import Purpose, key_hash, uniform
from scenarios.schema.faults import ANY, Delay, Lose, LostCommit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scenarios.schema.scenario import Scenario

__all__ = ["Disturbance", "FaultyLink", "Sent", "commit_losses", "disturbances"]

_FOREVER_US = 1 << 62
_REMEMBERED_MAX = 200_000
"""Messages whose crossings a link remembers: many times those of the longest deadline. The oldest is forgotten."""

Direction = Literal["request", "reply"]


class Disturbance(msgspec.Struct, frozen=True, kw_only=True):
    """One ``lose`` or ``delay`` in the run's clock. ``number`` is its place among the scenario's faults."""

    number: int
    kind: Literal["lose", "delay"]
    caller: str
    callee: str
    at_us: int
    until_us: int
    direction: Direction = "request"
    share: float = 0.0
    add_us: int = 0
    codes: tuple[str, ...] = ()
    first: int | None = None

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


class Sent(NamedTuple):
    """What becomes of a message on its way. ``attempt`` counts its crossings; 0 while no loss is at work."""

    attempt: int
    lost: bool
    delay_us: int


def disturbances(scenario: Scenario) -> tuple[Disturbance, ...]:
    """Return the link faults of a scenario, in its order."""
    found: list[Disturbance] = []
    for number, fault in enumerate(scenario.faults):
        match fault:
            case Lose():
                found.append(
                    _disturbance(
                        number,
                        fault,
                        direction=fault.direction,
                        share=fault.share,
                        codes=fault.codes,
                        first=fault.first,
                    )
                )
            case Delay():
                found.append(_disturbance(number, fault, add_us=fault.add))
            case _:
                continue
    return tuple(found)


def commit_losses(scenario: Scenario, node: str) -> tuple[CommitLoss, ...]:
    """Return the lost commits that the scenario plants in the books of a node."""
    return tuple(
        CommitLoss(
            node=fault.node,
            seed=scenario.seed,
            at_us=fault.at,
            until_us=fault.until,
            codes=fault.codes,
            share=fault.share,
            count=fault.count,
        )
        for fault in scenario.faults
        if isinstance(fault, LostCommit) and fault.node == node
    )


def _disturbance(
    number: int,
    fault: Lose | Delay,
    *,
    direction: Direction = "request",
    share: float = 0.0,
    codes: tuple[str, ...] = (),
    first: int | None = None,
    add_us: int = 0,
) -> Disturbance:
    caller, callee = fault.link
    return Disturbance(
        number=number,
        kind=fault.kind,
        caller=caller,
        callee=callee,
        at_us=fault.at,
        until_us=_FOREVER_US if fault.until is None else fault.until,
        direction=direction,
        share=share,
        codes=codes,
        first=first,
        add_us=add_us,
    )


class FaultyLink:
    """One directed link and the faults that lie on it; counts what they hit.

    It remembers how often each message crossed while losses last.
    """

    __slots__ = ("_crossings", "_delays", "_losses", "_seed", "callee", "caller", "hits")

    def __init__(self, seed: int, caller: str, callee: str, faults: Iterable[Disturbance]) -> None:
        """Keep the faults of this link; ``caller`` and ``callee`` are ends (see ``link_end``)."""
        here = [fault for fault in faults if fault.concerns(caller, callee)]
        self.caller, self.callee = caller, callee
        self._seed = seed
        self._losses = tuple(
            (fault, key_hash(f"{fault.number} {caller} {callee} {fault.direction}"))
            for fault in here
            if fault.kind == "lose"
        )
        self._delays = tuple(fault for fault in here if fault.kind == "delay")
        self._crossings: dict[str, int] = {}
        self.hits: Counter[int] = Counter()
        """How many crossings each fault lost or delayed, by its number among the scenario's."""

    @property
    def sound(self) -> bool:
        """Whether no fault lies here, so that nobody has to ask."""
        return not self._losses and not self._delays

    def request(self, msgid: str, code: str, now_us: int) -> Sent:
        """Decide on a request that enters the link now."""
        return self._decide("request", msgid, code, attempt=self._count(msgid, now_us), now_us=now_us)

    def reply(self, msgid: str, code: str, now_us: int, *, sent: Sent) -> Sent:
        """Decide on the reply, leaving the callee now, to a request that went through as ``sent``."""
        return self._decide("reply", msgid, code, attempt=sent.attempt, now_us=now_us)

    def _decide(self, direction: Direction, msgid: str, code: str, *, attempt: int, now_us: int) -> Sent:
        for fault, key in self._losses:
            if (
                fault.direction == direction
                and fault.active(now_us)
                and fault.covers(code)
                and fault.reaches(attempt)
                and uniform(self._seed, key_hash(msgid) ^ key, 0, attempt, Purpose.LOSS) < fault.share
            ):
                self.hits[fault.number] += 1
                return Sent(attempt, lost=True, delay_us=0)
        late = [fault for fault in self._delays if fault.active(now_us) and fault.covers(code)]
        self.hits.update(fault.number for fault in late)
        return Sent(attempt, lost=False, delay_us=sum(fault.add_us for fault in late))

    def _count(self, msgid: str, now_us: int) -> int:
        """Return which crossing this is, counted only while a loss is at work."""
        if not any(fault.active(now_us) for fault, _ in self._losses):
            return 0
        crossings = self._crossings
        crossings[msgid] = nth = crossings.pop(msgid, 0) + 1
        if len(crossings) > _REMEMBERED_MAX:
            del crossings[next(iter(crossings))]
        return nth
