"""Arrivals: the rate of the week inverted exactly, stays that end by day, and the run's clock."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.patients.arrivals import DAY_US, HOUR_US, Profile, Stretch, discharge_us, to_run_clock

ONE_DAY_IN_HOURS = (0.0,) * 8 + (3.0, 1.0) + (0.0,) * 14
WEEK = (2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0)


def profile(start: str = "2024-03-11T00:00:00", hourly=ONE_DAY_IN_HOURS, weekday=(1.0,) * 7) -> Profile:
    return Profile(datetime.fromisoformat(start), hourly, weekday)


@pytest.mark.parametrize(
    ("start", "begin_h", "end_h", "expected"),
    [
        ("2024-03-11T00:00:00", 0, 24, 2.0),  # a Monday weighs twice a mean day of this week
        ("2024-03-11T00:00:00", 24, 48, 1.0),
        ("2024-03-11T00:00:00", -24, 0, 0.0),  # the Sunday before
        ("2024-03-11T00:00:00", 0, 168, 7.0),
        ("2024-03-11T00:00:00", 8, 9, 1.5),
        ("2024-03-11T08:30:00", 0, 1, 1.5 / 2 + 0.5 / 2),
        ("2024-03-17T23:59:59", 0, 24, 2.0),  # a second of Sunday, then Monday
        ("2024-03-11T00:00:00", 10, 30, 0.0),
    ],
)
def test_expected_arrivals_are_the_area_under_the_rate(start, begin_h, end_h, expected):
    stretch = Stretch(profile(start, weekday=WEEK), begin_us=begin_h * HOUR_US, end_us=end_h * HOUR_US)

    assert stretch.expected == pytest.approx(expected)


@pytest.mark.parametrize(
    ("u", "hour"),
    [(0.0, 8.0), (0.375, 8.5), (0.75, 9.0), (0.875, 9.5), (1.0 - 2.0**-53, 10.0)],
)
def test_a_share_of_the_days_arrivals_has_come_by_its_hour(u, hour):
    stretch = Stretch(profile(), begin_us=0, end_us=DAY_US)

    assert stretch.invert(np.array([u]))[0] == pytest.approx(hour * HOUR_US, abs=1)


@given(
    u=st.floats(0.0, 1.0 - 2.0**-53),
    begin_h=st.integers(-400, 400),
    length_us=st.integers(DAY_US, 10 * DAY_US),
    minute=st.integers(0, 59),
)
def test_nobody_arrives_outside_the_stretch_or_in_an_hour_without_weight(u, begin_h, length_us, minute):
    week = profile(f"2024-03-13T07:{minute:02d}:11")
    begin_us = begin_h * HOUR_US
    stretch = Stretch(week, begin_us=begin_us, end_us=begin_us + length_us)

    [moment_us] = stretch.invert(np.array([u])).tolist()

    assert begin_us <= moment_us < begin_us + length_us
    assert (moment_us + week.since_midnight_us) // HOUR_US % 24 in (8, 9)


def test_a_stretch_nobody_can_arrive_in_is_refused():
    stretch = Stretch(profile(), begin_us=12 * HOUR_US, end_us=20 * HOUR_US)

    assert stretch.expected == 0.0
    with pytest.raises(ValueError, match="nobody arrives"):
        stretch.invert(np.array([0.5]))


@pytest.mark.parametrize(
    ("admitted_h", "stay_h", "u", "discharged_h"),
    [
        (9, 48, 0.0, 48 + 8),  # by its length on day 2, at the first hour anybody leaves
        (9, 48, 0.875, 48 + 9.5),
        (9, 2, 0.875, 24 + 9.5),  # within an hour of admission is no stay: the next day
        (2, 2, 0.375, 8.5),  # admitted at night, home the same day
        (-100, 50, 0.375, -72 + 8.5),  # a stay of the past
    ],
)
def test_a_stay_ends_on_the_day_its_length_says_at_an_hour_of_the_profile(admitted_h, stay_h, u, discharged_h):
    ends_us = discharge_us(
        profile(),
        admitted_us=np.array([admitted_h * HOUR_US]),
        stay_us=np.array([stay_h * HOUR_US]),
        u=np.array([u]),
    )

    assert ends_us.tolist() == pytest.approx([discharged_h * HOUR_US], abs=1)


def test_the_clock_of_the_run_is_business_time_divided_and_rounded_down():
    business_us = np.array([0, 999, 1_000, 86_400_000_000, -1])

    assert to_run_clock(business_us, 1.0).tolist() == business_us.tolist()
    assert to_run_clock(business_us, 1_000.0).tolist() == [0, 0, 1, 86_400_000, -1]
    assert to_run_clock(business_us, 2.5).tolist() == [0, 399, 400, 34_560_000_000, -1]
