"""The nodes of the tortured chain, on any ports: a hospital's province, the hub, the insurer, and cities that relay.

What every node goes by is fixed and small, so that a test knows each fen. It must never say what is right.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

import msgspec

from reference_impl.domain.care_types import SpecialCare
from reference_impl.domain.catalogue import DatedCatalogue
from reference_impl.domain.certificate import CertificateRules
from reference_impl.domain.fees import CatalogueItem, FeeLine
from reference_impl.domain.filing import FilingTable
from reference_impl.domain.institution import Institution, filing_platform, register_of
from reference_impl.domain.master_data import NodeData
from reference_impl.domain.network import NetworkScope
from reference_impl.domain.nodes import HUB, NodeId, is_city
from reference_impl.domain.person import PersonFacts
from reference_impl.domain.policies import DEFAULT_POLICY, Kind
from reference_impl.domain.policy_book import PolicyBook
from reference_impl.domain.prefund import PrefundRules
from reference_impl.domain.regions import city_of, province_of
from reference_impl.domain.renumbering import Renumbering
from reference_impl.domain.sessions import SessionRules
from reference_impl.protocol.business_day import day_of
from reference_impl.protocol.care import CareRules
from reference_impl.protocol.city import City
from reference_impl.protocol.hub import Hub
from reference_impl.protocol.insured import InsuredRules
from reference_impl.protocol.master_data import Codes, KnownElsewhere
from reference_impl.protocol.networked import Networked
from reference_impl.protocol.numbers import Numbers
from reference_impl.protocol.orders import ORDER_VALID_US
from reference_impl.protocol.ports import NodePorts, SealReader
from reference_impl.protocol.province import Province

__all__ = [
    "BALANCE_FEN",
    "CARE_CITY",
    "CARE_REGION",
    "CATALOGUE",
    "DAY_OF",
    "DESK",
    "FAR_HOSPITAL",
    "HOSPITAL",
    "INSTITUTIONS",
    "INSURED_CITY",
    "LINE",
    "LOCAL_PERSON",
    "NEIGHBOUR",
    "NODES",
    "NOTHING_ASKED",
    "PERSON",
    "PHONE",
    "WAIT_US",
    "WAYS",
    "Asked",
    "build",
    "standing_of",
    "ways_over",
]

CATALOGUE = {
    "X1": CatalogueItem(item="X1", grade="01", category=9, cap_price_e6=0, self_pay_e4=0, restricted=False),
    "X2": CatalogueItem(item="X2", grade="03", category=9, cap_price_e6=0, self_pay_e4=10_000, restricted=False),
}
DAY_OF = day_of(datetime(2024, 3, 13), 1.0)
PERSON = "63010010000000000001"
LOCAL_PERSON = "33040010000000000001"
BALANCE_FEN = 5_000
HOSPITAL = NodeId("H33040030001")
CARE_REGION = "330400"
KINDS: tuple[Kind, ...] = ("outpatient", "pharmacy", "inpatient")
NEIGHBOUR = NodeId("H33040030002")
FAR_HOSPITAL = NodeId("H63010030001")
INSTITUTIONS = register_of(
    [
        *(
            Institution(code, region, 3, KINDS)
            for code, region in ((HOSPITAL, CARE_REGION), (NEIGHBOUR, CARE_REGION), (FAR_HOSPITAL, "630100"))
        ),
        filing_platform("33"),
        filing_platform("63"),
    ]
)
"""One register for every node."""
LINE = FeeLine(serial="1", item="X1", count_e4=10_000, price_e6=100_000_000, total_fen=10_000)
NODES = (NodeId("33"), HUB, NodeId("63"))
CARE_CITY, INSURED_CITY = NodeId("3304"), NodeId("6301")
"""The cities of the hospital and of the person, where they have relays of their own."""
DESK, PHONE = "the hospital", "the phone"
"""Who begins a message: a desk, or a patient's phone by way of the platform, as links call them."""
WAYS = ((DESK, "33"), ("33", "hub"), ("hub", "63"))
"""From the hospital to the insurer, where no city has a relay."""
WAIT_US = 1_000_000


@dataclass
class Asked:
    """What every node of a chain is told at its start."""

    year_of: Callable[[int], int] = lambda _: 2024
    renumberings: tuple[Renumbering, ...] = ()
    """New numbers."""
    filing: FilingTable | None = None
    """What every province wants filed for treatment elsewhere."""
    master: NodeData | None = None
    """What is issued anew, and when each node downloads it."""
    network: NetworkScope | None = None
    """What the institutions of every province are opened for."""
    relays: tuple[str, ...] = ()
    """The cities that are nodes of their own, of the hospital and of the person: the way leads over them."""
    policies: PolicyBook | None = None
    """The policies of insured regions that have their own."""
    catalogue: DatedCatalogue | None = None
    """The rows of the places' catalogue, where they are not the same on all days."""
    certificates: CertificateRules | None = None
    """Which certificates no insurer takes."""
    prefund: PrefundRules | None = None
    """What every province has paid in advance."""
    special: SpecialCare | None = None
    """What every insurer pays of special care."""
    sessions: SessionRules | None = None
    """What every province asks of its desks."""
    order_valid_us: int = ORDER_VALID_US
    """How long an order may be confirmed."""
    dual_channel: bool = False
    """Whether every institution is designated for special drugs."""
    seals: SealReader | None = None
    """How every insurer reads seals; without it none is asked for."""


NOTHING_ASKED = Asked()


def build(node: str, ports: NodePorts, asked: Asked = NOTHING_ASKED) -> Province | Hub | City:
    """Build a node of the chain on any ports."""
    network, catalogue, master, now_us = asked.network, asked.catalogue, asked.master, ports.clock.now_us
    numbers = Numbers(asked.renumberings, now_us)
    reference = _references(node)
    if node == HUB:
        provinces = frozenset({NodeId("33"), NodeId("63")})
        return Hub(ports, provinces, timeout_us=WAIT_US, reference=reference, numbers=numbers)
    if is_city(node):
        own = {code: one for code, one in INSTITUTIONS.items() if city_of(one.region) == node}
        return City(ports, NodeId(node), own, timeout_us=3 * WAIT_US, reference=reference, numbers=numbers)
    known = INSTITUTIONS
    if asked.dual_channel:
        known = {code: msgspec.structs.replace(one, dual_channel=True) for code, one in known.items()}
    return Province(
        ports,
        CareRules(
            NodeId(node),
            CATALOGUE,
            known,
            lambda region: _way(node, region),
            numbers=numbers,
            codes=None if master is None else Codes(master, NodeId(node), now_us),
            networked=None if network is None else Networked(network, now_us),
            dated=None if catalogue is None else lambda at_us: catalogue.on(DAY_OF(at_us)),
            order_valid_us=asked.order_valid_us,
        ),
        InsuredRules(
            NodeId(node),
            DEFAULT_POLICY,
            _facts,
            asked.year_of,
            DAY_OF,
            numbers,
            asked.filing,
            None if master is None else KnownElsewhere(master, NodeId(node), numbers, now_us),
            policies=asked.policies,
            certificates=asked.certificates,
            prefund=asked.prefund,
            special=asked.special,
        ),
        timeout_us=2 * WAIT_US,
        reference=reference,
        relays=frozenset(NodeId(city) for city in asked.relays if province_of(city) == node),
        sessions=asked.sessions,
    )


def ways_over(relays: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Return the links on the way from the hospital to the insurer, over the cities that relay: who asks whom."""
    desk = ((DESK, CARE_CITY), (CARE_CITY, "33")) if CARE_CITY in relays else WAYS[:1]
    city = (("63", INSURED_CITY), (INSURED_CITY, "63")) if INSURED_CITY in relays else ()
    return (*desk, *WAYS[1:], *city)


def _references(node: str) -> Callable[[], str]:
    """Return what makes a fresh reference of a node at each call: its name and a number."""
    serial = count()
    return lambda: f"{node}{next(serial)}"


def _facts(person: str) -> PersonFacts | None:
    """Return what is known of a person of either province."""
    if person[0] not in "36":
        return None
    return PersonFacts("active", "310", person[:6], person[7] == "1", BALANCE_FEN, 470)


def _way(node: str, region: str) -> NodeId | None:
    insurer = region[:2]
    if insurer not in ("33", "63"):
        return None
    return NodeId(node) if insurer == node else HUB


def standing_of(settlements: Iterable[Any]) -> list[Any]:
    """Return the settlements that nothing takes back."""
    settlements = tuple(settlements)
    gone = {one.reverses for one in settlements if one.sign < 0}
    return [one for one in settlements if one.sign > 0 and one.settlement not in gone]
