"""Scopes: what a door closes and what a cutover stops (the hub, a province, a city), and on which side.

A scope is the hub or the prefix of a region. Who keeps its doors, which sides it has and whose business lies on it are
said here, once, for both worlds and for an operator's command.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from reference_impl.domain.nodes import HUB, NodeId
from reference_impl.domain.regions import is_cross_province, province_of

__all__ = ["Business", "Side", "SideChoice", "concerned", "covers", "doorkeeper", "on_the_way", "sides_of"]


class Side(StrEnum):
    """Whose business passes: patients treated in the scope, or patients insured there."""

    CARE = "care"
    INSURED = "insured"


class Business(StrEnum):
    """Which business a door stops, by whether it leaves its province."""

    ALL = "all"
    CROSS = "cross"
    """Between provinces."""
    LOCAL = "local"
    """Within one province."""
    FILING = "filing"
    """Filing and its withdrawal, wherever they come from: what administration does, and no visit is."""


SideChoice = Literal["both", "care", "insured"]
_SIDES: dict[SideChoice, tuple[Side, ...]] = {
    "both": (Side.CARE, Side.INSURED),
    "care": (Side.CARE,),
    "insured": (Side.INSURED,),
}


def doorkeeper(scope: str) -> NodeId:
    """Return the node that keeps the doors of a scope: a city's doors are its province's.

    >>> doorkeeper("3415"), doorkeeper("hub")
    ('34', 'hub')
    """
    return HUB if scope == HUB else NodeId(province_of(scope))


def sides_of(scope: str, side: SideChoice) -> tuple[Side, ...]:
    """Return the sides to close; the hub has one door, which every message passes on its way to an insurer."""
    return (Side.CARE,) if scope == HUB else _SIDES[side]


def covers(scope: str, region: str) -> bool:
    """Return whether a door of ``scope`` stands on the way of a region's business."""
    return scope == HUB or region.startswith(scope)


def concerned(business: Business, *, care_region: str, insured_region: str, filing: bool = False) -> bool:
    """Return whether what passes between two regions is what a door stops; ``filing``: it is a filing, or ends one.

    >>> concerned(Business.LOCAL, care_region="340100", insured_region="341500")
    True
    """
    if business is Business.ALL:
        return True
    if business is Business.FILING:
        return filing
    if filing:  # nobody files for treatment within the province, wherever the message comes from
        return business is Business.CROSS
    return is_cross_province(care_region, insured_region) is (business is Business.CROSS)


def on_the_way(scope: str, side: SideChoice, *, care_region: str, insured_region: str, by_phone: bool = False) -> bool:
    """Return whether the chain of a visit passes a door of ``scope`` on ``side``.

    ``by_phone``: it is what somebody files on the platform, which speaks to the insurer alone.

    >>> on_the_way("3415", "insured", care_region="330400", insured_region="341500")
    True
    >>> on_the_way("hub", "both", care_region="330400", insured_region="341500", by_phone=True)
    False
    """
    if by_phone:
        return Side.INSURED in _SIDES[side] and insured_region.startswith(scope)
    if scope == HUB:
        return is_cross_province(care_region, insured_region)
    regions = {Side.CARE: care_region, Side.INSURED: insured_region}
    return any(regions[one].startswith(scope) for one in _SIDES[side])
