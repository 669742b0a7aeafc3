"""A scenario in Locust's own hands: ``locust -f loadtest/locustfile.py --yidi-scenario national-day --variant quick``.

Locust's options, page, tables and files are its own. Ours are the hospitals and pharmacies, the shape by which they
are at work until the run is drained, what they run against, and the verdict, which is the exit code: 0 every gate
held, 1 one did not, 2 wrong input, 3 failed or invalid, 130 interrupted. ``yidi run --world load`` runs the same.
"""

from __future__ import annotations

import sys
from typing import Any

from locust import events
from locust.env import Environment

from loadtest.asked import add_options, asked_of, refuse_options
from loadtest.exits import INTERRUPTED
from loadtest.hospitals import Hospital, Pharmacy
from loadtest.session import Session
from loadtest.shape import UntilDrained
from reference_impl.domain.failures import YidiError

__all__ = ["Hospital", "Pharmacy", "UntilDrained"]

events.init_command_line_parser.add_listener(add_options)


@events.init.add_listener
def make_ready(environment: Environment, **_: Any) -> None:
    """Have what was typed looked at, and be ready for Locust to begin."""
    environment.catch_exceptions = False  # a user that fails must be seen, not begin again
    options = environment.parsed_options
    try:
        refuse_options(environment)
        session = Session(environment, lambda: asked_of(options), options.journeys_max)
        session.make_ready()
    except YidiError as error:
        sys.stderr.write(f"yidi: {error}\n")
        sys.exit(error.exit_code)
    shape = environment.shape_class
    assert isinstance(shape, UntilDrained)  # there is no other in this file
    shape.course = session

    @environment.events.test_stop.add_listener
    def end(**_: Any) -> None:
        session.end()

    @environment.events.quitting.add_listener
    def leave(**_: Any) -> None:
        if session.run is not None:  # SIGTERM: Locust asks for the exit code before it stops its users
            environment.runner.stop()
        elif (
            session.concluded is None and environment.process_exit_code is None and environment.runner.state != "ready"
        ):
            environment.process_exit_code = INTERRUPTED
        session.close()
