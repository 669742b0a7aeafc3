"""The log of a process: events of the closed list, one line each, on standard error, as text or as JSON.

An exception is told once, by its kind and where it came from; its words are told only where they are our own or the
operating system's, for those of any other may hold what a message said. What libraries log comes through here too.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from datetime import UTC, datetime
from types import TracebackType

import msgspec

from reference_impl.domain.telling import place_of, told
from reference_impl.telemetry.events import EVENTS, FACTS
from reference_impl.telemetry.options import LogForm, LogLevel, LogRules
from reference_impl.telemetry.spans import current_span

__all__ = ["configure", "hears_debug", "is_routine", "last_words", "said_of", "say"]

_LEVELS = [*LogLevel]
_FRAMES_MAX = 12
_US_PER_S = 1_000_000


class _Rules:
    form = LogForm.TEXT
    least = _LEVELS.index(LogLevel.INFO)


def configure(rules: LogRules) -> None:
    """Log by ``rules`` from now on, what libraries and an end by an exception have to say too."""
    _Rules.form = rules.form
    _Rules.least = _LEVELS.index(rules.level)
    logging.basicConfig(handlers=[_FromLibraries()], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _at_the_end


def hears_debug() -> bool:
    """Return whether events of the least level are told: asked before facts are put together for one."""
    return _Rules.least == 0


def say(event: str, **facts: str | int) -> None:
    """Write the line of an event; it is lost where standard error takes none.

    Raises:
        KeyError: when there is no such event or fact.

    """
    level, words = EVENTS[event]
    unknown = facts.keys() - FACTS.keys()
    if unknown:
        raise KeyError(f"a log holds no {', '.join(sorted(unknown))}; see reference_impl/telemetry/events.py")
    if _LEVELS.index(level) >= _Rules.least:
        span = current_span.get()
        trace = "" if span is None else f"{span.trace_id:032x}"
        write = _as_json if _Rules.form is LogForm.JSON else _as_text
        sys.stderr.write(write(event, level, words.format(**facts), facts, trace))


def said_of(error: BaseException) -> dict[str, str]:
    """Return the facts of an exception: its kind, with its words where they may be told, and where it came from."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES_MAX:]
    where = " < ".join(f"{place_of(frame)} {frame.name}" for frame in reversed(frames))
    return {"error": told(error), "where": where or "no frame is known"}


def last_words(line: str) -> str:
    """Return what a line of a log says, without what stands around it."""
    if line.startswith("{"):
        try:
            return msgspec.json.decode(line, type=_Said).text
        except msgspec.MsgspecError:
            return line
    head, _, words = line.partition("| ")
    return words if len(head.split()) == 2 else line  # noqa: PLR2004 - the instant and the level


def is_routine(line: str) -> bool:
    """Return whether a line tells of nothing that went wrong."""
    level = line.partition("|")[0].rpartition(" ")[0].rpartition(" ")[2]
    if line.startswith("{"):
        try:
            level = msgspec.json.decode(line, type=_Said).level
        except msgspec.MsgspecError:
            return False
    return level in (LogLevel.INFO, LogLevel.DEBUG)


class _Said(msgspec.Struct):
    text: str
    level: str = ""


def _as_text(_: str, level: LogLevel, words: str, __: dict[str, str | int], trace: str) -> str:
    traced = f" [trace {trace}]" if trace else ""
    line = "".join(each if each.isprintable() else "?" for each in " ".join(words.split()))
    return f"{_time_now()} {level} | {line}{traced}\n"


def _as_json(event: str, level: LogLevel, words: str, facts: dict[str, str | int], trace: str) -> str:
    head = {"time": _time_now(), "level": level.value, "event": event, "text": words}
    traced = {"trace": trace} if trace else {}
    said = {name: _readable(fact) for name, fact in (head | facts | traced).items()}
    return (msgspec.json.encode(said) + b"\n").decode()


def _readable(fact: str | int) -> str | int:
    """Return a fact as UTF-8 can say it: the name of a file need not be."""
    return fact if isinstance(fact, int) else fact.encode("utf-8", "replace").decode()


def _time_now() -> str:
    now_us = time.time_ns() // 1000
    at = datetime.fromtimestamp(now_us // _US_PER_S, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{now_us % _US_PER_S:06d}Z"


class _FromLibraries(logging.Handler):
    """What libraries log. Of many lines the first is told: asyncio's others say what an exception holds."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write it."""
        words = record.getMessage().partition("\n")[0]
        if record.exc_info and record.exc_info[1] is not None:
            facts = said_of(record.exc_info[1])
            words = f"{words}: {facts['error']}; {facts['where']}"
        say("library.spoke", logger=record.name, why=words)


def _at_the_end(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    facts = said_of(error)
    say("process.failed", why=f"{facts['error']}; {facts['where']}")
