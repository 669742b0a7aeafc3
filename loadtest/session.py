"""Runs of a scenario in a Locust that somebody started: made ready, begun, ended and judged, one after another.

It stands between Locust's events, the laboratory that makes the system ready (``laboratory``), and the run itself
(``run``, the same that the laboratory starts by itself). It must never decide how a run ends: the laboratory does.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from loadtest.descriptors import journeys_max, raise_limit
from loadtest.exits import INTERRUPTED
from loadtest.inputs import read_inputs
from loadtest.laboratory import Accepted, Concluded, Laboratory, LaboratoryError
from loadtest.run import LoadRun, Options
from reference_impl.domain.failures import YidiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment

    from loadtest.asked import Asked
    from loadtest.running import Running

    Begins = Callable[[Laboratory, Accepted, Options, Environment], Running]

__all__ = ["Session", "run_here"]

_log = logging.getLogger(__name__)


def run_here(laboratory: Laboratory, _accepted: Accepted, options: Options, environment: Environment) -> Running:
    """Begin a run whose patients are all lived by this process.

    Raises:
        YidiError: when that cannot be done.

    """
    run = LoadRun(read_inputs(laboratory.start()), options, environment)
    run.begin()
    return run


class Session:
    """What one Locust does of ours. It is the course that its shape follows."""

    def __init__(
        self, environment: Environment, asked: Callable[[], Asked], most: int | None, begin: Begins = run_here
    ) -> None:
        """Run in ``environment`` what ``asked`` says at that moment, with at most so many journeys under way.

        ``begin`` begins a run, here or by workers.
        """
        self.accepted: Accepted | None = None
        """What is made ready, at work or just ended."""
        self.run: Running | None = None
        """The one at work."""
        self.seen: Running | None = None
        """The one at work, or the last."""
        self.concluded: Concluded | None = None
        """What came of the last."""
        self._environment = environment
        self._begin = begin
        self._asked = asked
        self._room = journeys_max(most, raise_limit())
        self._affinity = os.sched_getaffinity(0)
        self._ready: tuple[Asked, Laboratory] | None = None
        self._over = False
        self._begins = False
        self._interrupted = False

    def make_ready(self) -> Accepted:
        """Have the laboratory look at what is asked, so that nothing is begun that cannot be run.

        Raises:
            YidiError: when it cannot be.

        """
        asked = self._asked()
        if self.accepted is None or self._ready is None or self._ready[0] != asked:
            self.close()
            self._ready = asked, Laboratory(asked)
            self.accepted = self._laboratory.accepted()
        return self.accepted

    def users(self) -> int | None:
        """Return how many institutions are at work, for which a run is begun if none is; None when it is over."""
        if self._over:
            return None
        if self.run is None and not self._begun():
            return None
        if self.run is None or self._laboratory.gone:
            return None
        return self.run.users()

    @property
    def idle(self) -> bool:
        """Whether nothing is at work, nor being begun, nor at its end."""
        return self.run is None and not self._begins and self.seen is None

    def interrupt(self) -> None:
        """Let the run at work be over before its time, or the one that is being begun never begin."""
        if self.run is not None:
            self.run.interrupt()
        elif self._begins and self._ready is not None:
            self._interrupted = True
            self._laboratory.close()

    def end(self) -> None:
        """End the run at work, if there is one, and have it judged; one that is not over is interrupted."""
        run, self.run, self._over = self.run, None, False
        try:
            if run is not None:
                self._end(run)
            elif self._begins:  # Locust has killed whoever began it
                self._interrupted = True
                self._give_up(LaboratoryError("stopped"))
        except YidiError as error:
            self._give_up(error)
        except KeyboardInterrupt:
            self._interrupted = True
            self._give_up(LaboratoryError("interrupted twice"))
        finally:
            self._begins = False
            os.sched_setaffinity(0, self._affinity)

    def _end(self, run: Running) -> None:
        self.concluded = self._laboratory.conclude(run.end())
        self._ready = None
        self._environment.process_exit_code = self.concluded.code
        sys.stderr.write("\n".join(("", *self.concluded.lines, "")))

    def close(self) -> None:
        """Let go of what was made ready."""
        if self._ready is not None:
            self._laboratory.close()
            self._ready = None

    def _tell(self, event: str, **facts: object) -> None:
        self._laboratory.say(event, **facts)
        line = facts.get("line")
        if line:
            sys.stderr.write(f"{line}\n")

    @property
    def _laboratory(self) -> Laboratory:
        assert self._ready is not None  # whoever runs was made ready
        return self._ready[1]

    def _begun(self) -> bool:
        """Begin a run; return whether that could be done."""
        self._begins, self.concluded, self.seen = True, None, None
        try:
            accepted, laboratory = self.make_ready(), self._laboratory
            options = Options(self._room, self._tell, shows_statistics=False, predicted=accepted.predicted)
            run = self._begin(laboratory, accepted, options, self._environment)
        except YidiError as error:
            self._give_up(error)
            self._over = True
            return False
        self.run = self.seen = run
        self._begins = False
        return True

    def _give_up(self, error: YidiError) -> None:
        code = INTERRUPTED if self._interrupted else error.exit_code
        text = "interrupted before there was anything to judge" if self._interrupted else str(error)
        _log.error(text)
        self.concluded = Concluded(code, "none", (text,))
        self._environment.process_exit_code = code
        self._begins = self._interrupted = False
        self.close()
