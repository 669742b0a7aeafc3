"""Settlements per second of the reference system on one core, and where its time goes.

    PYTHONPATH=. python benchmarks/settlements_per_second.py

Six measurements in one run, the generator always on another core than what is measured:

1. the whole chain: pharmacy visits (1101, 2101, 2102) through care province, hub and insured province, each a process
   of its own on one core, HTTP between them, every commit flushed before its reply;
2. the same three nodes in one process;
3. the same HTTP stack (uvicorn's sockets, our protocol on httptools) answering a constant of a settlement's size;
4. the same rows committed to the same three SQLite files without HTTP or protocol;
5. one node, the insured province, asked as the hub asks it: what it settles durably, over HTTP;
6. that node's rows committed without HTTP or protocol, in groups of as many.

Prints settlements a second, CPU time a settlement, their ratios to the whole chain, CPU a hop, and the time of a flush;
and how 5 stands to 6. Ratios of CPU time hold on a busy machine, those of rates only on a quiet one. About a minute.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import psutil
import uvloop

from lab.calibration.machine import describe_machine, versions
from reference_impl.books.memory import MemoryBooks
from reference_impl.books.sqlite.books import SqliteBooks
from reference_impl.books.sqlite.disk import Disk
from reference_impl.domain.fees import FeeLine
from reference_impl.domain.nodes import HUB
from reference_impl.protocol import messages as m
from reference_impl.protocol.assembly import assemble
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.records import Change, CommitResult
from reference_impl.server.client import Destination, HttpAnswer
from reference_impl.server.config import Entrance, HttpBounds
from reference_impl.server.http import serving
from reference_impl.server.http_message import HttpReply
from reference_impl.server.peers import HttpPeers
from reference_impl.server.ports import AsyncioTasks, RunClock
from reference_impl.server.supervisor import System
from reference_impl.staging.build import institutions_of, node_config, system_config
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.codec import Codec
from reference_impl.wire.neighbour import NeighbourCodec
from scenarios.patients.places import Places
from scenarios.schema import Scenario

IN_FLIGHT = 32
WARM_UP_S, MEASURE_S = 1.5, 7.0
RECORDED = 1500
TIMEOUT_US = 30_000_000
NODES = ("33", "hub", "34")
INSURED = m.NodeId("34")
PHARMACY = m.NodeId("P33040010001")
LINES = tuple(FeeLine(f"{number}", f"X{number}", 10_000, 50_000_000, 5_000) for number in range(3))
TOTAL_FEN = 15_000
CODES = ("1101", "2101", "2102")
HOPS = len(CODES) * len(NODES)
"""Times a node handles a message, for one settlement."""

Call = Callable[[m.Request], Awaitable[m.Outcome]]


def scenario(hosts: dict[str, list[str]]) -> Scenario:
    """Return two provinces and the hub on these hosts."""
    topology = {"regions": ["33", "34"], "hosts": {name: {"nodes": nodes} for name, nodes in hosts.items()}}
    return Scenario.model_validate({"name": "benchmark", "topology": topology, "visits": {"per_day": 0}})


def message(code: str, visit: int) -> m.Request:
    """Return a message of a pharmacy visit; every visit has a person of its own."""
    person = m.PersonNo(f"34010000{visit:012d}")
    step = CODES.index(code)
    msgid = m.MessageId(f"{PHARMACY}20240313{step:02d}{visit:08d}")
    body = (
        m.FindPerson(person=person)
        if code == "1101"
        else m.SellDrugs(person=person, insurance="310", total_fen=TOTAL_FEN, lines=LINES)
    )
    return m.Request(code, msgid, PHARMACY, PHARMACY, "330400", "340100", body)


async def settle(call: Call, visit: int) -> None:
    """Live one pharmacy visit; anything but a settlement ends the benchmark."""
    for code in CODES:
        outcome = await call(message(code, visit))
        if not isinstance(outcome, m.Answered) or outcome.reply.body is None:
            raise SystemExit(f"visit {visit}: {code} came back as {outcome}; the figures would mean nothing")


# --- the chain --------------------------------------------------------------------------------------------------------


class Measured(NamedTuple):
    """Settlements a second, CPU microseconds a settlement, and what else there is to say."""

    rate: float
    cpu_us: float
    more: dict[str, float]


def measure_chain(folder: Path, hosts: dict[str, list[str]], core: int) -> Measured:
    """Measure the system with these processes; ``more`` is the CPU time of a hop, by process."""
    world = scenario(hosts)
    with (
        System(system_config(world), folder, core=core) as system,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        codec = Codec(BusinessClock(world.horizon.start, world.scale.time))
        peers = HttpPeers({"33": system.address("33")}, codec, RunClock(system.epoch_ns), sender=None)
        visits = count()

        async def call(asked: m.Request) -> m.Outcome:
            return await peers.call(m.NodeId("33"), asked, TIMEOUT_US)

        runner.run(keep_busy(lambda: settle(call, next(visits)), WARM_UP_S))
        before = {name: cpu_s(pid) for name, pid in system.pids().items()}
        done, took_s = runner.run(keep_busy(lambda: settle(call, next(visits)), MEASURE_S))
        used_us = {name: (cpu_s(pid) - before[name]) / done * 1e6 for name, pid in system.pids().items()}
        runner.run(close(peers))
    hops_us = {name: used_us[name] / len(CODES) / len(nodes) for name, nodes in hosts.items()}
    return Measured(done / took_s, sum(used_us.values()), hops_us)


async def keep_busy(work: Callable[[], Awaitable[None]], seconds: float) -> tuple[int, float]:
    """Keep ``IN_FLIGHT`` pieces of work going for ``seconds``; return how many ended and how long it took."""
    done = 0
    began_s = time.perf_counter()

    async def lane() -> None:
        nonlocal done
        while time.perf_counter() - began_s < seconds:
            await work()
            done += 1

    await asyncio.gather(*(lane() for _ in range(IN_FLIGHT)))
    return done, time.perf_counter() - began_s


async def close(peers: HttpPeers | Destination) -> None:
    """Drop the connections and let the loop see it."""
    peers.close()
    await asyncio.sleep(0)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds a process has used."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


# --- the HTTP stack alone ---------------------------------------------------------------------------------------------


def serve_constant(descriptor: int, core: int) -> None:
    """Serve a constant with the stack of a host process."""
    from uvicorn import Config, Server  # noqa: PLC0415 - only in the child

    os.sched_setaffinity(0, {core})
    body = b'{"infcode":0,"output":"' + b"x" * 900 + b'"}'
    reply = HttpReply(200, {"content-type": "application/json"}, body)

    async def constant(_: object) -> HttpReply:
        return reply

    config = Config(
        constant, interface="asgi3", http=serving(constant, HttpBounds()), lifespan="off", log_config=None,
        access_log=False, server_header=False, date_header=False, ws="none",
    )  # fmt: skip
    listening = socket.socket(fileno=descriptor)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Server(config).serve(sockets=[listening]))


@contextmanager
def constant_server(core: int) -> Iterator[tuple[int, int]]:
    """Yield the port and the process id of a constant's server."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        port = listening.getsockname()[1]
        arguments = [sys.executable, __file__, "--constant", str(listening.fileno()), str(core)]
        child = subprocess.Popen(arguments, pass_fds=[listening.fileno()])
    try:
        yield port, child.pid
    finally:
        child.kill()
        child.wait(10)


def measure_constant(core: int) -> Measured:
    """Measure the HTTP stack answering a constant, as many times for a settlement as the chain handles a message."""
    body = Codec(BusinessClock(scenario({}).horizon.start, 1.0)).encode_request(message("2102", 0), 0)
    sent = b"POST /33 HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    with constant_server(core) as (port, pid), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        destination = Destination("127.0.0.1", port)

        async def ask() -> None:
            heard = await destination.exchange(sent, TIMEOUT_US)
            if not isinstance(heard, HttpAnswer):
                raise SystemExit(f"the constant came back as {heard}")

        runner.run(keep_busy(ask, WARM_UP_S))
        before_s = cpu_s(pid)
        done, took_s = runner.run(keep_busy(ask, MEASURE_S))
        used_s = cpu_s(pid) - before_s
        runner.run(close(destination))
    return Measured(done / took_s / HOPS, used_s / done * HOPS * 1e6, {})


# --- the books alone --------------------------------------------------------------------------------------------------


class RecordingBooks(MemoryBooks):
    """Books that keep what was committed, in order."""

    __slots__ = ("changes",)

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[Change] = []

    async def commit(self, change: Change) -> CommitResult:
        """Apply the change and keep it."""
        self.changes.append(change)
        return self.apply(change)


class Joined:
    """The three nodes in this process, without HTTP: the changes of one visit after another."""

    def __init__(self) -> None:
        world = scenario({})
        institutions = institutions_of(Places(world).hospitals)
        self.books = {node: RecordingBooks() for node in NODES}
        clock = RunClock(time.monotonic_ns())
        self.nodes = {
            node: assemble(node_config(world, node, institutions), NodePorts(clock, self, books, AsyncioTasks()))
            for node, books in self.books.items()
        }

        self.asked: list[m.Request] = []
        """What the insured province was asked."""

    async def call(self, node: m.NodeId, request: m.Request, timeout_us: int) -> m.Outcome:
        """Hand a message on."""
        del timeout_us  # nobody is slow here
        if node == INSURED:
            self.asked.append(request)
        return await self.nodes[node].handle(request)

    async def changes_of(self, visit: int) -> list[tuple[str, Change]]:
        """Return what one visit commits, and where."""
        await settle(lambda asked: self.call(m.NodeId("33"), asked, 0), visit)
        made = [(node, change) for node, books in self.books.items() for change in books.changes]
        for books in self.books.values():
            books.changes.clear()
        return made


Recorded = list[list[tuple[str, Change]]]
"""What each visit commits, and where."""


def record(joined: Joined) -> Recorded:
    """Return what visits commit."""

    async def live() -> Recorded:
        return [await joined.changes_of(visit) for visit in range(RECORDED)]

    return asyncio.run(live())


def measure_books(folder: Path, core: int, recorded: Recorded) -> Measured:
    """Measure the books alone; ``more`` is what a commit costs and how many share a flush."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    disk = Disk.under(folder, nodes=1)  # as each process of the chain chooses
    books = {node: SqliteBooks(folder / f"{node}.sqlite", disk) for node in {node for node, _ in recorded[0]}}
    try:
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        asyncio.run(replay(recorded, books))
        took_s, used_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
        commits = sum(each.stats.changes for each in books.values())
        flushes = sum(each.stats.batches for each in books.values())
    finally:
        for each in books.values():
            each.close()
        os.sched_setaffinity(0, allowed)
    more = {"commit_us": used_s / commits * 1e6, "group": commits / flushes}
    return Measured(RECORDED / took_s, used_s / RECORDED * 1e6, more)


async def replay(recorded: list[list[tuple[str, Change]]], books: dict[str, SqliteBooks]) -> None:
    """Commit visit by visit, ``IN_FLIGHT`` of them at once, each change after the one before."""
    waiting = iter(recorded)

    async def lane() -> None:
        for changes in waiting:
            for node, change in changes:
                await books[node].commit(change)

    await asyncio.gather(*(lane() for _ in range(IN_FLIGHT)))


# --- one node ---------------------------------------------------------------------------------------------------------


def measure_node(folder: Path, core: int, asked: list[m.Request]) -> Measured:
    """Measure the insured province alone, asked what the hub asked it; a visit at a time in each lane."""
    world = scenario({"care": ["33"], "hub": ["hub"], "insured": [INSURED]})
    visits = [asked[first : first + len(CODES)] for first in range(0, len(asked), len(CODES))]
    with (
        System(system_config(world), folder, core=core) as system,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        codec = NeighbourCodec(BusinessClock(world.horizon.start, world.scale.time))
        routes = {INSURED: system.address(INSURED, Entrance.NEIGHBOURS)}
        peers = HttpPeers(routes, codec, RunClock(system.epoch_ns), sender=HUB)

        async def live(requests: list[m.Request]) -> None:
            for request in requests:
                outcome = await peers.call(INSURED, request, TIMEOUT_US)
                if not isinstance(outcome, m.Answered) or outcome.reply.body is None:
                    raise SystemExit(f"{request.code} came back as {outcome}; the figures would mean nothing")

        async def live_all(some: list[list[m.Request]]) -> None:
            waiting = iter(some)

            async def lane() -> None:
                for requests in waiting:
                    await live(requests)

            await asyncio.gather(*(lane() for _ in range(IN_FLIGHT)))

        warm = len(visits) // 5
        runner.run(live_all(visits[:warm]))
        pid = system.pids()["insured"]
        before_s, began_s = cpu_s(pid), time.perf_counter()
        runner.run(live_all(visits[warm:]))
        done, took_s, used_s = len(visits) - warm, time.perf_counter() - began_s, cpu_s(pid) - before_s
        runner.run(close(peers))
    return Measured(done / took_s, used_s / done * 1e6, {})


# --- what is printed --------------------------------------------------------------------------------------------------


def main() -> None:
    """Measure and print."""
    system_core, generator_core = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, {generator_core})
    with tempfile.TemporaryDirectory(prefix=".benchmark-", dir=Path.cwd()) as name:
        folder = Path(name)
        facts = describe_machine(folder)
        chain = measure_chain(folder / "chain", {"care": ["33"], "hub": ["hub"], "insured": ["34"]}, system_core)
        single = measure_chain(folder / "single", {"all": list(NODES)}, system_core)
        constant = measure_constant(system_core)
        joined = Joined()
        recorded = record(joined)
        (folder / "books").mkdir()
        (folder / "rows").mkdir()
        books = measure_books(folder / "books", system_core, recorded)
        node = measure_node(folder / "node", system_core, joined.asked)
        own = [[(where, change) for where, change in changes if where == INSURED] for changes in recorded]
        rows = measure_books(folder / "rows", system_core, own)
    show(chain, single, constant, books, node, rows, facts=facts)


def show(*measured: Measured, facts: dict[str, str | int | float]) -> None:
    """Print the table and what a hop costs."""
    chain, single, _, books, node, rows = measured
    titles = (
        "whole chain, a process a node, one core",
        "whole chain, one process, one core",
        f"HTTP stack alone, a constant, {HOPS} a settlement",
        "books alone, the same rows",
        "insured province alone, asked over HTTP",
        "its rows alone",
    )
    python = versions()["python"]
    print(f"{facts['processor']}, Python {python}; flush of 4 KiB {facts['fsync_us']} us; {IN_FLIGHT} visits in flight")
    print(f"{'':46}{'settlements/s':>14}{'x chain':>9}{'CPU ms each':>13}{'x chain':>9}")
    for title, one in zip(titles, measured, strict=True):
        rates = f"{one.rate:14.0f}{one.rate / chain.rate:9.2f}"
        print(f"{title:46}{rates}{one.cpu_us / 1000:13.2f}{one.cpu_us / chain.cpu_us:9.2f}")
    hops = ", ".join(f"{name} {hop_us:.0f} us" for name, hop_us in chain.more.items())
    print(f"CPU a hop: {hops}; in one process {single.more['all']:.0f} us")
    print(f"a commit alone {books.more['commit_us']:.0f} us of CPU, {books.more['group']:.1f} commits a flush")
    print(
        f"one node settles durably at {node.rate / rows.rate:.2f} of the rate of its rows committed raw in groups, "
        f"for {node.cpu_us / rows.cpu_us:.1f} times their CPU"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--constant"]:
        serve_constant(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
