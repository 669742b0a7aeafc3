"""The load a scenario implies, before it runs: visits, messages at the peak hour, use and wait of every station.

Plain queueing arithmetic on means, with loops that serve in turns (``sim.model.turns``), so that an unstable
scenario is seen at once. Faults are left out, but for slow nodes, whose stations are shown a second time as they are
while slow. Must never be mistaken for an answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from lab.analysis.queueing import grouping_use, mean_wait_us
from lab.analysis.relays import relayed
from lab.analysis.streams import ASKS_WHO_COMES, Stream, messages_by_kind, said_at_desks
from reference_impl.books.sqlite.disk import Committing, choose_committing
from reference_impl.domain import transactions as tx
from reference_impl.domain.nodes import HUB, care_node
from reference_impl.domain.policies import Kind
from reference_impl.domain.regions import is_cross_province
from reference_impl.domain.transactions import TRANSACTIONS, Act
from reference_impl.hospital.ways import SENT_ONCE
from scenarios.patients.arrivals import DAY_US, HOUR_US
from scenarios.patients.background import CONTACTS
from scenarios.patients.flows import national_flows, restrict
from scenarios.patients.identity import mean_desk_us
from scenarios.patients.institutions import HOSPITAL_KINDS, KINDS, LEVEL_NAMES, PHARMACY_KINDS
from scenarios.patients.places import Places, background_per_day
from scenarios.patients.provinces import provinces
from scenarios.patients.rates import by_the_hours
from scenarios.patients.streams import arrivals_of_one, cross_per_day, local_per_cross, profile_of, stretch_of
from scenarios.schema import Scenario
from scenarios.schema.durations import mean_us
from scenarios.schema.faults import Slow
from sim.model.costs import Costs
from sim.model.turns import Process, TurnLoad, turn_loads

_KINDS_AT: Mapping[str, tuple[Kind, ...]] = {"hospital": HOSPITAL_KINDS, "pharmacy": PHARMACY_KINDS}
_WEEK_US = 7 * DAY_US


@dataclass(frozen=True, slots=True)
class StationLoad:
    """One station at the peak hour. ``wait_us`` is infinite when it is unstable."""

    node: str
    station: str
    rate_per_s: float
    service_us: float
    servers: float
    utilisation: float
    wait_us: float

    @property
    def unstable(self) -> bool:
        """Whether more comes than it can ever serve."""
        return self.utilisation >= 1.0

    @property
    def name(self) -> str:
        """Node and station, as a reader calls it."""
        return f"{self.node} {self.station}"


@dataclass(frozen=True, slots=True)
class ImpliedLoad:
    """What comes, and how busy it makes everybody. Rates are on the run's clock; stations are busiest first."""

    cross_visits: float
    local_visits: float
    background_visits: float
    """Within provinces, without a journey."""
    peak_at: datetime
    settlements_per_s: float
    messages_per_s: float
    hub_messages_per_s: float
    stations: tuple[StationLoad, ...]
    stations_while_slow: tuple[StationLoad, ...]

    @property
    def unstable(self) -> tuple[StationLoad, ...]:
        """The stations that cannot keep up when nothing is wrong."""
        return tuple(station for station in self.stations if station.unstable)


def implied_load(scenario: Scenario, costs: Costs) -> ImpliedLoad:
    """Return the load that a resolved scenario implies."""
    visits, time_scale = scenario.visits, scenario.scale.time
    per_day = cross_per_day(scenario)
    others = background_per_day(scenario)
    length_us = round(scenario.horizon.length * time_scale)
    peak_begin_us, peak_per_hour = _peak_hour(scenario, length_us) if per_day or others else (0, 0.0)
    cross_per_s = per_day * peak_per_hour / 3600 * time_scale
    local_per_s = cross_per_s * local_per_cross(scenario)
    cross = per_day * stretch_of(scenario, begin_us=0, end_us=length_us).expected if per_day else 0.0
    placed = [places for visit in visits.written if (places := visit.places)]
    slow = {fault.node: float(fault.add) for fault in scenario.faults if isinstance(fault, Slow)}
    journeys = tuple(_streams(scenario, cross_per_s, local_per_s))
    sent = [stream for stream in journeys if stream.role == "care"]
    peak = _PeakHour(scenario, peak_begin_us, min(peak_begin_us + HOUR_US, length_us))
    streams = (*journeys, *_background_streams(scenario, others, peak))
    return ImpliedLoad(
        cross_visits=cross + sum(is_cross_province(care, insured) for care, insured in placed),
        local_visits=cross * local_per_cross(scenario)
        + sum(not is_cross_province(care, insured) for care, insured in placed),
        background_visits=math.fsum(
            count * arrivals_of_one(scenario, kind) for of_kinds in others.values() for kind, count in of_kinds.items()
        ),
        peak_at=scenario.horizon.start + timedelta(microseconds=peak_begin_us),
        settlements_per_s=cross_per_s,
        messages_per_s=sum(stream.rate_per_s for stream in sent),
        hub_messages_per_s=sum(stream.rate_per_s for stream in streams if stream.role == "hub"),
        stations=_Loads(scenario, costs, streams, {}, peak).stations(),
        stations_while_slow=_Loads(scenario, costs, streams, slow, peak).stations() if slow else (),
    )


def patients_per_s(scenario: Scenario, node: str) -> float:
    """Return the patients a second at the peak, on the run's clock, whose visits pass a node in any role."""
    time_scale = scenario.scale.time
    per_day = cross_per_day(scenario)
    if not per_day:
        return 0.0
    per_hour = _peak_hour(scenario, round(scenario.horizon.length * time_scale))[1]
    cross_per_s = per_day * per_hour / 3600 * time_scale
    streams = _streams(scenario, cross_per_s, cross_per_s * local_per_cross(scenario))
    counted = (one for one in streams if one.node == node and one.code in ASKS_WHO_COMES and one.kept)
    return sum(one.rate_per_s for one in counted)


def _peak_hour(scenario: Scenario, length_us: int) -> tuple[int, float]:
    """Return when the busiest hour of the clock begins inside the horizon, and its arrivals an hour at one a day.

    Where arrivals follow the hours they repeat after a week, and of equal ones the first counts: a longer horizon has
    no busier one.
    """
    first_us = -profile_of(scenario).since_midnight_us % HOUR_US
    until_us = min(length_us, first_us + _WEEK_US) if by_the_hours(scenario) else length_us
    edges = [0, *range(first_us or HOUR_US, until_us, HOUR_US), until_us]

    def per_hour(hour: tuple[int, int]) -> float:
        begin_us, end_us = hour
        return stretch_of(scenario, begin_us=begin_us, end_us=end_us).expected * HOUR_US / (end_us - begin_us)

    busiest = max(pairwise(edges), key=per_hour)
    return busiest[0], per_hour(busiest)


def _streams(scenario: Scenario, cross_per_s: float, local_per_s: float) -> Iterator[Stream]:
    """Yield every stream of messages, as if all messages of a visit were sent in the hour it comes."""
    yield from relayed(scenario, _streams_by_doors(scenario, cross_per_s, local_per_s))


def _streams_by_doors(scenario: Scenario, cross_per_s: float, local_per_s: float) -> Iterator[Stream]:
    """Yield every stream as it is where no city has a relay of its own."""
    if cross_per_s <= 0:
        return
    care, insured = flow_shares(scenario)
    residents = {code: provinces()[code].residents_e4 for code in scenario.topology.regions}
    everybody = sum(residents.values())
    at_home = messages_by_kind(scenario, elsewhere=False)
    for code, by_kind in messages_by_kind(scenario).items():
        forwarded = TRANSACTIONS[code].forwarded
        kept = forwarded or TRANSACTIONS[code].act is not Act.ASK  # who answers from its books writes nothing
        cross, local = cross_per_s * sum(by_kind.values()), local_per_s * sum(at_home.get(code, {}).values())
        if forwarded:
            yield Stream(HUB, "hub", code, cross, forwarded=True, local=False)
        for node in scenario.topology.regions:
            here = local * residents[node] / everybody
            yield Stream(node, "care", code, cross * care[node], forwarded=forwarded, local=False, kept=kept)
            yield Stream(node, "care", code, here, forwarded=forwarded, local=True, kept=kept)
            if forwarded:
                yield Stream(node, "insured", code, cross * insured[node], forwarded=False, local=False)


@dataclass(frozen=True, slots=True)
class _PeakHour:
    """The busiest hour of the horizon, or what of it lies inside."""

    scenario: Scenario
    begin_us: int
    end_us: int

    def per_s(self, kind: Kind) -> float:
        """Return how many of a kind come in a second of the run's clock, for one a calendar day."""
        came = stretch_of(self.scenario, kind, begin_us=self.begin_us, end_us=self.end_us).expected
        return came / (self.end_us - self.begin_us) * 1e6 * self.scenario.scale.time


def _background_streams(
    scenario: Scenario, per_day: Mapping[str, Mapping[Kind, float]], peak: _PeakHour
) -> Iterator[Stream]:
    """Yield the messages that visits without a journey would send: stations bear them all the same."""
    for node, of_kinds in per_day.items():
        rates: dict[str, float] = {}
        for kind, count in of_kinds.items():
            for code, per_visit in _messages_of(scenario, kind).items():
                rates[code] = rates.get(code, 0.0) + count * peak.per_s(kind) * per_visit
        for code, rate in rates.items():
            yield Stream(node, "care", code, rate, forwarded=TRANSACTIONS[code].forwarded, local=True)


def _messages_of(scenario: Scenario, kind: Kind) -> dict[str, float]:
    counts: dict[str, float] = dict.fromkeys(SENT_ONCE[kind], 1.0)
    if kind == "inpatient":
        counts[tx.INPATIENT_LINES] = float(scenario.visits.uploads_per_stay)
    return counts


def flow_shares(scenario: Scenario) -> tuple[dict[str, float], dict[str, float]]:
    """Return each province's share of cross-province visits, as place of care and as insurer."""
    flows = scenario.visits.flows
    nation = national_flows(flows.decay, flows.care_weights, flows.insured_weights)
    matrix = restrict(nation, scenario.topology.regions)
    return matrix.inflow(), matrix.outflow()


def _asking_us(scenario: Scenario, kind: Kind) -> float:
    """Return the mean desk time that knowing a patient takes beside what their contact does anyway."""
    return 0.0 if scenario.identity is None else mean_desk_us(scenario.identity, kind)


class _Loads:
    """The stations of one scenario under given streams; ``slow`` adds to the work of a node's workers."""

    def __init__(
        self,
        scenario: Scenario,
        costs: Costs,
        streams: tuple[Stream, ...],
        slow: Mapping[str, float],
        peak: _PeakHour,
    ) -> None:
        self._peak = peak
        self._scenario, self._topology, self._costs = scenario, scenario.topology, costs
        self._streams, self._slow = streams, slow
        self._turns = self._turn_loads()

    def stations(self) -> tuple[StationLoad, ...]:
        """Return every station, the busiest first."""
        found = [*self._cpus(), *self._writers(), *self._workers(), *self._desks()]
        return tuple(sorted(found, key=lambda station: (-station.utilisation, station.name)))

    def _turn_loads(self) -> dict[str, TurnLoad]:
        """Return the turns of every process, by host."""
        hosts, found = self._topology.hosts(), dict[str, TurnLoad]()
        for pool, cores in self._usable_cores().items():
            on_it = [name for name, host in hosts.items() if self._topology.cpu_of(host.nodes[0]) == pool]
            loads = turn_loads([self._process(name) for name in on_it], cores, self._costs.file)
            found |= dict(zip(on_it, loads, strict=True))
        return found

    def _usable_cores(self) -> dict[str, float]:
        """Return the cores of every pool, less what other programs and idle processes take of a machine's."""
        cpus, processes = self._topology.cpus(), len(self._topology.hosts())
        if self._topology.machine_cores is None:
            return cpus
        return {pool: cores * (1.0 - self._costs.lost_share(processes, cores)) for pool, cores in cpus.items()}

    def _process(self, name: str) -> Process:
        host = self._topology.hosts()[name]
        mine = [stream for stream in self._streams if stream.node in host.nodes]
        pieces = sum(s.rate_per_s * len(s.stages) for s in mine)
        changes = sum(s.rate_per_s * s.commits for s in mine)
        work_us = sum(s.rate_per_s * self._pieces_us(s) for s in mine)
        written_us = sum(s.rate_per_s * s.commits * self._change_us(s) for s in mine)
        own = self._topology.machine_cores is None
        loops = math.ceil(host.cores) if own else 1
        chosen = choose_committing(self._costs.choosing_flush_us(), len(host.nodes))
        in_turn = loops == 1 and chosen is Committing.TURN
        return Process(
            pieces,
            work_us / pieces if pieces else 0.0,
            changes,
            written_us / changes if changes else 0.0,
            loops=loops,
            disk_us=self._costs.mean_flush_us() if in_turn else 0.0,
        )

    def _cpus(self) -> Iterator[StationLoad]:
        usable = self._usable_cores()
        for pool, cores in self._topology.cpus().items():
            hosts = [h for h, spec in self._topology.hosts().items() if self._topology.cpu_of(spec.nodes[0]) == pool]
            turns = [self._turns[host] for host in hosts]
            rates = [self._process(host).pieces_per_s for host in hosts]
            rate, use = sum(rates), sum(turn.use for turn in turns)
            waits = [r * turn.wait_us for r, turn in zip(rates, turns, strict=True) if r]
            wait_us = sum(waits) / rate if rate else 0.0
            yield StationLoad(pool, "cpu", rate, use * 1e6 / rate if rate else 0.0, cores, use / usable[pool], wait_us)

    def _writers(self) -> Iterator[StationLoad]:
        file = self._costs.file
        for node in self._topology.nodes():
            mine = [stream for stream in self._streams if stream.node == node]
            rate = sum(s.rate_per_s * s.commits for s in mine)
            changes_us = sum(s.rate_per_s * s.commits * self._change_us(s) for s in mine)
            commit_us = file.group_us.value + (changes_us / rate if rate else 0.0) + self._costs.mean_flush_us()
            use = grouping_use(rate_per_s=rate, service_us=commit_us)
            yield StationLoad(node, "writer", rate, commit_us, 1, use, use * commit_us / 2)

    def _workers(self) -> Iterator[StationLoad]:
        for node in self._topology.nodes():
            spec = self._topology.spec(node)
            mine = [stream for stream in self._streams if stream.node == node]
            rate = sum(stream.rate_per_s for stream in mine)
            held_us = sum(s.rate_per_s * self._held_us(s) for s in mine) / rate if rate else 0.0
            wait_us = mean_wait_us(rate_per_s=rate, service_us=held_us, servers=spec.workers)
            use = rate * held_us / 1e6 / spec.workers
            yield StationLoad(node, "workers", rate, held_us, spec.workers, use, wait_us)

    def _desks(self) -> Iterator[StationLoad]:
        """Take the mean hospital and the mean pharmacy of each province; desks go where the patients go."""
        if self._scenario.nation is not None:
            yield from self._desks_of_levels()
            return
        visits, topology = self._scenario.visits, self._topology
        for node in topology.regions:
            here = [s for s in self._streams if s.node == node and s.role == "care"]
            come_per_s = sum(s.rate_per_s for s in here if s.code in ASKS_WHO_COMES)
            for place, kinds in _KINDS_AT.items():
                desks = topology.desks_per_hospital
                count = getattr(topology.hospitals_per_province, place)
                contacts = sum(getattr(visits.mix, kind) * CONTACTS[kind] for kind in kinds)
                rate = come_per_s * contacts / count
                sent = sum(getattr(visits.mix, kind) * said_at_desks(self._scenario, kind) for kind in kinds)
                calls = sent / contacts if contacts else 0
                asking_us = sum(getattr(visits.mix, kind) * _asking_us(self._scenario, kind) for kind in kinds)
                asked_us = asking_us / contacts if contacts else 0.0  # at the first contact of each visit
                service_us = mean_us(visits.handling) + asked_us + calls * self._answer_us(node)
                wait_us = mean_wait_us(rate_per_s=rate, service_us=service_us, servers=desks)
                use = rate * service_us / 1e6 / desks
                yield StationLoad(node, f"{place} desk", rate, service_us, desks, use, wait_us)

    def _desks_of_levels(self) -> Iterator[StationLoad]:
        """Take the mean hospital of each level and the mean pharmacy of each province of a nation."""
        places = Places(self._scenario)
        contacts = places.visits_per_day @ [self._peak.per_s(kind) * CONTACTS[kind] for kind in KINDS]
        groups: dict[tuple[str, str], list[int]] = {}
        for row, place in enumerate(places.hospitals[: len(contacts)]):
            name = LEVEL_NAMES[place.level] if place.code[0] == "H" else "pharmacy"
            groups.setdefault((place.province, name), []).append(row)
        service_us = mean_us(self._scenario.visits.handling)
        for (node, name), rows in groups.items():
            desks = sum(places.hospitals[row].desks for row in rows)
            rate, servers = float(contacts[rows].sum()), max(1, round(desks / len(rows)))
            wait_us = mean_wait_us(rate_per_s=rate / len(rows), service_us=service_us, servers=servers)
            yield StationLoad(node, f"{name} desk", rate, service_us, desks, rate * service_us / 1e6 / desks, wait_us)

    def _answer_us(self, node: str) -> float:
        """Return the mean time from a desk's send to the answer."""
        mine = [s for s in self._streams if s.node == node and s.role == "care"]
        rate = sum(s.rate_per_s for s in mine)
        inside = sum(s.rate_per_s * (self._own_us(s) + self._downstream_us(s)) for s in mine) / rate if rate else 0.0
        return inside + 2 * self._link_us("hospital_province") + (self._relays_us(node) / rate if rate else 0.0)

    def _relays_us(self, node: str) -> float:
        """Return how much longer the way by relays is for what hospitals send a province, times how much takes it."""
        links_us = self._link_us("hospital_city") + self._link_us("city_province") - self._link_us("hospital_province")
        sent = [s for s in self._streams if s.role == "city" and not s.city and care_node(s.node) == node]
        return sum(s.rate_per_s * (self._own_us(s) + 2 * links_us) for s in sent)

    def _pieces_us(self, stream: Stream) -> float:
        return sum(self._costs.mean_us(stream.role, stream.code, stage) for stage in stream.stages)

    def _change_us(self, stream: Stream) -> float:
        """Return the CPU of a change, with its share of folding the log back."""
        return self._costs.mean_us(stream.role, stream.code, "change") + self._costs.checkpoint_of_change_us

    def _own_us(self, stream: Stream) -> float:
        """Return how long a node itself is at a message: pieces, each in a turn after a wait; commits; being slow."""
        file, turn = self._costs.file, self._turns[self._topology.host_of(stream.node)]
        wait_us = 0.0 if math.isinf(turn.wait_us) else turn.wait_us
        turns_us = len(stream.stages) * (wait_us + turn.cold * file.turn_us.value) + turn.cold * self._pieces_us(stream)
        change_us = file.group_us.value + self._costs.mean_us(stream.role, stream.code, "change")
        commits_us = stream.commits * (turn.cold * change_us + self._costs.mean_flush_us())
        return turns_us + commits_us + self._slow.get(stream.node, 0.0)

    def _held_us(self, stream: Stream) -> float:
        holds = self._topology.spec(stream.node).hold_while_waiting
        return self._own_us(stream) + (self._downstream_us(stream) if holds else 0.0)

    def _downstream_us(self, stream: Stream) -> float:
        """Return how long a forwarder waits for the next node: its patience at most."""
        patience = self._scenario.clients.forward_timeout
        if not stream.forwarded or stream.local:
            return 0.0
        if stream.role in ("city", "insured"):
            return min(2 * self._link_us("city_province") + self._behind_us(stream), float(patience.of(stream.node)))
        link_us = 2 * self._link_us("province_hub")
        hub_us = min(link_us + self._insured_us(stream.code), float(patience.hub))
        if stream.role == "hub":
            return hub_us
        hub = Stream(HUB, "hub", stream.code, 0.0, forwarded=True, local=False)
        return min(link_us + self._own_us(hub) + hub_us, float(patience.care))

    def _insured_us(self, code: str) -> float:
        """Return the mean time at the insurers, by their share; what a city brings is in the time of who asked it."""
        there = [s for s in self._streams if (s.role, s.code) == ("insured", code) and (s.forwarded or not s.city)]
        return self._mean_us(there)

    def _behind_us(self, stream: Stream) -> float:
        """Return the mean time at the node that a city's relay asks, or that an insured province asks of it."""
        asked = "city" if stream.role == "insured" else "insured" if stream.city else "care"
        node = stream.city if asked == "city" else care_node(stream.node)
        there = [
            s
            for s in self._streams
            if (s.node, s.role, s.code, s.city) == (node, asked, stream.code, stream.city) and s.kept
        ]
        return self._mean_us(there)

    def _mean_us(self, streams: list[Stream]) -> float:
        rate = sum(s.rate_per_s for s in streams)
        return sum(s.rate_per_s * (self._own_us(s) + self._downstream_us(s)) for s in streams) / rate if rate else 0.0

    def _link_us(self, kind: str) -> float:
        link = getattr(self._topology.links, kind)
        return mean_us(link.latency) + link.jitter / 2
