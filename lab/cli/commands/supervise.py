"""``yidi audit``: what rules, people and lists make of a finished run's business. The run is never changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from lab.analysis.audit import Audited, audit_of, breaches_of, recoveries_of
from lab.analysis.audited import business_of
from lab.cli import console
from lab.cli.commands.accounts import one_world, refuse_there, write_frames
from lab.runs.file import read_run_file
from lab.runs.opened import Opened, open_run, refuse_altered
from reference_impl.domain.failures import FailedRunError
from reference_impl.domain.money import format_yuan
from reference_impl.supervision.anomalies import anomalies
from reference_impl.supervision.recoveries import RECOVERIES
from reference_impl.supervision.rules import packaged_rules, read_rules, unfold
from reference_impl.supervision.smart import rules_hit, smart_audit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reference_impl.supervision.rules import Family

RECOVERIES_FILE = "recoveries.csv"


@dataclass(frozen=True, slots=True)
class _Found:
    """What an audit of a run found."""

    settlements: int
    rules: int
    hits: pl.DataFrame
    cases: pl.DataFrame
    anomalies: pl.DataFrame
    recoveries: pl.DataFrame


def audit_run(folder: Path, rules: Path | None, out: Path | None, *, as_json: bool) -> None:
    """Hold every rule against a run's settlements, and write hits, cases, tickets, anomalies and recoveries.

    Raises:
        FailedRunError: when the money that goes back is not what was decided.

    """
    families = packaged_rules() if rules is None else read_rules(rules)
    into = out or folder / "audit"
    refuse_there(into)
    opened = opened_whole(folder)
    found = _audit(opened, families)
    tickets = found.cases.filter(pl.col("why") == "ticket")
    write_frames(
        into,
        {
            "hits.csv": found.hits,
            "cases.csv": found.cases,
            "tickets.csv": tickets,
            "anomalies.csv": found.anomalies,
            RECOVERIES_FILE: found.recoveries,
        },
    )
    if as_json:
        console.say_json(_as_data(found, into))
    else:
        _print(found, families, into)


def opened_whole(folder: Path) -> Opened:
    """Return a finished run with all its tables.

    Raises:
        InvalidRunError: when it was changed after the run.

    """
    inner = one_world(folder)
    opened = open_run(inner, read_run_file(inner))
    refuse_altered(opened)
    return opened


def _audit(opened: Opened, families: Sequence[Family]) -> _Found:
    record, scenario = opened.record, opened.scenario
    rules = len(unfold(families, scenario.horizon.start.date()))
    audited = audit_of(record, scenario, families)
    if audited is None:
        subjects = business_of(record, scenario).subjects
        hits = smart_audit(subjects, families)
        nobody = pl.DataFrame(schema={"why": pl.String}), pl.DataFrame(schema=dict(RECOVERIES))
        return _Found(subjects.height, rules, hits, nobody[0], anomalies(subjects), nobody[1])
    _refuse_breaches(audited, opened)
    listed = anomalies(audited.subjects)
    recoveries = recoveries_of(audited, scenario)
    return _Found(audited.settlements, rules, audited.hits, audited.cases, listed, recoveries)


def _refuse_breaches(audited: Audited, opened: Opened) -> None:
    for breach in breaches_of(audited, opened.scenario):
        raise FailedRunError(f"{opened.folder}: {breach.detail}; nothing was written: a bug of yidi, report it")


def _as_data(found: _Found, into: Path) -> dict[str, Any]:
    return {
        "folder": str(into),
        "settlements": found.settlements,
        "rules": found.rules,
        "hits": found.hits.height,
        "families": dict(rules_hit(found.hits).iter_rows()),
        "cases": dict(found.cases.group_by("why").len().sort("why").iter_rows()),
        "anomalies": found.anomalies.height,
        "recoveries": found.recoveries.height,
        "recovered_fen": found.recoveries["recover_fen"].sum(),
        "penalty_fen": found.recoveries["penalty_fen"].sum(),
    }


def _print(found: _Found, families: Sequence[Family], into: Path) -> None:
    named = {family.id: family for family in families}
    rows = [
        [name, named[name].name_zh, f"{count:,}", named[name].origin]
        for name, count in rules_hit(found.hits).iter_rows()
    ]
    if rows:
        console.table(["rules", "规则", "settlements", "from"], rows, words=2)
    cases = ", ".join(f"{count:,} {why}" for why, count in found.cases.group_by("why").len().sort("why").iter_rows())
    back, kept = (int(found.recoveries[name].sum()) for name in ("recover_fen", "penalty_fen"))
    console.say(
        f"{found.rules:,} rules over {found.settlements:,} settlements and paper claims: {found.hits.height:,} hits; "
        f"cases: {cases or 'none, the scenario has no audit'}"
    )
    console.say(
        f"{found.recoveries.height:,} settlements give back {format_yuan(back)} yuan to insured places, penalties "
        f"{format_yuan(kept)} yuan stay in the place of care; {found.anomalies.height:,} anomalies listed; {into}"
    )
