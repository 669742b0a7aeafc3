"""What a faulty link does to a message: the one decision that the simulated links and the real fault proxy both take.

A loss, and a yes that is none, is drawn by key, from (seed, fault, link, direction, message id, nth time that message
crosses that link), so both worlds lose the same messages. A link is a pair of ends: ``hospital``, a province, or
``hub``; a reply belongs to the link of its request. This module must never send, wait or know which world it is in.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from reference_impl.books.losing import CommitLoss
from reference_impl.domain.keyed import Purpose, key_hash, uniform
from scenarios.schema.faults import ANY, Delay, Lose, LostCommit, YesWithErrorText, YesWithoutReceipt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scenarios.schema.scenario import Scenario

__all__ = [
    "FALSE_YES",
    "FALSE_YES_TEXT",
    "Disturbance",
    "FalseYes",
    "FaultyLink",
    "Sent",
    "commit_losses",
    "disturbances",
]

_FOREVER_US = 1 << 62
_REMEMBERED_MAX = 200_000
"""Messages whose crossings a link remembers: many times those of the longest deadline. The oldest is forgotten."""

FALSE_YES = ("yes_with_error_text", "yes_without_receipt")
"""The kinds of a yes that is none."""
FALSE_YES_TEXT = "[file service] the query number of the file is missing"
"""What a platform said beside its yes; the sentence is our own (FOUND: a file service, a component in brackets)."""
_ANSWERED_FALSELY = "yes"
_ACTED_STEP = 1
"""Whether the callee acted is another draw of the same key."""

Direction = Literal["request", "reply"]
Kind = Literal["lose", "delay", "yes_with_error_text", "yes_without_receipt"]


class Disturbance(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of links in the run's clock. ``number`` is its place among the scenario's faults."""

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


class FalseYes(NamedTuple):
    """A yes that is none: of which fault, and whether the callee acted before it said so."""

    number: int
    with_text: bool
    acted: bool


class Sent(NamedTuple):
    """What becomes of a message on its way. ``attempt`` counts its crossings; 0 while no loss is at work.

    ``false_yes`` is what the caller is told in place of the callee's yes; where the callee did not act, at once.
    """

    attempt: int
    lost: bool
    delay_us: int
    false_yes: FalseYes | None = None

    @property
    def turned_back(self) -> bool:
        """Whether the request ends here, answered by a yes that nobody gave."""
        return self.false_yes is not None and not self.false_yes.acted


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
            case YesWithErrorText() | YesWithoutReceipt():
                found.append(
                    _disturbance(
                        number, fault, share=fault.share, acted=fault.acted, codes=fault.codes, first=fault.first
                    )
                )
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
    fault: Lose | Delay | YesWithErrorText | YesWithoutReceipt,
    *,
    direction: Direction = "request",
    share: float = 0.0,
    acted: float = 0.0,
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
        acted=acted,
        codes=codes,
        first=first,
        add_us=add_us,
    )


class FaultyLink:
    """One directed link and the faults that lie on it; counts what they hit.

    It remembers how often each message crossed while losses last.
    """

    __slots__ = ("_crossings", "_delays", "_false_yeses", "_losses", "_seed", "callee", "caller", "hits")

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
        self._false_yeses = tuple(
            (fault, key_hash(f"{fault.number} {caller} {callee} {_ANSWERED_FALSELY}"))
            for fault in here
            if fault.kind in FALSE_YES
        )
        self._delays = tuple(fault for fault in here if fault.kind == "delay")
        self._crossings: dict[str, int] = {}
        self.hits: Counter[int] = Counter()
        """How many crossings each fault lost, delayed or answered falsely, by its number among the scenario's."""

    @property
    def sound(self) -> bool:
        """Whether no fault lies here, so that nobody has to ask."""
        return not self._losses and not self._delays and not self._false_yeses

    def request(self, msgid: str, code: str, now_us: int) -> Sent:
        """Decide on a request that enters the link now."""
        sent = self._decide("request", msgid, code, attempt=self._count(msgid, now_us), now_us=now_us)
        if sent.lost or not self._false_yeses:
            return sent
        told = self._false_yes(msgid, code, attempt=sent.attempt, now_us=now_us)
        if told is not None and not told.acted:
            self.hits[told.number] += 1
        return sent._replace(false_yes=told)

    def reply(self, msgid: str, code: str, now_us: int, *, sent: Sent, yes: bool) -> Sent:
        """Decide on the reply, leaving the callee now, to a request that went through as ``sent``.

        Only a ``yes`` can be spoiled: a refusal and an answer of the system pass as they are.
        """
        back = self._decide("reply", msgid, code, attempt=sent.attempt, now_us=now_us)
        if back.lost or sent.false_yes is None or not yes:
            return back
        self.hits[sent.false_yes.number] += 1
        return back._replace(false_yes=sent.false_yes)

    def _false_yes(self, msgid: str, code: str, *, attempt: int, now_us: int) -> FalseYes | None:
        """Return the yes that is told in place of the callee's, if one is: the first fault that says so."""
        for fault, key in self._false_yeses:
            if not (fault.active(now_us) and fault.covers(code) and fault.reaches(attempt)):
                continue
            keyed = key_hash(msgid) ^ key
            if uniform(self._seed, keyed, 0, attempt, Purpose.LOSS) < fault.share:
                acted = uniform(self._seed, keyed, _ACTED_STEP, attempt, Purpose.LOSS) < fault.acted
                return FalseYes(fault.number, with_text=fault.kind == FALSE_YES[0], acted=acted)
        return None

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
        """Return which crossing this is, counted only while a loss is at work, or a false yes."""
        if not any(fault.active(now_us) for fault, _ in (*self._losses, *self._false_yeses)):
            return 0
        crossings = self._crossings
        crossings[msgid] = nth = crossings.pop(msgid, 0) + 1
        if len(crossings) > _REMEMBERED_MAX:
            del crossings[next(iter(crossings))]
        return nth
