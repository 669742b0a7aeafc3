"""Every workflow of a hospital killed at each of its awaits in turn, under gevent."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Coroutine
from types import SimpleNamespace
from typing import Any

import gevent
from fake_system import FakeSystem
from telling import tell

from loadtest.client import GeventPeers
from loadtest.gevent_ports import GeventClock, GeventDesk, GeventTasks, run_to_end
from loadtest.inputs import NodeFacts, SystemFile
from reference_impl.domain.nodes import NodeId
from reference_impl.hospital.history import History
from reference_impl.hospital.site import HospitalSite
from reference_impl.hospital.visiting import live_visit, refund_and_paper
from reference_impl.protocol.messages import Outcome, Request, SettlementId, VisitId
from reference_impl.protocol.ports import HospitalPorts
from reference_impl.staging.build import stamps_of
from scenarios.patients.draws import KeyedDraws
from scenarios.patients.visits import PlannedVisit, plan_visits
from scenarios.record.recorder import Recorder
from scenarios.schema import Scenario

SCENARIO = Scenario.model_validate(
    {
        "name": "two-provinces",
        "horizon": {"length": "1d"},
        "visits": {"per_day": 300, "local_per_cross": 0, "uploads_per_stay": 2},
        "topology": {"regions": [33, 63], "hospitals_per_province": {"hospital": 1, "pharmacy": 1}},
        "clients": {"timeout": "2s", "deadline": "4s", "retries": {"backoff": "1ms", "cap": "1ms"}},
    }
)
PLAN = plan_visits(SCENARIO)
DESKS = 2
AWAITS_MAX = 60
SITE = HospitalSite(SCENARIO.clients, SCENARIO.visits.uploads_per_stay)


class Killer:
    """Kills the greenlet that stands at the n-th await; the blow falls at the first place where it really waits."""

    def __init__(self, nth: int) -> None:
        self.left = nth
        self.struck = False

    def count(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.struck = True
            victim = gevent.getcurrent()
            gevent.get_hub().loop.run_callback(victim.throw, gevent.GreenletExit)


class CountedClock(GeventClock):
    """Sleeps a millisecond instead of a day; a zero sleep still gives way, so that a blow can fall."""

    killer: Killer

    async def sleep_us(self, duration_us: int) -> None:
        self.killer.count()
        gevent.sleep(0.001 if duration_us > 0 else 0)


class CountedPeers:
    def __init__(self, peers: GeventPeers, killer: Killer) -> None:
        self._peers, self._killer = peers, killer

    async def call(self, node: NodeId, request: Request, timeout_us: int) -> Outcome:
        self._killer.count()
        return await self._peers.call(node, request, timeout_us)


class CountedDesk(GeventDesk):
    killer: Killer

    def seize(self, patience_us: int) -> Awaitable[bool]:
        self.killer.count()
        return super().seize(patience_us)


def _visit(kind: str) -> PlannedVisit:
    return next(visit for visit in PLAN if visit.kind == kind and not visit.open_at_start)


def _killed_at(nth: int, system: FakeSystem, work_of) -> bool:
    """Run a workflow, kill it at its n-th await, and look for what it left; return whether it was struck at all."""
    killer = Killer(nth)
    clock = CountedClock(time.monotonic_ns())
    clock.killer = killer
    nodes = {node: NodeFacts(url=facts["url"]) for node, facts in system.urls.items()}
    events = SimpleNamespace(fire=lambda **_: None)
    peers = GeventPeers(SystemFile(0, nodes), system.speech, clock, events)
    desk = CountedDesk(DESKS)
    desk.killer = killer
    tasks = GeventTasks()
    recorder = Recorder()
    history = History(recorder, stamps_of(SCENARIO))
    ports = HospitalPorts(clock, CountedPeers(peers, killer), KeyedDraws(1), desk, tasks)
    greenlet = gevent.spawn(run_to_end, work_of(ports, history))
    greenlet.join()
    tasks.kill()
    history.close()
    assert desk.free == DESKS, f"a desk is lost after a kill at await {nth}"
    assert peers.in_use == 0, f"a connection is lost after a kill at await {nth}"
    assert len(tasks) == 0
    assert recorder.frames()["visits"].height == 1, f"the visit is not in the record after a kill at await {nth}"
    peers.close()
    return killer.struck


def _killed_at_each_await(work_of) -> None:
    for nth in range(1, AWAITS_MAX):
        with FakeSystem(SCENARIO, GeventClock(time.monotonic_ns()), spoil=_hesitate) as system:
            if not _killed_at(nth, system, work_of):
                assert nth > 5, "the workflow never got far enough to be killed anywhere of interest"
                return
    raise AssertionError(f"more than {AWAITS_MAX} awaits")


def _hesitate(_node: str, _content: bytes, good: bytes) -> bytes:
    gevent.sleep(0.001)
    return good


def _living(kind: str):
    def work_of(ports: HospitalPorts, history: History) -> Coroutine[Any, Any, None]:
        return live_visit(ports, SITE, _visit(kind), history)

    return work_of


def story_pharmacy_visit_killed_at_each_await_leaves_nothing():
    _killed_at_each_await(_living("pharmacy"))


def story_outpatient_visit_killed_at_each_await_leaves_nothing():
    _killed_at_each_await(_living("outpatient"))


def story_stay_killed_at_each_await_leaves_nothing():
    _killed_at_each_await(_living("inpatient"))


def story_unresolved_settlement_killed_at_each_await_leaves_nothing():
    """No settlement is ever answered: it is sent again, reversed, paid, and undone."""

    def never_settles(_node: str, content: bytes, good: bytes) -> bytes | None:
        gevent.sleep(0.001)
        return None if b'"2207"' in content[:20] else good

    clients = SCENARIO.clients.model_copy(update={"deadline": 20_000})

    def work_of(ports: HospitalPorts, history: History) -> Coroutine[Any, Any, None]:
        return live_visit(ports, HospitalSite(clients, 2), _visit("outpatient"), history)

    struck = 0
    for nth in range(1, AWAITS_MAX):
        with FakeSystem(SCENARIO, GeventClock(time.monotonic_ns()), spoil=never_settles) as system:
            if not _killed_at(nth, system, work_of):
                assert "2601" in system.served
                break
            struck += 1
    assert struck > 10


def story_refund_killed_at_each_await_leaves_nothing():
    visit = _visit("outpatient")
    settled_as = (VisitId("S" + "0" * 29), SettlementId("A" + "0" * 29))

    def work_of(ports: HospitalPorts, history: History) -> Coroutine[Any, Any, None]:
        return refund_and_paper(ports, SITE, visit, history, settled_as=settled_as)

    for nth in range(1, AWAITS_MAX):
        with FakeSystem(SCENARIO, GeventClock(time.monotonic_ns()), spoil=_hesitate) as system:
            if not _killed_at(nth, system, work_of):
                assert system.served == ["2208"]
                return


if __name__ == "__main__":
    tell(globals())
