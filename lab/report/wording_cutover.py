"""From what a cutover came to, to the rows and sentences of its page. It must never look into a run folder."""

from __future__ import annotations

from typing import Any

from lab.report.format import show, show_interval
from lab.report.summary import CutoverResult, Measured, OpenBy, PutIn
from scenarios.schema.measures import MEASURES

__all__ = ["cutover_words", "measure_row"]

_NAMES = {"cutover.drain": "The drain", "cutover.backlog_oldest": "The longest wait in the backlog"}
_HARDLY = 0.05
"""A part of this or less is what nobody needs to look at."""


def cutover_words(result: CutoverResult) -> dict[str, Any]:
    """Return the figures, chances and sentences of a planned stop."""
    return {
        "stop": [measure_row(figure) for figure in result.measures],
        "stop_intervals": any(figure.low is not None for figure in result.measures),
        "open_by": [open_by(chance) for chance in result.open_by],
        "decisions": [(one.at, one.plan, one.decision, one.why) for one in result.decisions],
        "put_in": [sentence for one in result.put_in if (sentence := put_in(one))],
    }


def measure_row(figure: Measured) -> tuple[str, str, str, str]:
    """Return name, figure, interval and meaning of a measure."""
    interval = "" if figure.low == figure.high else show_interval(figure.low, figure.high, figure.unit)
    return figure.measure, show(_shown_value(figure), figure.unit), interval, _meaning(figure.measure)


def _shown_value(figure: Measured) -> float | None:
    """Return the figure; what has no end is never."""
    return float("inf") if figure.value is None and figure.unit == "duration" else figure.value


def _meaning(measure: str) -> str:
    known = MEASURES.get(measure)
    return known.doc if known is not None else MEASURES[measure.rpartition(".")[0]].doc


def open_by(chance: OpenBy) -> tuple[str, str, str]:
    """Return the moment, the chance to be open by then, and its interval."""
    return chance.by, show(chance.share, "share"), show_interval(chance.low, chance.high, "share")


def put_in(one: PutIn) -> str:
    """Return the sentence that says how much of a time was put in, and how much of it the model found."""
    name = _NAMES[one.measure]
    if one.found_us is None:
        return f"{name} never ended, though what was put in is {show(one.assumed_us, 'duration')}."
    found, assumed = show(one.found_us, "duration"), show(one.assumed_us, "duration")
    if one.queued_us is not None:
        if one.queued_us <= _HARDLY * one.found_us:
            return (
                f"{name} of {found} is what was put in, not what was found: ramp and spread of returns alone give up "
                f"to {assumed}, and queues added {show(one.queued_us, 'duration')}."
            )
        return (
            f"{name} of {found} is more than was put in: ramp and spread of returns alone give up to {assumed}, and "
            f"{show(one.queued_us, 'duration')} of it came after the last was back."
        )
    if one.found_us <= one.assumed_us:
        return f"{name} of {found} is within what stop, ramp and spread alone give, up to {assumed}: nothing was found."
    more = show(one.found_us - one.assumed_us, "duration")
    return f"{name} of {found} is {more} more than stop, ramp and spread alone give ({assumed})."
