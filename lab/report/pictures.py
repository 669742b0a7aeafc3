"""The pictures of a run's page: what the summary holds is drawn from it, what goes over time from the record.

A picture must never show a figure other than the one the summary has.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import polars as pl

from lab.report import figures
from lab.report.cutover_figures import draw_cutover
from lab.report.figures import Picture
from lab.report.summary import Result
from lab.report.wording import transaction_names
from lab.runs.opened import Opened


def draw_run(opened: Opened, result: Result, target: Path) -> dict[str, Picture]:
    """Draw every figure of the page of a run into ``target``; what nothing is known of is not drawn."""
    names = transaction_names()
    drawn = {
        "over_time": figures.draw_over_time(opened.record, opened.scenario, target),
        "fates": figures.draw_fates(result.fates, target),
    }
    if result.cutover is not None:
        drawn |= draw_cutover(opened.record, opened.scenario, target)
    if any(row.p50_us is not None for row in result.transactions):
        drawn["transactions"] = figures.draw_transactions(_frame(result.transactions), target, names)
    if result.hops:
        drawn["hops"] = figures.draw_hops(_frame(result.hops), target, names)
    if result.stations:
        drawn["stations"] = figures.draw_stations(_frame(result.stations), target)
    return drawn


def _frame(rows: Sequence[msgspec.Struct]) -> pl.DataFrame:
    """Return rows as the table that a figure is drawn from: columns named as the fields, without their unit."""
    columns = {
        name.removesuffix("_us"): [getattr(row, name) for row in rows]
        for name in rows[0].__struct_fields__
        if name != "outcomes"
    }
    return pl.DataFrame(columns)
