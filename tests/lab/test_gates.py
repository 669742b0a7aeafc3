"""Gates: pass, fail, inconclusive, invalid; over one run and over replications."""

from __future__ import annotations

import math

import pytest

from lab.analysis.gates import EXIT_CODES, judge, overall
from lab.runs.file import GateResult
from scenarios.schema.gates import parse_gate

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
    lookups = [lambda _name, _statistic, value=float(v): value for v in values]

    assert judge(gate, lookups).verdict == verdict


def test_interval_of_replications_is_shown():
    gate = parse_gate("direct_rate", "> 99%")

    found = judge(gate, [lambda *_: 0.99, lambda *_: 1.0])

    assert found.value == pytest.approx(0.995)
    assert found.low is not None
    assert found.low < 0.99
    assert found.high == 1.0


def test_a_latency_has_no_interval_below_zero():
    """Five replications of which one met a stall: an interval of the plain mean would begin at minus 598 ms."""
    lookups = [lambda *_, value=value: value for value in (101_000.0, 99_000.0, 100_000.0, 100_000.0, 2_100_000.0)]

    found = judge(parse_gate("settlement.latency", "p95 < 3s"), lookups)

    assert found.low is not None
    assert 0 < found.low < 500_000 < found.high
    assert found.verdict == "inconclusive"


def test_a_share_has_no_interval_above_one():
    lookups = [lambda *_, value=value: value for value in (1.0, 1.0, 0.9)]

    assert judge(parse_gate("direct_rate", "<= 1"), lookups).verdict == "pass"


def test_one_run_says_that_it_has_no_interval():
    assert "no interval" in judge(parse_gate("settlement.latency", "p95 < 3s"), [lambda *_: 1.0]).note


def test_statistic_is_asked_for_by_name():
    asked = []

    judge(parse_gate("settlement.latency", "p95 < 3s"), [lambda *names: asked.append(names)])

    assert asked == [("settlement.latency", "p95")]


def test_nothing_to_measure_by_is_inconclusive():
    found = judge(parse_gate("settlement.latency", "p95 < 3s"), [lambda *_: None])

    assert (found.verdict, found.value) == ("inconclusive", None)
    assert found.note


def test_invalid_run_spoils_figures_and_not_the_checkers_counts():
    lookups = [lambda *_: 0.0]

    assert judge(parse_gate("settlement.latency", "p95 < 3s"), lookups, valid=False).verdict == "invalid"
    assert judge(parse_gate("visits.lost", "== 0"), lookups, valid=False).verdict == "pass"
    assert judge(parse_gate("visits.lost", "== 1"), lookups, valid=False).verdict == "fail"


def test_what_never_ends_has_no_figure():
    found = judge(parse_gate("cutover.drain", "< 3h"), [lambda *_: math.inf])

    assert (found.value, found.note) == (None, "never, within the run")


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
