"""Orders of a pharmacy: placed on trial, confirmed from the phone, paid once, given back whole."""

from __future__ import annotations

import msgspec
import pytest
from support.chain import FAR_HOSPITAL, HOSPITAL, LINE, NEIGHBOUR, PERSON, Chain, Crossing, at_rest, once, run
from support.messages import (
    OTHER_PERSON,
    TOTAL_FEN,
    cancel,
    done,
    line,
    refusal,
    request,
    reversal,
    sale,
)
from support.orders import (
    PLATFORM,
    ask_order,
    ask_paid,
    cancelled_order,
    confirm,
    confirmation,
    from_phone,
    order,
    ordered,
    phone_id,
    refund,
    taken_back_by_phone,
)

from reference_impl.domain.care_types import CareType
from reference_impl.domain.errors import Refusal
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.network import NetworkScope, Opening
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.renumbering import Numbered, Renumbering
from reference_impl.domain.scopes import Side
from reference_impl.domain.transactions import OF_ORDERS
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.protocol.ids import order_no, order_visit, visit_id
from reference_impl.protocol.messages import (
    AskSettlement,
    Busy,
    Closed,
    Done,
    FindPerson,
    MessageId,
    OrderLine,
    OrderNo,
    PersonNo,
    RefundOrder,
    Request,
    Reverse,
    SellDrugs,
    VisitId,
)
from reference_impl.protocol.unmended import UnmendedRows

VALID_US = 1_000


@pytest.fixture
def chain() -> Chain:
    return Chain()


def state_of(chain: Chain, number: str) -> VisitState:
    return {visit.visit: visit.state for visit in chain.visits()}[order_visit(number)]


# --- the way ---


def test_an_order_is_tried_confirmed_from_the_phone_and_told_as_paid(chain: Chain) -> None:
    found = done(chain.send(request("2161", 1, FindPerson(person=PersonNo(PERSON)))))
    assert (found.person, found.insurance, found.balance_fen) == (PERSON, "310", 5_000)
    number = ordered(chain, 2)
    assert state_of(chain, number) is VisitState.OPEN
    assert chain.standing() == []
    waiting = done(chain.send(ask_order(3)))
    assert (waiting.order, waiting.total_fen, waiting.placed_us) == (number, TOTAL_FEN, chain.visits()[0].began_us)
    assert waiting.lines == (OrderLine(LINE.item, 10_000, TOTAL_FEN * 10_000, TOTAL_FEN),)

    paid = done(confirm(chain, confirmation(1, number)))

    (settled,) = chain.standing()
    assert (settled.settlement, settled.visit) == (paid.settlement, order_visit(number))
    assert (settled.institution, settled.care_region) == (HOSPITAL, "330400")
    assert settled.amounts.total_fen == TOTAL_FEN
    told = done(chain.send(ask_paid(4, number)))
    assert (told.order, told.total_fen) == (number, TOTAL_FEN)
    assert told.cash_fen + told.account_fen == settled.amounts.person_fen
    assert told.lines == waiting.lines
    assert refusal(chain.send(ask_order(5))) == Refusal.NO_SUCH_ORDER
    at_rest(chain)


def test_an_order_costs_what_the_same_sale_would(chain: Chain) -> None:
    other = Chain()
    done(other.send(sale(1)))

    done(confirm(chain, confirmation(1, ordered(chain))))

    assert [one.amounts for one in chain.standing()] == [one.amounts for one in other.standing()]
    assert {code for where, code in chain.calls if where != f"{HOSPITAL}->33"} == {"2101", "2102"}


def test_what_leaves_the_province_is_a_person_a_trial_a_sale_and_its_cancel(chain: Chain) -> None:
    done(chain.send(request("2161", 1, FindPerson(person=PersonNo(PERSON)))))
    number = ordered(chain, 2)
    done(confirm(chain, confirmation(1, number)))
    done(chain.send(refund(3, number)))

    beyond = [code for where, code in chain.calls if where in ("33->hub", "hub->63")]

    assert beyond == [code for code in ("1101", "2101", "2102", "2103") for _ in range(2)]


# --- paid once ---


def test_an_order_is_paid_once_however_often_and_by_whichever_message_it_is_confirmed(chain: Chain) -> None:
    number = ordered(chain)
    paid = done(confirm(chain, confirmation(1, number)))

    assert done(confirm(chain, confirmation(1, number))) == paid
    assert refusal(confirm(chain, confirmation(2, number))) == Refusal.ORDER_PAID

    assert len(chain.standing()) == 1
    at_rest(chain)


def test_a_second_confirmation_waits_while_the_first_is_under_way(chain: Chain) -> None:
    number, answers = ordered(chain), []
    chain.crossings.append(
        Crossing("33->hub", "2102", "before", lambda: answers.append(confirm(chain, confirmation(2, number))))
    )

    done(confirm(chain, confirmation(1, number)))

    assert answers[0].msgid == phone_id(1)
    assert len(chain.standing()) == 1


def test_an_order_that_was_cancelled_is_paid_no_more(chain: Chain) -> None:
    number = ordered(chain)
    done(chain.send(cancelled_order(2, number)))

    assert refusal(confirm(chain, confirmation(1, number))) == Refusal.ORDER_CANCELLED
    assert refusal(chain.send(cancelled_order(3, number))) == Refusal.ORDER_CANCELLED
    assert refusal(chain.send(ask_paid(4, number))) == Refusal.NOT_SETTLED
    assert refusal(chain.send(ask_order(5))) == Refusal.NO_SUCH_ORDER
    assert chain.standing() == []
    at_rest(chain)


def test_an_order_that_is_being_paid_is_not_cancelled_under_way(chain: Chain) -> None:
    number, answers = ordered(chain), []
    chain.crossings.append(
        Crossing("33->hub", "2102", "after", lambda: answers.append(chain.send(cancelled_order(7, number))))
    )

    done(confirm(chain, confirmation(1, number)))

    assert answers[0].msgid == phone_id(1)
    assert refusal(chain.send(cancelled_order(7, number))) == Refusal.ORDER_PAID
    assert len(chain.standing()) == 1


@pytest.mark.parametrize(("late_us", "expected"), [(0, ""), (1, Refusal.ORDER_EXPIRED)])
def test_an_order_is_confirmed_until_its_time_is_over_and_not_after(late_us: int, expected: str) -> None:
    chain = Chain(order_valid_us=VALID_US)
    number = ordered(chain)
    chain.clock.us = chain.visits()[0].began_us + VALID_US + late_us

    assert refusal(confirm(chain, confirmation(1, number))) == expected
    assert len(chain.standing()) == (expected == "")


def test_a_confirmation_that_came_in_time_is_driven_on_after_it_and_pays() -> None:
    chain = Chain(order_valid_us=VALID_US)
    number = ordered(chain)
    chain.faults.append(once("hub->63", "2102", "lose reply"))
    said = confirmation(1, number)
    confirm(chain, said)
    chain.clock.us += 10 * VALID_US

    done(confirm(chain, said))

    assert state_of(chain, number) is VisitState.SETTLED
    at_rest(chain)


# --- by whom, of what ---


def test_nobody_but_the_platform_pays_an_order_and_it_sells_nothing_of_its_own(chain: Chain) -> None:
    number = ordered(chain)
    paying = confirmation(1, number).body
    assert isinstance(paying, SellDrugs)

    assert refusal(chain.send(request("2102", 2, paying))) == Refusal.NOT_NETWORKED
    assert refusal(chain.send(request("2101", 3, paying))) == Refusal.NOT_NETWORKED
    own = msgspec.structs.replace(paying, order="", lines=(line(),))
    assert refusal(confirm(chain, from_phone("2102", 2, own))) == Refusal.NOT_NETWORKED
    assert refusal(confirm(chain, from_phone("2101", 3, paying))) == Refusal.NOT_NETWORKED
    assert chain.standing() == []


@pytest.mark.parametrize(
    "number", ["", "no order", "P0", order_no(visit_id(MessageId(f"{HOSPITAL}202406030800009999")))]
)
def test_a_number_that_is_nobodys_is_no_order(chain: Chain, number: str) -> None:
    expected = Refusal.NO_SUCH_ORDER if number else Refusal.NOT_NETWORKED

    assert refusal(confirm(chain, confirmation(1, number))) == expected
    assert refusal(chain.send(refund(2, number))) == Refusal.NO_SUCH_ORDER
    assert refusal(chain.send(cancelled_order(3, number))) == Refusal.NO_SUCH_ORDER


def test_a_sale_is_no_order(chain: Chain) -> None:
    sold = done(chain.send(sale(1)))
    number = order_no(sold.visit)

    assert refusal(chain.send(refund(2, number))) == Refusal.NO_SUCH_ORDER
    assert refusal(chain.send(cancelled_order(3, number))) == Refusal.NO_SUCH_ORDER
    assert refusal(confirm(chain, confirmation(1, number))) == Refusal.NO_SUCH_ORDER
    assert refusal(chain.send(ask_paid(4, number))) == Refusal.NO_SUCH_ORDER


def test_an_order_is_confirmed_by_its_person_for_its_insurer_and_at_its_price(chain: Chain) -> None:
    number = ordered(chain)
    elsewhere = msgspec.structs.replace(confirmation(3, number), insured_region="630200")

    assert refusal(confirm(chain, confirmation(1, number, person=OTHER_PERSON))) == Refusal.NO_SUCH_ORDER
    assert refusal(confirm(chain, confirmation(2, number, TOTAL_FEN - 1))) == Refusal.TOTALS_DIFFER
    assert refusal(confirm(chain, elsewhere)) == Refusal.OTHER_INSURER
    assert chain.standing() == []


def test_no_order_is_by_a_prescription_for_paying_it_would_not_use_that_up(chain: Chain) -> None:
    """Found by an attack: tried by one and paid without, so that the next sale by it was served too."""
    number = ordered(chain)
    placed, paid = order(2), confirmation(1, number)
    by_one = [msgspec.structs.replace(one.body, prescription="RX1") for one in (placed, paid)]

    assert refusal(chain.send(msgspec.structs.replace(placed, body=by_one[0]))) == Refusal.NOT_PRESCRIBED
    assert refusal(confirm(chain, msgspec.structs.replace(paid, body=by_one[1]))) == Refusal.NOT_PRESCRIBED
    assert [visit.state for visit in chain.visits()] == [VisitState.OPEN]
    assert chain.standing() == []


@pytest.mark.parametrize(
    ("otherwise", "expected"),
    [
        ({"lines": (line(),)}, Refusal.ORDER_HAS_LINES),
        ({"insurance": "390"}, Refusal.OTHER_INSURANCE),
        ({"care_type": CareType.SPECIAL_DRUGS.value}, Refusal.OTHER_CARE_TYPE),
    ],
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)
def test_a_confirmation_that_says_otherwise_than_the_order_is_refused_and_not_taken_as_the_order(
    chain: Chain, otherwise: dict[str, object], expected: Refusal
) -> None:
    """What the platform said of these was once read and set aside without a word."""
    number = ordered(chain)
    said = confirmation(1, number)

    answer = confirm(chain, msgspec.structs.replace(said, body=msgspec.structs.replace(said.body, **otherwise)))

    assert refusal(answer) == expected
    assert state_of(chain, number) is VisitState.OPEN
    assert chain.standing() == []
    done(confirm(chain, confirmation(2, number)))


@pytest.mark.parametrize("stranger", [NEIGHBOUR, FAR_HOSPITAL])
def test_another_pharmacy_learns_nothing_of_an_order_and_moves_nothing(chain: Chain, stranger: NodeId) -> None:
    number = ordered(chain)
    done(confirm(chain, confirmation(1, number)))
    before = chain.visits()
    for said in (refund(2, number), cancelled_order(3, number), ask_paid(4, number), ask_order(5)):
        msgid = MessageId(f"{stranger}20240603080000{said.msgid[-4:]}")
        theirs = Request(said.code, msgid, stranger, stranger, f"{stranger[1:7]}", "630100", said.body)
        answer = run(chain.peers_of(stranger).call(NodeId(stranger[1:3]), theirs, 10**8))
        assert refusal(answer) == Refusal.NO_SUCH_ORDER
    assert chain.visits() == before


def test_the_lines_must_come_to_what_is_asked_to_the_fen(chain: Chain) -> None:
    body = order(1).body
    assert isinstance(body, SellDrugs)
    one_off = msgspec.structs.replace(line(), total_fen=TOTAL_FEN + 1)  # a fen is the tolerance of a line
    two_off = msgspec.structs.replace(line(), total_fen=TOTAL_FEN + 2)

    asked = request("2166", 2, msgspec.structs.replace(body, total_fen=TOTAL_FEN + 1))
    assert refusal(chain.send(asked)) == Refusal.TOTALS_DIFFER
    asked = request("2166", 3, msgspec.structs.replace(body, total_fen=TOTAL_FEN + 2, lines=(two_off,)))
    assert refusal(chain.send(asked)) == Refusal.LINE_AMOUNT
    assert chain.visits() == []
    asked = request("2166", 4, msgspec.structs.replace(body, total_fen=TOTAL_FEN + 1, lines=(one_off,)))
    assert done(chain.send(asked)).order


def test_an_order_that_its_insurer_refuses_waits_for_nothing(chain: Chain) -> None:
    refused = order(1, person="63010010000000000001")
    body = refused.body
    assert isinstance(body, SellDrugs)

    assert refusal(
        chain.send(msgspec.structs.replace(refused, body=msgspec.structs.replace(body, insurance="390")))
    ) == (Refusal.OTHER_INSURANCE)
    assert chain.visits() == []
    assert refusal(chain.send(ask_order(2))) == Refusal.NO_SUCH_ORDER


def test_of_several_orders_the_one_that_waits_longest_is_told_and_the_one_paid_last(chain: Chain) -> None:
    first, second, third = (ordered(chain, n) for n in (1, 2, 3))
    assert done(chain.send(ask_order(4))).order == first
    assert refusal(chain.send(ask_paid(5))) == Refusal.NOT_SETTLED
    done(confirm(chain, confirmation(1, first)))
    done(confirm(chain, confirmation(2, second)))

    assert done(chain.send(ask_order(6))).order == third
    assert done(chain.send(ask_paid(7))).order == second
    assert refusal(chain.send(ask_paid(8, third))) == Refusal.NOT_SETTLED
    assert refusal(chain.send(ask_paid(9, person=OTHER_PERSON))) == Refusal.NO_SUCH_ORDER


def test_of_paid_orders_the_one_is_told_that_was_paid_last_though_another_was_placed_after_it(chain: Chain) -> None:
    first, second = ordered(chain, 1), ordered(chain, 2)
    done(confirm(chain, confirmation(1, second)))
    chain.clock.us += 1
    done(confirm(chain, confirmation(2, first)))

    assert done(chain.send(ask_paid(3))).order == first
    assert done(chain.send(ask_paid(4, second))).order == second
    done(chain.send(refund(5, first)))
    assert done(chain.send(ask_paid(6))).order == second


def test_an_order_whose_time_is_over_hides_none_that_may_be_confirmed() -> None:
    """Found by an attack: the oldest was told for ever, and who asked confirmed what was refused."""
    chain = Chain(order_valid_us=VALID_US)
    over = ordered(chain, 1)
    chain.clock.us += VALID_US
    at_its_end = done(chain.send(ask_order(2))).order
    young = ordered(chain, 3)
    chain.clock.us += 1

    assert at_its_end == over
    assert done(chain.send(ask_order(4))).order == young
    done(confirm(chain, confirmation(1, young)))
    assert done(chain.send(ask_order(5))).order == over, "its pharmacy may still learn what it is to cancel"


# --- given back ---


def test_a_refund_gives_all_of_an_order_back_and_ends_it(chain: Chain) -> None:
    number = ordered(chain)
    assert refusal(chain.send(refund(2, number))) == Refusal.NOT_SETTLED
    done(confirm(chain, confirmation(1, number)))
    (settled,) = chain.standing()

    given = done(chain.send(refund(3, number)))

    amounts = settled.amounts
    assert (given.order, given.person_type, given.insurance) == (number, "retired", "310")
    assert (given.total_fen, given.cash_fen, given.account_fen) == (
        -amounts.total_fen,
        -amounts.cash_fen,
        -amounts.account_fen,
    )
    assert chain.standing() == []
    assert done(chain.send(refund(3, number))) == given
    assert refusal(chain.send(refund(4, number))) == Refusal.ORDER_CANCELLED
    assert refusal(confirm(chain, confirmation(2, number))) == Refusal.ORDER_CANCELLED
    at_rest(chain)


def test_a_refund_of_what_the_insurer_does_not_know_ends_the_order_too(chain: Chain) -> None:
    number = ordered(chain)
    done(confirm(chain, confirmation(1, number)))
    chain.books["63"].__init__()
    chain.boot("63")

    assert refusal(chain.send(refund(3, number))) == Refusal.ONE_SIDED

    assert state_of(chain, number) is VisitState.CANCELLED
    assert chain.money_held("33") == chain.money_held("hub") == {}


def test_a_refund_that_is_refused_leaves_the_order_paid(chain: Chain) -> None:
    number = ordered(chain)
    done(confirm(chain, confirmation(1, number)))
    done(chain.send(sale(2)))

    assert refusal(chain.send(refund(3, number))) == Refusal.LATER_STANDS

    assert state_of(chain, number) is VisitState.SETTLED
    at_rest(chain)


def test_the_platform_takes_an_unknown_confirmation_back_and_the_order_waits_again(chain: Chain) -> None:
    number = ordered(chain)
    chain.faults.append(once("hub->63", "2102", "lose reply"))
    confirm(chain, confirmation(1, number))

    done(confirm(chain, taken_back_by_phone(2, 1)))

    assert state_of(chain, number) is VisitState.OPEN
    assert chain.standing() == []
    assert refusal(confirm(chain, confirmation(1, number))) == Refusal.REVERSED
    done(confirm(chain, confirmation(3, number)))
    at_rest(chain)


def test_a_reversal_that_overtakes_a_confirmation_stops_it(chain: Chain) -> None:
    number = ordered(chain)
    done(confirm(chain, taken_back_by_phone(2, 1)))

    assert refusal(confirm(chain, confirmation(1, number))) == Refusal.REVERSED

    assert state_of(chain, number) is VisitState.OPEN
    assert chain.standing() == []
    at_rest(chain)


def test_a_confirmation_that_comes_while_its_reversal_is_under_way_leaves_nothing_held(chain: Chain) -> None:
    """Found by an adversary: the reversal had opened a visit of the platform's, which nothing ever let go again."""
    number, answers = ordered(chain), []
    chain.crossings.append(
        Crossing("33->hub", "2601", "before", lambda: answers.append(confirm(chain, confirmation(1, number))))
    )

    done(confirm(chain, taken_back_by_phone(2, 1)))

    assert len(answers) == 1
    assert refusal(confirm(chain, confirmation(1, number))) == Refusal.REVERSED
    assert [(visit.visit, visit.state) for visit in chain.visits()] == [(order_visit(number), VisitState.OPEN)]
    at_rest(chain)


def test_a_confirmation_is_taken_back_by_the_platform_of_the_same_person_alone(chain: Chain) -> None:
    number = ordered(chain)
    done(confirm(chain, confirmation(1, number)))
    by_pharmacy = request("2601", 2, Reverse(person=PersonNo(PERSON), original=phone_id(1), original_code="2102"))

    assert refusal(chain.send(by_pharmacy)) == Refusal.NOT_YOUR_MESSAGE_ID
    assert refusal(confirm(chain, taken_back_by_phone(2, 1, person=OTHER_PERSON))) == Refusal.NO_SUCH_VISIT
    assert refusal(chain.send(reversal(3, of=1, code="2166"))) == Refusal.NOT_REVERSIBLE
    assert len(chain.standing()) == 1


def test_a_paid_order_is_also_a_visit_whose_settlement_its_pharmacy_may_ask_for(chain: Chain) -> None:
    number = ordered(chain)
    paid = done(confirm(chain, confirmation(1, number)))
    asked = AskSettlement(person=PersonNo(PERSON), visit=order_visit(number), settlement=paid.settlement)

    told = done(chain.send(request("5203", 2, asked)))

    assert (told.visit, told.settlement, told.amounts) == (paid.visit, paid.settlement, paid.amounts)
    done(chain.send(cancel(3, paid)))  # 2103 takes it back as it does a sale's: the order waits again
    assert state_of(chain, number) is VisitState.OPEN
    at_rest(chain)


# --- doors, books ---


def test_a_closed_door_of_care_holds_a_confirmation_up(chain: Chain) -> None:
    number = ordered(chain)
    chain.command("33", DoorState.CLOSED)

    assert isinstance(confirm(chain, confirmation(1, number)), Closed)

    chain.command("33", DoorState.DRAINING)
    done(confirm(chain, confirmation(1, number)))


def closed_city(chain: Chain, scope: str = "3304") -> None:
    closed = DoorCommand(scope=scope, side=Side.CARE, state=DoorState.CLOSED, reopens_us=10**12)
    chain.nodes["33"].doors.obey(closed)


def test_the_closed_door_of_its_pharmacys_city_holds_an_order_up_whoever_speaks_of_it(chain: Chain) -> None:
    """Found by an attack: what the platform says is of its whole province, so no door of a city stood before it."""
    number, other = ordered(chain), ordered(chain, 2)
    done(confirm(chain, confirmation(1, number)))
    before = chain.visits()
    closed_city(chain)

    for said in (confirmation(2, other), taken_back_by_phone(3, 1)):
        answer = confirm(chain, said)
        assert isinstance(answer, Closed)
        assert answer.scope == "3304"
    assert isinstance(chain.send(refund(4, number)), Closed)
    assert chain.visits() == before
    assert len(chain.standing()) == 1

    chain.nodes["33"].doors.obey(DoorCommand(scope="3304", side=Side.CARE, state=DoorState.OPEN))
    done(confirm(chain, confirmation(2, other)))
    at_rest(chain)


def test_the_closed_door_of_another_city_holds_no_order_up(chain: Chain) -> None:
    number = ordered(chain)
    closed_city(chain, "3301")

    assert refusal(confirm(chain, confirmation(1, "P0"))) == Refusal.NO_SUCH_ORDER
    assert refusal(confirm(chain, confirmation(2, number, person=OTHER_PERSON))) == Refusal.NO_SUCH_ORDER
    done(confirm(chain, taken_back_by_phone(4, 3)))  # of what never came
    done(confirm(chain, confirmation(5, number)))
    at_rest(chain)


@pytest.mark.parametrize("held", ["persons", "visits"])
def test_an_order_whose_row_is_not_right_yet_waits_for_that_whatever_is_said_of_it(chain: Chain, held: str) -> None:
    number, paid = ordered(chain), ordered(chain, 2)
    done(confirm(chain, confirmation(2, paid)))
    shares = {"persons": 0.0, "visits": 0.0, held: 1.0}
    rows = UnmendedRows(key=1, frozen_at="20250101000000", from_us=10, until_us=100, **shares)
    chain.nodes["33"].doors.obey(DoorCommand(scope="33", side=Side.CARE, state=DoorState.OPEN, unmended=rows))
    chain.clock.us = 10

    assert isinstance(confirm(chain, confirmation(1, number)), Closed)
    assert isinstance(chain.send(cancelled_order(3, number)), Closed)
    assert isinstance(chain.send(refund(4, paid)), Closed)

    chain.clock.us = 100
    done(chain.send(cancelled_order(3, number)))
    done(chain.send(refund(4, paid)))


def test_a_refund_under_the_new_code_of_its_pharmacy_gives_back_what_was_paid_under_the_old() -> None:
    """Found by an attack: what went on bore the old code beside a message id of the new one, and no hub heard it."""
    new = Renumbering(scope="33", salt=7, from_us=1, old_until_us=2, map_from_us=1, of=Numbered.INSTITUTION)
    chain = Chain(renumberings=(new,))
    number = ordered(chain)
    done(confirm(chain, confirmation(1, number)))
    chain.clock.us = 2
    code = NodeId(new.new(HOSPITAL))
    said = refund(3, number)
    own = MessageId(code + said.msgid[len(code) :])

    given = done(chain.send(msgspec.structs.replace(said, sender=code, institution=code, msgid=own)))

    assert given.order == number
    assert state_of(chain, number) is VisitState.CANCELLED
    assert chain.standing() == []
    at_rest(chain)


PERSONS = Renumbering(scope="63", salt=7, from_us=10, old_until_us=20, map_from_us=10)


def test_a_refused_second_reversal_gives_the_order_back_to_no_confirmation_that_the_first_has_stopped() -> None:
    """Found by an attack: the order was held for ever by a message that nobody drives any more."""
    chain = Chain(renumberings=(PERSONS,))
    number, now = ordered(chain), PERSONS.new(PERSON)
    chain.faults.append(once("33->hub", "2102", "lose request"))
    confirm(chain, confirmation(1, number))
    assert chain.clock.us > PERSONS.old_until_us
    done(confirm(chain, taken_back_by_phone(2, 1, person=now)))

    assert refusal(confirm(chain, taken_back_by_phone(3, 1))) == Refusal.OLD_NUMBER

    at_rest(chain)
    assert refusal(confirm(chain, confirmation(1, number))) == Refusal.REVERSED
    done(confirm(chain, confirmation(4, number, person=now)))
    at_rest(chain)


def paid_before_the_move(fault: str = "") -> tuple[Chain, OrderNo]:
    """An order of somebody who has another number from 10 us on, and no old one from 20 us on."""
    chain = Chain(renumberings=(PERSONS,))
    number = ordered(chain)
    done(confirm(chain, confirmation(1, number)))
    if fault:
        chain.faults.append(once("33->hub", "2103", fault))
    return chain, number


@pytest.mark.parametrize("at_us", [9, 10, 19, 20, 1_000])
def test_an_order_is_given_back_whatever_number_its_person_has_by_then(at_us: int) -> None:
    """Found by an attack: a refund names nobody, and went on under the number of before, which answered no more."""
    chain, number = paid_before_the_move()
    chain.clock.us = at_us

    assert done(chain.send(refund(2, number))).order == number

    assert state_of(chain, number) is VisitState.CANCELLED
    assert chain.standing() == []
    at_rest(chain)


def test_a_refund_that_was_taken_in_under_the_old_number_is_driven_on_as_what_it_was() -> None:
    chain, number = paid_before_the_move("lose reply")
    chain.send(refund(2, number))
    assert chain.clock.us > PERSONS.old_until_us

    done(chain.send(refund(2, number)))

    assert state_of(chain, number) is VisitState.CANCELLED
    at_rest(chain)


def test_a_draining_door_takes_no_new_order(chain: Chain) -> None:
    chain.command("33", DoorState.DRAINING)

    assert isinstance(chain.send(order()), Closed)
    assert isinstance(chain.send(request("2161", 2, FindPerson(person=PersonNo(PERSON)))), Closed)


def test_an_order_survives_a_restart_and_waits_on(chain: Chain) -> None:
    number = ordered(chain)
    for node in ("33", "hub", "63"):
        chain.restart(node)

    done(confirm(chain, confirmation(1, number)))

    assert state_of(chain, number) is VisitState.SETTLED
    at_rest(chain)


@pytest.mark.parametrize("where", ["33->hub", "hub->63"])
def test_an_order_whose_trial_got_lost_is_driven_on_and_waits_once(chain: Chain, where: str) -> None:
    chain.faults.append(once(where, "2101", "lose reply"))
    chain.send(order())

    number = ordered(chain)

    assert [visit.state for visit in chain.visits()] == [VisitState.OPEN]
    assert order_visit(number) == chain.visits()[0].visit


def test_books_that_lost_the_messages_tell_no_lines_and_no_settlement(chain: Chain) -> None:
    number = ordered(chain)
    books = chain.books["33"]
    kept = dict(books._messages)
    books._messages.clear()
    assert refusal(chain.send(ask_order(2))) == Refusal.LINES_NOT_KEPT
    books._messages.update(kept)
    done(confirm(chain, confirmation(1, number)))
    books._messages = {key: one for key, one in books._messages.items() if one.code == "2166"}
    assert refusal(chain.send(ask_paid(3, number))) == Refusal.NOT_SETTLED


def test_the_number_of_an_order_leads_to_its_visit_and_no_other_does() -> None:
    for msgid in (f"{HOSPITAL}202406030800000001", f"{HOSPITAL}20240603080000001", f"A{'0' * 11}200001010000000000"):
        visit = visit_id(MessageId(msgid))
        number = order_no(visit)
        assert order_visit(number) == visit
        assert len(number) <= 20
    first = order_no(VisitId(f"S{HOSPITAL}2406030800000001"))
    assert {
        order_visit(spoilt) for spoilt in (first.lower(), f"{first}0", first[:-1], f"H0{first[1:]}", f"{first} ")
    } == {""}


def test_only_a_known_platform_numbers_business_of_a_province(chain: Chain) -> None:
    """A care province that bears another's platform before it, or for what no platform sends, is not heard."""
    number = ordered(chain)
    del number
    sold = request("2102", 1, sale(1).body, sender="33")
    theirs = msgspec.structs.replace(sold, msgid=MessageId("A63000000001202406030800000001"))
    trial = msgspec.structs.replace(sold, code="2101", msgid=phone_id(1))

    assert refusal(chain.ask("33", NodeId("hub"), theirs)) == Refusal.NOT_YOUR_MESSAGE_ID
    assert refusal(chain.ask("33", NodeId("hub"), trial)) == Refusal.NOT_YOUR_MESSAGE_ID
    assert PLATFORM.code == "A33000000001"


@pytest.mark.parametrize("code", sorted(OF_ORDERS))
def test_hub_and_insurer_hear_nothing_of_orders(chain: Chain, code: str) -> None:
    """A care province that sends one on as it came is told that there is no such transaction."""
    body = RefundOrder(order=order_no(visit_id(MessageId(f"{HOSPITAL}202406030800000001"))))

    assert refusal(chain.ask("33", NodeId("hub"), request(code, 1, body, sender="33"))) == Refusal.NO_SUCH_TRANSACTION
    assert refusal(chain.ask("hub", NodeId("63"), request(code, 1, body, sender="hub"))) == Refusal.NO_SUCH_TRANSACTION
    assert everything_of(chain) == []


def everything_of(chain: Chain) -> list[object]:
    return [message for books in chain.books.values() for message in books.read_all().messages]


def test_an_order_placed_while_its_pharmacy_was_opened_is_paid_after_it_is_closed() -> None:
    chain = Chain(network=NetworkScope("provinces", {HOSPITAL: (Opening(("pharmacy",), 0, 1_000),)}))
    number = ordered(chain)
    chain.clock.us = 2_000

    assert refusal(chain.send(order(2))) == Refusal.NOT_OPENED
    done(confirm(chain, confirmation(1, number)))


def test_books_that_kept_the_payment_and_lost_the_order_tell_no_lines(chain: Chain) -> None:
    number = ordered(chain)
    done(confirm(chain, confirmation(1, number)))
    assert done(chain.send(ask_paid(2, number))).lines

    books = chain.books["33"]
    books._messages = {key: one for key, one in books._messages.items() if one.code != "2166"}

    assert refusal(chain.send(ask_paid(3, number))) == Refusal.LINES_NOT_KEPT


def test_a_reversal_that_went_on_before_its_payment_was_known_goes_on_as_it_did(chain: Chain) -> None:
    """The payment comes, and is refused, between one look of its reversal and its intent; the hub held it to be other."""
    number = ordered(chain)
    done(chain.send(cancelled_order(2, number)))
    late = confirmation(3, number)
    chain.between("33", "look", lambda: confirm(chain, late))
    chain.faults.append(once("hub->63", "2601", "lose reply"))
    assert isinstance(confirm(chain, taken_back_by_phone(4, 3)), Busy)

    assert done(confirm(chain, taken_back_by_phone(4, 3))) == Done()
    assert chain.standing() == []
    at_rest(chain)
