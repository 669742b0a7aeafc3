"""The call by which the generator waits: punctual where few calls may be open, and none that looks at all of many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lab.worlds.generator import LoadGenerator
from lab.worlds.waits import backend_for, look_us
from scenarios.patients.visits import plan_visits
from scenarios.schema import Scenario

S = 1_000_000
DEADLINE_US = 30 * S


def evenly(a_second: int, seconds: int = 120):
    return np.arange(0, seconds * S, S // a_second)


def at_a_twentieth_of_a_microsecond_each(opened):
    return opened / 20


@pytest.mark.parametrize(
    ("arrivals_us", "deadline_us", "backend"),
    [
        (np.array([], dtype=np.int64), DEADLINE_US, "select"),
        (evenly(27), DEADLINE_US, "select"),  # the mean of the national peak hour: 810 at most, 324 looks of 41 us a second
        (evenly(100), DEADLINE_US, "epoll"),  # 3,000, 1,200 looks of 150 us a second
        (evenly(100), S, "select"),  # nobody waits longer than a second: 100
        (np.concatenate([evenly(1), 60 * S + np.arange(2_000)]), DEADLINE_US, "epoll"),  # a crowd in one moment
    ],
)  # fmt: skip
def test_it_is_chosen_by_who_may_stand_before_a_system_that_is_still(arrivals_us, deadline_us, backend):
    assert backend_for(np.sort(arrivals_us), deadline_us, at_a_twentieth_of_a_microsecond_each) == backend


def test_a_dear_look_at_few_is_no_better_than_a_cheap_one_at_many():
    assert backend_for(evenly(27), DEADLINE_US, lambda opened: opened * 5.0) == "epoll"
    assert backend_for(evenly(1_000), DEADLINE_US, lambda _: 0.0) == "select"


def opened():
    return {one.name for one in Path("/proc/self/fd").iterdir()}


def test_a_look_is_measured_and_leaves_nothing_open():
    before = opened()

    assert 0 < look_us(100) < look_us(10_000)
    assert opened() == before


def test_the_generator_is_told_and_the_environment_has_the_last_word(tmp_path: Path, monkeypatch):
    told = []

    def started(*_, env, **__):
        told.append(env["GEVENT_BACKEND"])
        raise OSError("far enough")

    monkeypatch.setattr("lab.worlds.generator.subprocess.Popen", started)
    monkeypatch.setattr("lab.worlds.generator.backend_for", lambda *_: "epoll")
    monkeypatch.delenv("GEVENT_BACKEND", raising=False)
    scenario = Scenario.model_validate({"name": "few", "visits": {"per_day": 10}})
    generator = LoadGenerator(tmp_path)
    generator.expect(plan_visits(scenario), scenario.clients)
    for _ in range(2):
        with pytest.raises(OSError, match="far enough"):
            generator.run(None, lambda _: None)  # pyright: ignore[reportArgumentType] - nothing is started
        monkeypatch.setenv("GEVENT_BACKEND", "select")

    assert told == ["epoll", "select"]
