"""``yidi audit`` and ``yidi indicators``: what rules, people, lists and reports make of a finished run's business.

The run is never changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from lab.analysis.audit import Audited, audit_of, breaches_of, recoveries_of
from lab.analysis.audited import subjects_of
from lab.cli import console
from lab.cli.commands.accounts import one_world, refuse_there, statements_of_run, write_frames
from lab.runs.file import read_run_file
from lab.runs.opened import Opened, open_run, refuse_altered
from reference_impl.accounting.clearing import items_of
from reference_impl.domain.clearing import Period
from reference_impl.domain.failures import FailedRunError
from reference_impl.domain.money import E4, format_yuan
from reference_impl.supervision.anomalies import anomalies
from reference_impl.supervision.indicators import (
    clearing_detail,
    indicators,
    packaged_groups,
    read_groups,
    refuse_place,
)
from reference_impl.supervision.recoveries import RECOVERIES
from reference_impl.supervision.rules import packaged_rules, read_rules, unfold
from reference_impl.supervision.smart import rules_hit, smart_audit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
        subjects = subjects_of(record, scenario)
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


@dataclass(frozen=True, slots=True)
class IndicatorsAsked:
    """What ``yidi indicators`` is asked."""

    folder: Path
    place: str
    month: str
    groups: Path | None
    out: Path | None


def indicators_of_run(asked: IndicatorsAsked, *, as_json: bool) -> None:
    """Write a place's indicators of a month, and its clearing detail as place of care and as insured place."""
    refuse_place(asked.place)
    period = Period.parse(asked.month)
    groups = packaged_groups() if asked.groups is None else read_groups(asked.groups)
    into = asked.out or asked.folder / f"indicators-{asked.place}-{period}"
    refuse_there(into)
    opened = opened_whole(asked.folder)
    made = indicators(subjects_of(opened.record, opened.scenario), groups, asked.place, period)
    detail = clearing_detail(items_of(statements_of_run(asked.folder)), asked.place, period)
    write_frames(into, {"indicators.csv": made, **{f"as_{role}.csv": frame for role, frame in detail.items()}})
    if as_json:
        rows = {role: frame.height for role, frame in detail.items()}
        owed = {role: int(frame["owed_fen"].sum()) for role, frame in detail.items()}
        console.say_json({"folder": str(into), "indicators": made.height, "items": rows, "owed_fen": owed})
        return
    whole = made.filter((pl.col("over") == "whole") & (pl.col("period") == "month"))
    by_measure = whole.pivot("role", index="measure", values="figure", maintain_order=True)
    rows = [_shown(name, figures) for name, *figures in by_measure.iter_rows()]
    console.table(list(by_measure.columns), rows)
    told = ", ".join(f"as {role} {frame.height:,} items" for role, frame in detail.items())
    console.say(f"{made.height:,} indicators of {asked.place} for {period}; clearing detail: {told}; {into}")


_FEN, _TEN_THOUSANDTHS = "_fen", "_e4"
"""How the name of a measure says its unit."""


def _shown(name: str, figures: Iterable[int | None]) -> list[str]:
    """Return a measure's row for people, who read yuan and percent; the file holds fen and ten-thousandths.

    >>> _shown("mean_bill_fen", [358762, None]), _shown("fund_share_e4", [5589]), _shown("persons", [3859])
    (['mean_bill, yuan', '3587.62', '-'], ['fund_share', '55.89 %'], ['persons', '3,859'])
    """
    said, write = name, "{:,}".format
    if name.endswith(_FEN):
        said, write = f"{name.removesuffix(_FEN)}, yuan", format_yuan
    elif name.endswith(_TEN_THOUSANDTHS):
        said, write = name.removesuffix(_TEN_THOUSANDTHS), _percent
    return [said, *("-" if one is None else write(one) for one in figures)]


def _percent(share_e4: int) -> str:
    return f"{share_e4 / E4:.2%}".replace("%", " %")
