"""Ends the processes that somebody leaves behind: a helper that lives exactly as long as whoever started it.

A process that a fault has stopped cannot see that its parent is gone, so somebody else must: ``python -m
reference_impl.server.guardian``. Its standard input is a socket, and over it come descriptors of the processes it
watches. The socket ends with the parent, however that ends; then the helper lets everything that is still there go on,
asks it to stop, and kills what does not. A descriptor names a process and never a number, so that a process which got
the number of an ended one is never hit. The helper must never load anything but the standard library.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time

from reference_impl.server.errors import StartError

__all__ = ["Guardian"]

_GRACE_S = 10.0
"""How long what is left behind has for a clean stop before it is killed; no shorter than what a system is given."""
_DISMISS_LIMIT_S = _GRACE_S + 5.0
_MS_PER_S = 1000


class Guardian:
    """The parent's end. The helper starts with the first process to watch; ``dismiss`` ends what is left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # faults start processes again from threads of their own
        self._helper: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

    def watch(self, pid: int) -> None:
        """See to it that our own child ``pid``, not yet waited for, never outlives us.

        Raises:
            StartError: when the helper is gone, and nobody would see to it.

        """
        descriptor = os.pidfd_open(pid)
        try:
            with self._lock:
                socket.send_fds(self._line or self._start(), [b"w"], [descriptor])
        except ConnectionError:
            raise StartError("the guardian of the processes was ended from outside; start again") from None
        finally:
            os.close(descriptor)

    def dismiss(self) -> None:
        """End what is still alive of the watched, and the helper; it may watch again."""
        with self._lock:
            helper, self._helper = self._helper, None
            line, self._line = self._line, None
        if helper is None or line is None:
            return
        line.close()
        try:
            helper.wait(_DISMISS_LIMIT_S)
        except subprocess.TimeoutExpired:  # somebody stopped it
            helper.kill()
            helper.wait()

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._helper = subprocess.Popen(
                [sys.executable, "-m", "reference_impl.server.guardian"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,  # it must hold nothing open that somebody reads to our end
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is ours to hear
            )
        self._line = ours
        return ours


def main() -> int:
    """Watch until standard input ends, then end what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with the parent and not before
    with socket.socket(fileno=sys.stdin.fileno()) as line:
        left = _watched_until_the_end(line)
    _tell(left, signal.SIGTERM, signal.SIGCONT)
    _tell(_still_alive(left, _GRACE_S), signal.SIGKILL)
    return 0


def _watched_until_the_end(line: socket.socket) -> set[int]:
    """Return the descriptors of what is alive when the line ends."""
    looks = select.poll()
    looks.register(line, select.POLLIN)
    watched: set[int] = set()
    while True:
        for descriptor, _ in looks.poll():
            if descriptor != line.fileno():
                looks.unregister(descriptor)
                watched.discard(descriptor)
                os.close(descriptor)
                continue
            said, received, _, _ = socket.recv_fds(line, 1, 1)
            if not said:
                return watched
            for each in received:
                watched.add(each)
                looks.register(each, select.POLLIN)


def _still_alive(watched: set[int], limit_s: float) -> set[int]:
    """Return what is alive after ``limit_s``; sooner when all have ended."""
    looks, alive = select.poll(), set(watched)
    for descriptor in alive:
        looks.register(descriptor, select.POLLIN)
    deadline_s = time.monotonic() + limit_s
    while alive and (left_s := deadline_s - time.monotonic()) > 0:
        for descriptor, _ in looks.poll(left_s * _MS_PER_S):
            looks.unregister(descriptor)
            alive.discard(descriptor)
    return alive


def _tell(watched: set[int], *numbers: signal.Signals) -> None:
    for descriptor in watched:
        for number in numbers:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, number)


if __name__ == "__main__":
    sys.exit(main())
