"""One replication in the simulated world, in this process or in a spawned one.

Tasks and results are plain data, so that they cross a process border. A task must never print: progress is the
caller's.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import msgspec

from lab.errors import LabError
from lab.runs.file import Replication
from lab.worlds.apart import conduct_apart, end_with_the_parent
from lab.worlds.conclude import Interrupted, Outcome, conclude
from lab.worlds.followup import HeldByHospital
from reference_impl.protocol.messages import SettlementId, VisitId
from scenarios.patients.streams import arrivals_expected
from scenarios.patients.visits import plan_visits
from scenarios.reading.loader import restore_scenario
from sim.model.costs import load_costs

if TYPE_CHECKING:
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario
    from sim.run import Progress as SimProgress
    from sim.run import SimRun

APART_ARRIVALS: Final = 50_000
"""From so many visits on, the world of a replication has a process of its own: what it took is given back when it ends.

It takes half a minute and more then, beside which the start of a process is nothing.
"""
_P = ParamSpec("_P")
_T = TypeVar("_T")
Progress = Callable[[float], None]
"""Called with the share of the visits that have ended."""


class SimTask(msgspec.Struct, frozen=True, kw_only=True):
    """One replication to be simulated: the resolved scenario, its seed, its costs and where its tables go."""

    scenario: dict[str, Any]
    seed: int
    costs: str | None
    root: str
    folder: str


def simulate_here(
    scenario: Scenario,
    costs: Path | str | None,
    progress: Progress | None = None,
    *,
    folder: Path | None = None,
) -> tuple[Outcome, bool]:
    """Simulate one replication in this process; return its outcome and whether Ctrl-C ended it early.

    What does not stay in memory lies in ``folder`` meanwhile; without one, where temporary files do.
    """
    from sim.run import simulate  # noqa: PLC0415 - SimPy is loaded only where it is run

    begun = time.perf_counter()
    ended = simulate(scenario, plan_visits(scenario), load_costs(costs), progress=_telling(progress), folder=folder)
    outcome = Outcome(
        scenario,
        ended.tables(),
        {str(node): books for node, books in ended.books.items()},
        took_s=time.perf_counter() - begun,
        follow_up=lambda held: _follow_up(ended, held, scenario.horizon.drain_limit),
    )
    return outcome, ended.interrupted


def simulate_task(task: SimTask, progress: Progress | None = None) -> Replication:
    """Simulate one replication, check it and write its tables; a large one's world has a process of its own."""
    scenario = _scenario_of(task)
    folder = Path(task.root) / task.folder
    folder.mkdir(exist_ok=True)
    if arrivals_expected(scenario) < APART_ARRIVALS:
        outcome, interrupted = simulate_here(scenario, task.costs, progress, folder=folder)
    else:
        outcome, interrupted = conduct_apart(scenario, partial(_simulate_plain, task), progress, folder)
    replication = conclude(outcome, folder, task.folder)
    if interrupted:
        raise Interrupted(replication)
    return replication


def _scenario_of(task: SimTask) -> Scenario:
    return restore_scenario(task.scenario).model_copy(update={"seed": task.seed})


def _simulate_plain(task: SimTask, progress: Progress, folder: Path) -> tuple[Outcome, bool]:
    """Simulate a task: what crosses the border of a process is plain data."""
    return simulate_here(_scenario_of(task), task.costs, progress, folder=folder)


def _telling(progress: Progress | None) -> SimProgress | None:
    if progress is None:
        return None

    def told(_now_us: int, _end_us: int, ended: int, planned: int) -> None:
        progress(ended / max(1, planned))

    return told


def _follow_up(ended: SimRun, held: Sequence[HeldByHospital], limit_us: int) -> Record:
    ended.follow_up([(one.visit, VisitId(one.visit_id), SettlementId(one.settlement)) for one in held], limit_us)
    return ended.record()


def simulate_all(tasks: Sequence[SimTask], *, processes: int) -> Iterator[Replication]:
    """Simulate many replications in spawned processes and yield each as it is done; leaving early ends the rest.

    Raises:
        LabError: when a process ended before its replication did.

    """
    with worker_pool(min(processes, len(tasks))) as executor:
        yield from (done.result() for done in as_completed([executor.submit(simulate_task, task) for task in tasks]))


class _Pool(ProcessPoolExecutor):
    """Bears its processes with interrupts held back: Ctrl-C, which all hear, must not end one that is still loading."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def worker_pool(processes: int) -> Generator[Executor]:
    """Give spawned processes that simulate; leaving it ends them, whatever they are at.

    Raises:
        LabError: when one of them ended before its work did.

    """
    others = set(multiprocessing.active_children())
    executor = _Pool(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_leave_interrupts_to_the_parent,
    )
    try:
        yield executor
    except BrokenProcessPool:
        raise LabError(
            "a process that simulated a replication ended before it was done, most likely for want of memory; "
            "ask for fewer at once (taskset -c 0 yidi run ...), or for fewer visits (scale.volume)"
        ) from None
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - others:
            child.kill()


def _leave_interrupts_to_the_parent() -> None:
    """Hear of an interrupt from the parent alone, and never outlive it, however it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_the_parent()
