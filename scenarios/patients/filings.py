"""Who comes with which filing: drawn from people's numbers, so that books, patients and both worlds agree.

What a person knows of their own filing is what the insurer's books hold at the start of the run. This module must
never look at how a run goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from reference_impl.domain.filing import FilingKind, FilingRules, FilingTable, MakeUp, needs_filing
from reference_impl.domain.keyed import WORD, Purpose, uniform

if TYPE_CHECKING:
    from scenarios.patients.visits import PlannedVisit
    from scenarios.schema.course import Course
    from scenarios.schema.filing import Filing, FilingPolicy

__all__ = ["FilingDraws", "Standing", "filing_table"]


class Standing(StrEnum):
    """With what a person comes."""

    UNFILED = "unfiled"
    EXPIRED = "expired"
    ELSEWHERE = "elsewhere"
    USED_UP = "used_up"
    NOT_UPLOADED = "not_uploaded"
    FILED = "filed"


Drawn = TypeVar("Drawn")

_STANDING, _KIND, _AGE = range(3)
"""What is drawn of a person."""


@dataclass(frozen=True, slots=True)
class FilingDraws:
    """What a scenario says of filing, and the draws of its people."""

    spec: Filing
    table: FilingTable
    seed: int

    def rules(self, visit: PlannedVisit) -> FilingRules | None:
        """Return the rules of the visit's insured region, where it needs a filing."""
        rules = self.table.of(visit.insured_region)
        care, insured = visit.care_region, visit.insured_region
        return rules if needs_filing(rules, visit.kind, care_region=care, insured_region=insured) else None

    def standing(self, person: str) -> Standing:
        """Return with what a person comes."""
        standings = self.spec.standings
        shares = ((one, getattr(standings, one)) for one in Standing if one is not Standing.FILED)
        return _drawn(shares, self._uniform(person, _STANDING), Standing.FILED)

    def kind(self, person: str, *, temporary: bool) -> FilingKind:
        """Return as what a person is filed."""
        kinds = self.spec.visiting_kinds if temporary else self.spec.residence_kinds
        shares = [(FilingKind(name), share) for name, share in kinds]
        return _drawn(shares, self._uniform(person, _KIND), shares[0][0])

    def age(self, person: str) -> float:
        """Return how old a person's filing is, as a quantile."""
        return self._uniform(person, _AGE)

    def is_emergency(self, visit: PlannedVisit) -> bool:
        """Return whether the visit is an emergency."""
        drawn = uniform(self.seed, visit.visit, 0, 0, Purpose.EMERGENCY)
        return drawn < self.spec.emergency and visit.kind != "pharmacy"

    def withdraws(self, visit: PlannedVisit) -> bool:
        """Return whether the patient withdraws a filing that holds, and comes nonetheless."""
        drawn = uniform(self.seed, visit.visit, 0, 0, Purpose.WITHDRAW) if self.spec.withdrawn else 1.0
        holds = drawn < self.spec.withdrawn and self.standing(visit.person) is Standing.FILED
        return holds and not self.is_emergency(visit)

    def _uniform(self, person: str, what: int) -> float:
        return uniform(self.seed, int(person) & WORD, what, 0, Purpose.FILING)


def filing_table(spec: Filing, stops: Iterable[Course] = ()) -> FilingTable:
    """Return the rules of every insured region, as an insurer is told them, with the make-up days after ``stops``."""
    return FilingTable(
        rules=_rules(spec, spec),
        regions={one.insured: _rules(spec, one) for one in spec.regions},
        make_ups=tuple(_make_ups(stops)),
    )


def _make_ups(stops: Iterable[Course]) -> Iterator[MakeUp]:
    for stop in stops:
        if stop.plan.make_up is not None:
            yield MakeUp(stop.plan.scope, stop.stop_at, stop.reopen_at, stop.reopen_at + stop.plan.make_up)


def _rules(spec: Filing, policy: FilingPolicy) -> FilingRules:
    lasts_us = {FilingKind.TEMPORARY: policy.temporary, FilingKind.REFERRAL: policy.referral}
    if policy.residence is not None:
        lasts_us |= dict.fromkeys((FilingKind.RESETTLED, FilingKind.LONG_TERM, FilingKind.WORKER), policy.residence)
    return FilingRules(
        needed_for=spec.needed_for,
        lasts_us=lasts_us,
        referral_settlements=policy.referral_settlements,
        by_hospital=policy.covers == "hospital",
        upload_us=policy.upload_lag,
        locked_us=policy.locked,
        interrupted_share=policy.interrupted,
    )


def _drawn(shares: Iterable[tuple[Drawn, float]], u: float, rest: Drawn) -> Drawn:
    """Return what stands at the quantile ``u`` of shares laid end to end; ``rest`` beyond them."""
    for one, share in shares:
        u -= share
        if u < 0:
            return one
    return rest
