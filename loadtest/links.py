"""The faulty links of a run: the proxy process that stands on them, and the routes that lead through it.

Used by the laboratory around ``reference_impl.server.supervisor.System``: started before the system, because a host is
told its routes at its start. It must never import gevent, and never leave the proxy running.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from loadtest.proxy import ProxiedLink, ProxyConfig
from reference_impl.domain.failures import FailedRunError
from reference_impl.domain.nodes import HOSPITAL
from reference_impl.server.config import Entrance
from reference_impl.server.supervisor import System
from reference_impl.staging.loss import Disturbance, FaultyLink, disturbances
from scenarios.schema import Scenario

CONFIG_FILE = "proxy.json"
_STOP_LIMIT_S = 5.0


class ProxyError(FailedRunError):
    """The fault proxy did not start."""


class FaultyLinks:
    """The proxy of one run; without faults on links there is none, and nothing is done."""

    def __init__(self, scenario: Scenario, system: System, folder: Path, *, core: int | None = None) -> None:
        """Take down which links need a proxy; ``core`` is the generator's, whose share the proxy's CPU counts to."""
        self._system = system
        self._faults = disturbances(scenario)
        self._path = folder / CONFIG_FILE
        self._process: subprocess.Popen[str] | None = None
        self.hits: Counter[int] = Counter()
        """How many crossings each fault lost or delayed, by its number; known once the proxy has stopped."""
        links = tuple(self._link(caller, callee) for caller, callee in faulty_links(scenario, self._faults))
        self._config = ProxyConfig(
            epoch_monotonic_ns=system.epoch_ns,
            seed=scenario.seed,
            links=links,
            faults=self._faults,
            core=core,
            stop_with_parent=True,
        )

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """Start the proxy and lead the routes through it.

        Raises:
            ProxyError: when it cannot start.

        """
        if not self._config.links:
            return
        self._write()
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "loadtest.proxy", str(self._path)],
            stdin=subprocess.PIPE,  # its end tells the proxy that we are gone
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is ours to hand on
        )
        said = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not said:
            self.stop()
            raise ProxyError(f"the fault proxy did not start on {self._path}; its last words are on standard error")
        for link, port in zip(self._config.links, json.loads(said)["ports"], strict=True):
            self._system.route(link.caller, link.callee, f"{link.host}:{port}")
        self._system.generator_pids = (*self._system.generator_pids, self._process.pid)

    def follow_epoch(self) -> None:
        """Tell the proxy that the run's zero was set anew."""
        self._config = msgspec.structs.replace(self._config, epoch_monotonic_ns=self._system.epoch_ns)
        if self._process is not None:
            self._write()
            self._process.send_signal(signal.SIGHUP)

    def stop(self) -> tuple[dict[str, Any], ...]:
        """Stop the proxy and return what it counted on each link."""
        process, self._process = self._process, None
        if process is None:
            return ()
        process.send_signal(signal.SIGTERM)
        try:
            said, _ = process.communicate(timeout=_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
        counted: tuple[dict[str, Any], ...] = tuple(json.loads(line) for line in said.splitlines())
        for link in counted:
            self.hits.update({int(number): int(count) for number, count in link["hits"]})
        return counted

    def _link(self, caller: str, callee: str) -> ProxiedLink:
        entrance = Entrance.HOSPITALS if caller == HOSPITAL else Entrance.NEIGHBOURS
        host, _, port = self._system.address(callee, entrance).rpartition(":")
        return ProxiedLink(caller=caller, callee=callee, port=0, upstream_host=host, upstream_port=int(port))

    def _write(self) -> None:
        partial = self._path.with_suffix(".partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(msgspec.json.encode(self._config))
        partial.replace(self._path)


def faulty_links(scenario: Scenario, faults: tuple[Disturbance, ...]) -> Iterator[tuple[str, str]]:
    """Return the (caller, callee) pairs of the scenario on which any fault lies."""
    for caller, callee in scenario.topology.ways():
        if not FaultyLink(scenario.seed, caller, callee, faults).sound:
            yield caller, callee
