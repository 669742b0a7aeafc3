"""How long this thread stood ready and waited for a core, as the kernel counts it.

On a busy core the end of a wait for the disk is a wait for the core. Whoever wants to know the disk's own time must
take that out, or a model that simulates the core counts it twice.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

__all__ = ["core_wait_ns"]

_PLACE = Path("/proc/thread-self/schedstat")
_BYTES = 64
_own = threading.local()


def core_wait_ns() -> int:
    """Return the nanoseconds since this thread began; always 0 where the kernel does not count them."""
    file: int | None = getattr(_own, "file", None)
    if file is None:
        file = _own.file = _opened()
    if file < 0:
        return 0
    _ran, waited, *_ = os.pread(file, _BYTES, 0).split()
    return int(waited)


def _opened() -> int:
    """Return the file of the thread that asks, which stays open as long as its process; -1 where there is none."""
    try:
        return os.open(_PLACE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1
