"""One direction of one transaction, put together from tables and bindings and ready to run.

The tables are read once a process; the functions are made once a codec, because they hold its clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

import msgspec

from reference_impl.domain.fees import FeeLine, PricedLine
from reference_impl.protocol import messages as m
from reference_impl.wire.bindings import FUNDS, Bindings, load_bindings
from reference_impl.wire.envelope import wire_error
from reference_impl.wire.reading import Found, NodeReader, node_reader
from reference_impl.wire.structs import message_to_read
from reference_impl.wire.tables import NEW, Direction, Table, load_tables
from reference_impl.wire.values import Tools
from reference_impl.wire.writing import NodeWriter, message_writer, node_writer

if TYPE_CHECKING:
    from reference_impl.wire.clock import BusinessClock
    from reference_impl.wire.errors import WireWarning

_ROW_TYPES: dict[tuple[str, str], type[Any]] = {
    ("UploadLines", "lines"): FeeLine,
    ("SellDrugs", "lines"): FeeLine,
    ("LinesPriced", "lines"): PricedLine,
    ("OrderTold", "lines"): m.OrderLine,
    ("OrderSettlementTold", "lines"): m.OrderLine,
    ("Recognised", "diseases"): m.RecognisedDisease,
    ("Designated", "institutions"): m.DesignatedInstitution,
    ("VisitsTold", "visits"): m.VisitTold,
    ("StaysTold", "stays"): m.StayTold,
    ("ChargesTold", "lines"): m.ChargeTold,
}


@cache
def packaged(dialect: str = NEW) -> tuple[dict[str, Table], Bindings]:
    """Return the packaged tables and bindings of a dialect."""
    tables = load_tables(dialect)
    return tables, load_bindings(tables, dialect)


@dataclass(frozen=True, slots=True)
class Side:
    """One direction of one transaction, ready to run."""

    body: type[Any]
    write: NodeWriter
    decode: Callable[[Any], Any]
    readers: tuple[tuple[Callable[[Any], Any], NodeReader], ...]


def sides_of(direction: Direction, clock: BusinessClock, dialect: str = NEW) -> dict[str, Side]:
    """Return one side for each transaction that has bindings in this direction.

    2402's reply, for one, has none: it says no more than done.
    """
    tables, bindings = packaged(dialect)
    tools = Tools(clock, bindings.dictionaries, as_numbers=direction == "out")
    sides: dict[str, Side] = {}
    for (code, way), bound in bindings.nodes.items():
        if way != direction:
            continue
        nodes = tables[code].nodes(direction)
        writers = {b.node.name: node_writer(b, bindings.funds, tools) for b in bound}
        readers: list[tuple[Callable[[Any], Any], NodeReader]] = []
        for binding in bound:
            reader = node_reader(binding, _ROW_TYPES.get((binding.struct, binding.rows)), tools)
            if reader is not None:
                readers.append((attrgetter(binding.node.name), reader))
        needed = frozenset(b.node.name for b in bound if b.struct != FUNDS)
        shape = message_to_read(nodes.values(), needed)
        body = next(b.struct for b in bound if b.struct != FUNDS)
        sides[code] = Side(
            cast("type[Any]", getattr(m, body)),
            message_writer(bound, nodes, writers),
            msgspec.json.Decoder(shape).decode,
            tuple(readers),
        )
    return sides


def read_side(side: Side, code: str, prefix: str, raw: msgspec.Raw, warnings: list[WireWarning] | None) -> Found:
    """Return what stands in an input or output.

    Raises:
        WireError: when it breaks the interface; ``prefix`` begins the path.

    """
    try:
        nodes = side.decode(raw)
    except msgspec.DecodeError as error:
        raise wire_error(code, prefix, memoryview(raw), error) from None
    found = Found(warnings)
    for node_of, read in side.readers:
        read(node_of(nodes), found)
    return found
