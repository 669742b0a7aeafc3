"""One tortured world from a seed, or from a tape: what it broke, what it met, and the choices that made it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from lab.torture.loom import NeverRests
from lab.torture.rest import at_rest
from lab.torture.tape import Choice, Tape
from lab.torture.world import World
from reference_impl.books.postgresql.address import Server

__all__ = ["Asked", "Ended", "noted", "ran", "replayed"]

WIDE_EVERY = 2
"""One seed in so many, the odd ones, is of a country with more than plain settlements."""
CHECKED_EVERY = 4
"""Of plain ordinary worlds those of every so many seeds are held to the checker's laws too, which cost more."""
_WIDE_CHECKED_EVERY, _OF_WIDE = 8, 3
"""Of wide ones, which."""


@dataclass(frozen=True)
class Asked:
    """Which world: of a seed, with a planned stop or without; ``kept`` are choices to be made again.

    With a ``server`` all books lie there.
    """

    seed: int
    cutover: bool = False
    kept: Mapping[str, int] = field(default_factory=dict[str, int])
    server: Server | None = None


@dataclass(frozen=True)
class Ended:
    """How a world ended. ``choices`` alone make it again."""

    wrong: tuple[str, ...]
    seen: Counter[str]
    features: frozenset[str]
    choices: dict[str, int]
    lasted_us: int
    told: tuple[str, ...] = ()
    """What happened, in words, where that was asked for."""
    unheeded: tuple[str, ...] = ()
    """Places that were given and never met: the tape may be of another version."""

    @property
    def law(self) -> str:
        """The law that was broken first; empty where none was."""
        return self.wrong[0].partition(":")[0] if self.wrong else ""


def ran(asked: Asked) -> Ended:
    """Go through the world of a seed."""
    rng = Random(f"{asked.seed} {asked.cutover}")
    tape = Tape(rng, asked.kept)
    wide = asked.seed % WIDE_EVERY == 1
    checker = asked.cutover or asked.seed % CHECKED_EVERY == 0 or asked.seed % _WIDE_CHECKED_EVERY == _OF_WIDE
    world = World(tape, rng, cutover=asked.cutover, wide=wide, server=asked.server)
    return _through(tape, world, checker=checker)


def replayed(
    choices: Mapping[str, int],
    *,
    cutover: bool = False,
    server: Server | None = None,
    checker: bool = True,
    tells: bool = False,
) -> Ended:
    """Go through the world of a tape: what is not on it is quiet. ``tells`` puts what happens into words."""
    tape = Tape(None, choices)
    return _through(tape, World(tape, cutover=cutover, server=server, tells=tells), checker=checker)


def noted(choices: Mapping[str, int]) -> tuple[Ended, list[Choice]]:
    """Go through the world of a tape, and return every place that was met too."""
    tape = Tape(None, choices, notes=True)
    ended = _through(tape, World(tape), checker=False)
    return ended, tape.met or []


def _through(tape: Tape, world: World, *, checker: bool) -> Ended:
    try:
        wrong = _judged(world, checker=checker)
    finally:
        world.loom.end()
        world.forget()
    told = tuple(world.told or ())
    return Ended(
        tuple(wrong), world.seen, frozenset(world.features), tape.taken, world.loom.now_us, told, tuple(tape.unheeded())
    )


def _judged(world: World, *, checker: bool) -> list[str]:
    try:
        world.run()
        return world.watch.wrong or at_rest(world, checker=checker)
    except NeverRests as restless:
        return [f"liveness: {restless}", *world.watch.wrong]
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        return [f"{type(error).__name__}: {error}", *world.watch.wrong]
