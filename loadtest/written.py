"""What hospitals send, as bytes: one request of HTTP with its headers, signed and sealed as the system wants it.

The same before a run, when a system of somebody else's is asked whether it is there, and in it. This module must never
import gevent, and never send anything.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from loadtest.inputs import Address, SystemFile, TargetFacts
from reference_impl.domain.failures import InputError
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import Outcome, Request
from reference_impl.server.traced import traceparent_line
from reference_impl.trust.gateway import GatewayKey, gateway_lines
from reference_impl.trust.holder import Holder, wall_ms
from reference_impl.trust.signing import Signed
from reference_impl.wire.answers import NOBODY_LISTENS_HEADER
from reference_impl.wire.speech import HospitalCodec, Speech

__all__ = ["METHOD", "SYNTHETIC_HEADER", "Destination", "Writer", "Written", "told_by"]

METHOD = "POST"
SYNTHETIC_HEADER = "X-Yidi-Synthetic"
"""Sent to systems that are not ours, beside the mark in every body: nobody was treated, nothing is owed."""
_VARIABLE = "env:"


class Destination(NamedTuple):
    """Where a node's requests go, and how they begin."""

    head: bytes
    address: Address
    path: str
    by_proxy: bool


class Written(NamedTuple):
    """A request to be sent, and what its answer is read by."""

    destination: Destination
    content: bytes
    codec: HospitalCodec
    signed: Signed | None
    request: Request


class Writer:
    """Writes the requests of a run's hospitals."""

    def __init__(self, system: SystemFile, speech: Speech, holder: Holder | None = None) -> None:
        """Write to ``system``; ``holder`` signs for its hospitals, where they sign.

        Raises:
            InputError: when an environment variable that a target names is not set.

        """
        self._system = system
        self._speech = speech
        self._holder = holder
        self._destinations: dict[tuple[NodeId, str], Destination] = {}
        target = system.target
        self._further = "" if target is None else _further_lines(target)
        self._gateway = None if target is None else _gateway_of(target)
        self._by_transaction = target is not None and target.by_transaction

    def written(self, node: NodeId, request: Request, *, now_us: int, patience_us: int) -> Written:
        """Return a request to ``node`` as it is sent now."""
        destination = self.destination(node, request.code)
        codec, holder = self._speech.codec(request, now_us), self._holder
        if holder is not None:
            request = holder.sealed(request)
        body = codec.encode_request(request, now_us)
        signed = None if holder is None else holder.sign((METHOD, destination.path), request, body, door=node)
        lines = "" if signed is None else signed.lines
        if self._gateway is not None:
            lines = gateway_lines(self._gateway, request.code, wall_ms())
        rest = (
            f"{lines}{traceparent_line()}X-Yidi-Msgid: {request.msgid}\r\nX-Yidi-Patience-Us: {patience_us}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode("ascii")
        return Written(destination, destination.head + rest + body, codec, signed, request)

    def believes(self, written: Written, status: int, headers: dict[str, str], content: bytes) -> bool:
        """Return whether an answer is that of whom was asked; our own proxy's note is one too, where it stands."""
        if written.signed is None or self._holder is None:
            return True
        if written.destination.by_proxy and NOBODY_LISTENS_HEADER in headers:
            return True
        return self._holder.believes(written.signed, status, headers, content)

    def read(self, written: Written, status: int, headers: dict[str, str], content: bytes) -> Outcome:
        """Return what an answer says.

        Raises:
            WireError: when it breaks the interface: its sender may have acted.

        """
        outcome = written.codec.decode_answer(status, headers, content, written.request.code)
        self._speech.heard(written.request, outcome)
        return outcome

    def destination(self, node: NodeId, code: str) -> Destination:
        """Return where requests of transaction ``code`` to ``node`` go."""
        key = node, code if self._by_transaction else ""
        known = self._destinations.get(key)
        if known is None:
            self._destinations[key] = known = self._found(*key)
        return known

    def _found(self, node: NodeId, code: str) -> Destination:
        address, target = self._system.address(node), self._system.target
        path = f"{address.path.rstrip('/')}/{code}" if code else address.path
        host = f"{address.host}:{address.port}" if target is None else target.hosts[node]
        head = f"{METHOD} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{self._further}"
        return Destination(head.encode("ascii"), address, path, self._system.is_by_proxy(node))


def told_by(value: str) -> str:
    """Return what a value of a target file stands for: itself, or an environment variable.

    Raises:
        InputError: when that is not set, or holds what no header can.

    """
    if not value.startswith(_VARIABLE):
        return value
    name = value.removeprefix(_VARIABLE)
    found = os.environ.get(name, "")
    if not found or not (found.isascii() and found.isprintable()):
        raise InputError(
            f"environment variable {name}, which the target file names: got "
            f"{'nothing' if not found else 'what no header can hold'}; expected printable ASCII; set it and run again"
        )
    return found


def _further_lines(target: TargetFacts) -> str:
    said = {SYNTHETIC_HEADER: "1"} | {name: told_by(value) for name, value in target.headers.items()}
    return "".join(f"{name}: {value}\r\n" for name, value in said.items())


def _gateway_of(target: TargetFacts) -> GatewayKey | None:
    facts = target.gateway
    return None if facts is None else GatewayKey(facts.family, facts.access_key, told_by(facts.secret))
