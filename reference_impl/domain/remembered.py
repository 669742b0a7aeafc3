"""What a policy remembers of a person's settlements, one by one, where the accumulators of a year do not tell it.

A deductible by month, quarter or hospital, a yearly cap of one fund, a fund that pays in steps of what another left:
each asks for a sum over some of the year's settlements. Most policies ask for none of it, and nothing is kept for them.
A settlement that is taken back is left out, and every sum is what it was. This module must never decide a benefit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from reference_impl.domain.policies import Kind

if TYPE_CHECKING:
    from reference_impl.domain.benefit import Settlement
    from reference_impl.domain.policies import Terms

__all__ = ["NOTHING", "Asked", "Past", "Remembered", "entered", "left_out", "remembered"]

_MONTHS_A_QUARTER = 3
_YEARS_KEPT = 2
"""A stay may be settled in the year after the one it counts in, and no later."""


class Past(msgspec.Struct, frozen=True, gc=False):
    """One settlement that stands: when and where it counts, and what it came to.

    ``month`` is that of the day it counts on, in its benefit ``year``. ``borne_fen`` is in-scope cost that pool and
    large sum left.
    """

    visit: str
    year: int
    month: int
    institution: str
    kind: Kind
    deductible_fen: int
    pool_fen: int
    large_sum_fen: int
    borne_fen: int
    illness_fen: int
    civil_servant_fen: int
    aid_fen: int


class Asked(NamedTuple):
    """For which settlement the sums are wanted: when and where it counts."""

    year: int
    month: int
    institution: str
    kind: Kind


class Remembered(msgspec.Struct, frozen=True, gc=False):
    """The sums that terms may ask for, over the settlements of the year before this one.

    ``deductible_fen`` was paid within the period, or at the hospital, that the terms name; ``own_pool_fen`` the pool
    paid for visits and sales. ``civil_base_fen`` and ``aid_base_fen`` are what was left of in-scope cost for these two
    to pay of; the others are what each fund paid.
    """

    deductible_fen: int = 0
    own_pool_fen: int = 0
    large_sum_fen: int = 0
    illness_fen: int = 0
    civil_base_fen: int = 0
    civil_servant_fen: int = 0
    aid_base_fen: int = 0
    aid_fen: int = 0


NOTHING = Remembered()


def remembered(past: Iterable[Past], terms: Terms, asked: Asked) -> Remembered:
    """Return the sums that ``terms`` ask for in the year that is asked about."""
    year = [one for one in past if one.year == asked.year]
    left_fen = sum(one.borne_fen - one.illness_fen for one in year)
    civil_fen = sum(one.civil_servant_fen for one in year)
    return Remembered(
        deductible_fen=sum(one.deductible_fen for one in year if _same_period(one, terms, asked)),
        own_pool_fen=sum(one.pool_fen for one in year if one.kind != "inpatient"),
        large_sum_fen=sum(one.large_sum_fen for one in year),
        illness_fen=sum(one.illness_fen for one in year),
        civil_base_fen=left_fen,
        civil_servant_fen=civil_fen,
        aid_base_fen=left_fen - civil_fen,
        aid_fen=sum(one.aid_fen for one in year),
    )


def _same_period(one: Past, terms: Terms, asked: Asked) -> bool:
    """Return whether the deductible of ``one`` counts towards that of the settlement asked about."""
    if (one.kind == "inpatient") != (asked.kind == "inpatient"):
        return False
    match terms.deductible_per:
        case "month":
            return one.month == asked.month
        case "quarter":
            return _quarter(one.month) == _quarter(asked.month)
        case "hospital_year":
            return one.institution == asked.institution
        case _:
            return True


def _quarter(month: int) -> int:
    return (month - 1) // _MONTHS_A_QUARTER


def entered(past: tuple[Past, ...], visit: str, asked: Asked, amounts: Settlement) -> tuple[Past, ...]:
    """Return what is remembered with one settlement more; years that nothing can be settled in any more are let go."""
    a = amounts
    borne_fen = a.in_scope_fen - a.first_self_pay_fen - a.pool_fen - a.large_sum_fen
    one = Past(
        visit, *asked, a.deductible_fen, a.pool_fen, a.large_sum_fen, borne_fen, a.serious_illness_fen,
        a.civil_servant_fen, a.aid_fen,
    )  # fmt: skip
    latest = max([asked.year, *(one.year for one in past)])
    return (*(one for one in past if one.year > latest - _YEARS_KEPT), one)


def left_out(past: tuple[Past, ...], visit: str) -> tuple[Past, ...]:
    """Return what is remembered without the settlement of a visit."""
    return tuple(one for one in past if one.visit != visit)
