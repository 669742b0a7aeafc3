"""The handshake with a target before it is loaded: every node answers one harmless question, as the interface says.

Who is asked for a person (1101) that does not exist writes nothing, and only a system that speaks the interface, knows
the keys and is open can answer. What is wrong is told in one sentence with what to do. Every wait is bounded. This
module must never follow where an answer points to.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, cast

from loadtest.secured import secured_for
from loadtest.signing import holder_for
from loadtest.written import Writer, Written
from reference_impl.domain import transactions as tx
from reference_impl.domain.failures import InputError
from reference_impl.domain.nodes import NodeId, entry_node
from reference_impl.domain.unheard import UNHEARD_REASONS, Unheard
from reference_impl.protocol.ids import message_id
from reference_impl.protocol.messages import Answered, FindPerson, PersonNo, Request
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.errors import WireError
from reference_impl.wire.speech import Speech
from reference_impl.wire.unheard import said_unheard
from scenarios.schema.spoken import dialects_of

if TYPE_CHECKING:
    from loadtest.inputs import Address, SystemFile
    from scenarios.patients.visits import PlannedVisit, VisitPlan
    from scenarios.schema import Scenario

__all__ = [
    "JUST_STARTED_S",
    "WAIT_S",
    "Heard",
    "HttpAnswer",
    "carried",
    "exchanged",
    "refuse_keyless",
    "refused",
    "shake_hands",
]

WAIT_S = 10.0
"""So long a node has for its answer, connecting and TLS in it."""
JUST_STARTED_S = 1.1
"""Whoever takes nothing signed before its own start takes nothing signed in the second of it, where times are of whole
seconds; so one that calls a question stale is asked once more, after that second. A wrong clock stays wrong."""
_AT_ONCE = 16
_BYTES_MAX = 1 << 20
_SHOWN = 60
_SEQUENCE = 9_999
_REDIRECTS = range(300, 400)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a node answered: nothing is refused, or the code by which it does not know this person."""

    node: str
    took_us: int
    refusal: str = ""


def refuse_keyless(scenario: Scenario, system: SystemFile, plan: VisitPlan) -> None:
    """Raise when an institution of a plan has no key to sign with.

    Raises:
        InputError: naming some of them.
        TrustError: when the file of keys cannot be used.

    """
    holder = holder_for(scenario, system)
    if holder is None:
        return
    codes = sorted({NodeId(plan.hospitals[int(row)].code) for row in plan.columns.hospital})
    missing = holder.missing(codes)
    if missing:
        assert system.trust is not None  # who holds keys has a folder of them
        raise InputError(
            f"{system.trust.keys}: no key of {len(missing)} of the {len(codes)} institutions, such as {missing[0]}; "
            "expected one for each; take the keys of the system that serves this scenario"
        )


def shake_hands(scenario: Scenario, system: SystemFile, plan: VisitPlan) -> tuple[Heard, ...]:
    """Ask every node of ``system`` at once and return what each answered.

    Raises:
        InputError: when one does not answer as the interface says, with what to do; so within twice ``WAIT_S``, and
            ``JUST_STARTED_S``, for each sixteen of them.

    """
    speech = Speech(dialects_of(scenario), BusinessClock(scenario.horizon.start, scenario.scale.time))
    writer = Writer(system, speech, holder_for(scenario, system))
    context, names = secured_for(system)
    visits = _first_visits(scenario, plan)

    def asked(node: NodeId) -> tuple[Written, HttpAnswer]:
        written = writer.written(node, _question(visits[node]), now_us=0, patience_us=int(WAIT_S * 1e6))
        try:
            return written, exchanged(written, context, names.get(node, ""))
        except (OSError, HTTPException, ValueError, OverflowError) as error:
            raise InputError(f"{_place(node, written, system)} {_why_not(error, secured=node in names)}") from error

    def ask(node: NodeId) -> Heard:
        began_ns = time.monotonic_ns()
        written, answer = asked(node)
        if said_unheard(answer.status, answer.content) == Unheard.STALE_TIME:
            time.sleep(JUST_STARTED_S)
            began_ns = time.monotonic_ns()
            written, answer = asked(node)
        refusal = _understood(_place(node, written, system), writer, written, answer)
        return Heard(node, (time.monotonic_ns() - began_ns) // 1000, refusal)

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="handshake") as pool:
        return tuple(pool.map(ask, map(NodeId, sorted(system.nodes))))


def _place(node: str, written: Written, system: SystemFile) -> str:
    assert system.target is not None  # nobody else is asked
    return f"target {node} at {system.target.hosts[node]}{written.destination.path}:"


def _first_visits(scenario: Scenario, plan: VisitPlan) -> dict[str, PlannedVisit]:
    """Return the first visit of every node that hospitals send to."""
    relays = frozenset(scenario.topology.relays())
    found: dict[str, PlannedVisit] = {}
    for visit in plan:
        found.setdefault(entry_node(visit.care_region, relays), visit)
    return found


def _question(visit: PlannedVisit) -> Request:
    """Return who a visit's person is, asked under a message id that no run makes: of this moment, the last of it."""
    institution = NodeId(visit.hospital.code)
    msgid = message_id(institution, f"{datetime.now(UTC):%Y%m%d%H%M%S}", _SEQUENCE)
    body = FindPerson(person=PersonNo(visit.person))
    return Request(tx.PERSON, msgid, institution, institution, visit.care_region, visit.insured_region, body)


# --- one question -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back: header names are in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes


class _Bounded(io.RawIOBase):
    """What comes over a socket until a moment, and no more than so many bytes."""

    def __init__(self, line: socket.socket, until_s: float) -> None:
        self._line = line
        self._until_s = until_s
        self._left = _BYTES_MAX

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._line.settimeout(left_s)
        got = self._line.recv_into(cast("bytearray", buffer))
        self._left -= got
        if self._left < 0:
            raise ValueError(f"answers with more than {_BYTES_MAX:,} bytes; expected a reply of the interface")
        return got


class _Line:
    """A socket as the parser of answers wants one."""

    def __init__(self, source: _Bounded) -> None:
        self._source = source

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(self._source)


def exchanged(written: Written, context: ssl.SSLContext | None, name: str) -> HttpAnswer:
    """Send one request by a connection of its own, secured where a certificate has to prove a ``name``.

    Raises:
        OSError: when nothing came within ``WAIT_S``, or the connection broke.
        HTTPException: when what came is no HTTP.
        ValueError: when it is more than a reply of the interface can be.

    """
    return carried(written.destination.address, written.content, context, name)


def carried(address: Address, content: bytes, context: ssl.SSLContext | None, name: str) -> HttpAnswer:
    """Send the bytes of one request, as ``exchanged`` does, and raise what that raises."""
    until_s = time.monotonic() + WAIT_S
    with socket.create_connection((address.host, address.port), timeout=WAIT_S) as plain:
        if context is None or not name:
            return _asked(plain, content, until_s)
        plain.settimeout(max(0.1, until_s - time.monotonic()))
        with context.wrap_socket(plain, server_hostname=name) as secured:
            return _asked(secured, content, until_s)


def _asked(line: socket.socket, content: bytes, until_s: float) -> HttpAnswer:
    line.settimeout(max(0.1, until_s - time.monotonic()))
    line.sendall(content)
    response = HTTPResponse(cast("socket.socket", _Line(_Bounded(line, until_s))), method="POST")
    response.begin()
    headers = {key.lower(): value for key, value in response.getheaders()}
    return HttpAnswer(response.status, headers, response.read(_BYTES_MAX + 1))  # whatever length it announces


def _understood(place: str, writer: Writer, written: Written, answer: HttpAnswer) -> str:
    """Return the refusal in an answer, empty for a yes.

    Raises:
        InputError: when it is no answer of the interface.

    """
    status = answer.status
    if status in _REDIRECTS:
        where = answer.headers.get("location", "nowhere")[:_SHOWN]
        raise InputError(
            f"{place} redirects to {where!r} (HTTP {status}), which is never followed; expected an answer; write the "
            "address that answers"
        )
    if status == HTTPStatus.UNAUTHORIZED:
        code = said_unheard(status, answer.content)
        why = f": {UNHEARD_REASONS[Unheard(code)]}" if code else ""
        raise InputError(
            f"{place} does not hear who is sending (HTTP 401{why}); expected keys that it knows; look at 'signature' "
            "in the target file"
        )
    if not writer.believes(written, status, answer.headers, answer.content):
        raise InputError(
            f"{place} answers without the signature of whoever has the institution's key (HTTP {status}); expected a "
            "signed reply; look at 'signature' in the target file, and at the address"
        )
    try:
        outcome = writer.read(written, status, answer.headers, answer.content)
    except WireError as error:
        raise InputError(
            f"{place} answers what is no reply of the interface (HTTP {status}, {_shown(answer)}): {error}; look at "
            "the address and the path"
        ) from error
    if isinstance(outcome, Answered):
        return outcome.reply.refusal
    if status in (HTTPStatus.OK, HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE):
        said = type(outcome).__name__.lower()
        raise InputError(f"{place} is {said} (HTTP {status}, {_shown(answer)}); expected an open door; try again later")
    raise InputError(
        f"{place} answers HTTP {status} ({_shown(answer)}); expected 200 and a reply of the interface; look at the "
        "address, the path and the target's own log"
    )


def _shown(answer: HttpAnswer) -> str:
    text = answer.content[:_SHOWN].decode("utf-8", "replace")
    return repr(text) if text else "an empty body"


def _why_not(error: Exception, *, secured: bool) -> str:
    """Return why no answer came, and what to do."""
    match error:
        case ConnectionRefusedError():
            return "nobody listens there; start it, or correct the address"
        case TimeoutError():
            return f"no answer within {WAIT_S:g} s; look whether it is up, and whether a firewall is in between"
        case ssl.SSLCertVerificationError():
            return (
                f"its certificate is not believed: {error.verify_message}; expected one of tls.authority, for this "
                "name; correct tls.authority, or nodes.….name"
            )
        case ssl.SSLError():
            return (
                f"TLS fails: {error.reason or error}; expected TLS 1.2 or 1.3; where the port speaks plain HTTP write "
                "http://, where it asks for a certificate give tls.certificate"
            )
        case OSError():
            return f"the connection broke: {error.strerror or error}; {_other_scheme(secured=secured)}"
        case ValueError():
            return str(error)
        case _:
            return f"answers what is no HTTP ({str(error)[:_SHOWN]!r}); {_other_scheme(secured=secured)}"


def _other_scheme(*, secured: bool) -> str:
    return "look at the port" if secured else "look at the port; where it speaks TLS write https://"


def refused(heard: Iterable[Heard]) -> tuple[str, ...]:
    """Return a line for each node that does not know the person it was asked about."""
    return tuple(
        f"target {one.node} refuses the first person who comes there ({one.refusal}): the people of the scenario have "
        "to be in its register"
        for one in heard
        if one.refusal
    )
