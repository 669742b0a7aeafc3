"""Gates: pass, fail, inconclusive, invalid; over one run and over replications."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lab.analysis.gates import EXIT_CODES, Length, judge, overall
from lab.analysis.percentiles import sample_of
from lab.analysis.replicated import Replicated
from lab.runs.file import NOT_SEEN, GateResult
from scenarios.schema.gates import parse_gate

HOUR_US = 3600 * 1_000_000
P95, P99 = (parse_gate("settlement.latency", f"{name} < 3s") for name in ("p95", "p99"))
LENGTH = Length(horizon_us=2 * HOUR_US, warm_up_us=HOUR_US)
ENOUGH = 200
"""Values for a p95."""


def told(name, *values, count=ENOUGH):
    """Replications of which each has one figure; None for what never ended."""
    figures = tuple({name: None if math.isinf(value) else value} for value in values)
    measure = name.partition(".p")[0]
    return Replicated(figures, tuple({measure: count} for _ in values))


def seen(*samples, measure="settlement.latency"):
    """Replications with all their values."""
    return Replicated(tuple({} for _ in samples), (), {measure: tuple(sample_of(values) for values in samples)})


STORY = """
    gate                                values          verdict
    direct_rate > 99%                   0.995           pass
    direct_rate > 99%                   0.98            fail
    direct_rate > 99%                   0.995 0.996 0.9955  pass
    direct_rate > 99%                   0.90 0.91 0.905     fail
    direct_rate > 99%                   0.97 0.999 0.995    inconclusive
    visits.lost == 0                    0 0 0           pass
    visits.lost == 0                    0 1 0           fail
    visits.total >= 5                   5 5 5           pass
    retry.amplification < 1.1           1 1 1           pass
    cutover.drain < 3h                  inf             fail
    cutover.drain < 3h                  60 inf          fail
"""


@pytest.mark.parametrize("line", STORY.strip().splitlines()[1:])
def test_gate_story(line):
    measure, comparison, bound, *values, verdict = line.split()
    gate = parse_gate(measure, f"{comparison} {bound}")

    assert judge(gate, told(measure, *map(float, values)), length=LENGTH).verdict == verdict


def test_interval_of_replications_is_shown():
    gate = parse_gate("direct_rate", "> 99%")

    found = judge(gate, told("direct_rate", 0.99, 1.0), length=LENGTH)

    assert found.value == pytest.approx(0.995)
    assert found.low is not None
    assert found.low < 0.99
    assert found.high == 1.0


def test_a_latency_has_no_interval_below_zero():
    """Five replications of which one met a stall: an interval of the plain mean would begin at minus 598 ms."""
    run = told("settlement.latency.mean", 101_000.0, 99_000.0, 100_000.0, 100_000.0, 2_100_000.0)

    found = judge(parse_gate("settlement.latency", "mean < 3s"), run, length=LENGTH)

    assert found.low is not None
    assert 0 < found.low < 500_000 < found.high
    assert found.verdict == "inconclusive"


def test_a_share_has_no_interval_above_one():
    run = told("direct_rate", 1.0, 1.0, 0.9)

    assert judge(parse_gate("direct_rate", "<= 1"), run, length=LENGTH).verdict == "pass"


def test_one_run_says_that_it_has_no_interval():
    found = judge(P95, told("settlement.latency.p95", 1.0), length=LENGTH)

    assert "no interval" in found.note


def test_statistic_is_asked_for_by_name():
    figures = {"settlement.latency.p95": 7.0, "settlement.latency.p99": 8.0, "contact.latency.p95": 9.0}

    found = judge(P95, Replicated((figures,), ({"settlement.latency": ENOUGH},)), length=LENGTH)

    assert found.value == 7.0


def test_nothing_to_measure_by_is_inconclusive():
    for run in (Replicated(({},), ({},)), Replicated(({}, {}), ({}, {}))):
        found = judge(P95, run, length=LENGTH)

        assert (found.verdict, found.value) == ("inconclusive", None)
        assert "nothing to measure" in found.note


def test_invalid_run_spoils_figures_and_not_the_checkers_counts():
    latency, lost = told("settlement.latency.p95", 0.0), told("visits.lost", 0.0)

    assert judge(P95, latency, length=LENGTH, valid=False).verdict == "invalid"
    assert judge(parse_gate("visits.lost", "== 0"), lost, length=LENGTH, valid=False).verdict == "pass"
    assert judge(parse_gate("visits.lost", "== 1"), lost, length=LENGTH, valid=False).verdict == "fail"


def test_where_a_worker_was_lost_no_count_can_pass_and_what_is_broken_stays_so():
    kept, broken = told("visits.lost", 0.0), told("checker.breaches", 2.0)

    passed = judge(parse_gate("visits.lost", "== 0"), kept, length=LENGTH, valid=False, whole=False)
    failed = judge(parse_gate("checker.breaches", "== 0"), broken, length=LENGTH, valid=False, whole=False)

    assert (passed.verdict, failed.verdict) == ("invalid", "fail")
    assert "a worker was lost" in passed.note


def test_what_never_ends_has_no_figure():
    found = judge(parse_gate("cutover.drain", "< 3h"), told("cutover.drain", math.inf), length=LENGTH)

    assert (found.value, found.note) == (None, "never, within the run")


def test_a_percentile_of_too_few_values_is_inconclusive_and_says_what_would_do():
    """46 values were taken for a p99, and passed."""
    found = judge(P99, told("settlement.latency.p99", 1.0, count=46), length=LENGTH)

    assert (found.verdict, found.value) == ("inconclusive", 1.0)
    assert "46 values" in found.note
    assert "1,000" in found.note
    assert "--reps 24 " in found.note
    assert "horizon.length=1d49min" in found.note  # an hour of warm-up, and 23.8 times the hour that was judged


def test_visits_listed_one_by_one_are_no_more_in_a_longer_run():
    listed = Length(horizon_us=2 * HOUR_US, warm_up_us=0, drawn=False)

    found = judge(P99, told("settlement.latency.p99", 1.0, count=46), length=listed)

    assert "--reps" in found.note
    assert "horizon" not in found.note


@pytest.mark.parametrize(
    ("text", "enough"), [("p50", 20), ("p90", 100), ("p95", 200), ("p99", 1000), ("p99.9", 10_000)]
)
def test_a_percentile_takes_ten_values_beyond_it(text, enough):
    gate = parse_gate("settlement.latency", f"{text} < 3s")
    name = f"settlement.latency.{text}"

    verdicts = [judge(gate, told(name, 1.0, count=count), length=LENGTH).verdict for count in (enough - 1, enough)]

    assert verdicts == ["inconclusive", "pass"]


def test_replications_have_enough_values_for_a_percentile_together():
    values = np.linspace(1_000, 2_000, 150)

    alone, two = judge(P95, seen(values, values[:49]), length=LENGTH), judge(P95, seen(values, values), length=LENGTH)

    assert alone.verdict == "inconclusive"
    assert "p95 of 199 values" in alone.note
    assert two.verdict == "pass"


def test_a_percentile_is_that_of_all_values_and_not_the_mean_of_percentiles():
    """Ten in a hundred of a busy day's visits are slow; the days without any must not hide them."""
    quiet, busy = np.full(100, 1_000.0), np.concatenate([np.full(900, 1_000.0), np.full(100, 9e6)])

    found = judge(P95, seen(quiet, busy, busy), length=LENGTH)

    assert found.value == 9e6
    assert found.verdict != "pass"


def test_a_gate_is_not_held_where_no_value_bounds_the_percentile_from_above():
    """All that is slow happened in one replication of three: the share of it is anybody's guess."""
    calm, stalled = np.linspace(1_000, 2_000, 400), np.concatenate([np.linspace(1_000, 2_000, 340), np.full(60, 2.9e6)])

    found = judge(P95, seen(calm, calm, stalled), length=LENGTH)

    assert (found.verdict, found.high) == ("inconclusive", None)
    assert 0 < found.low < 2.9e6
    assert "--reps" in found.note


VERDICTS = """
    gates                       valid   verdict         exit
    -                           yes     none            0
    -                           no      invalid         3
    pass pass                   yes     pass            0
    pass inconclusive           yes     inconclusive    1
    pass fail                   yes     fail            1
    inconclusive fail           yes     fail            1
    invalid pass                no      invalid         3
    invalid fail                no      fail            1
"""


@pytest.mark.parametrize("line", VERDICTS.strip().splitlines()[1:])
def test_run_is_as_bad_as_its_worst_gate(line):
    *verdicts, valid, expected, code = line.split()
    gates = [
        GateResult(measure="m", expression="e", verdict=verdict, value=None) for verdict in verdicts if verdict != "-"
    ]

    found = overall(gates, valid=valid == "yes")

    assert (found, EXIT_CODES[found]) == (expected, int(code))


@pytest.mark.parametrize(
    "measure", ["visits.lost", "visits.doubled", "checker.breaches", "cutover.lost", "filing.due", "stale.unnoticed"]
)
def test_what_takes_books_is_never_nought_without_them(measure):
    found = judge(parse_gate(measure, "== 0"), Replicated(({},), ({},)), length=LENGTH, books=False)

    assert (found.verdict, found.value, found.note, found.seen) == ("inconclusive", None, NOT_SEEN, False)


def test_what_hospitals_see_is_judged_without_books_and_nobody_is_told_to_repeat_it():
    rate = judge(parse_gate("direct_rate", "> 99%"), told("direct_rate", 0.995), length=LENGTH, books=False)
    few = judge(P95, told("settlement.latency.p95", 1e6, count=50), length=LENGTH, books=False)
    absent = judge(parse_gate("direct_rate", "> 99%"), Replicated(({},), ({},)), length=LENGTH, books=False)

    assert (rate.verdict, rate.note, rate.seen) == ("pass", "one run has no interval", True)
    assert few.verdict == "inconclusive"
    assert "--reps" not in few.note
    assert "about --set horizon.length=" in few.note
    assert absent.note == "the run has nothing to measure this by"
