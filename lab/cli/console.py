"""What a person at a terminal sees: progress on standard error, results on standard output, errors in one line.

Standard output belongs to results, so that ``yidi ... --json | jq`` works; nothing else may be written there.
"""

from __future__ import annotations

import json
import sys
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

STEPS = 1000

WIDTH_IN_FILES = 160
"""Columns where there is no terminal to ask: a table in a file need not fold."""

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH_IN_FILES)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Write a line of the result."""
    out.print(text, markup=False)


def counted(count: int, one: str, many: str = "") -> str:
    """Return a number with what it counts.

    >>> counted(1, "item"), counted(1_200, "item"), counted(2, "entry", "entries")
    ('1 item', '1,200 items', '2 entries')
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def say_json(data: Any) -> None:
    """Write a result that a program reads."""
    text = json.dumps(data, ensure_ascii=False, indent=1, default=str)
    if not bears(text):
        text = json.dumps(data, indent=1, default=str)
    sys.stdout.write(text + "\n")


def bears(text: str) -> bool:
    """Return whether standard output has a sign for every character; else a format uses its own escapes."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def complain(text: str) -> None:
    """Write an error, in one line."""
    err.print(f"yidi: {text}", markup=False, style="bold red" if err.is_terminal else None)


def table(head: list[str], rows: list[list[str]], *, words: int = 1) -> None:
    """Write a table; the first ``words`` columns hold words, the others numbers."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(head):
        shown.add_column(name, justify="left" if place < words else "right", no_wrap=True)
    for row in rows:
        shown.add_row(*row)
    out.print(shown, markup=False)


class Bar:
    """Shows how a run goes; a phase is one bar."""

    def __init__(self, *, quiet: bool = False) -> None:
        """Stay silent when ``quiet``: a program is reading."""
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(), TimeRemainingColumn(), console=err, transient=True,
            disable=quiet or not err.is_terminal,
        )  # fmt: skip
        self._quiet = quiet
        self._task: TaskID | None = None
        self._total = 1.0

    def __enter__(self) -> Self:
        """Show the bar."""
        self._progress.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        """Take the bar away."""
        self._progress.stop()

    def begin(self, what: str, total: float) -> None:
        """Say that a phase of ``total`` steps begins."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._total = max(total, 1e-9)
        self._task = self._progress.add_task(what, total=STEPS)
        if not self._quiet and not err.is_terminal:
            err.print(what, markup=False)

    def advance(self, done: float) -> None:
        """Say how many steps are done."""
        if self._task is not None:
            self._progress.update(self._task, completed=min(STEPS, STEPS * done / self._total))

    def note(self, text: str) -> None:
        """Say something worth a line."""
        if not self._quiet:
            self._progress.console.print(text, markup=False)
