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
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import gevent
import msgspec
from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore

from reference_impl.domain.failures import FailedRunError, InputError, YidiError
from scenarios.reading.loader import restore_scenario
from scenarios.schema import Scenario

if TYPE_CHECKING:
    from loadtest.asked import Asked

__all__ = ["Accepted", "Concluded", "Laboratory", "LaboratoryError"]

_COMMAND = (sys.executable, "-m", "lab.attended")
_STOP_LIMIT_S = 60.0
"""So long it may take to end the system and to write down what is finished."""


class LaboratoryError(FailedRunError):
    """The laboratory could not do what it is for, or has gone."""


class Accepted(NamedTuple):
    """What can be run."""

    scenario: Scenario
    predicted: dict[str, float | None]
    """Measures of a simulated run of it; none where none was named."""


class Concluded(NamedTuple):
    """What came of a run."""

    code: int
    verdict: str
    lines: tuple[str, ...]
    """The summary, for a person."""
    gates: tuple[dict[str, Any], ...] = ()


class _Word:
    """A word of the laboratory's that somebody waits for."""

    def __init__(self) -> None:
        self._said: AsyncResult[dict[str, Any] | YidiError] = AsyncResult()

    @property
    def said(self) -> bool:
        """Whether it was said, or never will be."""
        return self._said.ready()

    def hear(self, facts: dict[str, Any] | YidiError) -> None:
        """Take its facts, or why it will not be said; what was heard first holds."""
        if not self.said:
            self._said.set(facts)

    def facts(self) -> dict[str, Any]:
        """Wait for it."""
        found = self._said.get()
        assert found is not None  # nothing else is ever set
        if isinstance(found, YidiError):
            raise found
        return found


class Laboratory:
    """The laboratory of one run, as seen from its generator."""

    def __init__(self, asked: Asked, command: tuple[str, ...] = _COMMAND) -> None:
        """Start it and ask."""
        self._words = BoundedSemaphore()
        self._accepted = _Word()
        self._go = _Word()
        self._concluded = _Word()
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._hearing: gevent.Greenlet[..., None] = gevent.spawn(self._hear, self._process.stdout)
        self.say("ask", **msgspec.to_builtins(asked))

    def accepted(self) -> Accepted:
        """Wait until it has looked at what was asked, and return that.

        Raises:
            InputError: when that cannot be run.
            LaboratoryError: when it cannot say.

        """
        facts = self._accepted.facts()
        return Accepted(restore_scenario(facts["scenario"]), facts["predicted"])

    def start(self) -> Path:
        """Let it start the system; return the run folder when it listens.

        Raises:
            InputError: when the system cannot be started so.
            LaboratoryError: when it does not listen for any other reason.

        """
        self.say("start")
        return Path(self._go.facts()["folder"])

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
        return self._concluded.said

    def conclude(self, code: int) -> Concluded:
        """Tell it with which code the generator has left its record, and return what came of the run.

        Raises:
            LaboratoryError: when it cannot say.

        """
        self.say("left", code=code)
        facts = self._concluded.facts()
        told = Concluded(facts["code"], facts["verdict"], tuple(facts["lines"]), tuple(facts["gates"]))
        self.close()
        return told

    def close(self) -> None:
        """End it, whatever it is doing; what it has finished it keeps, and what it started it ends."""
        with suppress(BrokenPipeError, ValueError):
            self._process.stdin.close()  # pyright: ignore[reportOptionalMemberAccess] - asked for a pipe
        if not self._ended(_STOP_LIMIT_S if self._concluded.said else 0.0):
            self._process.send_signal(signal.SIGTERM)
            if not self._ended(_STOP_LIMIT_S):
                self._process.kill()
                self._hearing.join()

    def _ended(self, limit_s: float) -> bool:
        """Whether the process has ended; who hears it waits for that, alone: of two that wait gevent forgot one."""
        self._hearing.join(limit_s)
        return self._hearing.ready()

    def _hear(self, lines: IO[str] | None) -> None:
        waiting = {"accepted": self._accepted, "go": self._go, "concluded": self._concluded}
        error: YidiError | None = None
        for line in lines or ():
            facts = json.loads(line)
            if facts["event"] in waiting:
                waiting[facts["event"]].hear(facts)
            elif facts["event"] == "refused":
                error = _refusal(facts["text"], facts["code"])
        code = self._process.wait()
        lost = error or LaboratoryError(f"the laboratory ended with code {code} and said nothing of it")
        for one in waiting.values():
            one.hear(lost)


def _refusal(text: str, code: int) -> YidiError:
    return InputError(text) if code == InputError.exit_code else LaboratoryError(text)
