"""Small parts: intervals, cost tables, stations from sums over time, the loads of a curve, an operator's commands."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from lab.analysis.capacity import implied_load
from lab.analysis.statistics import bootstrap_difference, paired_difference, t_interval, unpaired_difference
from lab.calibration import calibrate
from lab.cli.commands.operate import door_command, keeper_of, place_of
from lab.experiments.curve import at_rate, capacity_per_s, loaded, shares
from lab.experiments.pair import as_measured
from lab.report.format import show
from lab.worlds.stationwatch import StationWatch, node_rows
from reference_impl.domain.failures import InputError
from reference_impl.domain.nodes import ROLES
from reference_impl.domain.scopes import Side
from reference_impl.protocol.door import DoorState
from scenarios.reading.loader import load_scenario
from sim.model.costs import STAGES, CostFile, Costs, load_costs, mean_us

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


def stage(role, code, name, samples):
    return {"role": role, "code": code, "stage": name, "samples_us": samples}


READING = {
    "http_us": 50.0,
    "commit_latency_us": [100, 200, 300],
    "stages": [
        stage("care", "2207", "receive", [100.0] * 30),
        stage("care", "2207", "forward", [40.0] * 30),
        stage("care", "2601", "receive", [400.0] * 3),
        stage("care", "2207", "commit", [10.0] * 30),
    ],
}


def rows():
    return {(r.role, r.code, r.stage): r.quantiles_us for r in calibrate.cost_rows(calibrate.samples_of([READING]))}


def test_http_is_part_of_receiving_and_forwarding_alone():
    found = rows()

    assert mean_us(found["care", "2207", "receive"]) == pytest.approx(150)
    assert mean_us(found["care", "2207", "forward"]) == pytest.approx(90)
    assert mean_us(found["care", "2207", "commit"]) == pytest.approx(10)


def test_rare_transaction_has_no_row_and_counts_in_that_of_all():
    found = rows()

    assert ("care", "2601", "receive") not in found
    assert mean_us(found["care", "*", "receive"]) == pytest.approx((30 * 150 + 3 * 450) / 33, rel=0.01)


def test_cost_file_has_every_role_and_stage_and_is_read_back():
    made = tuple(calibrate.cost_rows(calibrate.samples_of([READING])))
    file = CostFile(mark="MEASURED", source="s", machine="m", measured_at="", commit_latency_us=(1,), rows=made)

    costs = Costs(file)

    assert all(costs.mean_cpu_us(role, "9999", name) >= 0 for role in ROLES for name in STAGES)


def test_table_keeps_mean_and_median_of_a_long_tail():
    samples = list(np.random.default_rng(5).lognormal(6, 0.8, 4000))

    table = calibrate.quantile_table(samples)

    assert mean_us(table) == pytest.approx(np.mean(samples), rel=0.01)
    assert table[len(table) // 2] == pytest.approx(np.median(samples), rel=0.03)
    assert list(table) == sorted(table)


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
        "writer_waited_us": 0, "writer_changes": 0,
    }  # fmt: skip
    return made | changes


def test_station_rows_are_what_grew_between_two_looks():
    before = sums(arrivals=100, workers_busy_us=10)
    now = sums(arrivals=130, workers_busy_us=2_000_010, workers_waited_us=500_000, writer_busy_us=250_000, refused=2)

    workers, writer = node_rows("33", now, before, at_us=9, took_us=1_000_000)

    assert (workers.utilisation, workers.queue, workers.arrivals, workers.refused) == (0.5, 0.5, 30, 2)
    assert (writer.utilisation, writer.queue, writer.station) == (0.25, 0.0, "writer")


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


def test_prediction_is_told_that_all_processes_share_one_core():
    scenario = load_scenario("national-day")

    assert scenario.topology.machine_cores is None
    assert as_measured(scenario).topology.machine_cores == 1
    quick = load_scenario("national-day", variant="quick")
    assert as_measured(quick) is quick


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
