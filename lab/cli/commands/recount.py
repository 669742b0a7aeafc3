"""``yidi recount``: plain SQL over finished books and what the hospitals heard, beside the checker and without it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.cli import console
from lab.recount.asking import recount_folder
from reference_impl.domain.failures import InputError

if TYPE_CHECKING:
    from lab.recount.asking import Recount

__all__ = ["as_data", "recount_command", "tell"]

SHOWN_MAX = 5


def recount_command(folder: Path, *, as_json: bool) -> int:
    """Ask everything, say what was found, and return 0 when that is nothing and 1 otherwise.

    Raises:
        InputError: when the books hold no message: nothing found in them would say nothing.

    """
    found = recount_folder(folder)
    if not found.messages:
        raise InputError(f"{folder}: books without a message; expected those of a system that has served")
    if as_json:
        console.say_json(as_data(found))
    else:
        tell(found)
    return 1 if found.found else 0


def tell(found: Recount) -> None:
    """Write the table of what was asked and found, and the first things found."""
    rows = [
        [one.question.name.replace("_", " "), one.not_asked and f"not asked: {one.not_asked}", f"{one.found:,}"]
        for one in found.answers
    ]
    console.table(["what must hold", "", "found"], rows, words=2)
    for one in found.answers:
        for breach in one.breaches[:SHOWN_MAX]:
            console.say(f"{one.question.name}: {breach.where} {breach.about}: {breach.detail}")
        if one.found > SHOWN_MAX:
            console.say(f"{one.question.name}: and {one.found - SHOWN_MAX} more")
    heard = f", {found.heard:,} attempts of hospitals" if found.heard else ""
    console.say(
        f"{len(found.answers)} questions of {found.nodes} nodes, {found.messages:,} messages, "
        f"{found.settlements:,} settlements{heard}: {found.found:,} found; {found.open_intents:,} intents are open"
    )


def as_data(found: Recount) -> dict[str, Any]:
    """Return it for a program."""
    return {
        "found": found.found,
        "nodes": found.nodes,
        "messages": found.messages,
        "settlements": found.settlements,
        "heard": found.heard,
        "open_intents": found.open_intents,
        "questions": [
            {
                "name": one.question.name,
                "must_hold": one.question.sentence,
                "found": one.found,
                "not_asked": one.not_asked,
                "breaches": [breach._asdict() for breach in one.breaches],
            }
            for one in found.answers
        ],
    }
