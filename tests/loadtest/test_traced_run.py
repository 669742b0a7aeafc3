"""A load run whose hospitals begin the traces: one id from Locust's request over relays and proxies to the insurer."""

from __future__ import annotations

from collections import defaultdict

import pytest
from support.both_worlds import HURRIED, TWO_PROVINCES
from support.real_system import run_for_real
from support.traces import ancestry, spans_in

from reference_impl.telemetry.context import is_chosen, trace_of
from reference_impl.telemetry.options import LogRules, Telemetry, TraceRules
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario

pytestmark = pytest.mark.slow

SHARE = 0.5
LINKS = TWO_PROVINCES["links"]
FAST = LINKS["province_hub"]
DAY = {
    "name": "traced-day",
    "horizon": {"length": "24h", "drain_limit": "48h"},
    "scale": {"time": 8_640},
    "visits": {
        "per_day": 60,
        "local_per_cross": 0,
        "mix": {"outpatient": 0.6, "pharmacy": 0.4, "inpatient": 0},
        "flows": {"care_city_shares": {"3304": "50%"}, "insured_city_shares": {"6301": "50%"}},
    },
    "topology": TWO_PROVINCES
    | {"cities": {"3304": {}, "6301": {}}, "links": LINKS | {"hospital_city": FAST, "city_province": FAST}},
    "clients": HURRIED
    | {
        "timeout": "940ms",
        "reversal_timeout": "940ms",
        "forward_timeout": {"city": "740ms", "care": "540ms", "hub": "340ms"},
    },
    "faults": [{"kind": "lose", "link": ["hub", "63"], "direction": "reply", "share": "20%"}],
}


def test_locust_s_requests_are_the_roots_and_the_share_is_the_same_everywhere(tmp_path):
    traces = tmp_path / "traces"
    telemetry = Telemetry(LogRules(), TraceRules(to=str(traces), share=SHARE))

    ended = run_for_real(resolve(Scenario.model_validate(DAY)), tmp_path, telemetry)

    assert ended.finished, ended.errors
    spans = spans_in(traces)
    by_msgid = defaultdict(list)
    for one in spans:
        if "yidi.msgid" in one.facts:
            by_msgid[one.facts["yidi.msgid"]].append(one)
    assert all(is_chosen(msgid, SHARE) for msgid in by_msgid)
    sent = {msgid for msgid in ended.record.messages["msgid"] if is_chosen(msgid, SHARE)}
    assert sent
    assert sent == by_msgid.keys(), "each message that was sent and chosen, and no other"
    assert all({one.trace for one in found} == {f"{trace_of(msgid):032x}"} for msgid, found in by_msgid.items())

    roots = [one for one in spans if not one.parent]
    assert {one.process for one in roots if not one.facts.get("yidi.again")} == {"hospitals"}
    ways = {tuple(ancestry(spans, one)[::-1]) for one in spans if " at 6301" in one.name}
    over_relays = [way for way in ways if any(" at 3304" in step for step in way)]
    assert over_relays, ways
    hops = [step.partition(" at ")[2] for step in over_relays[0] if " at " in step]
    assert hops[0] == "3304"
    assert {"33", "hub", "63", "6301"} <= {*hops}
    tries = [one for one in spans if one.process == "hospitals"]
    assert len(tries) > len({one.facts["yidi.msgid"] for one in tries}), "lost replies were asked for again"
