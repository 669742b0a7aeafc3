"""Wrong clocks and keys on real processes: their own gates refuse by name, and people fare as when simulated."""

from __future__ import annotations

import pytest
from support.both_worlds import HURRIED, TWO_PROVINCES, assert_same_fates

from lab.analysis.agreement import agreement_of
from lab.analysis.trust import figures
from lab.checker import check
from loadtest.actions import Machine, ProcessActions
from loadtest.signing import Slips
from reference_impl.domain.institution import filing_platform
from reference_impl.staging.hospital_faults import HitInstitutions, HospitalFaults
from reference_impl.trust.keys import Key, KeyLine
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario

HERE, THERE = "H33040030001", "H63010030001"
ALL = HitInstitutions(seed=1, number=0, province="33", share=1.0)


THERE_ALL = HitInstitutions(seed=1, number=1, province="63", share=1.0)


class Telling:
    """A system that remembers which institutions' keys it was last told to revoke."""

    def __init__(self):
        self.revoked = None

    def revoke_at_nodes(self, is_revoked):
        lines = [KeyLine(id=code, institution=code, secret="") for code in (HERE, THERE)]
        self.revoked = {line.id for line in lines if is_revoked(line)}


def test_keys_are_revoked_by_each_fault_and_those_alone_hold_again():
    """Two provinces at once, and one that could not be told the first time is told the second."""
    system = Telling()
    actions = ProcessActions(system, Machine())
    told = []
    for of, on in ((ALL, True), (ALL, True), (THERE_ALL, True), (ALL, False), (THERE_ALL, False)):
        actions.revoke(of, on=on)
        told.append(system.revoked)

    assert told == [{HERE}, {HERE}, {HERE, THERE}, {THERE}, set()]


class Clock:
    def __init__(self, now_us):
        self._now_us = now_us

    def now_us(self):
        return self._now_us


def faults_of(*faults):
    return HospitalFaults(
        Scenario.model_validate({"name": "s", "topology": {"regions": ["33", "63"]}, "trust": {}, "faults": faults})
    )


RIGHT = Key("own", HERE, b"s" * 32)


@pytest.mark.parametrize(
    ("fault", "now_us", "key", "at_ms"),
    [
        ({"kind": "skewed_clock", "by": "1min"}, 0, "own", 940_000),
        ({"kind": "skewed_clock", "by": "1min", "towards": "ahead"}, 0, "own", 1_060_000),
        ({"kind": "early_key"}, 0, f"early-{HERE}", 1_000_000),
        ({"kind": "revoked_key"}, 0, "own", 1_000_000),  # they do not know
        ({"kind": "early_key"}, 60_000_000, "own", 1_000_000),  # over
        ({"kind": "early_key", "node": "63"}, 0, "own", 1_000_000),
    ],
)
def test_a_hospital_signs_as_its_fault_says_and_rightly_afterwards(fault, now_us, key, at_ms):
    slips = Slips(faults_of({"node": "33", "at": 0, "for": "1min"} | fault), Clock(now_us))

    signed_with, at = slips.of(RIGHT, 1_000_000)

    assert (signed_with.id, at) == (key, at_ms)
    assert (signed_with.secret == RIGHT.secret) == (key == "own")


def test_a_platform_is_an_institution_of_its_province():
    assert ALL.has(filing_platform("33").code)
    assert not ALL.has(filing_platform("63").code)


DAY = {
    "name": "unheard",
    "seed": 3,
    "horizon": {"start": "2024-03-13T09:00:00", "length": "10h", "drain_limit": "24h"},
    "scale": {"time": 1_440},
    "visits": {"per_day": 150, "local_per_cross": 1, "mix": {"outpatient": 0.6, "pharmacy": 0.4, "inpatient": 0}},
    "topology": TWO_PROVINCES | {"desks_per_hospital": 9},
    "clients": HURRIED
    | {"timeout": "3s", "reversal_timeout": "3s", "forward_timeout": {"care": "2500ms", "hub": "2s"}, "deadline": "4s"},
}
"""Waits so long that a slow machine gives the same answers."""
WRONG = {
    "a new key": ("hunan", {"kind": "early_key", "node": "33", "share": "50%", "for": "3h"}, "unknown_key", "I11"),
    "a former key": ("guangdong", {"kind": "revoked_key", "node": "63"}, "revoked_key", "I12"),
    "a clock ahead": (
        "hunan",
        {"kind": "skewed_clock", "node": "63", "by": "31s", "towards": "ahead"},
        "stale_time",
        "I14",
    ),
    "a clock behind": ("guangdong", {"kind": "skewed_clock", "node": "63", "by": "31s"}, "stale_time", "I14"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG)
def test_both_worlds_hear_the_same_hospitals_and_nobody_fares_otherwise(tmp_path, name):
    headers, fault, reason, code = WRONG[name]
    trust = {"headers": headers, "window": "30s"}
    asked = resolve(Scenario.model_validate(DAY | {"trust": trust, "faults": [{"at": "2h", "for": "6h"} | fault]}))

    real = assert_same_fates(asked, tmp_path)

    findings = check(real.books, real.record, agreement=agreement_of(asked))
    assert findings.clean, findings.violations
    found = figures(real.record, asked)
    assert found["trust.unheard"] == found[f"trust.{reason}"] > 0
    assert set(real.record.messages.filter(refusal=code)["outcome"]) == {"unknown"}
    [event] = real.record.events.filter(kind=fault["kind"]).rows(named=True)
    assert event["hits"] == found["trust.unheard"]
