"""Records laid out as rows, and rows read back, whatever kind they are: derived once from the struct's own fields.

Text and whole numbers are a column each, a ``StrEnum`` its text, a struct lies flat, a tuple of whole numbers or of
structs is a JSON list (nobody asks for one of them alone), a tuple of named rows is a table of its own. Nothing here
loads SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Literal, NamedTuple, cast, get_args, get_origin, get_type_hints

import msgspec

from reference_impl.protocol.records import KINDS, Kind, Record, Way

__all__ = ["LAYOUTS", "ChildLayout", "Column", "Layout", "Row", "layout_of"]

Row = tuple[Any, ...]

_encode_list = msgspec.json.Encoder().encode
_decode_list = msgspec.json.Decoder(tuple[int, ...]).decode
_astuple = msgspec.structs.astuple
_EXPECTED = "expected what reference_impl.protocol.records.Record names"


class Column(NamedTuple):
    """One column: its name, and what SQL calls its type."""

    name: str
    sql: Literal["text", "integer"]


@dataclass(frozen=True, slots=True)
class ChildLayout:
    """The rows of a record's tuple field, in a table of their own beside the record's serial number."""

    table: str
    field: str
    columns: tuple[Column, ...]
    row_type: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class _Part:
    """One field of a struct: how many columns it takes, and its way there and back."""

    width: int
    write: Callable[[Any], Row]
    read: Callable[[Row], Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """One kind of record as rows of its table."""

    kind: Kind
    columns: tuple[Column, ...]
    child: ChildLayout | None
    struct: Callable[..., Any]
    fields: tuple[tuple[str, _Part], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that lie in the table itself, in order."""
        return tuple(name for name, _ in self.fields)

    @property
    def versioned(self) -> bool:
        """Whether a new record takes the place of the last of its key."""
        return self.kind.way is Way.VERSIONED

    def row_of(self, record: Record) -> Row:
        """Return the columns of a record."""
        row: list[Any] = []
        for name, part in self.fields:
            row.extend(part.write(getattr(record, name)))
        return tuple(row)

    def record_of(self, row: Sequence[Any], children: Iterable[Row] = ()) -> Any:
        """Return the record of a row, and of the rows of its child table."""
        values: list[Any] = []
        place = 0
        for _, part in self.fields:
            after = place + part.width
            values.append(row[place] if part is _PLAIN else part.read(tuple(row[place:after])))
            place = after
        if self.child is None:
            return self.struct(*values)
        rows = tuple(self.child.row_type(*child) for child in children)
        return self.struct(**dict(zip(self.names, values, strict=True)), **{self.child.field: rows})


@cache
def layout_of(kind: type[Record]) -> Layout:
    """Return how one kind of record is laid out.

    Raises:
        TypeError: when a field is of a type that has no place in a row; it names the field.

    """
    columns: list[Column] = []
    fields: list[tuple[str, _Part]] = []
    child = None
    for name, hint in get_type_hints(kind).items():
        row_type = _row_type(hint)
        if row_type is not None:
            child = _child(KINDS[kind].name, name, row_type)
            continue
        laid, part = _part(name, hint)
        columns += laid
        fields.append((name, part))
    return Layout(KINDS[kind], tuple(columns), child, kind, tuple(fields))


def _part(name: str, hint: Any) -> tuple[list[Column], _Part]:
    base = _base_of(hint)
    if base is str:
        return [Column(name, "text")], _PLAIN
    if base is int:
        return [Column(name, "integer")], _PLAIN
    if get_args(base) == (int, Ellipsis):
        return [Column(name, "text")], _LIST
    if get_origin(base) is tuple and issubclass(get_args(base)[0], msgspec.Struct):
        decode = msgspec.json.Decoder(base).decode
        return [Column(name, "text")], _Part(1, _LIST.write, lambda row: decode(row[0]))
    if isinstance(base, type):
        return _of_class(name, cast("type[Any]", base))
    raise TypeError(f"field {name!r} of type {hint!r} has no place in a row; {_EXPECTED}")


def _base_of(hint: Any) -> Any:
    """Return the plain type of a hint: a NewType is what it is made of, a Literal what its values are."""
    if get_origin(hint) is Literal:
        return cast("Any", type(get_args(hint)[0]))
    return getattr(hint, "__supertype__", hint)


def _of_class(name: str, plain: type[Any]) -> tuple[list[Column], _Part]:
    if issubclass(plain, StrEnum):
        return [Column(name, "text")], _Part(1, lambda value: (value.value,), lambda row: plain(row[0]))
    if issubclass(plain, msgspec.Struct):
        return _flat(plain)
    raise TypeError(f"field {name!r} of type {plain!r} has no place in a row; {_EXPECTED}")


def _flat(struct: type[msgspec.Struct]) -> tuple[list[Column], _Part]:
    """Return a struct laid flat, its fields under their own names."""
    columns: list[Column] = []
    parts: list[_Part] = []
    for name, hint in get_type_hints(struct).items():
        laid, part = _part(name, hint)
        columns += laid
        parts.append(part)
    if all(part is _PLAIN for part in parts):
        return columns, _Part(len(columns), _astuple, lambda row: struct(*row))

    def write(value: msgspec.Struct) -> Row:
        return tuple(cell for part, one in zip(parts, _astuple(value), strict=True) for cell in part.write(one))

    def read(row: Row) -> Any:
        cells = iter(row)
        return struct(*(part.read(tuple(next(cells) for _ in range(part.width))) for part in parts))

    return columns, _Part(len(columns), write, read)


def _row_type(hint: Any) -> type[Any] | None:
    """Return the row type of a tuple of named rows; None for any other field."""
    if get_origin(hint) is not tuple:
        return None
    first = get_args(hint)[0]
    return first if isinstance(first, type) and hasattr(first, "_fields") else None


def _child(table: str, field: str, row_type: type[Any]) -> ChildLayout:
    columns: list[Column] = []
    for name, hint in get_type_hints(row_type).items():
        laid, part = _part(name, hint)
        if part is not _PLAIN:
            raise TypeError(f"field {name!r} of rows {field!r} is not plain text or a whole number")
        columns += laid
    return ChildLayout(f"{table}_{field}", field, tuple(columns), row_type)


_PLAIN = _Part(1, lambda value: (value,), lambda row: row[0])
_LIST = _Part(1, lambda value: (_encode_list(value).decode(),), lambda row: _decode_list(row[0]))

LAYOUTS: dict[type[Record], Layout] = {kind: layout_of(kind) for kind in KINDS}
