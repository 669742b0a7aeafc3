"""Books of a long run: packed messages read back as they were, and nothing is packed that may still be asked for."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.tiny_world import CARE, S, costs, prepare, scenario, visit

from reference_impl.books.memory import MemoryBooks
from reference_impl.domain.benefit import Accumulators, Settlement
from reference_impl.domain.fees import FeeTotals, PricedLine
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import (
    Done,
    FindPerson,
    MessageId,
    PersonNo,
    Reply,
    Request,
    SettlementId,
    VisitId,
)
from reference_impl.protocol.records import (
    KINDS,
    AlreadyThere,
    Change,
    ChargedBatch,
    ChargesRecord,
    Committed,
    Key,
    MessageRecord,
    PersonRecord,
    Record,
    Ref,
    SettlementCopy,
    Stale,
    VisitRecord,
    VisitsOfPerson,
)
from scenarios.patients.visits import plan_visits
from sim.engine.timeline import WORK, Timeline
from sim.model import archive, shelves, spool
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
    many = 3 * spool.BLOCK
    for number in range(many):
        for one in (books, plain):
            write(timeline, one, number * S, message_of(number))
    timeline.run_until(many * S)
    assert books.packed >= 2 * spool.BLOCK
    read = books.read_all().messages
    assert list(read) == list(plain.read_all().messages)
    assert len(read) == many
    assert read[5] == message_of(5)
    assert read[-2:] == (message_of(many - 2), message_of(many - 1))


def test_an_open_intent_stays_at_hand_however_old(timeline: Timeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "BLOCK", 2)
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
        ({"visits": {"queries": {}}, "horizon": {"length": "1h", "drain_limit": "1h"}}, QUIET_US + 7200 * S),
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
    monkeypatch.setattr(spool, "BLOCK", 2)
    packed = simulate(asked, plan_visits(asked), costs())
    assert packed.digest() == plain.digest()
    for node, books in packed.books.items():
        assert sorted(e.key for e in books.messages) == sorted(e.key for e in plain.books[node].messages)
        for kind in KINDS:
            assert sorted(map(repr, books.records[kind])) == sorted(map(repr, plain.books[node].records[kind]))
        assert list(books.postings) == list(plain.books[node].postings)
    assert sum(store.packed for store in packed.simulation.world.stores.values()) > 8  # type: ignore[attr-defined]


PERSON = PersonNo("p1")


def person(version: int, name: str = PERSON) -> PersonRecord:
    return PersonRecord(PersonNo(name), version, Accumulators(year=2024, balance_fen=version))


def settled(number: int, *, sign: int = 1, reverses: str = "") -> SettlementCopy:
    name, stay = SettlementId(f"{'A' if sign > 0 else 'R'}{number}"), VisitId(f"S{number}")
    return SettlementCopy(
        name, stay, MessageId("m"), "2207", number, sign=sign, amounts=Settlement(), reverses=SettlementId(reverses)
    )  # type: ignore[arg-type]


class Story:
    """The same changes in books that put away at once and in books that never do."""

    def __init__(self, timeline: Timeline, block: int) -> None:
        self.timeline, self.number = timeline, 0
        shelved = spool.Spool()
        shelved.block = block
        self.books = {"archived": ArchivingBooks(timeline, KEEP_US, shelved), "plain": MemoryBooks()}

    def write(self, *records: Record) -> list[type]:
        """Write records in a message of their own, long after what was written before."""
        self.number += 1
        self.timeline.run_until(self.timeline.now_us + 3 * KEEP_US)
        change = Change(message=message_of(self.number), insert=True, records=records)
        return [type(one.apply(change)) for one in self.books.values()]

    def find(self, ref: Ref) -> list[Record | None]:
        return [one.see(message_of(0).key, (ref,)).get(ref.kind) for one in self.books.values()]

    def all(self, kind: type[Record]) -> list[list[str]]:
        return [sorted(map(repr, one.read_all().records[kind])) for one in self.books.values()]


@pytest.mark.parametrize("block", [1, 2, 512])
def test_a_record_put_away_is_found_again_and_moves_on_from_its_version(timeline: Timeline, block: int) -> None:
    story = Story(timeline, block)
    for number in range(5):
        story.write(person(1, f"p{number}"))
    assert story.find(Ref(PersonRecord, "p1")) == [person(1), person(1)]
    assert story.find(Ref(PersonRecord, "nobody")) == [None, None]
    assert story.write(person(3)) == [Stale, Stale]
    assert story.write(person(2)) == [Committed, Committed]
    assert story.write(person(2)) == [Stale, Stale]
    story.write(person(1, "p9"))
    assert story.find(Ref(PersonRecord, "p1")) == [person(2), person(2)]
    archived, plain = story.all(PersonRecord)
    assert archived == plain
    assert len(story.books["archived"].read_all().persons) == len(plain)


def visit_of(number: int, name: str = PERSON, *, version: int = 1, state: VisitState = VisitState.OPEN) -> VisitRecord:
    return VisitRecord(
        VisitId(f"S{number}"), version, NodeId("H"), "630100", PersonNo(name), state, MessageId(f"m{number}"), "2401",
        FeeTotals(),
    )  # fmt: skip


@pytest.mark.parametrize("block", [1, 2, 512])
def test_a_persons_visits_are_found_together_at_hand_on_the_shelf_or_lying_still(
    timeline: Timeline, block: int
) -> None:
    story, over = Story(timeline, block), VisitState.CANCELLED
    for number, (name, state) in enumerate([("p1", over), ("p2", over), ("p1", VisitState.OPEN), ("p1", over)]):
        story.write(visit_of(number, name, state=state))
    asked = Ref(VisitsOfPerson, "p1")
    first, _, open_still, last = (
        visit_of(n, state=state) for n, state in enumerate([over, over, VisitState.OPEN, over])
    )

    expected = VisitsOfPerson(PERSON, (first, open_still, last))
    assert story.find(asked) == [expected, expected]
    gone = visit_of(2, version=2, state=over)
    story.write(gone)
    story.write(visit_of(5))

    expected = VisitsOfPerson(PERSON, (first, gone, last, visit_of(5)))
    assert story.find(asked) == [expected, expected]
    assert story.find(Ref(VisitsOfPerson, "nobody")) == [None, None]


@pytest.mark.parametrize("block", [1, 2, 512])
def test_a_settlement_put_away_stands_until_it_is_taken_back(timeline: Timeline, block: int) -> None:
    story = Story(timeline, block)
    for number in range(5):
        story.write(settled(number))
    assert story.find(Ref(SettlementCopy, "S1")) == [settled(1), settled(1)]
    story.write(settled(1, sign=-1, reverses="A1"))
    story.write(settled(7))
    story.write(settled(8))
    assert story.find(Ref(SettlementCopy, "S1")) == [None, None]
    assert story.find(Ref(SettlementCopy, "S2")) == [settled(2), settled(2)]
    archived, plain = story.all(SettlementCopy)
    assert archived == plain


def test_what_nobody_asks_for_any_more_leaves_memory_and_an_open_stay_keeps_its_packed_charges(
    timeline: Timeline,
) -> None:
    story = Story(timeline, 2)
    lines = tuple(PricedLine(f"{n}", 100, 0, 0, 0, 100) for n in range(3))
    charges = {name: ChargesRecord(VisitId(name), 1, (ChargedBatch("1", lines),)) for name in ("open", "over")}
    for name, state in (("open", VisitState.OPEN), ("over", VisitState.CANCELLED)):
        record = VisitRecord(
            VisitId(name), 1, NodeId("H"), "630100", PERSON, state, MessageId("m"), "2401", FeeTotals(total_fen=300)
        )
        story.write(record, charges[name])
    for number in range(4):
        story.write(person(1, f"p{number}"))
    hot: Any = story.books["archived"]._keepers
    for kind in (VisitRecord, ChargesRecord):
        assert list(hot[kind]._stored) == ["open"]
        assert [type(one) for one in hot[kind]._stored.values()] == [int]
    assert story.find(Ref(VisitRecord, "open")) == story.find(Ref(VisitRecord, "open"))
    assert len(hot[PersonRecord]._stored) <= 1
    for name in ("open", "over"):
        assert story.find(Ref(ChargesRecord, name)) == [charges[name]] * 2
    for kind in KINDS:
        archived, plain = story.all(kind)
        assert archived == plain


def test_a_filter_never_denies_what_was_put_away_and_seldom_holds_what_was_not() -> None:
    seen = spool.Seen(1000)
    for number in range(5000):
        seen.add(hash(("kind", number)))
    assert all(seen.may_hold(hash(("kind", number))) for number in range(5000))
    assert sum(seen.may_hold(hash(("other", number))) for number in range(5000)) < 500


LATE_US = KEEP_US // 2
"""Long after a message was put on its shelf, and long before it is forgotten."""


def put_away(timeline: Timeline, block: int, *messages: MessageRecord) -> tuple[ArchivingBooks, MemoryBooks]:
    """Books with these messages on disk, and plain ones that have them too."""
    shelved = spool.Spool()
    shelved.block = block
    books, plain = ArchivingBooks(timeline, KEEP_US, shelved), MemoryBooks()
    for at_us, message in ((1, one) for one in (*messages, message_of(90))):
        for one in (books, plain):
            write(timeline, one, at_us, message)
    for one in (books, plain):
        write(timeline, one, LATE_US, message_of(91))
    timeline.run_until(LATE_US)
    assert not {*messages} & {*books._messages.values()}, "they are on the shelf"
    return books, plain


@pytest.mark.parametrize("block", [1, 2, 512])
def test_a_message_on_the_shelf_answers_a_resend_until_it_is_forgotten(timeline: Timeline, block: int) -> None:
    books, plain = put_away(timeline, block, message_of(0), message_of(1))
    again = Change(message=message_of(1), insert=True)

    assert books.see(message_of(0).key).message == message_of(0)
    assert books.apply(again) == plain.apply(again) == AlreadyThere(message_of(1))
    assert books.see(message_of(5).key).message is None
    assert sorted(map(repr, books.read_all().messages)) == sorted(map(repr, plain.read_all().messages))
    for number in range(1, 4):
        write(timeline, books, LATE_US + number * 2 * KEEP_US, message_of(91 + number))
    timeline.run_until(LATE_US + 7 * KEEP_US)
    assert [books.see(message_of(number).key).message for number in range(2)] == [None, None]
    assert {message_of(number) for number in range(2)} < {*books.read_all().messages}
    assert len(books.read_all().messages) == len({*books.read_all().messages}) == 7


@pytest.mark.parametrize("block", [1, 2, 512])
def test_a_reversal_marks_a_message_on_the_shelf_and_lifts_its_mark_again(timeline: Timeline, block: int) -> None:
    """Two thirds of the way to its being forgotten, the original must still be found (G4)."""
    books, plain = put_away(timeline, block, message_of(0))
    reversal = message_of(7)
    marking = Change(message=reversal, insert=True, tombstone=replace(message_of(0), reversed_by=reversal.key.msgid))
    lifting = Change(message=reversal, insert=False, lifted=message_of(0).key)

    for change, marked in ((marking, reversal.key.msgid), (lifting, None)):
        assert [one.apply(change) for one in (books, plain)] == [Committed()] * 2
        for number in range(20, 24):  # it goes back to its shelf in between
            write(timeline, books, timeline.now_us + 5 * S, message_of(number + (marked is None) * 10))
            timeline.run_until(timeline.now_us + 5 * S)
        found = books.see(message_of(0).key).message
        assert found == plain.see(message_of(0).key).message
        assert found is not None
        assert found.reversed_by == marked
    kept = [one for one in books.read_all().messages if one.key == message_of(0).key]
    assert kept == [message_of(0)]


def test_a_withdrawn_message_on_the_shelf_is_tried_again_as_new(timeline: Timeline) -> None:
    withdrawn = replace(message_of(0, finished=False), withdrawn=True)
    books, plain = put_away(timeline, 1, withdrawn)
    again = Change(message=message_of(0, finished=False), insert=True)

    assert [one.apply(again) for one in (books, plain)] == [Committed()] * 2

    assert books.intents() == plain.intents() == (message_of(0, finished=False),)
    assert [one for one in books.read_all().messages if one.key == withdrawn.key] == [message_of(0, finished=False)]


def test_two_messages_of_one_hash_are_never_taken_for_each_other(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "hash", lambda _: 1, raising=False)
    monkeypatch.setattr(shelves, "hash", lambda _: 1, raising=False)
    books = ArchivingBooks(timeline, KEEP_US)
    for number in range(3):
        write(timeline, books, 1, message_of(number))
    write(timeline, books, LATE_US, message_of(3))
    timeline.run_until(LATE_US)

    assert len(books._messages) == 3, "one of them is on the shelf"
    assert [books.see(message_of(number).key).message for number in range(4)] == [message_of(n) for n in range(4)]
    assert len(books.read_all().messages) == len({*books.read_all().messages}) == 4


@pytest.mark.parametrize("left", [0, 1, 100])
def test_what_lies_alone_reads_back_as_it_was(left: int) -> None:
    laid = spool.Spool()
    items = [bytes([number]) * (number * left) for number in range(5)]
    places = [laid.put_alone(item) for item in items]
    block = laid.put(["between"])

    assert [laid.get_alone(place) for place in reversed(places)] == items[::-1]
    assert laid.get(block)


def test_a_message_that_is_marked_late_is_remembered_for_as_long_again(timeline: Timeline) -> None:
    """Finished at 0, reversed just before it would have been forgotten: its own copies must still find the mark."""
    books = ArchivingBooks(timeline, KEEP_US)
    write(timeline, books, 0, message_of(0))
    for number in range(1, 250):
        write(timeline, books, number * S, message_of(number))
    marked = replace(message_of(0), withdrawn=True)
    reversal = Change(message=message_of(1000), insert=True, tombstone=marked)
    timeline.call_at(95 * S + 1, WORK, lambda: books.apply(reversal))
    for second, known in ((110, True), (190, True), (210, False)):
        timeline.run_until(second * S + 2)
        assert (hash(message_of(0).key) in books._remembers) is known, second
    assert sum(message.key == message_of(0).key for message in books.read_all().messages) == 1
