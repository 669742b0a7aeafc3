"""Simulates plans on common seeds and remembers every replication in a file, so that nothing is simulated twice.

An interrupted search finds there what it had finished. A replication is named by scenario, seed, costs and delay.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from lab.planner.harm import figures_of
from lab.worlds.conclude import answer
from lab.worlds.sim import simulate_here, worker_pool
from reference_impl.domain.keyed import replication_seed
from reference_impl.domain.unreadable import NO_JSON
from scenarios.reading.loader import dump_scenario, restore_scenario
from scenarios.schema import Scenario
from scenarios.schema.course import course_of
from scenarios.schema.cutover import Cutover, Phase, Window
from scenarios.schema.works import work_of
from scenarios.units import format_duration
from sim.model.costs import DEFAULT_COSTS

__all__ = ["FRESH_FROM", "Evaluator", "Seen", "delayed", "evaluator", "fits", "fresh_seeds", "mean", "search_seeds"]

FRESH_FROM = 100_000
"""Replications from this number on are none that a search ever sees."""
CACHE_FILE = "replications.jsonl"


class Seen(msgspec.Struct, frozen=True):
    """What one replication was like; an infinite figure is stored as null."""

    key: str
    figures: dict[str, float | None]
    took_s: float

    def values(self) -> dict[str, float]:
        """Return the figures, infinite for what never ended."""
        return {name: math.inf if value is None else value for name, value in self.figures.items()}


class _Task(msgspec.Struct, frozen=True):
    key: str
    scenario: dict[str, Any]
    seed: int
    costs: str | None
    delay_us: int


def search_seeds(seed: int, count: int) -> tuple[int, ...]:
    """Return the seeds that every trial of a search is simulated with: the first ``count`` of ``yidi run --reps``."""
    return tuple(replication_seed(seed, number) for number in range(count))


def fresh_seeds(seed: int, count: int) -> tuple[int, ...]:
    """Return seeds that no search has seen."""
    return tuple(replication_seed(seed, FRESH_FROM + number) for number in range(count))


def delayed(scenario: Scenario, delay_us: int) -> Scenario:
    """Return a resolved scenario of one seed whose doors open ``delay_us`` of the run's clock later than they would.

    Everybody is told what they were told: the delay is no part of the plan, and nothing is given up any more.
    """
    plans = tuple(_later(plan, scenario.seed, delay_us) for plan in scenario.cutover)
    return scenario.model_copy(update={"cutover": plans})


def _later(plan: Cutover, seed: int, delay_us: int) -> Cutover:
    course = course_of(plan, seed)
    opens_us = course.reopen_at + delay_us - plan.at
    told_us = plan.planned_reopen_at - plan.at
    rows = plan.window.rows if isinstance(plan.window, Window) and not course.rolled_back else None
    if rows is None:
        window = _window(planned=told_us, migrate=opens_us)
        return plan.model_copy(update={"window": window, "roll_back": None})
    passes = max(rows.passes, rows.passes - 1 + sum(phase is Phase.MIGRATE for phase, _ in course.works))
    window = _window(planned=told_us).model_copy(update={"rows": rows.model_copy(update={"passes": passes})})
    moved_us = work_of(plan.model_copy(update={"window": window}), seed).lasts_us  # what was refused stays refused
    window = window.model_copy(update={"freeze": opens_us - moved_us})
    return plan.model_copy(update={"window": window, "roll_back": None})


def _window(**lasts_us: int) -> Window:
    return Window.model_validate({name: format_duration(one) for name, one in lasts_us.items()})


def fits(scenario: Scenario, delay_us: int = 0) -> bool:
    """Return whether the stops of a resolved scenario lie between warm-up and end, and the parked come back in time."""
    horizon = scenario.horizon
    return all(
        plan.early_at >= horizon.warm_up
        and plan.reopens_between[1] + delay_us + plan.ramp_us + scenario.clients.park.spread <= horizon.length
        for plan in scenario.cutover
    )


def _simulated(task: _Task) -> Seen:
    scenario = restore_scenario(task.scenario).model_copy(update={"seed": task.seed})
    if task.delay_us:
        scenario = delayed(scenario, task.delay_us)
    outcome, interrupted = simulate_here(scenario, task.costs)
    if interrupted:
        raise KeyboardInterrupt
    figures = {name: value if math.isfinite(value) else None for name, value in figures_of(answer(outcome)).items()}
    return Seen(task.key, figures, outcome.took_s)


@dataclass(slots=True)
class Evaluator:
    """Simulates, in ``pool`` or else in this process, what its file does not have yet."""

    file: Path
    costs: Path | None
    pool: Executor | None
    seen: dict[str, Seen] = field(default_factory=dict[str, Seen])
    simulated: int = 0
    """How many replications were not in the file."""

    def each(
        self, scenarios: Sequence[Scenario], seeds: Sequence[int], *, delay_us: int = 0
    ) -> list[list[dict[str, float]]]:
        """Return the figures of every resolved scenario at every seed, in their order.

        Raises:
            LabError: when a process ended before its replication did.

        """
        wanted = [[self._task(scenario, seed, delay_us) for seed in seeds] for scenario in scenarios]
        missing = {task.key: task for row in wanted for task in row if task.key not in self.seen}
        with self.file.open("ab") as file:
            for done in self._made(list(missing.values())):
                self.seen[done.key] = done
                self.simulated += 1
                file.write(msgspec.json.encode(done) + b"\n")
                file.flush()
        return [[self.seen[task.key].values() for task in row] for row in wanted]

    def took_s(self, scenario: Scenario, seed: int) -> float:
        """Return how long a replication that was simulated took."""
        return self.seen[self._task(scenario, seed, 0).key].took_s

    def _made(self, tasks: Sequence[_Task]) -> Iterable[Seen]:
        if self.pool is None or len(tasks) == 1:
            yield from map(_simulated, tasks)
            return
        for done in as_completed([self.pool.submit(_simulated, task) for task in tasks]):
            yield done.result()

    def _task(self, scenario: Scenario, seed: int, delay_us: int) -> _Task:
        data = dump_scenario(scenario)
        named = msgspec.json.encode([data | {"gates": {}}, seed, str(delay_us), self._costs_hash])
        return _Task(hashlib.sha256(named).hexdigest(), data, seed, str(self.costs) if self.costs else None, delay_us)

    @property
    def _costs_hash(self) -> str:
        return hashlib.sha256((self.costs or DEFAULT_COSTS).read_bytes()).hexdigest()


@contextmanager
def evaluator(folder: Path, costs: Path | None, *, processes: int) -> Generator[Evaluator]:
    """Give an evaluator that remembers in ``folder``; its processes end with it."""
    file = folder / CACHE_FILE
    with worker_pool(processes) as pool:
        yield Evaluator(file, costs, pool if processes > 1 else None, dict(_remembered(file)))


def _remembered(file: Path) -> Iterable[tuple[str, Seen]]:
    """Yield what a file remembers; a line that was torn off is none."""
    for line in file.read_bytes().splitlines() if file.is_file() else ():
        try:
            seen = msgspec.json.decode(line, type=Seen)
        except NO_JSON:
            continue
        yield seen.key, seen


def mean(rows: Sequence[Mapping[str, float]], name: str) -> float:
    """Return the mean of one figure over replications."""
    return math.fsum(row[name] for row in rows) / len(rows)
