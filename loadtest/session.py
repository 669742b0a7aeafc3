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
from loadtest.laboratory import Asked, Concluded, Laboratory, LaboratoryError
from loadtest.run import LoadRun, Options
from reference_impl.domain.failures import YidiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment

    from scenarios.schema import Scenario

__all__ = ["Session"]

_log = logging.getLogger(__name__)


class Session:
    """What one Locust does of ours. It is the course that its shape follows."""

    def __init__(self, environment: Environment, asked: Callable[[], Asked], most: int | None) -> None:
        """Run in ``environment`` what ``asked`` says at that moment, with at most so many journeys under way."""
        self.scenario: Scenario | None = None
        """Of the run that is made ready, at work or just ended."""
        self.run: LoadRun | None = None
        """The one at work."""
        self.concluded: Concluded | None = None
        """What came of the last."""
        self._environment = environment
        self._asked = asked
        self._room = journeys_max(most, raise_limit())
        self._affinity = os.sched_getaffinity(0)
        self._ready: tuple[Asked, Laboratory] | None = None
        self._over = False

    def make_ready(self) -> None:
        """Have the laboratory look at what is asked, so that nothing is begun that cannot be run.

        Raises:
            YidiError: when it cannot be.

        """
        asked = self._asked()
        if self._ready is not None and self._ready[0] == asked:
            return
        self.close()
        self._ready = asked, Laboratory(asked)
        self.scenario = self._laboratory.accepted()

    def users(self) -> int | None:
        """Return how many institutions are at work, for which a run is begun if none is; None when it is over."""
        if self._over:
            return None
        if self.run is None and not self._begun():
            return None
        if self.run is None or self._laboratory.gone:
            return None
        return self.run.users()

    def end(self) -> None:
        """End the run at work, if there is one, and have it judged; one that is not over is interrupted."""
        run, self.run, self._over = self.run, None, False
        if run is None:
            self.close()
            return
        try:
            code = run.end()
            self.concluded = self._laboratory.conclude(code)
            self._ready = None
        except YidiError as error:
            self._give_up(error)
        except KeyboardInterrupt:
            self._give_up(LaboratoryError("interrupted twice; what was finished is kept", INTERRUPTED))
        else:
            self._environment.process_exit_code = self.concluded.code
            sys.stderr.write("\n".join(("", *self.concluded.lines, "")))
        finally:
            os.sched_setaffinity(0, self._affinity)

    def close(self) -> None:
        """Let go of what was made ready."""
        if self._ready is not None:
            self._laboratory.close()
            self._ready = None

    @property
    def _laboratory(self) -> Laboratory:
        assert self._ready is not None  # whoever runs was made ready
        return self._ready[1]

    def _begun(self) -> bool:
        """Begin a run; return whether that could be done."""
        try:
            self.make_ready()
            laboratory = self._laboratory
            self.concluded = None
            options = Options(self._room, laboratory.say, shows_statistics=False)
            self.run = LoadRun(read_inputs(laboratory.start()), options, self._environment)
            self.run.begin()
        except YidiError as error:
            self._give_up(error)
            self._over = True
            return False
        return True

    def _give_up(self, error: YidiError) -> None:
        _log.error(str(error))
        self.concluded = Concluded(error.exit_code, "none", (str(error),))
        self._environment.process_exit_code = error.exit_code
        self.close()
