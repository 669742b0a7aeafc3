"""Care types on real processes: the same people are paid as the same, looked up and refused as in the simulated world."""

from __future__ import annotations

import pytest
from support.both_worlds import HURRIED, TWO_PROVINCES, assert_same_fates

from lab.analysis.agreement import agreement_of
from lab.analysis.care_types import figures_of_books
from lab.checker import check
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario

pytestmark = pytest.mark.slow

MORNING = {
    "name": "care-types",
    "horizon": {"start": "2024-03-13T09:00:00", "length": "6h", "drain_limit": "24h"},
    "scale": {"time": 1_920},
    "visits": {
        "per_day": 400,
        "local_per_cross": 0,
        "mix": {"outpatient": 0.7, "pharmacy": 0.2, "inpatient": 0.1},
        "stay_mean": "2h",
        "mid_stay": {"longer_than": "1h", "share": 0.5},
        "care_types": {
            "chronic": 0.4, "emergency": 0.1, "recognised": 0.6, "as_ordinary": 0.5, "looks_up": 0.5,
            "dual_channel": 0.5, "special_drugs": 0.5, "astray": 0.1,
        },
    },
    "topology": TWO_PROVINCES,
    "clients": HURRIED,
}  # fmt: skip


def test_both_worlds_pay_the_same_people_as_the_same(tmp_path):
    asked = resolve(Scenario.model_validate(MORNING))

    real = assert_same_fates(asked, tmp_path)

    findings = check(real.books, real.record, agreement=agreement_of(asked))
    assert findings.clean, findings.violations
    figures = figures_of_books(real.books, asked)
    assert figures["care_types.chronic.settled"] > 0
    assert figures["care_types.emergency.settled"] > 0
    assert figures["care_types.not_recognised"] > figures["care_types.as_ordinary"] > 0
    assert set(real.record.messages["refusal"]) - {""} <= {"E19", "E20"}
    assert real.record.messages.filter(code="5301").height > 0
    assert real.record.mid_stays.height > 0
