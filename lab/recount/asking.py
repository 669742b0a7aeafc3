"""The questions, each put to the scratch database, and what was found.

Must never judge by anything but the SQL of ``questions.sql``.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lab.recount.sheets import laid_out
from lab.recount.sources import source_in

if TYPE_CHECKING:
    from lab.recount.sheets import Source

__all__ = ["Answer", "Breach", "Question", "Recount", "questions", "recount", "recount_folder"]

_QUESTIONS = Path(__file__).with_name("questions.sql")
_HEAD = re.compile(r"^-- (\w+): (.+)$")
_UNLESS = "-- unless: "
_OF_THE_RECORD = re.compile(r"\b(history|heard|patients|parts|closings)\b")
_HEARD = "messages.parquet"
LISTED_MAX = 50
"""So many breaches of one question are kept; the counts are always whole."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something that must hold. ``sql`` finds what breaks it, ``unless`` why it cannot be asked, by any row."""

    name: str
    sentence: str
    sql: str
    unless: str = ""

    @property
    def of_the_record(self) -> bool:
        """Whether it asks what hospitals heard too, so that books alone cannot answer it."""
        return _OF_THE_RECORD.search(self.sql) is not None


class Breach(NamedTuple):
    """One thing that breaks a question."""

    where: str
    about: str
    detail: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question; ``not_asked`` says why it was not."""

    question: Question
    found: int = 0
    breaches: tuple[Breach, ...] = ()
    not_asked: str = ""


@dataclass(frozen=True, slots=True)
class Recount:
    """What came of all of them, and what they were asked about."""

    answers: tuple[Answer, ...]
    nodes: int
    messages: int
    settlements: int
    heard: int
    open_intents: int

    @property
    def found(self) -> int:
        """How many breaches there are."""
        return sum(one.found for one in self.answers)


@cache
def questions() -> tuple[Question, ...]:
    """Return the questions, in their order."""
    blocks = re.split(r"\n\s*\n", _QUESTIONS.read_text(encoding="utf-8"))
    return tuple(_question(lines) for block in blocks if _HEAD.match((lines := block.strip().splitlines())[0]))


def _question(lines: list[str]) -> Question:
    head = _HEAD.match(lines[0])
    assert head is not None  # the caller looked
    unless = next((line.removeprefix(_UNLESS) for line in lines if line.startswith(_UNLESS)), "")
    sql = "\n".join(line for line in lines if not line.startswith("--"))
    return Question(head[1], head[2], sql, unless)


def recount_folder(folder: Path) -> Recount:
    """Ask everything of the books of a folder, and of the record beside them if there is one.

    Raises:
        InputError: when there are no books, or they cannot be read.

    """
    record = next((place for place in (folder, folder.parent) if (place / _HEARD).exists()), None)
    return recount(source_in(folder), record)


def recount(source: Source, record: Path | None) -> Recount:
    """Ask everything of the books of a source, and of the record in a folder.

    Raises:
        InputError: when they cannot be read.

    """
    scratch = laid_out(source, record)
    try:
        return Recount(
            answers=tuple(_answer(scratch, one, recorded=record is not None) for one in questions()),
            nodes=_count(scratch, "nodes"),
            messages=_count(scratch, "messages"),
            settlements=_count(scratch, "settlements"),
            heard=_count(scratch, "heard"),
            open_intents=_count(
                scratch, "messages WHERE reply IS NULL AND request = 1 AND reversed_by IS NULL AND withdrawn = 0"
            ),
        )
    finally:
        scratch.close()


def _answer(scratch: sqlite3.Connection, question: Question, *, recorded: bool) -> Answer:
    if question.of_the_record and not recorded:
        return Answer(question, not_asked="no record lies beside the books")
    if question.unless:
        why = scratch.execute(question.unless).fetchone()
        if why is not None:
            return Answer(question, not_asked=str(why[0]))
    try:
        broken = scratch.execute(question.sql).fetchall()
    except sqlite3.OperationalError as error:  # sums of what no books can hold
        return Answer(question, 1, (Breach("?", "?", f"cannot be worked out: {error}"),))
    return Answer(question, len(broken), tuple(_breaches(broken[:LISTED_MAX])))


def _breaches(rows: Iterable[tuple[object, ...]]) -> Iterable[Breach]:
    return (Breach(*("?" if cell is None else str(cell) for cell in row)) for row in rows)


def _count(scratch: sqlite3.Connection, table: str) -> int:
    return int(scratch.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own names
