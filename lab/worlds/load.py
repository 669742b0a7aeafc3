"""One replication in the real world: the reference system as processes on one core, the generator on another.

Starts everything, watches it, and stops everything it started, whatever happens. Which core whose is, is in
``cores``; the generator, always a process of its own, in ``generator``.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import polars as pl

from lab.calibration.costfile import Metered
from lab.calibration.speed import SpeedWatch
from lab.runs.file import Commits, Replication, Validity
from lab.worlds.conclude import Interrupted, Outcome, conclude
from lab.worlds.cores import Cores, busy_s, choose_cores, cpu_s, on_core
from lab.worlds.followup import HeldByHospital
from lab.worlds.generator import Generating, LoadGenerator
from lab.worlds.makes import expected_rate, makes_at_most, said_before
from lab.worlds.stationwatch import StationWatch
from loadtest.actions import Injector, Machine
from loadtest.cpu_hog import CpuHog
from loadtest.exits import INTERRUPTED
from loadtest.lags import lag_limit
from loadtest.links import FaultyLinks
from loadtest.small_disk import SmallDisk
from loadtest.validity import doubts, judge
from reference_impl.hospital.history import History
from reference_impl.server.errors import CommandError
from reference_impl.server.supervisor import System
from reference_impl.staging.build import stamps_of, system_config
from reference_impl.staging.hits import with_hits
from reference_impl.staging.opening import books_before
from reference_impl.staging.timetable import link_hits_in
from reference_impl.telemetry.options import telemetry_asked
from scenarios.patients.visits import plan_visits
from scenarios.reading.loader import dump_scenario
from scenarios.record.recorder import (
    EventRow,
    GeneratorRow,
    Record,
    Recorder,
    WorkerRow,
    frame_of,
    read_record,
    record_of,
    tables_of,
)
from scenarios.schema.faults import CpuHog as CpuHogged
from scenarios.schema.faults import FullDisk

if TYPE_CHECKING:
    from reference_impl.books.postgresql.address import Server
    from scenarios.schema import Scenario

LEAD_S = 6.0
"""From the start of the generator to the run's zero: it has to load Locust and to plan the visits first."""
LEAD_PLANS = 3.0
"""... and so many times as long as planning took here."""
METERED_FILE = "metered.json"
"""What the processes of a replication metered, until a cost file is made of it."""
_WORK_FILES = ("hosts", "books", "scenario.json", "system.json", "proxy.json", "breaks.json")


class Watching(Protocol):
    """Who is told how far a replication is."""

    def advance(self, done: float) -> None:
        """Hear the share that is done."""
        ...

    def note(self, text: str) -> None:
        """Hear something worth a line."""
        ...


@dataclass(frozen=True, slots=True)
class Books:
    """Where the books of a run are made, and whether they are there afterwards."""

    server: Server | None = None
    """None: as files of the run's folder."""
    kept: bool = False


def replay(
    scenario: Scenario,
    folder: Path,
    name: str,
    watcher: Watching,
    *,
    meter: bool = False,
    books: Books = Books(),
    generator: Callable[[Path], Generating] = LoadGenerator,
) -> Replication:
    """Replay one replication against real processes, check it and write its tables; with ``meter`` also its costs.

    ``generator`` makes whoever generates the load, for the folder.
    """
    folder.mkdir(exist_ok=True)
    run = Replay(
        scenario, folder, watcher, choose_cores(), meter=meter, server=books.server, generator=generator(folder)
    )
    begun = time.perf_counter()
    with on_core(run.cores.generator), _forgotten(folder / "keys"):
        code = run.go()
        outcome = Outcome(
            scenario,
            tables_of(run.record()),
            run.books(),
            took_s=time.perf_counter() - begun,
            validity=run.validity(),
            commits=run.commits,
            follow_up=run.follow_up,
        )
        replication = conclude(outcome, folder, name)
    if code == INTERRUPTED:
        raise Interrupted(replication)
    if meter:
        (folder / METERED_FILE).write_bytes(msgspec.json.encode(run.metered()))
    for leftover in _WORK_FILES:
        if leftover != "books" or not books.kept:
            _remove(folder / leftover)
    return replication


class Replay:
    """The processes of one replication and what they leave behind."""

    def __init__(
        self,
        scenario: Scenario,
        folder: Path,
        watcher: Watching,
        cores: Cores,
        *,
        meter: bool = False,
        bare: bool = False,
        server: Server | None = None,
        generator: Generating | None = None,
    ) -> None:
        """With ``meter`` the processes measure their costs; ``meters`` holds them after the run, by host.

        With ``bare`` nobody looks at the stations, which costs the processes time that is taken for the messages'.
        The books are made on ``server``, or without one as files.
        """
        self.cores = cores
        self.meters: dict[str, Any] = {}
        self.system_cpu_s = 0.0
        """What the system's processes computed while the generator ran."""
        self.foreign_share = 0.0
        """What others used of the system's core meanwhile."""
        self.speed_us = 0.0
        """The reference of the machine's speed, taken meanwhile (``lab.calibration.speed``)."""
        self.commits: dict[str, Commits] = {}
        """Where each node made its commits."""
        self._server = server
        self._machine = Machine()
        self._meter = meter
        self._bare = bare
        self._scenario = scenario
        self._folder = folder
        self._watcher = watcher
        self._epoch_ns = 0
        self._generator = generator or LoadGenerator(folder)
        self._failures: tuple[str, ...] = ()
        self._rows: dict[str, list[Any]] = {}
        self._done: tuple[tuple[int, EventRow], ...] = ()
        (folder / "scenario.json").write_text(json.dumps(dump_scenario(scenario)), encoding="utf-8")

    def go(self) -> int:
        """Run it and return the generator's exit code."""
        begun = time.monotonic()
        plan = plan_visits(self._scenario)
        lead_s = LEAD_S + LEAD_PLANS * (time.monotonic() - begun)
        self._generator.expect(plan, self._scenario.clients)
        self._watcher.note(said_before(expected_rate(self._scenario, plan), makes_at_most()))
        with ExitStack() as stack:
            self._machine = self._disturbed_machine(stack)
            system = System(
                system_config(self._scenario),
                self._folder,
                core=self.cores.system,
                meter=self._meter,
                telemetry=telemetry_asked(None, None, None, None),
                server=self._server,
            )
            system.fill(books_before(self._scenario, plan, History(Recorder(), stamps_of(self._scenario))))
            system.generator_core = self.cores.generator
            system.generator_pids = (os.getpid(),)
            links = stack.enter_context(FaultyLinks(self._scenario, system, self._folder, core=self.cores.generator))
            stack.enter_context(system)
            self._epoch_ns = time.monotonic_ns() + round(lead_s * 1e9)
            system.set_epoch(self._epoch_ns)
            links.follow_epoch()
            code = self._disturbed_run(system, len(plan))
        self._rows["events"] = link_hits_in(self._done, links.hits)  # the proxy has counted to its end
        return code

    def _disturbed_machine(self, stack: ExitStack) -> Machine:
        """Return what the faults need of the machine, taken until ``stack`` ends."""
        kinds = {type(fault) for fault in self._scenario.faults}
        return Machine(
            stack.enter_context(SmallDisk(self._folder / "books")) if FullDisk in kinds else None,
            stack.enter_context(CpuHog(self.cores.system)) if CpuHogged in kinds else None,
        )

    def _disturbed_run(self, system: System, visits: int) -> int:
        injector = Injector(self._scenario, system, self._now_us, self._machine)
        stations = StationWatch(self._scenario, system, self._now_us)
        self.commits = _commits(system.stats())
        injector.start()
        if not self._bare:
            stations.start()
        if self._meter:
            system.meters(reset=True)
        before_s, before_busy_s, began_s = cpu_s(system), busy_s(self.cores.system), time.monotonic()
        try:
            with SpeedWatch() as speed:
                code = self._generator.run(system, lambda facts: self._watch(facts, visits), injector.hear)
                if code != INTERRUPTED:
                    injector.end_days()
            self.speed_us = speed.speed_us
            self.system_cpu_s = cpu_s(system) - before_s
            others_s = busy_s(self.cores.system) - before_busy_s - self.system_cpu_s
            self.foreign_share = max(0.0, others_s) / (time.monotonic() - began_s)
            return code
        finally:
            injector.stop()
            stations.stop()
            if self._meter:
                with suppress(OSError, CommandError):  # a process that a fault has killed tells nothing
                    self.meters = system.meters()
            self._failures = injector.failures
            self._done = injector.done
            self._rows = {
                "events": list(injector.events),
                "stations": stations.rows,
                "closings": list(injector.closings),
            }

    def _watch(self, facts: dict[str, Any], visits: int) -> None:
        self._watcher.advance(facts["ended"] / max(1, visits))
        if "line" in facts:
            self._watcher.note(facts["line"])

    # --- afterwards ---

    def metered(self) -> Metered:
        """Return what the processes metered, and what the machine was like meanwhile."""
        flushes_us = sorted(made.flush_us for made in self.commits.values() if made.flush_us is not None)
        page_flush_us = flushes_us[len(flushes_us) // 2] if flushes_us else 0
        return Metered(
            tuple(self.meters.values()),
            self.speed_us,
            round(self.foreign_share, 4),
            page_flush_us,
            self._epoch_ns // 1000,
            *self._generator.own_us,
        )

    def record(self) -> Record:
        """Return the generator's tables with the events and stations that were seen from here."""
        return self._completed(read_record(self._folder))

    def _completed(self, record: Record) -> Record:
        """Return the generator's tables with those that were made here, and with what each fault hit."""
        made = {name: frame_of(name, rows) for name, rows in self._rows.items()}
        made["stations"] = pl.concat([made["stations"], record.stations])  # hospitals' breakers are the generator's
        return record_of(with_hits(tables_of(replace(record, **made)), self._scenario, self.books))

    def books(self) -> dict[str, Any]:
        """Return the final books of every node; the system is stopped."""
        return System(system_config(self._scenario), self._folder).final_books()

    def validity(self) -> Validity:
        """Say whether the figures may be used, and why not."""
        failures = tuple(f"a fault could not be done: {failure}" for failure in self._failures)
        return validity_of(self._scenario, read_record(self._folder), self._generator, failures)

    def follow_up(self, held: Sequence[HeldByHospital]) -> Record:
        """Start the system again on its books and let the hospitals work off what they hold alone."""
        record = read_record(self._folder)
        listed = self._folder / "breaks.json"
        listed.write_text(json.dumps([one.visit for one in held]), encoding="utf-8")
        with System(system_config(self._scenario), self._folder, core=self.cores.system) as system:
            system.generator_core = self.cores.generator
            system.set_epoch(self._epoch_ns)
            generator = LoadGenerator(self._folder)
            if generator.run(system, lambda _: None, more=("--follow-up", str(listed))) == INTERRUPTED:
                raise KeyboardInterrupt
        return self._completed(replace(read_record(self._folder), inflight=record.inflight))

    def _now_us(self) -> int:
        return (time.monotonic_ns() - self._epoch_ns) // 1000


def validity_of(scenario: Scenario, record: Record, generator: Generating, failures: tuple[str, ...] = ()) -> Validity:
    """Say whether the figures of a run may be used, and why not; ``failures`` are reasons beside the generator."""
    rows = [GeneratorRow(*row) for row in record.generator.iter_rows()]
    warm_up_us = scenario.horizon.warm_up
    limit = lag_limit(record.visits, record.contacts, warm_up_us=warm_up_us)
    verdict = judge(rows, warm_up_us=warm_up_us, lag_limit=limit)
    workers = [WorkerRow(*row) for row in record.workers.iter_rows()]
    late_us, own_failures = generator.late_us, generator.own_failures
    reasons = (*doubts(verdict, late_us=late_us, own_failures=own_failures, workers=workers), *failures)
    windows = verdict.windows
    return Validity(
        valid=not reasons,
        whole=all(one.lost_us is None for one in workers),
        reasons=reasons,
        generator_cpu_max=max((w.cpu_share for w in windows), default=None),
        lag_p99_us_max=max((w.lag_p99_us for w in windows), default=None),
        lag_limit_us=limit.us,
        dropped=sum(row.dropped for row in rows),
    )


def _commits(stats: dict[str, Any]) -> dict[str, Commits]:
    """Return where each node makes its commits, from what its process says of itself."""
    nodes = {name: facts for host in stats.values() for name, facts in host["nodes"].items()}
    return {n: Commits(where=facts["committing"], flush_us=facts["flush_us"]) for n, facts in sorted(nodes.items())}


@contextmanager
def _forgotten(secrets: Path) -> Generator[None]:
    """Leave no secret of a run behind, however it ends."""
    try:
        yield
    finally:
        _remove(secrets)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
