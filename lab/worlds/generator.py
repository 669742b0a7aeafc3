"""The load generator, always another process: started here, or there before us; listened to, and how it ended.

It says a line of JSON for whatever happens. Must never import it: Locust would patch this interpreter.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

import msgspec

from lab.errors import LabError
from lab.worlds.waits import backend_for
from loadtest.exits import FINISHED, INTERRUPTED, INVALID
from reference_impl.hospital.pulse import Seen

if TYPE_CHECKING:
    from reference_impl.server.guardian import Guardian
    from scenarios.patients.visits import VisitPlan
    from scenarios.schema.clients import Clients

__all__ = ["Generating", "Guarded", "LoadGenerator", "PresentGenerator"]

_STOP_LIMIT_S = 20.0


class Guarded(Protocol):
    """Has somebody who ends what is left behind."""

    @property
    def guardian(self) -> Guardian:
        """Who that is."""
        ...


class Generating(ABC):
    """One run of a generator in a folder, and what it said of itself."""

    def __init__(self, folder: Path) -> None:
        """Run in ``folder``, where the scenario is, and where its record will be."""
        self.late_us = 0
        """How late it was ready."""
        self.own_failures = 0
        """How many of its attempts failed by its own fault."""
        self.own_us = 0.0, 0.0
        """What writing and reading a message costs itself, in microseconds."""
        self.gave_up = ""
        """Why it may not go on with a system that is not ours; empty where it may."""
        self._folder = folder
        self._unbelieved = False

    @abstractmethod
    def expect(self, plan: VisitPlan, clients: Clients) -> None:
        """Hear what it will have to do, before it is run."""

    @abstractmethod
    def run(
        self,
        system: Guarded,
        progress: Callable[[dict[str, Any]], None],
        pulse: Callable[[str, Seen], None] | None = None,
        *,
        more: Sequence[str] = (),
    ) -> int:
        """Run it to its end and return its exit code.

        A code for *invalid* counts as an end only when the generator has said so itself. ``progress`` hears how far it
        is, ``pulse`` what hospitals see of a plan, and ``more`` is said on its command line.

        Raises:
            LabError: when it ended in any other way.

        """

    def _hear(
        self,
        facts: dict[str, Any],
        progress: Callable[[dict[str, Any]], None],
        pulse: Callable[[str, Seen], None] | None,
    ) -> None:
        if facts["event"] == "ready":
            self.late_us = max(0, int(facts["now_us"]))
        elif facts["event"] == "done":
            self.own_failures += facts.get("own_failures", 0)
            if "own_write_us" in facts:
                self.own_us = facts["own_write_us"], facts["own_read_us"]
            self.gave_up = facts.get("gave_up", "")
            self._unbelieved = not facts.get("valid", True)
        elif facts["event"] == "pulse" and pulse is not None:
            pulse(facts["plan"], msgspec.convert(facts["seen"], Seen))
        elif facts["event"] == "progress":
            progress(facts)

    def _has_finished(self, code: int) -> bool:
        """Return whether its record is written."""
        return code in (FINISHED, INTERRUPTED) or (code == INVALID and self._unbelieved)


class LoadGenerator(Generating):
    """``python -m loadtest``, which is started, and ended by Ctrl-C so that it writes what is finished."""

    _backend = "select"

    def expect(self, plan: VisitPlan, clients: Clients) -> None:
        """Choose by which call it waits; ``GEVENT_BACKEND`` in the environment has the last word."""
        self._backend = backend_for(plan.columns.arrival_us, clients.deadline)

    def run(
        self,
        system: Guarded,
        progress: Callable[[dict[str, Any]], None],
        pulse: Callable[[str, Seen], None] | None = None,
        *,
        more: Sequence[str] = (),
    ) -> int:
        """Start it and return its exit code."""
        log = self._folder / "generator.log"
        command = [sys.executable, "-m", "loadtest", str(self._folder), "--stop-with-parent", *more]
        with (
            log.open("a", encoding="utf-8") as errors,
            subprocess.Popen(  # noqa: S603 - our own program
                command,
                stdin=subprocess.PIPE,  # its end tells the generator that we are gone
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
                env={"GEVENT_BACKEND": self._backend} | os.environ,
            ) as child,
        ):
            try:
                system.guardian.watch(child.pid)
                for line in child.stdout or ():
                    self._hear(json.loads(line), progress, pulse)
                child.wait(_STOP_LIMIT_S)
            except KeyboardInterrupt:
                child.send_signal(signal.SIGCONT)  # whoever stands still hears nothing
                child.send_signal(signal.SIGINT)
                child.wait(_STOP_LIMIT_S)
                return INTERRUPTED
            finally:
                _end(child)
        if not self._has_finished(child.returncode):
            raise LabError(f"the load generator ended with code {child.returncode}: {_last_line(log)}; see {log}")
        return child.returncode


class PresentGenerator(Generating):
    """A Locust that somebody started: it has started us, is told where the system is, and says the same of itself."""

    def __init__(self, folder: Path, hears: IO[str], tell: Callable[..., None]) -> None:
        """Hear its lines from ``hears``; ``tell`` says an event and its facts to it."""
        super().__init__(folder)
        self._hears = hears
        self._tell = tell

    def expect(self, plan: VisitPlan, clients: Clients) -> None:
        """Do nothing: Locust chose by which call it waits before anybody was asked."""

    def run(
        self,
        system: Guarded,  # noqa: ARG002 - nothing is started: it is not ours to end
        progress: Callable[[dict[str, Any]], None],
        pulse: Callable[[str, Seen], None] | None = None,
        *,
        more: Sequence[str] = (),  # noqa: ARG002 - it has its command line
    ) -> int:
        """Let it begin and return the code with which its run ended."""
        self._tell("go", folder=str(self._folder.resolve()))
        for line in self._hears:
            facts = json.loads(line)
            if facts["event"] == "left":
                return self._left(int(facts["code"]))
            self._hear(facts, progress, pulse)
        raise LabError("the load generator has gone, and has left no record; see what Locust says")

    def _left(self, code: int) -> int:
        if not self._has_finished(code):
            raise LabError(f"the load generator ended with code {code}; see what Locust says")
        return code


def _end(child: subprocess.Popen[str]) -> None:
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(_STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else "it wrote nothing"
