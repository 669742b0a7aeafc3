"""How many journeys the generator may have under way: each may need a connection, and a connection a descriptor."""

from __future__ import annotations

import resource
from contextlib import suppress

from loadtest.schedule import JOURNEYS_MAX
from reference_impl.domain.failures import InputError

RESERVED = 100
"""Descriptors for what is no connection: the tables, the log, the pipes, the event loop, the libraries."""
_ENDLESS = 1_048_576
"""What Linux gives one process at most, unless it was told otherwise (fs.nr_open)."""


def raise_limit() -> int:
    """Raise the limit of open descriptors as far as this process may, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENDLESS if hard == resource.RLIM_INFINITY else hard
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft


def journeys_max(asked: int | None, descriptors: int) -> int:
    """Return how many journeys may be under way with so many descriptors; ``asked`` is what somebody insists on.

    Raises:
        InputError: when that cannot be had, or is none at all, or when nothing is left beside the reserve.

    """
    possible = descriptors - RESERVED
    if possible < 1:
        raise InputError(
            f"the generator may open {descriptors} files; expected more than the {RESERVED} it needs beside its "
            "connections; raise the limit (ulimit -Hn)"
        )
    if asked is None:
        return min(JOURNEYS_MAX, possible)
    if not 1 <= asked <= possible:
        raise InputError(
            f"--journeys-max is how many journeys may be under way, each with a connection; got {asked}; expected 1 to "
            f"{possible}, as {descriptors} files may be open and {RESERVED} are kept back; ask for fewer, leave the "
            "option out, or raise the limit (ulimit -Hn)"
        )
    return asked
