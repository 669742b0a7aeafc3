"""Versions of the scenario file: what was spelled otherwise, and how an old file is read.

A file says its ``version``; one that says none is of the newest. A file of an older version is converted as it is read,
its variants with it; an old spelling in a newer file is refused with the new one. Must never change what a key means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from scenarios.reading.errors import ScenarioError
from scenarios.reading.tree import Branch
from scenarios.schema.scenario import VERSION

__all__ = ["RESPELLED", "converted", "converted_data", "new_spelling"]

FIRST = 1
RESPELLED: dict[tuple[str, str], str] = {
    ("clients", "patience"): "timeout",
    ("clients", "forward_patience"): "forward_timeout",
    ("clients", "reversal_patience"): "reversal_timeout",
    ("gates", "bottleneck.busy"): "bottleneck.utilisation",
}
"""Section and key of version 1, and the key of version 2."""


def new_spelling(path: tuple[str | int, ...]) -> str | None:
    """Return how the key at ``path`` is spelled today, or None when it was never renamed.

    >>> new_spelling(("clients", "patience"))
    'clients.timeout'
    """
    if len(path) > 1 and path[0] == "variants":
        path = path[2:]
    key = (str(path[0]), str(path[1])) if len(path) > 1 else ("", "")
    return f"{key[0]}.{RESPELLED[key]}" if key in RESPELLED else None


def converted(tree: Branch) -> Branch:
    """Return a file as the newest version spells it.

    Raises:
        ScenarioError: when it is of a version that this program does not know.

    """
    stated = tree.child("version")
    said = None if stated is None else stated.value
    whole = type(said) is int  # true is no version, though it equals 1
    if stated is None or (whole and said == VERSION):
        return tree
    if not whole or said != FIRST:
        place = stated.place
        raise ScenarioError(
            "unknown version",
            file=place.file,
            line=place.line,
            column=place.column,
            key="version",
            got=repr(said),
            expected=f"{FIRST} or {VERSION}",
            hint="a newer file needs a newer yidi",
        )
    return _with_version(_respelled(tree))


def converted_data(data: dict[str, Any]) -> dict[str, Any]:
    """Return a resolved scenario, as a run wrote it, as the newest version spells it."""
    if data.get("version", FIRST) == VERSION:
        return data
    sections = dict(data)
    for (section, old), new in RESPELLED.items():
        inner: dict[str, Any] = sections.get(section) or {}
        if old in inner:
            sections[section] = {new if key == old else key: value for key, value in inner.items()}
    return sections | {"version": VERSION}


def _with_version(tree: Branch) -> Branch:
    members = _members(tree)
    return replace(tree, value=members | {"version": replace(members["version"], value=VERSION)})


def _respelled(tree: Branch) -> Branch:
    members = _members(tree)
    for (section, old), new in RESPELLED.items():
        inner = members.get(section)
        if inner is not None and old in _members(inner):
            members[section] = replace(inner, value=_renamed(_members(inner), old, new))
    variants = members.get("variants")
    if variants is not None:
        members["variants"] = _each(variants, _respelled)
    return replace(tree, value=members)


def _each(branch: Branch, change: Callable[[Branch], Branch]) -> Branch:
    return replace(branch, value={name: change(inner) for name, inner in _members(branch).items()})


def _renamed(members: dict[str, Branch], old: str, new: str) -> dict[str, Branch]:
    return {new if key == old else key: value for key, value in members.items()}


def _members(branch: Branch) -> dict[str, Branch]:
    return dict(branch.value) if isinstance(branch.value, dict) else {}
