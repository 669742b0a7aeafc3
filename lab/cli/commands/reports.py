"""``yidi report`` and ``yidi compare``: pages from finished run folders."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from lab.cli import console
from lab.experiments.curve import CURVE_FILE, read_curve
from lab.experiments.pair import write_pair_page
from lab.report.curves import write_curve_page
from lab.report.page import data_path, write_report
from lab.report.pages import write_comparison
from lab.report.wording_pair import HOW, difference_table, labels
from lab.runs.file import REPORT_FILE, partial_of, read_run_file, refuse_unnameable, worlds_in
from lab.runs.opened import Opened, open_run, refuse_altered
from reference_impl.domain.failures import InputError

PAIR = 2


def report(folder: Path, *, as_json: bool) -> None:
    """Write the page of a run folder again; a folder of both worlds gets its three pages.

    Raises:
        InvalidRunError: the pages are written, and say that the tables are no longer those of the run.

    """
    refuse_unnameable(folder)
    is_curve = (folder / CURVE_FILE).is_file()
    pages = [write_curve_page(read_curve(folder), folder)] if is_curve else _write_pages(folder)
    if as_json:
        console.say_json({"pages": [str(page) for page in pages]})
    else:
        console.say("\n".join(str(page) for page in pages))
    if not is_curve:
        refuse_altered(*_opened(folder))


def _opened(folder: Path) -> list[Opened]:
    runs = {inner: read_run_file(inner) for inner in worlds_in(folder).values()}
    return [open_run(inner, run) for inner, run in runs.items() if run.replications]


def _write_pages(folder: Path) -> list[Path]:
    found = worlds_in(folder)
    pages = [write_report(inner) for inner in found.values()]
    if len(found) == PAIR:
        write_pair_page(folder)
        pages.append(folder / REPORT_FILE)
    return pages


def compare(first: Path, second: Path, out: Path | None, *, as_json: bool) -> None:
    """Write the page of two runs side by side and print their differences."""
    a, b = _open(first), _open(second)
    page = out or Path(f"compare-{a.run.name}-{_slug(first)}-{_slug(second)}.html")
    _refuse_taken(page)
    summary = write_comparison(a, b, page)
    if as_json:
        console.say_json({"page": str(page), "measures": msgspec.to_builtins(summary.differences)})
    else:
        table = difference_table(summary, labels(summary))
        console.table(table.head, table.rows)
        for line in (HOW[summary.intervals], table.note, f"page: {page}"):
            console.say(line)
    refuse_altered(a, b)


def _refuse_taken(page: Path) -> None:
    """Raise when the page or the JSON beside it would be written over something, a run's ``run.json`` for one."""
    partial_of(page)
    if data_path(page) == page:
        raise InputError(
            f"output {page} is where the page's content goes; expected a page, such as {page.with_suffix('.html')}"
        )
    for path in (page, data_path(page)):
        if os.path.lexists(path):
            raise InputError(f"output {path} exists; expected a new name, choose another with --out")


def _open(folder: Path) -> Opened:
    found = worlds_in(folder)
    if len(found) == PAIR:
        raise InputError(f"{folder} holds both worlds; expected one run, such as {folder / 'sim'}")
    [inner] = found.values()
    return open_run(inner, read_run_file(inner))


def _slug(folder: Path) -> str:
    return folder.resolve().name
