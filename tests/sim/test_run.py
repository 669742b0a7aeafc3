from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.tiny_world import CARE, HUB, INSURED, KINDS, SEQUENCES, S, costs, fates, live, prepare, scenario, visit

import sim.run
from scenarios.patients.visits import plan_visits
from scenarios.reading.loader import load_scenario
from scenarios.schema import Scenario
from sim.engine.timeline import SAMPLE, WORK
from sim.model.costs import Costs, Fitted
from sim.run import SAMPLE_MIN_US, Simulation, simulate


def busy_quarter(seed: int = 3, **more: Any) -> Scenario:
    """Return a quarter of an hour of three provinces, with every fault at work."""
    faults = [
        {"kind": "lose", "link": ["*", HUB], "direction": "reply", "share": 0.1},
        {"kind": "freeze", "node": INSURED, "at": "3min", "for": "20s"},
        {"kind": "kill", "node": CARE, "at": "6min", "for": "20s"},
        {"kind": "slow", "node": HUB, "at": "8min", "for": "1min", "add": "50ms"},
    ]
    return Scenario.model_validate(
        {
            "name": "busy-quarter",
            "seed": seed,
            "horizon": {"start": "2024-03-13T09:00:00", "length": "15min", "drain_limit": "15min"},
            "visits": {"per_day": 3000, "local_per_cross": 0.5},
            "topology": {"regions": ["33", "63", "11"], "desks_per_hospital": 2,
                         "hospitals_per_province": {"hospital": 6, "pharmacy": 6}},
            "clients": {"timeout": "2s", "deadline": "20s", "forward_timeout": {"care": "1500ms", "hub": "1s"},
                        "retries": {"backoff": "200ms", "cap": "2s"}},
            "faults": faults,
            **more,
        }
    )  # fmt: skip


def test_a_hospitals_own_time_is_on_top_of_every_answer_and_of_nothing_else() -> None:
    """What a hospital takes to write 300 us and to read 700 us: each of a lone patient's messages takes 1 ms longer."""
    own = {"hospital_write_us": Fitted(300.0, 200.0, 400.0), "hospital_read_us": Fitted(700.0, 600.0, 800.0)}
    slower = Costs(msgspec.structs.replace(costs().file, **own))
    asked = scenario(visit("outpatient"))

    runs = [Simulation(asked, plan_visits(asked), one).run().recorder.frames()["messages"] for one in (costs(), slower)]

    took_us = [(run["done_us"] - run["sent_us"]).to_list() for run in runs]
    apart_us = [after - before for before, after in zip(*took_us, strict=True)]
    assert len(apart_us) == len(SEQUENCES["outpatient"])
    assert all(950 <= us <= 1050 for us in apart_us), "but for how cold the nodes are"
    assert [(run["care_in_us"] - run["sent_us"])[0] for run in runs][1] >= 300


def test_same_seed_same_digest_and_another_seed_another() -> None:
    """G22."""
    digests = [live(busy_quarter(seed)).digest() for seed in (3, 3, 4)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.slow
def test_the_digest_does_not_depend_on_the_process() -> None:
    """Hashes of strings differ from process to process; nothing may hang on them."""
    script = (
        "import importlib.util, sys; sys.path[:0] = ['.', 'tests'];"
        f"spec = importlib.util.spec_from_file_location('test_run', {__file__!r});"
        "module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module);"
        "print(module.live(module.busy_quarter()).digest())"
    )
    root = Path(__file__).parents[2]
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=root,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_every_visit_has_one_row_and_messages_are_conserved() -> None:
    """What the hospitals sent is what arrived, was lost, or found nobody; nothing is made on the way."""
    asked = busy_quarter()
    plan = plan_visits(asked)
    run = prepare(asked).run()
    frames = run.recorder.frames()
    assert frames["visits"]["visit"].to_list() == list(range(len(plan)))
    sent = len(frames["messages"])
    unheard = Counter(frames["messages"]["outcome"])
    arrived = frames["stations"].filter(frames["stations"]["station"] == "workers")["arrivals"].sum()
    assert sent == frames["visits"]["attempts"].sum()
    assert sent - unheard["unreachable"] <= arrived <= 3 * sent


def test_a_run_can_be_cut_short_and_counts_what_is_open() -> None:
    asked = scenario(*(visit(kind) for kind in KINDS))
    run = simulate(asked, plan_visits(asked), costs(), until_us=12 * S)
    assert run.ended_us == 12 * S
    assert not run.settled
    assert not run.interrupted
    assert "open_at_end" in fates(run)
    assert len(fates(run)) == 3


def test_a_run_ends_when_all_is_settled_and_not_before_its_last_fault_is_over() -> None:
    quiet = live(scenario(visit("pharmacy")))
    assert quiet.settled
    assert quiet.ended_us < 60 * S
    late = live(scenario(visit("pharmacy"), faults=[{"kind": "kill", "node": HUB, "at": "80s", "for": "15s"}]))
    assert late.ended_us >= 95 * S
    assert [row.kind for row in late.events] == ["kill", "restart"]


@pytest.fixture
def hears_ctrl_c() -> Iterator[None]:
    """A process started in the background inherits that Ctrl-C is ignored; this one hears it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def in_the_middle(_number: int, _frame: object) -> None:
    raise AssertionError("ended in the middle of an event")


def test_sigterm_ends_a_background_run_between_two_events_where_ctrl_c_is_not_heard() -> None:
    """It ended the run in the middle of an event, and what was finished was lost."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, in_the_middle)
    simulation = prepare(busy_quarter())
    simulation.world.timeline.call_at(300 * S, WORK, lambda: signal.raise_signal(signal.SIGTERM))
    try:
        run = simulation.run()
        assert signal.getsignal(signal.SIGTERM) is in_the_middle
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert run.interrupted
    assert Counter(fates(run))["direct"] > 0


@pytest.mark.usefixtures("hears_ctrl_c")
def test_ctrl_c_ends_a_run_between_two_events_and_keeps_what_is_finished() -> None:
    simulation = prepare(busy_quarter())
    timeline = simulation.world.timeline
    timeline.call_at(300 * S, WORK, lambda: signal.raise_signal(signal.SIGINT))
    before = signal.getsignal(signal.SIGINT)
    run = simulation.run()
    assert run.interrupted
    assert not run.settled
    assert run.ended_us <= 300 * S
    assert signal.getsignal(signal.SIGINT) is before
    assert Counter(fates(run))["direct"] > 0


def test_progress_is_told_and_never_goes_back() -> None:
    told: list[tuple[int, int, int, int]] = []
    asked = busy_quarter()
    run = simulate(asked, plan_visits(asked), costs(), progress=lambda *told_now: told.append(told_now))
    assert told == sorted(told)
    assert told[-1][0] <= run.ended_us
    assert {planned for _, _, _, planned in told} == {len(fates(run))}


def test_samples_are_even_and_shares_are_shares() -> None:
    stations = live(busy_quarter()).recorder.frames()["stations"]
    assert set(stations["station"]) == {"cpu", "workers", "writer", "desk"}
    assert stations["utilisation"].min() >= 0  # type: ignore[operator]
    assert stations["utilisation"].max() <= 1  # type: ignore[operator]
    assert stations["queue"].min() >= 0  # type: ignore[operator]
    times = sorted(set(stations["at_us"]))
    assert {b - a for a, b in pairwise(times)} == {max(SAMPLE_MIN_US, 900 * S // 288)}


def test_a_plan_without_visits_is_a_run_without_rows() -> None:
    run = live(scenario())
    assert run.settled
    assert fates(run) == []


def test_stays_open_at_the_start_are_in_the_books_and_end_like_the_others() -> None:
    asked = busy_quarter(
        visits={"per_day": 3000, "stay_mean": "20min", "mix": {"outpatient": 0.5, "pharmacy": 0, "inpatient": 0.5}}
    )
    run = live(asked)
    visits = run.recorder.frames()["visits"]
    opened = visits.filter(visits["open_at_start"])
    assert len(opened) > 5
    assert "refused" not in set(opened["fate"])
    assert Counter(opened["fate"])["direct"] + Counter(opened["fate"])["direct_after_retry"] > 3


@pytest.mark.slow
def test_on_whole_cores_the_latency_of_the_nation_is_not_that_of_the_sample() -> None:
    """On slices of a core one question had the answers 467, 186 and 100 ms at three volumes."""
    p50_us: list[float] = []
    for volume in (0.25, 0.5):
        short = ("horizon.start=2024-03-13T08:00:00", "horizon.length=12min", "horizon.warm_up=0s")
        asked = load_scenario("national-day", variant="morning", sets=[*short, f"scale.volume={volume}"])
        p50_us.append(live(asked).recorder.frames()["visits"]["latency_us"].median())
    assert p50_us[0] == pytest.approx(p50_us[1], rel=0.02)


def test_a_stay_that_lies_holds_no_task_and_no_live_journey() -> None:
    """Half a million stays are open in a national day: what each costs is what its next event costs."""
    simulation = prepare(scenario(*(visit("inpatient", at=f"{10 + 7 * number}s") for number in range(4))))
    seen: list[tuple[int, int]] = []

    def look() -> None:
        world = simulation.world
        seen.append((world.journeys.resting, len(world.outside.tasks)))

    simulation.world.timeline.call_at(39 * S, SAMPLE, look)
    run = simulation.run()

    assert seen == [(4, 0)]
    assert fates(run) == ["direct"] * 4
    assert run.simulation.world.journeys.resting == 0


def test_a_run_cut_short_writes_its_resting_stays_as_open_and_wakes_none_of_them_afterwards() -> None:
    simulation = prepare(scenario(visit("inpatient"), visit("inpatient", at="20s")))
    run = simulation.run(until_us=39 * S)
    sent = len(run.recorder.frames()["messages"])

    assert not run.settled
    assert fates(run) == ["open_at_end"] * 2
    run.follow_up([], 600 * S)
    assert len(run.recorder.frames()["messages"]) == sent
    assert fates(run) == ["open_at_end"] * 2


def test_a_message_of_a_calm_hour_takes_few_calls(monkeypatch):
    """What nearly every message needs must not grow by what faults, meters and crowds need; calls are no wall time."""
    monkeypatch.setattr(sim.run, "SAMPLES", 6)
    calm = Scenario.model_validate(
        {
            "name": "calm-hour",
            "horizon": {"start": "2024-03-13T09:00:00", "length": "1h", "drain_limit": "1h"},
            "visits": {"per_day": 1000, "mix": {"outpatient": 0.72, "pharmacy": 0.28, "inpatient": 0}},
            "topology": {"regions": ["33", "34", "63"], "hub": {"cores": 4}, "province": {"cores": 2}},
        }
    )
    Simulation(calm, plan_visits(calm), costs()).run()  # what is worked out once in a process is worked out by then
    simulation, calls = Simulation(calm, plan_visits(calm), costs()), Counter[str]()
    sys.setprofile(lambda _frame, event, _what: calls.update((event,)))
    try:
        run = simulation.run()
    finally:
        sys.setprofile(None)
    messages = run.record().messages.height
    assert messages > 300
    assert calls["call"] / messages < 340
