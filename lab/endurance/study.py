"""One run under everything, judged by two checkers that share no code.

The scenario is the question, the schedule its faults, the world the real one. Must never hide what could not be done.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from lab.endurance.schedule import Plan, scheduled
from lab.experiments.experiment import Question, run_world
from lab.recount.asking import Recount, recount_folder
from reference_impl.domain.failures import InputError
from scenarios.reading.loader import load_scenario
from scenarios.record.recorder import read_record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.experiments.experiment import Watcher
    from lab.runs.file import RunFile
    from reference_impl.books.postgresql.address import Server
    from scenarios.schema import Scenario

__all__ = ["Asked", "Ended", "endure", "under_fire"]

_US_PER_S = 1_000_000
_UNDONE = "a fault could not be done"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for. ``minutes`` None: as long as the scenario's horizon."""

    source: str
    sets: tuple[str, ...] = ()
    seed: int | None = None
    minutes: float | None = None
    every_s: float = 10.0
    without: frozenset[str] = frozenset()
    server: Server | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of it."""

    run: RunFile
    done: Counter[str]
    """How many faults were done, by kind."""
    hits: Counter[str]
    """How many attempts of hospitals met them, or were lost or delayed by them."""
    visits: Counter[str]
    """The visits by their fate."""
    messages: int
    undone: tuple[str, ...]
    """What could not be done or undone."""
    recount: Recount

    @property
    def found_by_laws(self) -> int:
        """How many breaches of laws the checker found."""
        return sum(sum(one.checker["laws"].values()) for one in self.run.replications)

    @property
    def holds(self) -> bool:
        """Whether neither checker found anything."""
        return not self.found_by_laws and not self.recount.found


def under_fire(asked: Asked) -> Scenario:
    """Return the scenario with the faults that are scheduled for it.

    Raises:
        InputError: when it does not go by the machine's clock, or has faults of its own, or is too short.

    """
    sets = list(asked.sets)
    if asked.minutes is not None:
        sets.append(f"horizon.length={asked.minutes * 60:g}s")
    calm = load_scenario(asked.source, sets=sets, seed=asked.seed)
    if calm.scale.time != 1:
        raise InputError(
            f"{calm.name} has scale.time {calm.scale.time:g}; expected 1: faults come by the machine's clock"
        )
    if calm.faults:
        raise InputError(
            f"{calm.name} has {len(calm.faults)} faults of its own; expected none: they are scheduled here"
        )
    nodes = tuple(calm.topology.nodes())
    plan = Plan(calm.seed, calm.horizon.length, round(asked.every_s * _US_PER_S), nodes, asked.without)
    return load_scenario(asked.source, sets=[*sets, f"faults={json.dumps(scheduled(plan))}"], seed=asked.seed)


def endure(asked: Asked, folder: Path, watcher: Watcher) -> Ended:
    """Run it, and have both checkers look at what it left in ``folder``."""
    question = Question(under_fire(asked), asked.source, None, asked.sets, server=asked.server, keeps_books=True)
    run = run_world(question, "load", folder, watcher)
    record = read_record(folder)
    events = record.events.filter(pl.col("kind") != "restart")
    return Ended(
        run=run,
        done=_counted(events, pl.len()),
        hits=_counted(events, pl.col("hits").sum()),
        visits=_by(record.visits.group_by("fate").len().rows()),
        messages=record.messages.height,
        undone=tuple(why for one in run.replications for why in one.validity.reasons if why.startswith(_UNDONE)),
        recount=recount_folder(folder),
    )


def _counted(events: pl.DataFrame, what: pl.Expr) -> Counter[str]:
    return _by(events.group_by("kind").agg(what).rows())


def _by(rows: Iterable[tuple[str, int]]) -> Counter[str]:
    return Counter(dict(sorted(rows)))
