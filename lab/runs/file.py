"""Run folders: one folder a run, written beside its final name and renamed when it is whole.

A folder ``NAME`` is whole. ``NAME.partial`` is at work or was interrupted; its ``run.json`` then says ``complete:
false`` and lists what was finished. A run must never write into a folder that exists.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any, Literal

import msgspec

from reference_impl.domain.failures import InputError
from scenarios.reading.loader import data_digest
from scenarios.reading.versions import converted_data, new_spelling

RUN_FILE = "run.json"
REPORT_FILE = "report.html"
PARTIAL = ".partial"
NAME_BYTES_MAX = 255
"""No file system takes a longer name; told early, nothing is made on the way to it."""
PATH_BYTES_MAX = 3_800
"""Linux takes 4096; the rest is for the files inside a folder."""
FIRST, FORMAT = 1, 2
"""The newest version of a run folder; ``read_run_file`` converts the first, and refuses one it does not know."""
_RESPELLED = {"bottleneck.busy": "bottleneck.utilisation"}
"""Measures of format 1, and their names in format 2."""

World = Literal["sim", "load"]
NOT_SEEN = "not seen: it takes the books, and those of a target are its own"
"""The note of a gate that no run against a system of somebody else's can judge."""


class TargetSaid(msgspec.Struct, frozen=True, kw_only=True):
    """Which system of somebody else's a run went to, as it was said: the file, its addresses, and the caps.

    ``not_seen`` are measures that take books: nobody saw them, and nobody may read them as 0.
    """

    file: str
    addresses: dict[str, str]
    owned: tuple[str, ...]
    max_rate: int
    max_duration_us: int
    abort_error_rate: float
    once: bool
    not_seen: tuple[str, ...]


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """One gate and what became of it.

    Without ``low`` and ``high`` there is no interval; with one of them it is open to the other side.
    """

    measure: str
    expression: str
    verdict: Literal["pass", "fail", "inconclusive", "invalid"]
    value: float | None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    note: str = ""

    @property
    def seen(self) -> bool:
        """Whether the run could see anything of it at all."""
        return self.note != NOT_SEEN


class Validity(msgspec.Struct, frozen=True, kw_only=True):
    """May the figures be used? A load run whose generator was the bottleneck may not.

    ``whole`` says whether the record tells of every visit; that of a run that lost a worker does not.
    """

    valid: bool = True
    whole: bool = True
    reasons: tuple[str, ...] = ()
    generator_cpu_max: float | None = None
    lag_p99_us_max: int | None = None
    lag_limit_us: int | None = None
    dropped: int = 0


class Commits(msgspec.Struct, frozen=True, kw_only=True):
    """Where a node of the real system made its commits: in its loop's ``turn`` or ``beside`` it, and why.

    ``flush_us`` is how long its disk took to flush a page when the process started; None when it could not be measured.
    """

    where: str
    flush_us: int | None


class Replication(msgspec.Struct, frozen=True, kw_only=True):
    """One replication: where its tables are and what came of it.

    ``counts`` says of how many values each distribution among the measures is; runs of before have none.
    ``digest`` is of what happened, and equal on any machine; ``checksums`` are of the files beside it that are not.
    ``commits`` are the real system's, by node.
    """

    folder: str
    seed: int
    digest: str
    took_s: float
    measures: dict[str, float | None]
    checker: dict[str, Any]
    validity: Validity = Validity()
    counts: dict[str, int] = {}
    checksums: dict[str, str] = {}
    commits: dict[str, Commits] = {}


class RunFile(msgspec.Struct, frozen=True, kw_only=True):
    """``run.json``: what was asked, on what, and what came of it (docs/record.md)."""

    format: int = FORMAT
    complete: bool
    name: str
    title: str
    question: str
    world: World
    engine: str
    source: str
    variant: str | None
    sets: tuple[str, ...]
    seed: int
    scenario: dict[str, Any]
    scenario_hash: str
    costs: str
    costs_hash: str
    warm_up_us: int
    time_scale: float
    machine: dict[str, Any]
    versions: dict[str, str]
    replications: tuple[Replication, ...] = ()
    measures: dict[str, float | None] = {}
    gates: tuple[GateResult, ...] = ()
    verdict: Literal["pass", "fail", "inconclusive", "invalid", "none"] = "none"
    notes: tuple[str, ...] = ()
    target: TargetSaid | msgspec.UnsetType = msgspec.UNSET
    """Of a run against a system of somebody else's; every other run is without."""
    checksum: str = ""
    """Of everything else here; runs of before have none."""

    @property
    def not_seen(self) -> tuple[str, ...]:
        """The measures that nobody could see, for want of books."""
        return () if isinstance(self.target, msgspec.UnsetType) else self.target.not_seen

    @property
    def digest(self) -> str:
        """The digest of the first replication: equal digests mean equal records."""
        return self.replications[0].digest if self.replications else ""


def sealed(run: RunFile) -> RunFile:
    """Return a run file with the checksum of all that it says."""
    written = msgspec.json.encode(msgspec.structs.replace(run, checksum=""))
    said = msgspec.json.encode(msgspec.json.decode(written, type=RunFile))  # as it is read
    return msgspec.structs.replace(run, checksum=hashlib.sha256(said).hexdigest())


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file as it lies there; empty when there is none.

    Raises:
        InputError: when it cannot be read.

    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; expected a file of a finished run") from error


def default_folder(name: str, world: str, root: Path = Path("runs")) -> Path:
    """Return the first free ``runs/NAME-WORLD-N``."""
    stem = f"{name}-{world}"
    taken = [
        int(m[1])
        for p in root.glob(f"{stem}-*")
        if (m := re.fullmatch(rf"{re.escape(stem)}-(\d+)(\.partial)?", p.name))
    ]
    return root / f"{stem}-{max(taken, default=0) + 1}"


def begin(folder: Path) -> Path:
    """Make and return the partial folder of a new run."""
    refuse_taken(folder)
    partial = folder.with_name(folder.name + PARTIAL)
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"cannot make output folder {partial}: {error.strerror}; choose another with --out") from error
    return partial


def refuse_taken(folder: Path) -> None:
    """Raise when a run may not write to ``folder``: before anything that takes time is done for it."""
    refuse_unnameable(folder)
    if os.path.lexists(folder):  # a link that leads nowhere as well
        raise InputError(f"output folder {folder} exists; expected a new name, choose another with --out")
    partial = partial_of(folder)
    if os.path.lexists(partial):
        raise InputError(
            f"{partial} exists: a run there was interrupted or is at work; remove it or choose another --out"
        )


def partial_of(path: Path) -> Path:
    """Return what an output is called while it is written; raise when it can have no such name."""
    if path.name in ("", ".."):
        raise InputError(f"output {path} has no name of its own; expected one, choose another with --out")
    partial = path.with_name(path.name + PARTIAL)
    refuse_unnameable(partial)
    return partial


def refuse_unnameable(path: Path) -> None:
    """Raise when no file can be called so."""
    wrong = unnameable(str(path))
    if wrong:
        raise InputError(f"a path {wrong} (got {str(path)[:NAME_BYTES_MAX]!r}); expected one that a file can have")


def unnameable(path: str) -> str:
    """Return what keeps a path from being one of a file; empty when nothing does.

    >>> unnameable("runs/a"), unnameable("a" * 300)
    ('', 'has a name longer than 255 bytes')
    """
    if "\0" in path:
        return "holds a zero byte"
    try:
        longest = max((len(name.encode()) for name in Path(path).parts), default=0)
    except UnicodeEncodeError:
        return "holds half a character (a lone surrogate)"
    if longest > NAME_BYTES_MAX:
        return f"has a name longer than {NAME_BYTES_MAX} bytes"
    return "" if len(path.encode()) <= PATH_BYTES_MAX else f"is longer than {PATH_BYTES_MAX} bytes"


def finish(partial: Path, folder: Path) -> None:
    """Give a whole run its name."""
    partial.rename(folder)


def write_run_file(folder: Path, run: msgspec.Struct) -> None:
    """Write ``run.json``; a reader sees the old text or the new one, never a part."""
    path = folder / RUN_FILE
    fresh = path.with_suffix(".json.new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=2) + b"\n")
    fresh.replace(path)


def read_run_file(folder: Path) -> RunFile:
    """Read ``run.json`` of a run folder."""
    path = folder / RUN_FILE
    try:
        run = msgspec.json.decode(path.read_bytes(), type=RunFile)
    except FileNotFoundError:
        raise InputError(
            f"{folder} is not a run folder: it holds no {RUN_FILE}; expected a folder that 'yidi run' made"
        ) from None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"cannot read {path}: {error}; expected the {RUN_FILE} of a yidi run") from error
    if not FIRST <= run.format <= FORMAT:
        raise InputError(
            f"{path} is of format {run.format}; expected {FIRST} to {FORMAT}: read it with a yidi of its own version"
        )
    return run if run.format == FORMAT else _converted(run)


def _converted(run: RunFile) -> RunFile:
    """Return a run file of format 1 with the names of today; its tables are converted where they are read.

    Its hash becomes that of the scenario in today's spelling, if it was that of the old one.
    """
    scenario = converted_data(run.scenario)
    unchanged = data_digest(run.scenario) == run.scenario_hash
    replications = tuple(msgspec.structs.replace(one, measures=_respelled(one.measures)) for one in run.replications)
    gates = tuple(
        msgspec.structs.replace(gate, measure=_RESPELLED.get(gate.measure, gate.measure)) for gate in run.gates
    )
    return msgspec.structs.replace(
        run,
        format=FORMAT,
        measures=_respelled(run.measures),
        replications=replications,
        gates=gates,
        scenario=scenario,
        scenario_hash=data_digest(scenario) if unchanged else run.scenario_hash,
        sets=tuple(_respelled_setting(setting) for setting in run.sets),
    )


def _respelled_setting(setting: str) -> str:
    """Return a ``--set`` of format 1 as it is typed today, so that the command that repeats a run still does."""
    path, equals, value = setting.partition("=")
    section, _, rest = path.partition(".")
    key, dot, tail = (rest, "", "") if section == "gates" else rest.partition(".")
    today = new_spelling((section, key))
    return setting if today is None else f"{today}{dot}{tail}{equals}{value}"


def _respelled(measures: dict[str, float | None]) -> dict[str, float | None]:
    return {_RESPELLED.get(name, name): value for name, value in measures.items()}


def worlds_in(folder: Path) -> dict[str, Path]:
    """Return the run folders that ``folder`` holds: itself, or ``sim`` and ``load`` of a run in both worlds."""
    refuse_unnameable(folder)
    if not folder.is_dir():
        raise InputError(f"run folder {folder} does not exist; expected a folder that 'yidi run' made")
    inner = {world: folder / world for world in ("sim", "load") if (folder / world / RUN_FILE).is_file()}
    if inner:
        return inner
    return {read_run_file(folder).world: folder}
