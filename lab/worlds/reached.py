"""From an aim to a target that has answered: every check before a run, in the order in which they cost.

This module must never let a message of the run leave before all of them have passed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lab.analysis.gates import NEED_BOOKS
from lab.runs.file import TargetSaid
from lab.worlds.handshake import refuse_keyless, refused, shake_hands
from lab.worlds.makes import expected_rate
from lab.worlds.target import Aim, entered, facts_of, refuse_unfit
from scenarios.patients.visits import plan_visits
from scenarios.schema.gates import parse_gates

if TYPE_CHECKING:
    from loadtest.inputs import SystemFile
    from scenarios.schema import Scenario

__all__ = ["reached", "said_of"]


class Noting(Protocol):
    """Who is told what whoever asks should know before the run."""

    def note(self, text: str) -> None:
        """Hear something worth a line."""
        ...


def reached(scenario: Scenario, aim: Aim, watcher: Noting) -> SystemFile:
    """Return where a target has answered.

    Raises:
        InputError: when it may not be loaded, is not there or is something else, within seconds.

    """
    plan = plan_visits(scenario)
    refuse_unfit(scenario, aim, plan)
    system = facts_of(aim, entered(scenario, plan))
    refuse_keyless(scenario, system, plan)
    heard = shake_hands(scenario, system, plan)
    slowest_us = max(one.took_us for one in heard)
    watcher.note(
        f"target: {len(heard)} nodes have answered, the slowest after {slowest_us / 1000:,.1f} ms; "
        f"about {expected_rate(scenario, plan):,.0f} messages a second to come at the busiest, of {aim.rate:,} allowed"
    )
    for line in refused(heard):
        watcher.note(line)
    lying = int(plan.columns.open_at_start.sum())
    if lying:
        watcher.note(f"target: {lying:,} stays that were open before the run are left out: its books do not have them")
    unseen = sorted({gate.measure for gate in parse_gates(scenario.gates)} & {*NEED_BOOKS})
    if unseen:
        watcher.note(
            f"target: the gates on {', '.join(unseen)} will be inconclusive: they take books, which are not seen"
        )
    return system


def said_of(aim: Aim) -> TargetSaid:
    """Return what a run file says of a target: nothing that is secret."""
    return TargetSaid(
        file=str(aim.file),
        addresses={node: one.url for node, one in aim.target.nodes.items()},
        owned=aim.owned,
        max_rate=aim.rate,
        max_duration_us=aim.until_us,
        abort_error_rate=aim.error_share,
        once=aim.once,
        not_seen=NEED_BOOKS,
    )
