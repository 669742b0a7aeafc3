"""``yidi cutover plan``: search with progress, then the run book's place and what it says in short."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from lab.cli import console
from lab.planner.harm import weights_of
from lab.planner.judgement import HARM
from lab.planner.planning import Asked, Planned, plan_stop
from lab.planner.runbook import MARKDOWN_FILE, PAGE_FILE, RunBook, write_run_book
from reference_impl.domain.failures import InputError
from scenarios.reading.loader import find_scenario
from scenarios.units import UnitError, parse_duration

__all__ = ["Typed", "plan"]

DEFAULT_BUDGET = "30min"
US_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed."""

    source: str
    variant: str | None
    sets: tuple[str, ...]
    levers: tuple[str, ...]
    given_weights: tuple[str, ...]
    weights_file: Path | None
    against: str
    budget: str | None
    trials: int | None
    reps: int
    fresh: int
    volume: float | None
    out: Path | None
    costs: Path | None
    nights: bool
    as_json: bool

    def asked(self) -> Asked:
        """Return it as the planner is asked."""
        if self.volume is not None and not 0 < self.volume <= 1:
            raise InputError(f"volume: got {self.volume:g}; expected a share of the visits, above 0 and at most 1")
        return Asked(
            source=self.source,
            variant=self.variant,
            sets=self.sets,
            levers=self.levers,
            nights=self.nights,
            weights=tuple(weights_of(self.weights_file, self.given_weights).items()),
            against=self.against,
            trials=self.trials,
            seconds=_seconds(self.budget, self.trials),
            replications=self.reps,
            fresh=self.fresh,
            volume=self.volume,
            costs=self.costs,
        )

    def folder(self) -> Path:
        """Return where the answer goes."""
        parts = [find_scenario(self.source).stem, *([self.variant] if self.variant else []), "plan"]
        return self.out or Path("runs") / "-".join(parts)


def plan(typed: Typed) -> None:
    """Search, judge, write the run book and say what it says."""
    asked, folder = typed.asked(), typed.folder()
    with console.Bar(quiet=typed.as_json) as bar:
        answered = plan_stop(asked, folder, bar)
    book = write_run_book(answered, folder)
    if typed.as_json:
        console.say_json({"folder": str(folder), **msgspec.to_builtins(answered.planned)})
        return
    _tell(answered.planned, book, folder)


def _tell(planned: Planned, book: RunBook, folder: Path) -> None:
    found, stated = planned.trials[planned.best].levers, planned.trials[0].levers
    console.table(["lever", "as stated", "found"], [[name, stated[name], found[name]] for name in found], words=3)
    console.say(book.verdict)
    by_search = planned.trials[0].harm - planned.judged.searched
    if planned.judged.difference[HARM].value is not None:
        console.say(f"(On the seeds it was chosen by, the search saw {by_search:.4g} points less: no estimate.)")
    console.say(f"run book: {folder / PAGE_FILE} and {folder / MARKDOWN_FILE}")


def _seconds(budget: str | None, trials: int | None) -> float | None:
    if budget is None and trials is not None:
        return None
    text = DEFAULT_BUDGET if budget is None else budget
    try:
        seconds = parse_duration(text) / US_PER_S
    except UnitError as error:
        raise InputError(f"budget: {error}") from error
    if seconds <= 0:
        raise InputError(f"budget: got {text}; expected a time above 0, such as {DEFAULT_BUDGET}")
    return seconds
