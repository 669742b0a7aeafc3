"""A large world lives in a process of its own: the same results, and nobody waits for one that ended."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from support.apart import end_oneself, fail_unsendably, refuse, stop_the_parent

from lab.errors import LabError
from lab.runs.file import Replication
from lab.worlds import sim
from lab.worlds.apart import conduct_apart
from lab.worlds.sim import SimTask, simulate_task
from reference_impl.domain.failures import InputError
from scenarios.patients.streams import arrivals_expected
from scenarios.patients.visits import plan_visits
from scenarios.reading.loader import dump_scenario, load_scenario

DAY = ("scale.volume=0.004", "topology.regions=[33, 34, 41]")


def concluded(name: str, folder, *, variant: str | None = "quick", sets: tuple[str, ...] = ()) -> Replication:
    scenario = load_scenario(name, variant=variant, sets=sets)
    folder.mkdir()
    told: list[float] = []
    task = SimTask(scenario=dump_scenario(scenario), seed=7, costs=None, root=str(folder), folder=".")
    made = simulate_task(task, told.append)
    assert told
    return made


def in_any_order(checker: dict[str, Any]) -> dict[str, Any]:
    """A large run is checked place by place."""
    listed = ("violations", "one_sided")
    return checker | {name: sorted(map(repr, checker[name])) for name in listed}


def whats_left(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(("name", "worked_off"), [("lost-reply", False), ("jiaxing-qinghai", True)])
def test_a_world_of_its_own_has_the_results_of_one_that_is_here(name, worked_off, tmp_path, monkeypatch):
    """Also where hospitals hold settlements alone, which only a standing world can work off."""
    here = concluded(name, tmp_path / "here")
    monkeypatch.setattr(sim, "APART_ARRIVALS", 0)

    apart = concluded(name, tmp_path / "apart")

    assert (apart.digest, apart.counts) == (here.digest, here.counts)
    assert in_any_order(apart.checker) == in_any_order(here.checker)
    assert apart.measures == pytest.approx(here.measures, rel=1e-12)  # sums are made in another order
    assert any(found["side"] == "hospital only" for found in apart.checker["one_sided"]) == worked_off
    assert whats_left(tmp_path / "apart") == whats_left(tmp_path / "here"), "what lay on disk meanwhile is gone"


def test_a_world_of_its_own_says_which_cities_have_books(tmp_path, monkeypatch):
    """What a process hands over says which cities have books: without them no law asks what those keep."""
    asked = {"sets": ("visits.per_day=30000", "horizon.length=20min", "horizon.warm_up=0s", "faults=[]", "gates={}")}
    monkeypatch.setattr(sim, "APART_ARRIVALS", 0)
    seen: list[Any] = []
    monkeypatch.setattr(sim, "conclude", lambda outcome, *_: seen.append(outcome.books.relays))

    concluded("city-relay", tmp_path / "apart", variant=None, **asked)

    assert seen == [("3304", "3415")]


@pytest.mark.parametrize(
    "sets",
    [(), DAY, ("horizon.length=30min",), ("visits.per_day=0", "scale.volume=1"), ("visits.local_per_cross=0", *DAY)],
)
def test_so_many_visits_are_expected_as_will_be_planned(sets):
    scenario = load_scenario("national-day", variant="quick", sets=sets)
    arriving = ~plan_visits(scenario).columns.open_at_start

    assert arrivals_expected(scenario) == pytest.approx(arriving.sum(), abs=5 * arriving.sum() ** 0.5)


@pytest.mark.parametrize(
    ("work", "error", "told"),
    [
        (end_oneself, LabError, r"ended before it was done \(exit code -9\).*scale\.volume"),
        (refuse, InputError, "the plan has no hospitals"),
        (fail_unsendably, LabError, "TwoParts: 1 of 2"),
    ],
)
def test_what_goes_wrong_there_is_told_here_and_leaves_nothing(work, error, told, tmp_path):
    with pytest.raises(error, match=told):
        conduct_apart(None, work, None, tmp_path)

    assert whats_left(tmp_path) == set()


def test_an_interrupt_before_there_is_a_world_ends_the_wait(tmp_path):
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            conduct_apart(None, stop_the_parent, None, tmp_path)
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)

    assert whats_left(tmp_path) == set()
