"""``yidi warm-up``: where the start of a finished run ends, by MSER-5."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lab.analysis.beginning import binned, latencies_over_time
from lab.analysis.estimation.batches import Batched, batched_mean, batched_percentile
from lab.analysis.estimation.warm_up import Cut, mean_series, mser5
from lab.cli import console
from lab.report.beginning_figure import draw_beginning
from lab.report.format import show, show_interval
from lab.runs.file import read_run_file, worlds_in
from lab.runs.opened import open_run, refuse_altered
from reference_impl.domain.failures import InputError
from scenarios.record.recorder import read_record
from scenarios.units import format_duration

if TYPE_CHECKING:
    from lab.analysis.statistics import Floats

INCONCLUSIVE = 1
_MINUTE_US = 60_000_000
_US_PER_HOUR = 3_600_000_000


def warm_up(folder: Path, out: Path | None, *, as_json: bool) -> int:
    """Print the cut, draw the graph, and return 1 where the run is too short to tell."""
    worlds = worlds_in(folder)
    if len(worlds) > 1:
        raise InputError(f"{folder} holds both worlds; expected one run, such as {folder / 'sim'}")
    page = out or Path(f"warm-up-{folder.resolve().name}.png")
    _refuse_page(page)
    [inner] = worlds.values()
    opened = open_run(inner, read_run_file(inner), small=True)
    refuse_altered(opened)
    scenario, replications = opened.scenario, opened.run.replications
    timed = [latencies_over_time(read_record(inner / one.folder), scenario) for one in replications]
    series = binned(timed, scenario.horizon.length)
    mean = mean_series(series)
    cut, scale = mser5(mean), scenario.scale.time
    cut_us = scenario.horizon.length * cut.values / cut.of
    draw_beginning(series, mean, cut, scenario.horizon.length * scale / _US_PER_HOUR, page)
    advised_us = math.ceil(cut_us * scale / _MINUTE_US) * _MINUTE_US
    rest = _rest(timed[0], cut_us) if len(timed) == 1 and not cut.too_short else {}
    if as_json:
        console.say_json(
            {
                "warm_up_us": None if cut.too_short else advised_us,
                "stated_us": scenario.horizon.warm_up * scale,
                "too_short": cut.too_short,
                "each_us": [scenario.horizon.length * scale * mser5(one).values / one.size for one in series],
                "graph": str(page),
                "one_run": {name: _as_data(one) for name, one in rest.items()},
            }
        )
    else:
        for line in (_told(cut, advised_us, round(scenario.horizon.warm_up * scale)), *map(_figure, rest.items())):
            console.say(line)
        console.say(f"graph: {page}")
    return INCONCLUSIVE if cut.too_short else 0


def _rest(timed: tuple[Floats, Floats], cut_us: float) -> dict[str, Batched]:
    at, values = timed
    kept = values[np.asarray(at >= cut_us)]
    found = {"contact.latency.mean": batched_mean(kept)}
    return found | {f"contact.latency.{name}": batched_percentile(kept, name) for name in ("p50", "p95")}


def _told(cut: Cut, advised_us: int, stated_us: int) -> str:
    if cut.too_short:
        return (
            "MSER-5 cuts in the last half of the horizon: too short to tell where the start ends, or the load is not "
            "even; a longer horizon.length, or more replications, would show it"
        )
    enough = "is long enough" if stated_us >= advised_us else "is shorter"
    return (
        f"MSER-5 cuts after {format_duration(advised_us)} of people time; the run's warm-up of "
        f"{format_duration(stated_us)} {enough} (--set horizon.warm_up={format_duration(advised_us)}); read it for an "
        "even load alone: of a day with peaks it finds the peaks"
    )


def _figure(item: tuple[str, Batched]) -> str:
    name, found = item
    interval = show_interval(*_bounds(found), "duration")
    how = f"{interval}, by batches of one run" if interval else f"no interval: {found.why or 'no value bounds it'}"
    return f"after the cut, {name} {show(found.interval.value, 'duration')}: {how}"


def _bounds(found: Batched) -> tuple[float | None, float | None]:
    low, high = found.interval.low, found.interval.high
    return low, high if high is not None and math.isfinite(high) else None


def _as_data(found: Batched) -> dict[str, float | str | None]:
    low, high = _bounds(found)
    return {"value": found.interval.value, "low": low, "high": high, "why": found.why}


def _refuse_page(page: Path) -> None:
    if page.suffix not in (".png", ".svg"):
        raise InputError(f"--out {page}: expected a name that ends in .png or .svg")
    if os.path.lexists(page):
        raise InputError(f"output {page} exists; expected a new name, choose another with --out")
    if not page.parent.is_dir():
        raise InputError(f"output {page}: no folder {page.parent}; expected one that is there")
