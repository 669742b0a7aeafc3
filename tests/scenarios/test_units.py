from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.units import (
    UnitError,
    format_duration,
    parse_duration,
    parse_rate,
    parse_share,
)

DURATIONS = """
    text      us
    0         0
    0s        0
    150ms     150000
    1.5s      1500000
    90s       90000000
    5min      300000000
    8h        28800000000
    3d18h     324000000000
    254h      914400000000
"""
WRONG_DURATIONS = [30, 1.5, "30", "-3s", "3 fortnights", "3m", "", "s", None, True, [], "0.3us", "1e3s", "٣s"]


@pytest.mark.parametrize("line", DURATIONS.strip().splitlines()[1:])
def test_duration_is_read_as_whole_microseconds(line):
    text, us = line.split()

    assert parse_duration(text) == int(us)


@pytest.mark.parametrize("wrong", WRONG_DURATIONS, ids=repr)
def test_duration_without_a_known_unit_is_refused(wrong):
    with pytest.raises(UnitError, match="expected a duration"):
        parse_duration(wrong)


@given(st.integers(0, 10**15))
def test_duration_written_is_read_back_exactly(duration_us):
    assert parse_duration(format_duration(duration_us)) == duration_us


@pytest.mark.parametrize(("text", "share"), [("2%", 0.02), ("0%", 0.0), ("100%", 1.0), (0.25, 0.25), (1, 1.0)])
def test_share_is_read(text, share):
    assert parse_share(text) == share


@pytest.mark.parametrize("wrong", ["2", "101%", -0.1, 1.5, "half", True, None, float("nan")], ids=repr)
def test_share_outside_0_to_1_is_refused(wrong):
    with pytest.raises(UnitError, match="expected a share"):
        parse_share(wrong)


@pytest.mark.parametrize(("text", "per_s"), [("5/s", 5.0), ("30/min", 0.5), ("86400/d", 1.0), ("0.5/s", 0.5)])
def test_rate_is_read_a_second(text, per_s):
    assert parse_rate(text) == per_s


@pytest.mark.parametrize("wrong", ["5", 5, "5/ms", "-1/s", "1/fortnight"], ids=repr)
def test_rate_without_a_known_unit_is_refused(wrong):
    with pytest.raises(UnitError, match="expected a rate"):
        parse_rate(wrong)
