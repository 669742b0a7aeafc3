"""Which attribute of which message fills which field of the interface, read from ``fields/bindings.txt``.

The notation is explained at the top of that file. Everything is checked against the field tables when it is read, so
a message that the interface would refuse for a missing field cannot be built by mistake.
"""

from __future__ import annotations

from dataclasses import dataclass

from reference_impl.wire.tables import NEW, Direction, Node, Table, TableError, fields_of

EXP = "exp."
EXP_CONTENT = "exp_content"
FUNDS = "funds"
_FILE = "bindings.txt"
_MARKS = "~=+^&@:!?*"
_CONSTANT = (":", "!", "*")
UNSERVED = "-"
"""The mark of a field of a request that no line binds: what it asks for is not done, and the reply says so."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One field's source. ``key`` is the JSON key inside exp_content when the field is not one of the interface."""

    field: str
    mark: str
    path: str
    coding: str = ""

    @property
    def in_exp(self) -> bool:
        """Whether it travels inside exp_content."""
        return self.field.startswith(EXP)

    @property
    def key(self) -> str:
        """The key inside exp_content."""
        return self.field.removeprefix(EXP)

    @property
    def constants(self) -> tuple[str, str]:
        """The constant for a local patient and for one of another province."""
        local, _, cross = self.path.partition("|")
        return (local, cross) if "|" in self.path else (local, local)


@dataclass(frozen=True, slots=True)
class NodeBinding:
    """One node's sources. ``rows`` names the attribute whose elements are the node's rows."""

    code: str
    direction: Direction
    node: Node
    struct: str
    rows: str
    bindings: tuple[Binding, ...]

    @property
    def needs_row(self) -> bool:
        """Whether the message must have a row: what it cannot be without is said in its rows."""
        return any(b.mark == "^" and self.node.fields[b.field].mandatory for b in self.bindings)


@dataclass(frozen=True, slots=True)
class FundType:
    """Which fund_pay_type an amount of a settlement has, for an insurance or for ``*`` any."""

    amount: str
    insurance: str
    code: str


@dataclass(frozen=True, slots=True)
class Bindings:
    """All of ``bindings.txt``: nodes by transaction and direction, dictionaries, types of funds."""

    nodes: dict[tuple[str, Direction], tuple[NodeBinding, ...]]
    dictionaries: dict[str, dict[str, str]]
    funds: tuple[FundType, ...]


@dataclass(slots=True)
class _Section:
    words: list[str]
    line: int
    body: list[tuple[int, list[str]]]


def read_bindings(text: str, tables: dict[str, Table]) -> Bindings:
    """Return the bindings written in ``text``.

    Raises:
        TableError: when a line names an unknown field, or a mandatory field of a node has no source.

    """
    groups: dict[str, list[Binding]] = {}
    silent: set[str] = {EXP_CONTENT}
    dictionaries: dict[str, dict[str, str]] = {}
    funds: list[FundType] = []
    nodes: dict[tuple[str, Direction], tuple[NodeBinding, ...]] = {}
    for section in _sections(text):
        match section.words:
            case ["dictionary", name]:
                dictionaries[name] = {words[0]: words[1] for _, words in section.body}
            case ["silent"]:
                silent.update(name for _, words in section.body for name in words)
            case ["funds"]:
                funds = [FundType(*words) for _, words in section.body]
            case ["group", name]:
                groups[name] = [_binding(words, number) for number, words in section.body]
            case [*codes, ("in" | "out") as direction, node, struct]:
                for code in codes:
                    made = _node_binding(section, (code, direction, node, struct), tables, groups, silent)
                    nodes[code, direction] = (*nodes.get((code, direction), ()), made)
            case words:
                raise TableError(_FILE, section.line, " ".join(words), "a section: dictionary, group, funds or node")
    return Bindings(nodes, dictionaries, tuple(funds))


def _sections(text: str) -> list[_Section]:
    sections: list[_Section] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("#")[0].rstrip()
        if not line:
            continue
        if line[0] != " ":
            sections.append(_Section(line.split(), number, []))
        elif sections:
            sections[-1].body.append((number, line.split()))
        else:
            raise TableError(_FILE, number, line.strip(), "a section before the first line of one")
    return sections


def _binding(words: list[str], line: int) -> Binding:
    if len(words) != 2:  # noqa: PLR2004 - a field and its source
        raise TableError(_FILE, line, " ".join(words), "a field and its source")
    field, source = words
    mark = source[0] if source[0] in _MARKS else ""
    path, _, coding = source[len(mark) :].partition("/") if mark not in _CONSTANT else (source[1:], "", "")
    return Binding(field, mark, path, coding)


def _node_binding(
    section: _Section,
    head: tuple[str, Direction, str, str],
    tables: dict[str, Table],
    groups: dict[str, list[Binding]],
    silent: set[str],
) -> NodeBinding:
    code, direction, name, target = head
    node = tables[code].nodes(direction).get(name) if code in tables else None
    if node is None:
        raise TableError(_FILE, section.line, f"{code} {direction} {name}", "a node of the field tables")
    chosen: dict[str, Binding] = {}
    for line, words in section.body:
        if words[0] == "use":
            chosen.update(
                {b.field: b for b in groups[words[1]] if (EXP_CONTENT if b.in_exp else b.field) in node.fields}
            )
            continue
        binding = _binding(words, line)
        if not binding.in_exp and binding.field not in node.fields:
            raise TableError(_FILE, line, binding.field, f"a field of {code} {direction} {name}")
        chosen[binding.field] = binding
    missing = [field.name for field in node.fields.values() if field.mandatory and field.name not in chosen]
    if missing and target != FUNDS:
        raise TableError(_FILE, section.line, f"no source for {missing}", f"all of {code} {direction} {name}")
    if direction == "in":
        unbound = [name for name in node.fields if name not in chosen and name not in silent]
        chosen.update({name: Binding(name, UNSERVED, "0" if name.endswith("_flag") else "") for name in unbound})
    struct, _, rows = target.partition(".")
    return NodeBinding(code, direction, node, struct, rows, tuple(chosen.values()))


def load_bindings(tables: dict[str, Table], dialect: str = NEW) -> Bindings:
    """Return the packaged bindings of a dialect."""
    text = fields_of(dialect).joinpath(_FILE).read_text("utf-8")
    return read_bindings(text, tables)
