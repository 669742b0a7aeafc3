"""Streams of messages at a node, for the arithmetic of loads: how many a second, and what is done with each there.

Must never know how many come: ``capacity`` and ``relays`` say so.
"""

from __future__ import annotations

from dataclasses import dataclass

from reference_impl.domain import transactions as tx
from reference_impl.domain.nodes import Role
from reference_impl.domain.policies import Kind
from reference_impl.hospital.ways import ASKED_AFTER, SENT_ONCE
from scenarios.schema import Scenario
from sim.model.costs import Stage

__all__ = ["Stream", "asked_by", "asking_share", "messages_by_kind"]

_FORWARDED: tuple[Stage, ...] = ("receive", "forward", "answer", "reply")
_LOCAL: tuple[Stage, ...] = ("receive", "decide", "decide", "reply")
_ENDED: tuple[Stage, ...] = ("receive", "reply")


@dataclass(frozen=True, slots=True)
class Stream:
    """Messages of one kind at one node in one role, a second.

    ``city`` is the insured's relay that they pass, ``kept`` whether the node writes them down.
    """

    node: str
    role: Role
    code: str
    rate_per_s: float
    forwarded: bool
    local: bool
    city: str = ""
    kept: bool = True

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What is done here with a message: each is a piece of a turn."""
        if not self.forwarded:
            return _ENDED
        return _LOCAL if self.local else _FORWARDED

    @property
    def commits(self) -> int:
        """Commits of one message: an intent and an outcome at a forwarder; within a province the insurer's too."""
        if not self.kept:
            return 0
        return len(self.stages) - 1 if self.local and self.forwarded else len(self.stages) // 2


def messages_by_kind(scenario: Scenario) -> dict[str, dict[str, float]]:
    """Return how many messages of each transaction the mean visit sends, by the kind of visit that sends them."""
    mix = scenario.visits.mix
    counts: dict[str, dict[str, float]] = {
        tx.INPATIENT_LINES: {"inpatient": mix.inpatient * scenario.visits.uploads_per_stay}
    }
    for kind, codes in SENT_ONCE.items():
        for code in codes:
            sent = counts.setdefault(code, {})
            sent[kind] = sent.get(kind, 0.0) + getattr(mix, kind)
    share = asking_share(scenario)
    for kind in SENT_ONCE if share else ():
        for code in asked_by(kind):
            asked = counts.setdefault(code, {})
            asked[kind] = asked.get(kind, 0.0) + getattr(mix, kind) * share
    return counts


def asked_by(kind: Kind) -> tuple[str, ...]:
    """Return the queries of a desk that asks about a visit of a kind."""
    return tuple(query for code in SENT_ONCE[kind] for query in ASKED_AFTER.get(code, ()))


def asking_share(scenario: Scenario) -> float:
    """Return the share of visits whose desk asks about them."""
    return 0.0 if scenario.visits.queries is None else scenario.visits.queries.share
