"""Many seeds, in parallel processes: what they met, what they broke, and where to go on.

A seed is a world of its own, so the answer does not hang on how many processes there are. With a corpus, tapes that did
something new are kept, and half of what follows are worlds made from them with some of their choices drawn anew.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from itertools import count, islice
from random import Random

from lab.torture.corpus import Corpus
from lab.torture.seeds import Asked, Ended, ran
from lab.worlds.sim import worker_pool
from reference_impl.books.postgresql.address import Server

__all__ = ["Batch", "Failure", "Plan", "torture"]

_CHUNK = 10
"""Seeds that a process goes through at once."""
_QUEUED = 2
"""Chunks that wait for each process."""
_FAILURES_KEPT = 20
_REDRAWN = 0.2


@dataclass(frozen=True)
class Plan:
    """What was asked: ``seeds`` None where only the time counts."""

    first: int = 0
    seeds: int | None = 200
    cutover: bool = False
    seconds: float | None = None
    workers: int = 1
    corpus: Corpus | None = None
    server: Server | None = None
    """Where all books lie, if on a server."""


@dataclass(frozen=True)
class Failure:
    """A world that broke a law."""

    asked: Asked
    choices: dict[str, int]
    wrong: tuple[str, ...]

    @property
    def law(self) -> str:
        """The law that was broken first."""
        return self.wrong[0].partition(":")[0]


@dataclass
class Batch:
    """What came of the seeds that are done."""

    done: int = 0
    broken: int = 0
    failures: list[Failure] = field(default_factory=list[Failure])
    seen: Counter[str] = field(default_factory=Counter[str])
    """How often a state was met."""
    met_by: Counter[str] = field(default_factory=Counter[str])
    """How many worlds met it."""
    choices: int = 0
    lasted_us: int = 0
    cpu_s: float = 0.0
    features: dict[int, frozenset[str]] = field(default_factory=dict[int, frozenset[str]])
    tapes: dict[int, dict[str, int]] = field(default_factory=dict[int, dict[str, int]])
    next_seed: int = 0
    """The first seed of which nothing is known yet."""

    def take(self, asked: Asked, ended: Ended) -> None:
        """Count one world."""
        self.done += 1
        self.seen += ended.seen
        self.met_by += Counter(dict.fromkeys((name for name, times in ended.seen.items() if times), 1))
        self.choices += len(ended.choices)
        self.lasted_us += ended.lasted_us
        if ended.wrong:
            self.broken += 1
            if len(self.failures) < _FAILURES_KEPT:
                self.failures.append(Failure(asked, ended.choices, ended.wrong))

    def add(self, other: Batch) -> None:
        """Count what another process did."""
        self.done += other.done
        self.broken += other.broken
        self.failures = sorted([*self.failures, *other.failures], key=lambda one: one.asked.seed)[:_FAILURES_KEPT]
        self.seen += other.seen
        self.met_by += other.met_by
        self.choices += other.choices
        self.lasted_us += other.lasted_us
        self.cpu_s += other.cpu_s


Progress = Callable[[Batch], None]


def torture(plan: Plan, progress: Progress, into: Batch) -> None:
    """Go through the seeds of a plan and count them ``into`` a batch, which an interrupt leaves as far as it came."""
    into.next_seed = plan.first
    ends = float("inf") if plan.seconds is None else time.monotonic() + plan.seconds
    chunks = _chunks(plan)
    if plan.workers == 1:
        for chunk in chunks:
            if time.monotonic() >= ends:
                return
            _count(plan, chunk, _through(chunk, keeps=plan.corpus is not None), into)
            into.next_seed = chunk[-1].seed + 1
            progress(into)
        return
    with worker_pool(plan.workers) as pool:
        running: dict[Future[Batch], list[Asked]] = {}
        while True:
            fresh = islice(chunks, plan.workers * _QUEUED - len(running)) if time.monotonic() < ends else ()
            running |= {pool.submit(_through, chunk, keeps=plan.corpus is not None): chunk for chunk in fresh}
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                _count(plan, running.pop(future), future.result(), into)
            unknown = [chunk[0].seed for chunk in running.values()]
            into.next_seed = min(unknown, default=plan.first + into.done)
            progress(into)


def _count(plan: Plan, chunk: list[Asked], part: Batch, into: Batch) -> None:
    into.add(part)
    if plan.corpus is not None:
        for asked in chunk:
            plan.corpus.offer(part.features[asked.seed], part.tapes[asked.seed], cutover=plan.cutover)


def _chunks(plan: Plan) -> Iterator[list[Asked]]:
    """Yield the worlds to go through; of a corpus every other one is made from a tape that was kept."""
    seeds = iter(range(plan.first, plan.first + plan.seeds)) if plan.seeds is not None else count(plan.first)
    while chunk := list(islice(seeds, _CHUNK)):
        yield [Asked(seed, plan.cutover, _kept(plan, seed), plan.server) for seed in chunk]


def _kept(plan: Plan, seed: int) -> Mapping[str, int]:
    if plan.corpus is None or seed % 2 == 0:
        return {}
    rng = Random(f"mutant {seed}")
    tape = plan.corpus.some(rng, cutover=plan.cutover)
    return {place: value for place, value in tape.items() if rng.random() >= _REDRAWN}


def _through(chunk: list[Asked], *, keeps: bool) -> Batch:
    """Go through some worlds."""
    batch, began_s = Batch(), time.process_time()
    for asked in chunk:
        ended = ran(asked)
        batch.take(asked, ended)
        if keeps:
            batch.features[asked.seed], batch.tapes[asked.seed] = ended.features, ended.choices
    batch.cpu_s = time.process_time() - began_s
    return batch
