"""``yidi report`` and ``yidi compare``: pages from finished run folders."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from lab.cli import console
from lab.experiments.curve import CURVE_FILE, read_curve
from lab.experiments.pair import write_pair_page
from lab.report.curves import write_curve_page
from lab.report.page import write_report
from lab.report.pages import difference_table, labels, write_comparison
from lab.runs.file import REPORT_FILE, read_run_file, worlds_in
from lab.runs.opened import Opened, open_run
from reference_impl.domain.failures import InputError

PAIR = 2


def report(folder: Path, *, as_json: bool) -> None:
    """Write the page of a run folder again; a folder of both worlds gets its three pages."""
    is_curve = (folder / CURVE_FILE).is_file()
    pages = [write_curve_page(read_curve(folder), folder)] if is_curve else _write_pages(folder)
    if as_json:
        console.say_json({"pages": [str(page) for page in pages]})
    else:
        console.say("\n".join(str(page) for page in pages))


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
    if page.exists():
        raise InputError(f"output {page} exists; expected a new name, choose another with --out")
    page.parent.mkdir(parents=True, exist_ok=True)
    rows = write_comparison(a, b, page)
    if as_json:
        console.say_json({"page": str(page), "measures": [asdict(row) | {"ratio": row.ratio} for row in rows]})
        return
    table = difference_table(rows, labels(a, b))
    console.table(table.head, table.rows)
    console.say(f"page: {page}")


def _open(folder: Path) -> Opened:
    found = worlds_in(folder)
    if len(found) == PAIR:
        raise InputError(f"{folder} holds both worlds; expected one run, such as {folder / 'sim'}")
    [inner] = found.values()
    return open_run(inner, read_run_file(inner))


def _slug(folder: Path) -> str:
    return folder.resolve().name
