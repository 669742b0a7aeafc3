"""Which faults the world of a seed has, and how often: a swarm of mixes, each missing most of what another has.

Only how often: what happens where, and when, is a choice of its own on the tape.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from lab.torture.nodes import CARE_CITY, INSURED_CITY, PHONE, WAYS, ways_over
from lab.torture.order import Order
from reference_impl.domain import transactions as t

__all__ = ["QUIET_MIX", "STORMS_S", "Mix"]

_OPENS_AND_SETTLES = (t.REGISTER, t.ADMIT, t.PHARMACY_SETTLE, t.OUTPATIENT_SETTLE, t.INPATIENT_SETTLE)
_DARK = (
    *[""] * 10,
    *(t.PERSON, t.OUTPATIENT_LINES, t.OUTPATIENT_TRIAL, t.DISCHARGE, t.INPATIENT_TRIAL, t.INPATIENT_LINES),
    t.CANCEL_REGISTRATION,
    *_OPENS_AND_SETTLES,
    *[t.REVERSE] * 2,
)
_TARDY = (*[""] * 2, *_OPENS_AND_SETTLES, t.REVERSE)
_LINKS = tuple(f"{one} to {other}" for one, other in ways_over(()))
_LINKS_OVER_CITIES = tuple(f"{one} to {other}" for one, other in ways_over((CARE_CITY, INSURED_CITY)))
"""As the hospital's side calls them; an answer comes by the same."""
_PHONE_LINK = f"{PHONE} to {WAYS[0][1]}"
STORMS_S = (10, 30, 60, 150)
"""How long a storm may last."""


@dataclass(frozen=True)
class Mix:
    """How often what happens; shares of messages, steps of books, and visits."""

    loss: float = 0.0
    late: float = 0.0
    twice: float = 0.0
    kill: float = 0.0
    slow_disk: float = 0.0
    doors: int = 0
    cuts: int = 0
    """Links that are cut for a while."""
    dark: str = ""
    """One transaction that hardly ever gets through."""
    tardy: str = ""
    """One transaction that mostly gets through long after nobody waits for it any more."""
    where: str = ""
    """The one link that messages are lost on or late; empty for every link."""
    clerk: float = 0.0
    """Visits about which another clerk does what they think right."""
    prefund: float = 0.0
    sqlite: float = 0.0
    """Nodes whose books lie in a file."""
    storm: int = 0
    """Which of ``STORMS_S``."""
    order: Order = Order.IN_TURN
    relays: int = 0
    """Which cities have a relay: none, that of the hospital, that of the insured, both."""
    filing: int = 0
    """Which filing is asked of people from elsewhere, if any."""
    orders: int = 0
    """Which way people from elsewhere order their drugs, if they do."""
    care_types: int = 0
    """Which way visits are paid as more than ordinary ones, if they are."""
    renumbered: int = 0
    """What gets new numbers in the storm, if anything does."""
    dialects: int = 0
    """Whether stays are told in the old dialect at first, and in today's later."""

    @classmethod
    def drawn(cls, rng: Random, *, wide: bool = False) -> Mix:
        """Return the mix of a seed; a ``wide`` one is of a country with more than plain settlements."""
        plain = cls(
            loss=rng.choice([0, 0, 0.02, 0.1, 0.3]),
            late=rng.choice([0, 0.02, 0.1]),
            twice=rng.choice([0, 0, 0.05, 0.5]),
            kill=rng.choice([0, 0, 0.003, 0.02]),
            slow_disk=rng.choice([0, 0.1, 0.3]),
            doors=rng.choice([0, 1, 3, 6]),
            cuts=rng.choice([0, 0, 1, 2]),
            dark=rng.choice(_DARK),
            tardy=rng.choice(_TARDY),
            where=rng.choice(["", *_LINKS]),
            clerk=rng.choice([0, 1]),
            prefund=rng.choice([0, 0, 0, 1]),
            sqlite=rng.choice([0, 0, 0, 1]),
            storm=rng.randrange(len(STORMS_S)),
            order=rng.choice([Order.LOT, Order.LOT, Order.IN_TURN, Order.RANKS]),
        )
        return plain._widened(rng) if wide else plain

    def _widened(self, rng: Random) -> Mix:
        relays, orders = rng.choice([0, 0, 1, 2, 3]), rng.choice([0, 1, 1, 2])
        links = (*(_LINKS_OVER_CITIES if relays else _LINKS), *((_PHONE_LINK,) if orders else ()))
        return replace(
            self,
            where=rng.choice(["", *links]),
            relays=relays,
            orders=orders,
            clerk=rng.choice([0, 1, 1, 1]),
            filing=rng.choice([0, 1, 2, 2, 3]),
            care_types=rng.choice([0, 0, 1, 1, 2]),
            renumbered=rng.choice([0, 0, 1, 2, 3]),
            dialects=rng.choice([0, 0, 1]),
        )


QUIET_MIX = Mix()
"""No fault at all: what a tape adds is all there is."""
