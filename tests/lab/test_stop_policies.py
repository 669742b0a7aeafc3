"""What policies come to: people, fen, trips, yuan-days and differences, against sums worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from lab.analysis import cutover
from scenarios.record.recorder import TurnedAwayRow
from scenarios.schema import Cutover
from scenarios.schema.course import course_of

HOUR = 3_600_000_000
PLAN = {
    "scope": "33", "at": "10h", "stop_before": "1h", "window": "13h", "ramp": "1h",
    "policies": {
        "mixes": [{"park": 0.2, "wait": 0.2, "settle_later": 0.2, "stand_in": 0.2, "paper": 0.2}],
        "stand_in": {"limit_fen": 30_000, "own_share": {"pharmacy": "25%"}},
        "paper": {"days": 10, "trips": 2},
        "hospital_advance": "50%",
    },
}  # fmt: skip
DAY_H = 24


def emptied(world: Any) -> None:
    world.visits = list[Any]()
    world.turned_away = list[Any]()


def kept(make: Any, world: Any, visit: int, how: str, fate: str, **money: int) -> None:
    """A bill of 100 yuan, held up at 11:00 and settled a day later."""
    until = (11 + DAY_H) * HOUR
    world.turned_away += [TurnedAwayRow(visit, "33", 11 * HOUR, until, how)]
    times = {"arrival_us": 11 * HOUR, "parked_us": DAY_H * HOUR, "ended_us": until}
    world.visits += [make.visit_row(visit, person=f"P{visit}", fate=fate, **times, **money)]


def measured(world: Any, time_scale: float = 1.0) -> dict[str, float]:
    courses = (course_of(Cutover.model_validate(PLAN), seed=1),)
    return cutover.measure(world.record(), courses, time_scale, lost=frozenset(), doubled=frozenset())


@pytest.fixture
def everybody(world: Any, make: Any) -> Any:
    """One patient of each policy, and two whose estimate was wrong: 25 yuan of 100 were paid."""
    emptied(world)
    kept(make, world, 0, "parked", "parked_then_direct")
    kept(make, world, 1, "waited", "waited_then_direct")
    kept(make, world, 2, "came_back", "waited_then_direct")
    kept(make, world, 3, "settle_later", "settled_later")
    kept(make, world, 4, "on_account", "on_account_then_direct")
    kept(make, world, 5, "stand_in", "estimated_then_settled", cash_fen=2_800, account_fen=200, fund_fen=7_000)
    kept(make, world, 6, "stand_in", "estimated_then_settled", cash_fen=2_400, account_fen=0, fund_fen=7_600)
    kept(make, world, 7, "stand_in", "refused", cash_fen=0, fund_fen=0)
    kept(make, world, 8, "stand_in", "open_at_end", cash_fen=0, fund_fen=0)
    world.turned_away += [TurnedAwayRow(9, "33", 11 * HOUR, None, "paid")]
    world.visits += [make.visit_row(9, person="P9", arrival_us=11 * HOUR, fate="paper_by_closure", paper_fen=10_000)]
    return world


def test_each_recourse_has_its_people_fen_trips_and_days(everybody: Any) -> None:
    found = measured(everybody)
    table = {
        name: tuple(found[f"cutover.{name}_{part}"] for part in ("people", "fen", "trips", "days"))
        for name in ("park", "wait", "settle_later", "on_account", "stand_in", "paper")
    }
    assert table == {
        "park": (1, 10_000, 1, 100), "wait": (2, 20_000, 1, 200), "settle_later": (1, 10_000, 0, 100),
        "on_account": (1, 10_000, 1, 100), "stand_in": (4, 40_000, 0, 4 * 75), "paper": (1, 10_000, 2, 1_000),
    }  # fmt: skip
    assert found["cutover.trips"] == 1 + 1 + 1 + 2
    assert found["cutover.advance_days"] == 100 + 200 + 100 + 100 + 300 + 1_000


def test_what_was_estimated_is_made_up_to_the_fen(everybody: Any) -> None:
    """One owes 5 yuan more, one gets 1 back, one whom the insurer refused owes the rest; one has no verdict yet."""
    found = measured(everybody)
    assert found["cutover.true_up_owed_fen"] == 500 + 7_500
    assert found["cutover.true_up_refund_fen"] == 100
    assert found["cutover.true_up_fen"] == 500 + 7_500 + 100


def test_funds_advance_their_share_of_the_bills_that_stay_open(everybody: Any) -> None:
    found = measured(everybody)
    assert found["cutover.fund_advance"] == (5 * 100 + 4 * 75) / 2
    assert found["cutover.hospital_days"] == (5 * 100 + 4 * 75) / 2


def test_only_who_stays_at_the_hospital_stands_there_and_people_time_is_stretched(everybody: Any) -> None:
    assert measured(everybody)["cutover.waited"] == DAY_H * HOUR
    assert measured(everybody, 3.0)["cutover.waited"] == 3 * DAY_H * HOUR


def test_a_policy_that_nobody_took_has_no_figures(world: Any, make: Any) -> None:
    world.visits = [make.visit_row(0)]
    assert not {name for name in measured(world) if "_people" in name or "true_up" in name}


def test_every_trip_in_vain_is_a_trip(world: Any, make: Any) -> None:
    """The stop overran: who came back at the hour that was told was sent away again, and had to come a third time."""
    emptied(world)
    kept(make, world, 0, "parked", "parked_then_direct")
    away = world.turned_away.pop()
    noon = 12 * HOUR
    world.turned_away = [away._replace(until_us=noon), away._replace(at_us=noon)]
    assert (measured(world)["cutover.trips"], measured(world)["cutover.park_trips"]) == (2, 2)
    assert measured(world)["cutover.advance_days"] == 100


def test_who_stayed_at_home_has_no_bill_that_lies_open(world: Any, make: Any) -> None:
    """One heeded the notice; the other did too, and was sent away once more by the stop that overran."""
    emptied(world)
    kept(make, world, 0, "stayed_home", "parked_then_direct")
    kept(make, world, 1, "stayed_home", "parked_then_direct")
    world.turned_away[-1] = world.turned_away[-1]._replace(until_us=23 * HOUR)
    world.turned_away += [world.turned_away[-1]._replace(at_us=23 * HOUR, until_us=35 * HOUR, how="parked")]
    found = measured(world)
    assert (found["cutover.trips"], found["cutover.park_people"]) == (1, 2)
    assert found["cutover.advance_days"] == found["cutover.park_days"] == 50
    assert found["cutover.fund_advance"] == 100 / 2


def test_who_was_parked_and_then_paid_has_one_bill_under_each(world: Any, make: Any) -> None:
    """Parked by the stop, and sent to pay by another door: what was paid is no bill of the parked."""
    emptied(world)
    kept(make, world, 0, "parked", "paper_by_closure", paper_fen=10_000)
    world.turned_away += [TurnedAwayRow(0, "33", (11 + DAY_H) * HOUR, None, "paid")]
    found = measured(world)
    assert (found["cutover.park_trips"], found["cutover.paper_trips"]) == (1, 2)
    assert (found["cutover.park_fen"], found["cutover.paper_fen"]) == (10_000, 10_000)
