"""What ``visits.mid_stay`` and ``visits.care_types`` cannot know alone: whether anybody comes whom they are about.

Must never change a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator

from reference_impl.domain.transactions import INPATIENT_SETTLE
from scenarios.patients.population import shape
from scenarios.reading.errors import Problem
from scenarios.reading.policies import kinds_of
from scenarios.schema import Scenario
from scenarios.schema.faults import LostCommit
from scenarios.schema.mid_stay import LongStays
from scenarios.units import US_PER_DAY, format_duration

__all__ = ["care_type_problems", "long_stay_problems"]

_HERE = ("visits", "mid_stay")
_TO_THE_HOUR_US = 2 * US_PER_DAY
"""A stay ends by daylight: at most so much later than its length was drawn."""


def care_type_problems(scenario: Scenario) -> Iterator[Problem]:
    """Refuse care types of visits that never come: a stay is always an ordinary one."""
    if scenario.visits.care_types is not None and kinds_of(scenario) == ("inpatient",):
        what, expected = (
            "care types of visits that never come",
            "outpatient or pharmacy in visits.mix or visits.explicit",
        )
        yield Problem(("visits", "care_types"), what, "stays alone", expected)
    missing = {"outpatient", "pharmacy"}.difference(kinds_of(scenario))
    if scenario.visits.care_types is not None and scenario.visits.care_types.internet and missing:
        what, got = "prescriptions that nobody gets or nobody fetches", f"no {' and no '.join(sorted(missing))} visits"
        expected = "outpatient and pharmacy in visits.mix or visits.explicit"
        yield Problem(("visits", "care_types", "internet"), what, got, expected)


def long_stay_problems(scenario: Scenario) -> Iterator[Problem]:
    """Refuse long stays that never come, that are settled otherwise too, or whose first part nobody would work off."""
    asked = scenario.visits.mid_stay
    if asked is None:
        return
    if any(plan.policies.forced_mid_stay is not None for plan in scenario.cutover):
        what = "a planned stop settles stays in their middle too (forced_mid_stay)"
        yield Problem(_HERE, what, "", "one of the two: a stay is settled so once")
    if "inpatient" not in kinds_of(scenario):
        yield Problem(_HERE, "long stays that never come", "no stays", "stays in visits.mix or visits.explicit")
    if scenario.visits.uploads_per_stay == 1:
        what = "the charges of a stay come in one batch, and after the last nobody asks"
        yield Problem(_HERE, what, "uploads_per_stay 1", "visits.uploads_per_stay of 2 or more")
    losing = [n for n, f in enumerate(scenario.faults) if isinstance(f, LostCommit) and INPATIENT_SETTLE in f.codes]
    if losing:
        what = f"faults.{losing[0]} loses settlements of stays, and nobody works off the first part of a stay"
        yield Problem(_HERE, what, "", "no lost_commit of 2304 beside mid_stay")
    yield from _too_long(scenario, asked)
    for number, policy in enumerate(() if scenario.benefits is None else scenario.benefits.policies):
        merges = policy.merges in ("mid_stay", "both")
        if asked.merge_deductible not in (None, merges):
            what = f"visits.mid_stay.merge_deductible says {str(asked.merge_deductible).lower()} of the same stays"
            expected = "the same in both: whether the parts of a stay pay one deductible"
            yield Problem(("benefits", "policies", number, "merges"), what, repr(policy.merges), expected)


def _too_long(scenario: Scenario, asked: LongStays) -> Iterator[Problem]:
    """Refuse a length that no stay has, or of which not even the first batch comes up before the run ends."""
    visits, horizon = scenario.visits, scenario.horizon
    drawn_us = int(shape("stay").maximum * visits.stay_mean + _TO_THE_HOUR_US / scenario.scale.time)
    longest_us = max([drawn_us if visits.open_per_day else 0, *(one.stay for one in visits.written)])
    run_us = visits.uploads_per_stay * (horizon.length + horizon.drain_limit)
    bounds = (
        (longest_us, "no stay is as long", "the longest that visits.stay_mean and visits.explicit give"),
        (run_us, "the run ends before such a stay is charged once", "uploads_per_stay times horizon and drain_limit"),
    )
    for bound_us, what, why in bounds:
        if asked.longer_than > bound_us:
            expected = f"at most {format_duration(bound_us)}: {why}"
            yield Problem((*_HERE, "longer_than"), what, format_duration(asked.longer_than), expected)
