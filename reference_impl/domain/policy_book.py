"""The policies of insured regions by date: which version holds for whom on a business day.

A region is a province (two digits) or a city (four); the longer code counts. A region that is not in the book goes by
the insurer's own policy. Versions follow each other without a gap or an overlap: whoever makes a book holds it to that.
This module must never compute a settlement.
"""

from __future__ import annotations

import msgspec

from reference_impl.domain.keyed import WORD, Purpose, uniform
from reference_impl.domain.policies import Policy, PolicyTable

__all__ = ["FIRST_DAY", "LAST_DAY", "DatedPolicy", "PolicyBook", "RegionPolicies", "RegionTable", "VersionTable"]

FIRST_DAY, LAST_DAY = 0, 99_999_999
"""No version begins before the one, and none ends after the other."""
_CITY, _PROVINCE = 4, 2
"""Digits of a city's code and of a province's."""


class VersionTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy and the days (yyyymmdd) on which it holds, the first and the last of them, as plain rows."""

    policy: PolicyTable
    from_day: int = FIRST_DAY
    until_day: int = LAST_DAY


class RegionTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The policies of one insured region as plain rows; the shares say how many of its people a fund is for."""

    region: str
    versions: tuple[VersionTable, ...]
    civil_servant_share: float = 0.0
    aided_share: float = 0.0


class DatedPolicy(msgspec.Struct, frozen=True):
    """A policy, with the first and the last day on which it holds."""

    from_day: int
    until_day: int
    policy: Policy


class RegionPolicies:
    """The policies of one insured region, laid out for the day that asks."""

    __slots__ = ("_aided_share", "_civil_servant_share", "remembers", "versions")

    def __init__(self, table: RegionTable) -> None:
        """Lay out ``table``, its versions in the order of their days."""
        self.versions = tuple(DatedPolicy(one.from_day, one.until_day, one.policy.policy()) for one in table.versions)
        self.remembers = any(one.policy.remembers for one in self.versions)
        """Whether any version asks for more of a person's year than the accumulators hold."""
        self._civil_servant_share = table.civil_servant_share
        self._aided_share = table.aided_share

    @property
    def first(self) -> Policy:
        """The earliest version: what all versions have in common can be read from it."""
        return self.versions[0].policy

    def on(self, day: int) -> Policy | None:
        """Return what holds on a day (yyyymmdd); None on a day of no version."""
        for one in self.versions:
            if one.from_day <= day <= one.until_day:
                return one.policy
        return None

    def is_civil_servant(self, person: str) -> bool:
        """Return whether the supplement of civil servants is for a person: drawn by the number, always the same."""
        return _drawn(person, Purpose.CIVIL_SERVANT) < self._civil_servant_share

    def is_aided(self, person: str) -> bool:
        """Return whether medical aid is for a person."""
        return _drawn(person, Purpose.AIDED) < self._aided_share


class PolicyBook:
    """The policies of several regions, laid out for the region that asks."""

    __slots__ = ("_regions", "remembers")

    def __init__(self, tables: tuple[RegionTable, ...]) -> None:
        """Lay out ``tables``, one a region."""
        self._regions = {table.region: RegionPolicies(table) for table in tables}
        self.remembers = any(region.remembers for region in self._regions.values())

    def of(self, insured_region: str) -> RegionPolicies | None:
        """Return the policies of a region (6 digits): its city's, else its province's, else None."""
        found = self._regions.get(insured_region[:_CITY])
        return self._regions.get(insured_region[:_PROVINCE]) if found is None else found


def _drawn(person: str, purpose: Purpose) -> float:
    return uniform(0, int(person) & WORD, 0, 0, purpose)
