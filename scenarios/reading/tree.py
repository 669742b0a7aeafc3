"""A YAML document as a tree that remembers where every key and value stands.

Overlays and single settings are merged on this tree, so that an error names the line that caused it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from scenarios.reading.errors import ScenarioError

MAX_BYTES = 4 * 1024 * 1024
MAX_NODES = 50_000
"""A scenario is a page or two; the bounds stop a wrong file and an alias bomb early."""

MAX_DEPTH = 50
"""Keys and lists inside one another; a scenario has six."""
MAX_DIGITS = 300
"""Of a whole number: a longer one is no float either."""

_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?")
_PLAIN_WORDS: dict[str, object] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; line and column count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Branch:
    """A value with its place and, in a mapping, the place of its key."""

    value: str | float | bool | dict[str, Branch] | list[Branch] | None
    place: Place
    key_place: Place

    def plain(self) -> object:
        """Return the value without its places."""
        if isinstance(self.value, dict):
            return {key: branch.plain() for key, branch in self.value.items()}
        if isinstance(self.value, list):
            return [branch.plain() for branch in self.value]
        return self.value

    def child(self, step: str | int) -> Branch | None:
        """Return the branch at ``step``; None when there is none."""
        if isinstance(self.value, dict):
            return self.value.get(str(step))
        if isinstance(self.value, list) and isinstance(step, int) and 0 <= step < len(self.value):
            return self.value[step]
        return None


def read_tree(path: Path) -> Branch:
    """Return the document at ``path``; raise :class:`ScenarioError` for anything that is not one YAML mapping."""
    return parse_tree(_text_of(path), str(path))


def parse_tree(text: str, file: str) -> Branch:
    """Return the document written in ``text``."""
    try:
        node = _composed(text, Place(file, 1, 1))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = f"not YAML: {error.problem or error.context}"
        raise ScenarioError(what, file=file, line=line, column=column) from error
    except yaml.YAMLError as error:
        raise ScenarioError(f"not YAML: {str(error).splitlines()[0]}", file=file, line=1, column=1) from error
    if node is None:
        raise ScenarioError("empty file", file=file, line=1, column=1, expected="a mapping with at least 'name'")
    tree = _Converter(file).convert(node, _place(node, file))
    if not isinstance(tree.value, dict):
        raise ScenarioError(
            "not a scenario", file=file, line=1, column=1, got=_kind(node), expected="a mapping with at least 'name'"
        )
    return tree


def parse_value(text: str, file: str) -> Branch:
    """Return a single value, as written after ``--set path=``."""
    try:
        node = _composed(text, Place(file, 0, 0))
    except yaml.YAMLError as error:
        raise ScenarioError("not YAML", file=file, got=repr(text), expected="a value as in a file") from error
    place = Place(file, 0, 0)
    return Branch(None, place, place) if node is None else _Converter(file).convert(node, place, place)


def overlay(below: Branch, above: Branch) -> Branch:
    """Return ``below`` with ``above`` merged over it: mappings by key, all else replaced."""
    if not isinstance(below.value, dict) or not isinstance(above.value, dict):
        return above
    merged = dict(below.value)
    for key, branch in above.value.items():
        merged[key] = overlay(merged[key], branch) if key in merged else branch
    return replace(below, value=merged)


def _composed(text: str, place: Place) -> yaml.Node | None:
    try:
        return yaml.SafeLoader(text).get_single_node()
    except RecursionError:  # from None: its traceback is a thousand lines
        raise _too_deep(place) from None


def _too_deep(place: Place) -> ScenarioError:
    expected = f"at most {MAX_DEPTH} levels"
    return ScenarioError("nested too deep", file=place.file, line=place.line, column=place.column, expected=expected)


def _text_of(path: Path) -> str:
    try:
        raw = path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ScenarioError(f"cannot read: {reason}", file=str(path), expected="a readable YAML file") from error
    if raw is None:
        raise ScenarioError("file too large", file=str(path), expected=f"a YAML file of at most {MAX_BYTES} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        got = f"byte 0x{raw[error.start]:02x} at offset {error.start}"
        raise ScenarioError("not a text file", file=str(path), got=got, expected="YAML in UTF-8") from error
    if "\0" in text:
        raise ScenarioError("not a text file", file=str(path), got="a zero byte", expected="YAML in UTF-8")
    return text


def _place(node: yaml.Node, file: str) -> Place:
    mark = node.start_mark
    return Place(file, mark.line + 1, mark.column + 1)


def _kind(node: yaml.Node) -> str:
    return "a list" if isinstance(node, yaml.SequenceNode) else "a single value"


class _Converter:
    """Turns YAML nodes into branches, once a document."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._above: list[int] = []
        self._count = 0

    def convert(self, node: yaml.Node, key_place: Place, fixed: Place | None = None) -> Branch:
        place = fixed or _place(node, self._file)
        self._count += 1
        if id(node) in self._above or self._count > MAX_NODES:
            raise self._error("an alias that contains itself, or too many values", place)
        if len(self._above) > MAX_DEPTH:
            raise _too_deep(place)
        if isinstance(node, yaml.ScalarNode):
            if len(node.value) > MAX_DIGITS and node.style is None and _INT.fullmatch(node.value):
                raise self._error("number too long", place, hint=f"write at most {MAX_DIGITS} digits")
            return Branch(_scalar(node), place, key_place)
        self._above.append(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return Branch(self._mapping(node, fixed), place, key_place)
            items = [self.convert(item, fixed or _place(item, self._file), fixed) for item in node.value]
            return Branch(items, place, key_place)
        finally:
            self._above.pop()

    def _mapping(self, node: yaml.MappingNode, fixed: Place | None) -> dict[str, Branch]:
        members: dict[str, Branch] = {}
        for key, value in self._pairs(node):
            place = fixed or _place(key, self._file)
            name = str(key.value)
            if name in members:
                first = members[name].key_place
                hint = f"first given at line {first.line}; keep one" if first.line else "keep one"
                raise self._error("duplicate key", place, key=name, hint=hint)
            members[name] = self.convert(value, place, fixed)
        return members

    def _pairs(self, node: yaml.MappingNode) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._error("key is not a single word", _place(key, self._file))
            yield key, value

    def _error(self, what: str, place: Place, *, key: str = "", hint: str = "") -> ScenarioError:
        return ScenarioError(what, file=place.file, line=place.line, column=place.column, key=key, hint=hint)


def _scalar(node: yaml.ScalarNode) -> str | float | bool | None:
    """Read a plain word as YAML 1.2 does: no ``yes``, no base 60, no dates."""
    text = str(node.value)
    if node.style is not None:
        return text
    if text.lower() in _PLAIN_WORDS:
        word = _PLAIN_WORDS[text.lower()]
        return word if isinstance(word, bool) else None
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
