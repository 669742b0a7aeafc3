"""Faults of links against the topology: which links there are, and what crosses them. Must never change a scenario."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reference_impl.domain.nodes import HOSPITAL, HUB, is_city
from reference_impl.domain.transactions import TRANSACTIONS
from scenarios.reading.errors import Problem
from scenarios.reading.shape import nearest
from scenarios.schema.link_faults import (
    ANY,
    Bandwidth,
    Delay,
    HalfPartition,
    LinkFault,
    Partition,
    Severed,
    YesWithoutReceipt,
    severed,
)
from scenarios.schema.topology import Topology

__all__ = ["link_problems", "severed_problems"]

Path = tuple[str | int, ...]


def link_problems(topology: Topology, fault: LinkFault, path: Path) -> Iterator[Problem]:
    """Yield what is wrong with a fault of a link: there is no such link, or nothing of what it names crosses it."""
    yield from _link(topology, fault.link, (*path, "link"))
    yield from _codes_on_link(fault, path)
    if isinstance(fault, YesWithoutReceipt):
        yield from _receipts(fault, path)


def severed_problems(topology: Topology, fault: Severed, path: Path) -> Iterator[Problem]:
    """Yield what is wrong with a fault that severs groups: an end is nowhere, or no link leads between them."""
    ends = (HOSPITAL, *topology.nodes())
    for key, group in _groups(fault):
        for number, end in enumerate(group):
            if end not in ends:
                expected = f"'{HOSPITAL}', '{HUB}', a province of the scenario or a city of it that has a relay"
                yield Problem((*path, *key, number), "unknown end of a link", repr(end), expected, nearest(end, ends))
                return
    if not any(severed(fault, topology.ways())):
        got = " | ".join(" ".join(group) for _, group in _groups(fault))
        expected = "ends that speak with each other, such as [63] and [hub]"
        yield Problem(path, f"{fault.kind} between ends that no link joins", got, expected)


def _groups(fault: Severed) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield the groups of a fault, each with where it stands."""
    match fault:
        case Partition():
            yield from ((("groups", number), group) for number, group in enumerate(fault.groups))
        case HalfPartition():
            yield from ((("from",), fault.speakers), (("to",), fault.listeners))


def _link(topology: Topology, link: Sequence[str], path: Path) -> Iterator[Problem]:
    ends = (HOSPITAL, ANY, *topology.nodes())
    for number, end in enumerate(link):
        if end not in ends:
            expected = f"'{HOSPITAL}', '{HUB}', '{ANY}', a province of the scenario or a city of it that has a relay"
            yield Problem((*path, number), "unknown end of a link", repr(end), expected, nearest(end, ends))
            return
    caller, callee = link
    if any(map(is_city, link)):
        yield from _link_of_city(topology, link, path)
    elif callee == HOSPITAL or (HOSPITAL in link and HUB in link) or (caller == callee and caller != ANY):
        expected = "hospital -> province, province -> hub or hub -> province"
        yield Problem(path, "no such link", f"{caller} -> {callee}", expected)
    elif caller not in (HOSPITAL, HUB, ANY) and callee not in (HUB, ANY):
        yield Problem(path, "no such link", f"{caller} -> {callee}", "a province as caller of the hub only")


def _link_of_city(topology: Topology, link: Sequence[str], path: Path) -> Iterator[Problem]:
    """Refuse a link that a city's relay does not have."""
    if not any(all(said in (ANY, end) for said, end in zip(link, way, strict=True)) for way in topology.ways()):
        expected = "hospital -> city, city -> its province or province -> city"
        yield Problem(path, "no such link", " -> ".join(link), expected)


def _receipts(fault: YesWithoutReceipt, path: Path) -> Iterator[Problem]:
    """Refuse transactions whose yes says no more than done: nothing of it can be left out."""
    for number, code in enumerate(fault.codes):
        if not TRANSACTIONS[code].has_receipt:
            what = f"the yes to {code} has no receipt that could be missing"
            expected = f"one of {', '.join(one for one, row in TRANSACTIONS.items() if row.has_receipt)}"
            yield Problem((*path, "codes", number), what, repr(code), expected)


def _codes_on_link(fault: LinkFault, path: Path) -> Iterator[Problem]:
    """Refuse transactions that never take the link: what a care province does alone it sends nobody."""
    caller, callee = fault.link
    if isinstance(fault, Delay | Bandwidth) or is_city(caller) or (caller in (HOSPITAL, ANY) and callee != HUB):
        return
    for number, code in enumerate(fault.codes):
        if not TRANSACTIONS[code].forwarded:
            what = f"{code} never crosses the link {caller} -> {callee}: the care province acts alone"
            expected = "a transaction that is sent on, or a link from 'hospital'"
            yield Problem((*path, "codes", number), what, repr(code), expected)
