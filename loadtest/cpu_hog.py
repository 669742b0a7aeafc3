"""A program that takes a share of a core from whoever runs there, at a priority above all of them.

``python -m loadtest.cpu_hog CORE`` says ``ready`` and is told on its standard input, a line each, which share to take
from now on; 0 is none. It ends with that input, however whoever started it ends. It computes in the real-time class, in
slices so short that a message hardly notices one alone. It must never run on another core, and never in another class:
an ordinary process would get what the scheduler thinks fair, and not the share.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from types import TracebackType
from typing import Self

from reference_impl.domain.failures import FailedRunError

__all__ = ["SHARE_MAX", "CpuHog", "HogError"]

SHARE_MAX = 0.9
"""Linux leaves those outside the real-time class a twentieth of a core (sched_rt_runtime_us)."""
_PERIOD_S = 0.001
_PRIORITY = 1
_READY = "ready"
_STOP_LIMIT_S = 5.0
_BLOCK_BYTES = 4096


class HogError(FailedRunError):
    """This machine does not let a program take a share of a core."""


class CpuHog:
    """The hog of one run, while it is entered; it takes nothing until it is told to."""

    def __init__(self, core: int | None) -> None:
        """``core`` is the system's own; None where it shares the generator's."""
        self._core = core
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            HogError: naming what this machine lacks.

        """
        if self._core is None:
            raise _lacking("a second core, so that the load generator would be slowed with the system")
        self._process = process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "loadtest.cpu_hog", str(self._core)],
            stdin=subprocess.PIPE,  # its end tells the hog that we are gone
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is ours to hand on
        )
        said = process.stdout.readline().strip() if process.stdout is not None else ""
        if said != _READY:
            self._stop()
            raise _lacking(said or "a program that starts; its last words are on standard error")
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        """End it."""
        self._stop()

    def take(self, share: float) -> None:
        """Take a share of the core from now on; 0 is none.

        Raises:
            OSError: when it is gone.

        """
        if self._process is None or self._process.stdin is None:
            raise BrokenPipeError("the program that takes a share of the core is not running")
        self._process.stdin.write(f"{share!r}\n")
        self._process.stdin.flush()

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.communicate(timeout=_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _lacking(what: str) -> HogError:
    return HogError(
        f"cpu_hog needs a core of the system's own and the real-time class, and here it lacks {what}; run as root "
        "(CAP_SYS_NICE) on two cores or more, or leave it out"
    )


# --- the program ---


def main(arguments: list[str]) -> int:
    """Take shares until standard input ends; 2 when the machine does not allow it."""
    try:
        os.sched_setaffinity(0, {int(arguments[0])})
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_PRIORITY))
    except (IndexError, ValueError, OSError) as error:
        _say(f"what sched_setscheduler asks for ({error})")
        return 2
    _say(_READY)
    share = _told()
    while share is not None:
        share = _burn(share)
    return 0


def _burn(share: float) -> float | None:
    """Take a share of the core until told otherwise; return what is to be taken then, None at the end."""
    began_s, spent_s = time.monotonic(), time.process_time()
    while share > 0 and not select.select([sys.stdin], [], [], 0)[0]:
        while time.process_time() - spent_s < share * (time.monotonic() - began_s):
            pass
        time.sleep(_PERIOD_S * (1 - share))
    return _told()


def _told() -> float | None:
    """Wait for what is said and return the last of it; None at the end."""
    said = os.read(sys.stdin.fileno(), _BLOCK_BYTES).split()
    return float(said[-1]) if said else None


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
