"""What ``visits.orders`` cannot know alone: whether anybody buys so, and what it is not modelled beside.

Must never change a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.reading.errors import Problem
from scenarios.reading.policies import kinds_of
from scenarios.schema import Scenario
from scenarios.schema.durations import longest_us, shortest_us
from scenarios.units import format_duration

__all__ = ["order_problems"]

_HERE = ("visits", "orders")


def order_problems(scenario: Scenario) -> Iterator[Problem]:
    """Refuse orders that nobody places, and orders beside what says nothing of them."""
    orders = scenario.visits.orders
    if orders is None:
        return
    if "pharmacy" not in kinds_of(scenario):
        yield Problem(_HERE, "orders that nobody places", "no purchases", "pharmacy in visits.mix or visits.explicit")
    if len(scenario.topology.regions) == 1:
        what, expected = "orders of people from other provinces", "two of topology.regions or more"
        yield Problem(_HERE, what, f"one province, {scenario.topology.regions[0]}", expected)
    shortest, after = shortest_us(orders.confirmed_after), (*_HERE, "confirmed_after")
    if shortest > orders.valid and orders.not_confirmed < 1:
        what, got = "every order is over before it is confirmed", f"{format_duration(shortest)} at the least"
        yield Problem(after, what, got, f"at most visits.orders.valid, {format_duration(orders.valid)}")
    run_us = scenario.horizon.length + scenario.horizon.drain_limit
    for name, lasts_us in (("valid", orders.valid), ("confirmed_after", longest_us(orders.confirmed_after))):
        if lasts_us > run_us:
            what, got = "an order that is still open when the run ends", format_duration(lasts_us)
            expected = f"at most {format_duration(run_us)}: horizon.length and horizon.drain_limit"
            yield Problem((*_HERE, name), what, got, expected)
    yield from _beside(scenario)


def _beside(scenario: Scenario) -> Iterator[Problem]:
    relays = scenario.topology.relays()
    if relays:
        what = "a city's relay keeps no copy of an order that the platform pays at its province"
        yield Problem(_HERE, what, f"relays {', '.join(relays)}", "cities that are doors, or no orders")
    if scenario.trust is not None and scenario.trust.seals:
        what = "who confirms an order on the platform has no key of its pharmacy to seal it with"
        yield Problem(_HERE, what, "trust.seals true", "trust.seals: false, or no orders")
    if scenario.identity is not None:
        what = "an order is placed with the e-credential's token alone, and identity says what else is shown"
        yield Problem(_HERE, what, "beside identity", "one of the two")
