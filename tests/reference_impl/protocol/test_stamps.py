"""Business time as text: quick to make, and what the calendar's own formatting says."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from reference_impl.protocol import ids
from reference_impl.protocol.ids import Stamps

STARTS = (datetime(2024, 2, 28, 23, 58, 30), datetime(2023, 12, 31, 23, 59, 59), datetime(2024, 6, 3))
SECONDS = (0, 1, 29, 30, 31, 89, 90, 60, 59, -1, -61, 86_400, 3, 2, 86_399, 31_622_400, 0)


@pytest.mark.parametrize("start", STARTS, ids=str)
def test_every_second_reads_as_the_calendar_writes_it_in_whatever_order_it_is_asked_for(start):
    stamps = Stamps(start, time_scale=1.0)

    said = [stamps.second(second) for second in SECONDS]

    assert said == [(start + timedelta(seconds=second)).strftime("%Y%m%d%H%M%S") for second in SECONDS]


def test_a_day_is_formatted_once_for_all_its_seconds():
    formatted = []

    class Counted(datetime):
        def strftime(self, form):
            formatted.append(self)
            return super().strftime(form)

    stamps = Stamps(Counted(2024, 6, 3, 8, 15), time_scale=1.0)

    assert [stamps.second(second) for second in (7, 31, 7, 59, 4_200, 0)][-1] == "20240603081500"
    assert len(formatted) == 1
    assert ids.message_id("H33010000001", stamps.second(7), 5) == "H33010000001202406030815070005"


def test_a_run_longer_than_the_days_that_are_kept_reads_as_the_calendar_all_the_same():
    start = datetime(2024, 6, 3)
    stamps = Stamps(start, time_scale=1.0)
    seconds = [86_400 * day for day in (*range(ids._DAYS_KEPT + 2), 0)]

    said = [stamps.second(second) for second in seconds]

    assert said[-3:] == [(start + timedelta(seconds=second)).strftime("%Y%m%d%H%M%S") for second in seconds[-3:]]
    assert len(stamps._days) <= ids._DAYS_KEPT
