"""What policies come to: people, fen, trips, yuan-days and differences, against sums worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from lab.analysis import cutover
from lab.analysis.policies import late_figures
from scenarios.record.recorder import MidStayRow, TurnedAwayRow
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


NIGHT: tuple[dict[str, Any], ...] = ({"name": "first", "park_share": 1}, {"name": "second", "at": "48h"})
"""Two plans of one scope, the second a day and a half later; estimates are of the second alone, a quarter of a bill."""


def of_both(world: Any) -> dict[str, float]:
    first, second = (PLAN | changes for changes in NIGHT)
    courses = [course_of(Cutover.model_validate(plan), seed=1) for plan in (first | {"policies": {}}, second)]
    return cutover.measure(world.record(), courses, 1.0, lost=frozenset(), doubled=frozenset())


def held_up_twice(make: Any, world: Any, *hows: str, fate: str, **money: int) -> None:
    times = ((11, 35), (49, 73))
    world.turned_away = [
        TurnedAwayRow(0, plan["name"], began * HOUR, None if how == "paid" else until * HOUR, how)
        for plan, (began, until), how in zip(NIGHT, times, hows, strict=True)
    ]
    at = {"arrival_us": 11 * HOUR, "parked_us": DAY_H * HOUR, "ended_us": 73 * HOUR}
    world.visits = [make.visit_row(0, person="P0", fate=fate, **at, **money)]


def test_who_was_kept_by_one_stop_and_paid_at_the_door_of_the_next_has_paid_once(world: Any, make: Any) -> None:
    held_up_twice(make, world, "parked", "paid", fate="paper_by_closure", cash_fen=0, fund_fen=0, paper_fen=10_000)
    found = of_both(world)
    assert (found["cutover.paper_people"], found["cutover.paper_fen"]) == (1, 10_000)
    assert "cutover.park_fen" not in found
    assert found["cutover.park_fen[plan=first]"] == found["cutover.paper_fen[plan=second]"] == 10_000
    assert "cutover.paper_fen[plan=first]" not in found


def test_who_parked_at_one_stop_and_paid_an_estimate_at_the_next_is_made_up_by_that_plan(world: Any, make: Any) -> None:
    fate = "estimated_then_settled"
    held_up_twice(make, world, "parked", "stand_in", fate=fate, cash_fen=2_800, account_fen=200, fund_fen=7_000)
    found = of_both(world)
    assert found["cutover.true_up_fen"] == found["cutover.true_up_fen[plan=second]"] == 3_000 - 2_500
    assert found["cutover.park_people[plan=first]"] == found["cutover.stand_in_people[plan=second]"] == 1
    assert "cutover.park_people" not in found
    assert "cutover.true_up_fen[plan=first]" not in found


def test_who_stayed_at_home_and_then_paid_at_the_same_stop_has_paid_once(world: Any, make: Any) -> None:
    world.turned_away = [
        TurnedAwayRow(0, "33", 11 * HOUR, 12 * HOUR, "stayed_home"),
        TurnedAwayRow(0, "33", 12 * HOUR, None, "paid"),
    ]
    at = {"arrival_us": 11 * HOUR, "parked_us": HOUR, "ended_us": 12 * HOUR, "cash_fen": 0, "fund_fen": 0}
    world.visits = [make.visit_row(0, fate="paper_by_closure", paper_fen=10_000, **at)]
    found = measured(world)
    assert (found["cutover.paper_people"], found["cutover.paper_fen"]) == (1, 10_000)
    assert found["cutover.paper_days"] == found["cutover.advance_days"] == 1_000


def test_an_estimate_of_a_stay_that_was_settled_in_its_middle_is_of_the_rest(world: Any, make: Any) -> None:
    """Of 100 yuan 60 were settled before the stop; of the rest a quarter is paid at once, and 15 yuan are due."""
    world.visits, world.turned_away = list[Any](), list[Any]()
    kept(make, world, 0, "stand_in", "estimated_then_settled", cash_fen=3_500, account_fen=0, fund_fen=6_500)
    world.mid_stays = [MidStayRow(0, HOUR, "M", "V", "A", 6_000, 4_000, 2_000, 0, 0, 0, HOUR)]
    found = measured(world)
    assert found["cutover.stand_in_fen"] == 4_000
    assert found["cutover.stand_in_days"] == 40 - 10
    assert found["cutover.true_up_owed_fen"] == 1_500 - 1_000


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


def test_who_was_parked_and_then_paid_has_one_bill_and_every_trip(world: Any, make: Any) -> None:
    """Parked by the stop, and sent to pay at its door: it is one bill, and the trip in vain is one more of it."""
    emptied(world)
    kept(make, world, 0, "parked", "paper_by_closure", paper_fen=10_000)
    world.turned_away += [TurnedAwayRow(0, "33", (11 + DAY_H) * HOUR, None, "paid")]
    found = measured(world)
    assert "cutover.park_trips" not in found
    assert found["cutover.paper_trips"] == found["cutover.trips"] == 1 + 2
    assert found["cutover.paper_fen"] == 10_000


def test_a_claim_handed_in_after_its_deadline_is_lost_and_counted(world: Any, make: Any) -> None:
    """Claims come evenly over 60 days, and the office takes them for 45: a quarter is late, in people and fen."""
    emptied(world)
    world.visits += [make.visit_row(n, fate="paper_by_closure", paper_fen=100) for n in range(400)]
    plan = Cutover.model_validate(PLAN | {"policies": {"paper": {"deadline": "45d"}}})
    paid = [(plan, world.record().visits)]
    found = dict(late_figures(paid, seed=7))
    assert found["cutover.claims_late"] == pytest.approx(100, abs=25)
    assert found["cutover.claims_late_fen"] == 100 * found["cutover.claims_late"]
    assert dict(late_figures([(Cutover.model_validate(PLAN), world.record().visits)], seed=7)) == {}
