"""``yidi pay``: what the hospitals of a finished run are due and paid for a month. The run is never changed.

Paid for is what is cleared, and business within a province: the insurers' rows with the entries that close their
differences, less what waits for a statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lab.analysis.paying import cases_of
from lab.cli import console
from lab.cli.commands.accounts import Reconciled, one_world, reconciled, refuse_there, write_frames
from lab.runs.file import read_run_file
from lab.runs.opened import open_run
from reference_impl.accounting.clearing import booked
from reference_impl.accounting.contracts import Terms, packaged_contracts, read_contracts
from reference_impl.accounting.hospital_pay import ByMonth, pay, payouts
from reference_impl.domain.clearing import Period
from reference_impl.domain.money import format_yuan
from reference_impl.supervision.recoveries import read_recoveries, refuse_foreign

_SAID = {
    "due_fen": "due",
    "brought_fen": "brought from before",
    "set_off_fen": "set off against advances",
    "taken_off_fen": "taken off after audit",
    "paid_fen": "paid",
    "carried_fen": "carried on",
}
_SUMS = ("settlements", "billed_fen", "due_fen", "difference_fen")


@dataclass(frozen=True, slots=True)
class PayAsked:
    """What ``yidi pay`` is asked."""

    folder: Path
    month: str
    contracts: Path | None
    recoveries: Path | None
    out: Path | None


def pay_run(asked: PayAsked, *, as_json: bool) -> None:
    """Work out a month's payments by contract, and write what each institution is due and paid."""
    period = Period.parse(asked.month)
    terms = packaged_contracts() if asked.contracts is None else read_contracts(asked.contracts)
    into = asked.out or asked.folder / f"payments-{period}"
    refuse_there(into)
    found = reconciled(asked.folder)
    taken_off: ByMonth = {} if asked.recoveries is None else _taken_off(found, asked.recoveries)
    cases = _cases(asked.folder, found, terms)
    made = {month: pay(cases, terms, month) for month in _months(cases, terms, period)}
    due = {month: _by_institution(frame) for month, frame in made.items()}
    paid = payouts(due, terms.advances, period, taken_off)
    write_frames(into, {"due.csv": made[period], "payments.csv": paid})
    by_contract = made[period].group_by("contract", "clr_way").agg(pl.len(), *(pl.col(name).sum() for name in _SUMS))
    if as_json:
        rows = by_contract.sort("contract").to_dicts()
        sums = {name: int(paid[name].sum()) for name in paid.columns if name.endswith("_fen")}
        console.say_json({"folder": str(into), "month": str(period), "contracts": rows, "paid": sums})
        return
    shown = [
        [name, way, f"{count:,}", f"{settled:,}", *(format_yuan(fen) for fen in amounts)]
        for name, way, count, settled, *amounts in by_contract.sort("contract").iter_rows()
    ]
    if shown:
        console.table(
            ["contract", "clr_way", "institutions", "settlements", "billed, yuan", "due, yuan", "difference"],
            shown,
            words=2,
        )
    else:
        console.say(f"nothing was settled that is due in month {period}")
    sums = ", ".join(f"{said} {format_yuan(int(paid[name].sum()))}" for name, said in _SAID.items())
    said = f"{console.counted(paid.height, 'institution')}: {sums} yuan" if paid.height else "nobody is paid anything"
    console.say(f"{said}; {into}")


def _cases(folder: Path, found: Reconciled, terms: Terms) -> pl.DataFrame:
    inner = one_world(folder)
    opened = open_run(inner, read_run_file(inner))
    rows = booked(found.statements, found.entries).filter(~pl.col("settlement").is_in(found.waiting))
    return cases_of(rows, opened.record, opened.scenario, terms)


def _months(cases: pl.DataFrame, terms: Terms, period: Period) -> list[Period]:
    """Return the months from the first case or advance on, up to the one asked: what is below 0 is carried on."""
    began = [Period.parse(str(day // 100)) for day in cases["day"].sort().head(1)]
    month = min([period, *began, *(Period.parse(one.month) for one in terms.advances)])
    found = [month]
    while month < period:
        month = month.next
        found.append(month)
    return found


def _by_institution(frame: pl.DataFrame) -> dict[str, int]:
    return dict(frame.group_by("institution").agg(pl.col("due_fen").sum()).iter_rows())


def _taken_off(found: Reconciled, recoveries_file: Path) -> ByMonth:
    """Return by month and institution what an audit decided that it gives back, and its penalties."""
    recoveries = read_recoveries(recoveries_file)
    refuse_foreign(recoveries, found.rows)
    summed = recoveries.group_by("institution", month=pl.col("decided_on") // 100).agg(
        (pl.col("recover_fen") + pl.col("penalty_fen")).sum()
    )
    off: dict[Period, dict[str, int]] = {}
    for institution, month, fen in summed.iter_rows():
        off.setdefault(Period.parse(str(month)), {})[institution] = fen
    return off
