"""Books of a long run: packed messages read back as they were, and nothing is packed that may still be asked for."""

from __future__ import annotations

import pytest
from support.tiny_world import CARE, S, costs, prepare, scenario, visit

from reference_impl.books.memory import MemoryBooks
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import Done, FindPerson, MessageId, PersonNo, Reply, Request
from reference_impl.protocol.records import Change, Key, MessageRecord
from scenarios.patients.visits import plan_visits
from sim.engine.timeline import WORK, Timeline
from sim.model import archive
from sim.model.archive import ArchivingBooks, retention_us
from sim.run import simulate

KEEP_US = 100 * S
QUIET_US = (2 * 20 + 2 + 2) * S
"""Twice the deadline, one patience and the longest back-off of the tiny world."""


def message_of(number: int, *, finished: bool = True) -> MessageRecord:
    msgid = MessageId(f"{number:030d}")
    body = FindPerson(person=PersonNo("p"))
    request = Request("1101", msgid, NodeId("H"), NodeId("H"), "330400", "630100", body)
    return MessageRecord(Key(NodeId("H"), msgid), "1101", number, request, Reply("r", Done()) if finished else None)


@pytest.fixture
def timeline() -> Timeline:
    return Timeline()


def write(timeline: Timeline, books: MemoryBooks, at_us: int, message: MessageRecord, *, insert: bool = True) -> None:
    timeline.call_at(at_us, WORK, lambda: books.apply(Change(message=message, insert=insert)))


def test_packed_entries_read_back_as_they_were_in_their_order(timeline: Timeline) -> None:
    books, plain = ArchivingBooks(timeline, KEEP_US), MemoryBooks()
    many = 3 * archive.BLOCK
    for number in range(many):
        for one in (books, plain):
            write(timeline, one, number * S, message_of(number))
    timeline.run_until(many * S)
    assert books.packed >= 2 * archive.BLOCK
    read = books.read_all().messages
    assert list(read) == list(plain.read_all().messages)
    assert len(read) == many
    assert read[5] == message_of(5)
    assert read[-2:] == (message_of(many - 2), message_of(many - 1))


def test_an_open_intent_stays_at_hand_however_old(timeline: Timeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "BLOCK", 2)
    books = ArchivingBooks(timeline, KEEP_US)
    write(timeline, books, 0, message_of(0, finished=False))
    for number in range(1, 9):
        write(timeline, books, number * KEEP_US, message_of(number))
    timeline.run_until(9 * KEEP_US)
    assert books.intents() == (message_of(0, finished=False),)
    assert books.see(message_of(0).key).message is not None
    assert books.see(message_of(1).key).message is None
    assert books.packed == 6
    write(timeline, books, 9 * KEEP_US + 1, message_of(0), insert=False)
    write(timeline, books, 12 * KEEP_US, message_of(9))
    timeline.run_until(12 * KEEP_US)
    assert books.see(message_of(0).key).message is None
    assert len(set(books.read_all().messages)) == len(books.read_all().messages) == 10


@pytest.mark.parametrize(
    ("more", "kept_us"),
    [
        ({}, QUIET_US),
        ({"faults": [{"kind": "kill", "node": CARE, "at": "1min", "for": "2h"}]}, QUIET_US + 7200 * S),
        ({"cutover": {"scope": CARE, "at": "2h", "stop_before": "1h", "window": "2h", "ramp": "1h"}}, QUIET_US + 4 * 3600 * S),
        ({"clients": {"deadline": "30min"}}, 3600 * S + 4 * S),
        ({"faults": [{"kind": "lose", "link": ["*", "*"], "direction": "reply"}]}, None),
    ],
)  # fmt: skip
def test_the_retention_outlasts_whatever_may_hold_a_resend_back(more: dict, kept_us: int | None) -> None:
    assert retention_us(scenario(**more)) == kept_us


def test_a_run_with_packed_books_writes_the_same_record_and_the_same_books(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = scenario(
        *(visit(kind, at=f"{10 + 5 * n}s") for n, kind in enumerate(("inpatient", "outpatient", "pharmacy")))
    )
    plain = prepare(asked).run()
    monkeypatch.setattr(archive, "DEADLINES_KEPT", 0)
    monkeypatch.setattr(archive, "BLOCK", 2)
    packed = simulate(asked, plan_visits(asked), costs())
    assert packed.digest() == plain.digest()
    for node, books in packed.books.items():
        assert sorted(e.key for e in books.messages) == sorted(e.key for e in plain.books[node].messages)
        assert books.settlements == plain.books[node].settlements
        assert list(books.postings) == list(plain.books[node].postings)
    assert sum(store.packed for store in packed.simulation.world.stores.values()) > 8  # type: ignore[attr-defined]
