"""What no single key of the prefunds can say: against the provinces, the horizon and each other.

Must never change a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from scenarios.reading.errors import Problem
from scenarios.schema import Scenario
from scenarios.schema.prefund import PrefundQuota
from scenarios.units import format_duration

__all__ = ["prefund_problems"]

Path = tuple[str | int, ...]


def prefund_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield everything wrong with the prefunds of a scenario as stated."""
    spec = scenario.prefund
    if spec is None:
        return
    pairs = [(one.insured, one.care) for one in spec.quotas]
    for number, quota in enumerate(spec.quotas):
        path: Path = ("prefund", "quotas", number)
        if pairs[number] in pairs[:number]:
            yield Problem(path, "a prefund stated twice", f"{quota.insured} with {quota.care}", "each pair once")
        yield from _pair(scenario, quota, path)
        yield from _top_ups(scenario, quota, (*path, "top_ups"))
    for name, wait_us in (("retry", spec.retry), ("patience", spec.patience)):
        if spec.when_dry == "refuse" and wait_us is not None and name in spec.model_fields_set:
            what = "nobody waits where a dry prefund refuses"
            yield Problem(("prefund", name), what, format_duration(wait_us), f"'when_dry: wait', or no {name}")


def _pair(scenario: Scenario, quota: PrefundQuota, path: Path) -> Iterator[Problem]:
    provinces = scenario.topology.province_nodes()
    for name in ("insured", "care"):
        code: str = getattr(quota, name)
        if code not in provinces:
            expected = f"one of topology.regions: {', '.join(provinces)}"
            yield Problem((*path, name), "province is not in the scenario", repr(code), expected)
    if quota.insured == quota.care:
        yield Problem((*path, "care"), "a prefund of a province with itself", repr(quota.care), "two provinces")


def _top_ups(scenario: Scenario, quota: PrefundQuota, path: Path) -> Iterator[Problem]:
    for number, one in enumerate(quota.top_ups):
        if one.at > scenario.horizon.length:
            bound = f"within horizon.length ({format_duration(scenario.horizon.length)})"
            yield Problem((*path, number, "at"), "arrives after the horizon", format_duration(one.at), bound)
    for number, (earlier, later) in enumerate(pairwise(quota.top_ups), start=1):
        if later.at < earlier.at:
            got = format_duration(later.at)
            yield Problem((*path, number, "at"), "top-ups out of their order", got, "each after the one before")
