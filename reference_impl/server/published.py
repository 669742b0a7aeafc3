"""The published description of both addresses that strangers write programs against, as OpenAPI 3.1.

Of hospitals' messages it is made from the codec's tables (``wire.published``), of operators' commands from the types
that orders are read into and answers are written from. What only neighbours say is not published. This module must
never say what no table or type says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

from reference_impl.books.stated import Stated
from reference_impl.protocol.door import DoorCommand
from reference_impl.protocol.sweeper import Parked
from reference_impl.server import operator as o
from reference_impl.server.closing import ClosingOrder, DayClosing
from reference_impl.server.config import Entrance
from reference_impl.server.faults import FaultCommand
from reference_impl.server.gate import Entry
from reference_impl.server.meter import MeterReading
from reference_impl.server.moving import MoveStatus
from reference_impl.server.readiness import Ready
from reference_impl.wire.answers import STATUS_BUSY, STATUS_MALFORMED, STATUS_UNAVAILABLE, STATUS_VERDICT
from reference_impl.wire.published import Schema, refused, system_answer, transactions, verdict_of, written_request

__all__ = ["COMMANDS", "PUBLISHED", "Command", "openapi"]

PUBLISHED = (Entrance.HOSPITALS, Entrance.OPERATORS)
_NODE = "[0-9]{2}([0-9]{2})?"
"""A province, or a city of one."""
_PLAIN = "text/plain"
_JSON, _XML = "application/json", "text/xml"
_REFUSED: Schema = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
_UNHEARD: Schema = {
    "type": "object",
    "properties": {"code": {"const": HTTPStatus.UNAUTHORIZED}, "err_msg": {"type": "string"}},
    "required": ["code", "err_msg"],
}
_OF_HTTP = {
    HTTPStatus.REQUEST_TIMEOUT: "The head or the body took too long.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "More than 4 MiB, or too much round the body.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "Too long a head, or too many headers.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "The outcome is unknown: ask again with the same message.",
}
"""What any request may be answered, whatever it says."""


class Command(NamedTuple):
    """An operator's command: what its order is read into, if it has one, and what its answer is written from."""

    order: Any
    answer: Any
    told: str
    unready: bool = False
    """Whether the answer may come with status 503: it tells of something that is not ready."""


COMMANDS: dict[tuple[str, str], Command] = {
    ("GET", "health"): Command(None, o.Health, "Return whether the process can do its work.", unready=True),
    ("GET", "ready"): Command(None, Ready, "Try a commit and the neighbours of each node.", unready=True),
    ("GET", "metrics"): Command(None, str, "Return figures as a collector reads them."),
    ("GET", "stats"): Command(None, o.Stats, "Return what each node did since the process started."),
    ("GET", "meter"): Command(None, MeterReading, "Return what messages cost, where that is metered."),
    ("GET", "doors"): Command(None, dict[str, tuple[DoorCommand, ...]], "Return the door commands in force."),
    ("GET", "parked"): Command(None, dict[str, tuple[Parked, ...]], "Return the messages that cannot be driven."),
    ("GET", "inflight"): Command(None, dict[str, o.InFlight], "Return what each node has under way."),
    ("GET", "moves"): Command(None, dict[str, MoveStatus], "Return how far moves to new books have come."),
    ("GET", "register"): Command(None, dict[str, tuple[Entry, ...]], "Return the institutions that are heard."),
    ("GET", "openapi"): Command(None, dict[str, Any], "Return this description, of the nodes served here."),
    ("POST", "keys"): Command(None, dict[str, tuple[Entry, ...]], "Read the keys of institutions anew."),
    ("POST", "meter"): Command(None, dict[str, bool], "Begin to measure anew."),
    ("POST", "door"): Command(o.DoorOrder, tuple[DoorCommand, ...], "Move a door."),
    ("POST", "move"): Command(o.MoveOrder, MoveStatus, "Do a step of a move to new books."),
    ("POST", "settlements"): Command(o.SettlementsOrder, list[Stated], "Return the settlements that books state."),
    ("POST", "numbers"): Command(o.NumbersOrder, dict[str, int | None], "Let new numbers come into force."),
    ("POST", "closing"): Command(ClosingOrder, DayClosing, "Close a business day."),
    ("POST", "fault"): Command(FaultCommand, dict[str, str], "Switch a fault of a rehearsal on or off."),
    ("POST", "epoch"): Command(o.EpochOrder, dict[str, int], "Set the run's zero anew, before it begins."),
    ("POST", "stop"): Command(None, dict[str, bool], "Stop the process cleanly."),
}
"""Every command by verb and name."""


def openapi(
    entrances: Iterable[Entrance] = PUBLISHED, *, nodes: Sequence[str] = (), codes: Sequence[str] = ()
) -> Schema:
    """Return the description of some entrances.

    ``nodes`` are those that are named as served, else any node is described; ``codes`` are the transactions, else all.
    """
    paths: Schema = {}
    parts: Schema = {}
    for entrance in entrances:
        if entrance is Entrance.HOSPITALS:
            paths |= _hospitals(nodes, codes or transactions(), parts)
        elif entrance is Entrance.OPERATORS:
            paths |= _operators(parts)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "yidi reference settlement system",
            "version": "1",
            "description": "Each path stands at the address of its entrance. A request is known by its message id: "
            "sent again it is answered again, and acted on once.",
        },
        "paths": paths,
        "components": {"schemas": parts, "securitySchemes": {"operator": {"type": "http", "scheme": "bearer"}}},
    }


def _hospitals(nodes: Sequence[str], codes: Sequence[str], parts: Schema) -> Schema:
    parts.update({f"Request{code}": written_request(code) for code in codes})
    verdicts = {f"Verdict{code}": verdict_of(code) for code in codes}
    parts.update(verdicts)
    parts.update(Malformed=refused(), NotNow=system_answer(), Error=_REFUSED, Unheard=_UNHEARD)
    requests = {"oneOf": [_ref(f"Request{code}") for code in codes]}
    mapping = {code: f"#/components/schemas/Request{code}" for code in codes}
    spoken = {"enum": list(nodes)} if nodes else {"type": "string", "pattern": f"^{_NODE}$"}
    node = {"name": "node", "in": "path", "required": True, "schema": spoken}
    send = {
        "operationId": "send",
        "summary": "Send a message of a hospital or pharmacy to its own province or city.",
        "description": "What begins with a bracket is heard as XML of the old provincial protocol, and answered in "
        "it; that protocol is not described here.",
        "parameters": [node],
        "requestBody": {
            "required": True,
            "content": {
                _JSON: {"schema": {**requests, "discriminator": {"propertyName": "infno", "mapping": mapping}}}
            },
        },
        "responses": {
            **_said(STATUS_VERDICT, "The verdict of its transaction.", _either(*verdicts)),
            **_said(STATUS_MALFORMED, "It cannot be read; nothing was done.", _either("Malformed", "Error"), also=_XML),
            **_said(HTTPStatus.UNAUTHORIZED, "Its signature is not that of its institution.", _ref("Unheard")),
            **_said(HTTPStatus.FORBIDDEN, "A neighbour is not heard here.", _ref("Error")),
            **_said(HTTPStatus.NOT_FOUND, "No such node is here.", _ref("Error")),
            **_said(STATUS_BUSY, "It is being worked on: ask again.", _ref("NotNow")),
            **_said(STATUS_UNAVAILABLE, "Nothing was done: a closed door, or too much work.", _ref("NotNow")),
            **_of_http(),
        },
    }
    return {"/{node}": {"post": send}}


def _operators(parts: Schema) -> Schema:
    kinds = [kind for one in COMMANDS.values() for kind in (one.order, one.answer) if kind is not None]
    schemas, found = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    parts.update(found, Error=_REFUSED)
    written = iter(schemas)
    paths: Schema = {}
    for (verb, name), command in COMMANDS.items():
        order = None if command.order is None else next(written)
        path = paths.setdefault(f"/operator/{name}", {})
        path[verb.lower()] = _command(verb, name, command, (order, next(written)))
    return paths


def _command(verb: str, name: str, command: Command, schemas: tuple[Schema | None, Schema]) -> Schema:
    order, answer = schemas
    kind = _PLAIN if command.answer is str else _JSON
    said: Schema = {
        "operationId": f"{verb.lower()}_{name}",
        "summary": command.told,
        "security": [{"operator": []}, {}],
        "responses": {
            **_said(HTTPStatus.OK, "Obeyed.", answer, kind),
            **_said(HTTPStatus.UNAUTHORIZED, "The token of this system is not shown.", _ref("Error")),
            **_said(HTTPStatus.NOT_FOUND, "What is named is not here.", _ref("Error")),
            **_said(HTTPStatus.BAD_REQUEST, "The order cannot be obeyed; nothing was done.", _ref("Error")),
            **_of_http(),
        },
    }
    if command.unready:
        said["responses"] |= _said(HTTPStatus.SERVICE_UNAVAILABLE, "Not ready, and why.", answer)
    if order is not None:
        said["requestBody"] = {"required": True, "content": {_JSON: {"schema": order}}}
    return said


def _of_http() -> Schema:
    said: Schema = {}
    for status, told in _OF_HTTP.items():
        said |= _said(status, told, _ref("Error"))
    return said


def _said(status: int, told: str, schema: Schema, kind: str = _JSON, *, also: str = "") -> Schema:
    content: Schema = {kind: {"schema": schema}}
    if also:
        content[also] = {"schema": {"type": "string"}}
    return {str(int(status)): {"description": told, "content": content}}


def _either(*names: str) -> Schema:
    return {"anyOf": [_ref(name) for name in names]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
