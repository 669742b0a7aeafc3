"""What comes true of a planned stop: drawn by the seed and the plan's name alone, within what the plan can say of itself."""

from __future__ import annotations

import math

import pytest

from reference_impl.domain.keyed import uniform
from reference_impl.staging.timetable import timetable
from scenarios.schema import Cutover, Scenario
from scenarios.schema.course import course_of
from scenarios.schema.durations import Drawn

H = 3_600_000_000
WINDOW = {
    "planned": "5h",
    "freeze": {"distribution": "uniform", "low": "30min", "high": "90min"},
    "migrate": {"distribution": "triangular", "low": "1h", "mode": "2h", "high": "6h"},
    "verify": {"distribution": "lognormal", "median": "1h", "spread": 0.6},
}


def plan(**said):
    return Cutover.model_validate({"scope": "34", "at": "20h", "window": WINDOW} | said)


def moments(**said):
    return [course_of(plan(**said), seed).reopen_at for seed in range(300)]


DISTRIBUTIONS = [
    ({"distribution": "constant", "value": "3h"}, 3 * H, 0.0),
    ({"distribution": "uniform", "low": "1h", "high": "3h"}, 2 * H, 2 * H / math.sqrt(12)),
    ({"distribution": "triangular", "low": "1h", "mode": "2h", "high": "6h"}, 3 * H, H * math.sqrt(14 / 12)),
    ({"distribution": "lognormal", "median": "1h", "spread": 0.5}, H * math.exp(0.125), 0.60 * H),
]


@pytest.mark.parametrize(("said", "mean_us", "deviation_us"), DISTRIBUTIONS)
def test_a_distribution_has_the_mean_and_the_spread_of_its_name(said, mean_us, deviation_us):
    """Against the textbook's formulas; the cut at either end of a lognormal takes off less than a hundredth."""
    drawn = [Drawn.model_validate(said).at((n + 0.5) / 20_000) for n in range(20_000)]
    mean = math.fsum(drawn) / len(drawn)

    assert mean == pytest.approx(mean_us, rel=0.01)
    assert math.sqrt(math.fsum((one - mean) ** 2 for one in drawn) / len(drawn)) == pytest.approx(
        deviation_us, rel=0.03
    )


def test_the_same_seed_and_name_draw_the_same_and_nothing_else_matters():
    first = course_of(plan(), 7)

    assert course_of(plan(at="30h", ramp="5h", scope="33", name="34"), 7).works == first.works
    assert course_of(plan(name="other"), 7).works != first.works
    assert course_of(plan(), 8).works != first.works
    assert len({uniform(7, 1, step, 0, 108) for step in range(3)}) == 3


def test_both_worlds_have_one_timetable():
    """The timetable is all that either world knows of a course, and it is of the scenario alone."""
    asked = Scenario.model_validate({"name": "planned", "seed": 5, "cutover": plan()})
    again = Scenario.model_validate(asked.model_dump(mode="json"))

    assert timetable(again) == timetable(asked)
    assert {"close", "freeze_data", "migrate", "verify"} <= {step.row.kind for step in timetable(asked) if step.row}


@pytest.mark.parametrize(
    "back", [None, {"after": "4h"}, {"after": "6h", "takes": "3h"}, {"after": "1h", "takes": "30min"}]
)
def test_it_opens_within_what_the_plan_says_it_can(back):
    first, last = plan(roll_back=back).reopens_between
    came = moments(roll_back=back)

    assert first <= min(came)
    assert max(came) <= last
    assert any(course_of(plan(roll_back=back), seed).rolled_back for seed in range(300)) is (back is not None)


def test_it_never_opens_before_it_was_announced_unless_it_goes_back():
    assert min(moments()) == plan().planned_reopen_at
    assert max(moments()) > plan().planned_reopen_at
    assert min(moments(roll_back={"after": "2h"})) == plan().close_at + 2 * H
