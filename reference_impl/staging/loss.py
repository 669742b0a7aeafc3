"""What a faulty link does to a message: the one decision that the simulated links and the real fault proxy both take.

Whom a fault hits, and how late jitter makes it, is drawn by key, from (seed, fault, link, direction, message id, nth
time that message crosses that link), so both worlds hit the same messages. A link is a pair of ends: ``hospital``, a
province, or ``hub``; a reply belongs to the link of its request. This module must never send, wait or know which world
it is in.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from reference_impl.books.losing import CommitLoss
from reference_impl.domain.keyed import Purpose, key_hash, uniform
from reference_impl.staging.bandwidth import Bucket
from reference_impl.staging.disturbing import CUTS, FALSE_YES, Direction, Disturbance, disturbances
from scenarios.schema.faults import LostCommit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scenarios.schema.scenario import Scenario

__all__ = [
    "FALSE_YES",
    "FALSE_YES_TEXT",
    "Cut",
    "Disturbance",
    "FalseYes",
    "FaultyLink",
    "Sent",
    "commit_losses",
    "disturbances",
]

_REMEMBERED_MAX = 200_000
"""Messages whose crossings a link remembers: many times those of the longest deadline. The oldest is forgotten."""

FALSE_YES_TEXT = "[file service] the query number of the file is missing"
"""What a platform said beside its yes; the sentence is our own (FOUND: a file service, a component in brackets)."""
_ANSWERED_FALSELY = "yes"
_ACTED_STEP = 1
"""Whether the callee acted is another draw of the same key."""
_JITTER_STEP = 1
"""And so is how late jitter makes a message."""
_DIRECTIONS: tuple[Direction, Direction] = ("request", "reply")

_Keyed = tuple[Disturbance, int]
"""A fault and the key of its draws on a link, one way."""


class FalseYes(NamedTuple):
    """A yes that is none: of which fault, and whether the callee acted before it said so."""

    number: int
    with_text: bool
    acted: bool


class Cut(NamedTuple):
    """The end of a connection in the middle of a message: so long after that middle, by a reset or in good order."""

    after_us: int
    by_reset: bool


class Sent(NamedTuple):
    """What becomes of a message on its way. ``attempt`` counts its crossings; 0 while nothing is drawn.

    ``false_yes`` is what the caller is told in place of the callee's yes; where the callee did not act, at once.
    ``cut`` ends it in its middle, unread; ``copy_after_us`` is how long after it its copy comes, where one does.
    """

    attempt: int
    lost: bool
    delay_us: int
    false_yes: FalseYes | None = None
    cut: Cut | None = None
    copy_after_us: int | None = None

    @property
    def arrives(self) -> bool:
        """Whether the other end gets to read it."""
        return not self.lost and self.cut is None

    @property
    def turned_back(self) -> bool:
        """Whether the request ends here, answered by a yes that nobody gave."""
        return self.false_yes is not None and not self.false_yes.acted


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


class _Crossing(NamedTuple):
    """A message that enters a link: which, the nth time, when, and how many bytes it has."""

    direction: Direction
    msgid: str
    code: str
    attempt: int
    now_us: int
    size_bytes: int


class FaultyLink:
    """One directed link and the faults that lie on it; counts what they hit.

    It remembers how often each message crossed while anything is drawn.
    """

    __slots__ = (
        "_copies",
        "_crossings",
        "_cuts",
        "_delays",
        "_drawn",
        "_false_yeses",
        "_held",
        "_limits",
        "_losses",
        "_seed",
        "callee",
        "caller",
        "hits",
        "sound",
    )

    def __init__(self, seed: int, caller: str, callee: str, faults: Iterable[Disturbance]) -> None:
        """Keep the faults of this link; ``caller`` and ``callee`` are ends (see ``link_end``)."""
        here = [fault for fault in faults if fault.concerns(caller, callee)]
        self.caller, self.callee = caller, callee
        self.sound = not here
        """Whether no fault lies here, so that nobody has to ask."""
        self._seed = seed
        self._losses = tuple(self._keyed(here, "lose"))
        self._cuts = tuple(self._keyed(here, *CUTS))
        self._held = tuple(self._keyed(here, "reorder"))
        self._copies = tuple(self._keyed(here, "duplicate"))
        self._false_yeses = tuple(self._keyed(here, *FALSE_YES, way=_ANSWERED_FALSELY))
        self._delays = {way: tuple(self._keyed(here, "delay", way=way)) for way in _DIRECTIONS}
        self._limits = {
            way: tuple(
                (fault, Bucket(fault.bytes_per_second, fault.burst_bytes))
                for fault in here
                if fault.kind == "bandwidth"
            )
            for way in _DIRECTIONS
        }
        self._drawn = tuple(fault for fault in here if fault.is_drawn)
        self._crossings: dict[str, int] = {}
        self.hits: Counter[int] = Counter()
        """How many crossings each fault lost, cut, delayed, doubled or answered falsely, by its number."""

    def weighs(self, now_us: int) -> bool:
        """Return whether it matters now how many bytes a message has."""
        return any(fault.active(now_us) for fault, _ in self._limits["request"])

    def request(self, msgid: str, code: str, now_us: int, size_bytes: int = 0) -> Sent:
        """Decide on a request that enters the link now."""
        crossing = _Crossing("request", msgid, code, self._count(msgid, now_us), now_us, size_bytes)
        sent = self._decide(crossing)
        if not sent.arrives:
            return sent
        told = self._false_yes(crossing)
        if told is not None and not told.acted:
            self.hits[told.number] += 1
            return sent._replace(false_yes=told)
        return sent._replace(false_yes=told, copy_after_us=self._copy_after_us(crossing))

    def reply(self, msgid: str, code: str, now_us: int, *, sent: Sent, yes: bool, size_bytes: int = 0) -> Sent:
        """Decide on the reply, leaving the callee now, to a request that went through as ``sent``.

        Only a ``yes`` can be spoiled: a refusal and an answer of the system pass as they are.
        """
        back = self._decide(_Crossing("reply", msgid, code, sent.attempt, now_us, size_bytes))
        if not back.arrives or sent.false_yes is None or not yes:
            return back
        self.hits[sent.false_yes.number] += 1
        return back._replace(false_yes=sent.false_yes)

    # --- inside ---

    def _keyed(self, here: Iterable[Disturbance], *kinds: str, way: str = "") -> Iterator[_Keyed]:
        for fault in here:
            if fault.kind in kinds:
                yield fault, key_hash(f"{fault.number} {self.caller} {self.callee} {way or fault.direction}")

    def _decide(self, crossing: _Crossing) -> Sent:
        attempt = crossing.attempt
        if self._first_hit(self._losses, crossing, Purpose.LOSS) is not None:
            return Sent(attempt, lost=True, delay_us=0)
        cut = self._first_hit(self._cuts, crossing)
        if cut is not None:
            return Sent(attempt, lost=False, delay_us=0, cut=Cut(cut.add_us, by_reset=cut.kind == CUTS[0]))
        delay_us = self._late_us(crossing) + self._held_us(crossing)
        return Sent(attempt, lost=False, delay_us=delay_us + self._queued_us(crossing))

    def _first_hit(
        self, faults: tuple[_Keyed, ...], crossing: _Crossing, purpose: Purpose = Purpose.LINK_FAULT
    ) -> Disturbance | None:
        """Return the first of the faults that hits a message, and count it."""
        for fault, key in faults:
            if self._meets(fault, crossing) and self._draw(key, 0, crossing, purpose) < fault.share:
                self.hits[fault.number] += 1
                return fault
        return None

    def _late_us(self, crossing: _Crossing) -> int:
        """Return by how much delays and their jitter make a message later."""
        late_us = 0
        for fault, key in self._delays[crossing.direction]:
            if fault.active(crossing.now_us) and fault.covers(crossing.code):
                self.hits[fault.number] += 1
                late_us += fault.add_us
                if fault.jitter_us:
                    late_us += int(fault.jitter_us * self._draw(key, _JITTER_STEP, crossing, Purpose.LINK_FAULT))
        return late_us

    def _held_us(self, crossing: _Crossing) -> int:
        held = self._first_hit(self._held, crossing)
        return 0 if held is None else held.add_us

    def _queued_us(self, crossing: _Crossing) -> int:
        """Return how long a message waits for a link that is narrow; what waits when that is over passes then."""
        late_us = 0
        for fault, bucket in self._limits[crossing.direction]:
            if fault.active(crossing.now_us):
                queued_us = bucket.wait_us(crossing.size_bytes, crossing.now_us)
                wait_us = min(queued_us, fault.until_us - crossing.now_us)
                self.hits[fault.number] += wait_us > 0
                late_us = max(late_us, wait_us)
        return late_us

    def _copy_after_us(self, crossing: _Crossing) -> int | None:
        copied = self._first_hit(self._copies, crossing)
        return None if copied is None else copied.add_us

    def _false_yes(self, crossing: _Crossing) -> FalseYes | None:
        """Return the yes that is told in place of the callee's, if one is: the first fault that says so."""
        for fault, key in self._false_yeses:
            if self._meets(fault, crossing) and self._draw(key, 0, crossing, Purpose.LOSS) < fault.share:
                acted = self._draw(key, _ACTED_STEP, crossing, Purpose.LOSS) < fault.acted
                return FalseYes(fault.number, with_text=fault.kind == FALSE_YES[0], acted=acted)
        return None

    def _meets(self, fault: Disturbance, crossing: _Crossing) -> bool:
        return (
            fault.direction == crossing.direction
            and fault.active(crossing.now_us)
            and fault.covers(crossing.code)
            and fault.reaches(crossing.attempt)
        )

    def _draw(self, key: int, step: int, crossing: _Crossing, purpose: Purpose) -> float:
        return uniform(self._seed, key_hash(crossing.msgid) ^ key, step, crossing.attempt, purpose)

    def _count(self, msgid: str, now_us: int) -> int:
        """Return which crossing this is, counted only while something is at work that is drawn."""
        if not any(fault.active(now_us) for fault in self._drawn):
            return 0
        crossings = self._crossings
        crossings[msgid] = nth = crossings.pop(msgid, 0) + 1
        if len(crossings) > _REMEMBERED_MAX:
            del crossings[next(iter(crossings))]
        return nth
