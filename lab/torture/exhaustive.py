"""Every way of two or three messages, up to a bound: each order, each loss, each death, one, two or more at once.

A sale (2102) and what undoes it at the same instant: its reversal (2601), or its cancel (2103). The rest of the world
is quiet. A *way* is a set of at most so many choices that are not quiet, in the order in which they come.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lab.torture.batch import Failure
from lab.torture.seeds import Asked, Ended, noted

__all__ = ["SCENES", "Searched", "every_way"]

SCENES: dict[str, dict[str, int]] = {
    "a sale and its reversal": {"visit 1 comes #1": 1, "another clerk acts on visit 1 #1": 1},
    "a sale in the province and its reversal": {"visit 3 comes #1": 1, "another clerk acts on visit 3 #1": 1},
    "a sale, its reversal, and another": {"visit 1 comes #1": 1, "another clerk acts on visit 1 #1": 2},
}
"""What is there before the search chooses."""
_CHOSEN = re.compile(r"pick #|\b(2102|2103|2601) of visit|the clerk of visit \d+ does")
"""The places where it does: who goes first, and what happens to these messages."""


@dataclass
class Searched:
    """What was gone through."""

    worlds: int = 0
    failures: list[Failure] = field(default_factory=list[Failure])
    seen: Counter[str] = field(default_factory=Counter[str])


def every_way(scene: Mapping[str, int], bound: int) -> Iterator[tuple[dict[str, int], Ended]]:
    """Yield every world of a scene with at most ``bound`` choices that are not quiet, and the choices that made it."""
    yield from _ways(dict(scene), bound, after=-1)


def _ways(choices: dict[str, int], bound: int, after: int) -> Iterator[tuple[dict[str, int], Ended]]:
    ended, met = noted(choices)
    yield choices, ended
    if bound == 0:
        return
    for number, choice in enumerate(met):
        if number <= after or choice.place in choices or not _CHOSEN.search(choice.place):
            continue
        for value in choice.others:
            yield from _ways({**choices, choice.place: value}, bound - 1, number)


def searched(scene: Mapping[str, int], bound: int, into: Searched) -> None:
    """Go through every way of a scene."""
    for choices, ended in every_way(scene, bound):
        into.worlds += 1
        into.seen += ended.seen
        if ended.wrong:
            into.failures.append(Failure(Asked(0), choices, ended.wrong))
