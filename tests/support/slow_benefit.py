"""Benefits worked out slowly, from the policy file as people read it: yuan, exact fractions, all bills of a year at hand.

A second opinion on ``reference_impl.domain.benefit``: it shares no code with it, keeps no accumulators, and looks up
each row where it needs one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from scenarios.schema.benefit import BenefitPolicy, PolicyVersion, Steps, TermsRow


@dataclass(frozen=True)
class Bill:
    """What somebody is treated for: in-scope cost in fen, in a month of the year, at a hospital."""

    kind: str
    level: int
    person: str
    scope_fen: int
    visitor: str = "no"
    month: int = 1
    hospital: str = "A"
    civil_servant: bool = False
    aided: bool = False


@dataclass(frozen=True)
class Paid:
    """Who pays what of a bill, in fen; ``left_fen`` is what pool and large sum leave."""

    first_fen: int
    deductible_fen: int
    pool_fen: int
    large_sum_fen: int
    illness_fen: int
    civil_fen: int
    aid_fen: int
    left_fen: int


Year = Sequence[tuple[Bill, Paid]]


def rounded(exact: Fraction) -> int:
    """Half a fen goes up."""
    return floor(exact + Fraction(1, 2))


def ratio(share: float) -> Fraction:
    """What a person wrote: 0.65 means 65/100."""
    return Fraction(str(share))


def pay(policy: BenefitPolicy, version: PolicyVersion, bill: Bill, year: Year) -> Paid:
    """Work out a bill after all others of the year."""
    row = next(r for r in version.terms if bill.kind in r.kinds and bill.level in r.levels and bill.person in r.persons)
    visitor = {"no": None, "temporary": version.visitors.other, "referred": version.visitors.those_referred}[
        bill.visitor
    ]
    first = rounded(bill.scope_fen * ratio(visitor.first_self_pay)) if visitor else 0
    points = ratio(visitor.points) if visitor else Fraction(0)
    cost = bill.scope_fen - first
    deductible = min(due(policy, row, bill, year), cost)
    pool, uncovered = from_pool(version, row, bill, cost, deductible, points, year)
    large = from_large_sum(version, bill, uncovered, year)
    left = cost - pool - large
    illness = from_illness(version, bill, left, year)
    civil = aid = 0
    if bill.civil_servant and version.civil_servant and bill.person in version.civil_servant.persons:
        base = sum(p.left_fen - p.illness_fen for _, p in year)
        civil = in_steps(version.civil_servant, base, left - illness, sum(p.civil_fen for _, p in year))
    if bill.aided and version.aid and bill.person in version.aid.persons:
        base = sum(p.left_fen - p.illness_fen - p.civil_fen for _, p in year)
        aid = in_steps(version.aid, base, left - illness - civil, sum(p.aid_fen for _, p in year))
    return Paid(first, deductible, pool, large, illness, civil, aid, left)


def due(policy: BenefitPolicy, row: TermsRow, bill: Bill, year: Year) -> int:
    """Return the deductible that is still due."""
    whole = row.deductible * 100
    alike = [(b, p) for b, p in year if (b.kind == "inpatient") == (bill.kind == "inpatient")]
    if row.deductible_per == "visit":
        stays = [b for b, _ in year if b.kind == "inpatient" and (policy.own_pay_stays_count or b.scope_fen)]
        if bill.kind != "inpatient" or not stays:
            return whole
        shares = [*row.later] + [row.later[-1]] * len(stays)
        return rounded(whole * ratio(shares[len(stays) - 1]))
    same = {
        "month": lambda b: b.month == bill.month,
        "quarter": lambda b: ceil(b.month / 3) == ceil(bill.month / 3),
        "year": lambda _: True,
        "hospital_year": lambda b: b.hospital == bill.hospital,
    }[row.deductible_per]
    return max(whole - sum(p.deductible_fen for b, p in alike if same(b)), 0)


def from_pool(
    version: PolicyVersion, row: TermsRow, bill: Bill, cost: int, deductible: int, points: Fraction, year: Year
) -> tuple[int, int]:
    """Return what the pool pays, and the cost that only the common cap leaves uncovered."""
    room = max(version.cap.of(bill.person) * 100 - sum(p.pool_fen for _, p in year), 0)
    own_cap, own = version.own_cap.of(bill.person), None
    if bill.kind != "inpatient" and own_cap is not None:
        own = max(own_cap * 100 - sum(p.pool_fen for b, p in year if b.kind != "inpatient"), 0)
    shift = deductible if row.segments_from == "deductible" else 0
    pays = uncovered = 0
    start = deductible
    for upto, share in row.segments:
        end = cost if upto is None else min(upto * 100 + shift, cost)
        if end <= start:
            continue
        at = max(ratio(share) - points, Fraction(0))
        wanted, free = rounded((end - start) * at), min(room, room if own is None else own) - pays
        if wanted > free:
            uncovered += (end - start) - min(ceil(free / at), end - start)
        pays += min(wanted, free)
        start = end
    return pays, uncovered if own is None or room <= own else 0


def from_large_sum(version: PolicyVersion, bill: Bill, uncovered: int, year: Year) -> int:
    """Return what large sum pays of the cost above the cap."""
    large = version.large_sum
    if large is None or bill.person not in large.persons:
        return 0
    free = max(large.cap * 100 - sum(p.large_sum_fen for _, p in year), 0)
    return min(rounded(uncovered * ratio(large.ratio)), free)


def from_illness(version: PolicyVersion, bill: Bill, left: int, year: Year) -> int:
    """Return what serious-illness insurance pays of what is left."""
    illness = version.serious_illness
    if illness is None or bill.person not in illness.persons:
        return 0
    steps = illness.aided if bill.aided and illness.aided else illness
    return in_steps(steps, sum(p.left_fen for _, p in year), left, sum(p.illness_fen for _, p in year))


def in_steps(steps: Steps, before: int, now: int, paid: int) -> int:
    """Return what steps pay of the year's cost with this bill, less what they pay of it without, within the cap."""
    pays = rounded(on_steps(steps, before + now)) - rounded(on_steps(steps, before))
    return pays if steps.cap is None else min(pays, max(steps.cap * 100 - paid, 0))


def on_steps(steps: Steps, cost: int) -> Fraction:
    """Return what each step's own ratio makes of the part of the cost that lies on it."""
    bounds = [start * 100 for start, _ in steps.steps[1:]] + [max(cost, steps.steps[-1][0] * 100)]
    return sum(
        (
            ratio(share) * max(min(cost, end) - start * 100, 0)
            for (start, share), end in zip(steps.steps, bounds, strict=True)
        ),
        Fraction(0),
    )
