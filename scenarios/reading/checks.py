"""What no single key can say of itself.

Names against the topology, windows against the horizon, timeouts against scale. Must never change a scenario.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import pairwise
from operator import attrgetter
from re import findall, fullmatch
from typing import NamedTuple

from reference_impl.domain.century import FIRST_YEAR, LAST_YEAR
from reference_impl.domain.regions import PROVINCE_DIGITS
from reference_impl.domain.transactions import SETTLEMENTS
from scenarios.patients.flows import national_flows, restrict
from scenarios.patients.provinces import provinces
from scenarios.reading.arrivals import arrival_problems
from scenarios.reading.benefits import benefit_problems
from scenarios.reading.care_catalogue import catalogue_problems
from scenarios.reading.errors import Problem
from scenarios.reading.links import link_problems, severed_problems
from scenarios.reading.long_stays import care_type_problems, long_stay_problems
from scenarios.reading.master_data import master_problems
from scenarios.reading.nation import nation_problems
from scenarios.reading.network import network_problems
from scenarios.reading.orders import order_problems
from scenarios.reading.prefund import prefund_problems
from scenarios.reading.scale import shrink_us, slices_of_cores, with_capacity, with_provinces
from scenarios.reading.sessions import session_problems
from scenarios.reading.shape import nearest
from scenarios.reading.stops import stop_problems
from scenarios.reading.trust import hospital_fault_problems, trust_problems
from scenarios.schema import Scenario
from scenarios.schema.faults import (
    ClockOff,
    CpuHog,
    DatabaseDown,
    Fault,
    Freeze,
    FullDisk,
    HospitalFault,
    Kill,
    LostCommit,
    Refuse,
    ShortDownload,
    Slow,
    SlowDisk,
)
from scenarios.schema.gates import GateError, parse_gate
from scenarios.schema.link_faults import ANY, LinkFault, Severed
from scenarios.schema.measures import planned
from scenarios.schema.topology import Topology
from scenarios.units import US_PER_DAY, format_duration

TIMEOUT_SHARE = 20
"""A timeout may be at most one part in so many of a shrunk window: else it is over before anyone notices."""

VISITS_MAX = 100_000_000
"""Visits of one run; the nation makes 20 million cross-province settlements a month."""

HOST_NAME = r"[a-z0-9]+(-[a-z0-9]+)*"


class _Asked(NamedTuple):
    """A section without which there is nothing to measure of a subject, and why."""

    section: Callable[[Scenario], object]
    what: str
    expected: str


def _relays(scenario: Scenario) -> object:
    return scenario.topology.relays()


def _by_internet(scenario: Scenario) -> object:
    typed = scenario.visits.care_types
    return typed is not None and typed.internet


_ASKED_BY: dict[str, _Asked] = {
    "benefits": _Asked(attrgetter("benefits"), "benefit policies, and there are none", "a 'benefits' section"),
    "care_types": _Asked(
        attrgetter("visits.care_types"), "care types, and every visit is ordinary", "a 'visits.care_types' section"
    ),
    "cutover": _Asked(attrgetter("cutover"), "a cutover, and there is none", "a 'cutover' section"),
    "filing": _Asked(attrgetter("filing"), "filing, and everybody is filed", "a 'filing' section"),
    "identity": _Asked(attrgetter("identity"), "identity, and everybody shows an ID card", "an 'identity' section"),
    "mid_stay": _Asked(attrgetter("visits.mid_stay"), "long stays, and nobody asks", "a 'visits.mid_stay' section"),
    "orders": _Asked(attrgetter("visits.orders"), "orders, and nobody buys so", "a 'visits.orders' section"),
    "network": _Asked(
        attrgetter("network"), "a network, and every institution serves everybody", "a 'network' section"
    ),
    "overload": _Asked(attrgetter("overload"), "an overload, and none is stated", "an 'overload' section"),
    "prefund": _Asked(attrgetter("prefund"), "prefunds, and there is none", "a 'prefund' section"),
    "prescriptions": _Asked(
        _by_internet, "prescriptions, and nobody comes by internet", "visits.care_types.internet above 0"
    ),
    "relay": _Asked(
        _relays,
        "cities' relays, and no city has one",
        "a city of topology.cities that is no door",
    ),
    "sessions": _Asked(attrgetter("sessions"), "sessions, and no desk needs one", "a 'sessions' section"),
    "stale": _Asked(attrgetter("master_data"), "master data, and nothing is issued anew", "a 'master_data' section"),
    "trust": _Asked(attrgetter("trust"), "trust, and hospitals do not sign", "a 'trust' section"),
}
"""By the first word of a measure's name."""

Path = tuple[str | int, ...]


def problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield everything wrong with a scenario as stated, durations not yet scaled."""
    yield from _topology(scenario.topology)
    yield from _calendar(scenario)
    unmet = [*_flows(scenario), *_provinces(scenario)]
    yield from unmet
    if not unmet:  # from here on, of the provinces that are kept
        scenario = with_provinces(scenario)
    yield from _visits(scenario)
    yield from arrival_problems(scenario)
    yield from nation_problems(scenario)
    yield from _slices(scenario)
    for number, fault in enumerate(scenario.faults):
        yield from _fault(scenario, fault, ("faults", number))
    yield from _overlaps(scenario.faults)
    yield from _filing(scenario)
    yield from master_problems(scenario)
    yield from benefit_problems(scenario)
    if not unmet:
        yield from network_problems(scenario)
    yield from catalogue_problems(scenario)
    yield from prefund_problems(scenario)
    yield from trust_problems(scenario)
    yield from care_type_problems(scenario)
    yield from session_problems(scenario)
    yield from _overload(scenario)
    yield from order_problems(scenario)
    yield from long_stay_problems(scenario)
    yield from stop_problems(scenario)
    yield from _gates(scenario)
    yield from _forward_timeouts(scenario)
    yield from _deadline(scenario)
    yield from _timeouts(scenario)


def _topology(topology: Topology) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for number, region in enumerate(topology.regions):
        if region in seen:
            yield Problem(("topology", "regions", number), "province named twice", repr(region), "each province once")
        seen[region] = number
    yield from _cities(topology)
    for code in topology.provinces:
        yield from _region_named(topology, code, ("topology", "provinces", code))
    yield from _hosts(topology)


def _cities(topology: Topology) -> Iterator[Problem]:
    cities = topology.cities
    if isinstance(cities, dict):
        for city in cities:
            yield from _city_named(topology, city, ("topology", "cities", city))
        return
    for number, city in enumerate(cities):
        if city in cities[:number]:
            yield Problem(("topology", "cities", number), "city named twice", repr(city), "each city once")
        yield from _city_named(topology, city, ("topology", "cities", number))


def _hosts(topology: Topology) -> Iterator[Problem]:
    served: dict[str, str] = {}
    for name, host in topology.named_hosts.items():
        if not fullmatch(HOST_NAME, name):
            expected = "small letters, digits and hyphens: it names files"
            yield Problem(("topology", "hosts", name), "no name for a process", repr(name), expected)
        elif name in topology.nodes() and name not in host.nodes:
            expected = f"another name, or {name} among its nodes"
            yield Problem(("topology", "hosts", name), "called after a node it does not serve", repr(name), expected)
        for number, node in enumerate(host.nodes):
            path: Path = ("topology", "hosts", name, "nodes", number)
            yield from _node_named(topology, node, path)
            if node in served:
                yield Problem(path, "node served by two hosts", repr(node), f"one host: {served[node]!r} has it")
            served[node] = name


def _calendar(scenario: Scenario) -> Iterator[Problem]:
    horizon = scenario.horizon
    lasts_us = horizon.length + horizon.drain_limit
    if not FIRST_YEAR <= horizon.start.year <= LAST_YEAR:
        expected = f"a year from {FIRST_YEAR} to {LAST_YEAR}: message ids are told apart by their time in this century"
        yield Problem(("horizon", "start"), "outside the calendar", str(horizon.start), expected)
    elif lasts_us // US_PER_DAY >= (date(LAST_YEAR, 12, 31) - horizon.start.date()).days:
        got, expected = (
            format_duration(lasts_us),
            f"an end before the year {LAST_YEAR} is over (start: {horizon.start})",
        )
        yield Problem(("horizon", "length"), "passes the end of the calendar, with drain_limit", got, expected)


def _visits(scenario: Scenario) -> Iterator[Problem]:
    visits, topology = scenario.visits, scenario.topology
    for number, visit in enumerate(visits.explicit):
        path: Path = ("visits", "explicit", number)
        yield from _region_named(topology, visit.care, (*path, "care"))
        yield from _region_named(topology, visit.insured, (*path, "insured"))
        if visit.at >= scenario.horizon.length:
            yield Problem((*path, "at"), "after the horizon", format_duration(visit.at), _before_end(scenario))
    if visits.day == "average" and "weekday" in visits.model_fields_set:
        expected = "no visits.weekday, or visits.day: calendar"
        yield Problem(("visits", "weekday"), "an average day is no weekday", "visits.day: average", expected)
    days = scenario.horizon.length / US_PER_DAY
    expected = visits.open_per_day * scenario.scale.volume * days * (1 + visits.local_per_cross)
    if expected > VISITS_MAX:
        got, bound = (
            f"about {expected:.3g} visits",
            f"at most {VISITS_MAX:.0g} visits; lower scale.volume or the horizon",
        )
        yield Problem(("visits", "per_day"), "more than memory holds", got, bound)
    if scenario.horizon.warm_up >= scenario.horizon.length:
        got = format_duration(scenario.horizon.warm_up)
        yield Problem(("horizon", "warm_up"), "nothing is left to measure", got, _before_end(scenario))
    if visits.drawn and len(topology.regions) == 1:
        yield Problem(("topology", "regions"), "one province has no cross-province visits", "", "two provinces or more")


def _provinces(scenario: Scenario) -> Iterator[Problem]:
    count, regions = scenario.scale.provinces, scenario.topology.regions
    if count is not None and count > len(regions):
        expected = f"at most {len(regions)}, the provinces of topology.regions"
        yield Problem(("scale", "provinces"), "more provinces than there are", str(count), expected)


def _slices(scenario: Scenario) -> Iterator[Problem]:
    """Refuse a gate on latency where capacity is scaled to slices of a core: its figure would be the sample's."""
    slices = slices_of_cores(with_capacity(scenario))
    if not slices:
        return
    pool, cores = min(slices.items(), key=lambda item: item[1])
    for name in scenario.gates:
        if "latency" in name.split("."):
            yield Problem(
                ("gates", name),
                f"latency depends on the sample: scale.capacity leaves {pool!r} {cores:.3g} of a core",
                f"scale.volume {scenario.scale.volume:g}",
                "a core or more for every host",
                "raise scale.volume and keep fewer provinces (scale.provinces), or leave this gate out",
            )


def _flows(scenario: Scenario) -> Iterator[Problem]:
    flows, topology = scenario.visits.flows, scenario.topology
    base: Path = ("visits", "flows")
    for name in ("care_weights", "insured_weights"):
        for code in getattr(flows, name):
            yield from _region_named(topology, code, (*base, name, code))
    for name in ("care_city_shares", "insured_city_shares"):
        sums: dict[str, float] = {}
        for code, share in getattr(flows, name).items():
            yield from _city_named(topology, code, (*base, name, code))
            sums[code[:2]] = sums.get(code[:2], 0.0) + share
        for province, total in sums.items():
            if total > 1 + 1e-9:
                what = f"shares of the cities of province {province!r} sum to {total:g}"
                yield Problem((*base, name), what, "", "at most 1 in a province")
    if not scenario.visits.drawn or len(topology.regions) == 1:
        return
    try:
        nation = national_flows(flows.decay, flows.care_weights, flows.insured_weights)
        restrict(nation, topology.regions)
    except ValueError as error:
        yield Problem(base, str(error), "", "")


def _fault(scenario: Scenario, fault: Fault, path: Path) -> Iterator[Problem]:
    topology = scenario.topology
    if isinstance(fault, LinkFault):
        yield from link_problems(topology, fault, path)
    elif isinstance(fault, Severed):
        yield from severed_problems(topology, fault, path)
    elif isinstance(fault, LostCommit):
        yield from _lost_commit(topology, fault, path)
    elif isinstance(fault, HospitalFault):
        yield from hospital_fault_problems(scenario, fault, path)
    elif not isinstance(fault, ShortDownload | FullDisk | CpuHog):
        yield from _node_named(topology, fault.node, (*path, "node"))
    if isinstance(fault, Kill) and fault.node in topology.nodes():
        others = [node for node in topology.hosts()[topology.host_of(fault.node)].nodes if node != fault.node]
        if others:
            what = f"kill of a process shared with {', '.join(others)}"
            expected = "a node whose host serves it alone"
            yield Problem((*path, "node"), what, repr(fault.node), expected, "give it a host of its own, or use freeze")
    if isinstance(fault, CpuHog) and scenario.visits.local_background is not None:
        what = "what is taken from a core cannot be taken from a crowd without journeys"
        yield Problem((*path, "kind"), what, fault.kind, "no visits.local_background, or another fault")
    if fault.at >= scenario.horizon.length:
        yield Problem((*path, "at"), "after the horizon", format_duration(fault.at), _before_end(scenario))


def _lost_commit(topology: Topology, fault: LostCommit, path: Path) -> Iterator[Problem]:
    if fault.node not in topology.regions:
        expected = f"one of topology.regions: {', '.join(topology.regions)}"
        hint = nearest(fault.node, topology.regions)
        yield Problem((*path, "node"), "province is not in the scenario", repr(fault.node), expected, hint)
    for number, code in enumerate(fault.codes):
        if code not in SETTLEMENTS:
            expected = f"one of {', '.join(sorted(SETTLEMENTS))}"
            yield Problem((*path, "codes", number), "no settlement, whose commit could be lost", repr(code), expected)


def _overlaps(faults: Sequence[Fault]) -> Iterator[Problem]:
    """Two states of one node, or of one province's hospitals, cannot hold at once; links are free.

    A slow node may also refuse.
    """
    kinds = (Freeze, Kill, Refuse, Slow, SlowDisk, DatabaseDown, FullDisk, CpuHog, ClockOff)
    for number, fault in enumerate(faults):
        for earlier_number, earlier in enumerate(faults[:number]):
            if isinstance(fault, HospitalFault) and isinstance(earlier, HospitalFault):
                clash = fault.node == earlier.node
            elif isinstance(fault, kinds) and isinstance(earlier, kinds) and _where(fault) == _where(earlier):
                clash = fault.kind == earlier.kind or {fault.kind, earlier.kind} <= {"freeze", "kill", "refuse"}
            else:
                continue
            if clash and fault.at < earlier.until and earlier.at < fault.until:
                what = f"{fault.kind} of node {_where(fault)!r} overlaps faults.{earlier_number} ({earlier.kind})"
                yield Problem(("faults", number, "at"), what, format_duration(fault.at), "faults one after the other")


def _where(fault: Fault) -> str:
    """Return the node that a fault is of; of what all nodes have in common all of them."""
    return getattr(fault, "node", ANY)


def _filing(scenario: Scenario) -> Iterator[Problem]:
    """Refuse regions that are not there or stand twice, and shares of people who cannot be."""
    spec = scenario.filing
    if spec is None:
        return
    codes = [one.insured for one in spec.regions]
    for number, code in enumerate(codes):
        path: Path = ("filing", "regions", number, "insured")
        if code in codes[:number]:
            yield Problem(path, "region named twice", repr(code), "each region once")
        yield from _region_named(scenario.topology, code, path)
    if spec.standings.not_uploaded and not any(one.upload_lag for one in (spec, *spec.regions)):
        expected = "an upload_lag above 0, or no such people"
        got = f"not_uploaded {spec.standings.not_uploaded:g}"
        yield Problem(("filing", "standings", "not_uploaded"), "every filing is uploaded at once", got, expected)


def _gates(scenario: Scenario) -> Iterator[Problem]:
    for name, texts in scenario.gates.items():
        if not texts:
            yield Problem(("gates", name), "a gate without a bound", "[]", "one bound or more, or no such gate")
        for region in findall(r"=(\d+)\]", name):
            named = _region_named if len(region) == PROVINCE_DIGITS else _city_named
            yield from named(scenario.topology, region, ("gates", name))
        for number, text in enumerate(texts):
            try:
                gate = parse_gate(name, text)
            except GateError as error:
                unknown = error.what == "unknown measure"
                path: Path = ("gates", name) if unknown else ("gates", name, number)
                yield Problem(path, error.what, repr(error.got), error.expected, error.hint, unknown)
                break
            asked = _ASKED_BY.get(gate.measure.partition(".")[0])
            if asked is not None and not asked.section(scenario):
                yield Problem(("gates", name), f"measure of {asked.what}", "", asked.expected)
                break
            yield from _plan_of_gate(scenario, name)


def _plan_of_gate(scenario: Scenario, name: str) -> Iterator[Problem]:
    plan, plans = planned(name)[1], [plan.name for plan in scenario.cutover]
    if plan and plan not in plans:
        yield Problem(("gates", name), "unknown plan", repr(plan), f"one of {', '.join(plans)}", nearest(plan, plans))
    elif plan and len(plans) == 1:
        yield Problem(("gates", name), "there is one plan", repr(plan), f"{planned(name)[0]!r}, which is of it")


def _timeouts(scenario: Scenario) -> Iterator[Problem]:
    """Refuse a scale that shrinks a window to less than twenty timeouts."""
    time_scale = scenario.scale.time
    if time_scale == 1:
        return
    clients = scenario.clients
    waits = [
        ("clients.timeout", clients.timeout),
        ("clients.forward_timeout.care", clients.forward_timeout.care),
        ("clients.forward_timeout.hub", clients.forward_timeout.hub),
    ]
    if scenario.topology.relays():
        waits.append(("clients.forward_timeout.city", clients.forward_timeout.city))
    longest_name, longest_us = max(waits, key=lambda item: item[1])
    for window_name, window_us in _windows(scenario):
        shrunk_us = shrink_us(window_us, time_scale)
        if longest_us * TIMEOUT_SHARE <= shrunk_us:
            continue
        bound = format_duration(shrunk_us // TIMEOUT_SHARE)
        fitting = window_us / (longest_us * TIMEOUT_SHARE)
        yield Problem(
            ("scale", "time"),
            f"breaks a timeout: {longest_name} ({format_duration(longest_us)}) is longer than a twentieth of "
            f"{window_name} ({format_duration(window_us)}, shrunk to {format_duration(shrunk_us)})",
            f"{time_scale:g}",
            f"{longest_name} of at most {bound}" + (f", or scale.time of at most {fitting:g}" if fitting >= 1 else ""),
        )


def _forward_timeouts(scenario: Scenario) -> Iterator[Problem]:
    """Refuse a forwarder that gives up before the next one does: of each message that waits it would never learn."""
    timeouts, topology = scenario.clients.forward_timeout, scenario.topology
    waits = [("care", timeouts.care), ("hub", timeouts.hub)] if len(topology.regions) > 1 else []
    if topology.relays():
        waits = [("city", timeouts.city), ("care", timeouts.care), *waits[1:]]
    for (name, waits_us), (after, after_us) in pairwise(waits):
        if waits_us < after_us:
            what = f"gives up before the node does that it waits for (clients.forward_timeout.{after})"
            expected = f"{format_duration(after_us)} or more, or a shorter {after}"
            yield Problem(("clients", "forward_timeout", name), what, format_duration(waits_us), expected)


def _overload(scenario: Scenario) -> Iterator[Problem]:
    overload = scenario.overload
    if overload is not None and overload.until > scenario.horizon.length:
        got, expected = format_duration(overload.until), format_duration(scenario.horizon.length)
        yield Problem(("overload",), "ends after the horizon does, so nothing is seen of its end", got, expected)


def _deadline(scenario: Scenario) -> Iterator[Problem]:
    clients = scenario.clients
    if clients.deadline < clients.timeout:
        got, expected = (
            format_duration(clients.deadline),
            f"clients.timeout ({format_duration(clients.timeout)}) or more",
        )
        yield Problem(("clients", "deadline"), "over before the first wait is", got, expected)


def _windows(scenario: Scenario) -> Iterator[tuple[str, int]]:
    for number, fault in enumerate(scenario.faults):
        if fault.lasts is not None and not isinstance(fault, ShortDownload):
            yield f"faults.{number}.for", fault.lasts
    for plan in scenario.cutover:
        name = "cutover" if len(scenario.cutover) == 1 else f"cutover {plan.name}"
        yield f"{name}.window", plan.planned_reopen_at - plan.close_at


def _region_named(topology: Topology, code: str, path: Path) -> Iterator[Problem]:
    if code[:2] not in topology.regions:
        expected = f"one of topology.regions: {', '.join(topology.regions)}"
        yield Problem(
            path, "province is not in the scenario", repr(code), expected, nearest(code[:2], topology.regions)
        )


def _city_named(topology: Topology, code: str, path: Path) -> Iterator[Problem]:
    if code[:2] not in topology.regions:
        yield from _region_named(topology, code, path)
    elif code not in (cities := provinces()[code[:2]].cities):
        yield Problem(path, "unknown city", repr(code), f"one of {', '.join(cities)}", nearest(code, cities))


def _node_named(topology: Topology, node: str, path: Path) -> Iterator[Problem]:
    nodes = topology.nodes()
    if node not in nodes:
        yield Problem(path, "unknown node", repr(node), f"one of {', '.join(nodes)}", nearest(node, nodes))


def _before_end(scenario: Scenario) -> str:
    return f"less than horizon.length ({format_duration(scenario.horizon.length)})"
