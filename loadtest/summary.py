"""Locust's own statistics of a run: its summary table for a person, its CSV files for tools that read them."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path

from locust.runners import Runner
from locust.stats import (
    PERCENTILES_TO_REPORT,
    StatsCSV,
    get_error_report_summary,  # pyright: ignore[reportUnknownVariableType] - Locust types its neighbours only
    get_percentile_stats_summary,
    get_stats_summary,
)

SUMMARY_FILE = "locust_summary.txt"


def write_locust_statistics(runner: Runner, folder: Path, *, show: bool = True) -> None:
    """Write Locust's tables into the run folder and, if asked, show its summary on standard error."""
    lines = [*get_stats_summary(runner.stats, current=False), "", *get_percentile_stats_summary(runner.stats)]
    if runner.errors:
        lines += ["", *get_error_report_summary(runner.stats)]
    text = "\n".join(lines) + "\n"
    (folder / SUMMARY_FILE).write_text(text, encoding="utf-8")
    if show:
        sys.stderr.write(text)
    tables = StatsCSV(runner.environment, PERCENTILES_TO_REPORT)
    _write(folder / "locust_stats.csv", tables.requests_csv)
    _write(folder / "locust_failures.csv", tables.failures_csv)
    _write(folder / "locust_exceptions.csv", tables.exceptions_csv)


def _write(path: Path, fill: Callable[..., None]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        fill(csv.writer(file))
