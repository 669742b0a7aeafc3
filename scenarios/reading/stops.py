"""What no single key of a planned stop can say of itself: against the horizon, the faults and the other plans.

Where a moment is drawn, what counts is every moment at which it can come. Must never change a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from reference_impl.domain.nodes import HUB
from reference_impl.domain.scopes import Business, doorkeeper, sides_of
from scenarios.reading.administration import administration_problems
from scenarios.reading.errors import Problem
from scenarios.reading.go_no_go import gate_problems
from scenarios.reading.policies import beside_problems, policy_problems
from scenarios.reading.ramps import monitor_problems, ramp_problems
from scenarios.reading.reopenings import reopening_problems
from scenarios.reading.shape import nearest
from scenarios.schema import Scenario
from scenarios.schema.cutover import Cutover, Window
from scenarios.schema.faults import Freeze, Kill
from scenarios.units import format_duration

__all__ = ["stop_problems"]

Path = tuple[str | int, ...]


def stop_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield everything wrong with the planned stops of a scenario as stated."""
    for number, plan in enumerate(scenario.cutover):
        path: Path = ("cutover", number)
        yield from _scope(scenario, plan, path)
        yield from _order(scenario, plan, path)
        yield from _roll_back(plan, path)
        yield from _under_a_fault(scenario, plan, path)
        yield from administration_problems(scenario, plan, path)
        yield from policy_problems(scenario, plan, path)
        yield from gate_problems(plan, path)
        yield from ramp_problems(scenario, plan, path)
        yield from monitor_problems(scenario, plan, path)
        for earlier, other in enumerate(scenario.cutover[:number]):
            yield from _beside(scenario, plan, other, earlier, path)
            yield from beside_problems(scenario, plan, other, path)
    yield from reopening_problems(scenario)


def _scope(scenario: Scenario, plan: Cutover, path: Path) -> Iterator[Problem]:
    scopes = (HUB, *scenario.topology.regions, *scenario.topology.cities)
    if plan.scope not in scopes:
        expected = "'hub', a province of topology.regions, or a city of topology.cities"
        yield Problem((*path, "scope"), "unknown scope", repr(plan.scope), expected, nearest(plan.scope, scopes))
    if plan.scope == HUB and plan.business is Business.LOCAL:
        what = "business within a province never passes the hub"
        yield Problem((*path, "business"), what, "'local'", "'all' or 'cross', or a province or city as scope")


def _order(scenario: Scenario, plan: Cutover, path: Path) -> Iterator[Problem]:
    """Refuse phases out of their order: what comes first must lie in the horizon, and it must open again in it."""
    before = [("stop_before", plan.stop_at, plan.stop_before), ("early_cutoff", plan.early_at, plan.early_cutoff)]
    if plan.announce is not None:
        before.append(("announce", plan.announce_at, plan.announce.lead))
    first = next((item for item in before if item[1] < 0), None)
    if first is not None:
        name, at_us, lasts_us = first
        what = {
            "stop_before": "stops before the horizon begins",
            "early_cutoff": "desks stop before the horizon begins",
            "announce": "is announced before the horizon begins",
        }[name]
        key = (*path, name, "lead") if name == "announce" else (*path, name)
        bound = f"at most cutover.at ({format_duration(plan.at)})"
        if name != "stop_before":
            bound = f"at most {format_duration(max(0, at_us + lasts_us))}, what is left of cutover.at"
        yield Problem(key, what, format_duration(lasts_us), bound)
    length_us = scenario.horizon.length
    last_us = plan.reopens_between[1]
    if last_us > length_us:
        expected = f"cutover.at + cutover.window within horizon.length ({format_duration(length_us)})"
        if last_us > plan.planned_reopen_at:
            expected += ", the longest work that can be drawn too"
        yield Problem((*path, "window"), "reopens after the horizon", format_duration(last_us), expected)


def _roll_back(plan: Cutover, path: Path) -> Iterator[Problem]:
    back = plan.roll_back
    if back is None:
        return
    key = (*path, "roll_back", "after")
    if not isinstance(plan.window, Window):
        expected = "a window of freeze, migrate and verify, or no roll_back"
        yield Problem((*path, "roll_back"), "nothing can be late: the window is one duration", "", expected)
    elif plan.work_us[1] <= back.after and not plan.may_turn_back_at_gate:
        bound = f"less than {format_duration(plan.work_us[1])}, the longest the work can take"
        yield Problem(key, "is never decided: the work is always done by then", format_duration(back.after), bound)


def _under_a_fault(scenario: Scenario, plan: Cutover, path: Path) -> Iterator[Problem]:
    """Refuse a door that is to move while the process that keeps it stands still or is dead."""
    topology, keeper = scenario.topology, doorkeeper(plan.scope)
    if keeper not in topology.nodes():
        return
    first, last = plan.reopens_between
    moments = [(plan.stop_at, plan.stop_at), (plan.close_at, plan.close_at), (first, last)]
    held = plan.step_gates is not None  # then each step is a command, and when it comes the run shows
    moments.append((first if held else first + plan.ramp_us, _wide_open_at(scenario, plan)))
    if last > plan.planned_reopen_at:
        moments.append((plan.planned_reopen_at, plan.planned_reopen_at))
    for number, fault in enumerate(scenario.faults):
        if not isinstance(fault, Freeze | Kill) or fault.node not in topology.nodes():
            continue
        if topology.host_of(fault.node) != topology.host_of(keeper):
            continue
        met = next((at for at in moments if at[0] < fault.until and fault.at <= at[1]), None)
        if met is not None:
            what = f"a door of {keeper} is to move while faults.{number} ({fault.kind}) has stopped it"
            expected = "a stop whose phases begin while its node is up"
            yield Problem((*path, "at"), what, f"a phase at {format_duration(met[0])}", expected)


def _beside(scenario: Scenario, plan: Cutover, other: Cutover, number: int, path: Path) -> Iterator[Problem]:
    if plan.name == other.name:
        what = f"plan called as cutover.{number}"
        yield Problem((*path, "name"), what, repr(plan.name), "a name for each plan: 'name'")
    same_door = plan.scope == other.scope and {*sides_of(plan.scope, plan.side)} & {*sides_of(other.scope, other.side)}
    of_treatment = Business.FILING not in (plan.business, other.business)
    one_is_all = of_treatment and Business.ALL in (plan.business, other.business)
    same_business = one_is_all or plan.business is other.business
    if same_door and same_business and _at_once(scenario, plan, other):
        what = f"stops the same door at the same time as cutover.{number} ({other.name})"
        got = f"{plan.scope}, {plan.side}, {plan.business}"
        yield Problem((*path, "scope"), what, got, "plans one after the other, or of other business or another side")


def _at_once(scenario: Scenario, plan: Cutover, other: Cutover) -> bool:
    spans = sorted((one.stop_at, _wide_open_at(scenario, one)) for one in (plan, other))
    return any(later[0] < earlier[1] for earlier, later in pairwise(spans))


def _wide_open_at(scenario: Scenario, plan: Cutover) -> int:
    """Return when the last of a plan's doors is wide open at the latest; gates may hold it to the horizon's end."""
    last_us = plan.reopens_between[1] + plan.ramp_us
    return last_us if plan.step_gates is None else max(last_us, scenario.horizon.length)
