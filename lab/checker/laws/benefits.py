"""Law 22: who pays a settlement is what a policy in force says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import eq
from typing import Any

import msgspec
import polars as pl

from lab.checker.agreement import Agreement
from lab.checker.evidence import Evidence
from lab.checker.laws.exact_benefits import TEMPORARY, TYPE, Earlier, earlier_settlements, exactly, payer_of
from lab.checker.laws.violation import Violation
from lab.checker.owed import FUNDS
from reference_impl.domain.care_types import SpecialTerms
from reference_impl.domain.money import E4, share_fen
from reference_impl.domain.person import PERSON_TYPES
from reference_impl.domain.policies import NO_END_FEN, Policy, Segment, Terms
from reference_impl.domain.policy_book import RegionPolicies
from reference_impl.domain.regions import province_of
from reference_impl.domain.transactions import TRANSACTIONS

_NAMED = ("pool_fen", "large_fen", "illness_fen", "civil_fen", "aid_fen")
"""What the funds pay that a policy may have."""
_ORIGINAL = "01"
"""What the digit of temporary visitors is in a number that was never changed."""
_WORDS = dict(zip(FUNDS, ("is paid first", "is the deductible", *(f"is paid by {one}" for one in (
    "the pool", "large sum", "serious-illness insurance", "civil servants' supplement", "medical aid",
))), strict=True))  # fmt: skip


def who_pays_follows_the_policy_in_force(evidence: Evidence) -> Iterator[Violation]:
    """Law 22: a settlement is paid to the fen as a version in force has it, and by no fund that is not for the person.

    Worked out anew (``owed``) from what was in scope, the level that it was paid by, and every settlement of the person
    that stood before. A stay may count on the day it ended, which the books do not keep: any version that began by then
    will do, and a visitor may have been referred or not. How the person's part is split between account and cash is the
    card's to say.
    It cannot be told where a large run is checked place by place and the person was elsewhere before, of a stay with a
    deductible by month or quarter, and in books that do not say the level. There funds pay no more than the best terms
    of any level allow. Persons whose number was changed are left out: what their new one says is not theirs.
    """
    agreed = evidence.agreement
    if agreed.policies is None and not agreed.own:
        return
    made = evidence.settlements.filter(pl.col("sign") == 1).sort("settlement")
    earlier = earlier_settlements(made)
    for row in made.iter_rows(named=True):
        if row["person"][TEMPORARY] in _ORIGINAL:
            wrong = _wrong(row, agreed, earlier)
            if wrong:
                place = f"settlement {row['settlement']} at {row['node']}, dated {row['business_day']}"
                yield Violation("22 benefits", row["visit_id"], f"{place}: {wrong}", row["msgid"])


def _wrong(row: dict[str, Any], agreed: Agreement, earlier: Earlier) -> str:
    """Return what of a settlement no version that may have been in force has; empty where one has it all."""
    payer = payer_of(row, agreed)
    if payer is None or not payer.versions:
        return "" if payer is None else "no version of the policy held"
    others = _others_wrong(row)
    due = exactly(row, payer, earlier)
    if due:
        paid = tuple(row[name] for name in FUNDS)
        return others if paid in due else _differing(paid, due)
    region = payer.region
    if region is None:
        return others
    found = [_wrong_with(row, policy, region, payer.special) for policy in payer.versions]
    return found[-1] if all(found) else ""


def _differing(paid: tuple[int, ...], versions: Sequence[tuple[int, ...]]) -> str:
    """Return the first amount that is not what is due by the version that comes nearest."""
    nearest = max(versions, key=lambda due: sum(map(eq, paid, due)))
    of = zip(FUNDS, paid, nearest, strict=True)
    return next(f"{fen} fen {_WORDS[name]}, and {due_fen} fen are due" for name, fen, due_fen in of if fen != due_fen)


def _wrong_with(row: dict[str, Any], policy: Policy, region: RegionPolicies, own: SpecialTerms | None) -> str:
    """Return what a policy does not allow of a settlement; empty where it allows all."""
    person = row["person"]
    away = province_of(row["care_region"]) != province_of(row["insured_region"])
    temporary = away and person[TEMPORARY] == "1"
    ways = [(policy.terms, 0, 0)]
    if temporary:
        ways = [(policy.visiting, policy.first_self_pay_e4, policy.points_e4)]
    if temporary and row["filing"]:
        ways.append((policy.referred, policy.referred_first_self_pay_e4, policy.referred_points_e4))
    kind, person_type = TRANSACTIONS[row["code"]].kind, PERSON_TYPES[int(person[TYPE])]
    wrong = ""
    for held, first_e4, points_e4 in ways:
        terms = [one for case, one in held.items() if (case[0], case[2]) == (kind, person_type)]
        if own is not None:
            terms = [_paid_specially(one, own, points_e4) for one in terms]
        wrong = _first_wrong(row, first_e4) or _funds_wrong(row, terms) or _people_wrong(row, terms, region)
        if not wrong:
            return ""
    return wrong


def _paid_specially(terms: Terms, special: SpecialTerms, points_e4: int) -> Terms:
    """Return the terms with the ratio of special care, and what that comes to at most where it has a limit."""
    ratio_e4 = max(special.ratio_e4 - points_e4, 0)
    most_fen = -(-special.limit_fen * ratio_e4 // E4) if special.limit_fen else NO_END_FEN
    own_cap_fen = min(terms.own_cap_fen, most_fen)
    return msgspec.structs.replace(terms, segments=(Segment(NO_END_FEN, ratio_e4),), own_cap_fen=own_cap_fen)


def _first_wrong(row: dict[str, Any], first_e4: int) -> str:
    due_fen = share_fen(row["scope_fen"], first_e4)
    if row["first_fen"] == due_fen:
        return ""
    return f"{row['first_fen']} fen are paid first of {row['scope_fen']} fen in scope, and {due_fen} fen are due"


def _funds_wrong(row: dict[str, Any], terms: list[Terms]) -> str:
    if not terms:
        return "the policy has no terms for the person"
    above_fen = row["scope_fen"] - row["first_fen"] - row["deductible_fen"]
    best_e4 = max(segment.ratio_e4 for one in terms for segment in one.segments)
    rounded_up = max(len(one.segments) for one in terms)
    most_fen = min(-(-above_fen * best_e4 // E4) + rounded_up, max(min(one.cap_fen, one.own_cap_fen) for one in terms))
    if row["pool_fen"] > most_fen:
        return f"the pool pays {row['pool_fen']} fen, and at most {most_fen} fen are its own to pay"
    others = _others_wrong(row)
    if others:
        return others
    if row["large_fen"] and not any(one.large_sum_e4 for one in terms):
        return f"large sum pays {row['large_fen']} fen, and is not for the person"
    if row["illness_fen"] and not any(one.serious_illness for one in terms):
        return f"serious-illness insurance pays {row['illness_fen']} fen, and is not for the person"
    return ""


def _others_wrong(row: dict[str, Any]) -> str:
    others_fen = row["fund_fen"] - sum(row[fund] for fund in _NAMED) + row["hospital_part_fen"]
    return f"other funds and the hospital bear {others_fen} fen, and no policy has them pay" if others_fen else ""


def _people_wrong(row: dict[str, Any], terms: list[Terms], region: RegionPolicies) -> str:
    person = row["person"]
    if row["civil_fen"] and not (any(one.civil_servant for one in terms) and region.is_civil_servant(person)):
        return f"civil servants' supplement pays {row['civil_fen']} fen, and is not for the person"
    if row["aid_fen"] and not (any(one.aid for one in terms) and region.is_aided(person)):
        return f"medical aid pays {row['aid_fen']} fen, and is not for the person"
    return ""
