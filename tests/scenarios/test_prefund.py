"""Prefunds that are stated wrongly: one clear error each."""

from __future__ import annotations

from typing import Any

import pytest
from support.tiny_world import scenario, visit

from scenarios.reading.prefund import prefund_problems

QUOTA: dict[str, Any] = {"insured": "63", "care": "33", "limit_fen": 100}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"quotas": [QUOTA, QUOTA]}, "a prefund stated twice"),
    ({"quotas": [QUOTA | {"care": "44"}]}, "province is not in the scenario"),
    ({"quotas": [QUOTA | {"insured": "44"}]}, "province is not in the scenario"),
    ({"quotas": [QUOTA | {"care": "63"}]}, "a prefund of a province with itself"),
    ({"quotas": [QUOTA | {"top_ups": [{"at": "3min", "fen": 1}]}]}, "arrives after the horizon"),
    ({"quotas": [QUOTA | {"top_ups": [{"at": "20s", "fen": 1}, {"at": "10s", "fen": 1}]}]}, "out of their order"),
    ({"quotas": [QUOTA], "retry": "1s"}, "nobody waits where a dry prefund refuses"),
    ({"quotas": [QUOTA], "patience": "1d"}, "nobody waits where a dry prefund refuses"),
]


def problems(prefund: Any) -> list[str]:
    return [problem.what for problem in prefund_problems(scenario(visit("pharmacy"), prefund=prefund))]


@pytest.mark.parametrize(("prefund", "what"), WRONG)
def test_a_prefund_that_cannot_be_is_refused(prefund: dict[str, Any], what: str) -> None:
    (found,) = problems(prefund)

    assert what in found


def test_what_is_stated_well_is_no_problem() -> None:
    assert problems(None) == []
    assert problems({"quotas": [QUOTA, QUOTA | {"care": "11"}], "when_dry": "wait", "retry": "1s"}) == []
