"""Institutions: codes, levels, networks, and the pull of cities on patients."""

from __future__ import annotations

from collections import Counter

import pytest

from reference_impl.domain.institution import PRIMARY, SECONDARY, TERTIARY, is_institution
from scenarios.patients.institutions import (
    HOSPITAL_KINDS,
    Sites,
    build,
    choice_weights,
    spread,
    with_desks_by_load,
    with_places_for,
)
from scenarios.patients.provinces import provinces


def sites(**changes) -> Sites:
    return Sites(**({"regions": ("33", "34"), "hospitals": 40, "pharmacies": 30, "desks": 6} | changes))


def test_codes_are_twelve_characters_of_letter_region_and_serial_and_none_is_used_twice():
    found = build(sites(regions=tuple(provinces())))

    assert len({place.code for place in found}) == len(found) == 32 * 70
    for place in found:
        assert len(place.code) == 12
        assert place.code[0] == ("P" if place.kinds == ("pharmacy",) else "H")
        assert place.code[1:7] == place.region
        assert is_institution(place.code)


def test_a_province_with_one_city_and_the_most_institutions_still_has_distinct_codes():
    found = build(sites(regions=("11",), hospitals=20_000, pharmacies=20_000))

    assert len({place.code for place in found}) == 40_000
    assert {len(place.code) for place in found} == {12}
    assert all(is_institution(place.code) for place in found)


def test_levels_come_in_the_shares_of_the_table_and_networks_follow_the_level():
    hospitals = [place for place in build(sites(regions=("33",))) if place.code[0] == "H"]
    levels = Counter(place.level for place in hospitals)

    assert levels == {TERTIARY: 10, SECONDARY: 16, PRIMARY: 14}
    assert all(place.kinds == HOSPITAL_KINDS for place in hospitals if place.level > PRIMARY)
    primary = [place.kinds for place in hospitals if place.level == PRIMARY]
    assert primary.count(HOSPITAL_KINDS) == 4
    assert all("outpatient" in kinds for kinds in primary)


@pytest.mark.parametrize("hospitals", [1, 2, 3, 7, 11, 40, 173])
def test_every_city_with_a_hospital_has_one_for_inpatients(hospitals):
    found = [place for place in build(sites(hospitals=hospitals, regions=("34",))) if place.code[0] == "H"]

    assert len(found) == hospitals
    assert found[0].level == TERTIARY
    assert {place.city for place in found} == {place.city for place in found if "inpatient" in place.kinds}


@pytest.mark.parametrize("count", [1, 2, 40])
def test_a_named_city_has_a_hospital_and_a_pharmacy_however_few_there_are(count):
    found = build(sites(hospitals=count, pharmacies=count, cities=("3415",)))
    there = [place for place in found if place.city == "3415"]

    assert {place.code[0] for place in there} == {"H", "P"}
    assert any(place.kinds == HOSPITAL_KINDS for place in there)
    assert any(place.code[0] == "H" and place.province == "34" and place.city != "3415" for place in found)


def test_a_visit_written_out_for_an_empty_region_gets_an_institution_of_its_own():
    found = with_places_for(
        build(sites()), [("inpatient", "330402"), ("pharmacy", "330402"), ("outpatient", "330402")], desks=6
    )

    assert [(place.code, place.kinds) for place in found if place.region == "330402"] == [
        ("H33040230001", HOSPITAL_KINDS),
        ("P33040210001", ("pharmacy",)),
    ]


def test_a_visit_written_out_for_a_known_hospital_adds_nothing():
    known = build(sites())

    assert with_places_for(known, [("inpatient", "330100"), ("pharmacy", "340100")], desks=6) == known


def test_a_named_share_of_a_province_goes_to_its_city_exactly():
    places = [
        place for place in build(sites(cities=("3415",))) if "inpatient" in place.kinds and place.province == "34"
    ]

    weights = choice_weights(places, "inpatient", {"3415": 0.3, "3304": 0.9})

    there = sum(weight for place, weight in zip(places, weights, strict=True) if place.city == "3415")
    assert there == pytest.approx(0.3)
    assert sum(weights) == pytest.approx(1.0)


def test_higher_levels_and_the_seat_of_the_province_pull_more():
    places = [place for place in build(sites(regions=("34",))) if "inpatient" in place.kinds]
    weights = dict(zip(places, choice_weights(places, "inpatient", {}), strict=True))
    of = {
        (place.level, place.city == "3401"): weight
        for place, weight in weights.items()
        if place.city in ("3401", "3402")
    }

    assert of[TERTIARY, True] > of[TERTIARY, False]
    assert of[SECONDARY, True] < of[TERTIARY, True]


@pytest.mark.parametrize(
    ("weights", "shares", "message"),
    [
        ({"3401": 1.0}, {"3402": 0.1}, "nobody to take it"),
        ({"3401": 1.0}, {"3401": 0.4}, "add up to 0.4"),
        ({"3401": 1.0, "3402": 1.0}, {"3401": 0.7, "3402": 0.6}, "add up to 1.3"),
    ],
)
def test_city_shares_that_cannot_be_met_are_refused(weights, shares, message):
    with pytest.raises(ValueError, match=message):
        spread(weights, shares)


def test_city_shares_may_take_everything():
    factors = spread({"3401": 2.0, "3402": 4.0}, {"3401": 1.0})

    assert factors == {"3401": 0.5, "3402": 0.0}


def test_desks_stand_where_the_patients_go_and_everybody_has_one():
    found = build(sites(regions=("33",), hospitals=3, pharmacies=2))

    desks = [place.desks for place in with_desks_by_load(found, [80.0, 19.0, 1.0, 0.0, 0.0], 10)]

    assert desks == [24, 6, 1, 6, 6]
