"""Identity and scope on real processes: the same people show the same, and are turned away where they were simulated."""

from __future__ import annotations

from collections import Counter

import pytest
from support.both_worlds import HURRIED, TWO_PROVINCES, assert_same_fates

from lab.analysis.agreement import agreement_of
from lab.checker import check
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario

pytestmark = pytest.mark.slow

FAILS = {"not_at_hand": 0.1, "unreadable": 0.1, "suspended": 0.2}
DAY = {
    "name": "desk",
    "horizon": {"start": "2024-03-13T09:00:00", "length": "6h", "drain_limit": "24h"},
    "scale": {"time": 1_920},
    "visits": {
        "per_day": 400,
        "local_per_cross": 0,
        "mix": {"outpatient": 0.5, "pharmacy": 0.2, "inpatient": 0.3},
        "stay_mean": "2h",
    },
    "topology": TWO_PROVINCES,
    "clients": HURRIED,
    "identity": {
        "fails": dict.fromkeys(("e_credential", "id_card", "social_security_card"), FAILS),
        "clerk": {"another": 0.5, "by_hand": 0.2},
        "not_shown": {"outpatient": 0.2, "pharmacy": 0.2, "inpatient": 0.3},
        "guidance": {"reaches": 0.3, "takes": "10s"},
    },
    "network": {"opened": [{"care": ["33"]}, {"care": ["63"], "kinds": ["inpatient"]}]},
}


def test_both_worlds_know_the_same_people_and_turn_the_same_away(tmp_path):
    asked = resolve(Scenario.model_validate(DAY))

    real = assert_same_fates(asked, tmp_path)

    findings = check(real.books, real.record, agreement=agreement_of(asked))
    assert findings.clean, findings.violations
    fates = Counter(real.record.visits["fate"])
    assert min(fates[fate] for fate in ("direct", "self_paid", "paper_by_identity", "paper_by_network")) > 0
    assert set(real.record.messages["refusal"]) >= {"E14", "E15"}
    assert {*real.record.identifications["means"]} >= {"e_credential", "id_card", "social_security_card", "by_hand"}
