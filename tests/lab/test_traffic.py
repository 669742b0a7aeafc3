"""What a load run says at its end of what its hospitals sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lab.analysis.traffic import CONTACT, traffic_of
from lab.cli.commands.results import print_traffic, traffic_data
from scenarios.record.recorder import ContactRow, MessageRow, Record, Recorder, frame_of, record_of

S = 1_000_000


def message(visit: int, code: str, sent_us: int, took_us: int, outcome: str = "ok") -> MessageRow:
    empty: dict[str, Any] = dict.fromkeys(MessageRow._fields)
    facts = {
        "visit": visit,
        "step": 1,
        "code": code,
        "msgid": f"m{visit}",
        "attempt": 1,
        "sent_us": sent_us,
        "done_us": sent_us + took_us,
        "outcome": outcome,
        "refusal": "",
    }
    return MessageRow(**(empty | facts))


def recorded(*rows: MessageRow, contacts: tuple[ContactRow, ...] = ()) -> Record:
    frames = {"messages": frame_of("messages", rows), "contacts": frame_of("contacts", contacts)}
    return replace(record_of(Recorder().tables()), **frames)


def test_each_transaction_has_its_count_its_rate_and_its_exact_latencies():
    rows = [message(visit, "A", visit * S, (visit + 1) * 1_000) for visit in range(100)]
    record = recorded(*rows, message(200, "B", 50 * S, 7_000))

    first, second = traffic_of(record).took

    assert (first.name, first.number, round(first.per_s, 3)) == ("A", 100, round(100 / 99, 3))
    assert (first.min_us, first.mean_us, first.max_us) == (1_000, 50_500, 100_000)
    assert (first.p95_us, first.p99_us) == (95_000, 99_000)
    assert (second.name, second.number, second.p99_us) == ("B", 1, 7_000)


def test_messages_without_a_verdict_are_told_by_kind_and_give_no_latency():
    record = recorded(
        message(1, "A", 0, 1_000),
        message(2, "A", 0, 900_000, "unknown"),
        message(3, "A", 0, 2_000, "closed"),
        message(4, "A", 0, 3_000, "refused"),
        message(5, "A", 0, 0, "held_by_breaker"),
    )

    traffic = traffic_of(record)

    assert traffic.errors == {"closed": 1, "unknown": 1}
    assert (traffic.took[0].number, traffic.took[0].max_us) == (4, 3_000), "what was held back was not sent"


def test_a_contact_counts_from_when_it_was_meant_and_only_if_it_was_served():
    contacts = (ContactRow(1, 1, 1_000, 5_000, "done"), ContactRow(2, 1, 1_000, None, "open"))

    took = traffic_of(recorded(message(1, "A", 0, 1_000), contacts=contacts)).took

    assert (took[0].name, took[0].number, took[0].max_us) == (CONTACT, 2, 4_000)


def test_a_run_that_sent_nothing_says_so(capsys):
    traffic = traffic_of(recorded())

    print_traffic(traffic)

    assert "messages without a verdict: none" in capsys.readouterr().out
    assert traffic_data(traffic) == {"took": [], "errors": {}}
