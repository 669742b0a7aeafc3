"""What a process says of itself on its standard error, which is a file beside the books.

A disk that is full is full for both: what cannot be said is dropped, and whoever waits for an answer gets it. This
module must never raise for what it cannot write.
"""

from __future__ import annotations

import io
import os
from contextlib import suppress

__all__ = ["Stream"]


class Stream(io.TextIOBase):
    """A text stream that keeps nothing back and never fails."""

    def __init__(self, descriptor: int) -> None:
        """Write to ``descriptor``, which stays open."""
        super().__init__()
        self._descriptor = descriptor

    def write(self, s: str, /) -> int:
        """Write the words now, or drop them."""
        with suppress(OSError):
            os.write(self._descriptor, s.encode("utf-8", "replace"))
        return len(s)
