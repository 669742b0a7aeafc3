"""What no single key can say of the policies of a planned stop: against the visits, the horizon and the other plans.

Must never change a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from reference_impl.domain.transactions import INPATIENT_SETTLE
from scenarios.reading.errors import Problem
from scenarios.schema import Scenario
from scenarios.schema.arrivals import Closed
from scenarios.schema.base import VisitKind
from scenarios.schema.cutover import Cutover
from scenarios.schema.faults import LostCommit
from scenarios.schema.recourse import EVERY_CLASS, EVERY_KIND, Mix, Recourse, StopPolicies
from scenarios.units import format_duration

__all__ = ["beside_problems", "kinds_of", "policy_problems"]

Path = tuple[str | int, ...]
_SECTIONS: tuple[tuple[str, tuple[Recourse, ...]], ...] = (
    ("wait", (Recourse.WAIT,)),
    ("settle_later", (Recourse.SETTLE_LATER, Recourse.STAND_IN)),
    ("stand_in", (Recourse.STAND_IN,)),
)
"""What a section of the policies is about: without a share of one of these it would say nothing."""


def policy_problems(scenario: Scenario, plan: Cutover, path: Path) -> Iterator[Problem]:
    """Yield everything wrong with the policies of one plan, found at ``path``."""
    here: Path = (*path, "policies")
    kinds = kinds_of(scenario)
    for number, mix in enumerate(plan.policies.mixes):
        yield from _kinds_there_are(mix, kinds, (*here, "mixes", number))
        yield from _reached(plan.policies, number, (*here, "mixes", number))
    yield from _left_to_say(plan, kinds, path)
    yield from _sections(plan.policies, here)
    yield from _mid_stay(scenario, plan, kinds, here)
    yield from _stock(plan, kinds, here)


def kinds_of(scenario: Scenario) -> tuple[VisitKind, ...]:
    """Return the kinds of visits that can come."""
    visits = scenario.visits
    stated = {visit.kind for visit in visits.written}
    drawn = visits.open_per_day > 0 or isinstance(visits.arrivals, Closed)
    return tuple(kind for kind in EVERY_KIND if kind in stated or (drawn and getattr(visits.mix, kind) > 0))


def _kinds_there_are(mix: Mix, kinds: tuple[VisitKind, ...], path: Path) -> Iterator[Problem]:
    if "kinds" not in mix.model_fields_set:
        return
    for number, kind in enumerate(mix.kinds):
        if kind not in kinds:
            expected = f"kinds of visits.mix or visits.explicit: {', '.join(kinds) or 'none'}"
            yield Problem((*path, "kinds", number), "a policy for visits that never come", repr(kind), expected)


def _reached(policies: StopPolicies, number: int, path: Path) -> Iterator[Problem]:
    """Refuse a mix of whose visits earlier ones have spoken: it would never be asked."""
    mine = set(product(policies.mixes[number].kinds, policies.mixes[number].classes))
    for mix in policies.mixes[:number]:
        mine -= set(product(mix.kinds, mix.classes))
    if not mine:
        what = "is never asked: earlier mixes speak of all its kinds and classes"
        yield Problem(path, what, "", "the narrower mix first: the first that names kind and class holds")


def _left_to_say(plan: Cutover, kinds: tuple[VisitKind, ...], path: Path) -> Iterator[Problem]:
    every = product(kinds, EVERY_CLASS)
    if plan.park_share is None or not kinds or any(plan.policies.mix_of(*one) is None for one in every):
        return
    what = "says nothing: the mixes of policies speak of every visit"
    yield Problem((*path, "park_share"), what, f"{plan.park_share:g}", "either park_share, or park in each mix")


def _sections(policies: StopPolicies, path: Path) -> Iterator[Problem]:
    for name, recourses in _SECTIONS:
        if name in policies.model_fields_set and not any(m.share_of(r) for m in policies.mixes for r in recourses):
            shares = " or ".join(recourse.value for recourse in recourses)
            yield Problem((*path, name), "a policy that nobody takes", "", f"a mix with a share of {shares}")


def _stock(plan: Cutover, kinds: tuple[VisitKind, ...], path: Path) -> Iterator[Problem]:
    if plan.policies.drug_stock is not None and "pharmacy" not in kinds:
        what = "a policy for visits that never come"
        yield Problem((*path, "drug_stock"), what, "no pharmacy", "pharmacy in visits.mix or visits.explicit")


def _mid_stay(scenario: Scenario, plan: Cutover, kinds: tuple[VisitKind, ...], path: Path) -> Iterator[Problem]:
    forced = plan.policies.forced_mid_stay
    if forced is None:
        return
    if "inpatient" not in kinds:
        what = "a policy for visits that never come"
        yield Problem((*path, "forced_mid_stay"), what, "no stays", "stays in visits.mix or visits.explicit")
    losing = [n for n, f in enumerate(scenario.faults) if isinstance(f, LostCommit) and INPATIENT_SETTLE in f.codes]
    if losing:
        what = f"faults.{losing[0]} loses settlements of stays, and nobody works off the first part of a stay"
        yield Problem((*path, "forced_mid_stay"), what, "", "no lost_commit of 2304 beside forced_mid_stay")
    if forced.lead > plan.stop_at:
        bound = f"at most {format_duration(plan.stop_at)}, what is left of cutover.at"
        got = format_duration(forced.lead)
        yield Problem((*path, "forced_mid_stay", "lead"), "begins before the horizon does", got, bound)


def beside_problems(scenario: Scenario, plan: Cutover, other: Cutover, path: Path) -> Iterator[Problem]:
    """Refuse two plans that tell the insurers of one province different things."""
    shared = [p for p in scenario.topology.regions if plan.concerns_insurer(p) and other.concerns_insurer(p)]
    if not shared:
        return
    said, before = plan.policies.benefit_year, other.policies.benefit_year
    if said and before and said != before:
        yield _contradiction((*path, "policies", "benefit_year"), other, shared[0], said, before)
    mine, theirs = _merging(plan), _merging(other)
    if None not in (mine, theirs) and mine != theirs:
        key = (*path, "policies", "forced_mid_stay", "merge_deductible")
        yield _contradiction(key, other, shared[0], str(mine), str(theirs))


def _merging(plan: Cutover) -> bool | None:
    """Return what a plan says of the deductible of stays in parts; None where it leaves that to the policy."""
    forced = plan.policies.forced_mid_stay
    return None if forced is None else forced.merge_deductible


def _contradiction(path: Path, other: Cutover, province: str, said: str, before: str) -> Problem:
    what = f"tells the insurer of {province} otherwise than plan {other.name} does"
    return Problem(path, what, said, f"{before}, as there: a benefit policy is a province's, not a stop's")
