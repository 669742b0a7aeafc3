"""Versions of the scenario file: what was spelled otherwise, and how an old file is read.

A file says its ``version``; one that says none is of the newest. A file of an older version is converted as it is read,
its variants with it; an old spelling in a newer file is refused with the new one. Must never change what a key means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

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
            got="a mapping or a list" if isinstance(said, dict | list) else repr(said),
            expected=f"{FIRST} or {VERSION}",
            hint="a newer file needs a newer yidi",
        )
    return _with_version(_respelled(tree))


def converted_data(data: dict[str, Any]) -> dict[str, Any]:
    """Return a resolved scenario, as a run wrote it, as the newest version spells it."""
    version = data.get("version", FIRST)
    if type(version) is not int or version != FIRST:
        return data  # of today's version, or refused by the schema
    sections = dict(data)
    for (section, old), new in RESPELLED.items():
        inner: Any = sections.get(section)
        if isinstance(inner, dict) and old in inner:
            sections[section] = {
                new if key == old else key: value for key, value in cast("dict[str, Any]", inner).items()
            }
    return sections | {"version": VERSION}


def _with_version(tree: Branch) -> Branch:
    members = _members(tree)
    return replace(tree, value=members | {"version": replace(members["version"], value=VERSION)})


def _respelled(tree: Branch) -> Branch:
    members = _members(tree)
    for (section, old), new in RESPELLED.items():
        inner = members.get(section)
        if inner is not None and old in _members(inner):
            members[section] = replace(inner, value=_renamed(_members(inner), section, old, new))
    variants = members.get("variants")
    if variants is not None and isinstance(variants.value, dict):
        members["variants"] = _each(variants, _respelled)
    return replace(tree, value=members)


def _each(branch: Branch, change: Callable[[Branch], Branch]) -> Branch:
    return replace(branch, value={name: change(inner) for name, inner in _members(branch).items()})


def _renamed(members: dict[str, Branch], section: str, old: str, new: str) -> dict[str, Branch]:
    if new in members:
        place = members[new].key_place
        raise ScenarioError(
            "key stands twice",
            file=place.file,
            line=place.line,
            column=place.column,
            key=f"{section}.{new}",
            expected=f"it alone, without its old spelling {old!r}",
        )
    return {new if key == old else key: value for key, value in members.items()}


def _members(branch: Branch) -> dict[str, Branch]:
    return dict(branch.value) if isinstance(branch.value, dict) else {}
