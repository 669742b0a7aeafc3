"""What one search may turn: the levers that are asked for, each with the values that it may give it, in their order.

Whatever the plan states is one of the choices. Must never know what a lever does: that is ``lab.planner.levers``.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import yaml

from lab.planner.draft import Draft
from lab.planner.levers import AS_STATED, LEVERS, US_PER_HOUR, Lever
from reference_impl.domain.failures import InputError
from reference_impl.domain.unreadable import NO_YAML_VALUE
from scenarios.schema import Scenario

__all__ = ["FREE", "Choice", "Knob", "applied", "knobs_of"]

FREE = "plan."
"""Begins a lever that is any key of a plan, such as ``plan.park_share``; its values have to be given."""
NIGHT_FROM_HOUR, NIGHT_UNTIL_HOUR = 18, 6
VALUES_MAX = 500


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a lever as a search sees it; ``stated`` leaves the plans as they are."""

    value: Any
    stated: bool = False


@dataclass(frozen=True, slots=True)
class Knob:
    """A lever with the values that this search may give it, in their order."""

    lever: Lever
    choices: tuple[Choice, ...]

    @property
    def stated(self) -> int:
        """Where among the choices the plans are as they are."""
        return next(number for number, choice in enumerate(self.choices) if choice.stated)


def knobs_of(scenario: Scenario, asked: Sequence[str] = (), *, nights: bool = False) -> tuple[Knob, ...]:
    """Return what a search may turn: the levers that are asked for (``NAME``, or ``NAME=[values]``), or all that apply.

    ``plan.KEY=[values]`` is a lever for any key of a plan. With ``nights`` no plan closes by day, but where it is
    stated so.

    Raises:
        InputError: when there is no such lever, or it cannot have such a value.

    """
    wanted = _asked(asked)
    found = [_free(name.removeprefix(FREE), values or []) for name, values in wanted.items() if name.startswith(FREE)]
    for lever in LEVERS:
        if wanted and lever.name not in wanted:
            continue
        given = wanted.get(lever.name)
        values = lever.values(scenario) if given is None else given
        if not lever.values(scenario):
            if lever.name in wanted:
                raise InputError(
                    f"lever {lever.name}: got a scenario that has nothing of the kind; expected another "
                    f"lever, or a plan with it ({lever.doc})"
                )
            continue
        if lever.name == "start" and nights:
            values = [hours for hours in values if _by_night(scenario, hours)]
        found.append(Knob(lever, _choices(lever, scenario, values)))
    return tuple(found)


def _free(key: str, values: Sequence[Any]) -> Knob:
    """Return a knob for any key of a plan, at the values given, in the order given; first is whatever is stated."""
    steps = key.split(".")

    def write(draft: Draft, value: Any) -> None:
        for plan in draft.plans:
            inner = plan
            for step in steps[:-1]:
                inner = inner.setdefault(step, {})
            inner[steps[-1]] = value

    lever = Lever(f"{FREE}{key}", "this key of every plan", lambda _: values, lambda _: 0.0, lambda _: AS_STATED, write)
    return Knob(lever, (Choice(AS_STATED, stated=True), *(Choice(value) for value in values)))


def _asked(texts: Sequence[str]) -> dict[str, list[Any] | None]:
    names = [lever.name for lever in LEVERS]
    wanted: dict[str, list[Any] | None] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if name.startswith(FREE) and equals:
            wanted[name] = _listed(name, values)
            continue
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(
                f"unknown lever: got {name!r}; expected one of {', '.join(names)}, or {FREE}KEY=[values]{hint}"
            )
        wanted[name] = _listed(name, values) if equals else None
    return wanted


def _listed(name: str, text: str) -> list[Any]:
    expected = f"a list of values, such as --lever '{name}=[1h, 2h]'"
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, *NO_YAML_VALUE):
        values = None
    if not isinstance(values, list) or not 0 < len(cast("list[Any]", values)) <= VALUES_MAX:
        raise InputError(f"lever {name}: got {text!r}; expected {expected}")
    return cast("list[Any]", values)


def _choices(lever: Lever, scenario: Scenario, values: Sequence[Any]) -> tuple[Choice, ...]:
    """Return the values in their order, and what is stated at its place among them, or first where plans differ."""
    stated = lever.stated(scenario)
    try:
        ordered = sorted(values, key=lever.order)
        orders = [lever.order(value) for value in ordered]
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"lever {lever.name}: {error}; expected values of it ({lever.doc})") from error
    if stated == AS_STATED:
        return Choice(AS_STATED, stated=True), *(Choice(value) for value in ordered)
    at = lever.order(stated)
    below = [Choice(value) for value, order in zip(ordered, orders, strict=True) if order < at]
    above = [
        Choice(value)
        for value, order in zip(ordered, orders, strict=True)
        if order > at or (order == at and isinstance(value, dict) and value != stated)
    ]
    return *below, Choice(stated, stated=True), *above


def _by_night(scenario: Scenario, hours: float) -> bool:
    for plan in scenario.cutover:
        closes = scenario.horizon.start + timedelta(microseconds=plan.at + round(hours * US_PER_HOUR))
        if NIGHT_UNTIL_HOUR <= closes.hour < NIGHT_FROM_HOUR:
            return False
    return True


def applied(knobs: Sequence[Knob], point: Mapping[str, int], draft: Draft) -> Draft:
    """Return the draft with each knob at its place in ``point``; one that is not in it stays as stated."""
    for knob in knobs:
        choice = knob.choices[point.get(knob.lever.name, knob.stated)]
        if not choice.stated:
            knob.lever.write(draft, choice.value)
    return draft
