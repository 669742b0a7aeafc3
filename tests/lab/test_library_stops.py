"""The stops of the library, simulated: the twelve real ones, what a notice is worth, the crowd at a reopening, the hub."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

import polars as pl
import pytest

import yidi
from scenarios.reading.loader import load_scenario, variant_names

PROVINCES_OWN = "37"
QUICKEST = "taizhou"
NOTICES = {
    "zhongshan": ("4420", "2020-12-28 20:00", "2021-01-01 00:00", 76),
    "taizhou": ("3212", "2021-09-18 18:00", "2021-09-21 08:00", 62),
    "bayingolin": ("6528", "2021-09-22 00:00", "2021-09-30 00:00", 192),
    "tianmen": ("4290", "2021-09-30 18:00", "2021-10-05 15:00", 117),
    "xinzhou": ("1409", "2021-10-21 18:00", "2021-10-31 22:00", 244),
    "harbin": ("2301", "2021-10-15 20:00", "2021-10-31 08:00", 372),
    "luan": ("3415", "2021-10-28 18:00", "2021-11-08 08:00", 254),
    "zhengzhou": ("4101", "2021-11-21 18:00", "2021-11-28 08:00", 158),
    "xinxiang": ("4107", "2021-11-24 18:00", "2021-11-30 08:00", 134),
    "suzhou": ("3205", "2021-12-30 20:00", "2022-01-02 08:00", 60),
    "huzhou": ("3305", "2022-02-10 23:00", "2022-02-15 00:00", 97),
    "shandong": (PROVINCES_OWN, "2022-03-15 20:00", "2022-03-25 08:00", 228),
}
"""Of each row of domain facts 4.1: region, first stop and last return, and the hours between them."""
LOCAL = {
    "harbin": ("2021-10-22 20:00", "2021-10-31 08:00", 204),
    "luan": ("2021-10-30 18:00", "2021-11-08 08:00", 206),
    "suzhou": ("2021-12-30 20:00", "2022-01-01 00:00", 28),
}
"""Where the notice gives local business hours of its own."""


@cache
def answered(name: str, variant: str | None) -> yidi.Answer:
    return yidi.simulate(yidi.load(name, variant=variant))


def hours_of(variant: str) -> dict[str, tuple[str, str, str, float]]:
    """Return scope, closing, return and hours of each plan, by its business."""
    scenario = load_scenario("real-stops", variant=variant)

    def moment(at_us: int) -> str:
        begins: datetime = scenario.horizon.start
        return f"{begins + timedelta(microseconds=at_us):%Y-%m-%d %H:%M}"

    return {
        plan.business.value: (
            plan.scope,
            moment(plan.close_at),
            moment(plan.planned_reopen_at),
            (plan.planned_reopen_at - plan.close_at) / 3_600_000_000,
        )
        for plan in scenario.cutover
    }


def test_the_family_has_a_variant_for_each_real_stop_with_hours():
    assert variant_names("real-stops") == tuple(NOTICES)


@pytest.mark.parametrize("variant", NOTICES)
def test_each_real_stop_has_the_dates_the_hours_and_the_region_of_its_notice(variant):
    found = hours_of(variant)

    assert found.get("cross", found.get("all")) == NOTICES[variant]
    assert (variant in LOCAL) == (len(found) == 2)
    if variant in LOCAL:
        assert found["local"] == (NOTICES[variant][0], *LOCAL[variant])


@pytest.mark.parametrize(
    "variant", [pytest.param(name, marks=() if name == QUICKEST else pytest.mark.slow) for name in NOTICES]
)
def test_every_gate_of_a_real_stop_holds(variant):
    assert [gate for gate in answered("real-stops", variant).gates if gate.verdict != "pass"] == []


@pytest.mark.parametrize(
    ("name", "variant"), [("hub-move", "quick"), *(("reopening-storm", each) for each in (None, "steps", "hours"))]
)
@pytest.mark.slow
def test_every_gate_of_the_hubs_move_and_of_the_storms_holds(name, variant):
    assert [gate for gate in answered(name, variant).gates if gate.verdict != "pass"] == []


@pytest.mark.slow
def test_a_notice_spares_second_trips_of_the_same_patients_and_lengthens_no_stay():
    told, untold = (answered("downtime-announced", variant) for variant in ("quick", "quick-untold"))
    came = [side.record.visits.select("visit", "person", "arrival_us", "kind") for side in (told, untold)]

    assert came[0].equals(came[1])
    assert [gate for side in (told, untold) for gate in side.gates if gate.verdict != "pass"] == []
    trips = [side.measures.flat()["cutover.trips"] for side in (told, untold)]
    assert trips[0] < 0.75 * trips[1]
    stays = [
        side.record.turned_away.join(came[0], on="visit").filter(pl.col("kind") == "inpatient")
        for side in (told, untold)
    ]
    assert stays[0].height == stays[1].height


@pytest.mark.slow
def test_hours_handed_out_calm_the_reopening_and_steps_alone_do_not():
    at_once, steps, hours = (
        answered("reopening-storm", variant).measures.flat() for variant in (None, "steps", "hours")
    )

    assert hours["cutover.arrival_peak"] < 0.5 * at_once["cutover.arrival_peak"] <= steps["cutover.arrival_peak"]
    assert hours["cutover.desk_wait.p95"] < at_once["cutover.desk_wait.p95"] <= steps["cutover.desk_wait.p95"]
