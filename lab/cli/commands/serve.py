"""``yidi serve``: the reference system in the foreground, until Ctrl-C or SIGTERM.

A process that ends by itself is started again on its books; a node that cannot serve stops no other. This module must
never leave a process behind.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lab.cli import console
from lab.cli.interrupts import told_to_stop
from lab.worlds.alone import EVERYTHING, Alone
from reference_impl.books.final import BooksError
from reference_impl.books.places import read_server
from reference_impl.books.postgresql.address import Server, is_address
from reference_impl.domain.failures import InputError
from reference_impl.domain.nodes import HUB
from reference_impl.server.config import Entrance
from reference_impl.server.supervisor import System
from reference_impl.staging.build import system_config
from reference_impl.telemetry.export import must_be_possible
from reference_impl.telemetry.log import configure, say
from reference_impl.telemetry.options import UNTOLD, Telemetry

if TYPE_CHECKING:
    from scenarios.schema import Scenario

LOOK_EVERY_S = 0.5
LONGEST_WAIT_S = 60.0


class Served(NamedTuple):
    """What may be said beside the scenario.

    ``books`` is a folder or the address of a server, and ``beside`` the folder of what is kept beside a server's books.
    ``alone`` says which nodes are served, and where the others are.
    """

    books: str | None = None
    beside: Path | None = None
    base_port: int | None = None
    telemetry: Telemetry = UNTOLD
    alone: Alone = EVERYTHING


def serve(scenario: Scenario, asked: Served, *, as_json: bool) -> None:
    """Start the hub and the provinces, print their addresses, say when they are ready, and wait to be stopped.

    Raises:
        InputError: when a folder or the address cannot be used.

    """
    books, beside = asked.books, asked.beside
    configure(asked.telemetry.log)
    must_be_possible(asked.telemetry.traces, os.environ)
    config = asked.alone.narrowed(system_config(scenario))
    server = Server.read(books) if books is not None and is_address(books) else None
    if server is None and books is not None and beside is not None:
        raise InputError(
            f"--books {books} and --folder {beside} are two folders; --folder goes with a server's address"
        )
    default = Path("runs") / f"{scenario.name}-serve"
    folder = beside or (Path(books) if books is not None and server is None else default)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make {folder}: {error.strerror}; choose another folder with --books") from error
    system = System(
        config,
        folder,
        base_port=asked.base_port,
        allow_broken=True,
        server=server,
        telemetry=asked.telemetry,
    )
    nodes = [node for served in config.hosts.values() for node in served]
    for other, address in asked.alone.elsewhere.items():
        for node in nodes:
            system.route(node, other, address)
    try:
        with told_to_stop() as over, system:
            _announce(system, scenario, folder, as_json=as_json)
            again = _StartAgain(system)
            while not over.wait(LOOK_EVERY_S):
                again.look()
    except BooksError as error:
        raise InputError(str(error)) from error
    if not as_json:
        console.say("stopped")


def _announce(system: System, scenario: Scenario, folder: Path, *, as_json: bool) -> None:
    served = {node for nodes in system.config.hosts.values() for node in nodes}
    nodes = {node: _addresses(system, node) for node in scenario.topology.nodes() if node in served}
    server = read_server(folder / "books")
    if as_json:
        found = {node: {"url": system.url(node), "pid": system.pid(node), **ways} for node, ways in nodes.items()}
        console.say_json(
            {
                "ready": not system.broken,
                "broken": system.broken,
                "books": str(folder / "books"),
                "server": "" if server is None else server.address,
                "nodes": found,
            }
        )
        console.out.file.flush()
        return
    rows = [[node, *ways.values(), str(system.pid(node))] for node, ways in nodes.items()]
    console.table(["node", *(entrance.value for entrance in Entrance), "process"], rows, words=len(Entrance) + 1)
    beside = "" if server is None else f", those of new nodes at {server.address}"
    console.say(f"books in {folder / 'books'}{beside}")
    if scenario.trust is not None:
        console.say(f"keys of hospitals and nodes, and the operators' token, in {system.keys}")
    for node, why in system.broken.items():
        say("node.broken", node=node, why=why)
    console.say("ready; Ctrl-C stops")


def _addresses(system: System, node: str) -> dict[str, str]:
    """Return where each kind of caller reaches the node; no hospital reaches the hub."""
    addresses = {
        entrance.value: f"{system.scheme(entrance)}://{system.address(node, entrance)}/{node}" for entrance in Entrance
    }
    addresses[Entrance.OPERATORS] = f"http://{system.address(node, Entrance.OPERATORS)}"
    if node == HUB:
        addresses[Entrance.HOSPITALS] = ""
    return addresses


class _StartAgain:
    """Starts what ended by itself again on its books; what ends again and again waits longer each time."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._hosts = system.config.hosts
        self._waits_s: dict[str, float] = {}
        self._due_s: dict[str, float] = {}

    def look(self) -> None:
        """Start each ended process again whose time has come."""
        now_s = time.monotonic()
        for words in self._system.ended():
            host, _, why = words.partition(": ")
            if now_s < self._due_s.get(host, 0.0):
                continue
            wait_s = self._waits_s[host] = min(2 * self._waits_s.get(host, LOOK_EVERY_S), LONGEST_WAIT_S)
            self._due_s[host] = now_s + wait_s
            say("process.ended", process=host, why=why)
            self._system.restart(self._hosts[host][0])
