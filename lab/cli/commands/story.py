"""``yidi story``: one visit of a finished run, in plain words."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cli import console
from lab.runs.file import read_run_file, worlds_in
from lab.runs.opened import open_run, refuse_altered
from lab.story.visit import story_of
from lab.story.words import span, yuan
from reference_impl.domain.failures import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.story.account import Account
    from lab.story.visit import Story


def story(folder: Path, visit: int, *, as_json: bool) -> None:
    """Print a visit's story.

    Raises:
        InputError: when the run has no such visit, or the folder holds the runs of both worlds.
        InvalidRunError: the story is told, and the tables are no longer those of the run.

    """
    found = worlds_in(folder)
    if len(found) > 1:
        raise InputError(f"{folder} holds both worlds; expected one run, such as {folder / 'sim'}")
    [inner] = found.values()
    opened = open_run(inner, read_run_file(inner), small=True)
    told = story_of(opened, visit)
    if as_json:
        console.say_json(asdict(told))
    else:
        console.say("\n".join(_lines(told)))
    refuse_altered(opened)


def _lines(told: Story) -> Iterator[str]:
    yield f"Visit {told.visit}. {told.who}"
    if told.squeezed > 1:
        yield f"  (People's time ran {told.squeezed:g} times as fast as the machines': messages seem so much slower.)"
    for moment in told.moments:
        yield f"  {moment.at:%Y-%m-%d %H:%M:%S}  {moment.what}"
    yield told.end
    yield from _account(told.account)


def _account(account: Account) -> Iterator[str]:
    waits = [f"for a desk {span(account.desk_wait_us)}"]
    if account.parked_us:
        waits.append(f"for the door {span(account.parked_us)}")
    yield f"Waited: {', '.join(waits)}. Messages asked again: {account.asked_again}. Extra trips: {account.trips}."
    if not account.advance_fen:
        paid = [
            f"{name} {yuan(fen)}"
            for name, fen in (
                ("the funds", account.fund_fen),
                ("the personal account", account.account_fen),
                ("the patient", account.cash_fen),
                ("the hospital", account.hospital_part_fen),
            )
            if fen
        ]
        yield f"Of {yuan(account.total_fen)}: {', '.join(paid) or 'nothing was settled'}."
        return
    yield (
        f"The patient laid out {yuan(account.advance_fen)}, owed by {account.owed_by}"
        + (". When it came back the run does not say." if account.advance_days is None else _back(account))
    )


def _back(account: Account) -> str:
    days = account.advance_days or 0.0
    yuan_days = account.advance_fen / 100 * days
    return f", and had it back after {days:.1f} days: {yuan_days:,.0f} yuan-days."
