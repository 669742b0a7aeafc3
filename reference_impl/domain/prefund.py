"""The prefund (预付金) that an insured province keeps with a province of care: its quota, its use, its warnings.

Pure: an account and an act in, the account after it or a refusal out. Reserved and posted together never pass the limit
(G6), and a reservation ends exactly once. This module must never decide a settlement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import msgspec

from reference_impl.domain.money import half_up

__all__ = [
    "RED_E4",
    "YELLOW_E4",
    "Alarm",
    "Prefund",
    "PrefundRefusal",
    "PrefundRules",
    "Quota",
    "TopUp",
    "bank_fee_legs",
    "deposit_legs",
    "interest_legs",
    "quota_fen",
    "top_up_fen",
    "warning_of",
]

QUOTA_MONTHS = 2
"""The quota is so many months of the last quarter's mean. SEED 001."""
_MONTHS_A_QUARTER = 3
E4 = 10_000
YELLOW_E4, RED_E4 = 7_000, 9_000
"""Use from which a warning is raised. FOUND S11; that the ratio is used over limit is RECALLED."""


class Alarm(StrEnum):
    """How far a prefund is used."""

    NONE = "none"
    YELLOW = "yellow"
    RED = "red"


class PrefundRefusal(StrEnum):
    """Why an act on a prefund is refused; nothing has changed then."""

    SHORT = "prefund short"
    RESERVED_ALREADY = "reserved already"
    NOT_RESERVED = "not reserved"
    ENDED = "reservation ended"
    NEGATIVE = "amount below 0"


def quota_fen(months_fen: tuple[int, int, int]) -> int:
    """Return the year's quota from what was settled in the three months of the last quarter.

    >>> quota_fen((100, 200, 300))
    400
    """
    return half_up(QUOTA_MONTHS * sum(months_fen), _MONTHS_A_QUARTER)


def warning_of(used_fen: int, limit_fen: int) -> Alarm:
    """Return the warning at a use: yellow from 70 %, red from 90 %; a limit of nothing that is used is red.

    >>> warning_of(6_999, 10_000), warning_of(7_000, 10_000), warning_of(9_000, 10_000)
    (<Alarm.NONE: 'none'>, <Alarm.YELLOW: 'yellow'>, <Alarm.RED: 'red'>)
    """
    if used_fen > 0 and used_fen * E4 >= limit_fen * RED_E4:
        return Alarm.RED
    return Alarm.YELLOW if used_fen > 0 and used_fen * E4 >= limit_fen * YELLOW_E4 else Alarm.NONE


def top_up_fen(used_fen: int, limit_fen: int) -> int:
    """Return the least increase after which no warning stands (紧急调增); how much is asked in practice is ASSUMED.

    >>> top_up_fen(9_000, 10_000), warning_of(9_000, 10_000 + top_up_fen(9_000, 10_000))
    (2858, <Alarm.NONE: 'none'>)
    """
    if warning_of(used_fen, limit_fen) is Alarm.NONE:
        return 0
    return used_fen * E4 // YELLOW_E4 + 1 - limit_fen


class TopUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An increase of a limit, from an instant of the run's clock on."""

    at_us: int
    amount_fen: int


class Quota(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an insured province has paid in advance to one province of care."""

    care: str
    limit_fen: int
    top_ups: tuple[TopUp, ...] = ()

    def limit_at(self, now_us: int) -> int:
        """Return what may be owed at most at an instant.

        >>> Quota("33", 100, (TopUp(5, 20),)).limit_at(4), Quota("33", 100, (TopUp(5, 20),)).limit_at(5)
        (100, 120)
        """
        return self.limit_fen + sum(one.amount_fen for one in self.top_ups if one.at_us <= now_us)


class PrefundRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The prefunds of one insured province. ``waits``: who is not covered is told to ask again after ``retry_us``."""

    quotas: tuple[Quota, ...]
    waits: bool = False
    retry_us: int = 0


Legs = tuple[tuple[str, int], ...]


def deposit_legs(insured: str, care: str, amount_fen: int) -> Legs:
    """Return the legs of a prefund paid in: from fiscal account to fiscal account, owed back by the care province."""
    return (
        (f"{insured}:prefund:{care}", amount_fen),
        (f"{insured}:fiscal", -amount_fen),
        (f"{care}:fiscal", amount_fen),
        (f"{care}:prefund_of:{insured}", -amount_fen),
    )


def interest_legs(care: str, amount_fen: int) -> Legs:
    """Return the legs of interest on prefunds: it belongs to the care place (SEED 001), no prefund grows by it.

    >>> interest_legs("33", 5)
    (('33:fiscal', 5), ('33:interest', -5))
    """
    return ((f"{care}:fiscal", amount_fen), (f"{care}:interest", -amount_fen))


def bank_fee_legs(province: str, amount_fen: int) -> Legs:
    """Return the legs of a bank's fee: never charged to the fund (SEED 001), so the agency's budget (ASSUMED) bears it.

    >>> bank_fee_legs("33", 5)
    (('33:agency:bank_fees', 5), ('33:agency:budget', -5))
    """
    return ((f"{province}:agency:bank_fees", amount_fen), (f"{province}:agency:budget", -amount_fen))


class _End(StrEnum):
    POSTED = "posted"
    VOIDED = "voided"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Prefund:
    """One insured province's prefund with one province of care.

    ``reserved`` are open reservations by key, ``ended`` how each other one ended.
    """

    limit_fen: int
    posted_fen: int = 0
    reserved: Mapping[str, int] = field(default_factory=dict[str, int])
    ended: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def used_fen(self) -> int:
        """What is posted and reserved."""
        return self.posted_fen + sum(self.reserved.values())

    @property
    def free_fen(self) -> int:
        """What may still be reserved."""
        return self.limit_fen - self.used_fen

    @property
    def warning(self) -> Alarm:
        """How far it is used."""
        return warning_of(self.used_fen, self.limit_fen)

    def reserve(self, key: str, amount_fen: int) -> Prefund | PrefundRefusal:
        """Return the account with an amount reserved, or why not."""
        if key in self.reserved or key in self.ended:
            return PrefundRefusal.RESERVED_ALREADY
        if amount_fen < 0:  # would free what others may use
            return PrefundRefusal.NEGATIVE
        if amount_fen > self.free_fen:
            return PrefundRefusal.SHORT
        return replace(self, reserved={**self.reserved, key: amount_fen})

    def post(self, key: str) -> Prefund | PrefundRefusal:
        """Return the account with a reservation turned into what is owed."""
        amount_fen = self.reserved.get(key, 0)
        after = self._end(key, _End.POSTED)
        return after if isinstance(after, PrefundRefusal) else replace(after, posted_fen=self.posted_fen + amount_fen)

    def void(self, key: str) -> Prefund | PrefundRefusal:
        """Return the account with a reservation given up."""
        return self._end(key, _End.VOIDED)

    def expire(self, key: str) -> Prefund | PrefundRefusal:
        """Return the account with a reservation that nobody ended in time."""
        return self._end(key, _End.EXPIRED)

    def take_back(self, amount_fen: int) -> Prefund:
        """Return the account after a posted settlement was taken back."""
        return replace(self, posted_fen=self.posted_fen - amount_fen)

    def cleared(self, amount_fen: int) -> Prefund:
        """Return the account after a clearing was paid: what was used is free again."""
        return replace(self, posted_fen=self.posted_fen - amount_fen)

    def topped_up(self, amount_fen: int) -> Prefund:
        """Return the account with a higher limit."""
        return replace(self, limit_fen=self.limit_fen + amount_fen)

    def _end(self, key: str, end: _End) -> Prefund | PrefundRefusal:
        if key not in self.reserved:
            return PrefundRefusal.ENDED if key in self.ended else PrefundRefusal.NOT_RESERVED
        left = {other: amount_fen for other, amount_fen in self.reserved.items() if other != key}
        return replace(self, reserved=left, ended={**self.ended, key: end.value})
