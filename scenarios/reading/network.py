"""What no line of ``network`` can know alone: whether the places it names are there. Must never change a scenario."""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.patients.network import fits
from scenarios.patients.places import Places
from scenarios.reading.errors import Problem
from scenarios.schema import Scenario
from scenarios.units import format_duration

__all__ = ["network_problems"]


def network_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield lines that open nobody, and those that open too late for the run."""
    spec = scenario.network
    if spec is None:
        return
    places = Places(scenario).hospitals
    codes = {place.code for place in places}
    for number, line in enumerate(spec.opened):
        path = ("network", "opened", number)
        if line.opens >= scenario.horizon.length:
            expected = f"before the end of the horizon, {format_duration(scenario.horizon.length)}"
            yield Problem((*path, "opens"), "opened after the horizon", format_duration(line.opens), expected)
        unknown = [code for code in line.institutions if code not in codes]
        if unknown:
            expected = "a code of the scenario's institutions, as its record shows them"
            yield Problem((*path, "institutions"), "no such institution", ", ".join(map(repr, unknown)), expected)
        elif not any(fits(line, place) for place in places):
            expected = "a place, level, kind or share that some institution of the scenario has"
            yield Problem(path, "no institution fits this line", "0 opened", expected)
