"""A ramp held by what is seen, in the simulated world: a slow insurer holds it, a sound one does not."""

from __future__ import annotations

from typing import Any

from support.tiny_world import CARE, INSURED, S, assert_nothing_leaked, live, scenario, visit

from lab.analysis import go_no_go
from scenarios.record.recorder import record_of
from scenarios.schema.course import courses_of

GATES = {"p95": "600ms", "over": "8s", "fewest": 2, "hold": "10s", "holds": 3}
STEPS = [{"share": 0.5, "hold": "20s"}, {"share": 0.8, "hold": "20s"}]
STOP = {"scope": CARE, "at": "10s", "stop_before": "5s", "window": "10s", "announced": False}
"""Reopens at 20 s; as planned its second step begins at 40 s, and everybody is let in at 60 s."""


def stepped(*, slow_for: str | None, **gates: Any) -> Any:
    faults = [{"kind": "slow", "node": INSURED, "at": "21s", "for": slow_for, "add": "900ms"}] if slow_for else []
    came = [visit("pharmacy", at=f"{21 + number}s") for number in range(80)]
    ramp = {"kind": "steps", "steps": STEPS, "gates": GATES | gates}
    return scenario(*came, faults=faults, cutover=STOP | {"ramp": ramp}, topology={"desks_per_hospital": 9})


def decisions(run: Any) -> list[tuple[int, str]]:
    kinds = ("reopen", "hold", "gate_met", "go", "no_go", "full")
    return [(row.at_us // S, row.kind) for row in sorted(run.events, key=lambda row: row.at_us) if row.kind in kinds]


def figures(run: Any, asked: Any) -> dict[str, float]:
    return dict(go_no_go.figures(record_of(run.tables()), courses_of(asked), asked))


def test_a_sound_province_opens_as_planned() -> None:
    asked = stepped(slow_for=None)
    run = live(asked)
    assert decisions(run) == [(20, "reopen"), (40, "go"), (60, "go"), (60, "full")]
    assert figures(run, asked)["cutover.holds"] == 0
    assert_nothing_leaked(run)


def test_a_slow_insurer_holds_the_ramp_until_it_is_quick_again() -> None:
    """Slow until 51 s: held at 40 s and at 50 s; the eight seconds before the look at 60 s still hold slow answers."""
    asked = stepped(slow_for="30s")
    run = live(asked)
    found = figures(run, asked)
    held = [at for at, kind in decisions(run) if kind == "hold"]
    assert held[:2] == [40, 50]
    assert found["cutover.holds"] == found["cutover.gate_breaches"] == len(held)
    assert found["cutover.held"] == len(held) * 10 * S
    assert decisions(run)[-1] == (60 + 10 * len(held), "full")
    assert_nothing_leaked(run)


def test_the_door_lets_in_no_more_than_its_step_while_it_is_held() -> None:
    """Planted: a door that goes on by itself would let everybody in from 60 s, held or not."""
    asked = stepped(slow_for="200s", holds=5)
    run = live(asked)
    visits = run.recorder.frames()["visits"]
    came = visits.filter(visits["arrival_us"].is_between(70 * S, 85 * S))
    assert (came["parked_us"] > 0).any()


def test_when_no_more_time_is_given_it_goes_on_all_the_same_and_says_so() -> None:
    run = live(stepped(slow_for="200s", holds=1))
    assert [kind for _, kind in decisions(run)] == ["reopen", "hold", "no_go", "hold", "no_go", "full"]


def test_a_door_that_closes_again_turns_away_who_comes_then() -> None:
    asked = stepped(slow_for="25s", holds=0, then="close_again", closed_for="15s")
    run = live(asked)
    assert decisions(run)[:2] == [(20, "reopen"), (40, "no_go")]
    away = run.recorder.frames()["turned_away"]
    assert len(away.filter(away["at_us"].is_between(41 * S, 55 * S)))
    assert decisions(run)[-1][1] == "full"
    assert_nothing_leaked(run)


def test_the_same_seed_decides_the_same() -> None:
    asked = stepped(slow_for="30s")
    assert live(asked).digest() == live(asked).digest()
