"""Cities as processes of their own: both worlds tell every patient the same fate, over relays that fail."""

from __future__ import annotations

import pytest
from support.both_worlds import HURRIED, TWO_PROVINCES, assert_same_fates

from lab.analysis.agreement import agreement_of
from lab.checker import check
from loadtest.links import faulty_links
from reference_impl.staging.loss import disturbances
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario

LINKS = TWO_PROVINCES["links"]
FAST = LINKS["province_hub"]
DAY = {
    "name": "day-over-cities",
    "horizon": {"length": "24h", "drain_limit": "48h"},
    "scale": {"time": 3_840},
    "visits": {
        "per_day": 160,
        "local_per_cross": 0.25,
        "mix": {"outpatient": 0.6, "pharmacy": 0.4, "inpatient": 0},
        "flows": {"care_city_shares": {"3304": "40%"}, "insured_city_shares": {"6301": "60%"}},
    },
    "topology": TWO_PROVINCES
    | {
        "cities": {"3304": {}, "6301": {"workers": 64}},
        "links": LINKS | {"hospital_city": FAST, "city_province": FAST},
    },
    "clients": HURRIED
    | {
        "timeout": "940ms",
        "reversal_timeout": "940ms",
        "forward_timeout": {"city": "740ms", "care": "540ms", "hub": "340ms"},
    },
    "faults": [
        {"kind": "kill", "node": "3304", "at": "8h", "for": "4h"},
        {"kind": "freeze", "node": "6301", "at": "16h", "for": "3h"},
        {"kind": "lose", "link": ["3304", "33"], "direction": "reply", "share": "30%"},
        {"kind": "lose", "link": ["63", "6301"], "direction": "request", "share": "30%"},
    ],
}


def test_a_faulty_link_of_a_city_has_a_proxy_of_its_own():
    asked = resolve(Scenario.model_validate(DAY))

    assert list(faulty_links(asked, disturbances(asked))) == [("3304", "33"), ("63", "6301")]


@pytest.mark.slow
def test_both_worlds_tell_the_same_fates_over_relays_that_fail(tmp_path):
    asked = resolve(Scenario.model_validate(DAY))

    ended = assert_same_fates(asked, tmp_path)

    books = ended.books
    assert all(books[city].copies for city in ("3304", "6301"))
    assert {"unknown", "busy", "unreachable", "overloaded"} & set(ended.record.messages["outcome"]), "the trouble shows"
    assert not check(books, ended.record, agreement=agreement_of(asked)).violations
