"""From a message to the interface's nodes: one function a node, put together from its bindings.

It must never look at a table while it runs: everything that can be known from the tables is known before the first
message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec

from reference_impl.domain.care_types import clearing_of
from reference_impl.domain.fees import ZERO_FEES, FeeLine, FeeTotals, Split
from reference_impl.domain.person import type_of
from reference_impl.domain.transactions import TRANSACTIONS
from reference_impl.wire.bindings import EXP_CONTENT, FUNDS, UNSERVED, Binding, FundType, NodeBinding
from reference_impl.wire.errors import WireError
from reference_impl.wire.structs import to_write
from reference_impl.wire.values import (
    DRUGS,
    FEES,
    ONE_OF,
    Convert,
    Tools,
    Where,
    constant_of,
    drugs_to_list,
    fees_to_list,
    tuple_getter,
    unset_value,
    writer_of,
)

if TYPE_CHECKING:
    from reference_impl.domain.benefit import Settlement
    from reference_impl.protocol.messages import Request, SellDrugs, Settle, UploadLines
    from reference_impl.wire.tables import Node

_ENVELOPE = {
    "now": "now",
    "msgid": "request.msgid",
    "institution": "request.institution",
    "care_region": "request.care_region",
    "insured_region": "insured_region",
    "person": "request.body.person",
    "insurance": "request.body.insurance",
    "person_type": "person_type",
    "care_type": "request.body.care_type",
    "clearing": "clearing",
    "visit": "request.body.visit",
    "settlement": "request.body.settlement",
}
_LISTS: dict[str, Callable[[Any], Any]] = {FEES: fees_to_list, DRUGS: drugs_to_list}
"""What travels in exp_content as a list, and what makes it."""
_encode = msgspec.json.Encoder().encode


class Context(NamedTuple):
    """What a node is filled from."""

    body: Any
    request: Request
    now: str
    fees: FeeTotals | Split
    insured_region: str
    cross: bool

    @property
    def person_type(self) -> str:
        """The type that stands in the person's number."""
        return type_of(self.request.body.person)

    @property
    def clearing(self) -> str:
        """As what a settlement is cleared."""
        kind = TRANSACTIONS[self.request.code].kind
        assert kind is not None  # a settlement is of a kind of visit
        return clearing_of(kind, cast("Settle | SellDrugs", self.request.body).care_type, elsewhere=self.cross)


class _RowContext(NamedTuple):
    row: Any
    asked: FeeLine | None


NodeWriter = Callable[[Context], Any]


def context_of(body: Any, request: Request, now: str, *, cross: bool) -> Context:
    """Return the context of one message."""
    # A blank insured region means a local patient; the nodes that must name it name the region of care then.
    insured_region = request.insured_region or request.care_region
    fees = getattr(body, "fees", None) or getattr(body, "stated", None) or ZERO_FEES
    return Context(body, request, now, fees, insured_region, cross)


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
    if binding.rows:
        return _rows_writer(binding, tools)
    write = _fields_writer(binding, tools)
    if binding.node.many:
        return lambda context: (write(context),)
    return write


def _fields_writer(binding: NodeBinding, tools: Tools) -> NodeWriter:
    """Return the function that fills one struct: values, exp_content, and constants that depend on the patient."""
    sources = _valued(binding)
    fill = filler(binding, sources, tools)
    steady, varying, by_patient = _fixed(binding, tools)
    exp = _exp_writer(binding)
    given = [b.field for b in sources] + ([EXP_CONTENT] if exp else []) + varying
    shape = to_write(f"{binding.code}_{binding.node.name}", given, steady)

    def write(context: Context) -> Any:
        values = fill(context)
        if exp:
            values.append(exp(context, context.cross))
        return shape(*values, *by_patient[context.cross])

    return write


def _rows_writer(binding: NodeBinding, tools: Tools) -> NodeWriter:
    """Return the function that fills one struct an element; what all rows share is worked out once a message."""
    sources = _valued(binding)
    shared = [b for b in sources if b.mark in ("^", "@")]
    own = [b for b in sources if b not in shared]
    fill_shared, fill_own = filler(binding, shared, tools), filler(binding, own, tools)
    steady, varying, by_patient = _fixed(binding, tools)
    exp = _exp_writer(binding)
    given = [b.field for b in shared] + varying + [b.field for b in own] + ([EXP_CONTENT] if exp else [])
    shape = to_write(f"{binding.code}_{binding.node.name}", given, steady)
    rows, needs_row = binding.rows, binding.needs_row
    only_there = [i for i, b in enumerate(shared) if b.mark == "^"]
    needs_asked = any(b.mark == "&" for b in own)
    where = Where(binding.code, f"{binding.direction}.{binding.node.name}")

    def write(context: Context) -> list[Any]:
        elements: Sequence[Any] = getattr(context.body, rows)
        if not elements and (needs_row or _says_any(fill_shared(context), only_there)):
            raise WireError(*where, elements, "at least one row")
        asked: Sequence[Any] = elements
        if needs_asked:
            asked = cast("UploadLines", context.request.body).lines
        if len(asked) != len(elements):
            raise WireError(*where, f"{len(elements)} rows", f"{len(asked)} rows, as many as were asked about")
        head = (*fill_shared(context), *by_patient[context.cross])
        written: list[Any] = []
        for row, line in zip(elements, asked, strict=True):
            row_context = _RowContext(row, line)
            values = fill_own(row_context)
            if exp:
                values.append(exp(row_context, context.cross))
            written.append(shape(*head, *values))
        return written

    return write


def _says_any(values: Sequence[Any], which: Sequence[int]) -> bool:
    """Return whether something would be left unsaid without a row that says it."""
    return any(values[i] is not msgspec.UNSET for i in which)


def _valued(binding: NodeBinding) -> list[Binding]:
    return [b for b in binding.bindings if not b.in_exp and b.mark not in (":", "!", "*", "+", UNSERVED)]


def filler(binding: NodeBinding, sources: Sequence[Binding], tools: Tools) -> Callable[[Any], list[Any]]:
    """Return the function from a context to the sources' values as they stand in the JSON."""
    get = tuple_getter([_path(b, rows=bool(binding.rows)) for b in sources])
    converts = [(i, _writer(binding, b, tools)) for i, b in enumerate(sources) if b.path != "now"]

    def fill(context: Any) -> list[Any]:
        values: list[Any] = list(get(context))
        for i, convert in converts:
            values[i] = convert(values[i])
        return values

    return fill


def _fixed(
    binding: NodeBinding, tools: Tools
) -> tuple[dict[str, Any], list[str], tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Return constants by field, the fields that depend on the patient, and their values for local and cross."""
    steady: dict[str, Any] = {}
    varying: dict[str, tuple[Any, Any]] = {}
    for source in binding.bindings:
        if source.mark == "+":
            steady[source.field] = _writer(binding, source, tools)(0)
        elif source.mark in (":", "!", "*") and not source.in_exp and source.path:
            where = Where(binding.code, f"{binding.direction}.{binding.node.name}.{source.field}")
            field = binding.node.fields[source.field]
            local, cross = (constant_of(field, text, where, as_numbers=tools.as_numbers) for text in source.constants)
            if source.constants[0] == source.constants[1]:
                steady[source.field] = local
            else:
                varying[source.field] = (local, cross)
    pairs = varying.values()
    return steady, list(varying), (tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs))


def _writer(binding: NodeBinding, source: Binding, tools: Tools) -> Convert:
    where = Where(binding.code, f"{binding.direction}.{binding.node.name}.{source.field}")
    return writer_of(binding.node.fields[source.field], source.coding, where, tools)


def _path(source: Binding, *, rows: bool) -> str:
    """Return the dotted path of a source, seen from the message's context, or from the row's."""
    match source.mark:
        case "@":
            return _ENVELOPE[source.path]
        case "?" if source.path.startswith("@"):
            return _ENVELOPE[source.path[1:]]
        case "^":
            return f"body.{source.path}"
        case "&":
            return f"asked.{source.path}"
        case _ if source.path.startswith("fees."):
            return source.path
        case _:
            return f"row.{source.path}" if rows else f"body.{source.path}"


def _exp_writer(binding: NodeBinding) -> Callable[[Any, bool], Any] | None:
    """Return the writer of exp_content: keys whose value is not the attribute's default, as JSON text."""
    kept = [b for b in binding.bindings if b.in_exp and b.mark == ""]
    fixed = [b for b in binding.bindings if b.in_exp and b.mark in (":", "!")]
    if not kept and not fixed:
        return None
    get = tuple_getter([_path(b, rows=bool(binding.rows)) for b in kept])
    shape = to_write("exp", [], {b.key: msgspec.UNSET for b in (*kept, *fixed)})
    lists = [(i, _LISTS[b.coding]) for i, b in enumerate(kept) if b.coding in _LISTS]
    # A no is said of a patient of another province only: the additions are of cross-region business.
    choices = [(i, *b.coding.split(ONE_OF)) for i, b in enumerate(kept) if ONE_OF in b.coding]
    # What an attribute has when nobody set it; the reader leaves it at that.
    unset = [unset_value(b) for b in kept]
    by_patient: Any = tuple([b.constants[cross] or msgspec.UNSET for b in fixed] for cross in (0, 1))

    def write(context: Any, cross: bool) -> Any:  # noqa: FBT001 - an index of two; a keyword costs on the hot path
        values: list[Any] = [
            msgspec.UNSET if value == none else value for value, none in zip(get(context), unset, strict=True)
        ]
        for i, to_list in lists:
            if values[i] is not msgspec.UNSET:
                values[i] = to_list(values[i])
        for i, no, yes in choices:
            values[i] = yes if values[i] is True else (cross and no) or msgspec.UNSET
        values += by_patient[cross]
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
