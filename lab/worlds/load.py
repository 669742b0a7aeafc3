"""One replication in the real world: the reference system as processes on one core, the generator on another.

Starts everything, watches it, and stops everything it started, whatever happens. The generator is always a process of
its own (``python -m loadtest``): importing Locust would patch this one.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

import msgspec
import polars as pl
import psutil

from lab.calibration.costfile import Metered
from lab.calibration.speed import SpeedWatch
from lab.errors import LabError
from lab.runs.file import Commits, Replication, Validity
from lab.worlds.conclude import Interrupted, Outcome, conclude
from lab.worlds.followup import HeldByHospital
from lab.worlds.stationwatch import StationWatch
from loadtest.actions import Injector
from loadtest.exits import FINISHED, INTERRUPTED, INVALID
from loadtest.lags import lag_limit
from loadtest.links import FaultyLinks
from loadtest.small_disk import SmallDisk
from loadtest.validity import doubts, judge
from reference_impl.hospital.history import History
from reference_impl.hospital.pulse import Seen
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
    frame_of,
    read_record,
    record_of,
    tables_of,
)
from scenarios.schema.faults import FullDisk

if TYPE_CHECKING:
    from reference_impl.books.postgresql.address import Server
    from scenarios.schema import Scenario

LEAD_S = 6.0
"""From the start of the generator to the run's zero: it has to load Locust and to plan the visits first."""
LEAD_PLANS = 3.0
"""... and so many times as long as planning took here."""
STOP_LIMIT_S = 20.0
METERED_FILE = "metered.json"
"""What the processes of a replication metered, until a cost file is made of it."""
_CORES_NEEDED = 2
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
class Cores:
    """The core of the system and the core of the generator; None on a machine that has one core only."""

    system: int | None
    generator: int | None


def choose_cores() -> Cores:
    """Return two cores that this process may use."""
    free = sorted(os.sched_getaffinity(0))
    return Cores(free[0], free[1]) if len(free) >= _CORES_NEEDED else Cores(None, None)


@dataclass(frozen=True, slots=True)
class Books:
    """Where the books of a run are made, and whether they are there afterwards."""

    server: Server | None = None
    """None: as files of the run's folder."""
    kept: bool = False


def replay(
    scenario: Scenario, folder: Path, name: str, watcher: Watching, *, meter: bool = False, books: Books = Books()
) -> Replication:
    """Replay one replication against real processes, check it and write its tables; with ``meter`` also its costs."""
    folder.mkdir(exist_ok=True)
    run = Replay(scenario, folder, watcher, choose_cores(), meter=meter, server=books.server)
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
        self._disk: SmallDisk | None = None
        self._meter = meter
        self._bare = bare
        self._scenario = scenario
        self._folder = folder
        self._watcher = watcher
        self._epoch_ns = 0
        self._late_us = 0
        self._own_failures = 0
        self._own_us = 0.0, 0.0
        self._unbelieved = False
        self._failures: tuple[str, ...] = ()
        self._injector: Injector | None = None
        self._rows: dict[str, list[Any]] = {}
        self._done: tuple[tuple[int, EventRow], ...] = ()
        (folder / "scenario.json").write_text(json.dumps(dump_scenario(scenario)), encoding="utf-8")

    def go(self) -> int:
        """Run it and return the generator's exit code."""
        begun = time.monotonic()
        plan = plan_visits(self._scenario)
        lead_s = LEAD_S + LEAD_PLANS * (time.monotonic() - begun)
        with ExitStack() as stack:
            if any(isinstance(fault, FullDisk) for fault in self._scenario.faults):
                self._disk = stack.enter_context(SmallDisk(self._folder / "books"))
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

    def _disturbed_run(self, system: System, visits: int) -> int:
        injector = self._injector = Injector(self._scenario, system, self._now_us, self._disk)
        stations = StationWatch(self._scenario, system, self._now_us)
        self.commits = _commits(system.stats())
        injector.start()
        if not self._bare:
            stations.start()
        if self._meter:
            system.meters(reset=True)
        before_s, busy_s, began_s = _cpu_s(system), _busy_s(self.cores.system), time.monotonic()
        try:
            with SpeedWatch() as speed:
                code = self._generate(system, lambda facts: self._watcher.advance(facts["ended"] / max(1, visits)))
                if code != INTERRUPTED:
                    injector.end_days()
            self.speed_us = speed.speed_us
            self.system_cpu_s = _cpu_s(system) - before_s
            others_s = _busy_s(self.cores.system) - busy_s - self.system_cpu_s
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

    def _generate(self, system: System, progress: Callable[[dict[str, Any]], None], *more: str) -> int:
        """Run the generator to its end and return its exit code; Ctrl-C lets it write what is finished.

        A code for *invalid* counts as an end only when the generator has said so itself.

        Raises:
            LabError: when it ended in any other way.

        """
        log = self._folder / "generator.log"
        command = [sys.executable, "-m", "loadtest", str(self._folder), "--stop-with-parent", *more]
        with (
            log.open("a", encoding="utf-8") as errors,
            subprocess.Popen(  # noqa: S603 - our own program
                command,
                stdin=subprocess.PIPE,  # its end tells the generator that we are gone
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            ) as child,
        ):
            try:
                system.guardian.watch(child.pid)
                self._listen(child.stdout, progress)
                child.wait(STOP_LIMIT_S)
            except KeyboardInterrupt:
                child.send_signal(signal.SIGCONT)  # whoever stands still hears nothing
                child.send_signal(signal.SIGINT)
                child.wait(STOP_LIMIT_S)
                return INTERRUPTED
            finally:
                _end(child)
        finished_invalid = child.returncode == INVALID and self._unbelieved
        if child.returncode not in (FINISHED, INTERRUPTED) and not finished_invalid:
            raise LabError(f"the load generator ended with code {child.returncode}: {_last_line(log)}; see {log}")
        return child.returncode

    def _listen(self, lines: IO[str] | None, progress: Callable[[dict[str, Any]], None]) -> None:
        self._unbelieved = False
        for line in lines or ():
            facts = json.loads(line)
            if facts["event"] == "ready":
                self._late_us = max(0, int(facts["now_us"]))
            elif facts["event"] == "done":
                self._own_failures += facts.get("own_failures", 0)
                if "own_write_us" in facts:
                    self._own_us = facts["own_write_us"], facts["own_read_us"]
                self._unbelieved = not facts.get("valid", True)
            elif facts["event"] == "pulse" and self._injector is not None:
                self._injector.hear(facts["plan"], msgspec.convert(facts["seen"], Seen))
            elif facts["event"] == "progress":
                progress(facts)

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
            *self._own_us,
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
        record = read_record(self._folder)
        rows = [GeneratorRow(*row) for row in record.generator.iter_rows()]
        warm_up_us = self._scenario.horizon.warm_up
        limit = lag_limit(record.visits, record.contacts, warm_up_us=warm_up_us)
        verdict = judge(rows, warm_up_us=warm_up_us, lag_limit=limit)
        reasons = [*doubts(verdict, late_us=self._late_us, own_failures=self._own_failures)]
        reasons += [f"a fault could not be done: {failure}" for failure in self._failures]
        windows = verdict.windows
        return Validity(
            valid=not reasons,
            reasons=tuple(reasons),
            generator_cpu_max=max((w.cpu_share for w in windows), default=None),
            lag_p99_us_max=max((w.lag_p99_us for w in windows), default=None),
            lag_limit_us=limit.us,
            dropped=sum(row.dropped for row in rows),
        )

    def follow_up(self, held: Sequence[HeldByHospital]) -> Record:
        """Start the system again on its books and let the hospitals work off what they hold alone."""
        record = read_record(self._folder)
        listed = self._folder / "breaks.json"
        listed.write_text(json.dumps([one.visit for one in held]), encoding="utf-8")
        with System(system_config(self._scenario), self._folder, core=self.cores.system) as system:
            system.generator_core = self.cores.generator
            system.set_epoch(self._epoch_ns)
            if self._generate(system, lambda _: None, "--follow-up", str(listed)) == INTERRUPTED:
                raise KeyboardInterrupt
        return self._completed(replace(read_record(self._folder), inflight=record.inflight))

    def _now_us(self) -> int:
        return (time.monotonic_ns() - self._epoch_ns) // 1000


def _commits(stats: dict[str, Any]) -> dict[str, Commits]:
    """Return where each node makes its commits, from what its process says of itself."""
    nodes = {name: facts for host in stats.values() for name, facts in host["nodes"].items()}
    return {n: Commits(where=facts["committing"], flush_us=facts["flush_us"]) for n, facts in sorted(nodes.items())}


def _cpu_s(system: System) -> float:
    """Return the processor seconds of all processes of the system; one that a fault has killed counts nothing."""
    spent_s = 0.0
    for pid in system.pids().values():
        with suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            spent_s += times.user + times.system
    return spent_s


def _busy_s(core: int | None) -> float:
    """Return for how many seconds a core has been busy since the machine started, whoever used it."""
    if core is None:
        return 0.0
    times = psutil.cpu_times(percpu=True)[core]
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)


@contextmanager
def on_core(core: int | None) -> Generator[None]:
    """Keep this process off the system's core: what it uses counts as the generator's."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _forgotten(secrets: Path) -> Generator[None]:
    """Leave no secret of a run behind, however it ends."""
    try:
        yield
    finally:
        _remove(secrets)


def _end(child: subprocess.Popen[str]) -> None:
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else "it wrote nothing"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
