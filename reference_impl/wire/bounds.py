"""What a typed body may hold: the bounds of the interface's fields, put on a struct's own attributes.

A body that keeps them can be written in the interface's JSON, and no neighbour can say what no hospital could. The
protocol's types know nothing of the wire, so their bounds live in structs of the same attributes, made here once from
the bindings; ``msgspec`` holds a message against one in a single pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

import msgspec
from msgspec import inspect

from reference_impl.domain.fees import CATEGORIES
from reference_impl.wire.bindings import EXP_CONTENT, FUNDS
from reference_impl.wire.envelope import ERROR_CHARACTERS, error_in
from reference_impl.wire.values import DIGITS, DRUGS, FEES, FLAG, INTEGER, YEAR

if TYPE_CHECKING:
    from reference_impl.wire.bindings import Binding, NodeBinding
    from reference_impl.wire.clock import BusinessClock
    from reference_impl.wire.tables import Field

__all__ = ["Bound", "Bounds", "attribute_bounds", "bounded", "hold"]

_WHOLE_MAX = 2**63 - 1
_MOMENT = "_us"
"""How the names of moments end."""
_CATEGORIES = "by_category_fen"


@dataclass(frozen=True, slots=True)
class Bound:
    """The least and the most of a whole number, of a text's characters, or of a list's rows."""

    least: int
    most: int
    digits: bool = False

    def __and__(self, other: Bound) -> Bound:
        """Return what both allow."""
        return Bound(max(self.least, other.least), min(self.most, other.most), self.digits or other.digits)


Bounds = Mapping[str, Bound]
"""Bounds by the path of an attribute, like ``lines.item``."""

_WHOLE = Bound(-_WHOLE_MAX - 1, _WHOLE_MAX)
_TEXT = Bound(0, ERROR_CHARACTERS)
_ANY_ROWS = Bound(0, _WHOLE_MAX)
_ONE_ROW = Bound(1, _WHOLE_MAX)


def attribute_bounds(nodes: Iterable[NodeBinding], dictionaries: Mapping[str, Mapping[str, str]]) -> dict[str, Bound]:
    """Return what each attribute of a body may hold: what the narrowest field allows that is filled from it."""
    bounds: dict[str, Bound] = {}
    for node in nodes:
        if node.struct == FUNDS:
            continue
        for source in node.bindings:
            bound = _bound_of(node, source, dictionaries)
            if bound is None:
                continue
            for path in _paths(source, node.rows):
                bounds[path] = bounds.get(path, bound) & bound
        if node.needs_row:
            bounds[node.rows] = _ONE_ROW
    return bounds


def bounded(kind: type[msgspec.Struct], bounds: Bounds, clock: BusinessClock) -> Any:
    """Return a struct of the attributes of ``kind`` that holds nothing beyond ``bounds``.

    What no field bounds is text of at most ``ERROR_CHARACTERS``, a 64-bit number, or a moment that has a date.
    """
    return _Maker(bounds, Bound(*clock.span_us)).struct(kind)


def hold(message: msgspec.Struct, shape: Any, transaction: str) -> None:
    """Hold a message against the struct of its bounds.

    Raises:
        WireError: naming the attribute that goes beyond.

    """
    try:
        msgspec.convert(message, shape, from_attributes=True)
    except msgspec.ValidationError as error:
        raise error_in(transaction, message, error) from None


def _paths(source: Binding, rows: str) -> tuple[str, ...]:
    """Return the attributes that a field is filled from."""
    path = source.path
    if source.mark in ("", "~", "="):
        if path.startswith("fees."):
            return path, "stated." + path.removeprefix("fees.")
        return (f"{rows}.{path}" if rows else path,)
    if source.mark in ("^", "?") and not path.startswith("@"):
        return (path,)
    return ()


def _bound_of(node: NodeBinding, source: Binding, dictionaries: Mapping[str, Mapping[str, str]]) -> Bound | None:
    if source.in_exp:
        return None if source.coding in (INTEGER, FEES, DRUGS) else Bound(0, node.node.fields[EXP_CONTENT].length)
    field = node.node.fields[source.field]
    if field.kind in ("d", "dt") or source.coding in (FLAG, YEAR):
        return None
    return _number(field) if field.kind == "n" else _text_or_digits(field, source.coding, dictionaries)


def _number(field: Field) -> Bound:
    most = 10**field.length - 1
    return Bound(-most, most) & _WHOLE


def _text_or_digits(field: Field, coding: str, dictionaries: Mapping[str, Mapping[str, str]]) -> Bound:
    if coding == DIGITS:
        return Bound(1, field.length, digits=True)
    if coding.isdigit() or field.kind == "int":
        return Bound(0, 10**field.length - 1) & _WHOLE
    meanings = dictionaries.get(coding, {})
    return Bound(int(field.mandatory), max(field.length, *map(len, meanings), 0))


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes bounded types. ``moments`` is from the first to the last that has a date."""

    bounds: Bounds
    moments: Bound

    def struct(self, kind: type[msgspec.Struct], prefix: str = "") -> Any:
        specs: list[Any] = [
            (name, self._type(told.type, prefix + name))
            for name, told in zip(kind.__struct_fields__, _fields_of(kind), strict=True)
        ]
        return msgspec.defstruct(f"Bounded{kind.__name__}", specs, gc=False)

    def _type(self, told: inspect.Type, path: str) -> Any:
        match told:
            case inspect.StrType():
                return _text(self.bounds.get(path, _TEXT))
            case inspect.IntType():
                bound = self.bounds.get(path, self.moments if path.endswith(_MOMENT) else _WHOLE)
                return Annotated[int, msgspec.Meta(ge=bound.least, le=bound.most)]
            case inspect.BoolType():
                return bool
            case inspect.StructType():
                return self.struct(told.cls, f"{path}.")
            case inspect.VarTupleType():
                return self._rows(told, path)
            case inspect.UnionType():
                return Union[tuple(self._type(each, path) for each in told.types)]  # noqa: UP007 - known only here
            case inspect.LiteralType():
                return Literal[tuple(told.values)]
            case inspect.NoneType():
                return None
            case _:
                raise TypeError(f"{path}: no bounds are known for {told}")

    def _rows(self, told: inspect.VarTupleType, path: str) -> Any:
        each = self._type(told.item_type, path)
        rows = self.bounds.get(path, Bound(CATEGORIES, CATEGORIES) if path.endswith(_CATEGORIES) else _ANY_ROWS)
        return Annotated[tuple[each, ...], msgspec.Meta(min_length=rows.least, max_length=rows.most)]


def _fields_of(kind: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    told = inspect.type_info(kind)
    assert isinstance(told, inspect.StructType)
    return told.fields


def _text(bound: Bound) -> Any:
    meta = msgspec.Meta(min_length=bound.least, max_length=bound.most)
    if bound.digits:
        meta = msgspec.Meta(pattern=rf"\A[0-9]{{{bound.least},{bound.most}}}\Z")
    return Annotated[str, meta]
