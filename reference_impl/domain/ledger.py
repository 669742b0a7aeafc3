"""The postings of a settlement in the insured province's books, as balanced legs.

Debits are positive, credits negative, and every set of legs sums to zero (G5). A negative settlement posts the same
legs with the other sign, so a settlement taken back leaves every account as it was. Nothing is stored here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference_impl.domain.benefit import Settlement

FUNDS = (
    ("pool", "pool_fen"),
    ("large_sum", "large_sum_fen"),
    ("serious_illness", "serious_illness_fen"),
    ("civil_servant", "civil_servant_fen"),
    ("aid", "aid_fen"),
    ("other", "other_fund_fen"),
    ("account", "account_fen"),
)
"""The name of each fund's account, and the amount of a settlement that it pays."""


def legs_for(settlement: Settlement, insured_province: str, care_province: str) -> tuple[tuple[str, int], ...]:
    """Return the legs: what each fund of the insured province pays, owed to the care province that pays the hospital.

    Cash is paid at the hospital's desk and never enters these books. Legs of nothing are left out.

    >>> from reference_impl.domain.benefit import Settlement
    >>> legs_for(Settlement(total_fen=100, in_scope_fen=100, pool_fen=70, cash_fen=30), "34", "33")
    (('34:fund:pool', 70), ('34:owed:33', -70))
    """
    legs = [
        (f"{insured_province}:fund:{name}", amount_fen)
        for name, field in FUNDS
        if (amount_fen := getattr(settlement, field))
    ]
    owed_fen = sum(amount_fen for _, amount_fen in legs)
    if owed_fen:
        legs.append((f"{insured_province}:owed:{care_province}", -owed_fen))
    return tuple(legs)
