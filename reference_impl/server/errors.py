"""What can go wrong between an operator and the processes."""

from __future__ import annotations

from reference_impl.domain.failures import InputError

__all__ = ["CommandError", "StartError"]


class StartError(InputError):
    """The system cannot start: the input is wrong or the machine is not free."""


class CommandError(InputError):
    """A running process refused an operator's command."""
