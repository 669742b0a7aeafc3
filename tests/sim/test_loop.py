"""A process's loop serves in turns: what they cost, who waits for the next one, when what is committed goes on."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from support.tiny_world import CARE, HUB, scenario

from reference_impl.books.sqlite.writer import GATHERED_MAX
from reference_impl.domain.nodes import NodeId
from scenarios.patients.visits import plan_visits
from sim.engine.driver import Task, wait
from sim.engine.timeline import COMMAND, WORK, Timeline
from sim.model import writer
from sim.model.costs import Costs, load_costs
from sim.model.hosts import Host
from sim.model.loop import Loop, LoopClock
from sim.model.service_times import Rhythm
from sim.model.stations import Cpu, Tally
from sim.model.writer import GROUP_MAX, Writer
from sim.run import Simulation

TURN_US, PIECE_US, GROUP_US, CHANGE_US, DISK_US = 100, 10, 50, 5, 300


class Rig:
    """One process on a core, with books; pieces of 10 us, which may commit."""

    def __init__(
        self, *, beside: bool = False, cores: float = 1, cold: float = 0.0, checkpoint_us: tuple[int, int] = (0, 0)
    ) -> None:
        self.timeline = Timeline()
        cpu_us, disk_us = checkpoint_us
        rhythm = Rhythm(
            TURN_US * 1000, GROUP_US * 1000, round(cold * 1024), 30_000,
            checkpoint_ns=cpu_us * 1000, checkpoint_disk_us=disk_us,
        )  # fmt: skip
        self.cpu = Cpu(self.timeline, cores)
        self.host = Host(self.timeline, "33", self.cpu, rhythm, own_cpu=True)
        self.loop = self.host.loop
        self.written: list[list[Any]] = []
        self.told: list[tuple[Any, int]] = []
        self.writer = Writer(
            self.timeline, self.loop, self.cpu, rhythm, self.apply, owner=self.host, beside=beside
        )  # fmt: skip
        self.clock = LoopClock(self.timeline, self.loop)

    def apply(self, items: list[Any]) -> list[str]:
        self.written.append(items)
        return [f"done {item}" for item in items]

    def piece(self, name: Any, *at_us: int) -> None:
        """Let a piece be ready at each of these times; it tells when it is through."""

        def tell(_: object) -> None:
            self.told.append((name, self.loop.spend(PIECE_US * 1000)))

        for one_us in at_us:
            self.timeline.call_at(one_us, WORK, lambda: self.loop.post(tell, None))

    def commits(self, name: Any, at_us: int) -> Task:
        """Start a task at a time that commits, and tells when and how it goes on."""

        async def work() -> None:
            self.loop.spend(PIECE_US * 1000)
            group, place = self.writer.join(name, (CHANGE_US * 1000, DISK_US), self.loop.spend(0))
            verdicts = await wait(group)
            self.told.append((verdicts[place], self.clock.now_us()))

        task = Task(self.timeline, work(), self.host.group, loop=self.loop)
        self.timeline.call_at(at_us, WORK, task.start_later)
        return task

    def run(self, until_us: int = 100_000) -> list[tuple[Any, int]]:
        self.timeline.run_until(until_us)
        return self.told


# --- turns ---


def test_what_comes_in_a_turn_waits_for_the_next_and_shares_its_cost() -> None:
    rig = Rig()
    rig.piece("a", 0)
    rig.piece("b", 20)
    rig.piece("c", 109)
    # The first turn lasts 100 + 10; both others begin the second together, and each leaves at its own place in it.
    assert rig.run() == [("a", 110), ("b", 220), ("c", 230)]
    assert rig.loop.turns == 2
    assert rig.cpu.tally() == Tally((110 - 20) + (110 - 109), 230, 3, 0)


def test_a_turn_that_nobody_waits_for_ends_without_an_event() -> None:
    rig = Rig()
    rig.loop.post(lambda _: rig.loop.spend(PIECE_US * 1000), None)
    assert not rig.timeline.heap


def test_a_process_that_has_slept_is_cold() -> None:
    rig = Rig(cold=0.5)
    rig.piece("cold", 0)
    rig.piece("warm", 1)
    rig.piece("cold again", 10_000_000)
    assert rig.run(20_000_000) == [("cold", 165), ("warm", 275), ("cold again", 10_000_165)]


def after_another(rig: Rig) -> Rig:
    """Let the core be taken for the first 100 us, so that what comes meanwhile is one turn of a process that slept."""
    other = Loop(rig.timeline, rig.cpu, Rhythm(TURN_US * 1000, 0, 0, 1), None)
    other.post(lambda _: None, None)
    return rig


def test_who_follows_the_first_in_a_turn_finds_the_process_warm() -> None:
    rig = after_another(Rig(cold=0.5))
    for name in "abc":
        rig.piece(name, 1)
    assert rig.run() == [("a", 100 + 165), ("b", 100 + 175), ("c", 100 + 185)]


def test_of_a_group_after_sleep_one_change_is_cold_and_the_others_are_not() -> None:
    rig = after_another(Rig(cold=0.5))
    rig.commits("x", 1)
    rig.commits("y", 2)
    rig.run()
    # The turn: (100 + 10) * 1.5 + 10; the group: (50 + 5) * 1.5 + 5; both go on in a turn of 100, just after it.
    assert rig.cpu.tally().busy_us == pytest.approx(100 + 175 + 87.5 + 100, abs=2)


def test_a_slow_second_of_the_machine_is_slow_for_whatever_is_done_in_it() -> None:
    timeline = Timeline()
    cpu = Cpu(timeline, 1)
    loop = Loop(timeline, cpu, Rhythm(TURN_US * 1000, 0, 0, 1, pace=(1024, 2048)), None)
    told: list[int] = []
    for at_us in (0, 1_000_000, 2_000_000):
        timeline.call_at(
            at_us, WORK, lambda: loop.post(lambda _: told.append(loop.spend(PIECE_US * 1000) - loop.began_us), None)
        )
    timeline.run_until(3_000_000)
    assert told == [110, 220, 110]


def test_processes_that_share_a_core_take_it_turn_by_turn() -> None:
    timeline = Timeline()
    cpu = Cpu(timeline, 1)
    loops = [Loop(timeline, cpu, Rhythm(TURN_US * 1000, 0, 0, 1), None) for _ in range(2)]
    told: list[tuple[int, int]] = []
    for number, at_us in ((0, 0), (0, 10), (1, 20), (0, 30)):
        timeline.call_at(
            at_us,
            WORK,
            lambda n=number: loops[n].post(lambda _: told.append((n, timeline.now_us)), None),
        )
    timeline.run_until(1000)
    assert told == [(0, 0), (1, 100), (0, 200), (0, 200)], "the second asked before the first asked again"


def test_two_loops_whose_turns_end_while_a_flush_ends_each_have_their_commit_begun() -> None:
    """The second turn is still under way when the flush of the first ends; the third begins on another core."""
    rig = Rig(beside=True, cores=3)
    for name, at_us in (("first", 0), ("second", 440), ("third", 470)):
        rig.commits(name, at_us)

    assert [told for told, _ in rig.run()] == ["done first", "done second", "done third"]
    assert rig.written == [["first"], ["second"], ["third"]]


def test_a_host_of_several_cores_has_as_many_loops_which_share_what_is_ready() -> None:
    rig = Rig(cores=2)
    rig.piece("first", 0)
    rig.piece("second", 1)
    for name in "abcd":
        rig.piece(name, 50)
    assert rig.run() == [
        ("first", 110), ("second", 111), ("a", 220), ("b", 230), ("c", 221), ("d", 331),
    ]  # fmt: skip


def test_half_a_core_takes_twice_as_long() -> None:
    rig = Rig(cores=0.5)
    rig.piece("a", 0)
    assert rig.run() == [("a", 220)]


# --- commits in the turn ---


def test_what_a_turn_decided_is_one_group_and_goes_on_in_the_next_turn_before_what_came_meanwhile() -> None:
    rig = Rig()
    rig.piece("first", 0)
    rig.commits("x", 10)
    rig.commits("y", 20)
    rig.piece("late", 300)
    # From 110 a turn of two pieces (120), a group of two changes (60), the disk (300): the loop stands still until 590.
    assert rig.run() == [("first", 110), ("done x", 690), ("done y", 690), ("late", 700)]
    assert rig.written == [["x", "y"]]
    assert rig.writer.tally() == Tally((230 - 220) + (230 - 230), 360, 2, 0)
    assert rig.cpu.tally().busy_us == 110 + 180 + 110, "nobody computes while the disk is awaited"


def test_the_core_is_free_for_others_while_the_loop_waits_for_its_disk() -> None:
    rig = Rig()
    other = Loop(rig.timeline, rig.cpu, Rhythm(TURN_US * 1000, 0, 0, 1), None)
    told: list[int] = []
    rig.commits("x", 0)
    rig.timeline.call_at(10, WORK, lambda: other.post(lambda _: told.append(rig.timeline.now_us), None))
    rig.run()
    assert told == [TURN_US + PIECE_US + GROUP_US + CHANGE_US]


# --- commits beside ---


def test_beside_the_loop_goes_on_and_what_it_decides_during_a_flush_joins_the_next_group() -> None:
    rig = Rig(beside=True)
    rig.commits("a", 0)
    rig.piece("meanwhile", 200)
    rig.commits("b", 210)
    rig.commits("c", 220)
    # a is decided at 110, takes CPU to 165 and the disk to 465; the piece at 200 does not wait for it. b and c are
    # decided in the turn from 310, and their group is on disk at 465 + 60 + 300, when the turn of a's reply is over.
    told = rig.run()
    assert [name for name, _ in told] == ["meanwhile", "done a", "done b", "done c"]
    assert told[0] == ("meanwhile", 310)
    assert rig.written == [["a"], ["b", "c"]]


def test_a_group_has_a_limit() -> None:
    rig = Rig(beside=True)
    rig.piece("first", 0)
    for number in range(GROUP_MAX + 5):
        rig.commits(number, 1)
    rig.run()
    assert [len(group) for group in rig.written] == [GROUP_MAX, 5]


# --- the log ---


def test_the_log_is_folded_back_in_the_turn_after_the_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_CHANGES", 2)
    rig = Rig(checkpoint_us=(4000, 700))
    rig.piece("first", 0)
    rig.commits("x", 10)
    rig.commits("y", 20)
    rig.piece("meanwhile", 705)
    # As above on disk at 590, answered by 690. A turn of nothing else from there: 4,000 of CPU from 790, 700 of disk.
    assert rig.run() == [("first", 110), ("done x", 690), ("done y", 690), ("meanwhile", 790 + 4700 + 110)]
    assert rig.written == [["x", "y"], []]


def test_beside_the_log_is_folded_back_before_the_next_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_CHANGES", 1)
    rig = Rig(beside=True, checkpoint_us=(4000, 700))
    rig.commits("a", 0)
    rig.commits("b", 570)
    # a is on disk at 465 and answered by 565, when the core is free for 4,000 of CPU; the disk has it until 5,265. b is
    # decided at 4,675 and waits for that: 55 of CPU, 300 of disk, a turn.
    assert rig.run() == [("done a", 565), ("done b", 5265 + 55 + 300 + 100)]
    assert rig.written == [["a"], [], ["b"], []]


def test_a_crash_forgets_how_long_the_log_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens the books again folds it back first."""
    monkeypatch.setattr(writer, "CHECKPOINT_CHANGES", 2)
    rig = Rig(checkpoint_us=(4000, 700))
    rig.commits("x", 0)
    rig.timeline.call_at(1_000, COMMAND, rig.host.kill)
    rig.timeline.call_at(1_000, COMMAND, rig.writer.stop)
    rig.timeline.call_at(1_100, COMMAND, rig.host.restart)
    rig.timeline.call_at(1_500, COMMAND, lambda: rig.commits("y", 2_000))
    rig.run()
    assert rig.written == [["x"], ["y"]]


# --- what can befall them ---


@pytest.mark.parametrize("beside", [False, True])
def test_a_cancelled_commit_is_written_all_the_same_and_disturbs_nobody(*, beside: bool) -> None:
    rig = Rig(beside=beside)
    rig.piece("first", 0)
    tasks = [rig.commits(name, 10) for name in "abc"]
    rig.run(250)
    tasks[0].cancel()
    tasks[1].cancel()
    rig.run()
    assert rig.written == [["a", "b", "c"]]
    assert [name for name, _ in rig.told] == ["first", "done c"]


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("at_us", [105, 140, 400, 464])
def test_a_crash_loses_what_is_not_on_disk_and_what_was_ready(*, beside: bool, at_us: int) -> None:
    rig = Rig(beside=beside)
    rig.commits("lost", 0)
    rig.commits("lost too", 50)
    rig.timeline.call_at(at_us, COMMAND, rig.host.kill)
    rig.timeline.call_at(at_us, COMMAND, rig.writer.stop)
    rig.run(600)
    assert rig.written == []
    assert not rig.host.group.tasks
    rig.timeline.call_at(1000, COMMAND, rig.host.restart)
    rig.commits("kept", 1001)
    rig.run()
    assert rig.written == [["kept"]]
    assert rig.told == [("done kept", 1001 + 110 + 55 + 300 + 100)]


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("at_us", [50, 105, 140, 300])
def test_a_freeze_moves_a_commit_by_what_was_missed(*, beside: bool, at_us: int) -> None:
    rig = Rig(beside=beside)
    rig.commits("x", 0)
    rig.timeline.call_at(at_us, COMMAND, rig.host.freeze)
    rig.timeline.call_at(at_us + 10_000, COMMAND, rig.host.thaw)
    assert rig.run() == [("done x", 10_000 + 110 + 55 + 300 + 100)]


# --- against theory ---


def poisson_us(mean_gap_us: float, many: int, seed: int) -> list[int]:
    return np.cumsum(np.random.default_rng(seed).exponential(mean_gap_us, many)).astype(np.int64).tolist()


@pytest.mark.parametrize("rho", [0.5, 0.8])
def test_turns_that_cost_nothing_leave_the_queue_md1(rho: float) -> None:
    """Pieces of a turn leave one after another, so batches alone change nothing: each wait is Lindley's, their mean
    Pollaczek and Khinchine's.
    """
    timeline, piece_us, many = Timeline(), 1000, 40_000
    loop = Loop(timeline, Cpu(timeline, 1), Rhythm(0, 0, 0, 1), None)
    waits: list[int] = []

    def serve(came_us: int) -> None:
        waits.append(loop.spend(piece_us * 1000) - came_us - piece_us)

    arrivals = poisson_us(piece_us / rho, many, seed=5)
    for at_us in arrivals:
        timeline.call_at(at_us, WORK, lambda at_us=at_us: loop.post(serve, at_us))
    timeline.run_until(10**9)
    lindley = [0]
    for before_us, at_us in pairwise(arrivals):
        lindley.append(max(0, lindley[-1] + piece_us - (at_us - before_us)))
    assert waits == lindley
    assert float(np.mean(waits)) == pytest.approx(rho * piece_us / (2 * (1 - rho)), rel=0.1)


@pytest.mark.parametrize("rho", [0.5, 0.8])
def test_gated_turns_last_as_long_as_theory_says(rho: float) -> None:
    """A server that is never idle takes turns of ``c = b / (1 - rho)`` on the mean, each with what came in the last.

    With ``N`` Poisson in a turn of ``b + a N`` the variance is ``rho a c / (1 - rho**2)``, and who comes waits for the
    residual of the turn under way, ``E[C**2] / (2 c)``, before their own turn begins.
    """
    timeline, turn_us, piece_us, many = Timeline(), 1000, 50, 100_000
    cpu = Cpu(timeline, 1)
    loop = Loop(timeline, cpu, Rhythm(turn_us * 1000, 0, 0, 1), None)
    arrivals = poisson_us(piece_us / rho, many, seed=6)
    for at_us in arrivals:
        timeline.call_at(at_us, WORK, lambda: loop.post(lambda _: loop.spend(piece_us * 1000), None))
    timeline.run_until(arrivals[many // 10])
    turns, tally = loop.turns, cpu.tally()
    timeline.run_until(arrivals[-1])
    cycle_us = turn_us / (1 - rho)
    variance = rho * piece_us * cycle_us / (1 - rho**2)
    length_us, seen = arrivals[-1] - arrivals[many // 10], cpu.tally()
    assert length_us / (loop.turns - turns) == pytest.approx(cycle_us, rel=0.03)
    waited_us = (seen.waited_us - tally.waited_us) / (seen.arrivals - tally.arrivals)
    assert waited_us == pytest.approx((cycle_us**2 + variance) / (2 * cycle_us), rel=0.03)


def gathered(arrivals: list[int]) -> tuple[int, int]:
    """Return turns and commits of the same loop on a few lines, without an engine: what the simulated one must do."""
    now_us, place, turns, commits = 0, 0, 0, 0
    while place < len(arrivals):
        now_us = max(now_us, arrivals[place])
        waiting = seen = 0
        while True:
            ready = sum(at_us < now_us or (at_us == now_us and not seen) for at_us in arrivals[place : place + 500])
            place += ready
            turns += 1
            now_us += TURN_US + ready * PIECE_US
            waiting += ready
            more = place < len(arrivals) and arrivals[place] < now_us
            if not (more and seen < waiting < GATHERED_MAX):
                break
            seen = waiting
        commits += 1
        now_us += GROUP_US + waiting * CHANGE_US + DISK_US
    return turns, commits


@pytest.mark.parametrize("gap_us", [40, 90, 200, 800, 5_000])
def test_a_loop_gathers_before_it_commits_as_a_few_lines_of_arithmetic_say(gap_us: int) -> None:
    """Light or heavy: with much to do, a commit is of many changes, and one of few as soon as there is nothing more."""
    rig = Rig()
    arrivals = poisson_us(gap_us, 3_000, seed=7)
    groups: list[int] = []
    rig.writer._apply = lambda items: groups.append(len(items)) or [""] * len(items)

    def decide(_: object) -> None:
        rig.writer.join("x", (CHANGE_US * 1000, DISK_US), rig.loop.spend(PIECE_US * 1000))

    for at_us in arrivals:
        rig.timeline.call_at(at_us, WORK, lambda: rig.loop.post(decide, None))
    rig.run(arrivals[-1] + 1_000_000)

    turns, commits = gathered(arrivals)
    assert sum(groups) == len(arrivals)
    assert len(groups) == pytest.approx(commits, rel=0.02), "but for what happens at one and the same microsecond"
    assert rig.loop.turns == pytest.approx(turns, rel=0.02)


def test_a_busy_loop_commits_what_came_while_it_decided_with_it_and_keeps_the_core_meanwhile() -> None:
    rig = Rig()
    other = Loop(rig.timeline, rig.cpu, Rhythm(TURN_US * 1000, 0, 0, 1), None)
    told: list[int] = []
    rig.commits("x", 0)
    rig.timeline.call_at(10, WORK, lambda: other.post(lambda _: told.append(rig.timeline.now_us), None))
    rig.commits("y", 50)
    rig.run()
    assert rig.written == [["x", "y"]]
    # Two turns of a piece and a group of two; the other process, which asked before y came, is next.
    assert told == [2 * (TURN_US + PIECE_US) + GROUP_US + 2 * CHANGE_US]


def test_a_turn_that_brings_nothing_to_commit_is_the_last_before_the_commit() -> None:
    rig = Rig()
    rig.commits("x", 0)
    rig.piece("only read", 50)
    rig.commits("y", 150)
    rig.run()
    assert rig.written == [["x"], ["y"]]


def test_what_is_gathered_waits_for_a_process_that_stands_still_and_is_lost_with_one_that_is_killed() -> None:
    for lost in (False, True):
        rig = Rig()
        rig.commits("x", 0)
        rig.piece("later", 80)
        rig.timeline.call_at(90, COMMAND, rig.host.freeze)
        if lost:
            rig.timeline.call_at(95, COMMAND, rig.host.kill)
        rig.timeline.call_at(5_000, COMMAND, rig.host.thaw)
        rig.run()
        assert rig.written == ([] if lost else [["x"]])
        assert not rig.loop.committers


# --- where commits are made ---


@pytest.mark.parametrize(
    ("topology", "flush_us", "beside"),
    [
        ({}, 300, False),
        ({}, 20_000, True),
        ({"hosts": {"one": {"nodes": [CARE, HUB]}}}, 300, True),
        ({"province": {"cores": 2}}, 300, True),
        ({"province": {"cores": 2}, "machine_cores": 1}, 300, False),
    ],
)
def test_a_node_commits_where_the_reference_system_would(topology: Any, flush_us: int, *, beside: bool) -> None:
    """In the turn, where a process of one loop serves one node on a quick disk."""
    asked = scenario(topology=topology)
    given = Costs(msgspec.structs.replace(load_costs().file, page_flush_us=flush_us))
    world = Simulation(asked, plan_visits(asked), given).world
    assert world.nodes[NodeId(CARE)].writer.beside is beside
