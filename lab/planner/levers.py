"""What of a planned stop may be changed: a table of levers, each with the values that a search may give it.

A lever says what it changes and in which order its values lie; whatever the plan states is always one of them. What is
no lever stays as the scenario has it: the work behind the closed door takes as long as it takes. A new key is one line
in ``LEVERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic import ValidationError

from lab.planner.draft import Draft
from scenarios.schema import Cutover, Scenario
from scenarios.schema.cutover import Ramp, Window
from scenarios.schema.durations import drawn_us
from scenarios.units import UnitError, format_duration, parse_duration, parse_share

__all__ = ["AS_STATED", "LEVERS", "Lever", "told"]

AS_STATED = "as stated"
US_PER_HOUR = 3_600_000_000
_STEP_HOURS, _MOST_HOURS = 3, 72
_RAMPS: tuple[Any, ...] = (
    {"kind": "big_bang"},
    "1h",
    {"kind": "steps", "steps": [{"share": 0.1, "hold": "30min"}, {"share": 0.5, "hold": "30min"}]},
    "2h",
    {
        "kind": "steps",
        "steps": [{"share": 0.1, "hold": "1h"}, {"share": 0.3, "hold": "1h"}, {"share": 0.6, "hold": "1h"}],
    },
    "4h",
    "8h",
    "12h",
    "1d",
)
_WORK_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0)
_SENT_LATER = (0.0, 0.25, 0.5, 0.75, 1.0)
_SETTLED_AHEAD = (0.0, 0.5, 1.0)
_TURN_BACK_SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Lever:
    """Something of a plan that may be changed, alike for all plans of a scenario."""

    name: str
    doc: str
    values: Callable[[Scenario], Sequence[Any]]
    """The values that a search tries by default; none where the scenario has nothing of the kind."""
    order: Callable[[Any], float]
    """Where a value lies among the others; raises ValueError for what is none."""
    stated: Callable[[Scenario], Any]
    """What the plans state; ``AS_STATED`` where they differ."""
    write: Callable[[Draft, Any], None]


def _duration_order(value: Any) -> float:
    return float(parse_duration(value))


def _hours_order(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise UnitError(value, "hours, such as -24 or 6")
    return float(value)


def _ramp_order(value: Any) -> float:
    if not isinstance(value, dict):
        return _duration_order(value)
    try:
        return float(Ramp.model_validate(value).lasts_us)
    except ValidationError as error:
        raise ValueError("; ".join(one["msg"].removeprefix("Value error, ") for one in error.errors())) from error


def _of_plans(read: Callable[[Cutover], Any]) -> Callable[[Scenario], Any]:
    """Return a reader of what all plans state."""

    def stated(scenario: Scenario) -> Any:
        said = [read(plan) for plan in scenario.cutover]
        return said[0] if all(one == said[0] for one in said) else AS_STATED

    return stated


def _to_plans(key: str) -> Callable[[Draft, Any], None]:
    def write(draft: Draft, value: Any) -> None:
        for plan in draft.plans:
            plan[key] = value

    return write


def _to_key(key: str) -> Callable[[Draft, Any], None]:
    def write(draft: Draft, value: Any) -> None:
        draft.keys[key] = value

    return write


def _always(*values: Any) -> Callable[[Scenario], Sequence[Any]]:
    return lambda _: values


def _shift(draft: Draft, hours: Any) -> None:
    """Move all plans together: they are one move of one system."""
    for plan in draft.plans:
        plan["at"] = format_duration(parse_duration(plan["at"]) + round(hours * US_PER_HOUR))


def _announce(draft: Draft, lead: Any) -> None:
    for plan in draft.plans:
        plan["announce"] = {**(plan.get("announce") or {}), "lead": lead} if parse_duration(lead) else None


def _starts(scenario: Scenario) -> Sequence[Any]:
    """Return the shifts that leave every plan between warm-up and end."""
    horizon = scenario.horizon
    early_us = min(plan.stop_at for plan in scenario.cutover) - horizon.warm_up
    late_us = horizon.length - max(plan.reopens_between[1] + plan.ramp_us for plan in scenario.cutover)
    shifts = range(-_MOST_HOURS, _MOST_HOURS + 1, _STEP_HOURS)
    return [hours for hours in shifts if -early_us <= hours * US_PER_HOUR <= late_us]


def _planned_lengths(scenario: Scenario) -> Sequence[Any]:
    """Return lengths to announce: quantiles of the work behind the door, each part at the same quantile, full hours."""
    if not all(isinstance(plan.window, Window) for plan in scenario.cutover):
        return ()
    works = cast("list[Window]", [plan.window for plan in scenario.cutover])
    lasts = [max(sum(drawn_us(work, u) for _, work in window.works) for window in works) for u in _WORK_QUANTILES]
    hours = sorted({max(1, -(-last_us // US_PER_HOUR)) for last_us in lasts})
    return tuple(f"{hour}h" for hour in hours)


def _write_planned(draft: Draft, length: Any) -> None:
    for plan in draft.plans:
        plan["window"] = {**plan["window"], "planned": length}


def _turn_backs(scenario: Scenario) -> Sequence[Any]:
    if not all(plan.roll_back is not None for plan in scenario.cutover):
        return ()
    longest_us = max(plan.work_us[1] for plan in scenario.cutover)
    hours = sorted({max(1, int(longest_us * share) // US_PER_HOUR) for share in _TURN_BACK_SHARES})
    return tuple(f"{hour}h" for hour in hours)


def _write_turn_back(draft: Draft, after: Any) -> None:
    for plan in draft.plans:
        plan["roll_back"] = {**plan["roll_back"], "after": after}


def _ramp_stated(plan: Cutover) -> Any:
    return (
        format_duration(plan.ramp)
        if isinstance(plan.ramp, int)
        else plan.ramp.model_dump(mode="json", exclude_unset=True)
    )


def _policies(plan: dict[str, Any]) -> dict[str, Any]:
    """Return the policies of a plan in a draft, to be changed."""
    plan["policies"] = dict(plan.get("policies") or {})
    return plan["policies"]


def _write_settle_later(draft: Draft, share: Any) -> None:
    """Write one mix for all: this share is settled later, and the rest is parked or claims by paper as before."""
    later = parse_share(share)
    for plan in draft.plans:
        park = (1 - later) * parse_share(plan.get("park_share", draft.start.stated.clients.park.share))
        _policies(plan)["mixes"] = [{"settle_later": later, "park": park, "paper": 1 - later - park}]


def _write_mid_stay(draft: Draft, share: Any) -> None:
    settled = parse_share(share)
    for plan in draft.plans:
        policies = _policies(plan)
        forced: dict[str, Any] = {**(policies.get("forced_mid_stay") or {}), "share": settled}
        policies["forced_mid_stay"] = forced if settled else None


LEVERS: tuple[Lever, ...] = (
    Lever(
        "start", "hours that all plans begin later (or earlier) than stated", _starts, _hours_order, lambda _: 0, _shift
    ),
    Lever(
        "stop_before",
        "how long before the closing nothing new is begun: the bound of the draining",
        _always("15min", "30min", "1h", "2h", "4h", "6h"),
        _duration_order,
        _of_plans(lambda plan: format_duration(plan.stop_before)),
        _to_plans("stop_before"),
    ),
    Lever(
        "early_cutoff",
        "how long before that desks begin with nobody new",
        _always("0s", "30min", "1h", "2h", "4h"),
        _duration_order,
        _of_plans(lambda plan: format_duration(plan.early_cutoff)),
        _to_plans("early_cutoff"),
    ),
    Lever(
        "announce",
        "how long before that patients are told; 0s: they are not",
        _always("0s", "6h", "12h", "1d", "2d"),
        _duration_order,
        _of_plans(lambda plan: format_duration(plan.announce.lead if plan.announce else 0)),
        _announce,
    ),
    Lever(
        "planned",
        "how long everybody is told that it stays closed; it never opens before",
        _planned_lengths,
        _duration_order,
        _of_plans(lambda plan: format_duration(plan.planned_reopen_at - plan.at)),
        _write_planned,
    ),
    Lever(
        "turn_back",
        "the last point of return, from the closing on",
        _turn_backs,
        _duration_order,
        _of_plans(lambda plan: format_duration(plan.roll_back.after) if plan.roll_back else None),
        _write_turn_back,
    ),
    Lever(
        "ramp", "how the door opens again", _always(*_RAMPS), _ramp_order, _of_plans(_ramp_stated), _to_plans("ramp")
    ),
    Lever(
        "park_share",
        "share of the turned-away who settle later instead of paying in full",
        _always(*(round(share / 10, 1) for share in range(11))),
        parse_share,
        lambda scenario: _of_plans(
            lambda plan: scenario.clients.park.share if plan.park_share is None else plan.park_share
        )(scenario),
        _to_plans("park_share"),
    ),
    Lever(
        "spread",
        "over how long the parked are asked to come back",
        _always("30min", "1h", "2h", "4h", "8h", "1d", "2d"),
        _duration_order,
        lambda scenario: format_duration(scenario.clients.park.spread),
        _to_key("clients.park.spread"),
    ),
    Lever(
        "settle_later",
        "share of the turned-away whose hospital keeps the papers and sends them itself; the others as park_share says",
        lambda scenario: () if any(plan.policies.mixes for plan in scenario.cutover) else _SENT_LATER,
        parse_share,
        lambda _: 0.0,
        _write_settle_later,
    ),
    Lever(
        "mid_stay",
        "share of the open stays that are settled as far as they have come, before the stop",
        lambda scenario: _SETTLED_AHEAD if scenario.visits.mix.inpatient else (),
        parse_share,
        _of_plans(lambda plan: plan.policies.forced_mid_stay.share if plan.policies.forced_mid_stay else 0.0),
        _write_mid_stay,
    ),
)


def told(value: Any) -> str:
    """Return a value as a reader is told it.

    >>> told({"kind": "big_bang"}), told(0.5), told("2h")
    ('big bang', '50 %', '2h')
    """
    if isinstance(value, dict):
        ramp = cast("dict[str, Any]", value)
        if ramp.get("kind") == "steps":
            steps = cast("list[dict[str, Any]]", ramp["steps"])
            return "steps: " + ", ".join(f"{step['share']:.0%} for {step['hold']}".replace("%", " %") for step in steps)
        if "kind" in ramp:
            return f"evenly over {ramp['over']}" if "over" in ramp else str(ramp["kind"]).replace("_", " ")
    if isinstance(value, float):
        return f"{value:.0%}".replace("%", " %")
    return str(cast("object", value))
