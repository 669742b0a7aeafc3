"""The messages that a forwarder has in work at this moment, and which of them a reversal may have crossed.

A lease is kept in memory: it ends with its work, and with the process. While it lasts, nobody else decides about its
message; the intent holds its visit, and the versions of the books refuse what moved all the same.
"""

from __future__ import annotations

from reference_impl.protocol.messages import CancelSettlement, Request, Reverse
from reference_impl.protocol.records import Key

__all__ = ["Leases"]

_TAKING_BACK = (CancelSettlement, Reverse)


class Leases:
    """Who has which message in work: one work a message at a time."""

    __slots__ = ("_crossed", "_reversing", "_taken")

    def __init__(self) -> None:
        """Start with nothing in work."""
        self._taken: set[Key] = set()
        self._reversing: set[Key] = set()
        """Those of them that are reversals."""
        self._crossed: set[Key] = set()
        """Those of them beside which a reversal was in work, so that what they saw at first may be so no more."""

    def __len__(self) -> int:
        """Return how many messages are in work."""
        return len(self._taken)

    def __contains__(self, key: Key) -> bool:
        """Return whether a message is in work."""
        return key in self._taken

    def take(self, key: Key, request: Request) -> bool:
        """Take a message into work; return whether it is this work's now, and not in another's."""
        if key in self._taken:
            return False
        self._taken.add(key)
        if isinstance(request.body, Reverse):
            self._reversing.add(key)
            self._crossed |= self._taken
        elif self._reversing:
            self._crossed.add(key)
        return True

    def give_back(self, key: Key) -> None:
        """Take a message out of work."""
        self._taken.discard(key)
        if self._crossed:  # a reversal crosses itself: without one there is nothing else to forget
            self._reversing.discard(key)
            self._crossed.discard(key)

    def still_holds(self, key: Key, request: Request) -> bool:
        """Return whether what was seen with a message's intent is so yet.

        No version tells of the copy that a cancel takes back, so that is looked for again.
        """
        return key not in self._crossed and not isinstance(request.body, _TAKING_BACK)
