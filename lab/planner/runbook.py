"""The run book: what the found plan is, what it is worth, what is to be done when and by whom, and what a delay costs.

One content, written as Markdown and as a page. It must never say more than was simulated: what was not shown to be
better is not called so.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape

from lab.calibration.machine import versions
from lab.planner.front import draw_front, title_of
from lab.planner.harm import COMPONENTS
from lab.planner.judgement import HARM, Judged, Range
from lab.planner.levers import LEVERS
from lab.planner.tasks import hour_of, tasks_of, turn_back
from lab.report.figures import Picture
from lab.report.format import digits, show_duration
from lab.report.page import figures_folder
from lab.report.wording import Table
from scenarios.schema.cutover import RollBack

if TYPE_CHECKING:
    from lab.planner.planning import Answered, Planned

__all__ = ["MARKDOWN_FILE", "PAGE_FILE", "RunBook", "run_book", "verdict_of", "write_run_book"]

PAGE_FILE = "runbook.html"
MARKDOWN_FILE = str(Path(PAGE_FILE).with_suffix(".md"))
FEN_PER_YUAN = 100


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a run book."""

    title: str
    paragraphs: tuple[str, ...] = ()
    table: Table | None = None
    picture: str = ""


@dataclass(frozen=True, slots=True)
class RunBook:
    """All that a run book says."""

    title: str
    question: str
    verdict: str
    better: bool
    headlines: list[tuple[str, str]]
    sections: list[Section]
    pictures: dict[str, Picture] = field(default_factory=dict[str, Picture])


def write_run_book(answered: Answered, folder: Path) -> RunBook:
    """Write the run book into ``folder``, as Markdown and as a page with its figure."""
    pictures = {"front": draw_front(answered.planned, figures_folder(folder))}
    book = run_book(answered, pictures)
    (folder / MARKDOWN_FILE).write_text(_markdown(book), encoding="utf-8")
    (folder / PAGE_FILE).write_text(_page(book), encoding="utf-8")
    return book


def run_book(answered: Answered, pictures: dict[str, Picture]) -> RunBook:
    """Return the content."""
    planned, judged = answered.planned, answered.planned.judged
    return RunBook(
        title=f"Run book: {planned.title or planned.name}",
        question="Which plan of this stop harms patients least, and what is to be done when?",
        verdict=verdict_of(judged),
        better=_better(judged),
        headlines=[
            ("harm as stated, points", _shown(judged.stated[HARM])),
            ("harm of the plan found", _shown(judged.found[HARM])),
            ("difference, fresh seeds", _signed(judged.difference[HARM])),
            ("claims by paper", f"{_shown(judged.stated['paper_claims'])} → {_shown(judged.found['paper_claims'])}"),
        ],
        sections=[
            _changes(answered),
            _harm(planned),
            _worths(planned),
            _tasks(answered),
            _turning_back(answered),
            _delays(planned),
            _front(planned),
            _made(planned),
        ],
        pictures=pictures,
    )


def _better(judged: Judged) -> bool:
    high = judged.difference[HARM].high
    return high is not None and high < 0


def verdict_of(judged: Judged) -> str:
    """Return in a sentence whether the plan found is better than the stated one on fresh seeds, and by how much."""
    stated, difference = judged.stated[HARM].value, judged.difference[HARM]
    if difference.value is None or stated is None or difference.low is None or difference.high is None:
        return "One fresh seed gives no interval: whether the plan found is better was not shown."
    if difference.low == difference.high == 0:
        return "Nothing better was found than the plan as stated."
    share = f" ({-difference.value / stated:.0%} of {digits(stated)})".replace("%", " %") if stated else ""
    if difference.high < 0:
        return (
            f"On fresh seeds the plan found spares {digits(-difference.value)} points of harm{share}; the 95 % "
            f"interval of the paired difference is {digits(-difference.high)} to {digits(-difference.low)}."
        )
    if difference.low > 0:
        return (
            f"On fresh seeds the plan found is worse than the stated one by {digits(difference.value)} points "
            f"({digits(difference.low)} to {digits(difference.high)}): keep the stated one, or search longer."
        )
    return (
        f"The plan found was not shown to be better: on fresh seeds the difference is {digits(difference.value)} "
        f"points, and its 95 % interval, {digits(difference.low)} to {digits(difference.high)}, holds 0."
    )


def _changes(answered: Answered) -> Section:
    planned = answered.planned
    found, stated = planned.trials[planned.best], planned.trials[0]
    docs = {lever.name: lever.doc for lever in LEVERS}
    rows = [[name, docs[name], stated.levers[name], value] for name, value in found.levers.items()]
    command = ["yidi", "run", planned.source]
    command += ["--variant", planned.variant] if planned.variant else []
    for setting in (*planned.sets, *planned.settings):
        command += ["--set", setting]
    hours = [
        f"{plan.name}: stops accepting {hour_of(answered.found, plan.stop_at)}, closes "
        f"{hour_of(answered.found, plan.close_at)}, opens {hour_of(answered.found, plan.planned_reopen_at)}, "
        f"everybody from {hour_of(answered.found, plan.planned_reopen_at + plan.ramp_us)}"
        for plan in answered.found.cutover
    ]
    return Section("The plan", (*hours, "To run it: " + shlex.join(command)), Table(
        ["lever", "what it is", "as stated", "found"], rows, words=4
    ))  # fmt: skip


def _harm(planned: Planned) -> Section:
    judged = planned.judged
    rows = [
        [
            f"{one.title}, {one.unit}", digits(planned.weights[one.name]), _with_range(judged.stated[one.name]),
            _with_range(judged.found[one.name]), _with_range(judged.difference[one.name], signed=True),
        ]
        for one in COMPONENTS
    ]  # fmt: skip
    rows.append(
        ["harm, points", "", *(_with_range(side[HARM]) for side in (judged.stated, judged.found)),
         _with_range(judged.difference[HARM], signed=True)]
    )  # fmt: skip
    note = (
        f"Means over {planned.fresh} seeds that the search never saw, with 95 % intervals; the difference is paired, "
        f"seed by seed. On the {planned.replications} seeds it was chosen by, the plan found had "
        f"{digits(judged.searched)} points: what the best of many shows there is no estimate. People and money are "
        "those of the scenario's whole volume. Default weights are ASSUMED."
    )
    return Section(
        "What it is worth", (), Table(["figure", "weight", "as stated", "found", "difference"], rows, note=note)
    )


def _worths(planned: Planned) -> Section:
    rows = [
        [one.lever, one.stated, one.found, _with_range(one.more_harm, signed=True)] for one in planned.judged.worths
    ]
    note = "Each lever alone put back as stated, the others as found. Below 0: as stated would have been better."
    table = Table(["lever", "as stated", "found", "more harm when put back"], rows, words=3, note=note)
    stated, found = planned.trials[0].levers, planned.trials[planned.best].levers
    put_back = {one.lever for one in planned.judged.worths}
    tied = [name for name in found if found[name] != stated[name] and name not in put_back]
    said = () if rows or tied else ("No lever was moved.",)
    if tied:
        said = (f"Moved too, but no plan that can be has it alone as stated: {', '.join(tied)}.",)
    return Section("What each lever is worth", said, table if rows else None)


def _tasks(answered: Answered) -> Section:
    rows = [
        [one.number, one.what, one.owner, one.begins, one.lasts, one.after, one.gate]
        for one in tasks_of(answered.found, answered.planned.judged)
    ]
    note = (
        "Owners, rehearsal, reconciliation and the freeze of changes are the practice of such moves (ASSUMED); write "
        "names in. Numbers of gates are those of the simulated plan at the scenario's whole volume."
    )
    head = ["no.", "task", "owner", "begins", "lasts", "after", "go when"]
    return Section("Tasks", (), Table(head, rows, words=7, note=note))


def _turning_back(answered: Answered) -> Section:
    said: list[str] = []
    for plan in answered.found.cutover:
        hour_us = turn_back(plan)
        if hour_us is not None:
            back = plan.roll_back
            assert isinstance(back, RollBack)  # it names the hour
            said.append(
                f"{plan.name}: turn back at {hour_of(answered.found, hour_us)} when the work is not done; the old "
                f"system opens {show_duration(back.takes)} later."
            )
        else:
            said.append(
                f"{plan.name}: the scenario names no last point of return. To open on time at "
                f"{hour_of(answered.found, plan.planned_reopen_at)}, decide as long before as the old system "
                "takes to open."
            )
    said.append(_break_even(answered.planned.judged))
    return Section("The hour to turn back", tuple(said))


def _break_even(judged: Judged) -> str:
    """Say when going on costs as much as doing the whole stop again."""
    last = judged.delays[-1] if judged.delays else None
    whole = judged.found[HARM].value
    if last is None or whole is None or not last.harm.value or last.harm.value <= 0:
        return "What a delay costs was not shown here, so neither was when turning back pays."
    hours = whole * last.hours / last.harm.value
    return (
        f"A stop that is given up has to be done again, and costs its whole harm once more ({digits(whole)} points). "
        f"A delay of {last.hours} h costs {digits(last.harm.value)}: going on costs as much as the second stop from "
        f"about {digits(round(hours))} h of delay on, if further hours cost what these do (extrapolated)."
    )


def _delays(planned: Planned) -> Section:
    rows = [
        [
            f"{one.hours} h", _each(one.harm, one.hours), _each(one.patients, one.hours),
            _each(one.self_pay_fen, one.hours), _each(one.advance_yuan_days, one.hours),
            _with_range(one.harm, signed=True),
        ]
        for one in planned.judged.delays
    ]  # fmt: skip
    note = (
        "The plan found, opening so much later than everybody was told, on the same fresh seeds; each hour's part of "
        "the paired difference. The first hour carries the risk's weight: that it is late at all. People and money are "
        "those of the scenario's whole volume."
    )
    head = [
        "late by", "points an hour", "people an hour", "paid at the door, fen an hour", "advance, yuan-days an hour",
        "points in all",
    ]  # fmt: skip
    nothing = ("No delay ends before the scenario's horizon does: lengthen it to see what one costs.",)
    return Section(
        "What each hour of delay costs", () if rows else nothing, Table(head, rows, note=note) if rows else None
    )


def _front(planned: Planned) -> Section:
    rows = [
        [
            str(one.trial), "; ".join(f"{name} {value}" for name, value in one.changes.items()) or "as stated",
            digits(one.searched_harm), _with_range(one.harm),
            _with_range(one.difference, signed=True), _shown(one.against),
        ]
        for one in planned.judged.front
    ]  # fmt: skip
    note = "None of the plans tried has both less harm and less of the other figure than these, as searched."
    against = title_of(planned.against)
    table = Table(
        ["trial", "changes", "harm as searched", "harm, fresh seeds", "difference to the stated", against],
        rows,
        words=2,
        note=note,
    )
    return Section("The front", (), table, picture="front")


def _made(planned: Planned) -> Section:
    refused = sum(1 for one in planned.trials if one.refused)
    budget = "no limit of time" if planned.seconds is None else f"a budget of {show_duration(planned.seconds * 1e6)}"
    said = [
        (
            f"{len(planned.trials)} trials of {planned.replications} replications each, {refused} of them plans that "
            f"cannot be; {planned.fresh} fresh seeds; {budget}; {planned.volume:.3g} of the scenario's visits, about "
            f"{digits(planned.visits)} a replication; seed {planned.seed}. Simulated: nobody was sent away."
        ),
        "All plans meet the same patients, who come at the same moments with the same bills (common random numbers).",
    ]
    tried = planned.trials[planned.best].levers
    if planned.volume < 1:
        said.append(
            "Waits at desks and the peak of arrivals are those of the visits that are left: at the whole volume "
            "waits are longer, and the peak is no longer one of a few people."
        )
    if "announce" in tried:
        said.append(
            "A notice costs nothing here; the longer its lead, the more have heard of it. How fast word spreads, and "
            "the share that heeds it, are ASSUMED."
        )
    if {"park_share", "settle_later"} & tried.keys():
        said.append(
            "That more people settle later, or hospitals for them, costs nobody anything here but the bill's waiting: "
            "whether hospitals and patients can, is for you to say; search without it (--lever) if not."
        )
    said.append("The work behind the closed door takes what the scenario says; nothing here makes it shorter.")
    return Section("How it was made, and what it cannot say", tuple(said))


# --- figures as text ---


def _shown(value: Range) -> str:
    return "never ends" if value.value is None else digits(_rounded(value.value))


def _signed(value: Range) -> str:
    if value.value is None:
        return "?"
    number = _rounded(value.value)
    return ("+" if number > 0 else "") + digits(number)


def _with_range(value: Range, *, signed: bool = False) -> str:
    shown = _signed(value) if signed else _shown(value)
    if value.low is None or value.high is None or value.low == value.high:
        return shown
    low, high = (digits(_rounded(bound)) for bound in (value.low, value.high))
    return f"{shown} ({low} … {high})"


def _each(value: Range, hours: int) -> str:
    parts = (None if part is None else part / hours for part in (value.value, value.low, value.high))
    return _with_range(Range(*parts), signed=True)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


# --- the two forms ---


def _markdown(book: RunBook) -> str:
    lines = [f"# {book.title}", "", book.question, "", f"**{book.verdict}**", ""]
    for section in book.sections:
        lines += [f"## {section.title}", ""]
        for paragraph in section.paragraphs:
            lines += [paragraph, ""]
        if section.picture:
            lines += [f"![{section.title}](figures/{book.pictures[section.picture].file})", ""]
        if section.table is not None:
            lines += [*_markdown_table(section.table), ""]
    return "\n".join(lines)


def _markdown_table(table: Table) -> list[str]:
    head = [_row(table.head), _row("---" if place < table.words else "---:" for place in range(len(table.head)))]
    rows = [_row(cell.replace("|", "\\|") for cell in row) for row in table.rows]
    return [*head, *rows, *(["", table.note] if table.note else [])]


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _page(book: RunBook) -> str:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("lab.planner"), PackageLoader("lab.report")]),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = {"book": book, "footer_version": versions().get("yidi", "from its source")}
    return environment.get_template("runbook.html").render(shown)
