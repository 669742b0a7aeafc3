"""Measures what messages cost on this machine, and writes the cost file that the simulated world reads.

The reference system runs on one core with its meters on, the generator on another, at a load that leaves the core
mostly idle. What was measured is never adjusted to make a prediction come true.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lab.calibration.machine import describe_machine, versions
from lab.experiments.experiment import Watcher
from lab.worlds.load import Replay, choose_cores, on_core
from loadtest.exits import INTERRUPTED
from reference_impl.domain.failures import InvalidRunError
from reference_impl.domain.nodes import ROLES
from scenarios.reading.loader import load_scenario
from sim.model.costs import ANY_CODE, STAGES, CostError, CostFile, CostRow, load_costs, write_costs

SCENARIO = Path(__file__).with_name("calibration.yaml")
PARTS = 41
SAMPLES_MIN = 20
"""A transaction with fewer samples of a stage is given the costs of all transactions together."""
CACHE_KEYS = ("python", "yidi", "httptools", "msgspec", "uvicorn", "uvloop")
BUSY_LOAD = 1.2
"""What the second pass asks of the core, at the first pass's cost of a message: far from idle. Since busy cores are
cheaper, the core is then some two thirds full."""
BUSY_TIMES_MAX = 16.0
"""... and how many times the first pass's load it asks for at most: the generator has one core too."""
BUSY_SHARE_MIN = 0.2
"""Below it two passes have measured the machine's noise."""
_HTTP_STAGES = ("receive", "forward")

Samples = dict[tuple[str, str, str], list[float]]


def costs_of_this_machine(watcher: Watcher) -> Path:
    """Return the cost file of this machine and these versions, measuring it first when there is none that is whole."""
    path = cache_path()
    why = _unusable(path)
    if why:
        watcher.note(f"{why}: calibrating first (about a minute)")
        calibrate(path, watcher)
    return path


def _unusable(path: Path) -> str:
    """Return why the cache cannot be used; empty when it can."""
    if not path.exists():
        return "no costs are known of this machine"
    try:
        load_costs(path)
    except CostError as error:
        return f"the costs kept of this machine cannot be used ({error})"
    return ""


def cache_path() -> Path:
    """Return where the costs of this machine and these versions are kept."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "yidi"
    root.mkdir(parents=True, exist_ok=True)
    known, machine = versions(), describe_machine(root)
    key = [[name, known.get(name)] for name in CACHE_KEYS] + [[n, machine[n]] for n in ("processor", "cores", "system")]
    return root / f"costs-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]}.json"


def calibrate(path: Path, watcher: Watcher) -> CostFile:
    """Measure and write the cost file: one pass with the core mostly idle, one with the core mostly busy."""
    with tempfile.TemporaryDirectory(prefix="yidi-calibrate-") as name:
        folder = Path(name)
        watcher.begin("calibrating: the reference system on one core, metered, mostly idle", 1)
        idle, readings = _measure(folder / "idle", watcher, ())
        more = min(BUSY_TIMES_MAX, BUSY_LOAD / idle.use)
        watcher.begin("calibrating: the same, mostly busy", 1)
        busy, _ = _measure(folder / "busy", watcher, (f"visits.per_day={round(idle.visits_per_day * more)}",))
        machine = describe_machine(folder)
    file = CostFile(
        mark="MEASURED",
        source="yidi calibrate: the reference system at low load, all processes on one core",
        machine=f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, "
        f"durable write {machine['fsync_us']} us; python {versions()['python']}",
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        commit_latency_us=quantile_table([float(us) for r in readings for us in r["commit_latency_us"]]),
        rows=tuple(cost_rows(samples_of(readings))),
        busy_share=busy_share(idle, busy),
    )
    write_costs(file, path)
    return file


class Pass(NamedTuple):
    """One pass of the calibration: the load asked for, how busy the core was, and what a message came to."""

    visits_per_day: float
    use: float
    message_us: float


def busy_share(idle: Pass, busy: Pass) -> float:
    """Return the share of its cost that a message takes when it finds its core busy.

    With use ``u`` a message costs ``full * (1 - u * (1 - share))`` on the mean; two passes give both unknowns.

    >>> busy_share(Pass(1, 0.0, 1000.0), Pass(8, 0.8, 600.0))
    0.5
    """
    ratio = busy.message_us / idle.message_us
    apart = busy.use - ratio * idle.use
    saved = (1.0 - ratio) / apart if apart > 0 else 0.0
    return round(min(1.0, max(BUSY_SHARE_MIN, 1.0 - saved)), 3)


def _measure(folder: Path, watcher: Watcher, sets: Sequence[str]) -> tuple[Pass, list[dict[str, Any]]]:
    folder.mkdir()
    cores, scenario = choose_cores(), load_scenario(SCENARIO, sets=sets)
    replay = Replay(scenario, folder, watcher, cores, meter=True)
    with on_core(cores.generator):
        if replay.go() == INTERRUPTED:
            raise KeyboardInterrupt  # what is half measured is not kept
    validity = replay.validity()
    if not validity.valid:
        raise InvalidRunError(
            f"the calibration is not valid: {'; '.join(validity.reasons)}; leave the machine alone and try again"
        )
    messages = replay.record().messages.height
    cpu_us = replay.system_cpu_s * 1e6
    made = Pass(scenario.visits.per_day, min(1.0, cpu_us / scenario.horizon.length), cpu_us / max(1, messages))
    return made, list(replay.meters.values())


def samples_of(readings: Iterable[Mapping[str, Any]]) -> Samples:
    """Return the samples of every (role, transaction, stage), each process's HTTP share in them."""
    found: Samples = defaultdict(list)
    for reading in readings:
        for stage in reading["stages"]:
            share_us = reading["http_us"] if stage["stage"] in _HTTP_STAGES else 0.0
            key = (stage["role"], stage["code"], stage["stage"])
            found[key].extend(sample + share_us for sample in stage["samples_us"])
    return found


def cost_rows(samples: Samples) -> Iterable[CostRow]:
    """Yield a row for every role and stage, and one for each transaction that was seen often enough."""
    for role in ROLES:
        for stage in STAGES:
            rest = [v for (r, _, s), values in samples.items() if (r, s) == (role, stage) for v in values]
            yield CostRow(role, ANY_CODE, stage, quantile_table(rest))
            for r, code, s in sorted(samples):
                if (r, s) == (role, stage) and len(samples[r, code, s]) >= SAMPLES_MIN:
                    yield CostRow(role, code, stage, quantile_table(samples[r, code, s]))


def quantile_table(values: Sequence[float]) -> tuple[int, ...]:
    """Return a table from which drawing gives the mean that was measured.

    Each value is the mean of an equal part of the sorted samples, the first of the smallest, the last of the largest.
    Plain quantiles would draw a line up to the one largest sample and give a rare hiccup the weight of a whole part.
    Nothing measured costs nothing: a city is a relay inside its province's process.

    >>> quantile_table([])
    (0,)
    >>> from sim.model.costs import mean_us
    >>> table = quantile_table([10.0] * 99 + [1000.0])
    >>> table[-2:], round(mean_us(table), 1)
    ((10, 802), 19.9)
    """
    if not len(values):
        return (0,)
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    table = [float(part.mean()) for part in np.array_split(ordered, min(PARTS, ordered.size))]
    gaps = len(table) - 1
    if gaps:
        # The straight lines that are drawn from give the two ends half their weight: the last one makes up for it.
        drawn = (sum(table) - (table[0] + table[-1]) / 2) / gaps
        table[-1] = max(table[-2], table[-1] + 2 * gaps * (float(ordered.mean()) - drawn))
    return tuple(round(value) for value in table)
