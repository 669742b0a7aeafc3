"""``yidi torture``: seeds with progress, the table of what they met, and each failure as a story."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cli import console
from lab.torture.batch import Batch, Failure, Plan, torture
from lab.torture.corpus import Corpus
from lab.torture.exhaustive import SCENES, Searched, searched
from lab.torture.seeds import Asked, replayed
from lab.torture.states import states_of, unmet
from lab.torture.story import Story, story_of, told
from lab.torture.tape import spelt_out
from lab.torture.world import VISITS
from reference_impl.books.places import all_on
from reference_impl.books.postgresql.address import Server
from reference_impl.domain.failures import InputError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

__all__ = ["Typed", "torture_command"]

ENOUGH_SEEDS = 200
"""From so many seeds on every rare state must have been met."""
STORIES_MAX = 3
_TOLD_EVERY = 1_000
_US_PER_S = 1_000_000
_S_PER_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed."""

    seeds: int | None
    first: int | None
    cutover: bool
    minutes: float | None
    workers: int | None
    corpus: Path | None
    tape: str | None
    exhaustive: int | None
    books: str | None
    as_json: bool


def torture_command(typed: Typed) -> int:
    """Torture, say what came of it, and return the exit code.

    Raises:
        InputError: when what was typed does not go together.

    """
    if typed.exhaustive is not None:
        _refuse_beside("--exhaustive", typed.tape, typed.books, typed.cutover or None, *_of_a_batch(typed))
        return _every_way(typed.exhaustive, typed)
    server = _server(typed)
    if typed.tape is not None:
        _refuse_beside("--tape", *_of_a_batch(typed))
        return _replay(typed.tape, typed, server)
    return _batch(typed, server)


def _server(typed: Typed) -> Server | None:
    """Return where all books are to lie; None in memory and in files.

    Raises:
        InputError: when what was typed is no address.
        BooksError: when no books can be made there.

    """
    if typed.books is None:
        return None
    server = Server.read(typed.books)
    all_on(typed.books)
    return server


def _of_a_batch(typed: Typed) -> tuple[object, ...]:
    return typed.seeds, typed.first, typed.minutes, typed.workers, typed.corpus


def _refuse_beside(option: str, *stated: object) -> None:
    if any(one is not None for one in stated):
        raise InputError(f"torture: {option} goes through worlds of its own; expected it without options of a batch")


def _batch(typed: Typed, server: Server | None) -> int:
    seeds = ENOUGH_SEEDS if typed.seeds is None and typed.minutes is None else typed.seeds
    plan = Plan(
        first=typed.first or 0,
        seeds=seeds,
        cutover=typed.cutover,
        seconds=None if typed.minutes is None else typed.minutes * _S_PER_MINUTE,
        workers=typed.workers or len(os.sched_getaffinity(0)),
        corpus=None if typed.corpus is None else Corpus(typed.corpus),
        server=server,
    )
    batch = Batch()
    try:
        with console.Bar(quiet=typed.as_json) as bar:
            torture(plan, _shown(bar, plan), batch)
    except KeyboardInterrupt:
        _say(typed, batch, [])
        raise
    stories = [story_of(one.asked, one.choices, one.law) for one in batch.failures[:STORIES_MAX]]
    _say(typed, batch, stories)
    missed = unmet(batch.seen, cutover=typed.cutover) if batch.done >= ENOUGH_SEEDS else []
    return 1 if batch.broken or missed else 0


def _shown(bar: console.Bar, plan: Plan) -> Callable[[Batch], None]:
    """Return what shows how far it has come: of the seeds, or of the time."""
    began_s, told = time.monotonic(), [0]
    bar.begin("torture", plan.seeds or plan.seconds or 1)

    def show(so_far: Batch) -> None:
        bar.advance(so_far.done if plan.seeds else time.monotonic() - began_s)
        if so_far.done // _TOLD_EVERY > told[0]:
            told[0] = so_far.done // _TOLD_EVERY
            bar.note(f"{so_far.done:,} seeds, {so_far.broken} broke a law")

    return show


def _say(typed: Typed, batch: Batch, stories: list[Story]) -> None:
    missed = unmet(batch.seen, cutover=typed.cutover)
    if typed.as_json:
        console.say_json(_as_data(typed, batch, stories, missed))
        return
    _say_size(typed, batch)
    _say_states(batch.seen, batch.met_by, cutover=typed.cutover)
    if missed:
        judged = "which so many must" if batch.done >= ENOUGH_SEEDS else f"which {ENOUGH_SEEDS} must"
        console.say(f"Not met, {judged}: {', '.join(missed)}.")
    for story in stories:
        console.say("")
        console.say("\n".join(told(story)))
    if batch.broken > len(stories):
        others = [str(one.asked.seed) for one in batch.failures[len(stories) :]]
        console.say(f"{batch.broken} worlds broke a law; also seeds {', '.join(others)}")


def _say_size(typed: Typed, batch: Batch) -> None:
    worlds = max(1, batch.done)
    minutes = batch.lasted_us / worlds / _US_PER_S / _S_PER_MINUTE
    stop = ", through a planned stop" if typed.cutover else ""
    speed = f"{batch.done / batch.cpu_s:.0f} seeds per CPU-second" if batch.cpu_s else "none"
    console.say(
        f"{batch.done} seeds from {typed.first or 0} on{stop}, each up to {VISITS} visits and on average {minutes:.1f} "
        f"simulated minutes and {batch.choices / worlds:.0f} choices: {batch.broken} broke a law; {speed}."
    )
    console.say(f"Go on with --seed {batch.next_seed}.")


def _say_states(seen: Counter[str], met_by: Counter[str], *, cutover: bool) -> None:
    states = states_of(cutover=cutover)
    rows = [[name, f"{seen[name]:,}", f"{met_by[name]:,}"] for name in states]
    rows += [[name, f"{seen[name]:,}", f"{met_by[name]:,}"] for name in sorted(seen) if name not in states]
    console.table(["state", "times", "seeds"], rows)


def _as_data(typed: Typed, batch: Batch, stories: list[Story], missed: list[str]) -> dict[str, object]:
    return {
        "first": typed.first or 0,
        "done": batch.done,
        "next": batch.next_seed,
        "broken": batch.broken,
        "cpu_s": batch.cpu_s,
        "states": dict(sorted(batch.seen.items())),
        "not_met": missed,
        "failures": [_failure(one) for one in batch.failures],
        "stories": [{"command": story.command, "told": list(told(story))} for story in stories],
    }


def _failure(one: Failure) -> dict[str, object]:
    return {"seed": one.asked.seed, "wrong": list(one.wrong)}


def _replay(tape: str, typed: Typed, server: Server | None) -> int:
    """Go through one tape and tell it."""
    ended = replayed(spelt_out(tape), cutover=typed.cutover, server=server, tells=True)
    if typed.as_json:
        console.say_json({"wrong": ended.wrong, "told": ended.told, "never_asked_for": ended.unheeded})
    else:
        if ended.unheeded:
            console.say(f"Never asked for, perhaps of another version or option: {'; '.join(ended.unheeded)}.")
        console.say("\n".join(ended.told))
        console.say("\n".join(f"Broken: {wrong}" for wrong in ended.wrong) or "No law is broken.")
    return 1 if ended.wrong else 0


def _every_way(bound: int, typed: Typed) -> int:
    """Go through every way of a few messages."""
    code, rows = 0, list[list[str]]()
    for name, scene in SCENES.items():
        found = Searched()
        searched(scene, bound, found)
        rows.append([name, f"{found.worlds:,}", f"{len(found.failures):,}"])
        for failure in found.failures[:1]:
            code = 1
            console.say("\n".join(told(story_of(Asked(0), failure.choices, failure.law))))
    if typed.as_json:
        console.say_json([dict(zip(("scene", "worlds", "broken"), row, strict=True)) for row in rows])
    else:
        console.table(["scene", "worlds", "broke a law"], rows)
    return code
