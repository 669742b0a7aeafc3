"""A law broken, and what a law is: a plain function from evidence to violations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lab.checker.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Violation:
    """A law broken: which, on which visit (its number in the record or its id in the books), and what was seen."""

    law: str
    visit: str
    detail: str
    msgid: str = ""


Law = Callable[[Evidence], Iterator[Violation]]
