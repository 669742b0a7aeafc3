"""``yidi reconcile``, ``yidi clear`` and ``yidi pilot-2017``: what agencies do with a finished run's statements.

The run is never changed: differences, entries and closed months lie in folders of their own.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from lab.cli import console
from lab.runs.file import read_run_file, worlds_in
from lab.runs.opened import open_run, refuse_altered
from lab.worlds.statements import STATEMENTS_FILE
from reference_impl.accounting.clearing import Clearing, ClosedMonths, clear, due_of, items_of
from reference_impl.accounting.declarations import declarations_of
from reference_impl.accounting.laws import Breach, day_files_agree, nets_cancel
from reference_impl.accounting.payments import payments_of
from reference_impl.accounting.pilot import pilot
from reference_impl.accounting.prefunds import PrefundUse, prefund_use
from reference_impl.accounting.reconciliation import closing_entries, daily_totals, reconcile
from reference_impl.accounting.statements import AMOUNTS, COLUMNS, StatementError, read_statements
from reference_impl.domain.clearing import Period, dates_of
from reference_impl.domain.differences import CLASSES, ClosingRule, DifferenceClass
from reference_impl.domain.failures import FailedRunError, InputError
from reference_impl.domain.money import format_yuan
from reference_impl.domain.regions import PROVINCES
from reference_impl.domain.working_days import WorkingDays, date_of, nation
from reference_impl.supervision.recoveries import money_after_audit, read_recoveries, recovery_items, refuse_foreign

if TYPE_CHECKING:
    from datetime import date

DIFFERENCES_FILE, ENTRIES_FILE, TOTALS_FILE = "differences.csv", "entries.csv", "totals.csv"
_FOLDER_MODE = 0o755
SHOWN = 20
"""Differences, and daily totals, that a terminal shows; the files hold all."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A run's statements, reconciled."""

    statements: pl.DataFrame
    differences: pl.DataFrame
    entries: pl.DataFrame
    left: int
    """Differences that stand once the entries are booked."""

    @property
    def rows(self) -> pl.DataFrame:
        """What is stated, with the corrections."""
        return pl.concat([self.statements, self.entries.select(*COLUMNS)])

    @property
    def waiting(self) -> list[str]:
        """The settlements whose difference no entry closes yet."""
        open_ = self.differences.filter(pl.col("rule") == ClosingRule.NO_ENTRY.value)
        return sorted(set(open_["settlement"]))


def reconcile_run(folder: Path, out: Path | None, *, as_json: bool) -> None:
    """Reconcile what the sides of a run state, and write the list, the entries that close it, and the daily totals.

    Raises:
        FailedRunError: when the sides' day files differ by more than is listed, or an entry does not close.

    """
    into = out or folder / "reconciliation"
    refuse_there(into)
    found = reconciled(folder)
    totals = daily_totals(found.statements)
    breaches = [*day_files_agree(found.statements, found.differences)]
    write_frames(into, {DIFFERENCES_FILE: found.differences, ENTRIES_FILE: found.entries, TOTALS_FILE: totals})
    if as_json:
        console.say_json(_as_data(found, into, breaches))
    else:
        _print_reconciled(found, totals, into)
    if found.left or breaches:
        what = breaches[0].detail if breaches else f"{found.left} differences stand after the entries"
        raise FailedRunError(f"{folder}: {what}; expected none: a bug of yidi, keep the folder and report it")


@dataclass(frozen=True, slots=True)
class ClearingAsked:
    """What ``yidi clear`` is asked."""

    folder: Path
    month: str
    into: Path
    quotas: Sequence[str] = ()
    held_back: Sequence[str] = ()
    recoveries: Path | None = None
    """What 'yidi audit' decided is asked back."""


def clear_run(asked: ClearingAsked, *, as_json: bool) -> None:
    """Clear one month of a run over its provinces and close it.

    Raises:
        FailedRunError: when the nets do not cancel; nothing is written then.

    """
    period, months = Period.parse(asked.month), ClosedMonths(asked.into)
    months.refuse(period)
    quotas = _quotas(asked.quotas)
    found = reconciled(asked.folder)
    items = items_of(found.statements, found.entries)
    recoveries = None if asked.recoveries is None else read_recoveries(asked.recoveries)
    if recoveries is not None:
        refuse_foreign(recoveries, found.rows)
        items = pl.concat([items, recovery_items(recoveries, items)])
    months.refuse_items(period, items)
    before = months.items()
    _refuse_unknown(asked.held_back, due_of(items, period, before))
    cleared = clear(items, period, cleared=before, held_back=[*asked.held_back, *found.waiting])
    breaches = [*nets_cancel(cleared.obligations, cleared.nets)]
    if recoveries is not None:
        breaches += money_after_audit(recoveries, items)
    if breaches:
        raise FailedRunError(f"month {period}: {breaches[0].detail}; nothing was closed: a bug of yidi, report it")
    used = prefund_use(cleared.items, quotas)
    folder = months.close(cleared)
    if as_json:
        console.say_json(_clearing_data(cleared, folder, used))
    else:
        _print_clearing(cleared, folder, used)


def pilot_2017(*, as_json: bool) -> None:
    """Show the first months of national settlement as source 000 told them, made again by these rules."""
    made = pilot()
    if as_json:
        console.say_json(made.as_data())
        return
    rows = [[name, str(one.items), f"{one.amount_fen / 1e8:,.2f}"] for name, one in made.prefund.items()]
    console.table(["initial prefund", "items", "million yuan"], rows)
    months = [
        [str(one.period), str(len(one.nets)), f"{sum(o.amount_fen for o in one.obligations) / 1e6:,.2f}"]
        for one in made.months
    ]
    console.table(["clearing of", "provinces", "10,000 yuan"], months)
    console.say(f"{made.stays} stays, {made.fund_e4 / 1e4:.1%} paid by funds".replace("%", " %"))


# --- reading ----------------------------------------------------------------------------------------------------------


def reconciled(folder: Path) -> Reconciled:
    """Return what the sides of a run state, where they differ, and the entries that close it."""
    statements, calendar = statements_of_run(folder), nation()
    differences = reconcile(statements, calendar)
    booked_on = _next_open_day(statements, calendar)
    entries = closing_entries(statements, differences, booked_on)
    after = reconcile(pl.concat([statements, entries.select(*COLUMNS)]), calendar)
    left = after.filter(pl.col("rule") != ClosingRule.NO_ENTRY.value).height
    return Reconciled(statements, differences, entries, left)


def _next_open_day(statements: pl.DataFrame, calendar: WorkingDays) -> date:
    """Return the working day after the last stated one: closed days never grow."""
    if not statements.height:
        return calendar.at_or_after(date_of(20240101))
    return calendar.after(date_of(int(statements["day"].max())), 1)  # pyright: ignore[reportArgumentType] - a column of whole numbers


def statements_of_run(folder: Path) -> pl.DataFrame:
    """Return the statements of a run's first replication.

    Raises:
        StatementError: when an older version left none.

    """
    inner = one_world(folder)
    opened = open_run(inner, read_run_file(inner), small=True)
    refuse_altered(opened)
    path = inner / opened.replication.folder / STATEMENTS_FILE
    if not path.is_file():
        raise StatementError(f"{path}: no statements; expected a run of this version; run it again")
    return read_statements(path)


def one_world(folder: Path) -> Path:
    """Return the folder of the one world that was run, with books.

    Raises:
        InputError: when both were, or against a system whose books nobody sees.

    """
    found = worlds_in(folder)
    if len(found) > 1:
        raise InputError(f"{folder} holds both worlds; expected one run, such as {folder / 'sim'}")
    [inner] = found.values()
    if read_run_file(inner).not_seen:
        raise InputError(
            f"{folder} is of a run against a target, whose books are not seen; expected a run with books, on which "
            "agencies work; run the scenario without --target"
        )
    return inner


def _quotas(texts: Sequence[str]) -> dict[tuple[str, str], int]:
    """Return the prefund quotas written INSURED:CARE=YUAN, in fen."""
    quotas: dict[tuple[str, str], int] = {}
    for text in texts:
        pair, _, yuan = text.partition("=")
        insured, _, care = pair.partition(":")
        if not (yuan.isdecimal() and yuan.isascii() and insured.isdecimal() and care.isdecimal()):
            raise InputError(f"--prefund {text!r}: expected INSURED:CARE=YUAN, such as 34:33=500000")
        unknown = [code for code in (insured, care) if code not in PROVINCES]
        if unknown:
            raise InputError(f"--prefund {text!r}: {unknown[0]} is no province; expected its 2 digits, such as 34")
        if (insured, care) in quotas:
            raise InputError(f"--prefund {text!r}: the prefund of {insured} with {care} is given twice; keep one")
        quotas[insured, care] = int(yuan) * 100
    return quotas


def _refuse_unknown(settlements: Sequence[str], due: pl.DataFrame) -> None:
    unknown = sorted(set(settlements) - set(due["settlement"]))
    if unknown:
        raise InputError(
            f"--hold {unknown[0]}: no such settlement to clear in this month; expected one of the {due.height} due"
        )


def refuse_there(folder: Path) -> None:
    """Raise when there is something already where output is to be written.

    Raises:
        InputError: naming the folder.

    """
    if folder.exists():
        raise InputError(f"output {folder} exists; expected a new name, choose another with --out")


# --- writing ----------------------------------------------------------------------------------------------------------


def write_frames(into: Path, frames: dict[str, pl.DataFrame]) -> None:
    """Write all files or none; of several that write at once one does.

    Raises:
        InputError: when nothing can be written there.

    """
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f"{into.name}.partial-", dir=into.parent))
        try:
            for name, frame in frames.items():
                frame.write_csv(partial / name)
            partial.chmod(_FOLDER_MODE)
            partial.replace(into)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise InputError(f"cannot make output {into}: {error.strerror}; choose another with --out") from error


def _as_data(found: Reconciled, into: Path, breaches: Sequence[Breach]) -> dict[str, Any]:
    counts = found.differences.group_by("class").len().sort("class")
    return {
        "folder": str(into),
        "rows": found.statements.height,
        "differences": dict(counts.iter_rows()),
        "entries": found.entries.height,
        "left": found.left,
        "breaches": [breach.detail for breach in breaches],
    }


def _print_reconciled(found: Reconciled, totals: pl.DataFrame, into: Path) -> None:
    rows = [
        [str(row["day"]), row["side"], f"{row['settlements']:,}", *(format_yuan(row[name]) for name in AMOUNTS[:2])]
        for row in totals.tail(SHOWN).iter_rows(named=True)
    ]
    console.table(["day", "side", "settlements", "bills, yuan", "funds, yuan"], rows, words=2)
    if totals.height > len(rows):
        console.say(f"(the last days; {totals.height - len(rows)} rows before them are in {TOTALS_FILE})")
    listed = [
        [row["class"], CLASSES[DifferenceClass(row["class"])].name_zh, f"{row['near']}-{row['far']}",
         row["settlement"], row["owner"], str(row["deadline"])]
        for row in found.differences.head(SHOWN).iter_rows(named=True)
    ]  # fmt: skip
    if listed:
        console.table(["difference", "对账差异", "between", "settlement", "owner", "until"], listed, words=6)
        _say_unknown({date_of(day) for day in found.differences["deadline"].unique()})
    more = found.differences.height - len(listed)
    console.say(
        f"{console.counted(found.statements.height, 'row')}, {console.counted(found.differences.height, 'difference')}"
        + (f" ({more} more in the file)" if more else "")
        + f", closed by {console.counted(found.entries.height, 'entry', 'entries')}; {into}"
    )


def _print_clearing(cleared: Clearing, folder: Path, used: Sequence[PrefundUse]) -> None:
    owed = [[one.insured, one.care, format_yuan(one.amount_fen)] for one in cleared.obligations]
    if owed:
        console.table(["insured", "care", "owed, yuan"], owed, words=2)
        console.table(["province", "net, yuan"], [[name, format_yuan(fen)] for name, fen in cleared.nets.items()])
    else:
        console.say(f"nothing is cleared with month {cleared.period}: no province owes another anything")
    if used:
        rows = [
            [one.insured, one.care, format_yuan(one.limit_fen), format_yuan(one.used_fen), one.alarm.value,
             format_yuan(one.top_up_fen), str(one.dry_on or "-")]
            for one in used
        ]  # fmt: skip
        console.table(["insured", "care", "prefund, yuan", "used", "warning", "top-up", "dry on"], rows, words=2)
    dates = dates_of(cleared.period, nation())
    console.say(", ".join(f"{name.replace('_', ' ')} {day}" for name, day in dates.items()))
    _say_unknown(dates.values())
    waiting = f"{cleared.held_back} {'waits' if cleared.held_back == 1 else 'wait'})"
    told = [f"{console.counted(cleared.items.height, 'item')} ({cleared.late} of earlier months", waiting]
    if cleared.overdue:
        told.append(f"{cleared.overdue} later than the rules allow")
    told.append(console.counted(len(payments_of(cleared)), "payment"))
    told.append(console.counted(len(declarations_of(cleared)), "declaration"))
    console.say(f"{', '.join(told)}; nets sum to {sum(cleared.nets.values())} fen; {folder}")


def _say_unknown(dates: Iterable[date]) -> None:
    if not all(nation().knows(day.year) for day in dates):
        console.say("no public holidays are known for those dates: only weekends are left out")


def _clearing_data(cleared: Clearing, folder: Path, used: Sequence[PrefundUse]) -> dict[str, Any]:
    dates = {name: str(day) for name, day in dates_of(cleared.period, nation()).items()}
    prefunds = [one.as_data() for one in used]
    return {"folder": str(folder), **json.loads(cleared.summary()), "dates": dates, "prefunds": prefunds}
