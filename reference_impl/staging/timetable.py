"""The timetable of a run: every fault and every phase of a cutover, once, as steps that each world carries out.

``timetable`` makes it from a scenario; ``perform`` hands a step to the world's ``Actions``. The simulated world does
so in virtual time, the real one to running processes, and the load generator lists what is in flight. What is lost or
late on a link, the link decides by itself, and a lost commit the books; such a fault is only written down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import count
from math import ceil
from typing import TYPE_CHECKING, assert_never

from reference_impl.domain.nodes import NodeId
from reference_impl.domain.scopes import Side, doorkeeper, sides_of
from reference_impl.protocol.business_day import day_of
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.protocol.ids import Stamps
from reference_impl.staging.acts import (
    Act,
    CloseDay,
    FillDisk,
    FreezeNode,
    HogCores,
    HoldDatabase,
    KillNode,
    ListInflight,
    MoveDoor,
    OnlyWritten,
    RefuseAll,
    RestartNode,
    RevokeKeys,
    SetClock,
    SlowDown,
    SlowFlushes,
    ThawNode,
    WorkOnBooks,
)
from reference_impl.staging.disturbing import LINK_KINDS
from reference_impl.staging.hospital_faults import hit_by
from reference_impl.staging.link_words import link_words
from reference_impl.staging.moves import books_move
from reference_impl.staging.ramps import bucket_rule, door_steps
from reference_impl.staging.stepping import OpenBySteps
from reference_impl.staging.unmended import unmended_rows
from scenarios.patients.master_data import planned_downloads
from scenarios.record.tables import EventRow
from scenarios.schema.course import Course, PhaseTimes, courses_of
from scenarios.schema.cutover import Cutover, Phase
from scenarios.schema.faults import (
    ClockOff,
    CpuHog,
    DatabaseDown,
    EarlyKey,
    Fault,
    Freeze,
    FullDisk,
    HospitalFault,
    Kill,
    LostCommit,
    Refuse,
    RevokedKey,
    ShortDownload,
    SkewedClock,
    Slow,
    SlowDisk,
)
from scenarios.schema.link_faults import ANY, LinkFault, Severed
from scenarios.units import US_PER_DAY

if TYPE_CHECKING:
    from scenarios.schema import Scenario

__all__ = ["Step", "link_hits_in", "timetable"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do at ``at_us`` of the run's clock, and the row to write down then.

    Steps of one ``chain`` (a fault, a cutover) are done in order. ``undoes``: it ends what the step before it began, so
    it must be done, however early the run ends, once that one was.
    """

    at_us: int
    chain: int
    act: Act
    row: EventRow | None = None
    undoes: bool = False


def timetable(scenario: Scenario) -> tuple[Step, ...]:
    """Return all steps of a scenario by time; at one instant faults come first, in the scenario's order.

    The real world does each chain on its own: what two chains do at one instant has no order there.
    """
    steps = [step for chain, fault in enumerate(scenario.faults) for step in _fault_steps(scenario, chain, fault)]
    for chain, course in enumerate(courses_of(scenario), start=len(scenario.faults)):
        steps.extend(_cutover_steps(chain, course, scenario))
    chain = len(scenario.faults) + len(scenario.cutover)
    for node in map(NodeId, scenario.topology.province_nodes()):
        steps.extend(_closings(scenario, chain, node))
        chain += 1
    steps.extend((*_releases(scenario, chain), *_downloads(scenario, chain + 1)))
    return tuple(sorted(steps, key=lambda step: step.at_us))


def _fault_steps(scenario: Scenario, chain: int, fault: Fault) -> Iterator[Step]:
    if isinstance(fault, LinkFault | Severed):
        yield Step(fault.at, chain, OnlyWritten(), _row(fault, *link_words(fault)))
        return
    match fault:
        case Freeze() | Kill() | Refuse() | Slow():
            yield from _node_steps(chain, fault)
        case SlowDisk() | DatabaseDown() | FullDisk() | CpuHog() | ClockOff():
            yield from _machine_steps(chain, fault)
        case LostCommit():
            note = f"{' '.join(fault.codes)}, {fault.share:.0%}"
            yield Step(fault.at, chain, OnlyWritten(), _row(fault, fault.node, note))
        case ShortDownload():
            yield Step(fault.at, chain, OnlyWritten(), _row(fault, fault.node, f"{fault.of}, {fault.brings:.0%}"))
        case SkewedClock() | EarlyKey() | RevokedKey():
            yield from _hospital_steps(scenario, chain, fault)
        case _:
            assert_never(fault)


def _hospital_steps(scenario: Scenario, chain: int, fault: HospitalFault) -> Iterator[Step]:
    """Yield what is wrong with the clocks and keys of hospitals, and its end."""
    note = f"{fault.share:.0%}"
    match fault:
        case SkewedClock():
            yield Step(fault.at, chain, OnlyWritten(), _row(fault, fault.node, f"{note}, {fault.off_us:+} us"))
        case EarlyKey():
            yield Step(fault.at, chain, OnlyWritten(), _row(fault, fault.node, note))
        case RevokedKey():
            hit = hit_by(scenario, chain, fault)
            yield Step(fault.at, chain, RevokeKeys(hit, on=True), _row(fault, fault.node, note))
            yield Step(fault.until, chain, RevokeKeys(hit, on=False), undoes=True)
        case _:
            assert_never(fault)


def _node_steps(chain: int, fault: Freeze | Kill | Refuse | Slow) -> Iterator[Step]:
    node = NodeId(fault.node)
    do: Act
    undo: Act
    note, restarted = "", None
    match fault:
        case Freeze():
            do, undo = FreezeNode(node), ThawNode(node)
        case Kill():
            do, undo = KillNode(node), RestartNode(node)
            restarted = EventRow(fault.until, None, "restart", fault.node)
        case Refuse():
            do, undo = RefuseAll(node, on=True), RefuseAll(node, on=False)
        case Slow():
            do, undo, note = SlowDown(node, fault.add), SlowDown(node, -fault.add), f"+{fault.add} us"
        case _:
            assert_never(fault)
    yield Step(fault.at, chain, do, _row(fault, fault.node, note))
    yield Step(fault.until, chain, undo, restarted, undoes=True)


def _machine_steps(chain: int, fault: SlowDisk | DatabaseDown | FullDisk | CpuHog | ClockOff) -> Iterator[Step]:
    """Yield what befalls the machine under a node, and its end."""
    do: Act
    undo: Act
    match fault:
        case SlowDisk():
            node, note = NodeId(fault.node), f"+{fault.add} us"
            do, undo = SlowFlushes(node, fault.add), SlowFlushes(node, -fault.add)
        case ClockOff():
            node, note = NodeId(fault.node), f"{fault.off_us:+} us"
            do, undo = SetClock(node, fault.off_us), SetClock(node, 0)
        case DatabaseDown():
            node, note = NodeId(fault.node), ""
            do, undo = HoldDatabase(node, on=True), HoldDatabase(node, on=False)
        case FullDisk():
            node, note = NodeId(ANY), ""
            do, undo = FillDisk(on=True), FillDisk(on=False)
        case CpuHog():
            node, note = NodeId(ANY), f"{fault.share:.0%}"
            do, undo = HogCores(fault.share), HogCores(0.0)
        case _:
            assert_never(fault)
    yield Step(fault.at, chain, do, _row(fault, node, note))
    yield Step(fault.until, chain, undo, undoes=True)


def _closings(scenario: Scenario, chain: int, node: NodeId) -> Iterator[Step]:
    """Yield the ends of an insurer's business days that come while visits arrive."""
    if scenario.closing is None:
        return
    start, scale = scenario.horizon.start, scenario.scale.time
    dated = day_of(start, scale, scenario.closes_s)
    midnight = datetime.combine(start.date(), time())
    first_us = (midnight + timedelta(seconds=scenario.closes_s) - start) // timedelta(microseconds=1)
    for number in count(0 if first_us > 0 else 1):
        at_us = ceil((first_us + number * US_PER_DAY) / scale)
        if at_us >= scenario.horizon.length:
            return
        yield Step(at_us, chain, CloseDay(node, dated(at_us - 1), dated(at_us)))


def _releases(scenario: Scenario, chain: int) -> Iterator[Step]:
    """Yield when new rows of master data begin to hold, and until when old codes hold beside the new ones."""
    for one in () if scenario.master_data is None else scenario.master_data.releases:
        until_us = one.valid_from + one.overlap if one.overlap else None
        yield Step(
            one.valid_from,
            chain,
            OnlyWritten(),
            EventRow(one.valid_from, until_us, "release", one.of, f"{one.share:.0%}"),
        )


def _downloads(scenario: Scenario, first_chain: int) -> Iterator[Step]:
    """Yield the timed downloads of master data; one that loads its province slows it while it lasts.

    Those of one plan that slow a province stand in a chain of their own: they come one after the other.
    """
    chains: dict[tuple[int, str], int] = {}
    for plan, province, subject, download, slows_us in planned_downloads(scenario):
        node, began_us, ended_us = NodeId(province), download.began_us, download.ended_us
        row = EventRow(began_us, ended_us, "download", province, f"{subject}, {download.brings:.0%}")
        if not slows_us or began_us == ended_us:
            yield Step(began_us, first_chain, OnlyWritten(), row)
            continue
        chain = chains.setdefault((plan, province), first_chain + 1 + len(chains))
        yield Step(began_us, chain, SlowDown(node, slows_us), row)
        yield Step(ended_us, chain, SlowDown(node, -slows_us), undoes=True)


def link_hits_in(events: Iterable[tuple[int, EventRow]], hits: Mapping[int, int]) -> list[EventRow]:
    """Return the rows written down, each given with its chain, with what the faults of links hit, by their number."""
    return [row._replace(hits=hits.get(chain, 0)) if row.kind in LINK_KINDS else row for chain, row in events]


_DOORS: Mapping[Phase, DoorState] = {
    Phase.STOP_ACCEPT: DoorState.DRAINING,
    Phase.CLOSE: DoorState.CLOSED,
    Phase.EXTEND: DoorState.CLOSED,
    Phase.REOPEN: DoorState.RAMP,
    Phase.FULL: DoorState.OPEN,
}


_WORKED = (Phase.STOP_ACCEPT, Phase.FREEZE, Phase.MIGRATE, Phase.VERIFY, Phase.ROLL_BACK, Phase.REOPEN)


def _row(fault: Fault, target: str, note: str = "") -> EventRow:
    return EventRow(fault.at, fault.until, fault.kind, target, note)


def _cutover_steps(chain: int, course: Course, scenario: Scenario) -> Iterator[Step]:
    plan, told = course.plan, _Told(course, scenario)
    for phase, at_us in course.listings():  # before a door moves at the same instant: the steps are sorted by time
        yield Step(at_us, chain, ListInflight(phase, plan))
    for one in course.judged:
        row = EventRow(plan.close_at + one.after_us, None, one.decision.value, plan.scope, f"{plan.name}, {one.why}")
        yield Step(row.at_us, chain, OnlyWritten(), row)
    for times in course.phases():
        if plan.step_gates is not None and times.phase in (Phase.FULL, Phase.MONITOR):
            continue  # when that is, the run shows
        row = EventRow(times.at_us, times.until_us, times.phase.value, plan.scope, _planned(plan, times))
        work = _work_on_books(course, times, told.keeper, scenario.scale.time)
        if work is not None:
            yield Step(times.at_us, chain, work, None if times.phase in _DOORS else row)
        elif times.phase not in _DOORS:
            yield Step(times.at_us, chain, OnlyWritten(), row)
        if times.phase in _DOORS:
            yield from _door_steps(chain, told, times, row)


def _door_steps(chain: int, told: _Told, times: PhaseTimes, row: EventRow) -> Iterator[Step]:
    """Yield how the doors of a plan move at a phase, which is written down once the last has."""
    if told.course.plan.step_gates is not None and times.phase is Phase.REOPEN:
        opening = OpenBySteps(told.keeper, told.course, told.sides, told.end_us, told.unmended)
        yield Step(times.at_us, chain, opening)
        return
    for side in told.sides:
        act = MoveDoor(told.keeper, told.command(times, side))
        yield Step(times.at_us, chain, act, row if side is told.sides[-1] else None)


def _work_on_books(course: Course, times: PhaseTimes, keeper: NodeId, time_scale: float) -> WorkOnBooks | None:
    """Return what a phase does to the books of a node, where the plan moves them."""
    how = books_move(course.plan, time_scale)
    if how is None or times.phase not in _WORKED:
        return None
    give_up_us = times.until_us if course.rolled_back and times.phase is Phase.MIGRATE else None
    return WorkOnBooks(keeper, times.phase, how, give_up_us)


class _Told:
    """What the doors of one plan are told."""

    def __init__(self, course: Course, scenario: Scenario) -> None:
        self.course = course
        self.keeper = doorkeeper(course.plan.scope)
        self.sides = sides_of(course.plan.scope, course.plan.side)
        self.end_us = scenario.horizon.length
        self._stamps = Stamps(scenario.horizon.start, scenario.scale.time)
        self.unmended = unmended_rows(course, scenario.seed, self._stamps)

    def command(self, times: PhaseTimes, side: Side) -> DoorCommand:
        """Return what a door is told at a phase; until an overrun is known, that it opens as planned."""
        course, state = self.course, _DOORS[times.phase]
        reopens_us = course.told_reopening_us(times.at_us)
        reopening = times.phase is Phase.REOPEN
        return DoorCommand(
            scope=course.plan.scope,
            side=side,
            state=state,
            reopens_us=reopens_us,
            full_us=reopens_us + course.plan.ramp_us,
            business=course.plan.business,
            steps=door_steps(course) if reopening else (),
            bucket=bucket_rule(course, self._stamps) if reopening else None,
            unmended=self.unmended if state in (DoorState.RAMP, DoorState.OPEN) else None,
        )


def _planned(plan: Cutover, times: PhaseTimes) -> str:
    """Return what a row says beside the truth: whose phase it is, and when it was to end if that came otherwise."""
    other = times.planned_us is not None and times.planned_us != times.until_us
    return f"{plan.name}, planned until {times.planned_us} us" if other else plan.name
