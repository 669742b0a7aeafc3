"""Measures what serving costs on this machine, and writes the cost file that the simulated world reads.

The reference system runs on one core with its meters on, the generator on another, at three loads from mostly idle to
mostly busy: a turn is told from the pieces in it only where their number differs. What was measured is never adjusted
to make a prediction come true, and fitted to CPU time alone (``lab.calibration.fit``).
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lab.calibration.costfile import Metered, measured_costs
from lab.calibration.machine import describe_machine, versions
from lab.experiments.experiment import Watcher
from lab.worlds.cores import choose_cores, on_core
from lab.worlds.load import Replay
from loadtest.exits import INTERRUPTED
from reference_impl.books.sqlite.disk import Committing, choose_committing
from reference_impl.domain.failures import InputError, InvalidRunError
from scenarios.reading.loader import load_scenario
from sim.model.costs import CostError, CostFile, Costs, load_costs, write_costs

SCENARIO = Path(__file__).with_name("calibration.yaml")
CACHE_KEYS = ("python", "yidi", "httptools", "msgspec", "uvicorn", "uvloop")
LOADS = (0.5, 1.2)
"""What the further passes ask of the core, at the first pass's cost of a visit. A busy loop works in longer turns, so
the core is then about a third and two thirds full."""
TIMES_MAX = 16.0
"""... and how many times the first pass's load they ask for at most: the generator has one core too."""
FOREIGN_MAX = 0.1
"""What others may use of the system's core: their work cools it, and delays what is metered."""


def costs_of_this_machine(watcher: Watcher) -> Path:
    """Return the cost file of this machine and these versions, measuring it first when there is none that is whole."""
    path = cache_path()
    why = _unusable(path)
    if why:
        watcher.note(f"{why}: calibrating first (a minute and a half at most)")
        calibrate(path, watcher)
    return path


def costs_or_assumed(watcher: Watcher) -> Path | None:
    """Return the cost file of this machine; None, the packaged assumptions, when others' work spoils its calibration.

    A run of both worlds meters itself and is predicted with that too, so it need not fail for want of earlier costs.
    """
    try:
        return costs_of_this_machine(watcher)
    except InvalidRunError as error:
        watcher.note(f"{error}")
        watcher.note("going on with assumed costs as the earlier ones; the run's own costs are metered all the same")
        return None


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
    """Measure and write the cost file.

    Raises:
        InputError: when this machine has one core only: the generator would be measured with the system.
        InvalidRunError: when others used the system's core; nothing is written then.

    """
    if choose_cores().system is None:
        raise InputError(
            "a calibration needs two cores, one for the system and one for its generator; this process may use one: "
            "calibrate on another machine of the same kind, or give it a second core"
        )
    with tempfile.TemporaryDirectory(prefix="yidi-calibrate-") as name:
        folder = Path(name)
        passes = _measure_all(folder, watcher)
        machine = describe_machine(folder)
    source = "yidi calibrate: the reference system at three loads, all processes on one core"
    file = measured_costs(passes, source, machine)
    flush_us = Costs(file).choosing_flush_us()
    if choose_committing(flush_us, 1) is Committing.BESIDE:
        watcher.note(
            f"a flush takes {flush_us / 1000:.1f} ms on this disk: commits are made beside the loops, "
            "here and as predicted"
        )
    write_costs(file, path)
    return file


def _measure_all(folder: Path, watcher: Watcher) -> list[Metered]:
    """Measure at a light load, then at what that tells to be heavier ones."""
    watcher.begin("calibrating: the reference system on one core, metered, mostly idle", 1)
    first, use, per_day = _measure(folder / "load-1", watcher, ())
    passes = [first]
    for number, load in enumerate(LOADS, start=2):
        watcher.begin(f"calibrating: load {number} of {1 + len(LOADS)}", 1)
        more = min(TIMES_MAX, load / use)
        made, _, _ = _measure(folder / f"load-{number}", watcher, (f"visits.per_day={round(per_day * more)}",))
        passes.append(made)
    return passes


def _measure(folder: Path, watcher: Watcher, sets: Sequence[str]) -> tuple[Metered, float, float]:
    """Return what was metered, the use of the core while visits came, and how many came a day."""
    folder.mkdir()
    cores, scenario = choose_cores(), load_scenario(SCENARIO, sets=sets)
    replay = Replay(scenario, folder, watcher, cores, meter=True, bare=True)
    with on_core(cores.generator):
        if replay.go() == INTERRUPTED:
            raise KeyboardInterrupt  # what is half measured is not kept
    if replay.foreign_share > FOREIGN_MAX:  # a late generator alone would do no harm: CPU is metered, not latency
        raise InvalidRunError(
            f"the calibration is not valid: others used {replay.foreign_share:.0%} of core {cores.system}, on which "
            f"the system was metered; expected at most {FOREIGN_MAX:.0%}: leave the machine alone and try again"
        )
    use = min(1.0, replay.system_cpu_s * 1e6 / scenario.horizon.length)
    return replay.metered(), use, scenario.visits.per_day
