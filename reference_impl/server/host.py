"""One host process: opens the books of its nodes, serves them over HTTP, drives what a crash left open, stops cleanly.

SIGTERM, SIGINT, the operator's ``stop`` and the end of the parent process all stop it: no new connections, what is in
work is finished within a bound, and what is not stays an open intent in the books. It must never answer before its
books are open.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from ssl import SSLContext
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard, cast

import uvicorn
import uvloop

from reference_impl.books.final import BooksError
from reference_impl.books.losing import LosingBooks, LostCommits
from reference_impl.books.places import serving_place
from reference_impl.books.sqlite.disk import Disk
from reference_impl.domain.nodes import HUB
from reference_impl.domain.telling import told
from reference_impl.protocol.ports import NodePorts
from reference_impl.server.app import NO_PROOFS, App, Proofs
from reference_impl.server.config import ConfigError, Entrance, HostConfig, HttpBounds, ServiceConfig, TrustConfig
from reference_impl.server.gate import HospitalGate
from reference_impl.server.held import HeldBooks
from reference_impl.server.http import serving
from reference_impl.server.kept import KeptClock
from reference_impl.server.meter import Meter
from reference_impl.server.moving import Move
from reference_impl.server.node import BrokenNode, ServedNode
from reference_impl.server.operator import Operator
from reference_impl.server.peers import HttpPeers
from reference_impl.server.ports import AsyncioTasks
from reference_impl.server.running import Running
from reference_impl.server.tls import for_callers, for_calls, for_hospitals
from reference_impl.server.uploads import filings_in
from reference_impl.telemetry.export import carried
from reference_impl.telemetry.log import configure, say
from reference_impl.telemetry.options import TelemetryError
from reference_impl.trust.errors import TrustError
from reference_impl.trust.keys import TOKEN_FILE, read_token
from reference_impl.trust.seals import reader_of
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.codecs import Codecs

if TYPE_CHECKING:
    from reference_impl.protocol.ports import Books, SealReader

__all__ = ["run_host"]

STOPPING_S = 5
"""How long a clean stop waits for the messages in work; the rest are open intents."""
KEEP_ALIVE_S = 3600
"""Idle connections are kept longer than any neighbour keeps them: a closing that crosses a request is an unknown."""
BACKLOG = 2048
_US_PER_S = 1_000_000
GC_THRESHOLDS = (20_000, 20, 20)
"""Messages make next to no cycles: looking for them at every 700th object costs some per cent of the processor."""


class _Secured(NamedTuple):
    """A port at which TLS is spoken, and how."""

    port: int
    tls: SSLContext
    handshake_us: int
    """How long a caller may take to begin."""


class _Server(uvicorn.Server):
    """Uvicorn without its own signals: it would raise them again after a clean stop; and with TLS on some sockets."""

    def __init__(self, config: uvicorn.Config, secured: Sequence[_Secured]) -> None:
        super().__init__(config)
        self._secured = {one.port: one for one in secured}

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen: at the ports that are secured with TLS, at the others without."""
        with_tls = [each for each in sockets or [] if each.getsockname()[1] in self._secured]
        await super().startup([each for each in sockets or [] if each not in with_tls])
        loop, config = asyncio.get_running_loop(), self.config
        protocol: Any = partial(
            config.http_protocol_class, config=config, server_state=self.server_state, app_state=self.lifespan.state
        )
        for each in with_tls:
            secured = self._secured[each.getsockname()[1]]
            server = await loop.create_server(
                protocol,
                sock=each,
                ssl=secured.tls,
                ssl_handshake_timeout=secured.handshake_us / _US_PER_S,
                backlog=config.backlog,
            )
            self.servers.append(server)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    def stop(self) -> None:
        """End the process once what is in work is done."""
        self.should_exit = True


class Host:
    """What one process holds open."""

    def __init__(self, config: HostConfig) -> None:
        """Hold nothing open yet of what ``config`` says."""
        self._config = config
        self.clock = KeptClock(config.epoch_ns, Path(config.books), config.host)
        self.tasks = AsyncioTasks()
        self.meter = Meter() if config.meter else None
        self.spans, self._carrier = (
            (None, None) if config.traces is None else carried(config.traces, config.host, os.environ)
        )
        self.books: dict[str, HeldBooks] = {}
        self.moves: dict[str, Move] = {}
        self.peers: dict[str, HttpPeers] = {}
        self.nodes: dict[str, ServedNode] = {}
        self.broken: dict[str, BrokenNode] = {}
        self._services: dict[str, ServiceConfig] = {service.node.node: service for service in config.services}
        self._disk = Disk.under(Path(config.books), nodes=len(config.services), asked=config.committing)
        self._codecs = Codecs.at(BusinessClock(config.starts_at, config.time_scale))
        self.gate = None if config.trust is None else HospitalGate(config.trust, config.services)
        self._tls = for_calls(Path(config.trust.keys), config.host) if _is_secured(config.trust) else None
        self._sealed = config.trust is not None and config.trust.sealed

    async def open(self) -> None:
        """Open the books and build the nodes; a node whose books cannot be opened is broken."""
        for name, service in self._services.items():
            try:
                self.nodes[name] = await self._opened(service)
            except BooksError as error:
                self._break(name, error)

    def _break(self, name: str, error: BooksError) -> None:
        """Let a node answer why it cannot serve; the others go on."""
        say("node.broken", node=name, why=told(error))
        self.nodes.pop(name, None)
        self.broken[name] = BrokenNode(self._services[name], str(error), codecs=self._codecs, clock=self.clock)

    async def _opened(self, service: ServiceConfig) -> ServedNode:
        name, folder, config = service.node.node, Path(self._config.books), self._config
        place = serving_place(folder, name)
        opened = await place.open(self._disk)
        books = self.books[name] = HeldBooks(place, opened)
        if self.meter is not None:
            books.watch(self.meter.watch(name))
        written: Books = LosingBooks(books, LostCommits(service.losses), self.clock) if service.losses else books
        peers = HttpPeers(config.routes.get(name, {}), self._codecs.neighbours, self.clock, sender=name, tls=self._tls)
        self.peers[name] = peers
        node = ServedNode(
            service,
            NodePorts(self.clock, peers, written, self.tasks, self._seals(name)),
            codecs=self._codecs,
            beside=folder / name,
            meter=self.meter,
            spans=self.spans,
            starts=opened.count_start(),
        )
        if node.uploads is not None:
            for record in await asyncio.to_thread(filings_in, place):
                node.uploads.note(record)
        self.moves[name] = Move(name, folder, books, self.clock, node.is_shut)
        return node

    def _seals(self, node: str) -> SealReader | None:
        return reader_of(self.gate.keys[node]) if self.gate is not None and self._sealed and node != HUB else None

    async def recover(self) -> None:
        """Start to drive every intent that a crash left open."""
        for name, node in tuple(self.nodes.items()):
            try:
                self.moves[name].resume()
                await node.recover()
            except BooksError as error:
                self._break(name, error)

    async def close(self) -> None:
        """Stop the work beside the messages and close everything; what is queued for the books is written."""
        await self.tasks.stop()
        for move in self.moves.values():
            await move.close()
        for peers in self.peers.values():
            peers.close()
        for books in self.books.values():
            await books.freeze()
            books.close()
        self.clock.give_back()
        if self._carrier is not None:
            self._carrier.stop()


def run_host(config: HostConfig) -> int:
    """Serve until told to stop; return the exit code: 0 after a clean stop, 2 when the process could not start."""
    configure(config.log)
    if config.core is not None:
        os.sched_setaffinity(0, {config.core})
    _allow_many_connections()
    try:
        with contextlib.ExitStack() as stack:
            listening = [stack.enter_context(_listen(config, entrance)) for entrance in Entrance]
            runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
            runner.run(_serve(config, listening))
    except (BooksError, ConfigError, TelemetryError, TrustError) as error:
        say("process.failed", why=str(error))
        return 2
    return 0


def _listen(config: HostConfig, entrance: Entrance) -> socket.socket:
    """Take the port of an entrance; callers are refused until the books are open and the server listens."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    port = config.ports.of(entrance)
    try:
        listening.bind((config.address, port))
    except OSError as error:
        listening.close()
        place = f"{config.address}:{port}"
        raise ConfigError(
            f"host {config.host!r} cannot listen on {place}: {os.strerror(error.errno or 0)}; choose other ports"
        ) from None
    return listening


async def _serve(config: HostConfig, listening: list[socket.socket]) -> None:
    host = Host(config)
    try:
        await host.open()
        operator = Operator(
            config.host,
            host.clock,
            Running(host.nodes, host.broken, host.moves, host.peers),
            tasks=host.tasks,
            stop=partial(os.kill, os.getpid(), signal.SIGTERM),
            meter=host.meter,
            gate=host.gate,
            spans=host.spans,
        )
        await host.recover()
        app = App(
            {**host.nodes, **host.broken},
            operator,
            host.meter,
            ports=config.ports,
            gate=host.gate,
            proofs=_proofs_for(config.trust),
            traces=host.spans is not None,
        )
        server = _Server(_settings(app, config.bounds), _secured_for(config))
        _stop_when_told(server, with_parent=config.stop_with_parent)
        operator.recovered = True
        gc.collect()
        gc.freeze()  # what is loaded now stays: the collector need not look at it again
        gc.set_threshold(*GC_THRESHOLDS)
        say("process.serving", process=config.host)
        await server.serve(sockets=listening)
        say("process.stopping", process=config.host)
    finally:
        await host.close()


def _is_secured(trust: TrustConfig | None) -> TypeGuard[TrustConfig]:
    return trust is not None and trust.mutual_tls


def _secured_for(config: HostConfig) -> list[_Secured]:
    """Return how neighbours and hospitals are taken in, where by TLS.

    Raises:
        TrustError: when certificates cannot be used.

    """
    trust, found = config.trust, list[_Secured]()
    if trust is None:
        return found
    keys, patience_us = Path(trust.keys), config.bounds.head_us
    if trust.mutual_tls:
        found.append(_Secured(config.ports.neighbours, for_callers(keys, config.host), patience_us))
    if trust.hospital_tls:
        found.append(_Secured(config.ports.hospitals, for_hospitals(keys, config.host), patience_us))
    return found


def _proofs_for(trust: TrustConfig | None) -> Proofs:
    """Return what neighbours and operators have to prove.

    Raises:
        TrustError: when the file of the token cannot be used.

    """
    if trust is None:
        return NO_PROOFS
    return Proofs(certificates=trust.mutual_tls, token=read_token(Path(trust.keys) / TOKEN_FILE))


def _settings(app: App, bounds: HttpBounds) -> uvicorn.Config:
    return uvicorn.Config(
        cast("Any", app),
        interface="asgi3",  # uvicorn never calls it: the protocol class does
        http=cast("Any", serving(app, bounds)),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOPPING_S,
        backlog=BACKLOG,
    )


def _stop_when_told(server: _Server, *, with_parent: bool) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    if with_parent:
        # The parent holds the other end of standard input, which ends with the parent, however that ends.
        parent = sys.stdin.fileno()

        def orphaned() -> None:
            loop.remove_reader(parent)
            server.stop()

        loop.add_reader(parent, orphaned)


def _allow_many_connections() -> None:
    """Raise the limit of descriptors as far as the system allows: every connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
