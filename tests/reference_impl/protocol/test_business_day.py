"""A business day by itself and in a province: how it is dated, closed by barrier, and what its sheet says."""

from __future__ import annotations

from datetime import datetime

import pytest
from support.chain import FAR_HOSPITAL, Chain, at_rest
from support.messages import TOTAL_FEN, cancel, done, sale, sale_at_home

from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.business_day import BusinessDays, day_of
from reference_impl.protocol.day_sheet import SheetLine, sheet_of
from reference_impl.protocol.messages import Settled

HOUR_US = 3_600_000_000
MARCH_12, MARCH_13, MARCH_14, MARCH_15 = 20240312, 20240313, 20240314, 20240315


@pytest.mark.parametrize(
    ("at_us", "closes_s", "day"),
    [
        (0, 86_400, MARCH_13),
        (2 * HOUR_US - 1, 86_400, MARCH_13),
        (2 * HOUR_US, 86_400, MARCH_14),
        (HOUR_US - 1, 23 * 3600, MARCH_13),
        (HOUR_US, 23 * 3600, MARCH_14),  # after the hour of closing it is the next day's
        (-1, 86_400, MARCH_13),
        (-23 * HOUR_US, 86_400, 20240312),
        (2**62, 86_400, 21240528),  # an instant beyond a century is dated at its edge
    ],
)
def test_an_instant_is_dated_by_the_hour_of_closing(at_us, closes_s, day):
    dated = day_of(datetime(2024, 3, 13, 22), 1.0, closes_s)

    assert dated(at_us) == day


# --- the barrier ------------------------------------------------------------------------------------------------------


def dated_13th(_now_us):
    return MARCH_13


def test_a_day_stays_open_while_a_decision_waits_for_its_commit():
    days = BusinessDays(dated_13th)
    first, second = days.begin(0), days.begin(1)
    days.end(first)

    assert days.under_way(MARCH_13) == 1
    with pytest.raises(AssertionError, match="nothing in it is under way"):
        days.close(MARCH_13, MARCH_14)
    days.end(second)
    days.close(MARCH_13, MARCH_14)
    assert days.under_way(MARCH_13) == 0


def test_who_comes_late_by_a_stopped_clock_is_dated_on_the_first_open_day():
    days = BusinessDays(dated_13th)
    days.close(MARCH_13, MARCH_14)

    assert days.begin(0) == MARCH_14


def test_a_day_that_is_closed_again_stays_as_it_was():
    days = BusinessDays(dated_13th)
    days.close(MARCH_13, MARCH_14)
    days.close(MARCH_12, MARCH_13)

    assert days.begin(0) == MARCH_14


def test_what_day_it_is_does_not_depend_on_what_is_closed():
    days = BusinessDays(dated_13th)
    days.close(MARCH_13, MARCH_14)

    assert days.today(0) == MARCH_13


def test_what_is_dated_later_keeps_no_day_open():
    days = BusinessDays(lambda now_us: MARCH_13 if now_us < HOUR_US else MARCH_14)
    tomorrow = days.begin(HOUR_US)
    days.close(MARCH_13, MARCH_14)

    assert (days.under_way(MARCH_13), days.under_way(MARCH_14)) == (0, 1)
    assert (days.begin(0), tomorrow) == (MARCH_14, MARCH_14)


def test_a_day_is_followed_by_a_later_one():
    with pytest.raises(AssertionError, match="followed by a later one"):
        BusinessDays(dated_13th).close(MARCH_13, MARCH_13)


# --- in a province ----------------------------------------------------------------------------------------------------


def owed_fen(settled: Settled) -> int:
    return settled.amounts.fund_fen + settled.amounts.account_fen


def test_what_an_insurer_decides_after_it_closed_a_day_is_the_next_days_though_the_clock_says_otherwise(chain: Chain):
    done(chain.send(sale(1)))
    chain.nodes["63"].days.close(MARCH_13, MARCH_14)
    done(chain.send(sale(2)))

    assert [one.business_day for one in chain.standing()] == [MARCH_13, MARCH_14]
    assert chain.nodes["63"].days.under_way(MARCH_14) == 0, "what is committed keeps no day open"
    at_rest(chain)


def test_the_sheet_of_a_day_is_what_hospitals_were_told_by_province_of_care_with_refunds_counted_off(chain: Chain):
    near = done(chain.ask(FAR_HOSPITAL, NodeId("63"), sale_at_home(1)))
    first, second = (done(chain.send(sale(n, n * 100_000))) for n in (2, 3))
    chain.clock.us = 24 * HOUR_US
    done(chain.send(cancel(4, second)))
    settlements = chain.books["63"].read_all().settlements

    sheets = {day: sheet_of(settlements, day) for day in (MARCH_12, MARCH_13, MARCH_14, MARCH_15)}

    owed = owed_fen(first) + owed_fen(second)
    assert owed_fen(first) != owed_fen(second) > 0
    assert sheets == {
        MARCH_12: (),
        MARCH_13: (
            SheetLine(care="33", entries=2, total_fen=500_000, owed_fen=owed),
            SheetLine(care="63", entries=1, total_fen=TOTAL_FEN, owed_fen=owed_fen(near)),
        ),
        MARCH_14: (SheetLine(care="33", entries=1, total_fen=-300_000, owed_fen=-owed_fen(second)),),
        MARCH_15: (),
    }
