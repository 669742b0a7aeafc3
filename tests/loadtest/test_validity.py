"""A generator that used too much of its core, or left patients out, is not believed."""

from __future__ import annotations

import pytest

from loadtest.validity import judge, p99
from scenarios.record.recorder import GeneratorRow

S = 1_000_000


def rows(cpu: dict[int, float] | None = None, dropped: dict[int, int] | None = None, lag: dict[int, int] | None = None):
    cpu, dropped, lag = cpu or {}, dropped or {}, lag or {}
    return [
        GeneratorRow(second * S, cpu.get(second, 0.3), lag.get(second, 200), 100, 100, dropped.get(second, 0))
        for second in range(1, 21)
    ]


def test_calm_generator_is_believed():
    verdict = judge(rows(), warm_up_us=0)

    assert verdict.valid
    assert [window.from_us for window in verdict.windows] == [0, 5 * S, 10 * S, 15 * S]
    assert str(verdict) == "valid: 4 windows"


def test_one_busy_second_is_not_a_busy_window():
    assert judge(rows(cpu={7: 1.0}), warm_up_us=0).valid


def test_busy_window_is_invalid_and_says_so():
    verdict = judge(rows(cpu=dict.fromkeys(range(6, 11), 0.8)), warm_up_us=0)

    assert not verdict.valid
    [window] = verdict.invalid
    assert (window.from_us, window.until_us) == (5 * S, 10 * S)
    assert "used 80% of its core" in window.reason
    assert str(verdict).startswith("invalid: 1 of 4 windows")


def test_single_dropped_arrival_makes_its_window_invalid():
    verdict = judge(rows(dropped={12: 1}), warm_up_us=0)

    assert [window.dropped for window in verdict.invalid] == [1]


@pytest.mark.parametrize(("warm_up_s", "valid"), [(5, True), (4, False)])
def test_warm_up_is_left_out(warm_up_s, valid):
    busy = dict.fromkeys(range(1, 6), 1.0)
    assert judge(rows(cpu=busy), warm_up_us=warm_up_s * S, window_us=S).valid is valid


def test_generator_that_is_starved_by_others_is_not_believed_though_it_used_little_cpu():
    verdict = judge(rows(lag=dict.fromkeys((6, 8, 10), 250_000)), warm_up_us=0)

    [window] = verdict.invalid
    assert "started 250 ms late" in window.reason


def test_one_late_second_is_no_starvation():
    assert judge(rows(lag={7: 250_000, 9: 250_000}), warm_up_us=0).valid


def test_a_generator_that_was_stopped_for_two_seconds_is_not_believed():
    """The seconds it stood still write nothing; the next sample covers them."""
    stopped = [row for row in rows(lag={9: 1_900_000}) if row.at_us not in (7 * S, 8 * S)]

    [window] = judge(stopped, warm_up_us=0).invalid
    assert "stood still for 2.0 s" in window.reason


def test_a_last_sample_of_milliseconds_is_no_second():
    last = GeneratorRow(16 * S, 0.3, 200, 100, 100, 0), GeneratorRow(16 * S + 4_000, 1.0, 900_000, 1, 1, 0)

    assert judge([*rows()[:15], *last], warm_up_us=0).valid


def test_after_the_last_arrival_nothing_is_judged():
    after = [GeneratorRow(second * S, 1.0, 0, 0, 0, 0) for second in range(21, 31)]

    assert len(judge([*rows(), *after], warm_up_us=0).windows) == 4
    assert judge([*rows(), *after], warm_up_us=0).valid


def test_lag_of_a_window_is_its_worst_second():
    assert judge(rows(lag={3: 9_000}), warm_up_us=0).windows[0].lag_p99_us == 9_000


def test_run_that_was_never_measured_is_not_believed():
    verdict = judge([], warm_up_us=0)

    assert not verdict.valid
    assert "not measured" in str(verdict)


@pytest.mark.parametrize(("values", "expected"), [([], 0), ([5], 5), (list(range(200)), 198), (list(range(50)), 49)])
def test_p99_is_by_nearest_rank(values, expected):
    assert p99(values) == expected
