"""Streams of messages at a node, for the arithmetic of loads: how many a second, and what is done with each there.

Must never know how many come: ``capacity`` and ``relays`` say so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reference_impl.domain import transactions as tx
from reference_impl.domain.nodes import Role
from reference_impl.domain.policies import Kind
from reference_impl.hospital.ways import ASKED_AFTER, ORDER, ORDER_CONFIRMED, ORDER_LEFT, SENT_ONCE
from scenarios.schema import Scenario
from sim.model.costs import Stage

__all__ = ["ASKS_WHO_COMES", "Stream", "messages_by_kind", "said_at_desks"]

ASKS_WHO_COMES = (tx.PERSON, tx.ORDER_PERSON)
"""Every visit begins with one of them, and sends it once."""
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


def messages_by_kind(scenario: Scenario, *, elsewhere: bool = True) -> dict[str, dict[str, float]]:
    """Return how many messages of each transaction the mean visit sends, by the kind of visit that sends them.

    Of people who are insured ``elsewhere``, or where they are treated: only those buy by an order.
    """
    mix, by_order = scenario.visits.mix, _order_share(scenario) if elsewhere else 0.0
    counts: dict[str, dict[str, float]] = {
        tx.INPATIENT_LINES: {"inpatient": mix.inpatient * scenario.visits.uploads_per_stay}
    }

    def count(kind: Kind, codes: Iterable[str], per_visit: float) -> None:
        for code in codes:
            sent = counts.setdefault(code, {})
            sent[kind] = sent.get(kind, 0.0) + getattr(mix, kind) * per_visit

    share = _asking_share(scenario)
    at_counter = {kind: 1.0 - by_order if kind == "pharmacy" else 1.0 for kind in SENT_ONCE}
    for kind, codes in SENT_ONCE.items():
        count(kind, codes, at_counter[kind])
    for kind in SENT_ONCE if share else ():
        count(kind, _asked_by(kind), at_counter[kind] * share)
    for code, per_order in _of_an_order(scenario).items() if by_order else ():
        count("pharmacy", (code,), by_order * per_order)
    return counts


def _of_an_order(scenario: Scenario) -> dict[str, float]:
    """Return how many messages of each transaction the mean order sends; all that are confirmed are in time."""
    orders = scenario.visits.orders
    assert orders is not None  # who asks counts orders
    confirmed = 1.0 - orders.not_confirmed
    return {
        **dict.fromkeys(ORDER, 1.0),
        **dict.fromkeys(ORDER_CONFIRMED, confirmed),
        **dict.fromkeys(ORDER_LEFT, orders.not_confirmed),
        tx.REFUND_ORDER: confirmed * orders.refunded,
    }


def _order_share(scenario: Scenario) -> float:
    """Return the share of purchases of people from elsewhere that go by an order, as if none were by prescription."""
    return 0.0 if scenario.visits.orders is None else scenario.visits.orders.share


def said_at_desks(scenario: Scenario, kind: Kind) -> float:
    """Return how many messages the mean visit of a kind sends while its patient stands at a desk.

    Whoever buys by an order goes once it is placed.
    """
    said = len(SENT_ONCE[kind]) + len(_asked_by(kind)) * _asking_share(scenario)
    if kind != "pharmacy":
        return said
    by_order = _order_share(scenario) / (1.0 + scenario.visits.local_per_cross)
    return (1.0 - by_order) * said + by_order * len(ORDER)


def _asked_by(kind: Kind) -> tuple[str, ...]:
    """Return the queries of a desk that asks about a visit of a kind."""
    return tuple(query for code in SENT_ONCE[kind] for query in ASKED_AFTER.get(code, ()))


def _asking_share(scenario: Scenario) -> float:
    """Return the share of visits whose desk asks about them."""
    return 0.0 if scenario.visits.queries is None else scenario.visits.queries.share
