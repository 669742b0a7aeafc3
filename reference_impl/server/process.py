"""One host process as its parent sees it: spawned, signalled, reaped, on ports that stay its own.

This module must never load what only the child needs.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from reference_impl.server.calls import TIMEOUT_S, ask_host
from reference_impl.server.config import Entrance
from reference_impl.server.errors import StartError
from reference_impl.telemetry.log import is_routine, last_words

if TYPE_CHECKING:
    from pathlib import Path

    from reference_impl.server.config import HostConfig

__all__ = ["ADDRESS", "HostProcess", "reserve_port"]

ADDRESS = "127.0.0.1"
_POLL_S = 0.02
_ASK_S = 0.5


class HostProcess:
    """One host process, running or not. The reserved ports stay its own over a restart."""

    def __init__(self, config: HostConfig, reserved: tuple[socket.socket, ...], folder: Path) -> None:
        self.config = config
        self.reserved = reserved
        self.config_path = folder / f"{config.host}.json"
        self.log_path = folder / f"{config.host}.log"
        self.child: subprocess.Popen[bytes] | None = None
        self.frozen = False
        self.token = ""
        """What it asks of operators to be shown; empty when nothing."""

    def place(self, entrance: Entrance) -> str:
        """Return where it listens for those who come in there: ``host:port``."""
        return f"{ADDRESS}:{self.config.ports.of(entrance)}"

    def ask(self, verb: str, command: str, content: object = None, *, timeout_s: float = TIMEOUT_S) -> Any:
        """Return its answer to an operator's command; raises what ``ask_host`` raises."""
        return ask_host(self.place(Entrance.OPERATORS), verb, command, content, timeout_s=timeout_s, token=self.token)

    def release(self) -> None:
        """Let others have its ports."""
        for reserved in self.reserved:
            reserved.close()

    @property
    def pid(self) -> int:
        """Its process id; 0 before its first start."""
        return 0 if self.child is None else self.child.pid

    @property
    def running(self) -> bool:
        """Whether it lives, frozen or not."""
        return self.child is not None and self.child.poll() is None

    def spawn(self) -> None:
        """Start it on the configuration written before."""
        with self.log_path.open("ab") as log:
            self.child = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "reference_impl.server", str(self.config_path)],
                stdin=subprocess.PIPE,  # its end tells the child that we are gone
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is ours to hand on
            )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal if it lives."""
        if self.child is not None and self.running:
            self.child.send_signal(number)

    def reap(self, limit_s: float) -> bool:
        """Wait for the end; return whether it came in time."""
        if self.child is None:
            return True
        try:
            self.child.wait(limit_s)
        except subprocess.TimeoutExpired:
            return False
        if self.child.stdin is not None:
            self.child.stdin.close()
        return True

    def thaw(self) -> None:
        """Let it go on, whoever stopped it."""
        self.signal(signal.SIGCONT)
        self.frozen = False

    def last_words(self) -> str:
        """Return what went wrong, by the last line that it wrote; else how it ended."""
        try:
            lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            lines = []
        if lines and not is_routine(lines[-1]):
            return last_words(lines[-1])
        code = self.child.poll() if self.child is not None else None
        if code is not None and code < 0:
            return f"it was ended by {signal.Signals(-code).name}"
        return "it wrote nothing" if code is None else f"it left with code {code}"

    def wait_ready(self, deadline_s: float) -> dict[str, str]:
        """Return when the process serves, and why some of its nodes cannot, by node.

        Raises:
            StartError: when it ends, or is not ready at ``deadline_s`` of the monotonic clock.

        """
        name = self.config.host
        while True:
            if not self.running:
                raise StartError(f"host process {name!r} ended while starting: {self.last_words()}")
            try:
                health = self.ask("GET", "health", timeout_s=_ASK_S)
                broken = {node: health["nodes"][node] for node in health["broken"]}
                if all(state == "ready" or node in broken for node, state in health["nodes"].items()):
                    return broken
            except OSError:
                pass  # it does not listen yet
            if time.monotonic() > deadline_s:
                place = self.place(Entrance.OPERATORS)
                raise StartError(f"host process {name!r} at {place} is not ready in time; see {self.log_path}")
            time.sleep(_POLL_S)


def reserve_port(port: int) -> socket.socket:
    """Return a socket that keeps ``port`` (0: any free one) from others, and lets the child listen on it.

    It is bound and does not listen: while the child is dead, callers are refused.
    """
    reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        reserved.bind((ADDRESS, port))
    except OSError as error:
        reserved.close()
        why = os.strerror(error.errno or 0)
        place = f"port {port} on {ADDRESS}"
        raise StartError(f"{place} cannot be used: {why}; stop what uses it, or choose other ports") from None
    return reserved
