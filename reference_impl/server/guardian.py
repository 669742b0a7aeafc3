"""Ends what a parent leaves behind that died without a word: a small process tied to the parent by a pipe.

A host process stops by itself when its parent is gone, but one that a fault had frozen cannot hear that. The guardian
outlives the parent, lets what stands still go on, and ends what does not end by itself. It must never touch a process
that the parent did not name, nor a stranger that has taken over its number.

``python -m reference_impl.server.guardian`` reads one process id a line; the end of its input is the parent's.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys

import psutil

__all__ = ["Guardian"]

_END_LIMIT_S = 10.0
"""How long what was let go may take for its own clean stop."""


class Guardian:
    """The parent's end of the pipe."""

    def __init__(self) -> None:
        """Start the guardian."""
        self._child = subprocess.Popen(
            [sys.executable, "-m", "reference_impl.server.guardian"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # Ctrl-C, and a kill of the parent's group, are not meant for it
        )

    def watch(self, pid: int) -> None:
        """Name a process that must not outlive this one."""
        if self._child.stdin is not None:
            with contextlib.suppress(
                BrokenPipeError
            ):  # somebody ended the guardian: the processes are stopped all the same
                self._child.stdin.write(f"{pid}\n")
                self._child.stdin.flush()

    def dismiss(self) -> None:
        """Let the guardian go; whatever it watches and still lives is ended."""
        with contextlib.suppress(BrokenPipeError):
            self._child.communicate(timeout=2 * _END_LIMIT_S)


def main() -> int:
    """Watch until the parent is gone, then leave nothing of what it named."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: list[psutil.Process] = []
    for line in sys.stdin:
        with contextlib.suppress(psutil.NoSuchProcess):
            watched.append(psutil.Process(int(line)))
    left = [process for process in watched if process.is_running()]
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()
    _, stubborn = psutil.wait_procs(left, timeout=_END_LIMIT_S)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
