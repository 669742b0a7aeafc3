"""Small parts: intervals, cost tables, stations from sums over time, the loads of a curve, an operator's commands."""

from __future__ import annotations

import math
import signal
from types import SimpleNamespace

import numpy as np
import pytest

from lab.analysis.capacity import implied_load
from lab.analysis.statistics import bootstrap_difference, paired_difference, t_interval, unpaired_difference
from lab.calibration import calibrate
from lab.calibration.speed import SpeedWatch, reference_us
from lab.cli.commands.operate import door_command, keeper_of, place_of
from lab.experiments.curve import at_rate, capacity_per_s, loaded, shares
from lab.experiments.experiment import Silent
from lab.experiments.pair import as_measured
from lab.report.format import show
from lab.worlds.cores import Cores
from lab.worlds.sim import worker_pool
from lab.worlds.stationwatch import StationWatch, node_rows
from reference_impl.domain.failures import InputError, InvalidRunError
from reference_impl.domain.scopes import Side
from reference_impl.protocol.door import DoorState
from scenarios.reading.loader import load_scenario
from sim.model.costs import load_costs

# --- intervals ---------------------------------------------------------------------------------------------------------


def test_t_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(400):
        found = t_interval(list(rng.normal(10.0, 3.0, 5)))
        hits += found.low <= 10.0 <= found.high

    assert 0.92 < hits / 400 < 0.98


def test_paired_replications_take_the_common_noise_out():
    noise = np.random.default_rng(1).normal(0, 100, 8)
    first, second = list(100 + noise), list(103 + noise)

    paired, unpaired = paired_difference(first, second), unpaired_difference(first, second)

    assert paired.value == pytest.approx(unpaired.value) == pytest.approx(3)
    assert paired.high - paired.low < 1e-6 < unpaired.high - unpaired.low


def test_bootstrap_finds_a_shift_and_says_how_sure_it_is():
    rng = np.random.default_rng(3)
    first, second = rng.lognormal(3, 0.5, 3000), rng.lognormal(3.2, 0.5, 3000)

    found = bootstrap_difference(first, second, lambda sample, axis: np.percentile(sample, 95, axis=axis))

    assert found.low < found.value < found.high
    assert found.low > 0


def test_no_data_has_no_interval():
    found = bootstrap_difference(np.array([]), np.array([1.0]), np.mean)

    assert math.isnan(found.value)
    assert (found.low, found.high) == (None, None)


SHOWN = """
    1500        duration    1.5 ms
    7200000000  duration    2 h
    0.12345     share       12.3 %
    3           count       3
    nan         count       –
    inf         count       ∞
"""  # noqa: RUF001 - the dash that is shown


@pytest.mark.parametrize("line", SHOWN.strip().splitlines())
def test_figure_is_shown_with_its_unit(line):
    value, unit, expected = line.split(maxsplit=2)

    assert show(float(value), unit) == expected


# --- costs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("others", [0.11, 0.9])
def test_a_calibration_beside_others_is_refused_and_leaves_nothing(tmp_path, monkeypatch, others):
    """Others' work cools the system's core: a costly machine was taken for costly messages."""

    class Crowded(SimpleNamespace):
        foreign_share = others

        def __init__(self, *_args, **_more):
            super().__init__()

        def go(self):
            return 0

    monkeypatch.setattr(calibrate, "Replay", Crowded)
    monkeypatch.setattr(calibrate, "choose_cores", lambda: Cores(0, None))

    with pytest.raises(InvalidRunError, match=f"others used {others:.0%} of core 0.* at most 10%.*try again"):
        calibrate.calibrate(tmp_path / "costs.json", Silent())

    assert list(tmp_path.iterdir()) == []


def test_a_machine_of_one_core_is_not_calibrated(tmp_path, monkeypatch):
    monkeypatch.setattr(calibrate, "choose_cores", lambda: Cores(None, None))

    with pytest.raises(InputError, match=r"needs two cores.*this process may use one"):
        calibrate.calibrate(tmp_path / "costs.json", Silent())

    assert list(tmp_path.iterdir()) == []


def test_the_speed_of_the_machine_is_taken_while_something_runs():
    with SpeedWatch() as speed:
        while not speed.speed_us:
            reference_us()

    assert speed.speed_us > 0


def test_calibration_scenario_leaves_the_core_mostly_idle():
    scenario = load_scenario(calibrate.SCENARIO)

    load = implied_load(scenario, load_costs())

    assert max(s.utilisation for s in load.stations if s.station == "cpu") < 0.5
    assert load.cross_visits > 100


def test_calibrated_costs_are_kept_by_machine_and_versions(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    here = calibrate.cache_path()
    monkeypatch.setattr(calibrate, "versions", lambda: {"python": "9.9"})

    assert here.parent == tmp_path / "yidi"
    assert calibrate.cache_path() != here


# --- stations ----------------------------------------------------------------------------------------------------------


def sums(**changes):
    made = {
        "workers": 4, "workers_busy_us": 0, "workers_waited_us": 0, "arrivals": 0, "refused": 0, "writer_busy_us": 0,
        "writer_waited_us": 0, "writer_changes": 0, "calls": None, "held_back": None, "openings": None,
    }  # fmt: skip
    return made | changes


def test_station_rows_are_what_grew_between_two_looks():
    before = sums(arrivals=100, workers_busy_us=10)
    now = sums(arrivals=130, workers_busy_us=2_000_010, workers_waited_us=500_000, writer_busy_us=250_000, refused=2)

    workers, writer = node_rows("33", now, before, at_us=9, took_us=1_000_000)

    assert (workers.utilisation, workers.queue, workers.arrivals, workers.refused) == (0.5, 0.5, 30, 2)
    assert (writer.utilisation, writer.queue, writer.station) == (0.25, 0.0, "writer")


def test_a_node_that_holds_back_has_rows_for_its_calls_and_its_breakers():
    before = sums(calls=10, held_back=1, openings=0)
    now = sums(calls=25, held_back=6, openings=2)

    *_, calls, breaker = node_rows("33", now, before, at_us=9, took_us=1_000_000)

    assert (calls.station, calls.arrivals, calls.refused) == ("calls", 20, 5)
    assert (breaker.station, breaker.arrivals) == ("breaker", 2)


def watched(*looks):
    """Feed a watch with looks at one process and return its rows."""
    scenario = load_scenario("lost-reply", variant="quick")
    watch = StationWatch(scenario, SimpleNamespace(), lambda: 1)
    rows = []
    for look in looks:
        rows.append(list(watch._differences(look)))
        watch._before = look
    return rows


def look(at_us, cpu_us, **changes):
    return {"hub": {"at_us": at_us, "cpu_us": cpu_us, "nodes": {"hub": sums(**changes)}}}


def test_process_that_was_restarted_has_no_row_for_that_look():
    _, first, restarted, again = watched(
        look(1, 5), look(1_000_001, 500_005), look(2_000_001, 7), look(3_000_001, 100_007)
    )

    assert [row.utilisation for row in first if row.station == "cpu"] == [0.5]
    assert restarted == []
    assert [row.utilisation for row in again if row.station == "cpu"] == [pytest.approx(0.1)]


def test_process_that_is_gone_has_no_row():
    _, gone = watched(look(1, 5), {})

    assert gone == []


# --- curve, pair -------------------------------------------------------------------------------------------------------


def test_loads_run_from_idle_through_saturation():
    assert shares(2) == [0.1, 1.25]
    assert len(shares(7)) == 7


def test_load_one_keeps_the_busiest_processor_just_busy():
    base = loaded(load_scenario("national-day", variant="quick"))
    costs = load_costs()

    at_capacity = implied_load(at_rate(base, capacity_per_s(base, costs)), costs)

    assert max(s.utilisation for s in at_capacity.stations if s.station == "cpu") == pytest.approx(1, rel=0.01)
    assert base.faults == ()
    assert base.gates == {}


def test_prediction_is_told_that_all_processes_share_one_core_and_links_are_loopback():
    """A link of 100 us was simulated between processes that nothing lies between."""
    scenario = load_scenario("national-day")

    assert scenario.topology.machine_cores is None
    told = as_measured(scenario).topology
    assert told.machine_cores == 1
    assert {(link.latency, link.jitter) for link in (told.links.hospital_province, told.links.province_hub)} == {(0, 0)}
    assert as_measured(as_measured(scenario)) == as_measured(scenario)


# --- an operator -------------------------------------------------------------------------------------------------------


def test_closing_says_when_it_reopens():
    made = door_command("3415", Side.CARE, "close", 1_000, reopens_in_us=500, ramp_us=50)

    assert (made.state, made.reopens_us, made.full_us) == (DoorState.CLOSED, 1_500, 1_550)


def test_reopening_without_a_ramp_opens_wide():
    assert door_command("33", Side.CARE, "reopen", 9, reopens_in_us=0, ramp_us=0).state is DoorState.OPEN
    assert door_command("33", Side.CARE, "reopen", 9, reopens_in_us=0, ramp_us=5).state is DoorState.RAMP


@pytest.mark.parametrize(("scope", "keeper"), [("hub", "hub"), ("33", "33"), ("3415", "34")])
def test_citys_doors_are_its_provinces(scope, keeper):
    assert keeper_of(scope) == keeper


@pytest.mark.parametrize("scope", ["", "3", "341", "anhui", "341500"])
def test_scope_that_is_none_is_refused(scope):
    with pytest.raises(InputError, match="expected 'hub'"):
        keeper_of(scope)


@pytest.mark.parametrize("address", ["", "33", "127.0.0.1", "http://127.0.0.1/33", "h:port"])
def test_address_without_a_port_is_refused(address):
    with pytest.raises(InputError, match="expected HOST:PORT"):
        place_of(address)


# --- processes that simulate ---------------------------------------------------------------------------------------------


def test_a_worker_is_born_with_interrupts_held_back_and_its_parent_hears_them():
    """Ctrl-C goes to all processes of a terminal: one that was still loading died of it, and was said to lack memory."""
    with worker_pool(1) as pool:
        held_there = pool.submit(signal.pthread_sigmask, signal.SIG_BLOCK, ()).result()

    assert signal.SIGINT in held_there
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
