"""A node from its configuration and its ports: the one place where the rules of a province meet its workflows.

The simulated world and the servers both assemble their nodes here, so they cannot differ. A configuration is plain
data and knows no scenario; where it comes from is its maker's affair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import count

import msgspec

from reference_impl.domain.care_types import SpecialCare
from reference_impl.domain.catalogue import DatedCatalogue, is_dated
from reference_impl.domain.certificate import CertificateRules
from reference_impl.domain.fees import Catalogue, CatalogueItem
from reference_impl.domain.filing import FilingTable
from reference_impl.domain.institution import Institution, register_of
from reference_impl.domain.master_data import NodeData
from reference_impl.domain.network import NetworkScope
from reference_impl.domain.nodes import HUB, NodeId, insured_node
from reference_impl.domain.person import PersonRegister
from reference_impl.domain.policies import PolicyTable
from reference_impl.domain.policy_book import PolicyBook, RegionTable
from reference_impl.domain.prefund import PrefundRules
from reference_impl.domain.regions import REGION_DIGITS
from reference_impl.domain.renumbering import Renumbering
from reference_impl.domain.sessions import SessionRules
from reference_impl.protocol.business_day import MIDNIGHT_S, day_of
from reference_impl.protocol.care import DISCHARGED_AHEAD_US, CareRules
from reference_impl.protocol.city import City
from reference_impl.protocol.hub import Hub
from reference_impl.protocol.ids import Stamps
from reference_impl.protocol.insured import InsuredRules
from reference_impl.protocol.master_data import Codes, KnownElsewhere
from reference_impl.protocol.networked import Networked
from reference_impl.protocol.numbers import Numbers
from reference_impl.protocol.orders import ORDER_VALID_US
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.province import Province
from reference_impl.protocol.restraint import CallRules, Restraint
from reference_impl.protocol.sweeper import DEFAULT_SWEEP, SweepRules

__all__ = ["CityConfig", "NodeConfig", "ProvinceConfig", "assemble"]

_PERSONS = 256
"""Persons whose facts are at hand: a visit asks for those of its patient several times within minutes."""
_HUB_REGION = "100000"
"""GB/T 2260: the whole country."""


class ProvinceConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a province goes by: catalogue and institutions as a place of care, policy and persons as an insurer.

    ``filing`` is None where everybody counts as filed, ``master`` where nothing is issued anew, ``network`` where every
    institution serves everybody, ``certificates`` where an insurer takes every certificate, ``prefund`` where nothing
    is reserved, ``special`` where every visit is paid as an ordinary one. ``policies`` are those of insured regions
    that have their own; all others go by ``policy``. ``relays`` are its cities that are nodes of their own.
    ``order_valid_us`` is how long an order may be confirmed, on the run's clock; None: half an hour of business time.
    ``sessions`` is None where desks need not be signed in.
    """

    catalogue: tuple[CatalogueItem, ...]
    institutions: tuple[Institution, ...]
    policy: PolicyTable
    persons: PersonRegister
    filing: FilingTable | None = None
    master: NodeData | None = None
    policies: tuple[RegionTable, ...] = ()
    prefund: PrefundRules | None = None
    special: SpecialCare | None = None
    network: NetworkScope | None = None
    certificates: CertificateRules | None = None
    relays: tuple[NodeId, ...] = ()
    order_valid_us: int | None = None
    sessions: SessionRules | None = None


class CityConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a city's relay goes by: the institutions it hears."""

    institutions: tuple[Institution, ...]


class NodeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a node is told about itself and its neighbours.

    ``provinces`` are the insurers that are connected; ``timeout_us`` is how long it waits for the next node.
    ``starts_at`` is the business time of the run's zero, of which ``time_scale`` seconds pass in one of the run's.
    ``province`` is None for the hub and a city, ``city`` for all but a city. ``sweep`` says how it drives what it has
    left open. ``renumberings`` are those of the whole nation, so that it knows a person by either number. ``closes_s``
    is the second of the day at which the business day ends. ``calls`` is None where nothing holds its calls back.
    """

    node: NodeId
    provinces: tuple[NodeId, ...]
    timeout_us: int
    starts_at: datetime
    time_scale: float
    province: ProvinceConfig | None = None
    city: CityConfig | None = None
    sweep: SweepRules = DEFAULT_SWEEP
    renumberings: tuple[Renumbering, ...] = ()
    closes_s: int = MIDNIGHT_S
    calls: CallRules | None = None


def assemble(config: NodeConfig, ports: NodePorts, *, starts: int = 0) -> Province | Hub | City:
    """Return the hub, the province or the city that ``config`` describes, on these ports.

    ``starts`` is how often the node has started on its books before, so that no message reference is given twice.
    """
    provinces = frozenset(config.provinces)
    reference = _references(config, ports, starts)
    numbers = Numbers(config.renumberings, ports.clock.now_us)
    if config.calls is not None:
        ports = replace(ports, restraint=Restraint(config.calls, ports.clock.now_us, config.node))
    if config.city is not None:
        return City(
            ports,
            config.node,
            register_of(config.city.institutions),
            timeout_us=config.timeout_us,
            reference=reference,
            sweep=config.sweep,
            numbers=numbers,
        )
    if config.province is None:
        return Hub(
            ports,
            provinces,
            timeout_us=config.timeout_us,
            reference=reference,
            sweep=config.sweep,
            numbers=numbers,
        )
    node, rules, master, now_us = config.node, config.province, config.province.master, ports.clock.now_us

    def next_node(insured_region: str) -> NodeId | None:
        insurer = insured_node(insured_region)
        if insurer not in provinces:
            return None
        return node if insurer == node else HUB

    catalogue = {item.item: item for item in rules.catalogue}
    dated_on = day_of(config.starts_at, config.time_scale, config.closes_s)
    return Province(
        ports,
        CareRules(
            node,
            catalogue,
            register_of(rules.institutions),
            next_node,
            ahead_us=round(DISCHARGED_AHEAD_US / config.time_scale),
            numbers=numbers,
            codes=None if master is None else Codes(master, node, now_us),
            networked=None if rules.network is None else Networked(rules.network, ports.clock.now_us),
            dated=_dated_catalogue(rules.catalogue, dated_on),
            order_valid_us=_order_valid_us(rules, config.time_scale),
        ),
        InsuredRules(
            node,
            rules.policy.policy(),
            lru_cache(_PERSONS)(rules.persons.reader().find),
            _benefit_year(config),
            dated_on,
            numbers,
            rules.filing,
            None if master is None else KnownElsewhere(master, node, numbers, now_us),
            PolicyBook(rules.policies) if rules.policies else None,
            rules.certificates,
            rules.prefund,
            rules.special,
        ),
        timeout_us=config.timeout_us,
        reference=reference,
        sweep=config.sweep,
        relays=frozenset(rules.relays),
        sessions=rules.sessions,
    )


def _order_valid_us(rules: ProvinceConfig, time_scale: float) -> int:
    stated = rules.order_valid_us
    return round(ORDER_VALID_US / time_scale) if stated is None else stated


def _dated_catalogue(
    rows: tuple[CatalogueItem, ...], day_of_instant: Callable[[int], int]
) -> Callable[[int], Catalogue] | None:
    """Return what gives the catalogue of an instant; None where it is the same on all days."""
    if not is_dated(rows):
        return None
    book = DatedCatalogue(rows)
    return lambda at_us: book.on(day_of_instant(at_us))


def _references(config: NodeConfig, ports: NodePorts, starts: int) -> Callable[[], str]:
    """Return a maker of message references: region (6), time (14), serial (10), as inf_refmsgid wants.

    A serial is the number of the start (4) and one of its own (6): a process that starts again within a second counts
    anew, and must not repeat what the one before it gave away.
    """
    region = _HUB_REGION if config.node == HUB else config.node.ljust(REGION_DIGITS, "0")
    stamps, serials = Stamps(config.starts_at, config.time_scale), count(1)
    start = f"{starts % 10**4:04d}"
    return lambda: f"{region}{stamps.at(ports.clock.now_us())}{start}{next(serials) % 10**6:06d}"


_CENTURY_US = 100 * 366 * 86_400 * 1_000_000
"""No benefit year is further away than this, whatever instant a message names."""


def _benefit_year(config: NodeConfig) -> Callable[[int], int]:
    """Return the calendar year of an instant: accumulators start anew on 1 January."""
    start, time_scale, first_year = config.starts_at, config.time_scale, config.starts_at.year
    began_us, turns_us = (
        int((datetime(year, 1, 1, tzinfo=start.tzinfo) - start) / timedelta(microseconds=1))
        for year in (start.year, start.year + 1)
    )

    def year_of(now_us: int) -> int:
        business_us = int(now_us * time_scale)
        if began_us <= business_us < turns_us:
            return first_year
        return (start + timedelta(microseconds=min(max(business_us, -_CENTURY_US), _CENTURY_US))).year

    return year_of
