"""Who of those that can go on goes first: by lot, mostly in turn, or by ranks that change a few times (PCT).

Ranks find what hangs on one task standing still for long while others run on, which a fair lot hardly ever makes:
Burckhardt, Kothari, Musuvathi and Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs"
(ASPLOS 2010). Each pick stands on the tape as the place in the queue, 0 for the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from random import Random

from lab.torture.loom import Task
from lab.torture.tape import Tape

__all__ = ["Order", "picker"]

_PICKS = 3_000
"""About so many picks a world has: among them a rank changes."""
_CHANGES = 3
_OUT_OF_TURN = 0.1


class Order(StrEnum):
    """How a world picks."""

    LOT = "lot"
    IN_TURN = "in turn"
    RANKS = "ranks"


def picker(tape: Tape, order: Order, rng: Random | None) -> Callable[[Sequence[Task]], int]:
    """Return who picks; with ``rng`` by ``order``, else as the tape has it."""
    ranks = _Ranks(rng) if order is Order.RANKS and rng is not None else None
    out_of_turn = _OUT_OF_TURN if order is Order.IN_TURN else 1.0

    def pick(ready: Sequence[Task]) -> int:
        ways = len(ready)

        def draw(lot: Random) -> int:
            if ranks is not None:
                return ranks.first(ready)
            return lot.randrange(ways) if out_of_turn == 1.0 or lot.random() < out_of_turn else 0

        return min(tape.take("pick", draw, range(1, ways)), ways - 1)

    return pick


class _Ranks:
    """Each task has a rank by lot; the highest goes on until, a few times, it falls behind all others."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._falls = {rng.randrange(_PICKS) for _ in range(_CHANGES)}
        self._picks = 0
        self._lowest = 0.0

    def first(self, ready: Sequence[Task]) -> int:
        for task in ready:
            if not task.rank:
                task.rank = 1.0 + self._rng.random()
        best = max(range(len(ready)), key=lambda place: ready[place].rank)
        self._picks += 1
        if self._picks in self._falls:
            self._lowest -= 1.0
            ready[best].rank = self._lowest
        return best
