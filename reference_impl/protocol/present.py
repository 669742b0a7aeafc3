"""How many copies of each message are at one place of a node at this moment: before a door, or in work behind it."""

from __future__ import annotations

from collections import defaultdict

from reference_impl.protocol.records import Key

__all__ = ["Present"]


class Present(defaultdict[Key, int]):
    """The messages that are there, each with the number of its copies; ``present[key] += 1`` counts one that comes."""

    __slots__ = ()

    def __init__(self) -> None:
        """Start with nobody there."""
        super().__init__(int)

    def go(self, key: Key) -> None:
        """Take out a copy that goes; a message of which none is left is no key."""
        self[key] -= 1
        if not self[key]:
            del self[key]
