"""What ``sessions`` cannot know alone: which ways to a province carry none.

Must never change a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.reading.errors import Problem
from scenarios.schema import Scenario

__all__ = ["session_problems"]


def session_problems(scenario: Scenario) -> Iterator[Problem]:
    """Refuse sessions where messages come a way that carries no session: past a city's relay, in the older dialect."""
    if scenario.sessions is None:
        return
    relays = scenario.topology.relays()
    if relays:
        what = "a city's relay passes no session on, and its province asks for one"
        yield Problem(("sessions",), what, f"relays {', '.join(relays)}", "cities that are doors, or no sessions")
    for number, plan in enumerate(scenario.cutover):
        if plan.dialect is not None:
            what = "the older dialect has no session (sign_no) in its messages"
            yield Problem(("cutover", number, "dialect"), what, "beside sessions", "one of the two")
