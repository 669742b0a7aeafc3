"""A generator that used too much of its core, or left patients out, is not believed."""

from __future__ import annotations

import pytest

from loadtest import validity
from loadtest.lags import LagLimit, binned, p99
from loadtest.validity import doubts
from scenarios.record.recorder import GeneratorRow

S = 1_000_000
LIMIT = LagLimit(100_000, "the most that is ever allowed")


def judge(rows, *, limit=LIMIT, **more):
    return validity.judge(rows, lag_limit=limit, **more)


def row(at_us, lags_us=(), *, cpu=0.3, dropped=0):
    """What the generator wrote at a look, having started patients this late."""
    return GeneratorRow(at_us, cpu, p99(lags_us), len(lags_us), len(lags_us), dropped, binned(lags_us))


def rows(cpu=None, dropped=None, late=None):
    """Twenty seconds of a hundred patients each, 200 us late; ``late`` names (how many, how late) by second."""
    cpu, dropped, late = cpu or {}, dropped or {}, late or {}
    lags_us = {second: [lag_us] * count for second, (count, lag_us) in late.items()}
    return [
        row(
            second * S,
            [200] * (100 - len(lags_us.get(second, ()))) + lags_us.get(second, []),
            cpu=cpu.get(second, 0.3),
            dropped=dropped.get(second, 0),
        )
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
    verdict = judge(rows(late=dict.fromkeys((6, 8, 10), (100, 250_000))), warm_up_us=0)

    [window] = verdict.invalid
    assert window.lag_p99_us == pytest.approx(250_000, rel=0.1)
    assert "ms late (p99)" in window.reason
    assert str(LIMIT) in window.reason


def test_one_late_second_is_no_starvation():
    assert judge(rows(late={7: (1, 250_000), 9: (1, 250_000)}), warm_up_us=0).valid


def test_the_lags_of_a_window_are_pooled_and_a_hundredth_late_in_one_second_alone_shows():
    """Four calm seconds do not outvote the one in which patients waited: six of five hundred is above one in a hundred."""
    [window] = judge(rows(late={8: (6, 250_000)}), warm_up_us=0).invalid

    assert window.from_us == 5 * S


def test_a_second_with_few_patients_weighs_as_few():
    """Each of three seconds has a p99 of 250 ms, of a single patient; the window's five hundred others were in time."""
    calm = [row(second * S, [200] * 250) for second in (1, 2)]
    assert judge([*calm, *(row(second * S, [250_000]) for second in (3, 4, 5))], warm_up_us=0).valid


@pytest.mark.parametrize(("limit_us", "valid"), [(20_000, False), (100_000, True)])
def test_late_is_what_the_limit_of_this_run_says(limit_us, valid):
    limit = LagLimit(limit_us, "a tenth of the median contact latency of so much")
    verdict = judge(rows(late={8: (50, 40_000)}), limit=limit, warm_up_us=0)

    assert verdict.valid is valid
    assert valid or verdict.invalid[0].reason.endswith(f"the limit is {limit}")


def test_a_look_a_moment_after_the_warm_up_is_of_the_warm_up():
    late = [row(second * S + 300, [250_000 if second == 5 else 200] * 100) for second in range(1, 11)]

    assert judge(late, warm_up_us=5 * S).valid
    assert not judge(late, warm_up_us=4 * S).valid


def test_a_record_without_binned_lags_is_judged_by_the_worst_that_its_percentiles_allow():
    old = [GeneratorRow(second * S, 0.3, 250_000 if second == 7 else 200, 100, 100, 0) for second in range(1, 21)]

    assert len(judge(old, warm_up_us=0).invalid) == 1


def test_whatever_makes_a_run_doubtful_is_said():
    sound, busy = judge(rows(), warm_up_us=0), judge(rows(cpu=dict.fromkeys(range(1, 21), 0.9)), warm_up_us=0)

    assert doubts(sound, late_us=-3, own_failures=0) == ()
    windows, late, own = doubts(busy, late_us=1_500_000, own_failures=4)
    assert "used 90% of its core" in windows
    assert "ready 1.5 s after" in late
    assert "4 messages never left" in own


def test_a_generator_that_was_stopped_for_two_seconds_is_not_believed():
    """The seconds it stood still write nothing; the next sample covers them."""
    stopped = [row for row in rows(late={9: (1, 1_900_000)}) if row.at_us not in (7 * S, 8 * S)]

    [window] = judge(stopped, warm_up_us=0).invalid
    assert "stood still for 2.0 s" in window.reason


def test_a_last_sample_of_milliseconds_is_no_second():
    last = row(16 * S, [200] * 100), row(16 * S + 4_000, [900_000], cpu=1.0)

    assert judge([*rows()[:15], *last], warm_up_us=0).valid


def test_after_the_last_arrival_nothing_is_judged():
    after = [GeneratorRow(second * S, 1.0, 0, 0, 0, 0) for second in range(21, 31)]

    assert len(judge([*rows(), *after], warm_up_us=0).windows) == 4
    assert judge([*rows(), *after], warm_up_us=0).valid


def test_lag_of_a_window_is_that_of_all_its_starts():
    assert judge(rows(late={3: (6, 9_000)}), warm_up_us=0).windows[0].lag_p99_us == pytest.approx(9_000, rel=0.1)


def test_run_that_was_never_measured_is_not_believed():
    verdict = judge([], warm_up_us=0)

    assert not verdict.valid
    assert "not measured" in str(verdict)
