"""Committing in the loop's turn or beside it, on disks of different quickness: where the one begins to cost.

    PYTHONPATH=. python benchmarks/commit_in_turn.py

An insured province serves pharmacy visits in this process (1101, 2102; no HTTP), 32 of them at once, every commit on
disk before its answer. The disk is made slower by sleeping after each flush. Prints settlements a second for both ways,
and which of them a process would choose. About 20 seconds.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.settlements_per_second import Joined, keep_busy, scenario, settle
from reference_impl.books.sqlite.books import SqliteBooks
from reference_impl.books.sqlite.disk import Committing, Disk, choose_committing, measure_flush
from reference_impl.protocol import messages as m
from reference_impl.protocol.assembly import assemble
from reference_impl.protocol.ports import NodePorts
from reference_impl.server.ports import AsyncioTasks, RunClock
from reference_impl.staging.build import institutions_of, node_config
from scenarios.patients.places import Places

SECONDS = 1.5
ADDED_MS = (0.0, 0.5, 1.0, 2.0, 5.0, 20.0)
VISITS = 8000
INSURED = "34"


class Listening(Joined):
    """The whole chain in memory, which keeps what the insured province is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[m.Request] = []

    async def call(self, node: m.NodeId, request: m.Request, timeout_us: int) -> m.Outcome:
        """Hand a message on."""
        if node == INSURED:
            self.asked.append(request)
        return await super().call(node, request, timeout_us)

    async def asked_for(self, visits: int) -> list[tuple[m.Request, ...]]:
        """Return what the insured province is asked for each visit."""
        found: list[tuple[m.Request, ...]] = []
        for visit in range(visits):
            await settle(lambda request: self.call(m.NodeId("33"), request, 0), visit)
            found.append(tuple(self.asked))
            self.asked.clear()
        return found


def connections_of(added_s: float) -> type[sqlite3.Connection]:
    """Return connections on a disk whose every flush takes so much longer."""

    class OnSlowDisk(sqlite3.Connection):
        writes = False

        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            cursor = super().execute(sql, *parameters)
            if sql == "COMMIT" and self.writes:  # the end of a look flushes nothing
                time.sleep(added_s)
            self.writes = sql == "BEGIN IMMEDIATE" or (self.writes and sql != "COMMIT")
            return cursor

    return OnSlowDisk


def settlements_per_s(path: Path, disk: Disk, asked: list[tuple[m.Request, ...]]) -> float:
    """Return what an insured province settles a second with books on ``path``."""
    world = scenario({})
    books = SqliteBooks(path, disk)
    ports = NodePorts(RunClock(time.monotonic_ns()), Joined(), books, AsyncioTasks())
    node = assemble(node_config(world, INSURED, institutions_of(Places(world).hospitals)), ports)
    waiting = iter(asked)

    async def serve() -> None:
        for request in next(waiting):
            answer = await node.handle(request)
            if not isinstance(answer, m.Answered) or answer.reply.body is None:
                raise SystemExit(f"{request.code} came back as {answer}; the figures would mean nothing")

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            done, took_s = runner.run(keep_busy(serve, SECONDS))
    finally:
        books.close()
    return done / took_s


def main() -> None:
    """Measure and print."""
    plain = sqlite3.connect
    asked = asyncio.run(Listening().asked_for(VISITS))
    with tempfile.TemporaryDirectory(prefix=".benchmark-", dir=Path.cwd()) as name:
        own_us = measure_flush(Path(name))
        print(f"{'flush ms':>9}{'in the turn /s':>16}{'beside /s':>12}{'turn over beside':>18}  chosen")
        for added_ms in ADDED_MS:
            sqlite3.connect = partial(plain, factory=connections_of(added_ms / 1000)) if added_ms else plain
            flush_us = own_us + round(added_ms * 1000)
            turn, beside = (
                settlements_per_s(Path(name) / f"{way}-{added_ms}.sqlite", Disk(flush_us, way), asked)
                for way in Committing
            )
            chosen = choose_committing(flush_us, nodes=1).value
            print(f"{flush_us / 1000:9.2f}{turn:16.0f}{beside:12.0f}{turn / beside:18.2f}  {chosen}")


if __name__ == "__main__":
    main()
