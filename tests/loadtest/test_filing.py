"""Filing on real processes: the same people are turned away, file and settle as in the simulated world."""

from __future__ import annotations

from collections import Counter

import pytest
from support.both_worlds import HURRIED, TWO_PROVINCES, assert_same_fates

from lab.analysis.agreement import agreement_of
from lab.analysis.filing import figures_of_books
from lab.checker import check
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario

pytestmark = pytest.mark.slow

DAY = {
    "name": "filing",
    "horizon": {"start": "2024-03-13T09:00:00", "length": "6h", "drain_limit": "24h"},
    "scale": {"time": 1_920},
    "visits": {
        "per_day": 400,
        "local_per_cross": 0,
        "mix": {"outpatient": 0.6, "pharmacy": 0.1, "inpatient": 0.3},
        "stay_mean": "2h",
    },
    "topology": TWO_PROVINCES,
    "clients": HURRIED,
    "filing": {
        "standings": {"unfiled": 0.2, "expired": 0.1, "elsewhere": 0.1, "used_up": 0.05, "not_uploaded": 0.05},
        "emergency": 0.1,
        "in_stay": 0.5,
        "upload_lag": "2h",
        "referral_settlements": 1,
        "interrupted": 0.1,
        "withdrawn": 0.2,
        "desk": {"files": 0.8, "by_clerk": 0.5, "comes_back_after": "3h"},
        "regions": [{"insured": "63", "covers": "hospital"}],
    },
}


def test_both_worlds_turn_the_same_people_away_and_help_the_same(tmp_path):
    asked = resolve(Scenario.model_validate(DAY))

    real = assert_same_fates(asked, tmp_path)

    findings = check(real.books, real.record, agreement=agreement_of(asked))
    assert findings.clean, findings.violations
    fates = Counter(real.record.visits["fate"])
    assert min(fates["direct"], fates["filed_then_direct"], fates["paper_by_filing"]) > 0
    refusals = set(real.record.messages["refusal"]) - {""}
    assert refusals >= {"E07", "E08", "E09", "E10", "E12"}
    assert {msgid[0] for msgid in real.record.messages.filter(code="2501")["msgid"]} == {"A", "H"}
    withdrawn = real.record.messages.filter(code="2502", outcome="ok")
    assert {msgid[0] for msgid in withdrawn["msgid"]} == {"A", "H"}
    figures = figures_of_books(real.books, asked)
    assert figures["filing.state_valid"] > 0
