"""Build the simulated world of a scenario: hosts, nodes with their books, links, hospitals with their desks.

The nodes' roles come from ``reference_impl.staging.build``, the same as the servers'. This module must never let
time pass: ``sim.run`` does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reference_impl.books.losing import LosingBooks, LostCommits
from reference_impl.books.memory import MemoryBooks
from reference_impl.domain.nodes import HOSPITAL, HUB, NodeId, care_node
from reference_impl.hospital.history import History
from reference_impl.hospital.site import site_of
from reference_impl.protocol.assembly import NodeConfig, assemble
from reference_impl.protocol.door import DoorCommand
from reference_impl.protocol.ports import HospitalPorts, NodePorts
from reference_impl.protocol.province import Province
from reference_impl.staging.build import institutions_of, node_config, stamps_of
from reference_impl.staging.hospital_faults import HospitalFaults
from reference_impl.staging.loss import FaultyLink, commit_losses, disturbances
from reference_impl.staging.opening import books_before
from reference_impl.wire.clock import BusinessClock
from scenarios.patients.draws import KeyedDraws
from scenarios.schema.durations import mean_us
from scenarios.schema.faults import ClockOff
from scenarios.schema.link_faults import Bandwidth
from scenarios.schema.spoken import dialects_of
from sim.crowds import Crowds, OthersAtDesks
from sim.engine.driver import SimClock, TaskGroup
from sim.engine.timeline import Timeline
from sim.engine.timers import Timeouts
from sim.model.archive import ArchivingBooks, retention_us
from sim.model.desks import CrowdedDesk, SimDesk
from sim.model.gate import Gate
from sim.model.hosts import Host
from sim.model.links import Link, transits_us
from sim.model.loop import LoopClock
from sim.model.node import SimNode
from sim.model.off_clock import OffClock
from sim.model.service_times import ServiceTimeTables
from sim.model.sizes import Sizes
from sim.model.spool import Seen, Spool
from sim.model.stations import Cpu, CrowdedCpu, Sums
from sim.ports import HospitalPeers, NodePeers, SimBooks, SimTasks
from sim.stays import Journeys

if TYPE_CHECKING:
    from pathlib import Path

    from reference_impl.protocol.city import City
    from reference_impl.protocol.hub import Hub
    from reference_impl.protocol.ports import Books, Clock
    from scenarios.patients.institutions import Institution
    from scenarios.patients.visits import VisitPlan
    from scenarios.record.recorder import Recorder
    from scenarios.schema import Link as LinkSpec
    from scenarios.schema import Scenario
    from sim.model.costs import Costs
    from sim.model.node import Role
    from sim.model.service_times import Rhythm
    from sim.model.stations import Tally


@dataclass(slots=True)
class DeskPool:
    """All the desks of a province that have seen a patient."""

    desks: int = 0
    sums: Sums = field(default_factory=Sums)
    others: OthersAtDesks | None = None
    """Whoever has no journey: they count in what the desks were busy for."""

    def tally(self, now_us: int) -> Tally:
        """Return what the desks have seen up to now."""
        seen = self.sums.tally(now_us)
        return seen if self.others is None else seen._replace(busy_us=seen.busy_us + self.others.busy_us(now_us))


class World:
    """Everything that exists in a run, at rest."""

    def __init__(
        self, scenario: Scenario, plan: VisitPlan, costs: Costs, recorder: Recorder, folder: Path | None = None
    ) -> None:
        """Build the world of ``scenario``, with the stays of ``plan`` that are open at the start in its books.

        What leaves memory goes to ``folder``, or where temporary files do.
        """
        self.scenario = scenario
        self.plan = plan
        self.timeline = Timeline()
        self.history = History(recorder, stamps_of(scenario))
        self.timeouts = Timeouts(self.timeline)
        self.clock = SimClock(self.timeline)
        self.open_rows = plan.open_rows()
        """The visits that come by themselves, in order of arrival."""
        self.started = 0
        """How many of them have begun."""
        self._spool = Spool(folder)
        self.journeys = Journeys(self, self._spool)
        self.outside = TaskGroup()
        """Where the patients' journeys live: no host, so nothing freezes or kills them."""
        self._crowds = Crowds.of(scenario, plan.hospitals, costs)
        self.cpus = self._cores(costs)
        service_times = ServiceTimeTables(costs)
        self.hosts = self._hosts(service_times.rhythm)
        self.doors: dict[NodeId, dict[tuple[str, str, str], DoorCommand]] = {}
        self.stores: dict[NodeId, MemoryBooks] = {}
        self._closed: dict[NodeId, tuple[int, int]] = {}
        self.nodes: dict[NodeId, SimNode] = {}
        self._lost: dict[NodeId, LostCommits | None] = {}
        self._starts: dict[NodeId, int] = {}
        self._configs: dict[NodeId, NodeConfig] = {}
        self._routes: dict[NodeId, dict[NodeId, tuple[SimNode | Gate, Link]]] = {}
        self._at_hospitals = HospitalFaults(scenario)
        self._seen = Seen(len(plan))
        self._make_nodes(service_times)
        self.faulty_links: list[FaultyLink] = []
        """The links on which a fault lies; each counts what its faults hit."""
        narrow = any(isinstance(fault, Bandwidth) for fault in scenario.faults)
        self._sizes = (
            Sizes(BusinessClock(scenario.horizon.start, scenario.scale.time), dialects_of(scenario)) if narrow else None
        )
        self._make_links()
        for node, change in books_before(scenario, plan, self.history):
            self.stores[node].apply(change)
        self.site = site_of(scenario)
        routes = self._routes[NodeId(HOSPITAL)]
        self._peers = HospitalPeers(self.timeline, routes, self.timeouts, scenario.seed, service_times.own)
        self._draws = KeyedDraws(scenario.seed)
        self._tasks = SimTasks(self.timeline, self.outside)
        self._hospitals: dict[str, HospitalPorts] = {}
        crowds = self._crowds
        self.desks: dict[str, DeskPool] = {
            code: DeskPool(others=None if crowds is None else OthersAtDesks(crowds))
            for code in scenario.topology.province_nodes()
        }

    # --- hospitals ----------------------------------------------------------------------------------------------------

    def hospital(self, institution: Institution) -> HospitalPorts:
        """Return the ports of a hospital; its desks open when the first patient comes."""
        ports = self._hospitals.get(institution.code)
        if ports is None:
            pool = self.desks[institution.region[:2]]
            pool.desks += institution.desks
            desk = self._desk(institution, pool)
            ports = HospitalPorts(self.clock, self._peers, self._draws, desk, self._tasks)
            self._hospitals[institution.code] = ports
        return ports

    def _desk(self, institution: Institution, pool: DeskPool) -> SimDesk:
        """Open the desks of an institution, where others may be before its first patient."""
        now_us = self.timeline.now_us
        crowd = None if self._crowds is None else self._crowds.at_desks(institution, now_us)
        if crowd is None or pool.others is None:
            return SimDesk(self.timeline, self.timeouts, institution.desks, pool.sums)
        pool.others.come_to(institution, now_us)
        handling_us = round(mean_us(self.scenario.visits.handling))
        return CrowdedDesk(
            self.timeline, self.timeouts, institution.desks, pool.sums, crowd=crowd, handling_us=handling_us
        )

    # --- nodes --------------------------------------------------------------------------------------------------------

    def _cores(self, costs: Costs) -> dict[str, Cpu]:
        """Return a host's own cores, first come first served, or those of the machine that all hosts share fairly."""
        topology = self.scenario.topology
        shared = topology.machine_cores is not None
        if self._crowds is not None:
            return {name: self._crowded_cores(name, self._crowds) for name in topology.cpus()}
        processes = len(topology.hosts()) if shared else 0
        return {
            name: Cpu(
                self.timeline, cores, fair=shared, lost_share=costs.lost_share(processes, cores) if shared else 0.0
            )
            for name, cores in topology.cpus().items()
        }

    def _crowded_cores(self, name: str, crowds: Crowds) -> Cpu:
        """Return a host's own cores, with whom it serves beside those who have journeys."""
        spec = self.scenario.topology.hosts()[name]
        crowd = crowds.at_host(name, spec)
        return Cpu(self.timeline, spec.cores) if crowd is None else CrowdedCpu(self.timeline, spec.cores, crowd)

    def _hosts(self, rhythm: Rhythm) -> dict[str, Host]:
        topology = self.scenario.topology
        hosts: dict[str, Host] = {}
        for name, spec in topology.hosts().items():
            pool = topology.cpu_of(spec.nodes[0])
            cpu = self.cpus[pool]
            crowd = cpu.crowd if isinstance(cpu, CrowdedCpu) else None
            hosts[name] = Host(
                self.timeline, name, cpu, rhythm, own_cpu=pool == name, nodes=len(spec.nodes), crowd=crowd
            )
        return hosts

    def _make_nodes(self, service_times: ServiceTimeTables) -> None:
        topology, institutions = self.scenario.topology, institutions_of(self.plan.hospitals)
        for name in topology.nodes():
            node = NodeId(name)
            host = self.hosts[topology.host_of(name)]
            store = self.stores[node] = self._books()
            losses = commit_losses(self.scenario, name)
            self._lost[node] = LostCommits(losses) if losses else None
            self._configs[node] = node_config(self.scenario, name, institutions)
            self._routes[node] = {}
            made = SimNode(
                self.timeline,
                node,
                host,
                topology.spec(name),
                service_times=service_times,
                seed=self.scenario.seed,
                relays=[city for city in topology.relays() if city[:2] == name],
            )
            self.nodes[node] = made
            made.open(store, self._role)

    def _books(self) -> MemoryBooks:
        keep_us = retention_us(self.scenario)
        return MemoryBooks() if keep_us is None else ArchivingBooks(self.timeline, keep_us, self._spool, self._seen)

    def _role(self, node: SimNode) -> Role:
        """Build a node's role, at the start and after each crash; its doors stand as the operator left them."""
        peers = NodePeers(self.timeline, node, self._routes[node.name], self.timeouts)
        books: Books = SimBooks(self.timeline, node, self.stores[node.name])
        clock = self._clock(node)
        lost = self._lost[node.name]
        if lost is not None:
            books = LosingBooks(books, lost, clock)
        ports = NodePorts(clock, peers, books, SimTasks(self.timeline, node.host.group, node.host.loop))
        starts = self._starts[node.name] = self._starts.get(node.name, -1) + 1
        role: Province | Hub | City = assemble(self._configs[node.name], ports, starts=starts)
        for command in self.doors.get(node.name, {}).values():
            role.doors.obey(command, clock.now_us())
        if isinstance(role, Province) and node.name in self._closed:
            role.days.close(*self._closed[node.name])
        return role

    def _clock(self, node: SimNode) -> Clock:
        """Return the clock of a node's process; one that a fault sets otherwise must be asked for it each time."""
        clock, nodes = LoopClock(self.timeline, node.host.loop), self.scenario.topology.hosts()[node.host.name].nodes
        is_off = any(isinstance(fault, ClockOff) and fault.node in nodes for fault in self.scenario.faults)
        return OffClock(clock, node.host) if is_off else clock

    def close_day(self, node: NodeId, day: int, first_open: int) -> None:
        """Close a business day of an insurer; a restart of the node repeats it."""
        self._closed[node] = (day, first_open)
        role: Any = self.nodes[node].role
        role.days.close(day, first_open)

    def command_door(self, node: NodeId, command: DoorCommand) -> None:
        """Command a door of ``node``; a restart of the node repeats it."""
        self.doors.setdefault(node, {})[command.door] = command
        role: Any = self.nodes[node].role
        role.doors.obey(command)

    # --- links --------------------------------------------------------------------------------------------------------

    def _make_links(self) -> None:
        links = self.scenario.topology.links
        from_hospitals = self._routes.setdefault(NodeId(HOSPITAL), {})
        for province in self.scenario.topology.province_nodes():
            node = NodeId(province)
            from_hospitals[node] = (self._entrance(node), self._link(HOSPITAL, province, links.hospital_province))
            self._routes[node][HUB] = (self.nodes[HUB], self._link(province, HUB, links.province_hub))
            self._routes[HUB][node] = (self.nodes[node], self._link(HUB, province, links.province_hub))
        for city in self.scenario.topology.relays():
            node, province = NodeId(city), care_node(city)
            from_hospitals[node] = (self._entrance(node), self._link(HOSPITAL, city, links.hospital_city))
            self._routes[node][province] = (self.nodes[province], self._link(city, province, links.city_province))
            self._routes[province][node] = (self.nodes[node], self._link(province, city, links.city_province))

    def _entrance(self, node: NodeId) -> SimNode | Gate:
        """Return what takes in hospitals' messages: the node, or a gate before it where hospitals may not be heard."""
        return Gate(self.timeline, self.nodes[node], self._at_hospitals) if self._at_hospitals else self.nodes[node]

    def _link(self, caller: str, callee: str, spec: LinkSpec) -> Link:
        faulty = FaultyLink(self.scenario.seed, caller, callee, disturbances(self.scenario))
        takes_us = transits_us(spec.latency, spec.jitter)
        if faulty.sound:
            return Link(takes_us, None)
        self.faulty_links.append(faulty)
        return Link(takes_us, faulty, self._sizes)
