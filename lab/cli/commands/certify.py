"""``yidi certify``: what was typed, the folder of its ledger, and what is said of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.certify.campaign import certify
from lab.certify.case import Business
from lab.certify.catalogue import Planned, planned
from lab.certify.desk import PATIENCE_S, Line, over_network
from lab.certify.doors import doors_of
from lab.certify.keys import holder_of
from lab.certify.ledger import LEDGER_FILE, Entry, Ledger, Subject, read_ledger
from lab.certify.papers import Tally, by_business, write_papers
from lab.certify.proofs import Verdict
from lab.certify.roll import Roll, read_roll
from lab.cli import console
from lab.runs.file import default_folder, refuse_taken
from lab.worlds.target import Aim, facts_of
from reference_impl.domain.failures import FailedRunError, InputError
from scenarios.reading.target import load_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.inputs import SystemFile

__all__ = ["Asked", "certify_command"]

_DIGEST_CHARS = 16
_SHOWN = 20
"""So many that did not pass are told at the terminal; all are in the papers."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed."""

    target: Path
    roll: Path
    out: Path | None = None
    only: tuple[str, ...] = ()
    owned: tuple[str, ...] = ()
    at: str | None = None
    patience_s: float = PATIENCE_S
    closes: str | None = None
    reopens: str | None = None
    resume: bool = False
    as_json: bool = False


def certify_command(asked: Asked) -> int:
    """Certify; return 0 where all passed, 1 where some failed, 3 where some could not be run.

    Raises:
        InputError: when the target, the list or the folder is not what it should be.
        LabError: when nobody answers any more.

    """
    roll = read_roll(asked.roll, _moment(asked.at))
    aim = Aim(load_target(asked.target), asked.target, asked.owned)
    doors = doors_of(asked.closes, asked.reopens)
    plan = planned(roll, _businesses(asked.only), doors=doors is not None)
    if not plan:
        raise InputError(f"{asked.roll}: no institution does {', '.join(asked.only)}; choose another --only")
    system = _system(aim, roll)
    subject = Subject(
        {node: one.url for node, one in aim.target.nodes.items()}, str(asked.roll), len(plan), _digest(plan)
    )
    folder = asked.out or default_folder("certify", "target")
    ledger, left = _opened(folder, subject, plan, resume=asked.resume)
    line = Line.to(system, roll, holder_of(system, roll), over_network(system))
    line.patience_s = asked.patience_s
    try:
        with console.Bar(quiet=asked.as_json) as bar:
            bar.begin(f"{len(left):,} cases at {len(roll.listed):,} institutions", len(left))
            if doors is None:
                bar.note("closed doors are left out: give --close-with and --reopen-with to have them certified")
            certify(line, left, ledger, bar, doors)
    finally:
        ledger.close()
        page = write_papers(folder, *read_ledger(folder))
    entries = read_ledger(folder)[1]
    _say(subject, entries, page, as_json=asked.as_json)
    tally = Tally.of(subject, entries)
    return 1 if tally.failed else FailedRunError.exit_code if tally.not_run else 0


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - the interface has no zones
    except ValueError:
        raise InputError(f"--at: got {text!r}; expected a time such as '2024-03-13 08:00:00'") from None


def _businesses(only: tuple[str, ...]) -> frozenset[Business]:
    try:
        return frozenset(map(Business, only)) or frozenset(Business)
    except ValueError as error:
        raise InputError(f"--only: {error}; expected of {', '.join(Business)}") from None


def _system(aim: Aim, roll: Roll) -> SystemFile:
    hosts = {node.host for node in aim.target.nodes.values()}
    for name in aim.owned:
        if name.lower() not in hosts:
            raise InputError(f"--i-own {name}: {aim.file} names no such host; it names {', '.join(sorted(hosts))}")
    nodes = tuple(sorted({roll.node(one) for one in roll.listed}))
    missing = [node for node in nodes if node not in aim.target.nodes]
    if missing:
        raise InputError(
            f"{aim.file}: no address of {', '.join(missing)}, where institutions of the list send; it has "
            f"{', '.join(aim.target.nodes)}; add what is missing, or shorten the list"
        )
    return facts_of(aim, nodes)


def _digest(plan: Sequence[Planned]) -> str:
    named = "\n".join(f"{one!r} {case.id}" for one, case in plan)
    return hashlib.sha256(named.encode()).hexdigest()[:_DIGEST_CHARS]


def _opened(
    folder: Path, subject: Subject, plan: Sequence[Planned], *, resume: bool
) -> tuple[Ledger, tuple[Planned, ...]]:
    """Return the ledger of a folder, and what is left to be played: what was never, or could not be."""
    if not resume:
        refuse_taken(folder)
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise InputError(f"cannot make {folder}: {error.strerror}; choose another folder with --out") from None
        return Ledger.begun(folder, subject), tuple(plan)
    before, entries = read_ledger(folder)
    if (before.digest, before.addresses) != (subject.digest, subject.addresses):
        raise InputError(
            f"{folder / LEDGER_FILE}: is of {before.cases:,} cases of {before.roll} at {_places(before)}; expected the "
            "same target, list and --only as then; type those, or begin anew with another --out"
        )
    ended = {entry.key for entry in entries if entry.verdict is not Verdict.NOT_RUN}
    return Ledger.again(folder), tuple(pair for pair in plan if (pair[0].institution, pair[1].id) not in ended)


def _places(subject: Subject) -> str:
    return ", ".join(subject.addresses.values())


def _say(subject: Subject, entries: Sequence[Entry], page: Path, *, as_json: bool) -> None:
    tally = Tally.of(subject, entries)
    if as_json:
        console.say_json(_as_data(tally, entries, page))
        return
    rows = [
        [name, *(f"{ended[verdict.value]:,}" for verdict in Verdict), ", ".join(failed)]
        for name, ended, failed in by_business(entries)
    ]
    console.table(["business", *(verdict.value for verdict in Verdict), "classes of failures"], rows)
    wrong = [entry for entry in entries if entry.verdict is not Verdict.PASSED]
    for one in wrong[:_SHOWN]:
        console.say(f"{one.verdict.value} {one.institution} {one.case} [{one.proof.value}]: {one.reason}")
    if len(wrong) > _SHOWN:
        console.say(f"… and {len(wrong) - _SHOWN:,} more")
    console.say(
        f"{tally.verdict}: of {console.counted(tally.cases, 'case')} {tally.passed:,} passed, {tally.failed:,} failed, "
        f"{tally.not_run:,} not run; {page}"
    )


def _as_data(tally: Tally, entries: Sequence[Entry], page: Path) -> dict[str, Any]:
    return {
        "folder": str(page.parent),
        "verdict": tally.verdict,
        "cases": tally.cases,
        "passed": tally.passed,
        "failed": tally.failed,
        "not_run": tally.not_run,
        "wrong": [
            {
                "institution": one.institution,
                "case": one.case,
                "verdict": one.verdict.value,
                "class": one.proof.value,
                "reason": one.reason,
            }
            for one in entries
            if one.verdict is not Verdict.PASSED
        ],
    }
