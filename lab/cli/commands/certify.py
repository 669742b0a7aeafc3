"""``yidi certify``: what was typed, the folder of its ledger, and what is said of it."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.certify.campaign import certify
from lab.certify.case import Business, Neighbour, business_of
from lab.certify.catalogue import Planned, planned
from lab.certify.desk import PATIENCE_S, Line, over_network
from lab.certify.doors import doors_of
from lab.certify.hub import Hub
from lab.certify.keys import holder_of
from lab.certify.ledger import LEDGER_FILE, Entry, Ledger, Subject, read_ledger
from lab.certify.onward import onward_to
from lab.certify.papers import Tally, by_business, write_papers
from lab.certify.proofs import Verdict
from lab.certify.roll import Roll, read_roll
from lab.cli import console
from lab.runs.file import default_folder, refuse_taken
from lab.worlds.alone import loopback_address
from lab.worlds.target import Aim, facts_of
from reference_impl.domain.failures import FailedRunError, InputError
from reference_impl.domain.nodes import HUB, insured_node
from scenarios.reading.target import load_target
from scenarios.schema.target import YidiSignature

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    neighbour: str | None = None
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
    hub = None if asked.neighbour is None else loopback_address("--neighbour", asked.neighbour)
    plan = planned(roll, _businesses(asked.only, aim, hub), doors=doors is not None, seals=_seals(aim))
    if not plan:
        raise InputError(f"{asked.roll}: no institution does {', '.join(asked.only)}; choose another --only")
    _refuse_unowned(aim)
    line = _line(aim, roll, plan, asked.patience_s)
    subject = Subject(_addresses(aim, hub), str(asked.roll), len(plan), _digest(plan))
    folder = asked.out or default_folder("certify", "target")
    with ExitStack() as until:
        if hub is not None:
            line.hub = until.enter_context(Hub(hub, line.clock, frozenset(aim.target.nodes)))
        ledger, left = _opened(folder, subject, plan, resume=asked.resume)
        try:
            with console.Bar(quiet=asked.as_json) as bar:
                bar.begin(f"{len(left):,} cases at {len(roll.listed):,} institutions", len(left))
                if line.hub is not None:
                    bar.note(f"the hub listens at {line.hub.url}")
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


def _businesses(only: tuple[str, ...], aim: Aim, hub: str | None) -> frozenset[Business | Neighbour]:
    """Return what is asked for: by default all that can be played, where the hub is whose it is."""
    hospitals: tuple[Business | Neighbour, ...] = (*Business,) if hub is None else (Neighbour.CARE,)
    possible = frozenset((*hospitals, *((Neighbour.INSURED,) if aim.target.neighbours else ())))
    try:
        asked = frozenset(map(business_of, only)) or possible
    except ValueError as error:
        raise InputError(f"--only: {error}; expected of {', '.join((*Business, *Neighbour))}") from None
    if Neighbour.CARE in asked and hub is None:
        raise InputError("--only neighbour-care: the target asks its hub; expected --neighbour 127.0.0.1:PORT, its hub")
    if Neighbour.INSURED in asked and not aim.target.neighbours:
        raise InputError(f"--only neighbour-insured: {aim.file} has no neighbours; expected where the hub sends")
    if asked - possible:
        raise InputError(
            f"--only {', '.join(sorted(asked - possible))}: not while certify is the hub; expected neighbour-care or "
            "neighbour-insured, or no --neighbour"
        )
    return asked


def _seals(aim: Aim) -> bool:
    signature = aim.target.signature
    return isinstance(signature, YidiSignature) and signature.seals


def _refuse_unowned(aim: Aim) -> None:
    hosts = {node.host for node in (*aim.target.nodes.values(), *aim.target.neighbours.values())}
    for name in aim.owned:
        if name.lower() not in hosts:
            raise InputError(f"--i-own {name}: {aim.file} names no such host; it names {', '.join(sorted(hosts))}")


def _line(aim: Aim, roll: Roll, plan: Sequence[Planned], patience_s: float) -> Line:
    """Return the ways to the target, for what is planned."""
    entered = tuple(sorted({roll.node(one) for one, case in plan if case.business is not Neighbour.INSURED}))
    asked = tuple(
        sorted({insured_node(one.insured_region) for one, case in plan if case.business is Neighbour.INSURED})
    )
    _refuse_missing(aim, "address", entered, aim.target.nodes, "institutions of the list send")
    _refuse_missing(aim, "neighbours'", asked, aim.target.neighbours, "persons of the list are insured")
    system = facts_of(aim, entered)
    line = Line.to(system, roll, holder_of(system, roll), over_network(system))
    line.patience_s = patience_s
    if asked:
        onward = replace(aim, target=aim.target.model_copy(update={"nodes": aim.target.neighbours}))
        line.onward = onward_to(facts_of(onward, asked), line.clock)
    return line


def _refuse_missing(aim: Aim, what: str, nodes: Sequence[str], known: Mapping[str, object], why: str) -> None:
    missing = [node for node in nodes if node not in known]
    if missing:
        raise InputError(
            f"{aim.file}: no {what} of {', '.join(missing)}, where {why}; it has "
            f"{', '.join(known) or 'none'}; add what is missing, or shorten the list"
        )


def _addresses(aim: Aim, hub: str | None) -> dict[str, str]:
    """Return where everything is that is certified, and where certify is the hub."""
    found = {node: one.url for node, one in aim.target.nodes.items()}
    found |= {f"{node} from the hub": one.url for node, one in aim.target.neighbours.items()}
    return found if hub is None else found | {HUB: hub}


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
