"""An exception as it may be told to whoever looks after the system: without what a message may have put into it."""

from __future__ import annotations

import traceback
from pathlib import PurePath

from reference_impl.domain.failures import FailedRunError

__all__ = ["place_of", "told"]


def told(error: BaseException) -> str:
    """Return an exception as a log or an operator may read it, in a line.

    Its words are told where they are ours or the operating system's. Those of any other may hold what a message said
    (a ``KeyError`` is the key itself): its kind is told, and the place in the code.
    """
    kind = type(error).__name__
    if isinstance(error, FailedRunError):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        return f"{kind}: {error.strerror}"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{kind} at {place_of(frames[-1])}" if frames else kind


def place_of(frame: traceback.FrameSummary) -> str:
    """Return a place in the code without the folders of this machine."""
    return f"{'/'.join(PurePath(frame.filename).parts[-2:])}:{frame.lineno}"
