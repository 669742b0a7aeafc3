"""Two dialects of one protocol: the old provincial one of stays, and today's national one; who speaks which, and when.

The old one (2016 to 2021) was published for stays alone (domain facts, interface §3): what it has goes in it, what it
has not goes in today's. It has no trial of a settlement, so a stay is settled in one call less. This module must never
read or write a message: ``reference_impl.wire`` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from reference_impl.domain import transactions as tx
from reference_impl.domain.scopes import covers

__all__ = ["OLD_TRANSACTIONS", "TODAYS", "DialectChange", "has_old_form", "old_answers", "speaks_old"]

OLD_TRANSACTIONS: Mapping[str, str] = {
    tx.PERSON: "0211",
    tx.ADMIT: "0212",
    tx.CANCEL_ADMISSION: "0214",
    tx.INPATIENT_LINES: "0301",
    tx.CANCEL_INPATIENT_LINES: "0302",
    tx.DISCHARGE: "0215",
    tx.CANCEL_DISCHARGE: "0216",
    tx.INPATIENT_SETTLE: "0304",
    tx.INPATIENT_CANCEL: "0305",
    tx.REVERSE: "1301",
}
"""The old number of a transaction. FOUND; in Foshan lines had the number 28."""


TODAYS: Mapping[str, str] = {old: code for code, old in OLD_TRANSACTIONS.items()}
"""Today's code of an old number."""


class DialectChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The places of care in ``scope`` speak the old dialect until ``from_us`` (None: for good), then the new one.

    The old one is answered until ``old_until_us``, as messages first sent in it are sent again in it; None is for good.
    Times are of the run's clock.
    """

    scope: str
    from_us: int | None
    old_until_us: int | None


def has_old_form(code: str, original: str = "") -> bool:
    """Return whether the old dialect has a transaction; of a reversal, whether it has what is to be reversed.

    >>> has_old_form(tx.INPATIENT_SETTLE), has_old_form(tx.INPATIENT_TRIAL)
    (True, False)
    """
    return code in OLD_TRANSACTIONS and (code != tx.REVERSE or original in OLD_TRANSACTIONS)


def speaks_old(changes: Iterable[DialectChange], care_region: str, now_us: int) -> bool:
    """Return whether the places of care in a region speak the old dialect at ``now_us``."""
    return any(covers(one.scope, care_region) and _before(now_us, one.from_us) for one in changes)


def old_answers(changes: Iterable[DialectChange], care_region: str, now_us: int) -> bool:
    """Return whether the old dialect is still answered there at ``now_us``."""
    return any(covers(one.scope, care_region) and _before(now_us, one.old_until_us) for one in changes)


def _before(now_us: int, end_us: int | None) -> bool:
    return end_us is None or now_us < end_us
