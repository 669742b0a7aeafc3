"""A target and how far it may be loaded: what is refused before anybody is called, and the facts that its run goes by.

A host is loaded when it is this machine, or when whoever asks says by name that it is theirs. Names are looked up here,
once: the run goes to the addresses that were found, whatever a name comes to mean later. This module must never
connect to anything.
"""

from __future__ import annotations

import ipaddress
import math
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lab.worlds.makes import expected_rate, makes_at_most
from loadtest.inputs import Caps, CertificateFacts, GatewayFacts, NodeFacts, SystemFile, TargetFacts, TrustFacts
from reference_impl.domain.failures import InputError
from reference_impl.domain.nodes import entry_node
from reference_impl.hospital.history import History
from reference_impl.staging.build import refuse_crowds, stamps_of
from reference_impl.staging.filings import filings_before
from reference_impl.staging.timetable import timetable
from reference_impl.trust.families import Family
from scenarios.patients.visits import VisitPlan, plan_visits
from scenarios.record.recorder import Recorder
from scenarios.schema.target import GatewaySignature, Target, YidiSignature
from scenarios.units import format_duration

if TYPE_CHECKING:
    from scenarios.schema import Scenario

__all__ = [
    "ERROR_SHARE",
    "LOOK_UP_S",
    "RATE",
    "UNTIL_US",
    "Aim",
    "entered",
    "facts_of",
    "refuse_unfit",
]

RATE, UNTIL_US, ERROR_SHARE = 100, 900_000_000, 0.5
"""What a target is loaded with at most unless somebody says otherwise. ASSUMED: enough to see something, soon over."""
LOOK_UP_S = 5.0
"""So long a name may take to be looked up."""
_SPARE = 4.0
"""So many standard deviations of a second's messages are asked for above their mean: chance must not end a run."""


@dataclass(frozen=True, slots=True)
class Aim:
    """A target, the file that describes it, and what was said beside it: who owns it, and the caps.

    ``rate`` are messages a second, ``until_us`` the run's length, ``error_share`` of the last outcomes.
    """

    target: Target
    file: Path
    owned: tuple[str, ...] = ()
    rate: int = RATE
    until_us: int = UNTIL_US
    error_share: float = ERROR_SHARE
    once: bool = False
    addresses: dict[str, str] = field(default_factory=dict[str, str])
    """What each host was found to be."""

    def beside(self, name: str) -> str:
        """Return the path of a file that the target file names: from its own folder on."""
        return str((self.file.parent / name).absolute())


def entered(scenario: Scenario, plan: VisitPlan) -> tuple[str, ...]:
    """Return the nodes that the hospitals of a plan send to."""
    relays = frozenset(scenario.topology.relays())
    used = {plan.hospitals[int(row)].region for row in np.unique(plan.columns.hospital)}
    return tuple(sorted({entry_node(region, relays) for region in used}))


def refuse_unfit(scenario: Scenario, aim: Aim, plan: VisitPlan | None = None) -> None:
    """Raise when a scenario cannot be asked of a target, or asks for more than the caps or this machine allow.

    Raises:
        InputError: with what to do.

    """
    refuse_crowds(scenario)
    plan = plan_visits(scenario) if plan is None else plan
    for wrong in (*_ours_alone(scenario, plan), *_unreached(scenario, aim, plan), *_beyond(scenario, aim, plan)):
        raise InputError(wrong)


def _ours_alone(scenario: Scenario, plan: VisitPlan) -> Iterator[str]:
    """Yield what of a scenario only the reference system's own processes and books can do."""
    faults = sorted({fault.kind for fault in scenario.faults})
    asked = [*(f"the fault {kind}" for kind in faults), *(f"the cutover {one.name!r}" for one in scenario.cutover)]
    if not asked and timetable(scenario):
        asked = ["closing or master_data"]
    if asked:
        yield (
            f"--target: {', '.join(asked)}: done to processes and doors of the reference system; expected a scenario "
            "in which nothing is done to a system that is not ours; take it out, or leave --target out"
        )
    history = History(Recorder(), stamps_of(scenario))
    if next(iter(filings_before(scenario, plan, history)), None) is not None:
        yield (
            "--target: filing: the reference system's books hold what people filed before the run, a target's do not; "
            "expected a scenario without 'filing'"
        )


def _unreached(scenario: Scenario, aim: Aim, plan: VisitPlan) -> Iterator[str]:
    target = aim.target
    missing = [node for node in entered(scenario, plan) if node not in target.nodes]
    if missing:
        yield (
            f"{aim.file}: no address of {', '.join(missing)}, where hospitals of {scenario.name} send; it has "
            f"{', '.join(target.nodes)}; add what is missing, or choose another scenario"
        )
    if target.neighbours:
        yield (
            f"{aim.file}: neighbours, where the hub sends: a run speaks for hospitals alone; expected a file without "
            "them, which are of 'yidi certify'"
        )
    asked, signature = scenario.trust, target.signature
    if asked is not None and not (isinstance(signature, YidiSignature) and signature.family == asked.headers):
        yield (
            f"{aim.file}: the scenario says that hospitals sign by trust.headers {asked.headers}; expected 'signature: "
            f"{{kind: yidi, family: {asked.headers}, keys: …}}', or --set trust=null"
        )
    hosts = {node.host for node in target.nodes.values()}
    for name in aim.owned:
        if name.lower() not in hosts:
            yield f"--i-own {name}: {aim.file} names no such host; it names {', '.join(sorted(hosts))}"


def _beyond(scenario: Scenario, aim: Aim, plan: VisitPlan) -> Iterator[str]:
    length_us = scenario.horizon.length
    if length_us > aim.until_us:
        yield (
            f"--max-duration {format_duration(aim.until_us)}: {scenario.name} lasts {format_duration(length_us)} on "
            "the run's clock; allow more, or shorten it with --set horizon.length=… or --set scale.time=…"
        )
    mean = expected_rate(scenario, plan)
    wanted = mean + _SPARE * math.sqrt(mean)
    if wanted > aim.rate:
        yield (
            f"--max-rate {aim.rate}: {scenario.name} sends about {mean:,.0f} messages a second at its busiest, more in "
            f"single seconds; allow {math.ceil(wanted):,}, or send fewer with --set scale.volume=…"
        )
    most = makes_at_most()
    if mean > most:
        yield (
            f"--target: {scenario.name} sends about {mean:,.0f} messages a second at its busiest, and one core of this "
            f"machine makes about {most:,.0f}; send fewer with --set scale.volume=…, or use a faster machine"
        )


# --- where it is ------------------------------------------------------------------------------------------------------


def facts_of(aim: Aim, nodes: tuple[str, ...]) -> SystemFile:
    """Return what the generator is told of a target, with the addresses that its names are now.

    Raises:
        InputError: when a host cannot be found, or is neither this machine nor said to be one's own.

    """
    target = aim.target
    found = {host: _address_of(host, aim) for host in sorted({target.nodes[node].host for node in nodes})}
    signature, tls = target.signature, target.tls
    return SystemFile(
        epoch_monotonic_ns=0,
        nodes={
            node: NodeFacts(url=f"http://{found[one.host]}:{one.port}{one.path}")
            for node, one in target.nodes.items()
            if node in nodes
        },
        trust=None if not isinstance(signature, YidiSignature) else _trust(aim, signature),
        target=TargetFacts(
            hosts={node: f"{target.nodes[node].host}:{target.nodes[node].port}" for node in nodes},
            names={node: one.name or one.host for node, one in target.nodes.items() if one.secured and node in nodes},
            caps=Caps(aim.rate, aim.until_us, aim.error_share),
            by_transaction=target.paths == "transaction",
            headers=target.headers,
            certificates=CertificateFacts()
            if tls is None
            else CertificateFacts(
                *("" if name is None else aim.beside(name) for name in (tls.authority, tls.certificate, tls.key))
            ),
            gateway=None
            if not isinstance(signature, GatewaySignature)
            else GatewayFacts(Family(signature.family), signature.access_key, signature.secret),
        ),
    )


def _trust(aim: Aim, signature: YidiSignature) -> TrustFacts:
    return TrustFacts(Family(signature.family), aim.beside(signature.keys), window_ms=0, sealed=signature.seals)


def _address_of(host: str, aim: Aim) -> str:
    addresses = _looked_up(host)
    if host in {name.lower() for name in aim.owned} or all(ipaddress.ip_address(one).is_loopback for one in addresses):
        return addresses[0]
    raise InputError(
        f"{aim.file}: host {host} ({', '.join(addresses)}) is not this machine; nobody loads a system that is not "
        f"theirs: expected a loopback address, or --i-own {host} from whoever answers for it"
    )


def _looked_up(host: str) -> list[str]:
    """Return the IPv4 addresses of a host; a resolver that does not answer is waited for so long and no longer."""
    found: list[str] = []
    said: list[OSError] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(answer[4][0]) for answer in answers))
        except OSError as error:
            said.append(error)

    asking = threading.Thread(target=ask, name=f"look up {host}", daemon=True)
    asking.start()
    asking.join(LOOK_UP_S)
    if not found:
        why = f"{said[0].strerror}" if said else f"no answer within {LOOK_UP_S:g} s"
        raise InputError(f"host {host} of the target has no IPv4 address: {why}; expected one; correct the name")
    return found
