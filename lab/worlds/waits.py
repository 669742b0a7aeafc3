"""By which call of the system the generator waits for its sockets: chosen by what a wait would cost in the run at hand.

``select`` waits for microseconds, so patients start more punctually, and looks at every open descriptor each time;
``epoll`` looks at none, and waits for whole milliseconds. The price of a look is measured here and now; how many would
be open is the worst that may come: everybody who arrives within one deadline stands before a system that is still.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["backend_for", "look_us"]

_MOST_SHARE = 0.1
"""Of a core: so much may the looks of ``select`` take."""
_WAITS_A_VISIT = 12
"""A wait for each message to leave and one for its answer, of six messages a visit."""
_OPENED = 200
_LOOKS = 200
_US_PER_S = 1_000_000


def look_us(opened: int) -> float:
    """Return the microseconds that one look at ``opened`` silent descriptors takes, as measured on some of them."""
    reads, writes = os.pipe()
    some = [reads, *(os.dup(reads) for _ in range(_OPENED - 1))]
    looks = select.poll()
    try:
        for one in some:
            looks.register(one, select.POLLIN)
        began_ns = time.perf_counter_ns()
        for _ in range(_LOOKS):
            looks.poll(0)
        took_us = (time.perf_counter_ns() - began_ns) / 1_000 / _LOOKS
    finally:
        for one in (*some, writes):
            os.close(one)
    return took_us * opened / _OPENED


def backend_for(
    arrivals_us: np.ndarray[Any, np.dtype[np.int64]], deadline_us: int, price: Callable[[int], float] = look_us
) -> str:
    """Return ``select`` or ``epoll`` for visits that arrive so; ``price`` is of a look at so many, in microseconds."""
    looks = _most_within(arrivals_us, _US_PER_S) * _WAITS_A_VISIT
    share = looks * price(_most_within(arrivals_us, deadline_us)) / _US_PER_S
    return "select" if share <= _MOST_SHARE else "epoll"


def _most_within(arrivals_us: np.ndarray[Any, np.dtype[np.int64]], span_us: int) -> int:
    """Return how many arrive within a span at most.

    >>> _most_within(np.array([0, 1, 2, 10, 11]), 3)
    3
    """
    if not len(arrivals_us):
        return 0
    return int((np.searchsorted(arrivals_us, arrivals_us + span_us) - np.arange(len(arrivals_us))).max())
