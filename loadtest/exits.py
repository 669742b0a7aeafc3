"""What ``python -m loadtest`` leaves with; whoever starts it as a process needs no Locust to read it."""

from __future__ import annotations

FINISHED = 0
"""The record is written, and its figures are the system's."""
FAILED = 1
"""The generator's own failure, a crash among them."""
INVALID = 3
"""The record is written, but the generator cannot be believed; the ``done`` line says why."""
INTERRUPTED = 130
"""Stopped from outside; what was finished is written."""

MEANINGS = (
    "Exit codes: 0 finished; 1 the generator itself failed; 2 wrong input; 3 finished and invalid: the record is "
    "written, but it shows the generator as much as the system, and the 'done' line says why; 130 interrupted, what "
    "was finished is written."
)
