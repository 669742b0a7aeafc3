"""What may be asked from Python: each argument is looked at before anything is made, and told in one sentence.

The command line has its own parser for this; a caller in Python has only us. This module must never guess: what is not
what it should be raises :class:`InputError` with what, got, expected and what to do.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

from lab.runs.file import unnameable
from reference_impl.domain.failures import InputError
from scenarios.schema import Scenario

if TYPE_CHECKING:
    from lab.experiments.experiment import Watcher

World = Literal["sim", "load", "both"]

SETTINGS = "a list of settings such as ['visits.per_day=5000']"
SEED_LIMIT = 2**63
_SHOWN_CHARACTERS = 60
_TELLS = ("begin", "advance", "note")


def wrong(name: str, got: object, expected: str, advice: str) -> InputError:
    """Return the error about one argument.

    >>> print(wrong("reps", 0, "a whole number, at least 1", "leave it out for one replication"))
    reps: got 0; expected a whole number, at least 1; leave it out for one replication
    """
    try:
        shown = repr(got)
    except ValueError:  # a number of thousands of digits
        shown = f"what cannot be shown ({type(got).__name__})"
    if len(shown) > _SHOWN_CHARACTERS:
        shown = f"{shown[:_SHOWN_CHARACTERS]}... ({type(got).__name__})"
    return InputError(f"{name}: got {shown}; expected {expected}; {advice}")


def source_of(source: object) -> str | Path:
    """Return what names a scenario: a file or a name of the library."""
    if isinstance(source, Scenario):
        advice = "a loaded scenario is answered by yidi.simulate(scenario)"
        raise wrong("source", source, "a scenario file, or a name of the library", advice)
    if isinstance(source, str | Path) and str(source) not in ("", ".") and not unnameable(str(source)):
        return source
    raise wrong("source", source, "a scenario file, or a name of the library", "try 'national-day'")


def scenario_of(scenario: object) -> Scenario:
    """Return a loaded scenario."""
    if isinstance(scenario, Scenario):
        return scenario
    advice = f"write yidi.load({scenario!r})" if isinstance(scenario, str | Path) else "yidi.load makes one"
    raise wrong("scenario", scenario, "a scenario of yidi.load", advice)


def world_of(world: object) -> World:
    """Return where the question is answered."""
    for known in get_args(World):
        if isinstance(world, str) and world == known:
            return known
    raise wrong("world", world, "'sim', 'load' or 'both'", "leave it out for the simulated world")


def variant_of(variant: object) -> str | None:
    """Return the name of a variant, or None for the scenario as it is written; that it exists is the loader's."""
    if variant is None or (isinstance(variant, str) and variant):
        return variant
    raise wrong("variant", variant, "the name of a variant of the scenario, such as 'quick'", "leave it out for none")


def settings_of(sets: object) -> tuple[str, ...]:
    """Return the settings as texts; a single text is not taken for a list of its letters."""
    if isinstance(sets, str):
        raise wrong("sets", sets, SETTINGS, f"write sets=[{sets!r}]")
    listed = _listed(sets)
    if listed is None:
        raise wrong("sets", sets, SETTINGS, "leave it out for none")
    settings: list[str] = []
    for setting in listed:
        if not isinstance(setting, str):
            raise wrong("sets", setting, SETTINGS, "write each setting as one text, key=value")
        settings.append(setting)
    return tuple(settings)


def seed_of(seed: object) -> int | None:
    """Return the seed, or None for that of the scenario."""
    if seed is None:
        return None
    number = _whole(seed)
    if number is None or not 0 <= number < SEED_LIMIT:
        expected = "a whole number from 0, below two to the power of 63"
        raise wrong("seed", seed, expected, "leave it out for the scenario's own")
    return number


def replications_of(reps: object) -> int:
    """Return how many replications are asked for."""
    number = _whole(reps)
    if number is None or number < 1:
        raise wrong("reps", reps, "a whole number, at least 1", "leave it out for one replication")
    return number


def costs_of(costs: object) -> Path | None:
    """Return the cost file's path, or None for the packaged one; that it is one, is for who reads it."""
    if costs is None:
        return None
    return _path("costs", costs, "the path of a cost file", "leave it out for the packaged one")


def out_of(out: object) -> Path | None:
    """Return the folder to be made, or None for the next free one."""
    if out is None:
        return None
    return _path("out", out, "the path of a folder to be made", "leave it out for runs/NAME-WORLD-N")


def watcher_of(watcher: object) -> Watcher | None:
    """Return who is told how the run goes, or None for nobody."""
    if watcher is None:
        return None
    if not isinstance(watcher, type) and all(callable(getattr(watcher, name, None)) for name in _TELLS):
        return cast("Watcher", watcher)
    raise wrong("watcher", watcher, "an object with begin, advance and note", "leave it out to be told nothing")


def run_folder_of(folder: object) -> Path:
    """Return the path of a run folder."""
    return _path("folder", folder, "the path of a run folder", "yidi.run returns one")


def _path(name: str, value: object, expected: str, advice: str) -> Path:
    text = _path_text(value)
    if not text:
        raise wrong(name, value, expected, advice)
    unusable = unnameable(text)
    if unusable:
        raise wrong(name, value, f"{expected}; it {unusable}", advice)
    return Path(text)


def _path_text(value: object) -> str | None:
    """Return a path as text; None for what is no path, and for a path of bytes."""
    if not isinstance(value, str | os.PathLike):
        return None
    text = os.fspath(cast("str | os.PathLike[str] | os.PathLike[bytes]", value))
    return text if isinstance(text, str) else None


def _listed(value: object) -> tuple[object, ...] | None:
    """Return what a caller lists; a mapping and bytes can be walked through, and are no list of settings."""
    if not isinstance(value, Iterable) or isinstance(value, Mapping | bytes):
        return None
    return tuple(cast("Iterable[object]", value))


def _whole(value: object) -> int | None:
    """Return a whole number; True is none, though Python takes it for 1."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)  # pyright: ignore[reportArgumentType] - what it is, is the question
    except (TypeError, ValueError):
        return None
