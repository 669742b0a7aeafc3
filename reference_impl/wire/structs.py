"""Structs of the interface's own shape, made from the field tables, for msgspec to read and write.

A struct to read into holds every field of its node, so lengths, emptiness and kinds are checked while the JSON is
parsed; fields the interface does not know are skipped. A struct to write holds what we send.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from reference_impl.domain.prescribed import MOST_E4
from reference_impl.wire.values import DRUGS, FEES, FEES_LENGTH, INTEGER, ITEM_LENGTH

if TYPE_CHECKING:
    from reference_impl.wire.tables import Field, Node

_WHOLE: Any = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_FEES_LIST: Any = Annotated[list[_WHOLE], msgspec.Meta(min_length=FEES_LENGTH, max_length=FEES_LENGTH)]
_DRUGS_LIST: Any = list[
    tuple[
        Annotated[str, msgspec.Meta(min_length=1, max_length=ITEM_LENGTH)],
        Annotated[int, msgspec.Meta(ge=-MOST_E4, le=MOST_E4)],
    ]
]
_EXP_TYPES: dict[str, Any] = {INTEGER: _WHOLE, FEES: _FEES_LIST, DRUGS: _DRUGS_LIST}


def row_to_read(node: Node) -> type[msgspec.Struct]:
    """Return the struct that a node, or one of its rows, is read into."""
    fields = sorted(node.fields.values(), key=lambda field: not field.mandatory)
    specs: list[Any] = [
        (field.name, _type_of(field)) if field.mandatory else (field.name, _type_of(field) | None, None)
        for field in fields
    ]
    return msgspec.defstruct(f"Read_{node.name}", specs, frozen=True, gc=False)


def message_to_read(nodes: Iterable[Node], bound: frozenset[str]) -> type[msgspec.Struct]:
    """Return the struct of a whole input or output; nodes we take nothing from may be absent."""
    needed: list[Any] = []
    spare: list[Any] = []
    for node in nodes:
        row: Any = row_to_read(node)
        shape = tuple[row, ...] if node.many else row
        if node.name in bound:
            needed.append((node.name, shape))
        else:
            spare.append((node.name, shape | None, None))
    return msgspec.defstruct("Read", [*needed, *spare], frozen=True, gc=False)


def exp_to_read(keys: Sequence[tuple[str, str]]) -> type[msgspec.Struct]:
    """Return the struct of the JSON text in exp_content: pairs of key and coding."""
    specs: list[Any] = [(key, _EXP_TYPES.get(coding, str) | msgspec.UnsetType, msgspec.UNSET) for key, coding in keys]
    return msgspec.defstruct("ReadExp", specs, frozen=True, gc=False)


def to_write(name: str, given: Sequence[str], constants: dict[str, Any]) -> type[msgspec.Struct]:
    """Return the struct that is written: values given in this order, then constants; what is unset is left out."""
    specs: list[Any] = [(field, Any) for field in given]
    specs += [(field, Any, value) for field, value in constants.items()]
    return msgspec.defstruct(f"Write_{name}", specs, gc=False)


def _type_of(field: Field) -> Any:
    if field.kind == "n":
        return Decimal
    text: Any = Annotated[str, msgspec.Meta(min_length=int(field.mandatory), max_length=field.length)]
    return text | int if field.kind == "int" else text
