"""Figures of a nation: counted again from a record made by hand, and refused where there is nobody to count."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from lab.analysis import nation
from lab.experiments.curve import loaded, refuse_unloaded
from lab.experiments.experiment import Question, Silent, run_world
from lab.experiments.pair import run_pair
from reference_impl.domain.failures import InputError
from reference_impl.staging.build import system_config
from scenarios.patients.places import Places
from scenarios.reading.loader import load_scenario
from scenarios.schema.measures import MEASURES

QUICK = load_scenario("believable-nation", variant="quick")
ROWS = [
    # hospital, kind, total_fen, desk_wait_us, started_us
    ("H11010030001", "outpatient", 40_000, 5_000_000, 1),
    ("H11010030002", "outpatient", 20_000, 0, 1),
    ("H11010030002", "inpatient", 2_000_000, 0, None),
    ("H11010020001", "outpatient", 15_000, 7_000_000, None),
    ("H11010010001", "outpatient", 10_000, 0, 1),
    ("P11010010001", "pharmacy", 9_000, 9_000_000, 1),
]
VISITS = pl.DataFrame(ROWS, schema=["hospital", "kind", "total_fen", "desk_wait_us", "started_us"], orient="row")


def test_visits_and_bills_are_counted_by_the_level_of_their_hospital():
    told = dict(nation.figures(VISITS, QUICK))

    assert [told[f"nation.visits.{level}"] for level in ("tertiary", "secondary", "primary")] == [3, 1, 1]
    assert (told["nation.bill.tertiary"], told["nation.bill.secondary"]) == (300.0, 150.0)
    assert told["nation.stay_bill.tertiary"] == 20_000.0
    assert "nation.stay_bill.secondary" not in told


def test_waits_are_those_of_who_came_to_a_desk_or_queued_for_one():
    waits = {name: sample.tolist() for name, sample in nation.samples(VISITS, QUICK)}

    assert waits == {
        "nation.desk_wait.tertiary": [5_000_000.0, 0.0],
        "nation.desk_wait.secondary": [7_000_000.0],
        "nation.desk_wait.primary": [0.0],
    }


def test_every_institution_of_a_level_is_found_by_its_code():
    places = Places(QUICK).hospitals
    codes = pl.DataFrame({"hospital": [place.code for place in places]})

    for level in (1, 2, 3):
        expected = [place.code for place in places if place.level == level and place.code[0] == "H"]
        assert nation.at_level(codes, level)["hospital"].to_list() == expected


def test_the_share_of_visitors_is_the_largest_of_a_city():
    """Found again from the places' own expectations, city by city."""
    places = Places(QUICK)
    shares = {}
    for city in {place.city for place in places.hospitals}:
        rows = [row for row, place in enumerate(places.hospitals) if place.city == city]
        shares[city] = np.sum(places.cross_per_day[rows]) / np.sum(places.visits_per_day[rows])

    assert dict(nation.figures(VISITS, QUICK))["nation.visitor_share"] == pytest.approx(max(shares.values()))


def test_where_nobody_comes_from_elsewhere_there_is_no_share_of_visitors():
    alone = load_scenario(
        "believable-nation", variant="quick", sets=["visits.per_day=0", "gates={visits.lost: ['== 0']}"]
    )
    told = dict(nation.figures(VISITS, alone))

    assert told["nation.background"] > 0
    assert "nation.visitor_share" not in told


@pytest.mark.parametrize("setting", ["nation=null", "visits.local_background=null"])
def test_without_the_keys_nothing_is_told_of_them(setting):
    sets = ["visits.local_background=null", setting, "gates={visits.lost: ['== 0']}"]
    told = dict(nation.figures(VISITS, load_scenario("believable-nation", variant="quick", sets=sets)))

    assert "nation.background" not in told
    assert ("nation.visits.tertiary" in told) == (setting != "nation=null")
    assert not list(nation.samples(VISITS, QUICK.model_copy(update={"nation": None})))


def test_all_that_is_told_is_in_the_catalogue():
    names = {name for name, _ in (*nation.figures(VISITS, QUICK), *nation.samples(VISITS, QUICK))}

    assert names <= set(MEASURES)


# --- the real world ---------------------------------------------------------------------------------------------------


def test_the_real_world_refuses_visits_that_send_nothing_before_anything_is_written(tmp_path):
    question = Question(scenario=QUICK, source="believable-nation", variant="quick")
    for ask in (
        lambda: run_world(question, "load", tmp_path / "run", Silent()),
        lambda: run_pair(question, tmp_path / "run", Silent()),
        lambda: system_config(QUICK),
    ):
        with pytest.raises(InputError, match=r"local_background .* expected --world sim"):
            ask()
    assert not list(tmp_path.iterdir())


def test_a_curve_refuses_a_load_that_it_cannot_turn_and_gives_everybody_a_desk_in_a_nation():
    with pytest.raises(InputError, match=r"visits\.local_background=null"):
        refuse_unloaded(QUICK)
    sets = ["visits.local_background=null", "gates={visits.lost: ['== 0']}"]
    journeys = load_scenario("believable-nation", variant="quick", sets=sets)
    refuse_unloaded(journeys)
    before, after = (sum(place.desks for place in Places(asked).hospitals) for asked in (journeys, loaded(journeys)))

    assert after > 2 * before
    assert loaded(journeys).visits.hourly_by_kind is None
