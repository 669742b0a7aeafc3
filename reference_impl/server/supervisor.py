"""Starts, stops and disturbs the reference system's processes, and knows their addresses.

Every host of the system is one process, all pinned to one core when asked. This module must never load what only a
host process needs (uvicorn, uvloop), and never leave a process behind.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from reference_impl.books.final import BooksError
from reference_impl.books.places import hold_server, make_all, serving_place
from reference_impl.books.postgresql.address import Server
from reference_impl.books.sqlite.place import SqlitePlace
from reference_impl.books.stated import Stated, Told
from reference_impl.domain.nodes import HUB
from reference_impl.protocol.door import DoorCommand
from reference_impl.server.closing import ClosedDay, ClosingOrder, DayClosing
from reference_impl.server.config import Entrance, HostConfig, Ports, SystemConfig, TrustConfig, write_config
from reference_impl.server.errors import StartError
from reference_impl.server.guardian import Guardian
from reference_impl.server.kept import hold_clock, kept_us
from reference_impl.server.process import ADDRESS, HostProcess, reserve_port
from reference_impl.telemetry.options import UNTOLD, Telemetry
from reference_impl.trust.authority import AUTHORITY_FILE, make_authority
from reference_impl.trust.keys import TOKEN_FILE, new_token, read_lines, read_token, write_private
from reference_impl.trust.making import HOSPITALS_FILE, new_lines, write_keys, write_node_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from reference_impl.books.final import FinalBooks
    from reference_impl.books.places import Place
    from reference_impl.protocol.records import Change
    from reference_impl.server.faults import FaultCommand
    from reference_impl.server.move_steps import MoveAction
    from reference_impl.trust.keys import KeyLine
    from reference_impl.trust.making import Registers

__all__ = ["System"]

READY_LIMIT_S = 30.0
STOP_LIMIT_S = 10.0
"""Longer than a host process takes for a clean stop."""
MOVE_LIMIT_S = 600.0
"""How long a step of a move may take before it is asked for again: verifying goes through every row."""
SHEET_LIMIT_S = 60.0
"""How long a node may take to close a day before it is asked again: its sheet goes through every settlement."""
_NS_PER_US = 1000


class System:
    """The hub and the provinces of a system as processes on this machine.

    Files go under ``folder``: ``system.json`` for the generator, ``hosts/`` (configurations and logs), ``books/``.
    """

    def __init__(
        self,
        config: SystemConfig,
        folder: Path,
        *,
        core: int | None = None,
        base_port: int | None = None,
        meter: bool = False,
        allow_broken: bool = False,
        server: Server | None = None,
        telemetry: Telemetry = UNTOLD,
    ) -> None:
        """Choose the addresses: free ports, or the ones from ``base_port`` up.

        The first books of each node are made on ``server``, or without one as files of the folder.

        With ``allow_broken`` the system serves with the nodes that can start, as long as one can; ``broken`` says why
        the others cannot. ``telemetry`` is how processes log and trace.

        Raises:
            StartError: when a port is in use.

        """
        self.config = config
        self.folder = folder
        self.keys = folder / "keys"
        """Where secrets stand, for their owner alone; part of no record."""
        self.epoch_ns = time.monotonic_ns()
        self.generator_core: int | None = None
        self.generator_pids: tuple[int, ...] = ()
        self._telling = threading.Lock()
        self._starting = threading.Lock()
        self.broken: dict[str, str] = {}
        self.traces = telemetry.traces
        self._server = server
        self._allow_broken = allow_broken
        self.guardian = Guardian()
        """Ends what it watches and still lives, when the system stops or this process ends without a word."""
        self._routes: dict[str, dict[str, str]] = {}
        self._processes: dict[str, HostProcess] = {}
        self._host_of: dict[str, str] = {}
        try:
            for place, (name, nodes) in enumerate(config.hosts.items()):
                first = None if base_port is None else base_port + place * len(Entrance)
                reserved = _reserve(first)
                hospitals, neighbours, operators = (each.getsockname()[1] for each in reserved)
                told = HostConfig(
                    host=name,
                    services=tuple(config.services[node] for node in nodes),
                    address=ADDRESS,
                    ports=Ports(hospitals=hospitals, neighbours=neighbours, operators=operators),
                    epoch_ns=self.epoch_ns,
                    starts_at=config.starts_at,
                    time_scale=config.time_scale,
                    books=str(folder / "books"),
                    routes={},
                    core=core,
                    meter=meter,
                    committing=config.committing,
                    trust=self._trust(),
                    log=telemetry.log,
                    traces=telemetry.traces,
                )
                self._processes[name] = HostProcess(told, reserved, folder / "hosts")
                self._host_of.update(dict.fromkeys(nodes, name))
        except BaseException:
            self._release()
            raise

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        """Stop."""
        self.stop()

    # --- before the start ---

    def route(self, caller: str, callee: str, address: str) -> None:
        """Let ``caller`` reach ``callee`` at another ``host:port``, where a fault proxy stands."""
        self._routes.setdefault(caller, {})[callee] = address

    def fill(self, changes: Iterable[tuple[str, Change]]) -> None:
        """Write what the nodes' books hold before the run: the stays already open."""
        by_node: dict[str, list[Change]] = {}
        for node, change in changes:
            by_node.setdefault(node, []).append(change)
        try:
            hold_server(self.folder / "books", self._server, self._host_of)
            make_all(self.place_of(node) for node in self._host_of)
            for node, wanted in by_node.items():
                self.place_of(node).fill(wanted)
        except BaseException:
            self._release()
            raise

    # --- the life of the system ---

    def start(self, ready_limit_s: float = READY_LIMIT_S) -> None:
        """Start every process and return when all are ready.

        Raises:
            StartError: when one cannot start or is not ready in time, or a node of it cannot serve (the others are
                stopped again), or the books were made under another clock. With ``allow_broken`` only when none of the
                nodes can serve.

        """
        hosts = self.folder / "hosts"
        hosts.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / "books").mkdir(mode=0o700, exist_ok=True)
        try:
            self._make_keys()
            hold_clock(self.folder / "books", self.config.starts_at, self.config.time_scale)
            hold_server(self.folder / "books", self._server, self._host_of)
            self._make_ready()
            self._go_on_in_time()
            for process in self._processes.values():
                self._spawn(process)
            deadline_s = time.monotonic() + ready_limit_s
            for process in self._processes.values():
                self._wait_for(process, deadline_s)
            if len(self.broken) == len(self._host_of):
                raise StartError(f"no node can serve: {'; '.join(dict.fromkeys(self.broken.values()))}")
        except BaseException:
            self.stop()
            raise
        self.write_facts()

    def stop(self) -> None:
        """Stop every process cleanly; one that does not stop in time is killed."""
        for process in self._processes.values():
            process.thaw()
            process.signal(signal.SIGTERM)
        deadline_s = time.monotonic() + STOP_LIMIT_S
        for process in self._processes.values():
            if not process.reap(max(0.1, deadline_s - time.monotonic())):
                process.signal(signal.SIGKILL)
                process.reap(STOP_LIMIT_S)
        self.guardian.dismiss()
        self._release()

    def ended(self) -> tuple[str, ...]:
        """Return the processes that ended by themselves or were killed, with their last words."""
        return tuple(
            f"{name}: {process.last_words()}" for name, process in self._processes.items() if not process.running
        )

    def set_epoch(self, epoch_ns: int) -> None:
        """Set the run's zero for every process, also after a restart."""
        self.epoch_ns = epoch_ns
        for process in self._processes.values():
            self._configure(process)
            if process.running:
                process.ask("POST", "epoch", {"epoch_ns": epoch_ns})
        self.write_facts()

    # --- what befalls single nodes ---

    def freeze(self, node: str) -> None:
        """Stop the node's process where it stands."""
        process = self._process(node)
        process.signal(signal.SIGSTOP)
        process.frozen = True

    def thaw(self, node: str) -> None:
        """Let a frozen process go on."""
        self._process(node).thaw()

    def kill(self, node: str) -> None:
        """End the node's process at once; callers are refused from now on."""
        process = self._process(node)
        process.signal(signal.SIGKILL)
        process.reap(STOP_LIMIT_S)
        process.frozen = False

    def restart(self, node: str, ready_limit_s: float = READY_LIMIT_S) -> None:
        """Start the node's process again on its books, and return when it is ready.

        Threads may want it at once, each for what befell the node: one starts it, and to the others it runs.

        Raises:
            StartError: when it cannot start or is not ready in time.

        """
        process = self._process(node)
        with self._starting:
            if process.running:
                return
            self._spawn(process)
        try:
            self._wait_for(process, time.monotonic() + ready_limit_s)
        except StartError:  # it would answer that it cannot serve, and no next try would find it dead
            self.kill(node)
            raise
        finally:
            self.write_facts()

    def door(self, node: str, command: DoorCommand) -> None:
        """Have the node move a door."""
        self._process(node).ask("POST", "door", {"node": node, "command": command})

    def doors(self, node: str) -> tuple[DoorCommand, ...]:
        """Return the door commands that the node keeps to."""
        return msgspec.convert(self._process(node).ask("GET", "doors")[node], tuple[DoorCommand, ...])

    def move(self, node: str, action: MoveAction, rows_per_s: int = 0, told: Told | None = None, to: str = "") -> Any:
        """Have the node do a step of the move of its books, and return how far that has come.

        A verification goes by the neighbours' account ``told`` too; a move that begins may go ``to`` a server.

        Raises:
            CommandError: when it is not the time for that step.

        """
        order = {"node": node, "action": action, "rows_per_s": rows_per_s, "told": told, "to": to}
        return self._process(node).ask("POST", "move", order, timeout_s=MOVE_LIMIT_S)

    def move_status(self, node: str) -> Any:
        """Return how far the move of the node's books has come."""
        return self._process(node).ask("GET", "moves")[node]

    def settlements(self, node: str, by: str = "") -> list[Stated]:
        """Return the settlements that the node's books state: those that ``by`` answered it, or all."""
        said = self._process(node).ask("POST", "settlements", {"node": node, "by": by}, timeout_s=MOVE_LIMIT_S)
        return msgspec.convert(said, list[Stated])

    def numbers(self, node: str, scope: str, at_us: int | None) -> None:
        """Have the node give the new numbers of a scope at another time than was planned; None is never."""
        self._process(node).ask("POST", "numbers", {"node": node, "scope": scope, "at_us": at_us})

    def close_day(self, node: str, closed: ClosedDay) -> DayClosing:
        """Have the node close a business day; return its sheet, or what it waits for.

        Raises:
            CommandError: when the node insures nobody, or cannot write the day down.

        """
        said = self._process(node).ask("POST", "closing", ClosingOrder(node, closed), timeout_s=SHEET_LIMIT_S)
        return msgspec.convert(said, DayClosing)

    def operate(self, node: str, verb: str, command: str) -> Any:
        """Return what the node's process says to an operator's command that needs nothing said."""
        return self._process(node).ask(verb, command)

    def in_flight(self, node: str) -> Any:
        """Return what the node has under way."""
        return self._process(node).ask("GET", "inflight")[node]

    def fault(self, command: FaultCommand) -> None:
        """Switch a fault of a running node on or off."""
        self._process(command.node).ask("POST", "fault", command)

    # --- what is known of it ---

    def address(self, node: str, entrance: Entrance = Entrance.HOSPITALS) -> str:
        """Return ``host:port`` of the node's process, as those who come in there reach it."""
        return self._process(node).place(entrance)

    def url(self, node: str) -> str:
        """Return where hospitals post a province's messages; the hub's, which has no hospitals, its neighbours'."""
        entrance = Entrance.NEIGHBOURS if node == HUB else Entrance.HOSPITALS
        return f"{self.scheme(entrance)}://{self.address(node, entrance)}/{node}"

    def scheme(self, entrance: Entrance) -> str:
        """Return what is spoken at an entrance: ``https`` where it is secured."""
        trust = self.config.trust
        secured = trust is not None and (
            (trust.mutual_tls and entrance is Entrance.NEIGHBOURS)
            or (trust.hospital_tls and entrance is Entrance.HOSPITALS)
        )
        return "https" if secured else "http"

    def pid(self, node: str) -> int:
        """Return the process id of the node's process."""
        return self._process(node).pid

    def pids(self) -> dict[str, int]:
        """Return the process ids by host."""
        return {name: process.pid for name, process in self._processes.items()}

    def stats(self) -> dict[str, Any]:
        """Return the figures of every process that answers, by host."""
        found: dict[str, Any] = {}
        for name, process in self._processes.items():
            if process.running and not process.frozen:
                with contextlib.suppress(OSError):  # killed or frozen between the question and the answer
                    found[name] = process.ask("GET", "stats")
        return found

    def meters(self, *, reset: bool = False) -> dict[str, Any]:
        """Return what every process has metered, by host, or reset the meters."""
        verb = "POST" if reset else "GET"
        return {name: process.ask(verb, "meter") for name, process in self._processes.items()}

    def books_path(self, node: str) -> Path:
        """Return the file of the node's books, where they lie in one.

        Raises:
            BooksError: when it cannot be read which they are.

        """
        place = self.place_of(node)
        assert isinstance(place, SqlitePlace)  # who asks for a file made a system of files
        return place.path

    def place_of(self, node: str) -> Place:
        """Return where the node's books lie: after a move, those that serve.

        Raises:
            BooksError: when it cannot be read which they are.

        """
        return serving_place(self.folder / "books", node)

    def final_books(self) -> dict[str, FinalBooks]:
        """Return the books of every node; the system must be stopped, and its ports are free afterwards."""
        self._release()
        return {node: self.place_of(node).read_final() for node in self._host_of}

    def write_facts(self) -> None:
        """Write ``system.json``, which tells the generator where everything is."""
        facts = {
            "epoch_monotonic_ns": self.epoch_ns,
            "nodes": {
                node: {
                    "url": self.url(node),
                    "operators": self.address(node, Entrance.OPERATORS),
                    "pid": self.pid(node),
                    "host": host,
                }
                for node, host in self._host_of.items()
            },
            "links": {
                caller: {callee: f"http://{place}/{callee}" for callee, place in ways.items()}
                for caller, ways in self._routes.items()
            },
            "generator_core": self.generator_core,
            "generator_pids": self.generator_pids,
            "trust": self._trust(),
            "traces": self.traces,
        }
        with self._telling:  # two processes may come back at once
            partial = self.folder / "system.json.partial"
            partial.write_bytes(msgspec.json.format(msgspec.json.encode(facts)))
            partial.replace(self.folder / "system.json")

    def rotate(self, change: Callable[[list[KeyLine]], list[KeyLine]]) -> None:
        """Change the keys of hospitals while the system serves: insurers know of it before anybody signs so."""
        lines = change(list(read_lines(self.keys / HOSPITALS_FILE)))
        write_keys(self.keys, lines, self._registers())
        self._have_keys_read()

    def revoke_at_nodes(self, is_revoked: Callable[[KeyLine], bool]) -> None:
        """Revoke keys while hospitals still go by them; whatever was so revoked before, and is not now, holds again."""
        lines = read_lines(self.keys / HOSPITALS_FILE)
        told = [msgspec.structs.replace(line, revoked=line.revoked or is_revoked(line)) for line in lines]
        write_node_keys(self.keys, told, self._registers())
        self._have_keys_read()

    def _have_keys_read(self) -> None:
        for process in self._processes.values():
            if process.running:
                process.ask("POST", "keys")

    # --- inside ---

    def _trust(self) -> TrustConfig | None:
        rules = self.config.trust
        if rules is None:
            return None
        return TrustConfig(
            family=rules.family,
            window_ms=rules.window_ms,
            sealed=rules.sealed,
            mutual_tls=rules.mutual_tls,
            hospital_tls=rules.hospital_tls,
            keys=str(self.keys.absolute()),
        )

    def _registers(self) -> Registers:
        return {node: [one.code for one in told.institutions] for node, told in self.config.services.items()}

    def _make_keys(self) -> None:
        """Make keys, certificates and a token where they are wanted and nobody brought any."""
        trust = self.config.trust
        if trust is None:
            return
        if not (self.keys / HOSPITALS_FILE).exists():
            write_keys(self.keys, new_lines(self._registers()), self._registers())
        if trust.with_certificates and not (self.keys / AUTHORITY_FILE).exists():
            make_authority(self.keys, self.config.hosts)
        token_file = self.keys / TOKEN_FILE
        if not token_file.exists():
            write_private(token_file, new_token())
        for process in self._processes.values():
            process.token = read_token(token_file).decode("ascii")

    def _make_ready(self) -> None:
        """Make new books and migrate old ones here, once, before many processes would; those that fail say so there."""
        for node in self._host_of:
            try:
                self.place_of(node).make_ready()
            except BooksError:
                if not self._allow_broken:
                    raise

    def _go_on_in_time(self) -> None:
        """Let time go on where it had come to (G8): a stop is no time at all, and nothing runs backwards.

        Books from before time was kept say by their latest moment where that was.
        """
        latest_us = kept_us(self.folder / "books")
        for node in self._host_of:
            try:
                latest_us = max(latest_us, self.place_of(node).latest_us() or 0)
            except BooksError:
                if not self._allow_broken:
                    raise
        if latest_us > 0:  # what books hold before a run is from before its zero
            self.epoch_ns = min(self.epoch_ns, time.monotonic_ns() - (latest_us + 1) * _NS_PER_US)

    def _wait_for(self, process: HostProcess, deadline_s: float) -> None:
        nodes = self.config.hosts[process.config.host]
        try:
            broken = process.wait_ready(deadline_s)
        except StartError as error:
            if not self._allow_broken:
                raise
            broken = dict.fromkeys(nodes, str(error))
        if broken and not self._allow_broken:
            raise StartError("; ".join(f"node {node} cannot serve: {why}" for node, why in broken.items()))
        self.broken = {node: why for node, why in self.broken.items() if node not in nodes} | broken

    def _process(self, node: str) -> HostProcess:
        host = self._host_of.get(node)
        if host is None:
            raise KeyError(f"no node {node!r} in this system; it has {', '.join(self._host_of)}")
        return self._processes[host]

    def _spawn(self, process: HostProcess) -> None:
        self._configure(process)
        process.frozen = False
        process.spawn()
        self.guardian.watch(process.pid)

    def _configure(self, process: HostProcess) -> None:
        """Write the process's configuration: what it is told at its next start."""
        addresses = {node: self.address(node, Entrance.NEIGHBOURS) for node in self._host_of}
        routes = {node: addresses | self._routes.get(node, {}) for node in self.config.hosts[process.config.host]}
        process.config = msgspec.structs.replace(process.config, epoch_ns=self.epoch_ns, routes=routes)
        write_config(process.config_path, process.config)

    def _release(self) -> None:
        for process in self._processes.values():
            process.release()


def _reserve(first: int | None) -> tuple[socket.socket, ...]:
    """Return a reserved port for each entrance: free ones, or those from ``first`` up."""
    reserved: list[socket.socket] = []
    try:
        reserved.extend(reserve_port(0 if first is None else first + place) for place in range(len(Entrance)))
    except BaseException:
        for each in reserved:
            each.close()
        raise
    return tuple(reserved)
