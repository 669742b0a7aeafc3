"""Planned stops under seeded mixes of faults: whatever falls together, no law is broken and nothing is lost or doubled."""

from __future__ import annotations

from collections import Counter

import pytest
from support.stop_storm import MUST_BE_MET, judged, storm

QUICK = 6
SLOW = 100


def ran(first, after):
    seen = Counter()
    for seed in range(first, after):
        wrong, what = judged(storm(seed))
        assert not wrong, f"python -m support.stop_storm {seed} {seed + 1}: {wrong}"
        seen += what
    return seen


def test_no_law_is_broken_in_a_few_storms():
    ran(0, QUICK)


@pytest.mark.slow
def test_no_law_is_broken_in_many_storms_and_every_rare_thing_is_met():
    seen = ran(QUICK, SLOW)

    assert {name for name in MUST_BE_MET if seen[name]} == set(MUST_BE_MET)


def test_a_storm_of_a_seed_is_the_same_again():
    assert storm(7) == storm(7)
    assert storm(7) != storm(8)


def test_a_commit_that_leaves_no_trace_is_caught():
    lost = {"kind": "lost_commit", "node": "34", "codes": ["2102", "2207"], "share": 1}

    wrong, _ = judged(storm(0, lost))

    assert any("visits.lost" in line for line in wrong)
