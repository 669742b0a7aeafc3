"""What can go wrong between an operator and the processes."""

from __future__ import annotations

__all__ = ["CommandError", "StartError"]


class StartError(Exception):
    """The system cannot start: the input is wrong or the machine is not free. A command line exits with 2."""

    exit_code = 2


class CommandError(Exception):
    """A running process refused an operator's command."""
