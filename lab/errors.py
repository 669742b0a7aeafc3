"""What can go wrong in an experiment, as one tree; the command line turns each into one line and an exit code.

LabError                exit 3: the run failed
├── InputError          exit 2: what was asked for is wrong, nothing was started
└── InvalidRunError     exit 3: the run ended, but its figures may not be used
"""

from __future__ import annotations

__all__ = ["InputError", "InvalidRunError", "LabError"]


class LabError(Exception):
    """The run failed."""

    exit_code = 3


class InputError(LabError):
    """What was asked for is wrong: say what, got, expected, next step."""

    exit_code = 2


class InvalidRunError(LabError):
    """The run ended, but its figures may not be used."""
