"""From a message to the interface's nodes: one function a node, put together from its bindings.

It must never look at a table while it runs: everything that can be known from the tables is known before the first
message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from reference_impl.domain.fees import ZERO_FEES, FeeLine, FeeTotals
from reference_impl.wire.bindings import FUNDS, Binding, FundType, NodeBinding
from reference_impl.wire.errors import WireError
from reference_impl.wire.structs import EXP_CONTENT, to_write
from reference_impl.wire.values import (
    FEES,
    Convert,
    Tools,
    Where,
    constant_of,
    fees_to_list,
    tuple_getter,
    unset_value,
    writer_of,
)

if TYPE_CHECKING:
    from reference_impl.domain.benefit import Settlement
    from reference_impl.protocol.messages import Request
    from reference_impl.wire.tables import Node

_ENVELOPE = {
    "now": "now",
    "msgid": "request.msgid",
    "care_region": "request.care_region",
    "insured_region": "request.insured_region",
    "person": "request.body.person",
    "insurance": "request.body.insurance",
}
_encode = msgspec.json.Encoder().encode


class Context(NamedTuple):
    """What a node is filled from."""

    body: Any
    request: Request
    now: str
    fees: FeeTotals
    cross: bool


class _RowContext(NamedTuple):
    row: Any
    asked: FeeLine | None
    number: int
    whole: Context


NodeWriter = Callable[[Context], Any]


def context_of(body: Any, request: Request, now: str, *, cross: bool) -> Context:
    """Return the context of one message."""
    return Context(body, request, now, getattr(body, "fees", None) or ZERO_FEES, cross)


def message_writer(
    bindings: Sequence[NodeBinding], nodes: dict[str, Node], writers: dict[str, NodeWriter]
) -> NodeWriter:
    """Return the writer of a whole input or output; nodes of rows that nothing fills are empty."""
    names = [binding.node.name for binding in bindings]
    spare: dict[str, Any] = {node.name: () for node in nodes.values() if node.many and node.name not in writers}
    shape = to_write("message", names, spare)
    in_order = [writers[name] for name in names]
    return lambda context: shape(*[write(context) for write in in_order])


def node_writer(binding: NodeBinding, funds: tuple[FundType, ...], tools: Tools) -> NodeWriter:
    """Return the writer of one node."""
    if binding.struct == FUNDS:
        return _funds_writer(binding, funds, tools)
    write = _fields_writer(binding, tools)
    if binding.rows:
        return _rows_writer(binding, write)
    if binding.node.many:
        return lambda context: (write(context),)
    return write


def _rows_writer(binding: NodeBinding, write: Callable[[Any], Any]) -> NodeWriter:
    rows = binding.rows
    repeats = any(b.mark == "^" for b in binding.bindings)

    def write_rows(context: Context) -> list[Any]:
        asked: Any = getattr(context.request.body, "lines", ())
        elements = getattr(context.body, rows)
        if repeats and not elements:
            raise WireError(binding.code, f"{binding.direction}.{binding.node.name}", elements, "at least one row")
        if len(asked) != len(elements):
            asked = [None] * len(elements)
        return [
            write(_RowContext(row, line, number, context))
            for number, (row, line) in enumerate(zip(elements, asked, strict=True), 1)
        ]

    return write_rows


def _fields_writer(binding: NodeBinding, tools: Tools) -> Callable[[Any], Any]:
    """Return the function that fills one struct: values, exp_content, and constants that depend on the patient."""
    valued = [b for b in binding.bindings if not b.in_exp and b.mark not in (":", "+")]
    constants = {b.field: _constants(binding, b, tools) for b in binding.bindings if b.mark == ":" and not b.in_exp}
    constants |= {b.field: _zero(binding, b, tools) for b in binding.bindings if b.mark == "+"}
    varying = {field: pair for field, pair in constants.items() if pair[0] != pair[1]}
    steady = {field: pair[0] for field, pair in constants.items() if field not in varying}
    exp = _exp_writer(binding)
    given = [b.field for b in valued] + ([EXP_CONTENT] if exp else []) + list(varying)
    shape = to_write(f"{binding.code}_{binding.node.name}", given, steady)
    get = tuple_getter([_path(b, rows=bool(binding.rows)) for b in valued])
    converts = [(i, _writer(binding, b, tools)) for i, b in enumerate(valued)]
    by_patient = tuple(tuple(pair[cross] for pair in varying.values()) for cross in (0, 1))
    in_rows = bool(binding.rows)

    def write(context: Any) -> Any:
        values: list[Any] = list(get(context))
        for i, convert in converts:
            values[i] = convert(values[i])
        if exp:
            values.append(exp(context))
        if varying:
            values += by_patient[(context.whole if in_rows else context).cross]
        return shape(*values)

    return write


def _writer(binding: NodeBinding, source: Binding, tools: Tools) -> Convert:
    if source.path == "now":
        return _same
    where = Where(binding.code, f"{binding.direction}.{binding.node.name}.{source.field}")
    return writer_of(binding.node.fields[source.field], source.coding, where, tools)


def _same(value: Any) -> Any:
    return value


def _constants(binding: NodeBinding, source: Binding, tools: Tools) -> tuple[Any, Any]:
    where = Where(binding.code, f"{binding.direction}.{binding.node.name}.{source.field}")
    field = binding.node.fields[source.field]
    local, cross = (constant_of(field, text, where, as_numbers=tools.as_numbers) for text in source.constants)
    return (local, local) if source.constants[0] == source.constants[1] else (local, cross)


def _zero(binding: NodeBinding, source: Binding, tools: Tools) -> tuple[Any, Any]:
    zero = _writer(binding, source, tools)(0)
    return zero, zero


def _path(source: Binding, *, rows: bool) -> str:
    """Return the dotted path of a source, seen from the context."""
    prefix = "whole." if rows else ""
    match source.mark:
        case "@":
            return prefix + _ENVELOPE[source.path]
        case "%":
            return "number"
        case "&":
            return f"asked.{source.path}"
        case "^":
            return f"whole.body.{source.path}"
        case _ if source.path.startswith("fees."):
            return source.path
        case _:
            return f"row.{source.path}" if rows else f"body.{source.path}"


def _exp_writer(binding: NodeBinding) -> Callable[[Any], Any] | None:
    """Return the writer of exp_content: keys whose value is not the attribute's default, as JSON text."""
    kept = [b for b in binding.bindings if b.in_exp and b.mark == ""]
    fixed = [b for b in binding.bindings if b.in_exp and b.mark == ":"]
    if not kept and not fixed:
        return None
    rows = bool(binding.rows)
    get = tuple_getter([_path(b, rows=rows) for b in kept])
    shape = to_write("exp", [], {b.key: msgspec.UNSET for b in (*kept, *fixed)})
    lists = [i for i, b in enumerate(kept) if b.coding == FEES]
    # What an attribute has when nobody set it; the reader leaves it at that.
    unset = [unset_value(b) for b in kept]
    by_patient: Any = tuple([b.constants[cross] or msgspec.UNSET for b in fixed] for cross in (0, 1))

    def write(context: Any) -> Any:
        values: list[Any] = [
            msgspec.UNSET if value == none else value for value, none in zip(get(context), unset, strict=True)
        ]
        for i in lists:
            if values[i] is not msgspec.UNSET:
                values[i] = fees_to_list(values[i])
        values += by_patient[(context.whole if rows else context).cross]
        text = _encode(shape(*values)).decode()
        return msgspec.UNSET if text == "{}" else text

    return write


def _funds_writer(binding: NodeBinding, funds: tuple[FundType, ...], tools: Tools) -> NodeWriter:
    """Return the writer of setldetail: one row for each fund that pays."""
    shape = to_write("fund", ["fund_pay_type", "inscp_scp_amt", "crt_payb_lmt_amt", "fund_payamt"], {})
    where = Where(binding.code, f"{binding.direction}.{binding.node.name}.fund_payamt")
    money = writer_of(binding.node.fields["fund_payamt"], "", where, tools)

    def write(context: Context) -> list[Any]:
        amounts: Settlement = context.body.amounts
        insurance = getattr(context.request.body, "insurance", "")
        rows: list[Any] = []
        named = ""
        for fund in funds:
            amount_fen = getattr(amounts, fund.amount)
            if amount_fen and fund.amount != named and fund.insurance in ("*", insurance):
                named = fund.amount  # the first type that fits an amount is its type
                rows.append(shape(fund.code, money(amounts.in_scope_fen), money(0), money(amount_fen)))
        return rows

    return write
