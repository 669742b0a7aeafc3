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
from locust.runners import WorkerRunner
from locust.web import WebUI

from loadtest.asked import add_options
from loadtest.attached import session_in, worker_in
from loadtest.hospitals import Hospital, Pharmacy
from loadtest.page import extend_page
from loadtest.shape import UntilDrained
from reference_impl.domain.failures import YidiError

__all__ = ["Hospital", "Pharmacy", "UntilDrained"]


def make_ready(environment: Environment, web_ui: WebUI | None = None, **_: Any) -> None:
    """Have what was typed looked at, and be ready for Locust to begin."""
    try:
        if isinstance(environment.runner, WorkerRunner):
            worker_in(environment, environment.runner)
            return
        session = session_in(environment)
    except YidiError as error:
        sys.stderr.write(f"yidi: {error}\n")
        sys.exit(error.exit_code)
    if web_ui is not None:
        extend_page(web_ui, session)


events.init_command_line_parser.add_listener(add_options)  # pyright: ignore[reportUnknownMemberType] - Locust does not type its listeners
events.init.add_listener(make_ready)  # pyright: ignore[reportUnknownMemberType] - as above
