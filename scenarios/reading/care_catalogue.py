"""What no single change of a catalogue can know: its item, its place, and the changes beside it.

Must never change a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from reference_impl.domain.fees import GRADE_PART
from scenarios.patients.catalogue import catalogue
from scenarios.reading.errors import Problem
from scenarios.reading.shape import nearest
from scenarios.schema import Scenario
from scenarios.schema.care_catalogue import CatalogueChange

__all__ = ["catalogue_problems"]


def catalogue_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield changes of what is not there, and two changes of one item that hold on one day."""
    changes = () if scenario.care_catalogue is None else scenario.care_catalogue.changes
    regions, items = scenario.topology.regions, catalogue()
    for number, change in enumerate(changes):
        path = ("care_catalogue", "changes", number)
        if change.care not in regions:
            expected, hint = f"one of topology.regions: {', '.join(regions)}", nearest(change.care, regions)
            yield Problem((*path, "care"), "province is not in the scenario", repr(change.care), expected, hint)
        if change.item not in items:
            expected = "an item of scenarios/data/catalogue.csv"
            yield Problem((*path, "item"), "unknown item", repr(change.item), expected, nearest(change.item, items))
        elif change.self_pay is not None and (grade := change.grade or items[change.item].grade) != GRADE_PART:
            expected = f"{GRADE_PART}, the grade that is paid in part: self_pay is of no other"
            yield Problem((*path, "self_pay"), "changes nothing of this grade", grade, expected)
        yield from _in_the_run(scenario, change, path)
        for before, other in enumerate(changes[:number]):
            if (other.care, other.item) == (change.care, change.item) and _overlap(other, change):
                what = f"overlaps care_catalogue.changes.{before}, of the same item"
                yield Problem((*path, "from"), what, str(change.since), "changes of an item one after the other")


def _in_the_run(scenario: Scenario, change: CatalogueChange, path: tuple[str | int, ...]) -> Iterator[Problem]:
    """Refuse a change that holds on no day of the run; where days close early, the last one ends on the next date."""
    horizon = scenario.horizon
    ends = horizon.start + timedelta(microseconds=horizon.length + horizon.drain_limit)
    first, last = horizon.start.date(), (ends if scenario.closing is None else ends + timedelta(days=1)).date()
    if change.since > last:
        expected = f"a day until {last}, on which the drain limit ends the run"
        yield Problem((*path, "from"), "begins after the run", str(change.since), expected)
    elif change.until is not None and change.until < first:
        expected = f"a day from {first} on, or no such change"
        yield Problem((*path, "until"), "is over before the run begins", str(change.until), expected)


def _overlap(one: CatalogueChange, other: CatalogueChange) -> bool:
    return one.since <= (other.until or date.max) and other.since <= (one.until or date.max)
