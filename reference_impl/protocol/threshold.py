"""What a door says to one of two copies of a message: nothing was done, or the other copy may yet act.

A network may bring a request twice, and a door may close between the two. The copy that is turned away must not say
that nothing was done (G2, G3) while the other stands before the door, is in work, or is in the books. What a node
cannot know is a copy that is still on its way. Kept in memory: a copy that stood here has gone with its process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from reference_impl.protocol.messages import Answer, Closed, Overloaded
from reference_impl.protocol.present import Present
from reference_impl.protocol.records import Key

__all__ = ["Threshold", "may_have_acted"]


def may_have_acted(refusal: Closed | Overloaded, key: Key) -> Closed | Overloaded:
    """Return a refusal to serve that says which message may have had its effect all the same."""
    return msgspec.structs.replace(refusal, msgid=key.msgid)


class Threshold:
    """The copies of messages that stand before a node's doors at this moment."""

    __slots__ = ("_passed", "standing")

    def __init__(self) -> None:
        """Start with nobody there."""
        self.standing = Present()
        self._passed: set[Key] = set()
        """Those of which a copy has passed while another stood there, which may have looked before that acted."""

    async def crossed(
        self, key: Key, judged: Awaitable[Closed | Overloaded | None], in_work: Callable[[Key], bool]
    ) -> Closed | Overloaded | None:
        """Return what a door says once it has ``judged`` a copy; None lets it pass.

        ``in_work`` says whether another copy is behind the door now.
        """
        standing = self.standing
        standing[key] += 1
        refusal: Closed | Overloaded | None = None
        judged_so = False
        try:
            refusal = await judged
            judged_so = True
            if refusal is not None and (standing[key] > 1 or key in self._passed or in_work(key)):
                return may_have_acted(refusal, key)
            return refusal
        finally:
            self._leave(key, passes=judged_so and refusal is None)

    def beside(self, answer: Answer, key: Key) -> Answer:
        """Return what is said to a copy that was behind the door, where another stands before it and may yet pass."""
        if isinstance(answer, Closed | Overloaded) and key in self.standing:
            return may_have_acted(answer, key)
        return answer

    def _leave(self, key: Key, *, passes: bool) -> None:
        self.standing.go(key)
        if key not in self.standing:
            self._passed.discard(key)
        elif passes:
            self._passed.add(key)
