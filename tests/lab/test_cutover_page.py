"""The page of a planned stop: what it draws and says, each against the same thing counted another way."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from math import comb

import numpy as np
import polars as pl
import pytest

import yidi
from lab.analysis.chances import chance, opened_by
from lab.analysis.every_run import NEVER
from lab.report import series_cutover
from lab.report.pages import write_comparison
from lab.report.sankey import heights
from lab.report.summary import PutIn
from lab.report.wording_cutover import put_in
from lab.report.wording_pair import pair_words
from scenarios.record.fates import DIRECT_FATES
from scenarios.schema.cutover import Phase

H = 3_600_000_000
NIGHT = "overrun-and-rollback"


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    """The same nights with a last point of return and without: two replications each, on the same seeds."""
    root = tmp_path_factory.mktemp("nights")
    sets = ["visits.per_day=250"]
    back = yidi.run(NIGHT, variant="quick", sets=sets, reps=2, out=root / "back")
    on = yidi.run(NIGHT, variant="quick", sets=[*sets, "cutover.roll_back=null"], reps=2, out=root / "on")
    return [yidi.read(folder)["sim"] for folder in (back, on)]


@pytest.fixture(scope="module")
def night(nights):
    return nights[1]


def test_backlog_and_its_oldest_are_those_of_who_waits_at_each_moment(night):
    begin_us, end_us = series_cutover.window_us(night.record, night.scenario)
    at_us, waiting, oldest_us = series_cutover.backlog_over_time(night.record, night.scenario, begin_us, end_us)
    parked = [
        (max(row["arrival_us"] if row["kind"] != "inpatient" else row["ended_us"] - row["parked_us"] - row["desk_wait_us"],
             9 * H), row["ended_us"] if row["ended_us"] is not None else NEVER)
        for row in night.record.visits.to_dicts() if not row["local"] and row["parked_us"] and row["ended_us"]
    ]  # fmt: skip
    for place in range(0, at_us.size, 20):
        here = [joined for joined, left in parked if joined <= at_us[place] < left]
        assert waiting[place] >= len(here)  # and who queues behind those
        if here and waiting[place] == len(here):
            assert oldest_us[place] == pytest.approx(at_us[place] - min(here))
    assert waiting.max() <= night.run.replications[0].measures["cutover.backlog"]
    assert waiting.max() >= 0.8 * night.run.replications[0].measures["cutover.backlog"]
    assert waiting[0] == 0


def test_who_came_and_was_settled_adds_up_over_the_bins(night):
    begin_us, end_us = series_cutover.window_us(night.record, night.scenario)
    bins = series_cutover.came_and_let_in(night.record, night.scenario, begin_us, end_us, H)
    direct = [fate.value for fate in DIRECT_FATES]
    anhui = night.record.visits.filter(~pl.col("local") & (
        pl.col("care_region").str.starts_with("34") | pl.col("insured_region").str.starts_with("34")))  # fmt: skip
    settled = anhui.filter(pl.col("fate").is_in(direct) & pl.col("ended_us").is_between(begin_us, end_us))
    assert bins["let_in"].sum() == settled.height
    mine = set(anhui["visit"])
    back = {(row["visit"], row["until_us"]) for row in night.record.turned_away.to_dicts()
            if row["until_us"] and row["visit"] in mine}  # fmt: skip
    wants = [
        row["arrival_us"] if row["kind"] != "inpatient" else row["ended_us"] - row["parked_us"] - row["desk_wait_us"]
        for row in anhui.to_dicts() if row["kind"] != "inpatient" or row["ended_us"] is not None
    ]  # fmt: skip
    moments = [*wants, *(until for _, until in back)]
    assert bins["came"].sum() == sum(begin_us <= at <= end_us for at in moments)


def test_phases_are_drawn_as_announced_and_as_they_came(night):
    bars = series_cutover.phase_bars(night.record, night.scenario)
    closed = {bar.true: (bar.begin_us, bar.end_us) for bar in bars if bar.phase is Phase.CLOSE}
    assert closed[False] == (10 * H, 19 * H)
    assert closed[True][1] - 10 * H == 9 * H + night.run.replications[0].measures["cutover.overrun"]


def test_every_piece_in_flight_flows_to_its_fate_once(night):
    for moment in ("stop_accept", "close", "reopen"):
        listed = night.record.inflight.filter(snapshot=moment)
        counted = Counter(zip(listed["stage"], listed["fate"], strict=True))
        flows = {
            (stage, fate): count for stage, fate, count in series_cutover.flows(night.record, Phase(moment)).rows()
        }
        assert flows == dict(counted)


def test_blocks_fill_the_height_in_the_order_of_their_names_and_leave_room_between():
    found = heights({"many": 960, "few": 30, "one": 1})
    tops, bottoms = [top for _, top in found.values()], [bottom for bottom, _ in found.values()]
    assert tops[0] == 1.0
    assert bottoms[-1] == pytest.approx(0.0)
    assert all(bottom - top >= 0.05 for bottom, top in zip(bottoms[:-1], tops[1:], strict=True))
    many = {f"n{number}": 1 for number in range(30)}
    assert all(top > bottom for bottom, top in heights(many).values())


# --- chances ---


def test_the_chance_to_be_open_is_asked_for_the_announced_hour_and_for_later_half_hours():
    start = datetime(2024, 3, 13)
    found = opened_by(start, [7.2 * H, 7.0 * H, 8.4 * H, 7.6 * H], announced_us=7 * H)
    told = {f"{one.by:%H:%M}": one.share for one in found}
    assert told == {"07:00": 0.25, "07:30": 0.5, "08:00": 0.75, "08:30": 1.0}


def test_one_run_is_no_chance():
    assert opened_by(datetime(2024, 3, 13), [7.0 * H], announced_us=7 * H) == ()


@pytest.mark.parametrize("true", [0.1, 0.5, 0.9])
def test_the_interval_of_a_chance_covers_it_at_least_as_often_as_it_says(true):
    """Counted over every outcome of twenty replications, each with its own probability: exact, no draw."""
    covered = 0.0
    for hits in range(21):
        _, low, high = chance(hits, 20)
        covered += comb(20, hits) * true**hits * (1 - true) ** (20 - hits) * (low <= true <= high)
    assert covered >= 0.95


# --- words ---


@pytest.mark.parametrize(("found_h", "queued_h", "says"), [
    (2.33, 0.05, "is what was put in, not what was found"),
    (9.0, 6.5, "6.5 h of it came after the last was back"),
    (None, None, "never ended"),
])  # fmt: skip
def test_a_drain_that_is_no_more_than_ramp_and_spread_says_so(found_h, queued_h, says):
    hours = [None if one is None else one * H for one in (found_h, queued_h)]
    assert says in put_in(PutIn(measure="cutover.drain", assumed_us=3.0 * H, found_us=hours[0], queued_us=hours[1]))


def test_the_page_of_a_stop_has_its_pictures_chances_and_sentences(night):
    page = (night.folder / "report.html").read_text(encoding="utf-8")
    for words in ("Chance to be open by", "What became of the business in flight", "The drain of", "95 % interval"):
        assert words in page
    for name in ("stop", "flows"):
        assert (night.folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


# --- plan beside plan ---


def test_plans_are_compared_on_the_same_patients_with_paired_intervals(nights, tmp_path):
    first, second = nights
    summary = write_comparison(first, second, tmp_path / "both.html")
    fates = [dict(one.record.visits.filter(~pl.col("local")).select("visit", "fate").iter_rows()) for one in nights]
    moved = Counter((fates[0][visit], fates[1][visit]) for visit in fates[0])
    assert {(one.first, one.second): one.count for one in summary.moved} == dict(moved)
    [row] = [one for one in summary.differences if one.measure == "cutover.budget_intents"]
    each = [[r.measures["cutover.budget_intents"] for r in one.run.replications] for one in nights]
    assert row.difference is not None
    assert row.difference.value == pytest.approx(np.mean(each[1]) - np.mean(each[0]))
    spread = np.std(np.subtract(each[1], each[0]), ddof=1) / np.sqrt(2)
    assert row.difference.high - row.difference.value == pytest.approx(12.706 * spread, rel=1e-3)
    words = pair_words(summary)
    assert words["stop_table"].rows
    assert not any(cells[0].startswith("cutover.") for cells in words["table"].rows)
    assert (tmp_path / "figures" / "budget.png").is_file()
    assert "The same patients" in (tmp_path / "both.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gated") / "run"
    yidi.run("gated-reopening", variant="quick", out=folder)
    return folder


def test_the_page_lists_what_was_decided_at_the_gates_and_why(gated):
    [answer] = yidi.read(gated).values()
    events = answer.record.events.filter(pl.col("kind").is_in(["go", "hold", "no_go", "gate_met"]))
    page = (gated / "report.html").read_text(encoding="utf-8")

    assert events.filter(kind="hold").height >= 1
    assert page.count("<td>hold</td>") == events.filter(kind="hold").height
    assert page.count("<td>go</td>") == events.filter(kind="go").height
    assert "p95 4.1 s above 3 s" in page
