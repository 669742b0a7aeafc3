"""What a run folder tells the generator: ``scenario.json`` and ``system.json``.

One clear error when something is missing or is not what it should be. Safe to import anywhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
from pydantic import ValidationError

from reference_impl.domain.failures import InputError
from reference_impl.domain.nodes import HOSPITAL
from reference_impl.domain.unreadable import NO_JSON
from reference_impl.telemetry.options import TraceRules
from reference_impl.trust.families import Family
from scenarios.reading.loader import restore_scenario
from scenarios.schema import Scenario

SCENARIO_FILE = "scenario.json"
SYSTEM_FILE = "system.json"


class Address(NamedTuple):
    """Where a node is reached."""

    host: str
    port: int
    path: str


class NodeFacts(msgspec.Struct, frozen=True):
    """One node of the running system."""

    url: str
    pid: int = 0
    host: str = ""


class TrustFacts(msgspec.Struct, frozen=True):
    """By what the system knows hospitals, and the folder of their secrets."""

    family: Family
    keys: str
    window_ms: int
    sealed: bool
    mutual_tls: bool = False
    hospital_tls: bool = False


class GatewayFacts(msgspec.Struct, frozen=True):
    """By what a gateway knows who sends; the secret stands in the environment variable ``secret``."""

    family: Family
    access_key: str
    secret: str


class CertificateFacts(msgspec.Struct, frozen=True):
    """Whose certificates are believed, and what is shown; empty: the machine's own trust, and nothing."""

    authority: str = ""
    certificate: str = ""
    key: str = ""


class Caps(msgspec.Struct, frozen=True):
    """What a run against somebody else's system never goes beyond.

    ``rate`` are messages within one second, ``until_us`` is on the run's clock, and ``error_share`` is of the last
    answers that were waited for.
    """

    rate: int
    until_us: int
    error_share: float


class TargetFacts(msgspec.Struct, frozen=True):
    """What is otherwise when the system is not ours.

    ``hosts`` is what each node's requests name as their host, ``names`` what its certificate proves (none: without
    TLS). ``headers`` go with every request; a value ``env:NAME`` stands for that variable.
    """

    hosts: dict[str, str]
    names: dict[str, str]
    caps: Caps
    by_transaction: bool = False
    headers: dict[str, str] = {}
    certificates: CertificateFacts = CertificateFacts()
    gateway: GatewayFacts | None = None


class SystemFile(msgspec.Struct, frozen=True):
    """The running system, as its supervisor wrote it down.

    ``links`` holds the addresses that differ for one caller, because a fault proxy stands on the way:
    ``links["hospital"]["33"]`` is where hospitals reach province 33. ``generator_core`` is the generator's own core,
    which it shares with the processes ``generator_pids`` (the proxy), whose CPU therefore counts as its own.
    """

    epoch_monotonic_ns: int
    nodes: dict[str, NodeFacts]
    links: dict[str, dict[str, str]] = {}
    generator_core: int | None = None
    generator_pids: tuple[int, ...] = ()
    trust: TrustFacts | None = None
    traces: TraceRules | None = None
    target: TargetFacts | None = None
    """None where the system is the reference system, started for the run."""

    def is_by_proxy(self, callee: str, *, caller: str = HOSPITAL) -> bool:
        """Return whether our own proxy stands between ``caller`` and ``callee``."""
        return callee in self.links.get(caller, {})

    def address(self, callee: str, *, caller: str = HOSPITAL) -> Address:
        """Return where ``caller`` reaches the node ``callee``."""
        facts = self.nodes.get(callee)
        if facts is None:
            known = ", ".join(sorted(self.nodes))
            raise InputError(f"{SYSTEM_FILE} has no node {callee!r}; it has {known}")
        url = self.links.get(caller, {}).get(callee, facts.url)
        parts = urlsplit(url)
        if not parts.hostname or not parts.port:
            raise InputError(f"{SYSTEM_FILE}: node {callee!r} has url {url!r}; expected http(s)://HOST:PORT/PATH")
        return Address(parts.hostname, parts.port, parts.path or "/")


@dataclass(frozen=True, slots=True)
class Inputs:
    """A run folder, read."""

    folder: Path
    scenario: Scenario
    system: SystemFile


def read_inputs(folder: Path) -> Inputs:
    """Read a run folder."""
    scenario_path, system_path = folder / SCENARIO_FILE, folder / SYSTEM_FILE
    try:
        scenario = restore_scenario(json.loads(scenario_path.read_bytes()))
    except (OSError, ValueError, RecursionError, ValidationError) as error:
        raise InputError(f"cannot read {scenario_path}: {error}; expected a resolved scenario") from error
    try:
        system = msgspec.json.decode(system_path.read_bytes(), type=SystemFile)
    except (OSError, *NO_JSON) as error:
        raise InputError(f"cannot read {system_path}: {error}; expected what the supervisor wrote") from error
    return Inputs(folder, scenario, system)
