"""Real processes under everything: what is scheduled by a seed, what is refused, and a bounded run on each database."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from support.mounts import may_mount

from lab.cli.app import run_command
from lab.endurance.schedule import KINDS, Plan, _in_turn, scheduled
from lab.endurance.study import Asked, under_fire
from reference_impl.domain.failures import InputError
from scenarios.schema.faults import ClockOff, Kill, Lose

NODES = ("hub", "31", "33", "34", "41")
S = 1_000_000


def plan(seed: int = 1, minutes: float = 10, every_s: float = 10, without: tuple[str, ...] = ()) -> Plan:
    return Plan(seed, round(minutes * 60 * S), round(every_s * S), NODES, frozenset(without))


def ms(text: str) -> int:
    return int(text.removesuffix("ms"))


def spans(faults: list[dict], *kinds: str) -> list[tuple[int, int, str]]:
    found = [(ms(f["at"]), ms(f["at"]) + ms(f["for"]), f.get("node", "")) for f in faults if f["kind"] in kinds]
    return sorted(found)


def test_the_same_seed_schedules_the_same_and_another_something_else():
    assert scheduled(plan(3)) == scheduled(plan(3))
    assert scheduled(plan(3)) != scheduled(plan(4))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("every_s", [2, 4, 10])
def test_somebody_is_killed_in_each_interval_and_each_trouble_comes_in_each_round(seed, every_s):
    faults = scheduled(plan(seed, every_s=every_s))
    kills = spans(faults, "kill")

    assert len(kills) == 590 // every_s
    assert all((at - 5_000) // (every_s * 1000) == place for place, (at, _, _) in enumerate(kills))
    assert {node for _, _, node in kills} == set(NODES)
    rounds = len(kills) // len(KINDS)
    for kind in ("freeze", "delay", "slow_disk", "full_disk", "clock_off", "database_down"):
        assert rounds <= len(spans(faults, kind)) <= rounds + 1


@pytest.mark.parametrize("seed", range(10))
def test_nobody_is_in_two_states_at_once_and_who_is_told_of_trouble_can_hear(seed):
    faults = scheduled(plan(seed))
    for kinds in (("kill", "freeze"), ("clock_off",), ("slow_disk",), ("full_disk",)):
        for (_, until, node), (at, _, other) in pairwise(spans(faults, *kinds)):
            assert node != other or until < at
    for at, _, node in spans(faults, "slow_disk", "clock_off", "freeze"):
        assert not any(begins <= at < ends for begins, ends, killed in spans(faults, "kill") if killed == node)


@pytest.mark.parametrize("seed", range(10))
def test_trouble_comes_to_no_process_that_is_killed_in_its_interval_or_was_in_the_one_before(seed):
    """It would be away, or only just be starting again, and hear of nothing."""
    faults = scheduled(plan(seed))
    killed = [node for _, _, node in spans(faults, "kill")]
    for at, _, node in spans(faults, "slow_disk", "freeze"):
        place = (at - 5_000) // 10_000
        assert node not in killed[max(0, place - 1) : place + 1]


@pytest.mark.parametrize("seed", range(10))
def test_no_kind_of_trouble_comes_twice_in_a_row(seed):
    """Else one that lasts longer than its interval would be begun again before it is over."""
    kinds = _in_turn(plan(seed, minutes=30), 175)

    assert len(kinds) == 175
    assert all(first != second for first, second in pairwise(kinds))
    assert _in_turn(plan(seed, without=tuple({*KINDS} - {"stop"})), 3) == ["stop"] * 3


@pytest.mark.parametrize("every_s", [2, 4, 10])
def test_a_killed_process_has_half_its_interval_to_start_again(every_s):
    away_ms = [
        until - at for seed in range(5) for at, until, _ in spans(scheduled(plan(seed, every_s=every_s)), "kill")
    ]

    assert 500 <= min(away_ms) < max(away_ms) <= min(4_000, every_s * 500)


def test_a_partition_cuts_both_ways_and_half_of_one_cuts_one():
    def cuts(*kinds: str) -> set[int]:
        faults = scheduled(plan(2, without=tuple({*KINDS} - {*kinds})))
        ways = [(fault["at"], tuple(fault["link"])) for fault in faults if fault["kind"] == "lose"]
        assert all((at, way[::-1]) in ways for at, way in ways) or kinds == ("half-partition",)
        return set(Counter(at for at, _ in ways).values())

    assert cuts("partition") == {2}
    assert cuts("half-partition") == {1}


@pytest.mark.parametrize("seed", range(5))
def test_a_city_s_relay_is_cut_off_from_its_province_which_alone_it_speaks_to(seed):
    asked = under_fire(Asked("endurance", sets=('topology.cities={"3301": {}}',), seed=seed, minutes=20))
    ways = {tuple(fault.link) for fault in asked.faults if isinstance(fault, Lose)}

    assert {way for way in ways if "3301" in way} == {("3301", "33"), ("33", "3301")}


def test_some_processes_are_killed_while_their_clock_is_off():
    met = [
        node
        for seed in range(20)
        for at, until, node in spans(scheduled(plan(seed)), "clock_off")
        if any(at < killed < until and node == other for killed, _, other in spans(scheduled(plan(seed)), "kill"))
    ]

    assert len(met) > 5


def test_what_is_left_out_does_not_come_and_without_any_trouble_there_are_kills_alone():
    faults = scheduled(plan(without=("full-disk", "clock", "database")))
    assert {"full_disk", "clock_off", "database_down"}.isdisjoint(fault["kind"] for fault in faults)
    assert len(spans(faults, "freeze")) > 10

    assert {fault["kind"] for fault in scheduled(plan(without=tuple(KINDS)))} == {"kill"}


@pytest.mark.parametrize("seed", range(5))
def test_the_scenario_takes_what_is_scheduled_whatever_the_seed(seed):
    asked = under_fire(Asked("endurance", seed=seed, minutes=10))

    assert asked.horizon.length == 600 * S
    assert len([fault for fault in asked.faults if isinstance(fault, Kill)]) == 59
    assert {fault.towards for fault in asked.faults if isinstance(fault, ClockOff)} == {"ahead", "behind"}


REFUSED = """
    endure --minutes 0.1                             | 6 s are too short for a fault each 10 s; expected 20 s or more
    endure --every 1s                                | --every is 1 s; expected 2 s or more
    endure --without flood                           | --without 'flood' is no kind of trouble; expected one of stop, partition
    endure kill-every-role                           | has scale.time 130; expected 1
    endure --set faults=[{{"kind":"freeze","node":"31","at":"1s","for":"1s"}}] | has 1 faults of its own; expected none
    endure --books postgresql://a:b@db/yidi          | holds a password
    endure --books here                              | no address of a database
    endure --out {taken}                             | exists
"""


@pytest.mark.parametrize("line", REFUSED.strip().splitlines())
def test_what_cannot_be_endured_is_refused_before_anything_starts(line, tmp_path, capsys):
    typed, _, why = line.partition("|")
    code = run_command(typed.format(taken=tmp_path).split())

    assert code == 2
    assert why.strip() in capsys.readouterr().err


def test_unknown_trouble_is_refused_in_python_too():
    with pytest.raises(InputError, match="no kind of trouble"):
        plan(without=("flood",))


# --- for real ---

LEAVE_OUT = [] if may_mount() else ["--without", "full-disk"]


def endured(out: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict:
    typed = [
        "endure",
        "--minutes",
        "1",
        "--every",
        "6s",
        "--seed",
        "11",
        "--out",
        str(out),
        "--json",
        *LEAVE_OUT,
        *more,
    ]
    code = run_command(typed)
    told = json.loads(capsys.readouterr().out)
    assert code == 0, told
    return told


def assert_endured(told: dict) -> None:
    assert told["holds"]
    assert told["undone"] == []
    assert told["done"]["kill"] == 8
    assert {"freeze", "lose", "delay", "slow_disk", "clock_off"} <= told["done"].keys()
    assert told["recount"]["found"] == 0
    assert told["recount"]["settlements"] > 100
    assert told["visits"]["direct_after_retry"] > 10
    assert sum(told["laws"][0].values()) == 0


@pytest.mark.slow
def test_a_minute_of_everything_on_files_leaves_nothing_for_either_checker(tmp_path, capsys):
    assert_endured(endured(tmp_path / "run", capsys))

    assert run_command(["recount", str(tmp_path / "run")]) == 0


@pytest.mark.slow
def test_a_minute_of_everything_on_a_server_leaves_nothing_for_either_checker(tmp_path, database, capsys):
    assert_endured(endured(tmp_path / "run", capsys, "--books", database))

    assert run_command(["recount", str(tmp_path / "run")]) == 0
