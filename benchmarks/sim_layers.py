"""What each layer of the simulated world costs a message: the same hour with the layer left out, beside the whole.

    PYTHONPATH=. python benchmarks/sim_layers.py [--visits 400] [--rounds 12]

A layer is left out where it lives, so that what is left does the same work over the same hops, or as near to it as can
be: *protocol* answers from what a run before it answered, with as many commits, which write nothing; *journeys* sends
what a run before it sent; *turns* runs a piece at once and for nothing; *commits* does not wait for a disk. One process
a variant, all in turns, so that a neighbour on the machine disturbs all alike: processor microseconds a message
(medians) and the share of the whole that is saved, with its quartiles. Layers overlap a little, so shares need not add.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sim.model.node
import sim.ports
import sim.stays
import sim.world
from benchmarks import sim_vs_plain as bench
from reference_impl.books.memory import MemoryBooks
from reference_impl.domain.nodes import HUB, NodeId
from reference_impl.domain.transactions import TRANSACTIONS
from reference_impl.hospital.history import History
from reference_impl.protocol.hub import Hub
from reference_impl.protocol.messages import Answered, Reply, Request
from reference_impl.protocol.province import Province
from reference_impl.protocol.records import Change, Committed, Key, MessageRecord
from scenarios.record.recorder import Recorder
from sim.engine.driver import Task
from sim.model.archive import ArchivingBooks
from sim.model.loop import Loop
from sim.run import simulate

if TYPE_CHECKING:
    from collections.abc import Generator

VARIANTS = (
    "", "protocol", "journeys", "record", "archive", "draws", "turns", "commits", "turns+commits", "protocol+journeys",
    "protocol+journeys+turns+commits+draws",
)  # fmt: skip
ALL_BITS = 0x1234_5678_9ABC_DEF0_FEDC_BA98_7654_3210
NO_CHANGE = Change(message=MessageRecord(Key("nobody", "nothing"), "2102", 0, None), insert=True)
COMMITTED = Committed()


class Heard:
    """What the hospitals asked in a run, by visit, and what they were answered."""

    def __init__(self) -> None:
        """Start with nothing heard."""
        self.requests: dict[int, list[Request]] = {}
        self.replies: dict[str, Reply] = {}

    def attempt(self, visit: int, request: Request, outcome: Any) -> None:
        """Hear one attempt."""
        self.requests.setdefault(visit, []).append(request)
        self.replies[request.msgid] = outcome.reply


def leave_out_protocol(heard: Heard) -> None:
    """Let nodes pass on and answer as they did, with as many commits, and decide nothing."""

    async def handle(self: Any, request: Request) -> Answered:
        commit, insurer = self._ports.books.commit, NodeId(request.insured_region[:2])
        await commit(NO_CHANGE)
        if request.sender != HUB and TRANSACTIONS[request.code].forwarded:
            if self.node == insurer:
                await commit(NO_CHANGE)
            else:
                passed = Request(
                    request.code, request.msgid, self.node, request.institution, request.care_region,
                    request.insured_region, request.body,
                )  # fmt: skip
                await self._ports.peers.call(insurer if self.node == HUB else HUB, passed, self._timeout_us)
            await commit(NO_CHANGE)
        return Answered(heard.replies[request.msgid])

    def apply(_: Any, change: Change) -> Committed:
        del change
        return COMMITTED

    Province.handle = Hub.handle = handle
    ArchivingBooks.apply = MemoryBooks.apply = apply


def leave_out_journeys(heard: Heard) -> None:
    """Let patients come, wait and send what they sent, and think nothing."""

    def begin(self: Any, number: int) -> None:
        world = self._world
        visit, clients = world.plan.visit(number), world.site.clients
        ports = world.hospital(visit.hospital)

        async def live() -> None:
            await ports.desk.seize(clients.desk_patience)
            await ports.clock.sleep_us(visit.handling_us)
            for request in heard.requests[visit.visit]:
                await ports.peers.call(NodeId(request.care_region[:2]), request, clients.timeout)
            ports.desk.release()

        Task(world.timeline, live(), world.outside).start()

    sim.stays.Journeys.begin = begin


def _forget(_: Recorder, row: object) -> None:
    """Take a row as the recorder does, and keep nothing."""
    del row


def leave_out_record() -> None:
    """Write nothing down."""
    for take in ("visit", "attempt", "contact", "station"):
        setattr(Recorder, take, _forget)
    History.attempt = lambda *_, **__: None


def leave_out_turns() -> None:
    """Run each piece at once, for nothing."""

    def post(self: Any, action: Any, event: Any) -> None:
        now_us = self.began_us = self._timeline.now_us
        self.spent_ns, self.rate, self._factors = 0, 1024, (1024, 1024)
        self.turning = True
        action(event)
        self.turning = False
        for one in self.leaving:
            one.leave(now_us)
        for committer in self.committers:
            committer.begin_at(now_us)
        self.leaving.clear()
        self.committers.clear()

    Loop.post = post


def leave_out_commits() -> None:
    """Commit at once."""

    @types.coroutine
    def commit(self: Any, change: Change) -> Generator[Any, Any, Any]:
        return self._store.apply(change)
        yield

    sim.ports.SimBooks.commit = commit


def leave_out(layers: set[str], heard: Heard) -> None:
    """Leave out these layers."""
    if "protocol" in layers:
        leave_out_protocol(heard)
    if "journeys" in layers:
        leave_out_journeys(heard)
    if "record" in layers:
        leave_out_record()
    if "archive" in layers:
        sim.world.retention_us = lambda _: None
    if "draws" in layers:
        sim.model.node.bits_at = lambda *_: ALL_BITS
        sim.ports.message_key = lambda *_: ALL_BITS >> 64
    if "turns" in layers:
        leave_out_turns()
    if "commits" in layers:
        leave_out_commits()


def serve(layers: str, visits: int) -> None:
    """Run the hour without some layers, each time a line comes in, and say what a message cost (us)."""
    scenario, costs = bench.scenario_of(visits), bench.load_costs()
    plan, heard, attempt = bench.plan_visits(scenario), Heard(), History.attempt

    def hear(_: Any, visit: int, __: int, ___: int, request: Request, ____: int, outcome: Any, **_____: Any) -> None:
        heard.attempt(visit, request, outcome)

    History.attempt = hear
    simulate(scenario, plan, costs)
    History.attempt = attempt
    messages = len(heard.replies)
    leave_out(set(layers.split("+")), heard)
    simulate(scenario, plan, costs)
    print("ready", flush=True)
    for _ in sys.stdin:
        begun = time.process_time()
        simulate(scenario, plan, costs)
        print((time.process_time() - begun) / messages * 1e6, flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve(arguments.serve, arguments.visits)
        return
    command = [sys.executable, str(Path(__file__)), "--visits", str(arguments.visits), "--serve"]
    processes = [
        subprocess.Popen([*command, layers], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        for layers in VARIANTS
    ]
    for process in processes:
        process.stdout.readline()
    rounds: list[list[float]] = []
    for _ in range(arguments.rounds):
        spent_us: list[float] = []
        for process in processes:
            process.stdin.write("run\n")
            spent_us.append(float(process.stdout.readline()))
        rounds.append(spent_us)
    for process in processes:
        process.stdin.close()
        process.wait()
    for layers, *spent in zip(VARIANTS, *rounds, strict=True):
        saved = [1 - us / whole[0] for us, whole in zip(spent, rounds, strict=True)]
        low, middle, high = statistics.quantiles(saved, n=4)
        name, median_us = layers or "the whole", statistics.median(spent)
        print(f"{name:40} {median_us:6.1f} us; saves {middle:4.0%} ({low:.0%} to {high:.0%})")


if __name__ == "__main__":
    main()
