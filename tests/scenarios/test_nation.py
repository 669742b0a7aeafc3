"""A believable nation: documented numbers, levels, bills, hours by kind, and who comes to the desks beside visitors."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from reference_impl.domain.institution import PRIMARY, SECONDARY, TERTIARY, is_institution
from scenarios.patients.arrivals import HOUR_US
from scenarios.patients.background import LocalVisits, local_per_day, week_of
from scenarios.patients.institutions import INPATIENT, KINDS, OUTPATIENT, PHARMACY, institution
from scenarios.patients.nation import bill_factors, build_nation, documented, numbers_of, of_provinces
from scenarios.patients.places import Places, background_per_day
from scenarios.patients.provinces import provinces
from scenarios.patients.streams import arrivals_of_a_visit_a_day, arrivals_of_one, mean_profile, traffic_of
from scenarios.patients.visits import VisitPlan, plan_visits
from scenarios.reading.errors import ScenarioError
from scenarios.reading.loader import load_scenario
from scenarios.reading.scale import resolve
from scenarios.schema import Nation, Scenario
from scenarios.schema.nation import ByLevel

NUMBERS = ("tertiary", "secondary", "hospital", "inpatient", "pharmacy")


def scenario(**keys) -> Scenario:
    stated = {
        "name": "nation",
        "horizon": {"start": "2024-03-13 00:00:00", "length": "1d"},
        "visits": {"per_day": 2000, "day": "average", "local_per_cross": 0},
        "topology": {"regions": ["11", "44", "54"]},
        "nation": {"institutions": 0.02},
    }
    for name, value in keys.items():
        both = isinstance(value, dict) and isinstance(stated.get(name), dict)
        stated[name] = {**stated[name], **value} if both else value
    return resolve(Scenario.model_validate(stated))


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NUMBERS)
def test_the_provinces_together_have_the_nations_institutions_to_the_last_one(name):
    assert sum(getattr(numbers, name) for numbers in of_provinces().values()) == documented()["nation"][name]


def test_documented_places_have_what_is_documented_of_them():
    beijing, taian = numbers_of(Nation(), "11"), numbers_of(Nation(), "3709")

    assert (beijing.tertiary, beijing.secondary, beijing.hospital) == (110, 123, 110 + 123 + 2706)
    assert beijing.inpatient == 670
    assert (taian.hospital, taian.inpatient, taian.pharmacy) == (471, 194, 40)


def test_a_province_of_few_people_has_few_institutions():
    tibet, guangdong = numbers_of(Nation(), "54"), numbers_of(Nation(), "44")
    people = provinces()["44"].residents_e4 / provinces()["54"].residents_e4

    assert guangdong.hospital / tibet.hospital == pytest.approx(people, rel=0.01)
    assert guangdong.pharmacy / tibet.pharmacy == pytest.approx(people, rel=0.01)


@pytest.mark.parametrize("share", [1.0, 0.1, 0.001])
def test_a_part_of_the_nation_keeps_one_of_each_and_its_parts_fit_the_whole(share):
    for province in provinces():
        numbers = numbers_of(Nation(institutions=share), province)
        assert all(getattr(numbers, name) >= 1 for name in NUMBERS if name != "secondary")
        assert numbers.tertiary + numbers.secondary <= numbers.hospital
        assert numbers.inpatient <= numbers.hospital


def test_institutions_are_laid_out_as_counted_and_no_code_is_used_twice():
    nation = Nation(institutions=0.1)
    found = build_nation(nation, ["11", "37"], ["3709"])
    want = {place: numbers_of(nation, place) for place in ("11", "37", "3709")}
    hospitals = [place for place in found if place.code[0] == "H"]
    beijing = Counter(place.level for place in hospitals if place.province == "11")
    taian = [place for place in hospitals if place.city == "3709"]

    assert len({place.code for place in found}) == len(found)
    assert all(is_institution(place.code) for place in found)
    assert (beijing[TERTIARY], beijing[SECONDARY]) == (want["11"].tertiary, want["11"].secondary)
    assert len(taian) == want["3709"].hospital
    assert sum("inpatient" in place.kinds for place in taian) == want["3709"].inpatient
    assert sum(place.province == "37" for place in hospitals) == want["37"].hospital
    assert len(found) - len(hospitals) == want["11"].pharmacy + want["37"].pharmacy


def test_higher_levels_treat_inpatients_before_primary_ones_do():
    found = [place for place in build_nation(Nation(institutions=0.1), ["11"], []) if place.code[0] == "H"]

    assert all("inpatient" in place.kinds for place in found if place.level > PRIMARY)
    primary = [place for place in found if place.level == PRIMARY]
    assert 0 < sum("inpatient" in place.kinds for place in primary) < len(primary)


def test_with_few_beds_only_the_first_of_the_higher_levels_have_them():
    nation = Nation.model_validate(
        {"provinces": {"54": {"hospital": 9, "tertiary": 3, "secondary": 2, "inpatient": 4}}}
    )
    found = [place for place in build_nation(nation, ["54"], []) if place.code[0] == "H"]

    assert ["inpatient" in place.kinds for place in found] == [True] * 4 + [False] * 5


def test_owners_come_in_the_shares_of_their_level_and_a_pharmacy_is_not_asked():
    found = build_nation(Nation(), ["11"], [])
    of_level = [place for place in found if place.code[0] == "H" and place.level == SECONDARY]

    assert sum(not place.public for place in of_level) / len(of_level) == pytest.approx(0.45, abs=0.02)
    assert all(place.public for place in found if place.code[0] == "P")


def test_a_number_that_no_code_holds_is_refused():
    with pytest.raises(ValueError, match="10000 of H in region 110100"):
        institution("H", "110100", 10_000, PRIMARY, ("outpatient",), 1)


def test_who_owns_an_institution_is_in_the_digest_of_a_plan():
    mine, other = plan_visits(scenario()), plan_visits(scenario())
    changed = VisitPlan(other.columns, tuple(_owned(place) for place in other.hospitals), 8)

    assert mine.digest() == other.digest()
    assert mine.digest() != changed.digest()


def _owned(place):
    return type(place)(place.code, place.name, place.region, place.level, place.kinds, place.desks, not place.public)


# --- where people go --------------------------------------------------------------------------------------------------


def test_visitors_go_to_the_levels_in_the_shares_stated():
    plan = plan_visits(scenario(visits={"per_day": 40_000, "local_per_cross": 0}))
    here = (plan.columns.kind == OUTPATIENT) & ~plan.columns.open_at_start
    levels = Counter(plan.hospitals[row].level for row in plan.columns.hospital[here])

    for level, share in ((TERTIARY, 0.60), (SECONDARY, 0.22), (PRIMARY, 0.18)):
        assert levels[level] / levels.total() == pytest.approx(share, abs=0.02)


def test_a_city_gets_its_share_of_a_nations_visits():
    asked = scenario(visits={"per_day": 20_000, "flows": {"care_city_shares": {"4403": 0.5}}})
    plan = plan_visits(asked)
    cities = Counter(plan.hospitals[row].city for row in plan.columns.hospital)
    guangdong = sum(count for city, count in cities.items() if city[:2] == "44")

    assert cities["4403"] / guangdong == pytest.approx(0.5, abs=0.03)


def test_provinces_without_business_yet_send_nobody():
    """Source 000: in June 2017 five provinces had no settlement of their insured."""
    none_yet = {"31": 0, "36": 0, "35": 0, "62": 0, "54": 0}
    asked = scenario(topology={"regions": "all"}, visits={"flows": {"insured_weights": none_yet}})
    insured = {f"{region:06d}"[:2] for region in plan_visits(asked).columns.insured_region}

    assert not insured & set(none_yet)
    assert len(insured) > 20


# --- bills ------------------------------------------------------------------------------------------------------------


def test_bills_differ_by_level_and_the_mean_of_all_stays_what_it_is():
    keys = {"visits": {"per_day": 200_000, "mix": {"outpatient": 1, "pharmacy": 0, "inpatient": 0}}}
    by_level = plan_visits(scenario(**keys))
    even = {"outpatient": {"tertiary": 1, "secondary": 1, "primary": 1}}
    alike = plan_visits(scenario(**keys, nation={"bills": even | {"inpatient": even["outpatient"]}}))
    level = np.array([place.level for place in by_level.hospitals])[by_level.columns.hospital]
    means = {one: by_level.columns.total_fen[level == one].mean() for one in (PRIMARY, SECONDARY, TERTIARY)}

    assert by_level.columns.total_fen.mean() == pytest.approx(alike.columns.total_fen.mean(), rel=0.01)
    assert means[TERTIARY] / means[SECONDARY] == pytest.approx(381 / 244, rel=0.05)
    assert means[PRIMARY] / means[SECONDARY] == pytest.approx(130 / 244, rel=0.05)


def test_a_level_that_nobody_visits_moves_no_bill():
    assert bill_factors(ByLevel(tertiary=4, secondary=2, primary=1), {3: 10.0, 2: 0.0, 1: 0.0})[3] == 1.0
    assert set(bill_factors(ByLevel(tertiary=1, secondary=0, primary=0), {3: 0.0, 2: 1.0, 1: 0.0}).values()) == {1.0}


# --- hours by kind ----------------------------------------------------------------------------------------------------

EVENING = [0.0] * 18 + [1.0] * 4 + [0.0] * 2
MORNING = [0.0] * 8 + [1.0] * 4 + [0.0] * 12


def by_kind(**keys) -> Scenario:
    return scenario(visits={"per_day": 20_000, "hourly_by_kind": {"pharmacy": EVENING, "inpatient": MORNING}} | keys)


def test_each_kind_comes_at_its_own_hours():
    traffic = traffic_of(by_kind())
    hours = traffic.arrival_us // HOUR_US
    came = ~traffic.open_at_start()

    assert set(hours[came & (traffic.kind == PHARMACY)].tolist()) == set(range(18, 22))
    assert set(hours[came & (traffic.kind == INPATIENT)].tolist()) == set(range(8, 12))
    assert len(set(hours[came & (traffic.kind == OUTPATIENT)].tolist())) == 24


def test_a_whole_day_has_the_mix_and_a_part_of_it_the_mix_of_its_hours():
    whole, morning = by_kind(), by_kind()
    morning = morning.model_copy(update={"horizon": morning.horizon.model_copy(update={"length": 12 * HOUR_US})})

    assert arrivals_of_a_visit_a_day(whole) == pytest.approx(
        {"outpatient": 0.682, "pharmacy": 0.267, "inpatient": 0.051}
    )
    assert arrivals_of_one(morning, "pharmacy") == 0.0
    assert arrivals_of_one(morning, "inpatient") == 1.0
    assert not np.any(traffic_of(morning).kind == PHARMACY)


def test_the_mean_rhythm_is_that_of_the_kinds_by_their_shares():
    profile, plain = mean_profile(by_kind()), mean_profile(scenario())
    outpatient = 0.682 * plain.hourly[19] / math.fsum(plain.hourly)

    assert math.fsum(profile.hourly) == pytest.approx(1.0)
    assert profile.hourly[19] == pytest.approx(outpatient + 0.267 / 4)


def test_visits_of_a_kind_keep_their_number_whatever_hours_the_others_have():
    counts = [Counter(traffic_of(asked).kind.tolist()).total() for asked in (by_kind(), by_kind(per_day=20_000))]

    assert counts[0] == counts[1]


# --- local business without journeys ----------------------------------------------------------------------------------


def with_background(**keys) -> Scenario:
    visits = {"per_day": 2000, "day": "average", "local_per_cross": 0, "local_background": keys}
    return scenario(visits=visits)


def test_every_institutions_visits_add_up_to_the_provinces():
    asked = with_background()
    places = Places(asked).hospitals
    local = LocalVisits.among(asked, places)

    assert local is not None
    for province, of_kinds in local_per_day(asked).items():
        for kind, visits in of_kinds.items():
            here = math.fsum(local.of(place, kind) for place in places if place.province == province)
            assert here == pytest.approx(visits)
    total = math.fsum(visits for of_kinds in local_per_day(asked).values() for visits in of_kinds.values())
    people = sum(provinces()[region].residents_e4 for region in ("11", "44", "54")) * 10_000
    assert total == pytest.approx(19.4 * people / 1000)


def test_the_nation_has_42_local_visits_for_one_between_provinces():
    asked = scenario(topology={"regions": "all"}, visits={"per_day": 652_000, "local_background": {}})
    total = math.fsum(visits for of_kinds in local_per_day(asked).values() for visits in of_kinds.values())

    assert total / 652_000 == pytest.approx(42, abs=0.5)


def test_a_city_with_few_residents_has_few_of_them_at_its_desks():
    all_, few = with_background(), with_background(cities={"4403": 0.1})
    places = [place for place in Places(all_).hospitals if place.city == "4403"]
    before, after = (LocalVisits.among(asked, Places(asked).hospitals) for asked in (all_, few))

    for place in places:
        for kind in place.kinds:
            assert after.of(place, kind) == pytest.approx(0.1 * before.of(place, kind))


def test_what_is_said_of_a_city_shows_in_the_numbers_of_its_province():
    """Beijing is one city: five times as many there are five times as many in all, and elsewhere nothing changes."""
    plain, more = background_per_day(with_background()), background_per_day(with_background(cities={"1101": 5}))

    for kind in KINDS:
        assert more["11"][kind] == pytest.approx(5 * plain["11"][kind])
        assert more["44"][kind] == pytest.approx(plain["44"][kind])


def test_nobody_comes_more_often_than_every_day():
    assert with_background(per_1000=1000)
    with pytest.raises(ValidationError, match="less than or equal to 1000"):
        with_background(per_1000=1001)


def test_a_level_that_a_province_has_not_leaves_its_people_to_the_others():
    only = {"hospital": 3, "tertiary": 3, "secondary": 0, "inpatient": 3, "pharmacy": 1}
    asked = scenario(
        visits={"per_day": 10, "local_background": {}}, nation={"provinces": {"54": only}, "institutions": 1}
    )
    places = [place for place in Places(asked).hospitals if place.province == "54"]
    local = LocalVisits.among(asked, places)

    assert sum(local.of(place, "outpatient") for place in places) == pytest.approx(
        local_per_day(asked)["54"]["outpatient"]
    )


def test_without_a_background_nobody_is_counted():
    asked = scenario()

    assert local_per_day(asked) == {}
    assert LocalVisits.among(asked, Places(asked).hospitals) is None


def test_desks_are_as_many_as_the_busiest_hour_keeps_in_use():
    """Each institution's use in each hour, counted anew from its visits: never above, and one desk fewer would be."""
    asked = with_background()
    places = Places(asked)
    handling_hours = asked.visits.handling / HOUR_US
    weeks = [week_of(asked, kind) for kind in KINDS]
    contacts = (1, 1, 2)
    for row in range(0, len(places.hospitals), 37):
        busiest = max(
            math.fsum(places.visits_per_day[row][k] * weeks[k][hour] * contacts[k] for k in range(3)) * handling_hours
            for hour in range(24)
        )
        desks = places.hospitals[row].desks
        assert busiest / desks <= 0.85 + 1e-6
        assert desks == 1 or busiest / (desks - 1) > 0.85 - 1e-6


def test_more_use_a_desk_means_fewer_desks():
    counts = [sum(place.desks for place in Places(scenario(nation={"institutions": 0.02, "desk_use": use})).hospitals)
              for use in (0.001, 0.01, 0.1)]  # fmt: skip

    assert all(few > fewer for few, fewer in pairwise(counts))


# --- scaled -----------------------------------------------------------------------------------------------------------


def test_capacity_scales_institutions_with_the_visits_at_them():
    keys = {"visits": {"per_day": 20_000, "local_background": {}}}
    whole, part = scenario(**keys), scenario(**keys, scale={"volume": 0.5, "capacity": True})

    assert part.nation.institutions == pytest.approx(whole.nation.institutions / 2)
    assert local_per_day(part)["44"]["pharmacy"] == pytest.approx(local_per_day(whole)["44"]["pharmacy"] / 2)
    assert len(Places(part).hospitals) == pytest.approx(len(Places(whole).hospitals) / 2, rel=0.05)


def test_provinces_that_are_left_out_take_their_numbers_along():
    counts = {"11": {"pharmacy": 3}, "54": {"pharmacy": 2}}
    asked = scenario(
        topology={"regions": ["11", "31", "54"]},
        scale={"provinces": 2},
        nation={"provinces": counts, "cities": {"5401": {"pharmacy": 1}}},
        visits={"per_day": 100, "local_background": {"cities": {"5401": 0.5, "1101": 2}}},
    )

    assert set(asked.nation.provinces) == {"11"}
    assert asked.nation.cities == {}
    assert asked.visits.local_background.cities == {"1101": 2.0}


# --- refused ----------------------------------------------------------------------------------------------------------

WRONG = """
    nation.provinces={42: {pharmacy: 3}}                                 | nation.provinces | place is not in the scenario
    nation.cities={1199: {pharmacy: 3}}                                  | nation.cities    | place is not in the scenario
    nation.cities={1101: {hospital: 3}}                                  | nation.cities    | leaves the other institutions
    nation.provinces={11: {hospital: 10}}                                | nation.provinces | of 10
    nation.provinces={11: {hospital: 2, tertiary: 3}}                    | nation.provinces | tertiary and secondary
    nation.provinces={11: {hospital: 2, tertiary: 1, secondary: 1, inpatient: 3}} | nation.provinces | inpatient is 3 of 2
    nation.provinces={11: {hospital: 90000, pharmacy: 9}}                | nation           | number 10000 of H
    nation.institutions=0                                                | nation.instit    | greater than 0
    nation.visitors={outpatient: {tertiary: 0, secondary: 0, primary: 0}} | nation.visitors | all 0
    nation=null                                                          | local_background | no nation
    topology.machine_cores=1                                             | local_background | cores
    visits.local_background.cities={4401: 0.5}                           | cities           | place is not in the scenario
    topology.desks_per_hospital=3                                        | desks_per_hosp   | own numbers of institutions
    topology.hospitals_per_province={hospital: 3, pharmacy: 2}           | hospitals_per_   | own numbers of institutions
    visits.hourly_by_kind={pharmacy: [1, 2]}                             | hourly_by_kind   | 24
    visits.local_background.mix={inpatient: 50%}                         | mix              | sum
"""


@pytest.mark.parametrize("line", list(WRONG.strip().splitlines()))
def test_what_cannot_be_is_refused_with_its_place(line):
    setting, key, what = (part.strip() for part in line.split("|"))

    with pytest.raises(ScenarioError) as caught:
        load_scenario("believable-nation", variant="quick", sets=[setting])
    text = str(caught.value)
    assert key in text
    assert what in text


def test_a_stop_of_local_business_is_refused_where_local_business_has_no_journey():
    stop = "cutover={scope: 63, at: 30min, window: {planned: 15min, migrate: 10min}}"
    with pytest.raises(ScenarioError) as caught:
        load_scenario("believable-nation", variant="quick", sets=[stop])

    assert "stops no visit that has no journey" in str(caught.value)


def test_a_rhythm_is_heard_by_those_without_journeys_where_no_visit_is_drawn():
    sets = ["visits.per_day=0", "visits.flows={}"]
    with pytest.raises(ScenarioError) as caught:
        load_scenario("believable-nation", variant="quick", sets=sets)

    assert "visits.flows" in str(caught.value)
    assert "hourly_by_kind" not in str(caught.value)
