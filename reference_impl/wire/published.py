"""What hospitals send and hear, as JSON Schema: made from the tables and bindings that the codec is put together from.

A request that is as it says is read; what the codec takes beyond it (a number in another spelling, a date in another
form) is left out, and so is what only two fields together can break. It must never be written by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec

from reference_impl.domain.institution import INSTITUTION_CODE
from reference_impl.wire import answers as a
from reference_impl.wire.bindings import EXP_CONTENT, FUNDS, UNSERVED, Binding, NodeBinding
from reference_impl.wire.envelope import (
    ERROR_CHARACTERS,
    INPUT_CHARACTERS,
    MSGID_REST,
    REGION,
    ReplyToWrite,
    RequestToRead,
)
from reference_impl.wire.sides import packaged
from reference_impl.wire.structs import exp_to_read
from reference_impl.wire.values import CHOICE, DIGITS, FLAG, IF_ANY, INTEGER, ONE_OF

if TYPE_CHECKING:
    from reference_impl.wire.tables import Direction, Field, Node

__all__ = ["Schema", "system_answer", "transactions", "verdict_of", "written_request"]

Schema = dict[str, Any]

_DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_STAMP = "[0-9]{17}"
_STRING, _NULL = {"type": "string"}, {"type": "null"}
_ONE_VALUE, _REPEATED = (":", "!", "*"), ("?", "=")
_ONLY = ("!",)


class _Place(NamedTuple):
    """Where a field stands: which way it goes, and the binding that gives it a meaning, if any does."""

    direction: Direction
    field: Field
    binding: Binding | None

    @property
    def mark(self) -> str:
        return self.binding.mark if self.binding else UNSERVED

    @property
    def coding(self) -> str:
        return self.binding.coding if self.binding else ""

    @property
    def is_taken(self) -> bool:
        """Whether a request's value of it becomes something of the message."""
        return self.direction == "in" and self.mark in ("", "^", "+", "=")


def transactions() -> tuple[str, ...]:
    """Return the codes of the transactions that hospitals may send."""
    _, bindings = packaged()
    return tuple(sorted(code for code, direction in bindings.nodes if direction == "in"))


def written_request(code: str) -> Schema:
    """Return the schema of a whole request of transaction ``code``."""
    envelope = _struct(RequestToRead)
    named: Schema = {
        "infno": {"const": code},
        "msgid": _matching(f"{INSTITUTION_CODE.pattern}{MSGID_REST.pattern}"),
        "fixmedins_code": _matching(INSTITUTION_CODE.pattern),
        "mdtrtarea_admvs": _matching(REGION.pattern),
        "insuplc_admdvs": {"anyOf": [_matching(f"({REGION.pattern})?"), _NULL]},
        "input": _content(code, "in") | {"description": f"At most {INPUT_CHARACTERS} characters as JSON."},
    }
    envelope["properties"].update(named)
    return envelope | {"description": f"Transaction {code}; msgid begins with fixmedins_code."}


def verdict_of(code: str) -> Schema:
    """Return the schema of a verdict on transaction ``code``: done with its output, or refused."""
    output = _content(code, "out")
    done = _envelope({"infcode": {"const": a.INFCODE_DONE}, "err_msg": {"const": ""}, "output": output})
    return {"oneOf": [done, refused()]}


def refused() -> Schema:
    """Return the schema of a no: a refusal, or bytes that could not be read."""
    coded = {**_STRING, "pattern": r"^\[[^\]]+\] ", "maxLength": ERROR_CHARACTERS}
    nothing = {"type": "object", "maxProperties": 0}
    return _envelope({"infcode": {"const": a.INFCODE_REFUSED}, "err_msg": coded, "output": nothing})


def system_answer() -> Schema:
    """Return the schema of an answer that is no verdict: busy, closed, overloaded."""
    return _envelope({"infcode": {"const": a.INFCODE_SYSTEM}, "output": _struct(a.DoorOutput)})


def _envelope(said: Schema) -> Schema:
    envelope = _struct(ReplyToWrite)
    stamps = dict.fromkeys(("refmsg_time", "respond_time"), _matching(_STAMP))
    envelope["properties"].update({**stamps, **said})
    envelope["properties"]["warn_msg"]["maxLength"] = ERROR_CHARACTERS
    return envelope


def _content(code: str, direction: Direction) -> Schema:
    """Return the schema of an input or output: its nodes, of which some may be left out."""
    tables, bindings = packaged()
    bound = {one.node.name: one for one in bindings.nodes.get((code, direction), ())}
    nodes = tables[code].nodes(direction) if bound else {}
    content: Schema = {name: _node(node, bound.get(name), direction) for name, node in nodes.items()}
    needed = [name for name, one in bound.items() if one.struct != FUNDS or direction == "out"]
    return {"type": "object", "properties": content, "required": needed}


def _node(node: Node, binding: NodeBinding | None, direction: Direction) -> Schema:
    sources = {one.field: one for one in binding.bindings} if binding else {}
    fields = {name: _field(_Place(direction, field, sources.get(name))) for name, field in node.fields.items()}
    if binding is not None and EXP_CONTENT in fields:
        fields[EXP_CONTENT] |= _additions(binding)
    needed = [field.name for field in node.fields.values() if field.mandatory or _needs_date(field, sources)]
    row: Schema = {"type": "object", "properties": fields, "required": needed}
    if not node.many:
        return row
    rows: Schema = {"type": "array", "items": row}
    if binding is not None and direction == "in":
        if not binding.rows:
            rows |= {"minItems": 1, "maxItems": 1}
        elif binding.needs_row:
            rows |= {"minItems": 1}
    return rows


def _needs_date(field: Field, sources: dict[str, Binding]) -> bool:
    """Return whether a date that may be left out by the table is one that a message cannot be without."""
    source = sources.get(field.name)
    exact = {one.path for one in sources.values() if one.in_exp}
    if source is None or source.mark not in ("", "^") or source.path in exact:
        return False
    return field.kind in ("d", "dt") and source.coding != IF_ANY


def _additions(binding: NodeBinding) -> Schema:
    """Return what is said of our keys in exp_content, a JSON text: other keys are skipped."""
    keys = [(one.key, one.coding) for one in binding.bindings if one.in_exp and one.mark in ("", "!", ":")]
    if not keys:
        return {}
    inside = _struct(exp_to_read(keys))
    for one in binding.bindings:
        served = [*one.constants, ""] if one.mark in _ONLY else one.coding.split(ONE_OF)
        if one.in_exp and (one.mark in _ONLY or ONE_OF in one.coding):
            inside["properties"][one.key] = {"enum": sorted({*served, ""})}
    return {"contentMediaType": "application/json", "contentSchema": inside}


def _field(place: _Place) -> Schema:
    """Return the schema of one field; what may be left out may be null in a request."""
    shape = _shape(place)
    if not place.field.mandatory and place.direction == "in" and not _is_date_read(place):
        shape = {"anyOf": [shape, _NULL]}
    told = _told(place)
    return shape | {"description": told} if told else shape


def _is_date_read(place: _Place) -> bool:
    return place.field.kind in ("d", "dt") and place.is_taken and place.mark in ("", "^") and place.coding != IF_ANY


def _shape(place: _Place) -> Schema:
    field, coding = place.field, place.coding
    if field.kind == "n":
        return _decimal(place)
    if place.mark in _ONLY and place.binding is not None and place.direction == "in":
        values = {*place.binding.constants} if field.mandatory else {*place.binding.constants, ""}
        return {"enum": sorted(values)}
    text = {**_STRING, "minLength": int(field.mandatory), "maxLength": field.length}
    if field.kind in ("d", "dt"):
        return _date(place, text)
    if coding == FLAG:
        return {"enum": ["0", "1"]}
    if CHOICE in coding:
        return {"enum": coding.split(CHOICE)}
    if coding == DIGITS or coding.isdigit() or field.kind == INTEGER:
        digits = {**text, "minLength": 1, "pattern": _whole("[0-9]+")} if place.is_taken else text
        return digits if field.kind != INTEGER else {"anyOf": [digits, _digits_as_number(field)]}
    return text


def _digits_as_number(field: Field) -> Schema:
    return {"type": "integer", "minimum": 0, "maximum": 10 ** min(field.length, _INT64_DIGITS) - 1}


_INT64_DIGITS = 18
"""Digits that any reader of JSON keeps; a longer number goes as text."""


def _decimal(place: _Place) -> Schema:
    """Return a decimal: a number in a reply; in a request text too, so that nobody's float rounds it."""
    whole_digits, places = place.field.length - place.field.places, place.field.places
    limit = 10**whole_digits
    number: Schema = {"type": "number", "exclusiveMinimum": -limit, "exclusiveMaximum": limit}
    if place.direction == "out":
        return number
    if not places:
        number = {"type": "integer", "exclusiveMinimum": -limit, "exclusiveMaximum": limit}
    decimals = rf"(\.[0-9]{{1,{places}}})?" if places else ""
    text = {**_STRING, "pattern": _whole(rf"-?[0-9]{{1,{whole_digits}}}{decimals}")}
    return {"anyOf": [text, number]}


def _date(place: _Place, text: Schema) -> Schema:
    if place.direction == "in" and not place.is_taken:
        return text
    time = f"( {_TIME})?"
    either = f"({_DATE}{time})?" if place.coding == IF_ANY or place.direction == "out" else f"{_DATE}{time}"
    return {**text, "pattern": _whole(either)}


def _told(place: _Place) -> str:
    """Return what no shape can say of a field."""
    binding, field = place.binding, place.field
    told: list[str] = []
    if field.kind == "n":
        told.append(f"{field.length} digits, {field.places} of them decimal")
    if binding is None or place.direction == "out":
        return "; ".join(told)
    dictionary = packaged()[1].dictionaries.get(binding.coding)
    if dictionary:
        known = ", ".join(f"{code} {meaning}" for meaning, code in dictionary.items())
        told.append(f"known codes: {known}")
    if binding.mark == "*":
        told.append(f"{' or '.join(sorted({*binding.constants})) or 'nothing'}; another value is taken as that")
    if binding.mark in _REPEATED:
        told.append("repeats what stands elsewhere in the message, or is left out")
    if binding.mark == "^":
        told.append("the same in every row")
    if binding.mark == UNSERVED and binding.path == "":
        told.append("not acted on; warn_msg says so")
    return "; ".join(told)


def _struct(kind: type[msgspec.Struct]) -> Schema:
    """Return the schema of a struct with everything in its place, and no reference in it."""
    [whole], parts = msgspec.json.schema_components((kind,), ref_template="{name}")
    return cast("Schema", _inlined(whole, parts))


def _inlined(schema: Any, parts: dict[str, Any]) -> Any:
    if isinstance(schema, dict):
        said = cast("Schema", schema)
        if "$ref" in said:
            return _inlined(parts[said["$ref"]], parts)
        return {key: _inlined(value, parts) for key, value in said.items() if key != "title"}
    return [_inlined(one, parts) for one in cast("list[Any]", schema)] if isinstance(schema, list) else schema


def _whole(pattern: str) -> str:
    """Return a pattern that must fit from end to end; JSON Schema's are searched for."""
    return f"^{pattern}$" if "|" not in pattern else f"^(?:{pattern})$"


def _matching(pattern: str) -> Schema:
    return {**_STRING, "pattern": _whole(pattern)}
