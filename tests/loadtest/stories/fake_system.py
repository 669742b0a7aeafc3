"""A whole system in one gevent process: real roles on in-memory books behind a small HTTP server.

Also a program: ``python fake_system.py RUN_DIR`` serves the scenario of a run folder and writes its system.json.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import gevent
import httptools
import msgspec
from gevent import socket
from gevent.server import StreamServer

from loadtest.gevent_ports import GeventClock, GeventTasks, run_to_end
from reference_impl.books.memory import MemoryBooks
from reference_impl.domain.nodes import NodeId
from reference_impl.hospital.history import History
from reference_impl.protocol.assembly import assemble
from reference_impl.protocol.messages import Answered, Hop, Outcome, Request
from reference_impl.protocol.ports import NodePorts
from reference_impl.staging.build import institutions_of, node_config, stamps_of
from reference_impl.staging.opening import opening_changes
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.codec import Codec
from reference_impl.wire.speech import Speech
from scenarios.patients.places import Places
from scenarios.patients.visits import VisitPlan
from scenarios.reading.loader import restore_scenario
from scenarios.record.recorder import Recorder
from scenarios.schema import Scenario

Spoiler = Callable[[str, bytes, bytes], bytes | None]
"""Given node, request and good answer, what really goes back; None breaks the connection off."""


class _Peers:
    """The other nodes, called without a network."""

    def __init__(self, nodes: dict[str, Any]) -> None:
        self._nodes = nodes
        self.caller = ""

    async def call(self, node: NodeId, request: Request, timeout_us: int) -> Outcome:
        return await self._nodes[node].handle(request)


class FakeSystem:
    """Serves every node at ``/{node}`` of one port."""

    def __init__(self, scenario: Scenario, clock: GeventClock, *, spoil: Spoiler | None = None) -> None:
        self.clock = clock
        business = BusinessClock(scenario.horizon.start, scenario.scale.time)
        self.codec = Codec(business)
        self.speech = Speech((), business)
        self.books = {node: MemoryBooks() for node in scenario.topology.nodes()}
        self.nodes: dict[str, Any] = {}
        self.served: list[str] = []
        self._scenario = scenario
        self._spoil = spoil
        self._tasks = GeventTasks()
        institutions = institutions_of(Places(scenario).hospitals)
        for node in self.books:
            ports = NodePorts(clock, _Peers(self.nodes), self.books[node], self._tasks)
            self.nodes[node] = assemble(node_config(scenario, node, institutions), ports)
        self._server = StreamServer(("127.0.0.1", 0), self._serve)

    def admit_open_stays(self, plan: VisitPlan) -> None:
        history = History(Recorder(), stamps_of(self._scenario))
        for node, change in opening_changes([visit for visit in plan if visit.open_at_start], history):
            self.books[node].apply(change)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(timeout=0)
        self._tasks.kill()

    @property
    def urls(self) -> dict[str, dict[str, str]]:
        return {node: {"url": f"http://127.0.0.1:{self._server.server_port}/{node}"} for node in self.nodes}

    def _serve(self, connection: socket.socket, _: object) -> None:
        hearing = _Hearing()
        while block := _heard(connection):
            hearing.parser.feed_data(block)
            if hearing.whole:
                answer = self._answer(hearing.node, hearing.content)
                if answer is None:
                    connection.shutdown(socket.SHUT_RDWR)
                    return
                connection.sendall(answer)
                hearing = _Hearing()

    def _answer(self, node: str, content: bytes) -> bytes | None:
        came_us = self.clock.now_us()
        request = self.codec.decode_request(content, NodeId(""))
        request = msgspec.structs.replace(request, sender=request.institution)
        self.served.append(request.code)
        answer = run_to_end(self.nodes[node].handle(request))
        if isinstance(answer, Answered):
            answer = Answered(answer.reply, (Hop(NodeId(node), came_us, self.clock.now_us()), *answer.hops))
        wire = self.codec.encode_answer(request, answer, self.clock.now_us())
        head = "".join(f"{name}: {value}\r\n" for name, value in wire.headers.items())
        good = f"HTTP/1.1 {wire.status} X\r\n{head}content-length: {len(wire.body)}\r\n\r\n".encode() + wire.body
        return good if self._spoil is None else self._spoil(node, content, good)


def _heard(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except ConnectionResetError:
        return b""


class _Hearing:
    def __init__(self) -> None:
        self.node, self.content, self.whole = "", b"", False
        self.parser = httptools.HttpRequestParser(self)

    def on_url(self, url: bytes) -> None:
        self.node = url.decode().lstrip("/")

    def on_body(self, body: bytes) -> None:
        self.content += body

    def on_message_complete(self) -> None:
        self.whole = True


def main(folder: Path) -> None:
    """Serve until killed; the run begins one second after the system is ready."""
    from scenarios.patients.visits import plan_visits  # noqa: PLC0415 (only the program needs a plan)

    scenario = restore_scenario(json.loads((folder / "scenario.json").read_bytes()))
    epoch_ns = time.monotonic_ns() + 3_000_000_000
    with FakeSystem(scenario, GeventClock(epoch_ns)) as system:
        system.admit_open_stays(plan_visits(scenario))
        facts = {"epoch_monotonic_ns": epoch_ns, "nodes": system.urls}
        (folder / "system.json").write_text(json.dumps(facts))
        print("ready", flush=True)  # noqa: T201 (the test waits for it)
        gevent.sleep(60)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
