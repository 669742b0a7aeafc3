"""What a caller holds back by itself, for each destination: the insured province that a message is for.

Three bounds, each only where it is asked for: a breaker, a budget of retries, and how many messages are under way at
once. A destination that is slow or away then takes neither the caller's workers nor its retries from the others. Nodes
and hospitals keep the same bounds. Kept in memory, and new after a restart. What is held back was not sent, so that
call had no effect. It must never say anything of what an earlier one did.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

import msgspec

from reference_impl.domain.breaker import Breaker, BreakerRule
from reference_impl.domain.regions import province_of
from reference_impl.domain.retry_budget import RetryBudget, RetryBudgetRule
from reference_impl.protocol.messages import Busy, Outcome, Overloaded, Request, Unknown, Unreachable

__all__ = ["FULL_RETRY_US", "CallRules", "Held", "HeldBy", "LetGo", "Restraint", "is_failure"]

FULL_RETRY_US = 1_000_000
"""What a sender is told to wait while as much is under way to its destination as may be."""


class CallRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What calls of one caller go by; None where there is no such bound. ``at_once`` are under way to one place."""

    breaker: BreakerRule | None = None
    budget: RetryBudgetRule | None = None
    at_once: int | None = None


class HeldBy(StrEnum):
    """Which bound held a call back."""

    BREAKER = "breaker"
    BUDGET = "budget"
    FULL = "full"


class Held(NamedTuple):
    """A call that may not go now; it is best to wait ``wait_us``."""

    wait_us: int
    by: HeldBy


class _Way:
    """What is known of one destination."""

    __slots__ = ("breaker", "budget", "under_way")

    def __init__(self, rules: CallRules, now_us: int) -> None:
        self.breaker = None if rules.breaker is None else Breaker(rules.breaker)
        self.budget = None if rules.budget is None else RetryBudget(rules.budget, now_us)
        self.under_way = 0


class LetGo:
    """A call that may go: told once what came of it."""

    __slots__ = ("_now_us", "_opening", "_way")

    def __init__(self, way: _Way, now_us: Callable[[], int], opening: int) -> None:
        """Count the call as under way; ``opening`` is how often its breaker had opened."""
        way.under_way += 1
        self._way: _Way | None = way
        self._now_us = now_us
        self._opening = opening

    def end(self, outcome: Outcome | None = None) -> None:
        """Take in what came of it, the first time; None when nobody will know, or it was not made after all."""
        way, self._way = self._way, None
        if way is None:
            return
        way.under_way -= 1
        if way.breaker is None:
            return
        if outcome is None:
            way.breaker.dropped(self._opening)
        else:
            way.breaker.heard(self._now_us(), self._opening, failed=is_failure(outcome))


class Restraint:
    """The bounds of one caller."""

    __slots__ = ("_at_once", "_now_us", "_rules", "_ways", "held", "home", "let_go")

    def __init__(self, rules: CallRules, now_us: Callable[[], int], home: str = "") -> None:
        """Start with every way open; ``now_us`` reads the caller's clock, ``home`` is the node that calls."""
        self.home = home
        self._rules = rules
        self._now_us = now_us
        self._at_once = rules.at_once
        self._ways: dict[str, _Way] = {}
        self.let_go = 0
        """How many calls went."""
        self.held = 0
        """How many did not."""

    @property
    def openings(self) -> int:
        """How often a breaker has opened."""
        return sum(way.breaker.openings for way in self._ways.values() if way.breaker is not None)

    def ask(self, request: Request, *, again: bool) -> LetGo | Held:
        """Let a call go, or say why not now; ``again``: it may have been sent before."""
        asked = self._ask(self._way(request), again=again)
        if isinstance(asked, Held):
            self.held += 1
        else:
            self.let_go += 1
        return asked

    def _ask(self, way: _Way, *, again: bool) -> LetGo | Held:
        if self._at_once is not None and way.under_way >= self._at_once:
            return Held(FULL_RETRY_US, HeldBy.FULL)
        now_us, breaker, opening = self._now_us(), way.breaker, 0
        if breaker is not None:
            wait_us = breaker.ask(now_us)
            if wait_us:
                return Held(wait_us, HeldBy.BREAKER)
            opening = breaker.openings
        if way.budget is not None:
            wait_us = way.budget.retry(now_us) if again else way.budget.began()
            if wait_us:
                if breaker is not None:
                    breaker.dropped(opening)
                return Held(wait_us, HeldBy.BUDGET)
        return LetGo(way, self._now_us, opening)

    def _way(self, request: Request) -> _Way:
        destination = province_of(request.insured_region)
        way = self._ways.get(destination)
        if way is None:
            way = self._ways[destination] = _Way(self._rules, self._now_us())
        return way


def is_failure(outcome: Outcome) -> bool:
    """Return whether an outcome says that the way is in trouble: silent, nobody there, or behind with its work.

    A closed door is planned, and what wants for money was served.
    """
    match outcome:
        case Unknown() | Unreachable() | Busy():
            return True
        case Overloaded(why=why):
            return not why
        case _:
            return False
