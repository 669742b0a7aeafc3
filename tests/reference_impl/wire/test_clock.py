from __future__ import annotations

import doctest
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.wire import clock as clock_module
from reference_impl.wire import hops as hops_module
from reference_impl.wire.clock import BusinessClock

START = datetime(2024, 12, 31, 20, tzinfo=UTC)


@pytest.mark.parametrize("module", [clock_module, hops_module], ids=lambda module: module.__name__)
def test_examples_in_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("at_us", "scale", "text"),
    [
        (0, 1.0, "2024-12-31 20:00:00"),
        (999_999, 1.0, "2024-12-31 20:00:00"),
        (14_400_000_000, 1.0, "2025-01-01 00:00:00"),
        (240_000_000, 60.0, "2025-01-01 00:00:00"),
        (-1_000_000, 1.0, "2024-12-31 19:59:59"),
        (10_000_000, 2.5, "2024-12-31 20:00:25"),
    ],
)
def test_business_time_runs_scale_times_as_fast(at_us, scale, text):
    assert BusinessClock(START, scale).text(at_us) == text


@pytest.mark.parametrize("scale", [1.0, 7.0, 60.0, 1e-3])
def test_a_moment_has_a_date_from_the_first_to_the_last_of_the_calendar(scale):
    clock = BusinessClock(START, scale)
    first_us, last_us = clock.span_us

    for at_us in (first_us, last_us):
        assert clock.holds(at_us)
        assert clock.text(at_us)
    for beyond_us in (first_us - 1, last_us + 1):
        assert not clock.holds(beyond_us)
        if scale > 1e-3:  # a clock as slow as that comes to the end of 64 bits first
            with pytest.raises(OverflowError):
                clock.text(beyond_us)


def test_a_kept_second_is_not_taken_for_another():
    clock = BusinessClock(START, 1.0)
    texts = [clock.text(at_us) for at_us in (0, 500_000, 1_000_000, 0)]
    assert texts == ["2024-12-31 20:00:00"] * 2 + ["2024-12-31 20:00:01", "2024-12-31 20:00:00"]


@given(st.integers(-(10**7), 10**7), st.sampled_from([1.0, 2.0, 60.0, 254.0]))
def test_a_whole_business_second_is_read_back_within_half_a_microsecond_of_the_run(second, scale):
    clock = BusinessClock(START, scale)
    at_us = round(second * 1_000_000 / scale)
    near = {clock.us_of(clock.text(at_us + shift)) for shift in (0, 1)}
    assert at_us in near


def test_stamps_differ_by_machine_time_whatever_the_scale():
    clock = BusinessClock(START, 3600.0)
    assert clock.stamp_ms(0) == "20241231200000000"
    assert clock.stamp_ms(1_000, 2_345_678) == "20241231200005945"
    assert clock.stamp_ms(0, 999_999) == "20241231200000999"


def test_a_clock_that_stands_still_is_refused():
    with pytest.raises(ValueError, match=r"time_scale must be > 0 \(got 0\.0\)"):
        BusinessClock(START, 0.0)


@pytest.mark.parametrize("text", ["", "soon", "2024-13-01 00:00:00"])
def test_text_that_is_no_moment_is_refused(text):
    with pytest.raises(ValueError, match=r"isoformat|month"):
        BusinessClock(START, 1.0).us_of(text)
