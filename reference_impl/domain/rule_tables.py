"""Rules kept as tables in TOML: read into typed rows, or refused in one sentence.

What a table may say is the type of its rows. This module must never know what a rule is about.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from reference_impl.domain.failures import InputError
from reference_impl.domain.unreadable import NO_TOML

__all__ = ["RuleError", "Versioned", "as_table", "read_text", "refuse_overlaps"]

_KindT = TypeVar("_KindT", bound=msgspec.Struct)


class RuleError(InputError):
    """A table of rules, of ways to pay or of indicators that says what it may not."""


class Versioned(Protocol):
    """A row that holds from a day until a day, both included; without an end from then on."""

    @property
    def id(self) -> str:
        """What it is called; versions of one row have one name."""
        ...

    @property
    def begins(self) -> date:
        """Its first day."""
        ...

    @property
    def until(self) -> date | None:
        """Its last day."""
        ...


def read_text(path: Path, what: str) -> str:
    """Return the text of a file of rules.

    Raises:
        RuleError: when it cannot be read.

    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"{path}: cannot read {what} ({error}); expected a TOML file of such tables") from error


def as_table(text: str, where: str, kind: type[_KindT]) -> _KindT:
    """Return TOML text as the tables of ``kind``.

    Raises:
        RuleError: when it is no TOML, or has a key, a type or a value that may not stand there.

    """
    try:
        return msgspec.convert(tomllib.loads(text), kind)
    except msgspec.ValidationError as error:
        said = str(error)
        told = f"{where}: {said[:1].lower()}{said[1:]}"
        raise RuleError(f"{told}; expected tables as in the packaged file") from error
    except NO_TOML as error:
        raise RuleError(f"{where}: is no TOML: {error}; expected tables as in the packaged file") from error


def refuse_overlaps(rows: Iterable[Versioned], where: str) -> None:
    """Raise when two versions of one row hold on one day.

    Raises:
        RuleError: naming the row and its versions.

    """
    for before, after in pairwise(sorted(rows, key=lambda one: (one.id, one.begins))):
        if before.id == after.id and (before.until is None or after.begins <= before.until):
            raise RuleError(
                f"{where}: {after.id!r} has versions that overlap: from {before.begins} until "
                f"{before.until or 'now on'}, and from {after.begins}; expected the earlier to end before"
            )
