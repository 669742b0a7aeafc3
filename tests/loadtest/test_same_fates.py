"""The contract between the two worlds: the same faults tell every patient the same fate, by the same answers."""

from __future__ import annotations

import pytest
from support.both_worlds import HURRIED, TWO_PROVINCES, assert_same_fates

from scenarios.reading.scale import resolve
from scenarios.schema import Scenario

pytestmark = pytest.mark.slow

DAY = {
    "name": "troubled-day",
    "horizon": {"length": "24h", "drain_limit": "48h"},
    "scale": {"time": 1_920},
    "visits": {"per_day": 240, "local_per_cross": 0, "mix": {"outpatient": 0.6, "pharmacy": 0.4, "inpatient": 0}},
    "topology": TWO_PROVINCES,
    "clients": HURRIED,
}
LOSS = {"kind": "lose", "link": ["hospital", "33"], "direction": "request", "share": "30%"}
LOST_REPLY = {"kind": "lose", "link": ["hub", "63"], "direction": "reply", "share": "20%"}
DELAY = {"kind": "delay", "link": ["33", "hub"], "add": "10ms"}
MIXES = {
    "an insurer stands still": [{"kind": "freeze", "node": "63", "at": "12h", "for": "4h"}],
    "a care province stands still": [{"kind": "freeze", "node": "33", "at": "12h", "for": "4h"}],
    "the hub stands still": [{"kind": "freeze", "node": "hub", "at": "12h", "for": "4h"}],
    "an insurer refuses, then the hub is killed": [
        {"kind": "refuse", "node": "63", "at": "5h", "for": "3h"},
        {"kind": "kill", "node": "hub", "at": "14h", "for": "4h"},
    ],
    "an insurer is killed while messages are lost and late": [
        {"kind": "kill", "node": "63", "at": "12h", "for": "4h"},
        {"kind": "lose", "link": ["33", "hub"], "direction": "request", "share": "25%"},
        DELAY,
    ],
    "replies and requests are lost on three links": [
        {"kind": "lose", "link": ["33", "hub"], "direction": "reply", "share": "40%"},
        {"kind": "lose", "link": ["hub", "63"], "direction": "reply", "share": "30%"},
        {"kind": "lose", "link": ["hospital", "33"], "direction": "request", "share": "25%"},
    ],
    "platforms say yes and an error, or yes and nothing, on every link": [
        {"kind": "yes_with_error_text", "link": ["hospital", "33"], "share": "40%", "first": 2},
        {"kind": "yes_without_receipt", "link": ["33", "hub"], "share": "40%", "first": 2},
        {"kind": "yes_with_error_text", "link": ["hub", "63"], "share": "40%", "acted": "50%"},
        {"kind": "yes_without_receipt", "link": ["hospital", "63"], "share": "60%", "acted": "50%", "codes": ["2201"]},
    ],
    "connections are reset in requests and in replies": [
        {"kind": "reset", "link": ["hospital", "33"], "direction": "request", "share": "30%"},
        {"kind": "reset", "link": ["hub", "63"], "direction": "reply", "share": "40%"},
        {"kind": "reset", "link": ["33", "hub"], "direction": "reply", "share": "30%"},
    ],
    "connections stop in requests and in replies, and are closed later": [
        {"kind": "slow_close", "link": ["hospital", "33"], "direction": "reply", "share": "30%", "after": "150ms"},
        {"kind": "slow_close", "link": ["hub", "63"], "direction": "request", "share": "40%", "after": "100ms"},
    ],
    "requests come twice, at once and late, while replies are lost": [
        {"kind": "duplicate", "link": ["hospital", "33"], "share": "50%"},
        {"kind": "duplicate", "link": ["hub", "63"], "share": "50%", "after": "100ms"},
        LOST_REPLY,
    ],
    "messages are held back and jitter": [
        {"kind": "reorder", "link": ["hub", "63"], "direction": "request", "share": "40%", "by": "500ms"},
        {"kind": "reorder", "link": ["hospital", "33"], "direction": "reply", "share": "20%", "by": "1s"},
        {"kind": "delay", "link": ["33", "hub"], "add": "5ms", "jitter": "20ms"},
    ],
    "a link carries all too little for a while": [
        {"kind": "bandwidth", "link": ["33", "hub"], "bytes_per_second": 1, "at": "12h", "for": "4h"},
        {"kind": "bandwidth", "link": ["hub", "63"], "bytes_per_second": 100_000, "burst_bytes": 2000},
    ],
    "a province is parted from all others": [
        {"kind": "partition", "groups": [["63"], ["hub"]], "at": "12h", "for": "4h"}
    ],
    "an insurer is heard by nobody, and then hears nobody": [
        {"kind": "half_partition", "from": ["63"], "to": ["hub"], "at": "5h", "for": "3h"},
        {"kind": "half_partition", "from": ["hub"], "to": ["63"], "at": "14h", "for": "4h"},
    ],
    "somebody holds the database of an insurer, then that of the hub": [
        {"kind": "database_down", "node": "63", "at": "5h", "for": "3h"},
        {"kind": "database_down", "node": "hub", "at": "14h", "for": "4h"},
    ],
    "another program takes half of the core": [{"kind": "cpu_hog", "share": "50%", "at": "4h", "for": "12h"}, LOSS],
    "the hub stands still while messages are lost and late": [
        LOSS,
        LOST_REPLY,
        DELAY,
        {"kind": "freeze", "node": "hub", "at": "12h", "for": "4h"},
    ],
}


@pytest.mark.parametrize("faults", MIXES.values(), ids=MIXES)
def test_both_worlds_tell_the_same_fates_under_the_same_faults(tmp_path, faults):
    asked = resolve(Scenario.model_validate(DAY | {"faults": faults}))

    ended = assert_same_fates(asked, tmp_path)

    assert {"unknown", "busy", "unreachable", "overloaded"} & set(ended.record.messages["outcome"]), "the trouble shows"
