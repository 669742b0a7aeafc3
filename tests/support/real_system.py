"""The reference system's real processes, faults and the generator, put together for a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from loadtest.actions import Injector, Machine
from loadtest.cpu_hog import CpuHog
from loadtest.exits import FINISHED, INVALID
from loadtest.links import FaultyLinks
from reference_impl.hospital.history import History
from reference_impl.hospital.pulse import Seen
from reference_impl.server.supervisor import System
from reference_impl.staging.build import stamps_of, system_config
from reference_impl.staging.hits import with_hits
from reference_impl.staging.opening import books_before
from reference_impl.staging.timetable import link_hits_in
from reference_impl.telemetry.options import UNTOLD, Telemetry
from scenarios.patients.visits import plan_visits
from scenarios.reading.loader import dump_scenario
from scenarios.record.recorder import Record, Recorder, frame_of, read_record, record_of, tables_of
from scenarios.schema import Scenario
from scenarios.schema.faults import CpuHog as CpuHogged

ROOT = Path(__file__).parents[2]
LEAD_NS = 4_000_000_000
LIMIT_S = 100


@dataclass(frozen=True)
class Ended:
    """What a real run left behind."""

    code: int
    errors: str
    record: Record
    books: dict
    events: tuple
    failures: tuple
    links: tuple
    """What the proxy counted on each faulty link; the rows of ``record.events`` hold what each fault hit."""

    @property
    def finished(self) -> bool:
        """Whether the record is whole; a busy machine may still have made the run invalid."""
        return self.code in (FINISHED, INVALID)


@contextmanager
def running(scenario: Scenario, folder: Path, telemetry: Telemetry = UNTOLD) -> Iterator[tuple[System, FaultyLinks]]:
    (folder / "scenario.json").write_text(json.dumps(dump_scenario(scenario)))
    core = min(os.sched_getaffinity(0)) if is_hogged(scenario) else None
    system = System(system_config(scenario), folder, telemetry=telemetry, core=core)
    history = History(Recorder(), stamps_of(scenario))
    system.fill(books_before(scenario, plan_visits(scenario), history))
    with FaultyLinks(scenario, system, folder) as links, system:
        system.set_epoch(time.monotonic_ns() + LEAD_NS)
        links.follow_epoch()
        yield system, links


def is_hogged(scenario: Scenario) -> bool:
    """Return whether a program takes a share of the system's core, which it then has to have."""
    return any(isinstance(fault, CpuHogged) for fault in scenario.faults)


def run_for_real(scenario: Scenario, folder: Path, telemetry: Telemetry = UNTOLD) -> Ended:
    """Run a scenario on real processes and return what it left."""
    with ExitStack() as stack:
        system, links = stack.enter_context(running(scenario, folder, telemetry))
        hog = stack.enter_context(CpuHog(min(os.sched_getaffinity(0)))) if is_hogged(scenario) else None

        def now_us() -> int:
            return (time.monotonic_ns() - system.epoch_ns) // 1000

        injector = Injector(scenario, system, now_us, Machine(hog=hog))
        injector.start()
        try:
            code, errors = generated(folder, injector)
            injector.end_days()
        finally:
            injector.stop()
        counted = links.stop()
    return Ended(
        code,
        errors,
        completed(scenario, folder, system, link_hits_in(injector.done, links.hits), injector.closings),
        system.final_books(),
        injector.events,
        injector.failures,
        counted,
    )


def generated(folder: Path, injector: Injector) -> tuple[int, str]:
    """Run the generator, tell the injector what it hears, and return its exit code and what it complained of."""
    errors = folder / "generator.err"
    with (
        errors.open("w") as complained,
        subprocess.Popen(
            [sys.executable, "-m", "loadtest", str(folder)],
            stdout=subprocess.PIPE,
            stderr=complained,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        ) as generator,
    ):
        limit = threading.Timer(LIMIT_S, generator.kill)
        limit.start()
        for line in generator.stdout or ():
            facts = json.loads(line)
            if facts["event"] == "pulse":
                injector.hear(facts["plan"], msgspec.convert(facts["seen"], Seen))
        limit.cancel()
    return generator.returncode, errors.read_text()


def completed(scenario: Scenario, folder: Path, system: System, events: list, closings: Iterable) -> Record:
    """Return the generator's tables with the events and closed days, and what each fault hit."""
    seen = {"events": frame_of("events", events), "closings": frame_of("closings", list(closings))}
    record = replace(read_record(folder), **seen)
    return record_of(with_hits(tables_of(record), scenario, system.final_books))
