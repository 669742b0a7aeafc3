"""What a node will not do, said by the node that knows: the clerk's slip, the stranger, the message in another's name."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from support.chain import Chain, at_rest, run
from support.messages import (
    OTHER_PERSON,
    admitted,
    cancel,
    cancel_admission,
    cancel_lines,
    cancel_registration,
    done,
    find_person,
    line,
    msgid,
    refusal,
    registered,
    request,
    reversal,
    reversal_as_the_hub_sends_it,
    sale,
    sale_as_the_hub_sends_it,
    settlement,
    upload,
)

from reference_impl.domain.errors import Refusal
from reference_impl.domain.lifecycle import VisitState
from reference_impl.protocol.answers import answer_known
from reference_impl.protocol.messages import Answered, LinesPriced, PersonNo, Request, Settled, UploadLines, VisitId
from reference_impl.protocol.records import Key, MessageRecord

STRANGER = "99010010000000000001"


def changed(message: Request, **changes: object) -> Request:
    return msgspec.structs.replace(message, body=msgspec.structs.replace(message.body, **changes))


# --- by the place of care ---


def test_a_code_that_no_transaction_has_is_refused_and_leaves_no_trace(chain: Chain) -> None:
    unheard_of = msgspec.structs.replace(find_person(), code="9999")

    assert refusal(chain.send(unheard_of)) == Refusal.NO_SUCH_TRANSACTION
    assert [books.read_all().messages for books in chain.books.values()] == [(), (), ()]


def test_charges_for_a_visit_nobody_opened_are_refused(chain: Chain) -> None:
    assert refusal(chain.send(upload(1, VisitId("S-of-nobody")))) == Refusal.NO_SUCH_VISIT
    assert chain.visits() == []


def test_charges_in_another_persons_name_do_not_reach_the_visit(chain: Chain) -> None:
    visit = registered(chain)
    [before] = chain.visits()
    body = UploadLines(person=PersonNo(OTHER_PERSON), visit=visit, batch="2", lines=(line(),))

    assert refusal(chain.send(request("2204", 3, body))) == Refusal.NO_SUCH_VISIT
    assert chain.visits() == [before]
    assert isinstance(done(chain.send(upload(4, visit))), LinesPriced)


def test_a_sale_whose_total_is_not_that_of_its_lines_never_leaves_the_province(chain: Chain) -> None:
    slip = changed(sale(), total_fen=9_999)

    assert refusal(chain.send(slip)) == Refusal.TOTALS_DIFFER
    assert ("33->hub", "2102") not in chain.calls
    assert chain.visits() == []
    assert isinstance(done(chain.send(sale(2))), Settled)
    at_rest(chain)


@pytest.mark.parametrize(("open_", "code"), [(registered, "2207"), (admitted, "2304")])
def test_a_settlement_whose_total_is_not_that_of_its_visits_lines_never_leaves_the_province(
    chain: Chain, open_: Callable[[Chain], VisitId], code: str
) -> None:
    visit = open_(chain)
    slip = changed(settlement(3, visit, code=code), total_fen=9_999)

    assert refusal(chain.send(slip)) == Refusal.TOTALS_DIFFER
    assert ("33->hub", code) not in chain.calls
    done(chain.send(settlement(4, visit, code=code)))
    at_rest(chain)


@pytest.mark.parametrize(
    ("open_", "undo", "lines"), [(registered, cancel_registration, "2205"), (admitted, cancel_admission, "2302")]
)
def test_a_visit_is_not_given_up_while_charges_remain_on_it(
    chain: Chain, open_: Callable[[Chain], VisitId], undo: Callable[[int, VisitId], Request], lines: str
) -> None:
    visit = open_(chain)

    assert refusal(chain.send(undo(3, visit))) == Refusal.CHARGES_REMAIN
    assert [one.state for one in chain.visits()] == [VisitState.OPEN]
    done(chain.send(cancel_lines(4, visit, code=lines)))
    done(chain.send(undo(5, visit)))

    assert [one.state for one in chain.visits()] == [VisitState.CANCELLED]
    at_rest(chain)


def test_what_2601_does_not_cover_is_not_reversed_and_not_marked(chain: Chain) -> None:
    settled = done(chain.send(sale(1)))
    done(chain.send(cancel(2, settled)))

    assert refusal(chain.send(reversal(3, 2, "2103"))) == Refusal.NOT_REVERSIBLE
    assert ("33->hub", "2601") not in chain.calls
    assert [message.reversed_by for message in chain.books["33"].read_all().messages] == [None] * 3
    at_rest(chain)


# --- by the hub ---


def test_the_hub_turns_down_a_message_for_an_insurer_it_does_not_connect(chain: Chain) -> None:
    """The care province thinks the insurer is connected; the hub knows better, and says so for good."""
    far = Request("1101", msgid(1), "33", "H33040030001", "330400", "990100", find_person().body)
    answers = [run(chain.peers_of("33").call("hub", far, 1)) for _ in range(2)]

    assert [refusal(answer) for answer in answers] == [Refusal.NO_SUCH_INSURER] * 2
    assert answers[0].reply == answers[1].reply
    assert [where for where, _ in chain.calls] == ["33->hub", "33->hub"]


# --- by the insurer ---


@pytest.mark.parametrize("message", [changed(find_person(), person=STRANGER), changed(sale(), person=STRANGER)])
def test_a_person_nobody_insured_is_refused_and_remembered_by_nobody(chain: Chain, message: Request) -> None:
    assert refusal(chain.send(message)) == Refusal.NOT_INSURED
    assert chain.books["63"].read_all().persons == ()
    assert chain.standing() == []
    at_rest(chain)


def test_the_insurer_settles_nothing_whose_charges_the_place_of_care_did_not_sum(chain: Chain) -> None:
    answer = run(chain.nodes["63"].handle(changed(sale_as_the_hub_sends_it(), fees=None)))

    assert refusal(answer) == Refusal.TOTALS_DIFFER
    assert isinstance(answer, Answered)
    assert "no category totals came" in answer.reply.reason
    assert chain.standing() == []
    assert chain.books["63"].read_all().persons == ()


def test_an_insurer_does_not_cancel_in_another_persons_name_even_when_the_care_side_lets_it_pass(chain: Chain) -> None:
    settled = done(chain.send(sale()))
    before = chain.accumulators()
    stolen = msgspec.structs.replace(cancel(2, settled, person=OTHER_PERSON), sender="hub")

    assert refusal(run(chain.nodes["63"].handle(stolen))) == Refusal.NO_SUCH_VISIT
    assert chain.accumulators() == before
    assert [one.settlement for one in chain.standing()] == [settled.settlement]


def test_an_insurer_does_not_reverse_what_2601_does_not_cover_even_when_the_care_side_lets_it_pass(
    chain: Chain,
) -> None:
    done(chain.send(sale()))
    wrong = changed(reversal_as_the_hub_sends_it(), original_code="2103")

    assert refusal(run(chain.nodes["63"].handle(wrong))) == Refusal.NOT_REVERSIBLE
    assert [one.settled_by for one in chain.standing()] == [msgid(1)]


# --- by the books ---


def test_an_entry_that_is_neither_a_message_nor_a_mark_answers_nothing() -> None:
    bare = MessageRecord(Key(sale().sender, msgid(1)), "2102", 0, None)

    assert answer_known(bare, sale(), lambda: "R") is None
    marked = msgspec.structs.replace(bare, reversed_by=msgid(9))
    assert refusal(answer_known(marked, sale(), lambda: "R")) == Refusal.REVERSED
