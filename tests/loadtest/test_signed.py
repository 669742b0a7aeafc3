"""Hospitals that sign in a whole run: over cities and faulty links, at new numbers in an old dialect, from platforms.

Some of it by TLS all the way. Every message crosses as it does unsigned: nobody is refused for a key or a seal, and the laws hold.
"""

from __future__ import annotations

import pytest
from support.both_worlds import HURRIED, TWO_PROVINCES
from support.real_system import run_for_real

from lab.analysis.agreement import agreement_of
from lab.checker import check
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario

pytestmark = pytest.mark.slow

HOURS = {
    "horizon": {"start": "2024-03-13T09:00:00", "length": "6h", "drain_limit": "24h"},
    "scale": {"time": 1_920},
    "visits": {
        "per_day": 400,
        "local_per_cross": 0,
        "mix": {"outpatient": 0.4, "pharmacy": 0.3, "inpatient": 0.3},
        "stay_mean": "2h",
    },
    "topology": TWO_PROVINCES,
    "clients": HURRIED,
}
LINKS = TWO_PROVINCES["links"]
FAST = LINKS["province_hub"]
WORLDS = {
    "over-cities-and-faulty-links": {
        "topology": TWO_PROVINCES
        | {"cities": {"3304": {}, "6301": {}}, "links": LINKS | {"hospital_city": FAST, "city_province": FAST}},
        "clients": HURRIED
        | {
            "timeout": "940ms",
            "reversal_timeout": "940ms",
            "forward_timeout": {"city": "740ms", "care": "540ms", "hub": "340ms"},
        },
        "faults": [
            {"kind": "lose", "link": ["hospital", "33"], "direction": "reply", "share": "10%"},
            {"kind": "lose", "link": ["33", "hub"], "direction": "reply", "share": "20%"},
            {"kind": "kill", "node": "63", "at": "2h", "for": "1h"},
        ],
    },
    "new-numbers-and-an-old-dialect": {
        "clients": HURRIED | {"park": {"share": 1, "spread": "1h"}},
        "cutover": [
            {"scope": "63", "at": "2h", "stop_before": "30min", "window": "1h", "ramp": 0,
             "renumber": {}, "dialect": {}},
            {"scope": "33", "at": "2h", "stop_before": "30min", "window": "1h", "ramp": 0, "dialect": {},
             "renumber": {"persons": False, "visits": {}, "settlements": {}, "institutions": {}}},
        ],
    },
    "filing-by-platform-and-desk": {
        "filing": {
            "standings": {"unfiled": 0.3},
            "in_stay": 0.5,
            "desk": {"files": 0.8, "by_clerk": 0.5, "comes_back_after": "1h"},
        },
    },
}  # fmt: skip


@pytest.mark.parametrize(("name", "headers"), [*zip(WORLDS, ("hunan", "guangdong", "hunan"), strict=True)])
def test_a_signed_run_settles_and_nobody_is_refused_for_a_key_or_a_seal(tmp_path, name, headers):
    tls = headers == "guangdong" and "faults" not in WORLDS[name]
    trust = {"headers": headers, "hospital_tls": tls, "mutual_tls": tls}
    asked = resolve(Scenario.model_validate({"name": name, "trust": trust} | HOURS | WORLDS[name]))

    real = run_for_real(asked, tmp_path)

    assert real.finished, real.errors
    assert real.failures == ()
    refusals = set(real.record.messages["refusal"])
    assert not {one for one in refusals if one and one[0] == "I"}, refusals
    assert real.record.visits["acked"].sum() > 0.6 * real.record.visits.height
    findings = check(real.books, real.record, agreement=agreement_of(asked))
    assert findings.clean, findings.violations
    kept = [
        one.request.seal for one in real.books["63"].messages if one.request is not None and one.request.code[0] == "2"
    ]
    assert any(seal is not None for seal in kept)
