"""A scenario whose planned stops may be changed, and what is changed of it, as settings that anybody can type.

Every draft goes through the loader, so that a plan found by a search is checked like one written by hand. This module
must never know which keys are worth changing: that is ``lab.planner.levers``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reference_impl.domain.failures import InputError
from scenarios.reading.loader import load_stated
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario

__all__ = ["Draft", "Start", "start_of"]


@dataclass(frozen=True, slots=True)
class Start:
    """The scenario that a search starts from: where it was read, and as it is stated there."""

    source: str | Path
    variant: str | None
    sets: tuple[str, ...]
    stated: Scenario

    def draft(self) -> Draft:
        """Return its plans, unchanged."""
        plans = [plan.model_dump(mode="json", exclude_unset=True) | {"name": plan.name} for plan in self.stated.cutover]
        return Draft(self, plans)


@dataclass(slots=True)
class Draft:
    """Plans as the file has them, being changed, and single settings beside them."""

    start: Start
    plans: list[dict[str, Any]]
    keys: dict[str, Any] = field(default_factory=dict[str, Any])

    def settings(self) -> tuple[str, ...]:
        """Return what is changed as ``--set`` takes it."""
        changed = [f"cutover={json.dumps(self.plans, ensure_ascii=False)}"]
        return tuple(changed + [f"{key}={json.dumps(value)}" for key, value in self.keys.items()])

    def stated(self) -> Scenario:
        """Return the changed scenario as stated.

        Raises:
            ScenarioError: when it is none.

        """
        start = self.start
        return load_stated(start.source, variant=start.variant, sets=[*start.sets, *self.settings()])

    def resolved(self) -> Scenario:
        """Return the changed scenario on the run's clock; raise as :meth:`stated`."""
        return resolve(self.stated())


def start_of(source: str | Path, *, variant: str | None = None, sets: tuple[str, ...] = ()) -> Start:
    """Return the scenario that a search starts from.

    Raises:
        ScenarioError: when it is wrong.
        InputError: when it plans no stop.

    """
    stated = load_stated(source, variant=variant, sets=sets)
    if not stated.cutover:
        raise InputError(
            f"{stated.name} plans no stop: got no 'cutover'; expected one plan or more; "
            "take a scenario that has one, such as real-stops"
        )
    return Start(source, variant, sets, stated)
