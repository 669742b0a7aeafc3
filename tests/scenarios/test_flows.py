"""The synthetic flows: margins met exactly, the orders that are known, and restriction to a scenario's regions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.regions import PROVINCES
from scenarios.patients.flows import distance_km, fit_margins, gravity, national_flows, restrict
from scenarios.patients.provinces import provinces


@pytest.fixture(scope="module")
def nation():
    return national_flows(1.5, {}, {})


def test_every_province_of_the_domain_is_in_the_table_with_its_own_cities():
    table = provinces()

    assert list(table) == sorted(PROVINCES)
    for code, province in table.items():
        assert province.cities
        assert len(set(province.cities)) == len(province.cities)
        assert all(len(city) == 4 and city[:2] == code for city in province.cities)
    assert "3415" in table["34"].cities


def test_nobody_crosses_a_border_to_stay_at_home(nation):
    assert np.all(np.diag(nation.shares) == 0.0)
    assert math.fsum(nation.shares.ravel()) == pytest.approx(1.0)


@pytest.mark.parametrize("decay", [1.4, 1.5, 1.7])
def test_beijing_and_shanghai_take_a_third_and_the_orders_of_2019_hold(decay):
    flows = national_flows(decay, {}, {})
    inflow, outflow = flows.inflow(), flows.outflow()

    assert 0.30 <= inflow["11"] + inflow["31"] <= 0.35
    assert sorted(inflow, key=inflow.get, reverse=True)[:4] == ["11", "31", "33", "32"]
    assert sorted(outflow, key=outflow.get, reverse=True)[:4] == ["34", "41", "13", "32"]


def test_flow_falls_with_distance_the_faster_the_higher_the_decay():
    table = list(provinces().values())
    apart = np.array([[distance_km(a, b) for b in table] for a in table])

    mean_km = [float((national_flows(decay, {}, {}).shares * apart).sum()) for decay in (0.0, 0.8, 1.4, 1.7, 2.5)]

    assert mean_km == sorted(mean_km, reverse=True)
    assert mean_km[0] > 1.3 * mean_km[-1]


@pytest.mark.parametrize(
    ("a", "b", "km"), [("11", "31", 1067), ("34", "32", 150), ("44", "23", 2800), ("65", "66", 134)]
)
def test_distances_are_those_of_the_map(a, b, km):
    assert distance_km(provinces()[a], provinces()[b]) == pytest.approx(km, rel=0.04)


def test_weights_move_the_margins_of_single_provinces(nation):
    more = national_flows(1.5, {"46": 3.0}, {"63": 0.5})

    assert more.inflow()["46"] > 2.5 * nation.inflow()["46"]
    assert more.outflow()["63"] < 0.6 * nation.outflow()["63"]


def test_flows_of_some_regions_keep_their_proportions(nation):
    part = restrict(nation, ["63", "33", "34"])
    rows = [nation.regions.index(region) for region in part.regions]
    ratio = part.shares[0, 1] / nation.shares[rows[0], rows[1]]

    assert math.fsum(part.shares.ravel()) == pytest.approx(1.0)
    assert part.shares == pytest.approx(nation.shares[np.ix_(rows, rows)] * ratio)


@pytest.mark.parametrize(("regions", "message"), [(["33"], "nobody travels"), (["33", "99"], r"provinces \['99'\]")])
def test_regions_without_flows_are_refused(nation, regions, message):
    with pytest.raises(ValueError, match=message):
        restrict(nation, regions)


def test_a_province_that_takes_more_than_the_others_send_is_refused():
    with pytest.raises(ValueError, match=r"province 11 sends .* expected less than 100 % together"):
        national_flows(1.5, {"11": 50.0}, {"11": 50.0})


def test_margins_that_the_cells_cannot_carry_are_refused():
    with pytest.raises(ValueError, match="cannot both be met"):
        fit_margins(np.array([[0.0, 1.0], [1.0, 0.0]]), rows=[3.0, 1.0], columns=[3.0, 1.0])


@given(data=st.data(), size=st.integers(2, 7))
def test_fitting_meets_any_margins_of_a_positive_matrix(data, size):
    weight = st.floats(0.2, 5.0)
    line = st.lists(weight, min_size=size, max_size=size)
    seed = np.array(data.draw(st.lists(line, min_size=size, max_size=size)))
    rows, columns = data.draw(line), data.draw(line)

    fitted = fit_margins(seed, rows=rows, columns=columns)

    assert fitted.sum(axis=1) == pytest.approx(np.array(rows) / sum(rows), abs=1e-8)
    assert fitted.sum(axis=0) == pytest.approx(np.array(columns) / sum(columns), abs=1e-8)
    # Fitting scales rows and columns only, so every cross ratio of the seed survives.
    cross_ratio = fitted[0, 0] * fitted[1, 1] / (fitted[0, 1] * fitted[1, 0])
    assert cross_ratio == pytest.approx(seed[0, 0] * seed[1, 1] / (seed[0, 1] * seed[1, 0]), rel=1e-6)


@pytest.mark.parametrize("rows", [[0.0, 0.0], [1.0, -1.0]])
def test_margins_without_a_positive_sum_are_refused(rows):
    with pytest.raises(ValueError, match="weights must be"):
        fit_margins(np.ones((2, 2)), rows=rows, columns=[1.0, 1.0])


def test_pull_is_rounded_so_that_the_last_bit_of_a_power_cannot_matter():
    pull = gravity(list(provinces().values()), 1.5)

    assert all(float(f"{cell:.9e}") == cell for cell in pull.ravel())
