"""How many messages a fault hit: told from the record and the books, by one rule in both worlds."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from support.tiny_world import CARE, HUB, INSURED, S, live, scenario, visit

from reference_impl.staging.hits import with_hits
from scenarios.record.recorder import TABLES, EventRow, MessageRow, Record, VisitRow, frame_of, tables_of
from scenarios.schema import Scenario

HOPS = dict.fromkeys(
    [f"{hop}_{way}_us" for hop in ("city", "care", "hub", "insured") for way in ("in", "out")], None
)  # fmt: skip
WAY = {"care_in_us": 105, "hub_in_us": 115, "insured_in_us": 125, "insured_out_us": 135, "hub_out_us": 145,
       "care_out_us": 155}  # fmt: skip


def attempt(visit_: int = 0, code: str = "2102", outcome: str = "ok", **more: Any) -> MessageRow:
    """Sent at 100 and done at 160, at the care province from 105, the hub from 115, the insurer from 125 to 135."""
    hops = HOPS | (WAY if outcome == "ok" else {}) | more
    return MessageRow(visit_, 3, code, "M", 1, 100, 160, outcome, "", None, **hops)


def went(number: int, care: str = "330400", insured: str = "631100") -> VisitRow:
    empty = dict.fromkeys(VisitRow._fields)
    return VisitRow(**empty | {"visit": number, "care_region": care, "insured_region": insured, "kind": "pharmacy"})


def hits(event: EventRow, *attempts: MessageRow, visits: tuple[VisitRow, ...] = (went(0),), **topology: Any) -> int:
    rows = {"visits": visits, "messages": attempts, "events": [event]}
    record = Record(**{name: frame_of(name, rows.get(name, ())) for name in TABLES})
    asked = Scenario.model_validate({"name": "s", "topology": {"regions": ["33", "63", "11"], **topology}})
    return with_hits(tables_of(record), asked, dict).frame("events")["hits"][0]


@pytest.mark.parametrize(
    ("kind", "node", "at", "until", "expected"),
    [
        ("freeze", "33", 0, 100, 0),  # over before it was sent
        ("freeze", "33", 0, 101, 1),
        ("freeze", "33", 150, 200, 1),  # held there, waiting for the next node's answer
        ("freeze", "33", 155, 200, 0),  # had left
        ("kill", "hub", 0, 110, 1),  # on its way to the hub
        ("freeze", "hub", 145, 300, 0),
        ("kill", "63", 130, 131, 1),
        ("freeze", "63", 135, 300, 0),
        ("freeze", "11", 0, 300, 0),  # not on its way
        ("refuse", "63", 125, 126, 1),
        ("slow", "63", 126, 300, 0),  # was inside already
        ("slow", "33", 105, 106, 1),
        ("slow", "33", 100, 105, 0),  # came afterwards
        ("slow_disk", "33", 105, 106, 1),
        ("clock_off", "63", 126, 300, 0),
        ("full_disk", "*", 125, 126, 1),  # wherever it came to
        ("full_disk", "*", 126, 300, 0),
        ("cpu_hog", "*", 125, 126, 1),
        ("cpu_hog", "*", 126, 300, 0),
    ],
)
def test_an_answered_attempt_is_hit_where_it_was_while_the_fault_lasted(kind, node, at, until, expected):
    assert hits(EventRow(at, until, kind, node), attempt()) == expected


@pytest.mark.parametrize(
    ("node", "code", "care", "expected"),
    [
        ("63", "2102", "330400", 1),
        ("hub", "2102", "330400", 1),
        ("hub", "2203", "330400", 0),  # the care province acts alone
        ("63", "2203", "330400", 0),
        ("hub", "2102", "631000", 0),  # within one province
        ("63", "2102", "631000", 1),
    ],
)
def test_an_attempt_without_an_answer_is_hit_where_its_way_leads(node, code, care, expected):
    event = EventRow(120, 130, "freeze", node)
    assert hits(event, attempt(code=code, outcome="unknown"), visits=(went(0, care=care),)) == expected


def test_whoever_stands_still_hits_the_messages_of_every_node_it_serves_and_a_refusal_those_of_one():
    hosts = {"both": {"nodes": ["11", "63"]}}

    assert hits(EventRow(0, 300, "freeze", "11"), attempt(), hosts=hosts) == 1
    assert hits(EventRow(0, 300, "slow", "11"), attempt(), hosts=hosts) == 0


def test_what_is_no_fault_hits_nothing_and_says_nothing():
    assert hits(EventRow(0, 300, "close", "hub"), attempt()) is None


FAULTS = [
    ({"kind": "freeze", "node": INSURED, "at": "11s", "for": "1s"}, 1),
    ({"kind": "refuse", "node": CARE, "at": "11s", "for": "1s"}, 1),  # it asks for a second of rest
    ({"kind": "lose", "link": ["hospital", CARE], "direction": "reply", "codes": ["2102"], "first": 1}, 1),
    ({"kind": "lose", "link": ["*", HUB], "direction": "request", "at": "1min"}, 0),
    ({"kind": "delay", "link": [HUB, INSURED], "add": "5ms"}, 6),  # three messages, there and back
    ({"kind": "lost_commit", "node": INSURED, "codes": ["2102"]}, 1),
    ({"kind": "lost_commit", "node": INSURED, "codes": ["2304"]}, 0),
]


@pytest.mark.parametrize(("fault", "expected"), FAULTS)
def test_every_fault_of_a_simulated_run_says_how_many_messages_it_hit(fault, expected):
    """One patient of a pharmacy, at the desk at 11 s: who they are, what it would cost, and the settlement."""
    run = live(scenario(visit("pharmacy"), faults=[fault]))
    events = run.record().events
    (found,) = events.filter(pl.col("kind") == fault["kind"])["hits"]
    assert found == expected


def test_two_faults_of_one_kind_count_each_its_own():
    faults = [
        {"kind": "lose", "link": ["hospital", CARE], "direction": "reply", "codes": ["1101"], "first": 1},
        {"kind": "lose", "link": ["hospital", CARE], "direction": "reply", "codes": ["2101"], "first": 2},
    ]
    assert live(scenario(visit("pharmacy"), faults=faults)).record().events["hits"].to_list() == [1, 2]


def test_the_record_of_a_run_with_a_kill_counts_the_tries_that_found_nobody():
    run = live(scenario(visit("pharmacy"), faults=[{"kind": "kill", "node": CARE, "at": "10s", "for": "5s"}]))
    record = run.record()
    tries = record.messages.filter((pl.col("sent_us") < 15 * S) & (pl.col("done_us") > 10 * S))
    assert record.events.filter(kind="kill")["hits"].to_list() == [tries.height]
    assert tries.height > 2
    assert record.events.filter(kind="restart")["hits"].to_list() == [None]


def test_that_nobody_listens_is_no_reply_that_a_link_could_lose_or_delay():
    """The proxy says it itself; the simulated link drew a loss for it and counted a crossing that never was."""
    faults = [
        {"kind": "kill", "node": CARE, "at": "10s", "for": "5s"},
        {"kind": "lose", "link": ["hospital", CARE], "direction": "reply", "for": "15s"},
        {"kind": "delay", "link": ["hospital", CARE], "add": "5ms", "for": "15s"},
    ]
    record = live(scenario(visit("pharmacy"), faults=faults)).record()
    unreachable = record.messages.filter(outcome="unreachable").height
    assert unreachable > 2
    assert record.events.filter(kind="lose")["hits"].to_list() == [0]
    assert record.events.filter(kind="delay")["hits"].to_list() == [unreachable]


@pytest.mark.parametrize(
    ("kind", "node", "refusal", "at", "until", "expected"),
    [
        ("early_key", "33", "I11", 0, 101, 1),
        ("early_key", "33", "I11", 0, 100, 0),  # over before it was sent
        ("revoked_key", "33", "I12", 160, 200, 1),  # revoked while it was on its way
        ("revoked_key", "33", "I12", 161, 200, 0),
        ("skewed_clock", "33", "I14", 0, 300, 1),
        ("skewed_clock", "33", "I11", 0, 300, 0),  # not heard for another reason
        ("skewed_clock", "63", "I14", 0, 300, 0),  # not of its hospitals
    ],
)
def test_who_was_told_that_they_are_not_heard_is_hit_by_the_fault_of_that_name(
    kind, node, refusal, at, until, expected
):
    unheard = attempt(outcome="unknown")._replace(refusal=refusal)

    assert hits(EventRow(at, until, kind, node), unheard, attempt()) == expected
