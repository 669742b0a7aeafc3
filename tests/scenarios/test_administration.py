"""What a stop of filing cannot be told, and make-up days that nobody could give: one clear error each."""

from __future__ import annotations

from typing import Any

import pytest
from support.tiny_world import scenario, visit

from scenarios.reading.stops import stop_problems
from scenarios.schema import Scenario

FILING = {"standings": {"unfiled": 1}}
PLAN: dict[str, Any] = {
    "scope": "63",
    "business": "filing",
    "at": "60s",
    "stop_before": "1s",
    "window": "30s",
    "ramp": "0s",
}
WINDOW = {"planned": "30s", "migrate": "1s"}
TOLD: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"announce": {"lead": "1s"}}, ("announce",)),
    ({"announced": False}, ("announced",)),
    ({"early_cutoff": "1s"}, ("early_cutoff",)),
    ({"renumber": {}}, ("renumber",)),
    ({"dialect": {}}, ("dialect",)),
    ({"monitor": {"lasts": "1s"}}, ("monitor",)),
    ({"policies": {"forced_mid_stay": {}}}, ("policies", "forced_mid_stay")),
    ({"policies": {"drug_stock": {}}}, ("policies", "drug_stock")),
    ({"window": WINDOW}, ("window",)),
]


def problems(*plans: dict[str, Any], filing: Any = FILING) -> list[tuple[tuple[str | int, ...], str]]:
    asked: Scenario = scenario(visit("outpatient"), visit("pharmacy"), visit("inpatient"), cutover=plans, filing=filing)
    return [(problem.path[2:], problem.what) for problem in stop_problems(asked)]


@pytest.mark.parametrize(("key", "path"), TOLD)
def test_a_stop_of_filing_says_nothing_of_treatment(key: dict[str, Any], path: tuple[str, ...]) -> None:
    assert (path, "is about treatment, and this plan stops filing alone") in problems(PLAN | key)
    assert "is about treatment" not in str(problems(PLAN | {"business": "all"} | key))


def test_a_stop_of_filing_may_last_as_drawn_and_be_turned_back() -> None:
    window = {"planned": "20s", "freeze": {"distribution": "uniform", "low": "5s", "high": "30s"}}

    assert problems(PLAN | {"window": window, "roll_back": {"after": "10s"}}) == []


@pytest.mark.parametrize("business", ["all", "cross", "local"])
def test_filing_may_be_stopped_beside_any_other_business(business: str) -> None:
    assert problems(PLAN, PLAN | {"business": business, "name": "other"}) == []


def test_filing_is_not_stopped_twice_at_once() -> None:
    (found,) = problems(PLAN, PLAN | {"name": "other"})

    assert found[1].startswith("stops the same door at the same time")


@pytest.mark.parametrize("wrong", [{"scope": "hub"}, {"side": "care"}])
def test_make_up_days_are_the_insurers_to_give(wrong: dict[str, Any]) -> None:
    assert (("make_up",), "what counts as filed is the insurer's to say") in problems(PLAN | {"make_up": "7d"} | wrong)
    assert problems(PLAN | {"make_up": "7d"}) == []


def test_a_stop_within_a_province_turns_no_filing_away_that_could_be_made_up() -> None:
    found = problems(PLAN | {"make_up": "7d", "business": "local"})

    assert (("make_up",), "a stop of business within a province turns no filing away") in found
    assert problems(PLAN | {"make_up": "7d", "business": "cross"}) == []
