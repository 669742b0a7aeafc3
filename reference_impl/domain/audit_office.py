"""Audit offices (稽核): cases that go from desk to desk, each desk with its staff, first come first served.

Unlike the office of paper claims, where every claim takes the same stages, a case has a way of its own: a reviewer,
then perhaps an expert, then perhaps an expert of another province. Pure: how long work takes is given, nothing is
drawn. Times are whole microseconds from the midnight before the run began; all desks keep the same office hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush, heapreplace
from typing import NamedTuple

from reference_impl.domain.office_hours import OfficeHours

__all__ = ["Case", "Leg", "work_through"]


class Leg(NamedTuple):
    """One desk on a case's way, and how long its work takes there."""

    desk: str
    work_us: int


class Case(NamedTuple):
    """A case: when it comes to the first desk of its way."""

    comes_us: int
    way: tuple[Leg, ...]


def work_through(hours: OfficeHours, staff: Mapping[str, int], cases: Iterable[Case]) -> list[tuple[int, ...]]:
    """Return, for each case, when every leg of its way was done, in the order of the cases.

    ``staff`` are those of each desk. Of two that come at once the earlier in the list is first.
    """
    every = list(cases)
    free = {desk: [0] * count for desk, count in staff.items()}
    done: list[list[int]] = [[] for _ in every]
    coming = [(case.comes_us, number) for number, case in enumerate(every) if case.way]
    heapify(coming)
    while coming:
        at_us, number = heappop(coming)
        way = every[number].way
        desk, work_us = way[len(done[number])]
        begins_us = max(hours.office_us(at_us), free[desk][0])
        heapreplace(free[desk], begins_us + work_us)
        ends_us = hours.calendar_us(begins_us + work_us)
        done[number].append(ends_us)
        if len(done[number]) < len(way):
            heappush(coming, (ends_us, number))
    return [tuple(ends) for ends in done]
