"""Every event that a process of the system logs: its name, its level, what it says, with which facts.

A fact is of a closed list, so that nobody's number, name or money can become one: nodes and processes, ids of messages,
codes of our own, counts, files, and why. This module must never know how a line is written.
"""

from __future__ import annotations

from typing import NamedTuple

from reference_impl.telemetry.options import LogLevel

__all__ = ["EVENTS", "FACTS", "Event"]

FACTS = {
    "process": "The process: the name of its host in the scenario.",
    "node": "The node: `hub`, a province's two digits or a city's four.",
    "neighbour": "The node at the other end.",
    "transaction": "The transaction's code.",
    "msgid": "The message's id: institution, time, serial. Says nothing of a person without the books.",
    "verdict": "What was answered: done, the code of a refusal, busy, closed or overloaded.",
    "took_us": "Microseconds from the message's last byte in to its answer.",
    "stage": "How far a move has come.",
    "scope": "What a door is of.",
    "state": "What a door is from now on, or the fault of a node.",
    "day": "A business day, yyyymmdd.",
    "count": "How many.",
    "why": "Why, in the words of `yidi` itself or of the operating system.",
    "error": "The kind of an exception; its words only where they are our own or the operating system's.",
    "where": "The places in the code that it went through, the innermost first.",
    "logger": "Which library speaks.",
}
"""What may stand beside an event, and what it is; ``trace`` is added by the log itself."""


class Event(NamedTuple):
    """A kind of line. ``words`` name its facts in braces."""

    level: LogLevel
    words: str


EVENTS = {
    "process.serving": Event(LogLevel.INFO, "process {process} serves"),
    "process.stopping": Event(LogLevel.INFO, "process {process} stops"),
    "process.failed": Event(LogLevel.ERROR, "yidi: {why}"),
    "process.ended": Event(LogLevel.ERROR, "process {process} ended: {why}; starting it again on its books"),
    "node.broken": Event(LogLevel.ERROR, "node {node} cannot serve: {why}"),
    "message.served": Event(LogLevel.DEBUG, "{transaction} {msgid} at {node}: {verdict} after {took_us} us"),
    "message.failed": Event(LogLevel.ERROR, "a message was answered 'unknown': {error}; {where}"),
    "books.failed": Event(LogLevel.ERROR, "a message was answered 'unknown': {why}"),
    "task.failed": Event(LogLevel.ERROR, "work beside the messages failed: {error}; {where}"),
    "answer.unreadable": Event(
        LogLevel.WARNING, "answer of {neighbour} to {transaction} {msgid} cannot be read: {why}"
    ),
    "door.moved": Event(LogLevel.INFO, "door {scope} of node {node} is {state}"),
    "fault.ordered": Event(LogLevel.WARNING, "node {node} obeys a fault: {state}"),
    "day.closed": Event(LogLevel.INFO, "node {node} closed business day {day}"),
    "move.went-on": Event(LogLevel.INFO, "the move of node {node} is {stage}"),
    "move.broke-off": Event(LogLevel.ERROR, "the move of node {node} broke off: {why}"),
    "time.stands": Event(LogLevel.ERROR, "time stands still: it cannot be kept beside the books: {why}"),
    "traces.refused": Event(LogLevel.WARNING, "{count} spans were not taken by whoever keeps them, and dropped"),
    "library.spoke": Event(LogLevel.WARNING, "{logger}: {why}"),
}
