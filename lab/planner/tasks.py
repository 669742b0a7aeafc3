"""The tasks of a planned stop: when each begins, how long it lasts, whose it is, what it waits for and ends by.

Times and gates come from the plan and from what was simulated. Owners, and what is done that the plan does not model
(the freeze of changes, rehearsals, reconciliation), are the practice of such moves: ASSUMED, to be replaced by names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from lab.planner.judgement import Judged
from lab.planner.levers import told
from lab.report.format import digits, show_duration
from scenarios.schema import Scenario
from scenarios.schema.cutover import Cutover, Ramp, Window
from scenarios.schema.durations import drawn_us, longest_us, shortest_us

__all__ = ["Task", "hour_of", "step_gates", "tasks_of", "turn_back"]

US_PER_HOUR = 3_600_000_000
US_PER_DAY = 24 * US_PER_HOUR
_WORKS = {
    "freeze_data": "Freeze, copy and count the data",
    "migrate": "Move the data",
    "verify": "Verify the new books",
}
_BEFORE_DAYS = {"freeze": 30, "rehearse": 7}
_MEDIAN = 0.5
GO = "3"
"""The task that everything at the desks and the door waits for."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task; ``lasts`` and ``begins`` as a reader is told them."""

    number: str
    what: str
    owner: str
    begins: str
    lasts: str
    after: str
    gate: str


def hour_of(scenario: Scenario, at_us: int) -> str:
    """Return a moment of the stated scenario as people write it."""
    begins: datetime = scenario.horizon.start
    return f"{begins + timedelta(microseconds=at_us):%Y-%m-%d %H:%M}"


def tasks_of(scenario: Scenario, judged: Judged) -> list[Task]:
    """Return the tasks of every plan of a scenario as stated, in their order."""
    found = list(_beforehand(scenario))
    for place, plan in enumerate(scenario.cutover):
        found += _of_plan(scenario, plan, chr(ord("A") + place), judged)
    return found


def _beforehand(scenario: Scenario) -> Iterator[Task]:
    first = min(scenario.cutover, key=lambda plan: plan.early_at)
    lasts_us = max(plan.planned_reopen_at + plan.ramp_us - plan.early_at for plan in scenario.cutover)
    frozen_us, rehearsed_us = (first.early_at - days * US_PER_DAY for days in _BEFORE_DAYS.values())
    yield Task(
        "1", "Freeze changes; name the last point of return and who decides", "head of the move",
        hour_of(scenario, frozen_us), f"{_BEFORE_DAYS['freeze']} d", "", "goals stand as numbers",
    )  # fmt: skip
    yield Task(
        "2", "Dress rehearsal at the real hours, on copied data", "platform operator",
        hour_of(scenario, rehearsed_us), show_duration(lasts_us), "1",
        "lost 0, doubled 0; the work within its time; refused rows listed with owners",
    )  # fmt: skip
    yield Task(
        GO, "Go or no-go", "head of the move", hour_of(scenario, first.early_at - US_PER_HOUR), "1 h", "2",
        "rehearsal passed; who leaves later is told; the way back was rehearsed",
    )  # fmt: skip


def _of_plan(scenario: Scenario, plan: Cutover, letter: str, judged: Judged) -> Iterator[Task]:
    several = f" ({plan.name})" if len(scenario.cutover) > 1 else ""
    rows = [*_before(plan, judged), *_behind_the_door(plan), *_after(plan, judged)]
    after = GO
    if plan.announce is not None:
        told = show_duration(plan.announce.lead)
        begins = hour_of(scenario, plan.announce_at)
        yield Task(
            f"{letter}0", "Tell patients by phone and at hospitals" + several, "local bureau", begins, told, "1", ""
        )
    for place, (at_us, what, owner, lasts, gate) in enumerate(rows, start=1):
        yield Task(f"{letter}{place}", what + several, owner, hour_of(scenario, at_us), lasts, after, gate)
        after = f"{letter}{place}"


Row = tuple[int, str, str, str, str]


def _before(plan: Cutover, judged: Judged) -> Iterator[Row]:
    if plan.early_cutoff:
        yield (
            plan.early_at, "Desks begin with nobody new", "hospitals", show_duration(plan.early_cutoff),
            "desks confirm it; emergencies by hand",
        )  # fmt: skip
    yield (
        plan.stop_at, "Stop accepting, drain what is on its way", "platform operator",
        show_duration(plan.stop_before),
        (f"in flight about {_about(judged, 'inflight')}; at its end about {_about(judged, 'leftover')}, each on a list "
        "with an owner"),
    )  # fmt: skip
    yield (
        plan.close_at,
        "Close the door and the day by barrier; snapshot and hash",
        "platform operator",
        "at once",
        ("balances, open items and keys counted three ways"),
    )


def _behind_the_door(plan: Cutover) -> Iterator[Row]:
    at_us, gate = plan.close_at, "lost 0, doubled 0; counts, sums and hashes equal, or the rows listed"
    if not isinstance(plan.window, Window):
        yield (
            at_us,
            "The work behind the door, verification included",
            "platform operator",
            (show_duration(plan.window)),
            gate,
        )
    else:
        for phase, lasts in plan.window.works:
            if not longest_us(lasts):
                continue
            low, middle, high = shortest_us(lasts), drawn_us(lasts, _MEDIAN), longest_us(lasts)
            shown = show_duration(middle) + (f" ({show_duration(low)} to {show_duration(high)})" if low < high else "")
            yield at_us, _WORKS[phase.value], "platform operator", shown, gate if phase.value == "verify" else ""
            at_us += middle
    yield (_decided_at(plan), "Go on or turn back", "head of the move", "at once", _opening_gates(plan))


def _opening_gates(plan: Cutover) -> str:
    """Return what must have been found before the door opens, and what comes otherwise."""
    gates = plan.window.gates if isinstance(plan.window, Window) else None
    if gates is None:
        return "verified: go on; else by the hour and the rule below"
    bounds = (("rows of persons", gates.persons), ("rows of open visits", gates.visits))
    asked = [f"refused {name} at most {_percent(bound)}" for name, bound in bounds if bound is not None]
    asked += [f"differences at most {_percent(gates.differences)}"] if gates.differences is not None else []
    passes = f"else {gates.more_passes} more passes at most, then " if gates.more_passes else "else "
    return "; ".join(asked) + f": go on; {passes}{'turn back' if gates.otherwise == 'roll_back' else 'open anyway'}"


def step_gates(plan: Cutover) -> str:
    """Return what is asked before each step of a ramp, and what comes otherwise; empty where nothing is."""
    gates = plan.step_gates
    if gates is None:
        return ""
    asked = [f"95 % of the answers within {show_duration(gates.p95)}"] if gates.p95 is not None else []
    asked += [f"at most {_percent(gates.busy)} of the messages not served"] if gates.busy is not None else []
    asked += [f"nobody at a desk for over {show_duration(gates.oldest)}"] if gates.oldest is not None else []
    otherwise = {
        "go_on": "go on all the same",
        "hold_on": "hold on until they are met",
        "fall_back": "fall back a step",
        "close_again": f"close again for {show_duration(gates.closed_for or 0)}, once",
    }[gates.then]
    return (
        f"each step goes on when over the last {show_duration(gates.over)}: {'; '.join(asked)}; else held "
        f"{gates.holds} times {show_duration(gates.hold)} at most, then {otherwise}"
    )


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"


def _decided_at(plan: Cutover) -> int:
    """Return when it is decided first: by the last point of return, at the latest at the opening that is announced."""
    hour_us = turn_back(plan)
    announced_us = plan.planned_reopen_at
    return max(_last_work_at(plan), announced_us if hour_us is None else min(hour_us, announced_us))


def _last_work_at(plan: Cutover) -> int:
    """Return when the last work behind the door begins, if all before it takes its median."""
    works = [drawn_us(lasts, _MEDIAN) for _, lasts in plan.window.works] if isinstance(plan.window, Window) else []
    return plan.close_at + sum(works[:-1])


def turn_back(plan: Cutover) -> int | None:
    """Return the moment of the plan's last point of return, or None where it names none."""
    return None if plan.roll_back is None else plan.close_at + plan.roll_back.after


def _after(plan: Cutover, judged: Judged) -> Iterator[Row]:
    opens_us = max(plan.planned_reopen_at, _decided_at(plan))
    ramp = plan.ramp
    how = told(ramp.model_dump(mode="json", exclude_unset=True)) if isinstance(ramp, Ramp) else "evenly"
    yield (
        opens_us, f"Reopen: queries and reversals first, then {how}", "platform operator", show_duration(plan.ramp_us),
        f"arrivals up to {_highest(judged, 'arrival_peak')} times those of a normal quarter of an hour; "
        + (step_gates(plan) or "the plan asks for no number before a step: set ramp.gates"),
    )  # fmt: skip
    drained_us = judged.highest["drain_t95_us"]
    lasts = "never within the run" if drained_us is None else show_duration(drained_us)
    yield (
        opens_us, "Work off the backlog", "hospitals", lasts,
        f"about {_about(judged, 'backlog')} wait at the reopening; 95 % are gone by then, on every fresh seed",
    )  # fmt: skip
    yield (
        opens_us + US_PER_HOUR,
        "Reconcile, and again after a day",
        "settlement office",
        "1 d",
        ("differences 0, or listed with owners; only then are old keys let go"),
    )


def _about(judged: Judged, name: str) -> str:
    value = judged.figures[name].value
    return "?" if value is None else f"{digits(round(value))} (highest {_highest(judged, name)})"


def _highest(judged: Judged, name: str) -> str:
    value = judged.highest[name]
    return "?" if value is None else digits(round(value, 1) if name == "arrival_peak" else round(value))
