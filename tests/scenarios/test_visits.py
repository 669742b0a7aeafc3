"""The plan of visits: same seed same plan, steady state at the start, the scenario's volumes, mix, rhythm and shares."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from reference_impl.domain.fees import FeeLine
from scenarios.patients.arrivals import DAY_US, HOUR_US
from scenarios.patients.institutions import INPATIENT, KINDS, OUTPATIENT, PHARMACY
from scenarios.patients.population import person_facts
from scenarios.patients.visits import VisitPlan, plan_visits
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario

THREE_PROVINCES = {"regions": ["33", "34", "63"], "cities": ["3415"]}
DIGEST = "d5f4a01d2819ed5bc96dd981748c149808f1412d814989381c87f1a550f3199a"


def plan_of(**keys) -> VisitPlan:
    return plan_visits(resolve(Scenario.model_validate({"name": "plan", **keys})))


@pytest.fixture(scope="module")
def small() -> VisitPlan:
    """A hundredth of an average day."""
    return plan_of(scale={"volume": 0.01})


@pytest.fixture(scope="module")
def fortnight() -> VisitPlan:
    """Two weeks of 4,000 visits a day among three provinces, no background."""
    return plan_of(
        horizon={"start": "2024-03-11T00:00:00", "length": "14d"},
        visits={"per_day": 4_000, "local_per_cross": 0, "stay_mean": "5d"},
        topology=THREE_PROVINCES,
    )


# --- the same patients ------------------------------------------------------------------------------------------------


def test_same_seed_same_plan_on_any_machine():
    """The digest is a constant: computed on one machine, it holds on all. Everything a default could move is stated."""
    keys = {
        "seed": 20240313,
        "horizon": {"start": "2024-03-13T05:30:00", "length": "30h"},
        "scale": {"time": 7, "volume": 0.01},
        "visits": {
            "per_day": 652_000,
            "mix": {"outpatient": 0.65, "pharmacy": 0.25, "inpatient": 0.1},
            "hourly": [0] * 7 + [5, 15, 13, 12, 8, 4, 6, 9, 8, 6, 4, 2, 2, 1, 0, 0, 0],
            "weekday": [1.2, 1.1, 1, 1, 1, 0.9, 0.8],
            "flows": {"decay": 1.5, "insured_city_shares": {"3415": 0.2}},
            "temporary_share": 0.4,
            "local_per_cross": 0.5,
            "stay_mean": "8d",
            "handling": "90s",
            "explicit": EXPLICIT,
        },
        "topology": {
            "cities": ["3415"],
            "hospitals_per_province": {"hospital": 9, "pharmacy": 5},
            "desks_per_hospital": 6,
        },
    }

    assert plan_of(**keys).digest() == plan_of(**keys).digest() == DIGEST


def test_another_seed_gives_other_patients_at_the_same_institutions(small):
    other = plan_of(seed=2, scale={"volume": 0.01})

    assert other.digest() != small.digest()
    assert other.hospitals == small.hospitals


def test_background_moves_no_cross_province_visit():
    keys = {"scale": {"volume": 0.002}, "topology": {"regions": ["33", "34"]}}
    alone = plan_of(visits={"local_per_cross": 0}, **keys)
    among = plan_of(visits={"local_per_cross": 3}, **keys)

    rows = ~among.columns.local
    assert rows.sum() == len(alone) < len(among)
    for name in ("arrival_us", "stay_us", "kind", "total_fen", "insured_region", "serial", "hospital"):
        assert np.array_equal(getattr(among.columns, name)[rows], getattr(alone.columns, name))


def test_rows_are_sorted_and_say_the_same_as_the_objects(small):
    columns = small.columns
    assert np.all(np.diff(columns.arrival_us) >= 0)
    for number in range(0, len(small), 997):
        visit = small.visit(number)
        facts = person_facts(visit.person)
        assert visit.visit == number
        assert visit.arrival_us == columns.arrival_us[number]
        assert visit.care_region == visit.hospital.region
        assert visit.kind in visit.hospital.kinds
        assert facts[:4] == (visit.person_type, visit.insurance, visit.insured_region, visit.temporary)
        assert visit.local is (visit.care_region[:2] == visit.insured_region[:2])


def test_lines_of_a_planned_visit_add_up_to_its_bill(small):
    for number in range(0, len(small), 501):
        visit = small.visit(number)
        for batches in (1, 4):
            lines = [line for batch in range(batches) for line in visit.lines(batch, batches)]
            assert all(isinstance(line, FeeLine) for line in lines)
            assert sum(line.total_fen for line in lines) == visit.total_fen


def test_message_ids_of_a_hospital_never_meet(small):
    """Hospital, planned second and four digits of the ordinal: what a message id is made of."""
    columns = small.columns
    keys = Counter(
        zip(columns.hospital.tolist(), columns.planned_s.tolist(), (columns.ordinal % 10_000).tolist(), strict=True)
    )

    assert keys.most_common(1)[0][1] == 1


def test_a_hospital_numbers_its_visits_in_business_order(small):
    columns = small.columns
    busiest = int(np.bincount(columns.hospital).argmax())
    rows = columns.hospital == busiest

    assert columns.ordinal[rows].tolist() == list(range(int(rows.sum())))
    assert np.all(np.diff(columns.planned_s[rows]) >= 0)


# --- volumes, mix and rhythm ------------------------------------------------------------------------------------------


def test_volume_and_mix_are_the_scenarios(fortnight):
    arriving = ~fortnight.columns.open_at_start
    share = np.bincount(fortnight.columns.kind[arriving], minlength=3) / arriving.sum()

    assert arriving.sum() == pytest.approx(14 * 4_000, rel=0.015)
    assert share[OUTPATIENT] == pytest.approx(0.682, abs=0.01)
    assert share[PHARMACY] == pytest.approx(0.267, abs=0.01)
    assert share[INPATIENT] == pytest.approx(0.051, abs=0.004)


def test_hours_and_weekdays_follow_their_weights_with_a_rush_at_eight(fortnight):
    visits = Scenario.model_validate({"name": "defaults"}).visits
    arrival_us = fortnight.columns.arrival_us[~fortnight.columns.open_at_start]
    hours = np.bincount(arrival_us // HOUR_US % 24, minlength=24) / len(arrival_us)
    days = np.bincount(arrival_us // DAY_US % 7, minlength=7) / len(arrival_us)  # the horizon begins on a Monday

    assert hours == pytest.approx(np.array(visits.hourly) / sum(visits.hourly), abs=0.006)
    assert days == pytest.approx(np.array(visits.weekday) / sum(visits.weekday), abs=0.008)
    assert hours.argmax() == 8


def test_shrunk_people_time_brings_the_same_visits_faster():
    keys = {"visits": {"per_day": 2_000, "local_per_cross": 0}, "topology": THREE_PROVINCES}
    plain, fast = plan_of(**keys), plan_of(scale={"time": 500}, **keys)

    assert len(fast) == len(plain)
    assert fast.columns.planned_s.tolist() == plain.columns.planned_s.tolist()
    assert np.max(np.abs(fast.columns.arrival_us * 500 - plain.columns.arrival_us)) <= 500
    assert np.max(np.abs(fast.columns.stay_us * 500 - plain.columns.stay_us)) <= 1_000
    assert np.max(np.abs(fast.columns.handling_us * 500 - plain.columns.handling_us)) <= 1_000
    assert fast.columns.serial.tolist() == plain.columns.serial.tolist()


def test_flows_city_shares_and_temporary_visitors_are_the_scenarios():
    plan = plan_of(
        visits={
            "per_day": 20_000,
            "local_per_cross": 0,
            "temporary_share": 0.3,
            "flows": {"insured_city_shares": {"3415": 0.4}, "care_city_shares": {"3302": 0.25}},
        },
        topology={"regions": ["33", "34"], "cities": ["3415"]},
    )
    columns = plan.columns
    city = columns.insured_region // 100
    care_city = np.array([int(place.city) for place in plan.hospitals])[columns.hospital]

    assert (city[city // 100 == 34] == 3415).mean() == pytest.approx(0.4, abs=0.015)
    assert (care_city[care_city // 100 == 33] == 3302).mean() == pytest.approx(0.25, abs=0.015)
    assert columns.temporary.mean() == pytest.approx(0.3, abs=0.015)
    assert np.all(city // 100 != care_city // 100)


def test_background_visits_stay_in_their_province_and_mostly_in_their_city():
    plan = plan_of(visits={"per_day": 3_000, "local_per_cross": 2}, topology=THREE_PROVINCES)
    columns = plan.columns
    local = columns.local
    care_city = np.array([int(place.city) for place in plan.hospitals])[columns.hospital]
    insured_city = columns.insured_region // 100

    assert local.sum() / (~local).sum() == pytest.approx(2.0, rel=0.05)
    assert np.array_equal(local, care_city // 100 == insured_city // 100)
    assert (care_city == insured_city)[local].mean() == pytest.approx(0.9, abs=0.03)
    assert not columns.temporary[local].any()


# --- stays ------------------------------------------------------------------------------------------------------------


def test_the_horizon_begins_with_the_stays_that_a_running_system_has(fortnight):
    """Little's law: admissions a day times the mean stay, and as many at the end of the fortnight as at its start."""
    columns = fortnight.columns
    stays = columns.kind == INPATIENT
    open_at = {
        day: int(
            (stays & (columns.arrival_us < day * DAY_US) & (columns.arrival_us + columns.stay_us > day * DAY_US)).sum()
        )
        for day in (7, 14)
    } | {0: int(columns.open_at_start.sum())}

    assert open_at[0] == pytest.approx(4_000 * 0.051 * 5, rel=0.08)
    assert open_at[7] == pytest.approx(open_at[0], rel=0.1)
    assert open_at[14] == pytest.approx(open_at[0], rel=0.1)


def test_open_stays_are_inpatients_admitted_in_the_past_whom_long_stays_favour(fortnight):
    columns = fortnight.columns
    open_rows = columns.open_at_start
    whole_us = columns.stay_us[open_rows] - columns.planned_s[open_rows] * 1_000_000
    fresh_us = columns.stay_us[(columns.kind == INPATIENT) & ~open_rows]

    assert np.all(columns.kind[open_rows] == INPATIENT)
    assert np.all(columns.arrival_us[open_rows] == 0)
    assert np.all(columns.planned_s[open_rows] < 0)
    assert np.all(columns.stay_us[open_rows] > 0)
    # The mean of a stay met by chance is E[S^2] / E[S].
    assert whole_us.mean() == pytest.approx((fresh_us.astype(float) ** 2).mean() / fresh_us.mean(), rel=0.1)


def test_stays_last_what_the_scenario_says_and_end_by_day(fortnight):
    columns = fortnight.columns
    rows = (columns.kind == INPATIENT) & ~columns.open_at_start
    ends_us = (columns.arrival_us + columns.stay_us)[rows]
    hours = np.bincount(ends_us // HOUR_US % 24, minlength=24) / rows.sum()

    assert columns.stay_us[rows].mean() == pytest.approx(5 * DAY_US, rel=0.06)
    assert columns.stay_us[rows].min() >= HOUR_US
    assert hours[8:17].sum() > 0.75
    assert np.all(columns.stay_us[columns.kind != INPATIENT] == 0)


# --- people -----------------------------------------------------------------------------------------------------------


def test_a_person_comes_several_times_and_is_never_in_two_places_at_once(fortnight):
    spans: dict[str, list[tuple[int, int]]] = {}
    for visit in fortnight:
        spans.setdefault(visit.person, []).append((visit.arrival_us, visit.arrival_us + visit.stay_us))
    several = [sorted(visits) for visits in spans.values() if len(visits) > 1]

    assert 0.02 < sum(map(len, several)) / len(fortnight) < 0.6
    assert all(a[1] <= b[0] for visits in several for a, b in pairwise(visits))


def test_few_people_come_twice_on_one_day(small):
    columns = small.columns
    persons = Counter(zip(columns.insured_region.tolist(), columns.person_type.tolist(), columns.temporary.tolist(),
                          columns.serial.tolist(), strict=True))  # fmt: skip

    assert sum(count for count in persons.values() if count > 1) / len(small) < 0.08


# --- visits written out -----------------------------------------------------------------------------------------------

EXPLICIT = [
    {"kind": "inpatient", "care": "330402", "insured": "630100", "at": "2h", "stay": "3d", "total_fen": 5_000_001},
    {"kind": "pharmacy", "care": "330100", "insured": "330100", "at": 0},
    {"kind": "outpatient", "care": "634200", "insured": "331200", "at": "1h"},
]


def test_with_no_rate_only_the_visits_written_out_come():
    plan = plan_of(visits={"per_day": 0, "explicit": EXPLICIT}, topology=THREE_PROVINCES)

    pharmacy, outpatient, inpatient = plan
    assert (pharmacy.kind, pharmacy.arrival_us, pharmacy.care_region, pharmacy.local) == ("pharmacy", 0, "330100", True)
    assert (outpatient.care_region, outpatient.insured_region, outpatient.stay_us) == ("634200", "331200", 0)
    assert (inpatient.kind, inpatient.arrival_us, inpatient.stay_us) == ("inpatient", 2 * HOUR_US, 3 * DAY_US)
    assert (inpatient.care_region, inpatient.total_fen, inpatient.planned_s) == ("330402", 5_000_001, 7_200)
    assert all(KINDS.index(visit.kind) == kind for visit, kind in zip(plan, plan.columns.kind, strict=True))


def test_visits_written_out_come_beside_the_others_and_change_none():
    keys = {"topology": THREE_PROVINCES, "scale": {"time": 10}}
    alone = plan_of(visits={"per_day": 1_000}, **keys)
    both = plan_of(visits={"per_day": 1_000, "explicit": EXPLICIT}, **keys)

    assert len(both) == len(alone) + 3
    assert [visit.arrival_us for visit in both if visit.total_fen == 5_000_001] == [2 * HOUR_US // 10]
    assert both.columns.total_fen.min() >= 100
    assert set(zip(alone.columns.arrival_us.tolist(), alone.columns.serial.tolist(), strict=True)) < set(
        zip(both.columns.arrival_us.tolist(), both.columns.serial.tolist(), strict=True)
    )


def test_a_scenario_without_anybody_is_an_empty_plan():
    plan = plan_of(visits={"per_day": 0}, topology=THREE_PROVINCES)

    assert len(plan) == 0
    assert list(plan) == []
    assert plan.digest()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"topology": {"regions": ["33"]}}, "nobody travels among provinces"),
        (
            {
                "visits": {"flows": {"insured_city_shares": {"3401": 0.7, "3402": 0.6}}},
                "topology": {"regions": ["33", "34"]},
            },
            "add up to 1.3",
        ),
        ({"visits": {"flows": {"care_weights": {"11": 9999}}}}, "province 11 sends"),
    ],
)
def test_flows_that_cannot_be_met_are_refused(keys, message):
    with pytest.raises(ValueError, match=message):
        plan_of(**keys)


# --- which day it is --------------------------------------------------------------------------------------------------

MONDAY, WEDNESDAY, SUNDAY = "2024-03-11T00:00:00", "2024-03-13T00:00:00", "2024-03-17T00:00:00"


@pytest.mark.parametrize(("start", "weight"), [(MONDAY, 1.15), (WEDNESDAY, 1.05), (SUNDAY, 0.80)])
def test_an_average_day_is_an_average_day_whatever_its_date_and_a_monday_is_a_monday(start, weight):
    def arrivals(day):
        plan = plan_of(horizon={"start": start}, visits={"per_day": 20_000, "day": day, "local_per_cross": 0})
        return int((~plan.columns.open_at_start).sum())

    assert arrivals("average") == pytest.approx(20_000, rel=0.02)
    assert arrivals("calendar") == pytest.approx(20_000 * weight, rel=0.02)


def test_average_days_hold_as_many_in_every_night_and_stay_as_many_before_the_start():
    plan = plan_of(
        horizon={"start": MONDAY, "length": "7d"}, visits={"per_day": 20_000, "day": "average", "local_per_cross": 0}
    )
    came = plan.columns.arrival_us[~plan.columns.open_at_start]

    assert np.bincount(came // DAY_US).tolist() == pytest.approx([20_000] * 7, rel=0.03)
