"""Puts a page together: one HTML file with its styles and figures inside, its content as JSON and PNG files beside it.

Page and JSON are written from one and the same summary. Neither may ever be written without the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from lab.calibration.machine import versions
from lab.report.figures import Picture
from lab.report.pictures import draw_run
from lab.report.summarise import summarise_run
from lab.report.summary import ComparisonSummary, CostsSummary, CurveSummary, RunSummary, Summary, encoded
from lab.report.wording import run_words
from lab.report.wording_costs import costs_words
from lab.report.wording_curve import curve_words
from lab.report.wording_pair import pair_words
from lab.runs.file import PARTIAL, REPORT_FILE, read_run_file
from lab.runs.opened import open_run
from reference_impl.domain.failures import InputError

FIGURES = "figures"


def write_report(folder: Path) -> Path:
    """Write the report page of one run folder into it, its JSON beside it, and return the page's path."""
    run = read_run_file(folder)
    opened = open_run(folder, run, small=True) if run.replications else None
    summary = summarise_run(opened.run if opened is not None else run, opened)
    figures = figures_folder(folder)
    drawn = draw_run(opened, summary.result, figures) if opened is not None and summary.result is not None else {}
    return write_page(folder / REPORT_FILE, summary, drawn)


def figures_folder(folder: Path) -> Path:
    """Return where the pictures of a page in ``folder`` go, once it is there."""
    figures = folder / FIGURES
    try:
        figures.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot make {figures} for the page's pictures: {error.strerror}; expected a folder, or nothing, there"
        ) from error
    return figures


def write_page(path: Path, summary: Summary, pictures: dict[str, Picture]) -> Path:
    """Write a page and the JSON beside it; a reader finds either whole, or as it was before."""
    page = _filled(summary, pictures).encode()
    fresh = [_written(path, page), _written(data_path(path), encoded(summary))]
    for partial in fresh:
        partial.replace(partial.with_name(partial.name.removesuffix(PARTIAL)))
    return path


def data_path(page: Path) -> Path:
    """Return where the content of a page stands as JSON.

    >>> data_path(Path("run/report.html")).name
    'report.json'
    """
    return page.with_suffix(".json")


def _written(path: Path, text: bytes) -> Path:
    partial = path.with_name(path.name + PARTIAL)
    partial.write_bytes(text)
    return partial


def _filled(summary: Summary, pictures: dict[str, Picture]) -> str:
    template, words = _worded(summary)
    environment = Environment(
        loader=PackageLoader("lab.report"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = words | {"pictures": pictures, "footer_version": versions().get("yidi", "from its source")}
    return environment.get_template(template).render(shown)


def _worded(summary: Summary) -> tuple[str, dict[str, Any]]:
    """Return the template of a page and what it shows."""
    match summary:
        case RunSummary():
            return "run.html", run_words(summary)
        case ComparisonSummary():
            return "compare.html", pair_words(summary)
        case CurveSummary():
            return "curve.html", curve_words(summary)
        case CostsSummary():
            return "costs.html", costs_words(summary)
