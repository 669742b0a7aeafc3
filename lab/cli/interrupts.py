"""SIGTERM is Ctrl-C: whoever ends a command gets what is finished, and nothing is left running."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

__all__ = ["sigterm_as_ctrl_c"]


@contextmanager
def sigterm_as_ctrl_c() -> Generator[None]:
    """Do on SIGTERM what is done on Ctrl-C at that moment: what is finished is kept, and nothing is left running."""

    def interrupt(_number: int, frame: FrameType | None) -> None:
        on_ctrl_c = signal.getsignal(signal.SIGINT)
        if not callable(on_ctrl_c):  # ignored, as in a background job of a shell: SIGTERM is meant all the same
            raise KeyboardInterrupt
        on_ctrl_c(signal.SIGINT, frame)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
