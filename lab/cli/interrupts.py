"""SIGTERM is Ctrl-C: whoever ends a command gets what is finished, and nothing is left running."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = ["Told", "sigterm_as_ctrl_c", "told_to_stop"]


class Told:
    """Whether this process was told to stop, for who waits for it; a signal may say so in the middle of that wait.

    An event of ``threading`` may not: its waiter holds, for a moment, the lock that its setter wants, and where both
    are the main thread (handlers run there) neither ever goes on.
    """

    def __init__(self) -> None:
        self._heard, self._say = os.pipe()
        os.set_blocking(self._say, False)

    def say(self) -> None:
        """Say that it is over: a byte that nobody takes out again; said often enough, there is no room for another."""
        with suppress(BlockingIOError):
            os.write(self._say, b".")

    def wait(self, seconds: float) -> bool:
        """Wait for at most ``seconds``; return whether it is over."""
        return bool(select.select([self._heard], [], [], seconds)[0])

    def close(self) -> None:
        """Forget it."""
        os.close(self._heard)
        os.close(self._say)


@contextmanager
def told_to_stop() -> Generator[Told]:
    """Yield what Ctrl-C and SIGTERM say their word to, in place of ending this process."""
    told = Told()

    def stop(_number: int, _frame: FrameType | None) -> None:
        told.say()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        told.close()


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
