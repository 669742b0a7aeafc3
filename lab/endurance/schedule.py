"""What befalls a system, and when, drawn by a seed: faults of a scenario, one after the other for as long as it lasts.

Somebody is killed in each interval, whatever else goes on; beside that each kind of trouble comes in turn, in an order
that is drawn anew for each round. The same seed gives the same faults. Must never do anything to a system.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from reference_impl.domain.failures import InputError
from reference_impl.domain.keyed import Purpose, uniform
from reference_impl.domain.nodes import HUB, is_city
from reference_impl.domain.regions import province_of

__all__ = ["KINDS", "Plan", "scheduled"]

Thing = TypeVar("Thing")

_US_PER_S = 1_000_000
_CALM_US = 5 * _US_PER_S
"""The first and the last of it: visits begin before anything happens, and what happened is over before they end."""
_BEGINS = (0.05, 0.35)
"""When in its interval a kill begins, as shares of it."""
_DEAD_S = (0.5, 4.0)
_TROUBLE_S = (2.0, 6.0)
_SHORTEST_S = 2.0
"""The shortest interval: a process has to start again within it."""
_SLOW_DISK_MS = (20, 300)
_CLOCK_S = (2, 90)
_DELAY_MS = (20, 200)
_KILL, _TROUBLE, _ORDER = 1, 2, 3

Fault = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long it lasts, how often somebody dies, and what does not happen."""

    seed: int
    length_us: int
    every_us: int
    nodes: tuple[str, ...]
    without: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse what cannot be scheduled.

        Raises:
            InputError: when the time is too short for anything, or too long an interval, or a kind is unknown.

        """
        if self.every_us < _SHORTEST_S * _US_PER_S:
            raise InputError(
                f"--every is {self.every_us / _US_PER_S:g} s; expected {_SHORTEST_S:g} s or more, within which a "
                "process starts again"
            )
        if self.length_us < 2 * _CALM_US + self.every_us:
            least_s = (2 * _CALM_US + self.every_us) / _US_PER_S
            raise InputError(
                f"{self.length_us / _US_PER_S:g} s are too short for a fault each {self.every_us / _US_PER_S:g} s; "
                f"expected {least_s:g} s or more: --minutes {least_s / 60:.2g}"
            )
        for kind in sorted(self.without - KINDS.keys()):
            raise InputError(f"--without {kind!r} is no kind of trouble; expected one of {', '.join(KINDS)}")


class _Draw:
    """Numbers of one fault, by its place in the schedule."""

    def __init__(self, seed: int, place: int, what: int) -> None:
        self._key = seed, place, what
        self._step = 0

    def between(self, low: float, high: float) -> float:
        """Return a number from ``low`` to ``high``."""
        seed, place, what = self._key
        self._step += 1
        return low + (high - low) * uniform(seed, place, what, self._step, Purpose.ENDURANCE)

    def one_of(self, things: tuple[Thing, ...]) -> Thing:
        """Return one of them."""
        return things[int(self.between(0, len(things)))]


def _stop(draw: _Draw, nodes: tuple[str, ...]) -> list[Fault]:
    return [{"kind": "freeze", "node": draw.one_of(nodes)}]


def _cut_off(draw: _Draw, nodes: tuple[str, ...]) -> list[Fault]:
    lower, upper = _neighbours(draw, nodes)
    ways = ([lower, upper], [upper, lower])
    return [{"kind": "lose", "link": way, "direction": "request"} for way in ways]


def _cut_off_one_way(draw: _Draw, nodes: tuple[str, ...]) -> list[Fault]:
    lower, upper = _neighbours(draw, nodes)
    way = draw.one_of(((lower, upper), (upper, lower)))
    return [{"kind": "lose", "link": [*way], "direction": draw.one_of(("request", "reply"))}]


def _late(draw: _Draw, nodes: tuple[str, ...]) -> list[Fault]:
    lower, upper = _neighbours(draw, nodes)
    return [{"kind": "delay", "link": [upper, lower], "add": f"{draw.between(*_DELAY_MS):.0f}ms"}]


def _slow_disk(draw: _Draw, nodes: tuple[str, ...]) -> list[Fault]:
    return [{"kind": "slow_disk", "node": draw.one_of(nodes), "add": f"{draw.between(*_SLOW_DISK_MS):.0f}ms"}]


def _full_disk(draw: _Draw, nodes: tuple[str, ...]) -> list[Fault]:
    del draw, nodes
    return [{"kind": "full_disk"}]


def _database_down(draw: _Draw, nodes: tuple[str, ...]) -> list[Fault]:
    return [{"kind": "database_down", "node": draw.one_of(nodes)}]


def _clock_off(draw: _Draw, nodes: tuple[str, ...]) -> list[Fault]:
    towards = draw.one_of(("ahead", "behind"))
    by = f"{draw.between(*_CLOCK_S):.0f}s"
    return [{"kind": "clock_off", "node": draw.one_of(nodes), "by": by, "towards": towards}]


def _neighbours(draw: _Draw, nodes: tuple[str, ...]) -> tuple[str, str]:
    """Return the ends of a link: a province and the hub, or a city's relay and its province."""
    lower = draw.one_of(tuple(node for node in nodes if node != HUB))
    return lower, province_of(lower) if is_city(lower) else HUB


KINDS: Final[dict[str, Callable[[_Draw, tuple[str, ...]], list[Fault]]]] = {
    "stop": _stop,
    "partition": _cut_off,
    "half-partition": _cut_off_one_way,
    "delay": _late,
    "slow-disk": _slow_disk,
    "full-disk": _full_disk,
    "clock": _clock_off,
    "database": _database_down,
}
"""The kinds of trouble beside the kills, by their names on the command line."""
_OVER_A_KILL, _OFF_FOR = "clock", 1.2
"""A clock is off for longer than an interval, so that its process may be killed meanwhile."""


def scheduled(plan: Plan) -> list[Fault]:
    """Return the faults, as a scenario at scale.time 1 writes them, in the order of their intervals."""
    count = (plan.length_us - 2 * _CALM_US) // plan.every_us
    troubles = _in_turn(plan, count)
    faults: list[Fault] = []
    away: tuple[str, ...] = ()
    for place in range(count):
        begins_us = _CALM_US + place * plan.every_us
        kill = _kill(plan, place, begins_us)
        faults.append(kill)
        away = (*away[-1:], str(kill["node"]))
        if troubles:
            faults += _trouble(plan, place, begins_us, troubles[place], away)
    return faults


def _in_turn(plan: Plan, count: int) -> list[str]:
    """Return the kind of each interval: all of them in each round, in an order of its own, none twice in a row."""
    kinds = [kind for kind in KINDS if kind not in plan.without]
    found: list[str] = []
    while kinds and len(found) < count:
        drawn = sorted(
            kinds, key=lambda kind: uniform(plan.seed, len(found), _ORDER, kinds.index(kind), Purpose.ENDURANCE)
        )
        found += drawn[1:] + drawn[:1] if found and drawn[0] == found[-1] else drawn
    return found[:count]


def _kill(plan: Plan, place: int, begins_us: int) -> Fault:
    draw = _Draw(plan.seed, place, _KILL)
    at_us = begins_us + draw.between(*_BEGINS) * plan.every_us
    most_s = min(_DEAD_S[1], plan.every_us / _US_PER_S / 2)
    return {"kind": "kill", "node": draw.one_of(plan.nodes), **_times(at_us, draw.between(_DEAD_S[0], most_s))}


def _trouble(plan: Plan, place: int, begins_us: int, kind: str, away: tuple[str, ...]) -> Iterator[Fault]:
    """Yield a trouble of an interval. A process that is away, or only just back, would not hear of it."""
    draw = _Draw(plan.seed, place, _TROUBLE)
    nodes = tuple(node for node in plan.nodes if node not in away) or plan.nodes
    every_s = plan.every_us / _US_PER_S
    lasts_s = draw.between(min(_TROUBLE_S[0], every_s / 4), min(_TROUBLE_S[1], every_s / 2))
    latest_us = plan.every_us - lasts_s * _US_PER_S
    if kind == _OVER_A_KILL:
        lasts_s, latest_us = _OFF_FOR * every_s, _BEGINS[1] * plan.every_us
    at_us = begins_us + draw.between(0.0, 0.95) * latest_us
    for fault in KINDS[kind](draw, nodes):
        yield {**fault, **_times(at_us, lasts_s)}


def _times(at_us: float, lasts_s: float) -> Fault:
    return {"at": f"{at_us / 1000:.0f}ms", "for": f"{lasts_s * 1000:.0f}ms"}
