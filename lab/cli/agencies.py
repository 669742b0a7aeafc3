"""What agencies do with a finished run, as it may be typed: reconcile, clear, audit, report, pay, accept.

This module must never do work: like ``app`` it parses, hands over, and returns exit codes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.arguments import AsJson, RunDir

__all__ = ["agencies"]

agencies = typer.Typer()


@agencies.command()
def reconcile(
    folder: RunDir,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder to be made. Default: RUN/reconciliation.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Reconcile (对账) what hospitals, care provinces, hub and insurers of a run state; list and close differences."""
    from lab.cli.commands.accounts import reconcile_run as do

    do(folder, out, as_json=as_json)


@agencies.command()
def clear(
    folder: RunDir,
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The month to clear and close.")],
    into: Annotated[
        Path | None, typer.Option("--into", metavar="DIR", help="Folder of the closed months. Default: RUN/clearing.")
    ] = None,
    prefund: Annotated[
        list[str] | None,
        typer.Option("--prefund", metavar="INSURED:CARE=YUAN", help="A prefund to hold the month against."),
    ] = None,
    hold: Annotated[
        list[str] | None, typer.Option("--hold", metavar="SETTLEMENT", help="Leave a settlement for a later month.")
    ] = None,
    recoveries: Annotated[
        Path | None,
        typer.Option("--recoveries", metavar="FILE", help="recoveries.csv of 'yidi audit': money that goes back."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Clear (清算) a month of a run between its provinces: all or nothing, and once."""
    from lab.cli.commands.accounts import ClearingAsked
    from lab.cli.commands.accounts import clear_run as do

    asked = ClearingAsked(folder, month, into or folder / "clearing", prefund or (), hold or (), recoveries)
    do(asked, as_json=as_json)


@agencies.command()
def audit(
    folder: RunDir,
    rules: Annotated[
        Path | None, typer.Option("--rules", metavar="FILE", help="Audit rules. Default: the packaged ones.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder to be made. Default: RUN/audit.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Audit (审核) a run: every rule over every settlement, cases, cost checks, anomalies, and what is asked back."""
    from lab.cli.commands.supervise import audit_run as do

    do(folder, rules, out, as_json=as_json)


@agencies.command()
def indicators(
    folder: RunDir,
    place: Annotated[str, typer.Option("--place", metavar="PROVINCE", help="Two digits of a province.")],
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The month to report on.")],
    groups: Annotated[
        Path | None, typer.Option("--indicators", metavar="FILE", help="Indicators. Default: the packaged ones.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder to be made. Default: RUN/indicators-PROVINCE-YYYYMM."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Report on a province's month: 1,486 indicators in both roles, and its clearing detail (清算明细)."""
    from lab.cli.commands.supervise import IndicatorsAsked
    from lab.cli.commands.supervise import indicators_of_run as do

    do(IndicatorsAsked(folder, place, month, groups, out), as_json=as_json)


@agencies.command()
def pay(
    folder: RunDir,
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The month to pay for.")],
    contracts: Annotated[
        Path | None, typer.Option("--contracts", metavar="FILE", help="Ways to pay. Default: the packaged ones.")
    ] = None,
    recoveries: Annotated[
        Path | None,
        typer.Option("--recoveries", metavar="FILE", help="recoveries.csv of 'yidi audit': taken off what is paid."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder to be made. Default: RUN/payments-YYYYMM.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Pay (拨付) the hospitals of a run for a month: by item, DRG or DIP weight, bed-day, head, disease or quota."""
    from lab.cli.commands.pay import PayAsked
    from lab.cli.commands.pay import pay_run as do

    do(PayAsked(folder, month, contracts, recoveries, out), as_json=as_json)


@agencies.command()
def acceptance(
    tests: Annotated[
        Path | None, typer.Option("--tests", metavar="FILE", help="CSV of tests made. Default: the plan alone.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the ledger of an acceptance campaign: 16 kinds of business at 511 institutions, 3,071 tests."""
    from lab.cli.commands.acceptance import acceptance as do

    do(tests, as_json=as_json)


@agencies.command(name="pilot-2017")
def pilot(*, as_json: AsJson = False) -> None:
    """Show the pilot of 2017 as its source told it, made again by today's rules of prefund and clearing."""
    from lab.cli.commands.accounts import pilot_2017 as do

    do(as_json=as_json)
