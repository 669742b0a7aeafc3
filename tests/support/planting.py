"""One planted bug at a time: what is forgotten, and whose attribute becomes what.

``pytest --plant 'NAME' TEST`` runs a test with it (``tests/conftest.py``), so that everybody can see what the test then says.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from importlib import import_module
from typing import Any, NamedTuple

import pytest

__all__ = ["BUGS", "Bug", "bug", "bug_named", "every_bug", "plant"]


class Bug(NamedTuple):
    """What is wrong: ``where`` is ``module:attribute``, ``instead`` makes what stands there wrong."""

    where: str
    instead: Callable[[Any], Any]


BUGS: dict[str, Bug] = {}
"""By what was forgotten, in words; ``support.planted`` fills it."""


def bug(forgotten: str, where: str) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Register a function as a bug: it is given what stands at ``where`` and returns what is to stand there."""

    def register(instead: Callable[[Any], Any]) -> Callable[[Any], Any]:
        assert forgotten not in BUGS, f"two bugs are called {forgotten!r}"
        BUGS[forgotten] = Bug(where, instead)
        return instead

    return register


def every_bug() -> frozenset[str]:
    """Return the names of all bugs that can be planted: those of torture too."""
    import_module("support.planted")
    return frozenset(BUGS) | frozenset(import_module("support.mutants").MUTANTS)


def bug_named(name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Return what plants a bug, this module's or one of torture's; ``LookupError`` where none is called so."""
    import_module("support.planted")
    if name in BUGS:
        return lambda patched: _planted(BUGS[name], patched)
    mutants = import_module("support.mutants").MUTANTS
    if name not in mutants:
        msg = f"no planted bug is called {name!r}; expected one of tests/support/planted.py or tests/support/mutants.py"
        raise LookupError(msg)
    mutant = mutants[name]
    return lambda patched: patched.setattr(mutant.owner, mutant.name, mutant.instead)


def plant(name: str, patched: pytest.MonkeyPatch) -> None:
    """Plant a bug in this process until ``patched`` is undone."""
    bug_named(name)(patched)


def _planted(one: Bug, patched: pytest.MonkeyPatch) -> None:
    module, _, path = one.where.partition(":")
    *owners, attribute = path.split(".")
    owner = reduce(getattr, owners, import_module(module))
    patched.setattr(owner, attribute, one.instead(getattr(owner, attribute)))
