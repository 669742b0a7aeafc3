"""From the interface's nodes to a message: one function a node, put together from its bindings.

Kinds, lengths and emptiness are checked by msgspec while the JSON is parsed; this module turns what is left into the
attributes of our messages, exactly. It must never guess: a value that cannot be exact is an error that names its field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from reference_impl.wire.bindings import EXP_CONTENT, FUNDS, UNSERVED, Binding, NodeBinding
from reference_impl.wire.errors import WireError, WireWarning, is_somebodys
from reference_impl.wire.structs import exp_to_read
from reference_impl.wire.values import (
    DRUGS,
    FEES,
    ONE_OF,
    Convert,
    Tools,
    Where,
    drugs_from_list,
    fees_from_list,
    reader_of,
    tuple_getter,
    unset_value,
)
from reference_impl.wire.writing import filler

if TYPE_CHECKING:
    from reference_impl.wire.writing import Context

_AMOUNTS = "amounts."
_MOMENT = "_us"
"""How the names of moments end."""


class Stated(NamedTuple):
    """Fields of a node that repeat what stands elsewhere in the message, and what would be written into them."""

    code: str
    node: str
    fields: tuple[str, ...]
    get: Callable[[Any], tuple[Any, ...]]
    fill: Callable[[Any], list[Any]]

    def hold(self, node: Any, context: Context) -> None:
        """Refuse a node that says something else; a field left out or empty says nothing."""
        stated, whole = self.get(node), self.fill(context)
        if stated == tuple(whole):
            return
        for name, said, due in zip(self.fields, stated, whole, strict=True):
            if said != due and said:
                expected = (
                    "nothing: no other is served" if due is msgspec.UNSET else f"{due!r}, as the message itself says"
                )
                raise WireError(self.code, f"in.{self.node}.{name}", said, expected)


class Found:
    """What has been read so far: attributes of the message and of its settlement, and sums the other side stated."""

    __slots__ = ("amounts", "body", "stated", "statements", "warnings")

    def __init__(self, warnings: list[WireWarning] | None) -> None:
        self.body: dict[str, Any] = {}
        self.amounts: dict[str, Any] = {}
        self.stated: dict[str, int] = {}
        self.statements: list[tuple[Stated, Any]] = []
        self.warnings = warnings


NodeReader = Callable[[Any, Found], None]


def node_reader(binding: NodeBinding, rows_of: type[Any] | None, tools: Tools) -> NodeReader | None:
    """Return the reader of one node; None when nothing is taken from it."""
    if binding.struct == FUNDS:
        return None
    if rows_of is not None:
        return _rows_reader(binding, rows_of, tools)
    read = _fields_reader(binding, tools)
    if not binding.node.many:
        return read
    where = Where(binding.code, f"{binding.direction}.{binding.node.name}")

    def read_first(rows: Sequence[Any], found: Found) -> None:
        if binding.direction == "in" and len(rows) > 1:
            raise WireError(*where, f"{len(rows)} rows", "one row: no more are kept")
        if read is None:
            return
        if not rows:
            raise WireError(*where, rows, "at least one row")
        read(rows[0], found)

    return read_first


@dataclass(frozen=True, slots=True)
class _Taken:
    """Fields of one node in the order they are taken, each with what makes it exact."""

    targets: tuple[str, ...]
    get: Callable[[Any], tuple[Any, ...]]
    converts: tuple[tuple[int, Convert], ...]

    def values(self, node: Any) -> list[Any]:
        values = list(self.get(node))
        for i, convert in self.converts:
            values[i] = convert(values[i])
        return values


def _taken(binding: NodeBinding, sources: Sequence[Binding], tools: Tools) -> _Taken:
    converts: list[tuple[int, Convert]] = []
    for i, source in enumerate(sources):
        where = Where(binding.code, f"{binding.direction}.{binding.node.name}.{source.field}")
        convert = reader_of(binding.node.fields[source.field], source.coding, where, tools)
        if convert is not None:
            converts.append((i, convert))
    return _Taken(
        tuple(source.path.removeprefix(_AMOUNTS) for source in sources),
        tuple_getter([source.field for source in sources]),
        tuple(converts),
    )


def _fields_reader(binding: NodeBinding, tools: Tools) -> NodeReader | None:
    plain = [b for b in binding.bindings if not b.in_exp]
    exact = {b.path for b in binding.bindings if b.in_exp and b.mark == ""}
    # A moment that travels exactly in exp_content is read from its text only when that is missing.
    late = [b for b in plain if b.mark == "" and b.path in exact]
    both = [b for b in plain if b.mark == "" and b.path not in exact]
    body = _taken(binding, [b for b in both if not b.path.startswith(_AMOUNTS)], tools)
    amounts = _taken(binding, [b for b in both if b.path.startswith(_AMOUNTS)], tools)
    added = _taken(binding, [b for b in plain if b.mark == "+"], tools)
    stated = _taken(binding, [b for b in plain if b.mark == "="], tools)
    exp = _exp_reader(binding, tools, frozenset(b.path for b in late))
    written = _written_reader(binding, late, tools)
    only, stated_again = _not_done_reader(binding), _stated(binding, tools)
    if not (both or exp or late or only or stated_again):
        return None

    def read(node: Any, found: Found) -> None:
        if only:
            only(node, found)
        if stated_again:
            found.statements.append((stated_again, node))
        found.body.update(zip(body.targets, body.values(node), strict=True))
        if amounts.targets:
            found.amounts.update(zip(amounts.targets, amounts.values(node), strict=True))
            for target, value in zip(added.targets, added.values(node), strict=True):
                found.amounts[target] += value
        if stated.targets:
            found.stated.update(zip(stated.targets, stated.values(node), strict=True))
        if exp:
            exp(node.exp_content, found)
        if late:
            written(node, found)

    return read


def _written_reader(binding: NodeBinding, late: Sequence[Binding], tools: Tools) -> NodeReader:
    """Return what reads moments from their text where exp_content does not say them exactly.

    Where it does, a request that says another second in its text is refused: the exact one would swallow it.
    """
    taken, get = _taken(binding, late, tools), tuple_getter([b.field for b in late])
    holds, prefix = binding.direction == "in", f"{binding.direction}.{binding.node.name}."

    def read(node: Any, found: Found) -> None:
        if late[0].path not in found.body:
            found.body.update(zip(taken.targets, taken.values(node), strict=True))
        elif holds:
            for source, text in zip(late, get(node), strict=True):
                exact = tools.clock.text(found.body[source.path])
                if text != exact:
                    raise WireError(binding.code, prefix + source.field, text, f"{exact}, as {EXP_CONTENT} says")

    return read


def _stated(binding: NodeBinding, tools: Tools) -> Stated | None:
    """Return the fields of a request that repeat what stands elsewhere in it."""
    sources = [b for b in binding.bindings if b.mark == "?"]
    if not sources or binding.direction == "out":
        return None
    fields = tuple(b.field for b in sources)
    return Stated(binding.code, binding.node.name, fields, tuple_getter(fields), filler(binding, sources, tools))


def _not_done_reader(binding: NodeBinding) -> Callable[[Any, Found], None] | None:
    """Return what refuses, or warns of, whatever a node says that nothing would act on."""
    only, unserved = _only_reader(binding), _unserved_reader(binding)
    if only is None or unserved is None:
        return only or unserved

    def check(node: Any, found: Found) -> None:
        only(node, found)
        unserved(node, found)

    return check


def _only_reader(binding: NodeBinding) -> Callable[[Any, Found], None] | None:
    """Return what refuses, or warns of, a value that asks for something we do not do; none asks for nothing."""
    only = [b for b in binding.bindings if b.mark in ("!", "*") and not b.in_exp]
    if not only or binding.direction == "out":
        return None
    get = tuple_getter([b.field for b in only])
    taken = [frozenset((*b.constants, None, "")) for b in only]
    usual = tuple(tuple(b.constants[cross] or None for b in only) for cross in (0, 1))
    prefix = f"{binding.direction}.{binding.node.name}."

    def check(node: Any, found: Found) -> None:
        said = get(node)
        if said in usual:
            return
        for source, values, value in zip(only, taken, said, strict=True):
            if value in values:
                continue
            if source.mark == "!":
                raise WireError(binding.code, prefix + source.field, value, f"{_served(source)}: no other is served")
            if found.warnings is not None:
                expected = f"{_served(source)}: it is taken as that"
                found.warnings.append(WireWarning(binding.code, prefix + source.field, str(value), expected))

    return check


def _unserved_reader(binding: NodeBinding) -> Callable[[Any, Found], None] | None:
    """Return what warns of fields that ask for what we do not do; most messages leave them all out."""
    sources = [b for b in binding.bindings if b.mark == UNSERVED]
    if not sources:
        return None
    get = tuple_getter([b.field for b in sources])
    left_out = (None,) * len(sources)
    prefix = f"{binding.direction}.{binding.node.name}."

    def check(node: Any, found: Found) -> None:
        if found.warnings is None or (values := get(node)) == left_out:
            return
        told = {warning.path for warning in found.warnings}
        for source, value in zip(sources, values, strict=True):
            path = prefix + source.field
            if not value or value == source.path or path in told:
                continue
            expected = "nothing: it is not acted on"
            found.warnings.append(WireWarning(binding.code, path, str(value), expected))

    return check


def _served(source: Binding) -> str:
    return " or ".join(sorted({*source.constants})) or "nothing"


def _exp_reader(
    binding: NodeBinding, tools: Tools, late: frozenset[str] = frozenset()
) -> Callable[[str | None, Found], None] | None:
    """Return the reader of our keys in exp_content; text that is not JSON is somebody else's and is left alone.

    An attribute whose key is missing gets its empty value, unless ``late`` says that another field gives it.
    """
    kept = [b for b in binding.bindings if b.in_exp and b.mark == ""]
    only = [b for b in binding.bindings if b.in_exp and b.mark == "!" and binding.direction == "in"]
    if not kept and not only:
        return None
    decode = msgspec.json.Decoder(exp_to_read([(b.key, b.coding) for b in (*kept, *only)])).decode
    get, get_only = tuple_getter([b.key for b in kept]), tuple_getter([b.key for b in only])
    where = Where(binding.code, f"{binding.direction}.{binding.node.name}.{EXP_CONTENT}")
    check = _exp_check(kept, only, where, tools)
    targets = [(b.path.removeprefix(_AMOUNTS), b.path.startswith(_AMOUNTS), _exp_value(b)) for b in kept]
    empty = {b.path: unset_value(b) for b in kept if b.path not in late}
    empty_body = {path: value for path, value in empty.items() if not path.startswith(_AMOUNTS)}
    empty_amounts = {p.removeprefix(_AMOUNTS): value for p, value in empty.items() if p.startswith(_AMOUNTS)}

    def read(text: str | None, found: Found) -> None:
        found.body.update(empty_body)
        found.amounts.update(empty_amounts)
        if not text:
            return
        try:
            said = decode(text)
        except msgspec.ValidationError as error:
            raise WireError(*where, text, str(error)) from None
        except msgspec.DecodeError:
            if found.warnings is not None:
                found.warnings.append(WireWarning(*where, text, "a JSON object"))
            return
        values = get(said)
        check(text, values, get_only(said))
        for (target, in_amounts, convert), value in zip(targets, values, strict=True):
            if value is not msgspec.UNSET:
                into = found.amounts if in_amounts else found.body
                into[target] = value if convert is None else convert(value)

    return read


def _exp_value(binding: Binding) -> Convert | None:
    """Return what makes an attribute of a key's value; None where it is the value itself."""
    if binding.coding == FEES:
        return fees_from_list
    if binding.coding == DRUGS:
        return drugs_from_list
    if ONE_OF in binding.coding:
        yes = binding.coding.partition(ONE_OF)[2]
        return lambda value: value == yes
    return None


def _exp_check(
    kept: Sequence[Binding], only: Sequence[Binding], where: Where, tools: Tools
) -> Callable[[str, tuple[Any, ...], tuple[Any, ...]], None]:
    """Return what refuses a moment that has no date, and a key that asks for something we do not do."""
    choices = [(i, b.key, b.coding.split(ONE_OF)) for i, b in enumerate(kept) if ONE_OF in b.coding]
    moments = [(i, b.key) for i, b in enumerate(kept) if b.path.endswith(_MOMENT)]
    taken = [(b, frozenset((*b.constants, "", msgspec.UNSET))) for b in only]

    def check(text: str, values: tuple[Any, ...], said: tuple[Any, ...]) -> None:
        for i, key in moments:
            if values[i] is not msgspec.UNSET and not tools.clock.holds(values[i]):
                raise WireError(*where, text, f"{key} a moment that has a date")
        for (source, served), value in zip(taken, said, strict=True):
            if value not in served:
                raise WireError(*where, text, f"{source.key} {_served(source)}: no other is served")
        for i, key, told in choices:
            if values[i] not in (*told, "", msgspec.UNSET):
                raise WireError(*where, text, f"{key} {' or '.join(filter(None, told))}: no other is served")

    return check


def _rows_reader(binding: NodeBinding, rows_of: type[Any], tools: Tools) -> NodeReader:
    """Return the reader of rows: an element each, and what every row repeats from the first."""
    order = {name: i for i, name in enumerate(rows_of.__struct_fields__)}
    own = sorted((b for b in binding.bindings if b.mark == "" and not b.in_exp), key=lambda b: order[b.path])
    row = _taken(binding, own, tools)
    if [order[target] for target in row.targets] != list(range(len(own))):
        raise ValueError(f"{binding.code} {binding.node.name}: rows must fill the first fields of {rows_of.__name__}")
    said_by_all = _shared_reader(binding, tools)
    exp = _exp_reader(binding, tools)
    only = _not_done_reader(binding)
    rows_name = binding.rows

    def read(rows: Sequence[Any], found: Found) -> None:
        said_by_all(rows, found)
        if only:
            for each in rows:
                only(each, found)
        if exp is None:
            found.body[rows_name] = tuple([rows_of(*row.values(each)) for each in rows])
        else:
            found.body[rows_name] = tuple([element(each, found) for each in rows])

    def element(each: Any, found: Found) -> Any:
        values = row.values(each)
        if exp and each.exp_content:
            extra = Found(found.warnings)
            exp(each.exp_content, extra)
            return rows_of(*values, **extra.body)
        return rows_of(*values)

    return read


def _shared_reader(binding: NodeBinding, tools: Tools) -> NodeReader:
    """Return the reader of what every row repeats; without rows it is empty, where it may be."""
    shared = _taken(binding, [b for b in binding.bindings if b.mark == "^"], tools)
    same, needs_row = _same_reader(binding, shared), binding.needs_row
    where = Where(binding.code, f"{binding.direction}.{binding.node.name}")

    def read(rows: Sequence[Any], found: Found) -> None:
        if rows and shared.targets:
            found.body.update(zip(shared.targets, shared.values(rows[0]), strict=True))
            same(rows)
        elif needs_row:
            raise WireError(*where, rows, "at least one row")
        else:
            found.body.update(dict.fromkeys(shared.targets, ""))

    return read


def _same_reader(binding: NodeBinding, shared: _Taken) -> Callable[[Sequence[Any]], None]:
    """Return what refuses a row that names another visit, person or batch than the first: a message is about one."""
    fields = [b.field for b in binding.bindings if b.mark == "^"]

    def check(rows: Sequence[Any]) -> None:
        first = shared.get(rows[0])
        for row in rows[1:]:
            if shared.get(row) == first:
                continue
            name, value, expected = next(p for p in zip(fields, shared.get(row), first, strict=True) if p[1] != p[2])
            path = f"{binding.direction}.{binding.node.name}.{name}"
            wanted = "the same" if is_somebodys(path) else expected
            raise WireError(binding.code, path, value, f"{wanted}, as in the first row")

    return check
