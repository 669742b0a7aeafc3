"""The laboratory as a process of its own: for a Locust that somebody started it makes ready what a run needs.

It starts the reference system, commands the faults, and says at the end what came of the run (``lab.attended``, which
also says what is said in which order). Must never import it: what it imports slows the patients down, and would be
patched.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import gevent
from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore

from reference_impl.domain.failures import YidiError
from scenarios.reading.loader import restore_scenario
from scenarios.schema import Scenario

__all__ = ["Asked", "Concluded", "Laboratory", "LaboratoryError"]

_COMMAND = (sys.executable, "-m", "lab.attended")
_STOP_LIMIT_S = 60.0
"""So long it may take to end the system and to write down what is finished."""
_FAILED = 3


class LaboratoryError(YidiError):
    """The run cannot begin, or what came of it is not known; ``exit_code`` is the laboratory's."""

    def __init__(self, text: str, code: int = _FAILED) -> None:
        super().__init__(text)
        self.exit_code = code


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks of a run, in the words of ``yidi run``."""

    scenario: str
    variant: str | None = None
    sets: tuple[str, ...] = ()
    seed: int | None = None
    out: str | None = None


class Concluded(NamedTuple):
    """What came of a run."""

    code: int
    verdict: str
    lines: tuple[str, ...]
    """The summary, for a person."""
    gates: tuple[dict[str, Any], ...] = ()


class Laboratory:
    """The laboratory of one run, as seen from its generator."""

    def __init__(self, asked: Asked, command: tuple[str, ...] = _COMMAND) -> None:
        """Start it and ask."""
        self._words = BoundedSemaphore()
        self._accepted = AsyncResult()
        self._go = AsyncResult()
        self._concluded = AsyncResult()
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._hearing = gevent.spawn(self._hear, self._process.stdout)
        self.say("ask", **asdict(asked))

    def accepted(self) -> Scenario:
        """Wait until it has looked at what was asked, and return the scenario.

        Raises:
            LaboratoryError: when that cannot be run.

        """
        return restore_scenario(self._accepted.get()["scenario"])

    def start(self) -> Path:
        """Let it start the system; return the run folder when it listens.

        Raises:
            LaboratoryError: when it does not.

        """
        self.say("start")
        return Path(self._go.get()["folder"])

    def say(self, event: str, **facts: object) -> None:
        """Say a line to it; if it has gone, ``conclude`` will tell."""
        line = json.dumps({"event": event} | facts) + "\n"
        words = self._process.stdin
        assert words is not None  # asked for a pipe
        with self._words, suppress(BrokenPipeError, ValueError):
            words.write(line)
            words.flush()

    @property
    def gone(self) -> bool:
        """Whether it says nothing more."""
        return self._concluded.ready()

    def conclude(self, code: int) -> Concluded:
        """Tell it with which code the generator has left its record, and return what came of the run.

        Raises:
            LaboratoryError: when it cannot say.

        """
        self.say("left", code=code)
        facts = self._concluded.get()
        told = Concluded(facts["code"], facts["verdict"], tuple(facts["lines"]), tuple(facts["gates"]))
        self.close()
        return told

    def close(self) -> None:
        """End it, whatever it is doing; what it has finished it keeps, and what it started it ends."""
        with suppress(BrokenPipeError, ValueError):
            self._process.stdin.close()  # pyright: ignore[reportOptionalMemberAccess] - asked for a pipe
        if not self._ended(_STOP_LIMIT_S if self._concluded.ready() else 0.0):
            self._process.send_signal(signal.SIGTERM)
            if not self._ended(_STOP_LIMIT_S):
                self._process.kill()
                self._process.wait()
        self._hearing.kill()

    def _ended(self, limit_s: float) -> bool:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(limit_s)
        return self._process.poll() is not None

    def _hear(self, lines: IO[str] | None) -> None:
        waiting = {"accepted": self._accepted, "go": self._go, "concluded": self._concluded}
        error: YidiError | None = None
        for line in lines or ():
            facts = json.loads(line)
            if facts["event"] in waiting:
                waiting[facts["event"]].set(facts)
            elif facts["event"] == "refused":
                error = LaboratoryError(facts["text"], facts["code"])
        lost = error or LaboratoryError(f"the laboratory ended with code {self._process.wait()} and said nothing of it")
        for one in waiting.values():
            if not one.ready():
                one.set_exception(lost)
