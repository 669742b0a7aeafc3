"""The nodes of the chain (hub, provinces, cities, institutions), the roles they play, and the links between them.

A name says what it is: ``hub``; two digits, a province; four, a city; a letter and eleven digits, an institution.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal, NewType

from reference_impl.domain.regions import CITY_DIGITS, PROVINCE_DIGITS, city_of, province_of

__all__ = [
    "HOSPITAL",
    "HUB",
    "ROLES",
    "NodeId",
    "Role",
    "care_node",
    "entry_node",
    "insured_node",
    "is_city",
    "link_end",
    "role_of",
]

NodeId = NewType("NodeId", str)
"""``hub``, a province (``33``), a city (``3415``) or an institution code (``H33040000001``)."""

HUB: Final = NodeId("hub")
HOSPITAL: Final = "hospital"
"""The end of a link that every institution shares."""

Role = Literal["city", "care", "hub", "insured"]
ROLES: tuple[Role, ...] = ("city", "care", "hub", "insured")
"""In the order of a message's way from a hospital to the insurer."""


def role_of(node: str, sender: str) -> Role:
    """Return the role in which ``node`` serves a message of ``sender``.

    >>> role_of("34", "hub"), role_of("34", "H34010000001"), role_of("hub", "34")
    ('insured', 'care', 'hub')

    What a city sends its province under its own name is for the people it insures.

    >>> role_of("34", "3415"), role_of("3415", "H34150000001"), role_of("3415", "34")
    ('insured', 'city', 'city')
    """
    if node == HUB:
        return "hub"
    if is_city(node):
        return "city"
    return "insured" if sender == HUB or is_city(sender) else "care"


def care_node(care_region: str) -> NodeId:
    """Return the node that serves the hospitals of a region."""
    return NodeId(province_of(care_region))


def entry_node(care_region: str, relays: Collection[str]) -> NodeId:
    """Return the node that the hospitals of a region send to: their city's relay, or their province.

    >>> entry_node("341500", {"3415"}), entry_node("341500", ())
    ('3415', '34')
    """
    city = city_of(care_region)
    return NodeId(city) if city in relays else care_node(care_region)


def insured_node(insured_region: str) -> NodeId:
    """Return the node that decides for the people of a region."""
    return NodeId(province_of(insured_region))


def is_city(node: str) -> bool:
    """Return whether a node of the chain is a city's relay."""
    return len(node) == CITY_DIGITS and node.isdecimal()


def link_end(node: str) -> str:
    """Return the end of a link that a node is: an institution is a hospital, a city belongs to its province.

    >>> link_end("H33040000001"), link_end("3415"), link_end("34"), link_end("hub")
    ('hospital', '34', '34', 'hub')
    """
    if node in (HOSPITAL, HUB):
        return node
    return node[:PROVINCE_DIGITS] if node[0].isdigit() else HOSPITAL
