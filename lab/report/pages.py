"""The page of two runs side by side, and the figures on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lab.analysis.prediction import PredictionErrors
from lab.analysis.scope import scope_of
from lab.report import series
from lab.report.cutover_pair import draw_budget
from lab.report.figures import WIDTH_IN, Picture
from lab.report.format import digits
from lab.report.page import figures_folder, write_page
from lab.report.style import PAIR_LOOKS, across, drawing, legend_above, plain_log, save
from lab.report.summarise import summarise_pair
from lab.report.summary import ComparisonSummary
from lab.report.wording import transaction_names
from lab.report.wording_pair import labels
from lab.runs.opened import Opened

SHARES = np.linspace(0.0, 1.0, 201)
MANY = 30
"""Visits in a group below which its percentiles are not shown."""


def write_comparison(
    first: Opened, second: Opened, path: Path, errors: PredictionErrors | None = None
) -> ComparisonSummary:
    """Write the page of two runs side by side, its JSON beside it, and return what they say."""
    summary = summarise_pair(first, second, errors)
    figures = figures_folder(path.parent)
    names = labels(summary)
    drawn = {
        "distribution": draw_distributions(first, second, names, figures),
        "over_time": draw_over_time(first, second, names, figures),
    }
    budget = draw_budget(summary, names, figures)
    if budget is not None:
        drawn["budget"] = budget
    transactions = draw_transactions(first, second, names, figures)
    if transactions is not None:
        drawn["transactions"] = transactions
    write_page(path, summary, drawn)
    return summary


def draw_distributions(first: Opened, second: Opened, names: tuple[str, str], folder: Path) -> Picture:
    """Draw the share of settlements that took longer, for both runs."""
    with drawing(WIDTH_IN, 3.4) as (figure, axes):
        for opened, name, look in zip((first, second), names, PAIR_LOOKS, strict=True):
            taken = scope_of(opened.record, opened.scenario).visits["latency_us"].drop_nulls().to_numpy()
            if taken.size:
                quantiles = np.quantile(taken, SHARES)
                axes.plot(
                    quantiles, SHARES * 100, color=look.colour, linestyle=look.line, marker=look.marker,
                    markevery=20, label=f"{name}, {digits(taken.size)} settlements",
                )  # fmt: skip
        axes.set_title("Settlements done within")
        axes.set_ylabel("% of settlements")
        axes.set_ylim(0, 102)
        axes.grid(visible=True, axis="both")
        plain_log(axes, axis="x")
        legend_above(axes)
        return Picture(save(figure, folder, "distribution"), "Distribution of settlement latency", "distribution.png")


def draw_over_time(first: Opened, second: Opened, names: tuple[str, str], folder: Path) -> Picture:
    """Draw settlements and p95 over time, both runs on one people-time axis."""
    ends = [series.end_of(o.record, o.scenario.horizon.length) * o.scenario.scale.time for o in (first, second)]
    unit = series.time_unit(max(ends))
    with drawing(WIDTH_IN, 4.6, nrows=2, sharex=True) as (figure, (flow, latency)):
        for opened, name, look in zip((first, second), names, PAIR_LOOKS, strict=True):
            scale = opened.scenario.scale.time
            bins, _ = series.over_time(opened.record, series.end_of(opened.record, opened.scenario.horizon.length))
            at = bins["at_us"].to_numpy() * scale / unit.per
            flow.step(at, bins["settled"], where="post", color=look.colour, linestyle=look.line, label=name)
            p95 = bins["p95"].cast(float).fill_null(float("nan")).to_numpy()
            latency.plot(at, p95, color=look.colour, linestyle=look.line, marker=look.marker, markersize=3, label=name)
        flow.set_title("Settled directly, visits a second of the run")
        flow.set_ylim(bottom=0)
        legend_above(flow)
        latency.set_title("p95 of settlement latency")
        plain_log(latency)
        latency.set_xlabel(f"{unit.name} from the start of the horizon, people time")
        return Picture(save(figure, folder, "both-over-time"), "Both runs over time", "both-over-time.png")


def draw_transactions(first: Opened, second: Opened, names: tuple[str, str], folder: Path) -> Picture | None:
    """Draw p50 and p95 of every transaction that both runs have, as pairs."""
    tables = [series.by_transaction(scope_of(o.record, o.scenario).messages) for o in (first, second)]
    both = tables[0].join(tables[1], on="code", suffix="_b").drop_nulls(["p50", "p50_b"]).sort("code")
    if not both.height:
        return None
    titles = transaction_names()
    with drawing(WIDTH_IN, 0.36 * both.height + 1.1) as (figure, axes):
        places = np.arange(both.height)
        for suffix, name, look, shift in zip(("", "_b"), names, PAIR_LOOKS, (-0.13, 0.13), strict=True):
            axes.hlines(
                places + shift, both[f"p50{suffix}"], both[f"p95{suffix}"], color=look.colour, linestyle=look.line
            )
            axes.scatter(
                both[f"p50{suffix}"],
                places + shift,
                color=look.colour,
                marker=look.marker,
                s=28,
                label=f"{name}, p50 to p95",
            )
            axes.scatter(
                both[f"p95{suffix}"], places + shift, facecolor="white", edgecolor=look.colour, marker=look.marker, s=28
            )
        axes.set_yticks(places, [f"{code}  {titles.get(code, '')}" for code in both["code"]])
        across(axes)
        plain_log(axes, axis="x")
        legend_above(axes)
        return Picture(save(figure, folder, "both-transactions"), "Both runs by transaction", "both-transactions.png")
