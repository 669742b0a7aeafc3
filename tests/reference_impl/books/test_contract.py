"""What both kinds of books promise, told as stories."""

from __future__ import annotations

import pytest
from book_samples import (
    OTHER,
    PERSON,
    PERSON_REF,
    copy,
    done,
    insert,
    intent,
    key,
    msgid,
    person,
    posting,
    replace,
    reply,
    reversal,
    settled,
    settlement,
    tombstone,
    visit,
    visit_refs,
)

from reference_impl.books.final import BooksError
from reference_impl.domain.fees import PricedLine
from reference_impl.domain.lifecycle import VisitState
from reference_impl.protocol.records import (
    AlreadyThere,
    Change,
    ChargedBatch,
    ChargesRecord,
    Committed,
    Record,
    Ref,
    SettlementCopy,
    SettlementRecord,
    Stale,
    View,
    VisitRecord,
    VisitsOfPerson,
)


def test_empty_books_know_nothing(shelf):
    assert shelf.look(key(1), PERSON_REF, *visit_refs()) == View()


def test_an_intent_is_read_back_as_written(shelf):
    assert shelf.commit(insert(intent(1))) == Committed()

    assert shelf.look(key(1)) == View(message=intent(1))


def test_same_msgid_from_another_sender_is_another_key(shelf):
    shelf.commit(insert(intent(1)))

    assert shelf.look(key(1, sender="33")) == View()


def test_second_insert_of_a_key_writes_nothing_and_returns_the_first(shelf):
    shelf.commit(insert(done(1)))

    verdict = shelf.commit(insert(intent(1, opened_us=9), person(1), settlement(1), posting(1)))

    assert verdict == AlreadyThere(done(1))
    assert shelf.look(key(1), PERSON_REF, *visit_refs()) == View(message=done(1))


def test_a_known_key_is_answered_before_a_stale_version(shelf):
    shelf.commit(settled(1, version=1))

    assert shelf.commit(settled(1, version=1)) == AlreadyThere(done(1))


def test_replace_sets_the_outcome(shelf):
    shelf.commit(insert(intent(1)))

    assert shelf.commit(replace(done(1))) == Committed()
    assert shelf.look(key(1)).message == done(1)


def test_replace_of_nothing_is_our_own_fault(shelf):
    with pytest.raises(BooksError, match="insert it first"):
        shelf.commit(replace(done(1)))

    assert shelf.commit(insert(done(1))) == Committed()


def test_a_withdrawn_intent_may_be_inserted_again(shelf):
    shelf.commit(insert(intent(1)))
    shelf.commit(replace(intent(1, withdrawn=True)))

    assert shelf.open_intents() == ()
    assert shelf.commit(insert(intent(1, opened_us=9))) == Committed()
    assert shelf.open_intents() == (intent(1, opened_us=9),)


def test_a_whole_settlement_is_read_back(shelf):
    assert shelf.commit(settled(1, version=1)) == Committed()

    view = shelf.look(key(1), PERSON_REF, *visit_refs())
    assert view == View(done(1), (person(1), settlement(1)))
    assert shelf.read_all().postings == (posting(1),)


@pytest.mark.parametrize("version", [1, 3, 4])
def test_a_person_moved_meanwhile_leaves_nothing_of_the_change(shelf, version):
    shelf.commit(settled(1, version=1))

    verdict = shelf.commit(insert(done(2), person(version), visit(1), settlement(2), tombstone=tombstone(3)))

    assert verdict == Stale()
    assert shelf.look(key(2), PERSON_REF, *visit_refs()) == View(records=(person(1), settlement(1)))
    assert shelf.look(key(3)) == View()


def test_a_visit_moved_meanwhile_leaves_nothing_of_the_change(shelf):
    shelf.commit(insert(intent(1), visit(1)))

    assert shelf.commit(replace(done(1), visit(3), person(1))) == Stale()
    assert shelf.look(key(1), PERSON_REF, *visit_refs()) == View(intent(1), (visit(1),))


def test_first_version_of_an_unknown_person_must_be_one(shelf):
    assert shelf.commit(insert(done(1), person(2))) == Stale()
    assert shelf.commit(insert(done(1), person(1))) == Committed()


def test_a_visit_moves_through_its_states(shelf):
    shelf.commit(insert(done(1), visit(1)))
    shelf.commit(insert(done(2), visit(2, state=VisitState.SETTLED)))

    found = shelf.look(key(9), *visit_refs()).get(VisitRecord)
    assert found == visit(2, state=VisitState.SETTLED)
    assert isinstance(found.state, VisitState)


def test_charges_are_read_back_line_by_line_and_replaced_by_the_next_version(shelf):
    refund = PricedLine(
        "0" * 29 + "2", -100, own_pay_fen=-100, grade="03", category=10, reason="item is outside insurance"
    )
    first = ChargesRecord("S1", 1, (ChargedBatch("B1", (PricedLine("4711", 250, pre_self_pay_fen=250), refund)),))
    second = ChargesRecord("S1", 2, (*first.batches, ChargedBatch('"B,2"', (PricedLine("0815", 3, in_scope_fen=3),))))
    ref = Ref(ChargesRecord, "S1")

    shelf.commit(insert(done(1), first))
    assert shelf.look(key(1), ref).get(ChargesRecord) == first
    shelf.commit(insert(done(2), second))
    assert shelf.commit(insert(done(3), second)) == Stale()

    assert shelf.look(key(2), ref).get(ChargesRecord) == second
    assert list(shelf.read_all().charges) == [second]


def test_reversal_before_the_original_leaves_a_tombstone_that_refuses_it(shelf):
    shelf.commit(insert(reversal(2, of=1), tombstone=tombstone(1)))

    assert shelf.commit(insert(done(1))) == AlreadyThere(tombstone(1))


def test_reversal_marks_the_original_and_keeps_its_reply(shelf):
    shelf.commit(insert(done(1)))
    shelf.commit(insert(reversal(2, of=1), tombstone=tombstone(1, reversed_by=msgid(2))))

    assert shelf.look(key(1)).message == done(1, reversed_by=msgid(2))


@pytest.mark.parametrize("original", [intent(1), done(1), intent(1, withdrawn=True)])
def test_a_refused_reversal_lifts_its_mark_and_leaves_the_original_as_it_was(shelf, original):
    shelf.commit(insert(original))
    shelf.commit(insert(reversal(2, of=1), tombstone=tombstone(1, reversed_by=msgid(2))))
    shelf.commit(Change(message=reversal(2, of=1), insert=False, lifted=key(1)))

    assert shelf.look(key(1)).message == original


def test_a_tombstone_that_is_lifted_stops_its_original_no_more(shelf):
    shelf.commit(insert(reversal(2, of=1), tombstone=tombstone(1, reversed_by=msgid(2))))
    shelf.commit(Change(message=reversal(2, of=1), insert=False, lifted=key(1)))

    assert shelf.commit(insert(done(1))) == Committed()
    assert shelf.look(key(1)).message == done(1)


def test_a_reversal_lifts_no_mark_but_its_own(shelf):
    shelf.commit(insert(done(1)))
    shelf.commit(insert(reversal(2, of=1), tombstone=tombstone(1, reversed_by=msgid(2))))
    shelf.commit(Change(message=reversal(3, of=1), insert=True, lifted=key(1)))

    assert shelf.look(key(1)).message == done(1, reversed_by=msgid(2))


def test_the_first_mark_of_reversal_stands(shelf):
    shelf.commit(insert(done(1)))
    for number in (2, 3):
        shelf.commit(insert(reversal(number, of=1), tombstone=tombstone(1, reversed_by=msgid(number))))

    assert shelf.look(key(1)).message.reversed_by == msgid(2)


def test_an_outcome_that_crosses_a_reversal_does_not_clear_its_mark(shelf):
    shelf.commit(insert(intent(1)))
    shelf.commit(insert(reversal(2, of=1), tombstone=tombstone(1, reversed_by=msgid(2))))

    shelf.commit(replace(done(1)))

    assert shelf.look(key(1)).message == done(1, reversed_by=msgid(2))


def test_an_outcome_with_records_that_crosses_a_reversal_is_decided_again(shelf):
    shelf.commit(insert(intent(1)))
    shelf.commit(insert(reversal(2, of=1), tombstone=tombstone(1, reversed_by=msgid(2))))

    assert shelf.commit(replace(done(1), copy(1))) == Stale()
    assert shelf.look(key(1)).message == intent(1, reversed_by=msgid(2))
    assert shelf.read_all().copies == ()


def test_an_outcome_that_knows_of_the_reversal_may_write_records(shelf):
    shelf.commit(insert(intent(1)))
    shelf.commit(insert(reversal(2, of=1), tombstone=tombstone(1, reversed_by=msgid(2))))

    assert shelf.commit(replace(done(1, reversed_by=msgid(2)), copy(1))) == Committed()
    assert shelf.read_all().copies == (copy(1),)


def test_a_copy_stands_until_it_is_taken_back(shelf):
    shelf.commit(insert(done(1), copy(1)))
    before = shelf.look(key(9), Ref(SettlementCopy, "S1")).get(SettlementCopy)
    shelf.commit(insert(done(2), copy(2, sign=-1, reverses="A1")))

    assert before == copy(1)
    assert shelf.look(key(9), Ref(SettlementCopy, "S1")).get(SettlementCopy) is None
    assert shelf.read_all().copies == (copy(1), copy(2, sign=-1, reverses="A1"))


def test_a_claim_taken_back_no_longer_stands(shelf):
    shelf.commit(insert(done(1), settlement(1)))
    shelf.commit(insert(done(2), settlement(2, sign=-1, reverses="A1")))

    assert shelf.look(key(9), *visit_refs()).get(SettlementRecord) is None
    assert shelf.read_all().settlements == (settlement(1), settlement(2, sign=-1, reverses="A1"))


def test_a_visit_settled_again_stands_with_its_latest_claim(shelf):
    shelf.commit(insert(done(1), settlement(1)))
    shelf.commit(insert(done(2), settlement(2, sign=-1, reverses="A1")))
    shelf.commit(insert(done(3), settlement(3)))

    assert shelf.look(key(9), *visit_refs()).get(SettlementRecord) == settlement(3)


TWO_STANDING = """
    taken back   left standing
    A1           A2
    A2           A1
    A7           A2
"""


@pytest.mark.parametrize("line", TWO_STANDING.strip().splitlines()[1:])
def test_two_claims_of_one_visit_are_both_kept_for_the_checker(shelf, line):
    back, left = line.split()
    shelf.commit(insert(done(1), settlement(1)))
    shelf.commit(insert(done(2), settlement(2)))
    shelf.commit(insert(done(3), settlement(3, sign=-1, reverses=back)))

    assert shelf.look(key(9), *visit_refs()).get(SettlementRecord).settlement == left
    assert len(shelf.read_all().settlements) == 3


def test_open_entries_are_intents_alone_oldest_first(shelf):
    shelf.commit(insert(intent(1, opened_us=30)))
    shelf.commit(insert(intent(2, opened_us=10)))
    shelf.commit(insert(done(3)))
    shelf.commit(insert(reversal(4, of=5), tombstone=tombstone(5)))
    shelf.commit(insert(intent(6, opened_us=10)))

    assert shelf.open_intents() == (intent(2, opened_us=10), intent(6, opened_us=10), intent(1, opened_us=30))


def test_everything_is_read_in_the_order_first_written(shelf):
    shelf.commit(insert(intent(2)))
    shelf.commit(insert(done(1), visit(1)))
    shelf.commit(replace(done(2), person(1)))

    final = shelf.read_all()
    assert final.messages == (done(2), done(1))
    assert (final.visits, final.persons) == ((visit(1),), (person(1),))


def test_a_posting_without_legs_is_kept(shelf):
    bare = posting(1)
    bare = type(bare)(bare.posting, bare.settlement, bare.posted_us, ())
    shelf.commit(insert(done(1), bare))

    assert shelf.read_all().postings == (bare,)


def test_fifty_first_sends_of_one_key_have_one_effect(shelf):
    verdicts = shelf.commit_all([settled(1, version=1)] * 50)

    assert verdicts.count(Committed()) == 1
    assert verdicts.count(AlreadyThere(done(1))) == 49
    assert len(shelf.read_all().postings) == 1


def test_an_ill_formed_change_in_a_group_fails_alone(shelf):
    changes = [insert(done(1), person(1)), replace(done(7)), insert(done(2), person(2))]

    first, ill, second = shelf.commit_all(changes)

    assert (first, second) == (Committed(), Committed())
    assert isinstance(ill, BooksError)
    assert [message.reply for message in shelf.read_all().messages] == [reply(1), reply(2)]


STANDING = """
    written                    stands
    A1 -A1                     -
    -A1 A1                     A1
    A1 -A1 A1                  A1
    A1 A1 -A1                  -
    A1 A2 -A1 -A2              -
    A1 A2 -A2                  A1
"""


@pytest.mark.parametrize("line", STANDING.strip().splitlines()[1:])
@pytest.mark.parametrize("together", [False, True])
def test_what_stands_is_what_no_later_one_reverses(shelf, line, together):
    *written, stands = line.split()
    records = [
        settlement(90 + n, sign=-1, reverses=name[1:]) if name[0] == "-" else settlement(int(name[1:]))
        for n, name in enumerate(written)
    ]
    changes = [insert(done(1), *records)] if together else [insert(done(n), one) for n, one in enumerate(records)]
    for change in changes:
        assert shelf.commit(change) == Committed()

    found = shelf.look(key(9), *visit_refs()).get(SettlementRecord)
    assert (found.settlement if found else "-") == stands


class Unheard(Record, frozen=True, gc=False):
    unheard: str


def test_a_record_of_a_kind_that_is_not_kept_leaves_nothing_of_its_change(shelf):
    for change in (insert(done(1), person(1), Unheard("x")), insert(done(1), Unheard("x"), person(7))):
        with pytest.raises(BooksError, match="no kind of record 'Unheard'"):
            shelf.commit(change)

    assert shelf.look(key(1), PERSON_REF) == View()


def of_person(name=PERSON):
    return Ref(VisitsOfPerson, name)


def test_the_visits_of_a_person_are_found_together_as_they_stand(shelf):
    """By their ids, whatever came when; another person's are not among them."""
    shelf.commit(insert(done(1), visit(1, number=2)))
    shelf.commit(insert(done(2), visit(1, number=1), visit(1, number=3, name=OTHER)))
    assert shelf.look(key(9), of_person()).get(VisitsOfPerson).visits == (visit(1, number=1), visit(1, number=2))

    shelf.commit(insert(done(3), visit(1, number=4)))
    shelf.commit(insert(done(4), visit(2, number=2, state=VisitState.SETTLED)))

    found = shelf.look(key(9), of_person()).get(VisitsOfPerson)
    settled_since = visit(2, number=2, state=VisitState.SETTLED)
    assert found == VisitsOfPerson(PERSON, (visit(1, number=1), settled_since, visit(1, number=4)))


def test_whoever_has_no_visit_is_not_found(shelf):
    shelf.commit(insert(done(1), visit(1)))

    assert shelf.look(key(9), of_person(OTHER)) == View()


def test_a_visit_whose_person_turns_out_another_is_that_ones_alone(shelf):
    """A reversal that came first named somebody else, and was refused: the visit is opened in its place."""
    shelf.commit(insert(done(1), visit(1, name=OTHER, state=VisitState.CANCELLED)))
    assert shelf.look(key(9), of_person(OTHER)).get(VisitsOfPerson) is not None

    shelf.commit(insert(done(2), visit(2)))

    assert shelf.look(key(9), of_person(OTHER)) == View()
    assert shelf.look(key(9), of_person()).get(VisitsOfPerson).visits == (visit(2),)


def test_what_is_found_together_is_no_record_to_write(shelf):
    with pytest.raises(BooksError, match="no kind of record 'VisitsOfPerson'"):
        shelf.commit(insert(done(1), VisitsOfPerson(PERSON, ())))
