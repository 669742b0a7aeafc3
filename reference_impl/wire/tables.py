"""The interface's field tables, read from ``fields/*.txt`` into typed field specifications.

The notation is that of domain facts, appendix A: ``medfee_sumamt n16,2!``. The tables say what the interface wants;
what our messages put there is in ``bindings``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Literal, cast

from reference_impl.domain.failures import InputError

FieldKind = Literal["s", "n", "int", "d", "dt"]
Direction = Literal["in", "out"]

NEW, OLD = "", "old"
"""The dialects, by the folder of their tables: today's national interface, and the old provincial protocol."""
_FILES = {
    NEW: (
        "person.txt",
        "pharmacy.txt",
        "order.txt",
        "outpatient.txt",
        "inpatient.txt",
        "stay.txt",
        "filing.txt",
        "session.txt",
        "queries.txt",
    ),
    OLD: ("stays.txt",),
}
_FIELD = re.compile(r"(\w+) (int|dt|s|n|d)(\d*)(?:,(\d+))?(\*?)(!?)")
_NODE = re.compile(r"(in|out) (\w+)(\[\])?:")
_TABLE = re.compile(r"== (\w+)(?: as (\w+)(?: without (.+))?)?")
_DATE_LENGTHS = {"d": 19, "dt": 19}  # platforms write a time after a date, so 19 is allowed for both


class TableError(InputError, ValueError):
    """A field table is not written in its notation."""

    def __init__(self, file: str, line: int, got: str, expected: str) -> None:
        super().__init__(f"{file}:{line}: got {got!r}, expected {expected}")


@dataclass(frozen=True, slots=True)
class Field:
    """One field: kind, length in characters or digits, decimal places, dictionary-coded, mandatory."""

    name: str
    kind: FieldKind
    length: int
    places: int
    coded: bool
    mandatory: bool


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a message: fields by name, and whether it holds many rows."""

    name: str
    many: bool
    fields: dict[str, Field]


@dataclass(frozen=True, slots=True)
class Table:
    """One transaction: its nodes going in and coming out."""

    code: str
    nodes_in: dict[str, Node]
    nodes_out: dict[str, Node]

    def nodes(self, direction: Direction) -> dict[str, Node]:
        """Return the nodes of a direction."""
        return self.nodes_in if direction == "in" else self.nodes_out


def read_tables(text: str, file: str, known: dict[str, Table]) -> dict[str, Table]:
    """Return the tables written in ``text``; one may be said to be as another of ``known`` or of the same text.

    Raises:
        TableError: at the first line that is not in the notation.

    """
    found: dict[str, Table] = {}
    table = Table("", {}, {})
    fields: dict[str, Field] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        if line.startswith("=="):
            table = _table(line, {**known, **found}, (file, number))
            found[table.code] = table
        elif match := _NODE.fullmatch(line):
            fields = {}
            direction = cast("Direction", match[1])
            table.nodes(direction)[match[2]] = Node(match[2], match[3] is not None, fields)
        else:
            fields.update({field.name: field for field in _fields(line, (file, number))})
    return found


def _table(line: str, known: dict[str, Table], place: tuple[str, int]) -> Table:
    match = _TABLE.fullmatch(line)
    if match is None:
        raise TableError(*place, line, "'== code', '== code as code' or '== code as code without field, field'")
    code, like, without = match.groups()
    if like is None:
        return Table(code, {}, {})
    if like not in known:
        raise TableError(*place, like, "a transaction whose table is above")
    dropped = frozenset((without or "").replace(" ", "").split(","))

    def kept(nodes: dict[str, Node]) -> dict[str, Node]:
        return {
            name: replace(node, fields={key: field for key, field in node.fields.items() if key not in dropped})
            for name, node in nodes.items()
        }

    return Table(code, kept(known[like].nodes_in), kept(known[like].nodes_out))


def _fields(line: str, place: tuple[str, int]) -> list[Field]:
    fields: list[Field] = []
    for word in line.rstrip(",").split(", "):
        match = _FIELD.fullmatch(word.strip())
        if match is None:
            raise TableError(*place, word, "name type+length, like 'medfee_sumamt n16,2!'")
        name, kind, length, places, coded, mandatory = match.groups()
        if kind == "s" and places is not None:
            kind = "n"  # the source's slip "hifdm_pay s16,2" means a number
        size = int(length) if length else _DATE_LENGTHS.get(kind, 16)
        spec = Field(name, cast("FieldKind", kind), size, int(places or 0), bool(coded), bool(mandatory))
        fields.append(spec)
    return fields


def fields_of(dialect: str) -> Traversable:
    """Return the folder that holds the tables and bindings of a dialect."""
    folder = resources.files("reference_impl.wire").joinpath("fields")
    return folder.joinpath(dialect) if dialect else folder


def load_tables(dialect: str = NEW) -> dict[str, Table]:
    """Return the packaged tables of a dialect by transaction code."""
    folder = fields_of(dialect)
    tables: dict[str, Table] = {}
    for file in sorted(
        _FILES[dialect], key=lambda name: name == "pharmacy.txt"
    ):  # 2103 is as 2208, so pharmacy comes last
        tables.update(read_tables(folder.joinpath(file).read_text("utf-8"), file, tables))
    return tables
