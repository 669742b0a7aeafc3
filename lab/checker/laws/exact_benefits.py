"""What a settlement comes to exactly, where the evidence tells all that it was worked out upon.

It tells it where the books say by which level and in which year a settlement was paid, and where every settlement that
stood before it is there: each names the one before. Must never judge: law 22 does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import polars as pl

from lab.checker.codes import code_of
from lab.checker.owed import Bill, Row, owed
from reference_impl.domain.person import PERSON_TYPES
from reference_impl.domain.policies import NO_END_FEN, Case, Policy, Segment, Terms
from reference_impl.domain.regions import province_of
from reference_impl.domain.transactions import TRANSACTIONS

if TYPE_CHECKING:
    from lab.checker.agreement import Agreement
    from reference_impl.domain.care_types import SpecialTerms
    from reference_impl.domain.policy_book import RegionPolicies

__all__ = ["TEMPORARY", "TYPE", "Earlier", "Payer", "case_of", "earlier_settlements", "exactly", "payer_of"]

TYPE, TEMPORARY = 6, 7
"""Digits of a person's number."""
_DAYS = 100


class Payer(NamedTuple):
    """By what a settlement may be paid: versions of a policy, the terms of its care where that is special."""

    versions: Sequence[Policy]
    region: RegionPolicies | None = None
    special: SpecialTerms | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """The settlements that others were worked out upon, by node and number."""

    rows: Mapping[tuple[str, str], Row]

    def before(self, row: Row) -> list[Row] | None:
        """Return all settlements of the person that stood when this one was made; None where some are not there."""
        found: list[Row] = []
        named = row["before"]
        while named:
            one = self.rows.get((row["node"], named))
            if one is None:
                return None
            found.append(one)
            named = one["before"]
        return found


def earlier_settlements(made: pl.DataFrame) -> Earlier:
    """Return those of the settlements made that others name as the one before."""
    named = made.filter(pl.col("before") != "").select("node", settlement="before").unique()
    rows = made.join(named, on=["node", "settlement"], how="semi").iter_rows(named=True)
    return Earlier({(row["node"], row["settlement"]): placed(row) for row in rows})


def placed(row: Row) -> Row:
    """Return a settlement with the kind of its visit, the hospital, and the month of its benefit year."""
    year, month = row["business_day"] // _DAYS // _DAYS, row["business_day"] // _DAYS % _DAYS
    counted = month if year == row["year"] else 12 if year > row["year"] else 1
    hospital = code_of(row)
    return row | {"kind": TRANSACTIONS[row["code"]].kind, "month": counted, "hospital": hospital}


def exactly(row: Row, payer: Payer, earlier: Earlier) -> list[tuple[int, ...]]:
    """Return what a settlement may come to, by each version of the policy; nothing where that cannot be told.

    A stay may have ended in another month than it was settled in, and at a place that has another code by now.
    """
    before = earlier.before(row) if row["level"] and row["year"] else None
    if before is None:
        return []
    bill_row = placed(row)
    year = [one for one in before if one["year"] == row["year"]]
    found: list[tuple[int, ...]] = []
    for policy in payer.versions:
        parts = _parts(bill_row, policy, before)
        if parts is None:
            return []
        for referred in (False, True) if payer.region is not None and row["filing"] else (False,):
            case = case_of(bill_row, payer, referred=referred)
            if not policy.covers(case):
                continue
            terms = _terms(policy, case, payer.special)
            if case.kind == "inpatient" and terms.deductible_per in ("month", "quarter"):
                return []
            first_e4 = policy.referred_first_self_pay_e4 if referred else policy.first_self_pay_e4
            bill = Bill(
                bill_row, first_e4 if case.temporary else 0, year, parts, policy.own_pay_stays_count,
                case.civil_servant, case.aided,
            )  # fmt: skip
            found.append(owed(bill, terms))
    return found


def payer_of(row: Row, agreed: Agreement) -> Payer | None:
    """Return by what a settlement may be paid; None where nothing was agreed for the person's region."""
    region = None if agreed.policies is None else agreed.policies.of(row["insured_region"])
    own = agreed.own.get(province_of(row["insured_region"]))
    if region is None:
        return None if own is None else Payer((own,), None, _special_of(row, agreed.special))
    return Payer(_in_force(row, region), region, _special_of(row, agreed.special))


def _in_force(row: Row, region: RegionPolicies) -> list[Policy]:
    """Return what may have been in force: of a stay, which may have ended before, any version that began by then."""
    day = row["business_day"]
    if TRANSACTIONS[row["code"]].kind == "inpatient":
        return [one.policy for one in region.versions if one.from_day <= day]
    policy = region.on(day)
    return [] if policy is None else [policy]


def _special_of(row: Row, special: tuple[SpecialTerms, ...]) -> SpecialTerms | None:
    """Return what the care of a settlement is paid by in place of the policy's ratios, if by anything."""
    claimed = (row["care_type"], PERSON_TYPES[int(row["person"][TYPE])])
    of_type = (one for one in special if (one.care_type, one.person_type) == claimed)
    return next((one for one in of_type if one.disease in ("", row["disease"])), None)


def case_of(row: Row, payer: Payer, *, referred: bool) -> Case:
    """Return the case that a settlement is of."""
    person, region = row["person"], payer.region
    away = province_of(row["care_region"]) != province_of(row["insured_region"])
    kind = TRANSACTIONS[row["code"]].kind
    assert kind is not None  # a settlement is of a kind of visit
    return Case(
        kind,
        row["level"],
        PERSON_TYPES[int(person[TYPE])],
        temporary=away and person[TEMPORARY] == "1",
        referred=referred,
        civil_servant=region is not None and region.is_civil_servant(person),
        aided=region is not None and region.is_aided(person),
    )


def _terms(policy: Policy, case: Case, special: SpecialTerms | None) -> Terms:
    """Return the terms of a case; special care has a ratio of its own up to its limit, and nothing is due first."""
    terms = policy.terms_of(case)
    if special is None:
        return terms
    points_e4 = 0 if not case.temporary else policy.referred_points_e4 if case.referred else policy.points_e4
    ratio_e4 = max(special.ratio_e4 - points_e4, 0)
    last = Segment(NO_END_FEN, 0 if special.limit_fen else ratio_e4)
    segments = (Segment(special.limit_fen, ratio_e4), last) if special.limit_fen else (last,)
    return msgspec.structs.replace(
        terms, deductible_fen=0, later_deductibles_fen=(0,), deductible_per="visit", segments=segments
    )


def _parts(row: Row, policy: Policy, before: Sequence[Row]) -> list[Row] | None:
    """Return the parts of a stay with which it pays one deductible; None where that cannot be told."""
    parts: list[Row] = []
    for here, there in _links(row, before):
        if there is None or (there["mid_stay"] and here["hospital"] != there["hospital"]):
            return None
        if not policy.merges(transfer=here["hospital"] != there["hospital"]):
            break
        parts.append(there)
    return parts


def _links(row: Row, before: Sequence[Row]) -> Iterator[tuple[Row, Row | None]]:
    """Yield each part of a stay with the one that it goes on from, the latest first."""
    while row["continues"]:
        there = next((one for one in before if one["visit_id"] == row["continues"]), None)
        yield row, there
        if there is None:
            return
        row = there
