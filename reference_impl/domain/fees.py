"""Charges, and how the place of care splits them by its catalogue (domain facts 6.1, steps 1 to 3, and 1.5).

Each line falls into four parts that add up to it: paid by the person alone, above the price cap, prior self-pay, and in
scope of insurance. Lines stay in the place of care; their sums over the 14 fee categories travel.
Called once a message in the simulated world, so written for speed; it must never use a float.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from reference_impl.domain.errors import Refusal
from reference_impl.domain.money import E4, Rounding, half_up

CATEGORIES = 14
"""Fee categories (med_chrgitm_type 01 to 14)."""
CATEGORY_OTHER = 14

GRADE_FULL = "01"
"""甲: in scope without prior self-pay."""
GRADE_PART = "02"
"""乙: a share is paid by the person before insurance counts."""
GRADE_NONE = "03"
"""丙: paid by the person alone."""

REASON_UNKNOWN = "item is not in the catalogue of the place of care"
REASON_GRADE = "item is outside insurance"
REASON_RESTRICTED = "restricted item without the hospital's approval"
REASON_DECLINED = "hospital marked the item as self-paid"

_TOTAL_FEN_MAX = 10**15
"""No bill: what an amount of the interface (n16,2) holds is ten times that, and sums of a few such fit into 64 bits."""
_FEN_E10 = 10**8  # count (e4) times price (e6) is yuan e10, so 10**8 of it make one fen
_NO_CATEGORIES = (0,) * CATEGORIES


class FeeLine(msgspec.Struct, frozen=True, gc=False):
    """One charge as the hospital states it: ``serial`` is its own number for it, unique in the visit.

    ``approved`` is hosp_appr_flag. A refund has a negative count and total, and a price as any other; ``refunds`` is
    the number of the line that it takes from (init_feedetl_sn), whose split it then follows.
    Books from before lines had numbers hold some without.
    """

    serial: str = ""
    item: str = ""
    count_e4: int = 0
    price_e6: int = 0
    total_fen: int = 0
    approved: str = "0"
    refunds: str = ""


class PricedLine(msgspec.Struct, frozen=True, gc=False):
    """One charge as the place of care splits it. ``reason`` says why it is not payable."""

    serial: str = ""
    total_fen: int = 0
    over_limit_fen: int = 0
    own_pay_fen: int = 0
    pre_self_pay_fen: int = 0
    in_scope_fen: int = 0
    grade: str = GRADE_FULL
    category: int = CATEGORY_OTHER
    reason: str = ""
    refunds: str = ""


class FeeTotals(msgspec.Struct, frozen=True, gc=False):
    """What crosses the province's border: sums of lines, and the same total by fee category."""

    total_fen: int = 0
    own_pay_fen: int = 0
    over_limit_fen: int = 0
    pre_self_pay_fen: int = 0
    in_scope_fen: int = 0
    by_category_fen: tuple[int, ...] = _NO_CATEGORIES


class Split(msgspec.Struct, frozen=True, gc=False):
    """A total by who may be asked for it, before any benefit."""

    own_pay_fen: int = 0
    over_limit_fen: int = 0
    pre_self_pay_fen: int = 0
    in_scope_fen: int = 0


def split_of(fees: FeeTotals) -> Split:
    """Return the split of summed lines."""
    return Split(fees.own_pay_fen, fees.over_limit_fen, fees.pre_self_pay_fen, fees.in_scope_fen)


ALWAYS, FOR_EVER = 0, 99_999_999
"""No row of a catalogue holds before the one, and none after the other."""


class CatalogueItem(msgspec.Struct, frozen=True, gc=False):
    """What a place's catalogue says of an item, from a day (yyyymmdd) to a day, both included.

    ``cap_price_e6`` 0 means no cap on the unit price.
    """

    item: str
    grade: str
    category: int
    cap_price_e6: int = 0
    self_pay_e4: int = 0
    restricted: bool = False
    list_price_e6: int = 0
    valid_from: int = ALWAYS
    valid_until: int = FOR_EVER


Catalogue = Mapping[str, CatalogueItem]

ZERO_FEES = FeeTotals()


def price_lines(catalogue: Catalogue, lines: Sequence[FeeLine], rounding: Rounding = half_up) -> tuple[PricedLine, ...]:
    """Return each line split by the catalogue; the parts of every line add up to its total.

    ``rounding`` applies to each part of each line. A line's own total is price times count, half a fen up (interface
    facts 1: FOUND); how its parts are rounded is not stated: ASSUMED the same.
    """
    priced: list[PricedLine] = []
    find = catalogue.get
    for line in lines:
        serial, total_fen = line.serial, line.total_fen
        item = find(line.item)
        if item is None:
            priced.append(PricedLine(serial, total_fen, 0, total_fen, 0, 0, GRADE_NONE, CATEGORY_OTHER, REASON_UNKNOWN))
            continue
        grade = item.grade
        approved = line.approved
        if grade == GRADE_NONE or approved == "2" or (item.restricted and approved != "1"):
            reason = _why_own_pay(item, approved)
            priced.append(PricedLine(serial, total_fen, 0, total_fen, 0, 0, grade, item.category, reason))
            continue
        rest_fen = total_fen
        over_fen = 0
        cap_e6 = item.cap_price_e6
        if cap_e6 and line.price_e6 > cap_e6:
            over_fen = _over_limit_fen(line, cap_e6, rounding)
            rest_fen -= over_fen
        pre_fen = rounding(rest_fen * item.self_pay_e4, E4) if grade == GRADE_PART else 0
        priced.append(
            PricedLine(serial, total_fen, over_fen, 0, pre_fen, rest_fen - pre_fen, grade, item.category),
        )
    return tuple(priced)


def refund_of(line: FeeLine, original: PricedLine, left: FeeTotals) -> PricedLine:
    """Return a refund split as the line it takes from was; ``left`` is what earlier refunds have left of that line.

    Each part is brought down to its proportion of what is left afterwards, whichever refunds stand by then: once all of
    the line has gone back, nothing of any part is left, whatever the catalogue says, and no part is ever below nothing.
    """
    whole_fen, after_fen = original.total_fen, left.total_fen + line.total_fen

    def still(fen: int) -> int:
        return half_up(fen * after_fen, whole_fen)

    over_fen, own_fen = still(original.over_limit_fen), still(original.own_pay_fen)
    pre_fen = min(still(original.pre_self_pay_fen), after_fen - over_fen - own_fen)
    return PricedLine(
        line.serial,
        line.total_fen,
        over_fen - left.over_limit_fen,
        own_fen - left.own_pay_fen,
        pre_fen - left.pre_self_pay_fen,
        after_fen - over_fen - own_fen - pre_fen - left.in_scope_fen,
        original.grade,
        original.category,
        original.reason,
        original.serial,
    )


def total_of(priced: Iterable[PricedLine]) -> FeeTotals:
    """Return the sums of priced lines."""
    total = own = over = pre = scope = 0
    by_category = [0] * CATEGORIES
    for line in priced:
        amount = line.total_fen
        total += amount
        own += line.own_pay_fen
        over += line.over_limit_fen
        pre += line.pre_self_pay_fen
        scope += line.in_scope_fen
        by_category[line.category - 1] += amount
    return FeeTotals(total, own, over, pre, scope, tuple(by_category))


def add_fees(a: FeeTotals, b: FeeTotals) -> FeeTotals:
    """Return the sums of two sets of charges."""
    if a is ZERO_FEES:
        return b
    return FeeTotals(
        a.total_fen + b.total_fen,
        a.own_pay_fen + b.own_pay_fen,
        a.over_limit_fen + b.over_limit_fen,
        a.pre_self_pay_fen + b.pre_self_pay_fen,
        a.in_scope_fen + b.in_scope_fen,
        tuple(x + y for x, y in zip(a.by_category_fen, b.by_category_fen, strict=True)),
    )


def take_fees(a: FeeTotals, b: FeeTotals) -> FeeTotals:
    """Return the charges ``a`` without ``b``, which are among them."""
    return FeeTotals(
        a.total_fen - b.total_fen,
        a.own_pay_fen - b.own_pay_fen,
        a.over_limit_fen - b.over_limit_fen,
        a.pre_self_pay_fen - b.pre_self_pay_fen,
        a.in_scope_fen - b.in_scope_fen,
        tuple(x - y for x, y in zip(a.by_category_fen, b.by_category_fen, strict=True)),
    )


def line_amount_wrong(line: FeeLine) -> bool:
    """Return whether the amount of a line is more than one fen off its count times its price."""
    return abs(line.total_fen * _FEN_E10 - line.count_e4 * line.price_e6) > _FEN_E10


def amounts_refusal(fees: FeeTotals) -> Refusal | None:
    """Return why no visit can have these charges: a part below nothing (a refund too large), or more than a bill."""
    parts = (fees.total_fen, fees.own_pay_fen, fees.over_limit_fen, fees.pre_self_pay_fen, fees.in_scope_fen)
    if min(parts) < 0 or min(fees.by_category_fen) < 0:
        return Refusal.NEGATIVE_TOTAL
    return Refusal.TOTAL_TOO_LARGE if fees.total_fen > _TOTAL_FEN_MAX else None


def _why_own_pay(item: CatalogueItem, approved: str) -> str:
    if item.grade == GRADE_NONE:
        return REASON_GRADE
    return REASON_DECLINED if approved == "2" else REASON_RESTRICTED


def _over_limit_fen(line: FeeLine, cap_e6: int, rounding: Rounding) -> int:
    """Return what the unit price exceeds the cap by, over the whole count, never more than the line."""
    over_fen = rounding((line.price_e6 - cap_e6) * line.count_e4, _FEN_E10)
    total_fen = line.total_fen
    return min(over_fen, max(total_fen, 0)) if over_fen >= 0 else max(over_fen, min(total_fen, 0))
