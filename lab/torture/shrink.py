"""The smallest storm: of the choices of a failing world, the few without which it does not fail.

Choices are taken away in ever smaller pieces (delta debugging: Zeller and Hildebrandt, "Simplifying and Isolating
Failure-Inducing Input", IEEE TSE 2002), then each that is left is made as quiet as can be. A place keeps its meaning
when others go, so that what is left is a story. This module must never know what a choice is about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["TRIES_MAX", "Shrunk", "shrunk"]

TRIES_MAX = 3_000
"""So many worlds are gone through at most for one failure."""


@dataclass(frozen=True)
class Shrunk:
    """The choices that are left, of how many, after how many worlds."""

    choices: dict[str, int]
    of: int
    tries: int


def shrunk(
    choices: Mapping[str, int], fails: Callable[[Mapping[str, int]], bool], tries_max: int = TRIES_MAX
) -> Shrunk:
    """Return the fewest choices found with which the world still ``fails``; with ``choices`` it does."""
    search = _Search(fails, tries_max)
    left = search.fewest(dict(choices))
    left = search.smallest(left)
    return Shrunk(search.fewest(left), len(choices), search.tries)


class _Search:
    """Counts what it tries."""

    def __init__(self, fails: Callable[[Mapping[str, int]], bool], tries_max: int) -> None:
        self._fails = fails
        self._left = tries_max
        self.tries = 0

    def fewest(self, choices: dict[str, int]) -> dict[str, int]:
        """Take away piece after piece, as long as it fails without it."""
        size = max(1, len(choices) // 2)
        while choices and self._left:
            smaller = self._without_a_piece(choices, size)
            if smaller is not None:
                choices, size = smaller, max(1, min(size, len(smaller) // 2))
            elif size == 1:
                break
            else:
                size //= 2
        return choices

    def smallest(self, choices: dict[str, int]) -> dict[str, int]:
        """Make each choice as small as it may be."""
        for place in list(choices):
            for value in (1, choices[place] // 2, choices[place] - 1):
                if 0 < value < choices[place] and self._still_fails(choices | {place: value}):
                    choices = choices | {place: value}
                    break
        return choices

    def _without_a_piece(self, choices: dict[str, int], size: int) -> dict[str, int] | None:
        """Return the choices without those pieces of a size that are not needed; None where all are."""
        places, taken = list(choices), False
        for start in range(0, len(places), size):
            gone = set(places[start : start + size])
            left = {place: value for place, value in choices.items() if place not in gone}
            if len(left) < len(choices) and self._still_fails(left):
                choices, taken = left, True
        return choices if taken else None

    def _still_fails(self, choices: Mapping[str, int]) -> bool:
        if not self._left:
            return False
        self._left -= 1
        self.tries += 1
        return self._fails(choices)
