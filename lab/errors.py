"""What can go wrong in an experiment beside wrong input; the whole tree is in ``reference_impl.domain.failures``."""

from __future__ import annotations

from reference_impl.domain.failures import FailedRunError

__all__ = ["LabError"]


class LabError(FailedRunError):
    """A run ended before its time: say where, and where to look."""
