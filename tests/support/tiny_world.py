"""A simulated world of one patient: Jiaxing treats, Qinghai insures, the hub between; every fault of the scenario works."""

from __future__ import annotations

from functools import cache
from typing import Any

from reference_impl.books.final import FinalBooks
from scenarios.patients.visits import plan_visits
from scenarios.record.fates import DIRECT_FATES
from scenarios.schema import Scenario
from sim.model.costs import load_costs
from sim.run import SimRun, Simulation

CARE, INSURED, OTHER, HUB = "33", "63", "11", "hub"
S = 1_000_000
ARRIVES_US = 10 * S
KINDS = ("pharmacy", "outpatient", "inpatient")
SEQUENCES = {
    "pharmacy": ["1101", "2101", "2102"],
    "outpatient": ["1101", "2201", "2203", "2204", "2206", "2207"],
    "inpatient": ["1101", "2401", "2301", "2301", "2303", "2402", "2304"],
}
SETTLES = {"pharmacy": "2102", "outpatient": "2207", "inpatient": "2304"}
PATIENCE = {
    "timeout": "2s",
    "deadline": "20s",
    "forward_timeout": {"care": "1500ms", "hub": "1s"},
    "reversal_timeout": "2s",
    "retries": {"backoff": "200ms", "cap": "2s"},
    "clerk": {"retries": 2, "wait": "10s"},
    "park": {"share": 1, "spread": "10s"},
}
STAY = {"pharmacy": {}, "outpatient": {}, "inpatient": {"stay": "60s"}}

costs = cache(load_costs)


def visit(
    kind: str, *, at: str = "10s", care: int = 330400, insured: int = 630100, total_fen: int = 400_000
) -> dict[str, Any]:
    return {"kind": kind, "care": care, "insured": insured, "at": at, "total_fen": total_fen, **STAY[kind]}


def scenario(*visits: dict[str, Any], faults: Any = (), clients: Any = None, seed: int = 1, **more: Any) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "tiny",
            "seed": seed,
            "horizon": {"start": "2024-03-13T09:00:00", "length": "2min", "drain_limit": "10min"},
            "visits": {
                "per_day": 0, "local_per_cross": 0, "handling": "1s", "uploads_per_stay": 2, "lines_per_upload": 2,
                "explicit": visits, **more.pop("visits", {}),
            },
            "topology": {
                "regions": [CARE, INSURED, OTHER],
                "hospitals_per_province": {"hospital": 2, "pharmacy": 2},
                "desks_per_hospital": 1,
                **more.pop("topology", {}),
            },
            "clients": PATIENCE | (clients or {}),
            "faults": faults,
            **more,
        }
    )  # fmt: skip


def prepare(asked: Scenario) -> Simulation:
    return Simulation(asked, plan_visits(asked), costs())


def live(asked: Scenario) -> SimRun:
    return prepare(asked).run()


# --- what to look at ---


def fates(run: SimRun) -> list[str]:
    return run.recorder.frames()["visits"]["fate"].to_list()


def codes(run: SimRun) -> list[tuple[str, str]]:
    messages = run.recorder.frames()["messages"]
    return list(zip(messages["code"], messages["outcome"], strict=True))


def standing(books: FinalBooks) -> list[Any]:
    gone = {one.reverses for one in books.settlements if one.sign < 0}
    return [one for one in books.settlements if one.sign > 0 and one.settlement not in gone]


def assert_lawful(run: SimRun, *, settled: int) -> None:
    """Every account sums to zero, so many settlements stand, and each of them is one that a hospital holds."""
    books = run.books
    assert sum(leg.amount_fen for one in books.values() for posting in one.postings for leg in posting.legs) == 0
    stands = [one.settlement for one in books.values() for one in standing(one)]
    visits = run.recorder.frames()["visits"]
    held = visits.filter(visits["acked"] & visits["fate"].is_in([fate.value for fate in DIRECT_FATES]))
    assert sorted(stands) == sorted(held["settlement_id"])
    assert len(stands) == settled


def assert_nothing_leaked(run: SimRun) -> None:
    """No server, desk, lock, patience or task is left over once all has come to rest."""
    world = run.simulation.world
    for node in world.nodes.values():
        assert node.workers.free == node.workers.servers, f"{node.name} leaks a worker"
        assert not node.workers.waiting
        assert not node.in_work, f"{node.name} still holds a message"
        role: Any = node.role
        assert not role._forwarder._leases, f"{node.name} leaks a lock"
    at_hospitals = () if world.site.calls is None else world.site.calls._of.values()
    for restraint in (*at_hospitals, *(node.restraint for node in world.nodes.values())):
        ways = () if restraint is None else restraint._ways.values()
        assert not any(way.under_way for way in ways), "a call is held to be under way that has long ended"
    for ports in world._hospitals.values():
        desk: Any = ports.desk
        assert desk.free == desk.desks, "a desk leaked"
    assert not world.outside.tasks
    assert not any(host.group.tasks for host in world.hosts.values())
    assert not any(len(queue) for queue in world.timeouts.values()), "somebody's patience is still running"
