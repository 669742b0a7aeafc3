"""Which worker lives which institution: whole institutions, dealt by their visits.

An institution stays whole, because its visits share its desks, its clock and its session. Whoever deals needs nothing
but the plan, which every worker makes anew from the seed. Pure arithmetic; it must never import gevent.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heapreplace

__all__ = ["deal"]


def deal(visits: Sequence[int], workers: int) -> tuple[int, ...]:
    """Return the worker, from 0, of each institution by its visits: the largest first, to whoever has fewest.

    No worker then has more than the fair share and one institution more. Ties go by place, so the deal is the same
    wherever it is made.

    >>> deal([5, 1, 4, 3], 2)
    (0, 0, 1, 1)
    """
    hands = [(0, worker) for worker in range(workers)]
    heapify(hands)
    dealt = [0] * len(visits)
    for place in sorted(range(len(visits)), key=lambda place: (-visits[place], place)):
        has, worker = hands[0]
        dealt[place] = worker
        heapreplace(hands, (has + visits[place], worker))
    return tuple(dealt)
