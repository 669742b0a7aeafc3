"""One tape for every choice of a world: each stands under its place, and 0 is always the quiet one.

A place is what is chosen, in words, and for the how-manieth time. So a choice means the same when others are taken
away: a world is played again from those of its choices that matter, and all others are quiet. This module must never
know what a choice is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import NamedTuple

from reference_impl.domain.failures import InputError

__all__ = ["QUIET", "Choice", "Tape", "spelled", "spelt_out"]

QUIET = 0


class Choice(NamedTuple):
    """A place that was met, what was chosen there, and what else there is to try."""

    place: str
    value: int
    others: Sequence[int]


class Tape:
    """Choices, given or drawn. Without ``rng`` all that is not given is quiet."""

    __slots__ = ("_given", "_rng", "_times", "met", "taken")

    def __init__(self, rng: Random | None, given: Mapping[str, int] | None = None, *, notes: bool = False) -> None:
        """Begin; ``notes`` keeps every place that is met, quiet ones too: a search that tries them all wants that."""
        self._rng = rng
        self._given = given or {}
        self._times: dict[str, int] = {}
        self.taken: dict[str, int] = {}
        """The choices that were not quiet, in their order."""
        self.met: list[Choice] | None = [] if notes else None

    def take(self, what: str, draw: Callable[[Random], int], others: Sequence[int] = ()) -> int:
        """Return what is chosen about ``what`` this time; ``draw`` is asked where nothing is given."""
        times = self._times.get(what, 0) + 1
        self._times[what] = times
        place = f"{what} #{times}"
        value = self._given.get(place)
        if value is None:
            value = QUIET if self._rng is None else draw(self._rng)
        if value:
            self.taken[place] = value
        if self.met is not None:
            self.met.append(Choice(place, value, others))
        return value

    def unheeded(self) -> list[str]:
        """Return the places that were given and never met."""
        return [
            place
            for place in self._given
            if int(place.rpartition(" #")[2]) > self._times.get(place.rpartition(" #")[0], 0)
        ]

    def below(self, what: str, ways: int) -> int:
        """Return one of so many ways, all as likely."""
        return min(self.take(what, lambda rng: rng.randrange(ways), range(1, ways)), ways - 1)

    def happens(self, what: str, share: float) -> bool:
        """Return whether something happens."""
        return self.take(what, lambda rng: int(rng.random() < share), (1,)) != QUIET


def spelled(choices: Mapping[str, int]) -> str:
    """Return choices as one line of text."""
    return "; ".join(f"{place}={value}" for place, value in choices.items())


def spelt_out(text: str) -> dict[str, int]:
    """Return the choices of a line of text.

    Raises:
        InputError: when a part of it is no choice.

    """
    return dict(_parts(text))


def _parts(text: str) -> Iterator[tuple[str, int]]:
    for part in filter(None, (one.strip() for one in text.split(";"))):
        place, _, value = part.rpartition("=")
        if not place.rpartition(" #")[0] or not place.rpartition(" #")[2].isdecimal() or not value.isdecimal():
            raise InputError(
                f"tape: {part!r} is no choice; expected 'PLACE #TIMES=NUMBER', as 'yidi torture' prints it"
            )
        yield place, int(value)
