"""Stale master data on real processes: the same people are turned away, and come again, as in the simulated world."""

from __future__ import annotations

from collections import Counter

import pytest
from support.both_worlds import HURRIED, TWO_PROVINCES, assert_same_fates

from lab.analysis.agreement import agreement_of
from lab.analysis.master_data import figures_of_books
from lab.checker import check
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario

pytestmark = pytest.mark.slow

DAY = {
    "name": "stale",
    "horizon": {"start": "2024-03-13T09:00:00", "length": "5h", "drain_limit": "24h"},
    "scale": {"time": 1_000},
    "visits": {
        "per_day": 400,
        "local_per_cross": 0,
        "mix": {"outpatient": 0.7, "pharmacy": 0.3, "inpatient": 0},
    },
    "topology": TWO_PROVINCES,
    "clients": HURRIED,
    "master_data": {
        "releases": [
            {"of": "catalogue", "valid_from": "1h", "share": 0.4},
            {"of": "institutions", "valid_from": 0, "share": 0.3, "first": True},
            {"of": "persons", "valid_from": "1h", "share": 0.3},
        ],
        "downloads": [
            {"of": "catalogue", "at": "13h", "takes": "1h", "slows": "5ms", "by": ["33"]},
            {"of": "mapping", "at": "13h", "takes": 0, "by": ["63"]},
            {"of": "institutions", "at": "13h", "takes": 0},
            {"of": "persons", "at": "13h", "takes": 0},
        ],
        "desk": {"comes_back": 0.6, "comes_back_after": "5h"},
    },
}


def test_both_worlds_turn_the_same_people_away_and_settle_the_same_later(tmp_path):
    asked = resolve(Scenario.model_validate(DAY))

    real = assert_same_fates(asked, tmp_path)

    findings = check(real.books, real.record, agreement=agreement_of(asked))
    assert findings.clean, findings.violations
    fates = Counter(real.record.visits["fate"])
    assert min(fates["direct"], fates["stale_then_direct"], fates["paper_by_staleness"]) > 0
    assert set(real.record.messages["refusal"]) - {""} >= {"D26", "D27", "D28", "S14"}
    assert "download" in set(real.record.events["kind"])
    assert figures_of_books(real.books, asked) == {"stale.unnoticed": 0}
