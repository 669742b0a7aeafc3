"""One replication against a system that is not ours: its patients, its record, and no books.

Only the generator is started. What is seen is what hospitals see, and nothing is ever said of what is in books that
nobody shows. This module must never start a run whose target has not answered (``handshake``).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lab.runs.file import Replication, Validity
from lab.worlds.conclude import Interrupted, Outcome, conclude
from lab.worlds.cores import choose_cores, on_core
from lab.worlds.generator import Generating, LoadGenerator
from lab.worlds.load import LEAD_PLANS, LEAD_S, Watching, validity_of
from loadtest.exits import INTERRUPTED
from loadtest.inputs import SCENARIO_FILE, SYSTEM_FILE, SystemFile
from reference_impl.server.guardian import Guardian
from scenarios.patients.visits import plan_visits
from scenarios.reading.loader import dump_scenario
from scenarios.record.recorder import read_record, tables_of

if TYPE_CHECKING:
    from scenarios.schema import Scenario

__all__ = ["replay_elsewhere"]


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """A system of which nothing is ours but who ends the generator."""

    guardian: Guardian = field(default_factory=Guardian)


def replay_elsewhere(
    scenario: Scenario,
    folder: Path,
    name: str,
    watcher: Watching,
    *,
    system: SystemFile,
    timed: bool = True,
    generator: Callable[[Path], Generating] = LoadGenerator,
) -> Replication:
    """Replay one replication against ``system``, whose nodes have answered, and write its tables.

    Unless it is ``timed`` a generator that started patients late is believed too: nothing is said of times.
    """
    folder.mkdir(exist_ok=True)
    begun, cores, load = time.perf_counter(), choose_cores(), generator(folder)
    told = folder / SCENARIO_FILE, folder / SYSTEM_FILE
    with on_core(cores.generator):
        plan_began = time.monotonic()
        plan = plan_visits(scenario)
        load.expect(plan, scenario.clients)
        lead_s = LEAD_S + LEAD_PLANS * (time.monotonic() - plan_began)
        facts = msgspec.structs.replace(
            system,
            epoch_monotonic_ns=time.monotonic_ns() + round(lead_s * 1e9),
            generator_core=cores.generator,
            generator_pids=(os.getpid(),),
        )
        told[0].write_text(json.dumps(dump_scenario(scenario)), encoding="utf-8")
        try:
            told[1].touch(mode=0o600)  # it may hold what a header says
            told[1].write_bytes(msgspec.json.encode(facts))
            code = _generated(load, watcher, len(plan))
        finally:
            for path in told:
                path.unlink(missing_ok=True)
        record = read_record(folder)
        outcome = Outcome(
            scenario,
            tables_of(record),
            None,
            took_s=time.perf_counter() - begun,
            validity=_validity(validity_of(scenario, record, load), load, timed=timed),
        )
        replication = conclude(outcome, folder, name)
    if code == INTERRUPTED:
        raise Interrupted(replication)
    return replication


def _generated(load: Generating, watcher: Watching, visits: int) -> int:
    elsewhere = _Elsewhere()

    def heard(facts: dict[str, Any]) -> None:
        watcher.advance(facts["ended"] / max(1, visits))
        if "line" in facts:
            watcher.note(facts["line"])

    try:
        return load.run(elsewhere, heard)
    finally:
        elsewhere.guardian.dismiss()


def _validity(found: Validity, load: Generating, *, timed: bool) -> Validity:
    """Return whether figures may be used: none of a run that had to be ended."""
    reasons = found.reasons if timed or load.own_failures else ()
    if load.gave_up:
        reasons = (load.gave_up, *reasons)
    return msgspec.structs.replace(found, valid=not reasons, reasons=reasons)
