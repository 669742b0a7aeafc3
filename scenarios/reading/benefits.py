"""What no single key of a benefit policy can know: its regions, the days of the run, and its own worked cases.

Must never change a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from scenarios.reading.errors import Problem
from scenarios.reading.shape import nearest
from scenarios.reading.worked import differences
from scenarios.schema import Scenario
from scenarios.schema.benefit import BenefitPolicy

__all__ = ["benefit_problems", "policy_problems"]

Path = tuple[str | int, ...]


def benefit_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield what is wrong with the policies of a scenario."""
    yield from policy_problems(scenario)
    yield from _regions(scenario)
    yield from _days(scenario)


def policy_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield what is wrong with each policy by itself: cases that its rules do not come to."""
    for path, policy in _policies(scenario):
        for number, key, stated, came_to in differences(policy):
            what = f"worked case {number} does not come to this"
            yield Problem((*path, "worked", number, key), what, stated, f"{came_to} by the policy's rules")


def _regions(scenario: Scenario) -> Iterator[Problem]:
    regions, taken = scenario.topology.regions, dict[str, str]()
    for path, policy in _policies(scenario):
        for number, code in enumerate(policy.insured):
            where: Path = (*path, "insured", number)
            if code[:2] not in regions:
                expected = f"one of topology.regions: {', '.join(regions)}"
                hint = nearest(code[:2], regions)
                yield Problem(where, "province is not in the scenario", repr(code), expected, hint)
            if code in taken:
                yield Problem(where, "region of two policies", repr(code), f"one: {taken[code]!r} has it")
            taken[code] = policy.name


def _days(scenario: Scenario) -> Iterator[Problem]:
    """Refuse a policy that does not hold throughout the run."""
    horizon = scenario.horizon
    first = horizon.start.date()
    last = (horizon.start + timedelta(microseconds=horizon.length + horizon.drain_limit)).date()
    for path, policy in _policies(scenario):
        began, ends = policy.versions[0].since, policy.versions[-1].until
        if began is not None and began > first:
            yield _unheld(
                (*path, "versions", 0, "from"), began, f"a first day of {first} or before, when the run begins"
            )
        if ends is not None and ends < last:
            where: Path = (*path, "versions", len(policy.versions) - 1, "until")
            yield _unheld(where, ends, f"a last day of {last} or later, when the run may end, or none")


def _unheld(path: Path, day: date, expected: str) -> Problem:
    return Problem(path, "no version holds on some days of the run", str(day), expected)


def _policies(scenario: Scenario) -> Iterator[tuple[Path, BenefitPolicy]]:
    policies = () if scenario.benefits is None else scenario.benefits.policies
    for number, policy in enumerate(policies):
        yield ("benefits", "policies", number), policy
