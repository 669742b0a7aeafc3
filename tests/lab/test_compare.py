"""Two runs of replications side by side: one estimate for figure, difference, ratio and interval."""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl
import pytest

from lab.analysis.compare import compare, intervals_of
from lab.analysis.measures import measure
from lab.experiments.experiment import Question, write_whole
from lab.report.summarise import summarise_pair
from lab.report.wording_pair import pair_words
from lab.runs.file import Replication, begin
from lab.runs.opened import open_run
from scenarios.reading.loader import load_scenario
from scenarios.record.recorder import digest_of, write_frames

P95, P99 = "settlement.latency.p95", "settlement.latency.p99"
LATENCY_US = 100_000.0


@pytest.fixture
def run_of(tmp_path, make):
    """Make a run whose replications have these settlement latencies, in microseconds, and seeds from 0."""

    def made(name, *latencies, seed=0, gates=None):
        scenario = load_scenario("lost-reply", variant="quick").model_copy(update={"gates": gates or {}})
        folder, done = begin(tmp_path / name), []
        for number, values in enumerate(latencies):
            place = "." if len(latencies) == 1 else f"rep-{number + 1:02}"
            (folder / place).mkdir(exist_ok=True)
            bare = make.World([make.visit_row(n) for n in range(len(values))], [], []).record()
            visits = bare.visits.with_columns(pl.Series("latency_us", values, bare.visits.schema["latency_us"]))
            record = type(bare)(**(bare.frames() | {"visits": visits}))
            write_frames(record.frames(), folder / place)
            found = measure(record, scenario)
            done.append(
                Replication(
                    folder=place, seed=seed + number, digest=digest_of(record.frames()), took_s=0.0,
                    measures=found.flat(), counts=found.counts(), checker={"clean": True},
                )
            )  # fmt: skip
        run = write_whole(Question(scenario, name), "sim", folder, tmp_path / name, done)
        return open_run(tmp_path / name, run)

    return made


def drawn(seed, replications=5, count=300, factor=1.0):
    rng = np.random.default_rng(seed)
    return [np.round(rng.exponential(factor * LATENCY_US, count)).astype(np.int64) for _ in range(replications)]


def row_of(rows, name):
    return next(row for row in rows if row.measure == name)


def test_a_percentile_of_a_run_is_that_of_all_its_values(run_of):
    """The mean of both days' p95 would be half a second, which nobody ever waited."""
    quiet, busy = np.full(200, 1_000), np.concatenate([np.full(150, 1_000), np.full(50, 1_000_000)])

    run = run_of("two", quiet, busy).run

    assert run.measures[P95] == 1_000_000
    assert run.measures["settlement.latency.mean"] == pytest.approx(125_875)


def test_difference_and_ratio_are_of_the_figures_beside_them(run_of):
    rows = compare(run_of("a", *drawn(1)), run_of("b", *drawn(2, replications=3, factor=2.0), seed=10))

    assert row_of(rows, P95).difference is not None
    for row in rows:
        if row.first is not None and row.second is not None:
            assert row.difference.value == row.second - row.first
            assert row.ratio is None or row.ratio == row.second / row.first


def test_runs_with_different_numbers_of_replications_have_an_interval(run_of):
    a, b = run_of("a", *drawn(1, replications=10)), run_of("b", *drawn(2, factor=3.0), seed=20)

    rows = compare(a, b)

    assert intervals_of(a, b) == "replications"
    found = row_of(rows, P95).difference
    assert 0 < found.low < found.value < found.high
    assert row_of(rows, "visits.total").difference.value == 0


def test_a_run_does_not_differ_from_itself(run_of):
    same = run_of("a", *drawn(1))

    found = row_of(compare(same, same), P95).difference

    assert found.low <= 0 == found.value <= found.high


def test_one_against_five_says_plainly_that_there_is_no_interval(run_of):
    """It printed 106, 500, a difference of 0 and a ratio of 4.7."""
    one, five = run_of("one", *drawn(1, replications=1, count=106)), run_of("five", *drawn(2, count=500))

    for pair in ((one, five), (five, one)):
        rows, words = compare(*pair), pair_words(summarise_pair(*pair))
        total = row_of(rows, "visits.total")
        assert total.difference.value == total.second - total.first
        assert all(row.difference.low is row.difference.high is None for row in rows if row.difference)
        assert words["how"].startswith("No intervals: one side is a single run")
    assert (row_of(compare(one, five), "visits.total").first, total.ratio) == (106, 106 / 500)


def test_a_percentile_of_too_few_values_has_no_interval_and_says_why(run_of):
    a, b = run_of("a", *drawn(1)), run_of("b", *drawn(2, count=150), seed=5)

    rows = compare(a, b)

    assert row_of(rows, P95).difference.low is not None
    assert row_of(rows, P99).difference.low is None
    assert "1,500 and 750 values" in row_of(rows, P99).note
    assert "1,500 and 750 values" in pair_words(summarise_pair(a, b))["table"].note


def test_single_runs_of_too_few_values_have_no_interval_either(run_of):
    rows = compare(run_of("a", *drawn(1, 1)), run_of("b", *drawn(2, 1), seed=5))

    assert row_of(rows, P95).difference.low is not None
    assert row_of(rows, P99).difference.low is None
    assert "takes 1,000" in row_of(rows, P99).note


def test_a_side_that_nothing_bounds_is_shown_open(run_of):
    """All that is slow happened in one of three replications."""
    calm, stall = np.full(300, 1_000), np.concatenate([np.full(240, 1_000), np.full(60, 900_000)])
    a, b = run_of("a", calm, calm, calm), run_of("b", calm, calm, stall, seed=5)

    summary = summarise_pair(a, b)
    row = row_of(summary.differences, P95)
    shown = next(cells for cells in pair_words(summary)["table"].rows if cells[0] == P95)

    assert (row.difference.value, row.difference.high) == (899_000, None)
    assert shown[-2].endswith(" on")
    assert "open" in row.note


def test_an_interval_is_never_of_another_estimate_than_the_figure(run_of):
    """A run of an older version wrote down the mean of its replications' percentiles."""
    a, b = run_of("a", *drawn(1)), run_of("b", *drawn(2), seed=5)
    older = msgspec.structs.replace(b.run, measures=b.run.measures | {P95: b.run.measures[P95] * 0.9})

    row = row_of(compare(a, type(b)(b.folder, older, b.scenario, b.record, b.replication)), P95)

    assert row.difference.value == row.second - row.first
    assert row.difference.low is None
    assert "run it again" in row.note


def test_gates_of_a_run_are_judged_by_all_values_and_the_note_is_in_the_run_file(run_of):
    gates = {"settlement.latency": ("p95 < 3s", "p99 < 3s")}

    p95, p99 = run_of("few", *drawn(1, replications=2), gates=gates).run.gates

    assert p95.verdict == "inconclusive" or p95.low < p95.value
    assert (p99.verdict, p99.low) != ("pass", None)
    assert "600 values" in p99.note
