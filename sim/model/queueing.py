"""How often somebody waits, by the textbook: Poisson arrivals, exponential service, as many servers as there are."""

from __future__ import annotations

__all__ = ["erlang_c"]


def erlang_c(load: float, servers: int) -> float:
    """Return the share of arrivals that must wait at ``servers`` offered ``load`` (arrival rate times service time).

    >>> round(erlang_c(0.5, 1), 6), erlang_c(2.0, 2)
    (0.5, 1.0)
    """
    if load >= servers:
        return 1.0
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = load * blocked / (count + load * blocked)
    return blocked / (1.0 - load / servers * (1.0 - blocked))
