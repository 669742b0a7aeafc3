"""The ledger of business in flight: every listed piece with its one fate, and what it cost from then on."""

from __future__ import annotations

import polars as pl
import pytest

import yidi
from lab.analysis.ledger import LEDGER_FILE, follow_up, resolved_how
from scenarios.record.recorder import InflightRow, TurnedAwayRow
from scenarios.schema import Cutover

HOUR = 3_600_000_000
LISTED = InflightRow("stop_accept", 9 * HOUR, 0, "at_desk", "pharmacy", "330400", "631100", 500, plan="night")


def ledger(world, *listed, away=(), time_scale=1.0, lost=(), doubled=()):
    world.inflight, world.turned_away = list(listed), list(away)
    night = Cutover.model_validate({"name": "night", "scope": "33", "at": "10h", "window": "5h"})
    return follow_up(world.record(), [night], time_scale, lost=frozenset(lost), doubled=frozenset(doubled)).to_dicts()


def away(visit, at_h, until_h, how="parked", plan="night"):
    return TurnedAwayRow(visit, plan, int(at_h * HOUR), None if until_h is None else int(until_h * HOUR), how)


def test_a_piece_that_was_parked_is_followed_through_its_wait_to_its_end(world, make):
    world.visits = [make.visit_row(0, fate="parked_then_direct", total_fen=24_000, ended_us=20 * HOUR)]

    [row] = ledger(world, LISTED._replace(fate="parked_then_direct"), away=[away(0, 10, 16)])

    assert (row["ended_after_us"], row["delay_us"], row["trips"]) == (11 * HOUR, 6 * HOUR, 1)
    assert row["advance_yuan_days"] == pytest.approx(240 * 6 / 24)
    assert not row["lost"]


def test_what_was_before_the_listing_is_not_counted_again_after_it(world, make):
    """Parked from 10 h to 16 h and listed at 15 h: an hour of it is still to come, and so is the trip."""
    world.visits = [make.visit_row(0, fate="parked_then_direct", ended_us=20 * HOUR)]
    late = LISTED._replace(snapshot="reopen", at_us=15 * HOUR, stage="parked", fate="parked_then_direct")

    [row] = ledger(world, late, away=[away(0, 4, 8), away(0, 10, 16)])

    assert (row["delay_us"], row["trips"]) == (1 * HOUR, 1)


def test_one_wait_behind_two_doors_is_one_trip_and_as_long_as_the_longer(world, make):
    world.visits = [make.visit_row(0, fate="parked_then_direct", ended_us=20 * HOUR)]
    both = [away(0, 10, 16), away(0, 10, 16, plan="hub")]

    [row] = ledger(world, LISTED._replace(fate="parked_then_direct"), away=both)

    assert (row["delay_us"], row["trips"]) == (6 * HOUR, 1)


def test_sent_away_again_is_a_trip_more_and_told_beforehand_is_none(world, make):
    world.visits = [make.visit_row(number, fate="parked_then_direct", ended_us=30 * HOUR) for number in (0, 1)]
    again = [away(0, 10, 16), away(0, 16, 20), away(1, 10, 16, "stayed_home")]

    rows = ledger(world, *(LISTED._replace(visit=number, fate="parked_then_direct") for number in (0, 1)), away=again)

    assert [row["trips"] for row in rows] == [2, 0]
    assert [row["delay_us"] for row in rows] == [10 * HOUR, 6 * HOUR]
    assert rows[1]["advance_yuan_days"] == 0  # who stayed at home has no bill that lies open


def test_who_paid_is_out_of_the_money_until_the_claim_is_paid(world, make):
    world.visits = [make.visit_row(0, fate="paper_by_closure", paper_fen=10_000, ended_us=9 * HOUR)]

    [row] = ledger(
        world, LISTED._replace(stage="manual_claim", fate="paper_by_closure"), away=[away(0, 9, None, "paid")]
    )

    assert (row["trips"], row["advance_yuan_days"], row["delay_us"], row["ended_after_us"]) == (1, 1400, 0, 0)


def test_an_estimate_is_no_longer_open(world, make):
    """Half of 240 yuan was paid as an estimate: the other half is open for six hours, and nobody makes a trip."""
    world.visits = [make.visit_row(0, fate="estimated_then_settled", total_fen=24_000, ended_us=20 * HOUR)]

    [row] = ledger(world, LISTED._replace(fate="estimated_then_settled"), away=[away(0, 10, 16, "stand_in")])

    assert (row["trips"], row["advance_yuan_days"]) == (0, pytest.approx(120 * 6 / 24))


def test_times_are_people_time(world, make):
    world.visits = [make.visit_row(0, fate="parked_then_direct", ended_us=20 * HOUR)]

    [row] = ledger(world, LISTED._replace(fate="parked_then_direct"), away=[away(0, 10, 16)], time_scale=24.0)

    assert (row["ended_after_us"], row["delay_us"]) == (24 * 11 * HOUR, 24 * 6 * HOUR)


def test_lost_and_doubled_are_what_the_checker_found(world, make):
    world.visits = [make.visit_row(0), make.visit_row(1)]

    rows = ledger(world, LISTED, LISTED._replace(visit=1), lost=[1], doubled=["V0"])

    assert [(row["visit"], row["lost"], row["doubled"]) for row in rows] == [(0, False, True), (1, True, False)]


def test_an_unknown_outcome_is_resolved_by_asking_again_by_taking_back_or_by_hand(world, make):
    sent = make.message_row(0, outcome="unknown", sent_us=10, done_us=20)
    world.messages = [
        sent, sent._replace(attempt=2, sent_us=30, done_us=45, outcome="ok"),
        sent._replace(visit=1, msgid="M1"), sent._replace(visit=1, msgid="R1", code="2601", sent_us=50, done_us=60),
        sent._replace(visit=1, msgid="R1", code="2601", attempt=2, sent_us=70, done_us=90, outcome="ok"),
        sent._replace(visit=2, msgid="M2", outcome="busy"),
        sent._replace(visit=3, msgid="M3", outcome="ok"),
    ]  # fmt: skip

    found = resolved_how(world.record()).sort("visit")

    assert found.select("visit", "how", "age_us").rows() == [(0, "query", 35), (1, "reversal", 80), (2, "hand", None)]


def test_a_run_of_a_stop_leaves_its_ledger_and_nothing_in_it_is_lost_or_without_a_fate(tmp_path):
    folder = yidi.run("cutover-luan-2021", variant="quick", out=tmp_path / "run")

    kept = pl.read_parquet(folder / LEDGER_FILE)
    opened = yidi.read(folder)["sim"]

    assert kept.height == opened.record.inflight.height > 50
    assert kept["fate"].null_count() == 0
    assert not kept.select(pl.any_horizontal("lost", "doubled").any()).item()
    assert set(kept["snapshot"]) == {"stop_accept", "close", "reopen"}
    assert {"open_stay", "parked", "manual_claim"} <= set(kept["stage"])
    assert LEDGER_FILE in opened.replication.checksums
    ends = opened.record.visits.select("visit", "ended_us", "parked_us")
    first = kept.filter(snapshot="stop_accept", plan="luan-cross").join(ends, on="visit")
    # Whoever was listed before any door had closed was parked from then on only: the delay is all of it.
    fresh = first.filter((pl.col("stage") != "parked") & pl.col("fate").str.contains("direct"))
    assert fresh.height
    assert fresh.filter(pl.col("delay_us") != pl.col("parked_us")).is_empty()
