"""New ids of visits, settlements and institutions at a reopening: both lead to the one record, and late business too."""

from __future__ import annotations

import msgspec
import pytest
from support.chain import BALANCE_FEN, HOSPITAL, NEIGHBOUR, Chain, always, at_rest, once
from support.messages import (
    admit,
    admitted,
    cancel,
    done,
    find_person,
    refusal,
    register,
    registered,
    request,
    reversal,
    sale,
    settlement,
    upload,
)

from reference_impl.domain.errors import Refusal
from reference_impl.domain.institution import INSTITUTION_CHARS
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.renumbering import Numbered, Renumbering, is_new_number, shape_of
from reference_impl.protocol.messages import (
    Answered,
    AskDiagnosis,
    AskSettlement,
    Diagnose,
    MessageId,
    Outcome,
    Request,
    SettlementId,
    VisitId,
)

DAY_US = 86_400_000_000
KINDS = (Numbered.VISIT, Numbered.SETTLEMENT, Numbered.INSTITUTION)
MOVE = {
    of: Renumbering(scope="33", salt=7, from_us=DAY_US, old_until_us=10 * DAY_US, map_from_us=DAY_US, of=of)
    for of in KINDS
}
NEW_CODE = NodeId(MOVE[Numbered.INSTITUTION].new(HOSPITAL))
changed = msgspec.structs.replace


def renumbered(*kinds: Numbered, **said: object) -> Chain:
    """A chain whose place of care is to get new numbers of these kinds after a day."""
    return Chain(renumberings=tuple(changed(MOVE[of], **said) for of in kinds or KINDS))


def reopened(chain: Chain) -> Chain:
    chain.clock.us = DAY_US
    return chain


def under(code: str, message: Request) -> Request:
    """The same message of the hospital under another code of its own."""
    own = MessageId(code + message.msgid[INSTITUTION_CHARS:])
    return changed(message, sender=NodeId(code), institution=NodeId(code), msgid=own)


def new_visit(visit: VisitId) -> VisitId:
    return VisitId(MOVE[Numbered.VISIT].new(visit))


def new_settlement(settlement: SettlementId) -> SettlementId:
    return SettlementId(MOVE[Numbered.SETTLEMENT].new(settlement))


# --- open across the stop ---


@pytest.mark.parametrize("name", [lambda visit: visit, new_visit])
def test_a_stay_open_across_the_stop_is_charged_and_settled_by_either_id_as_one_visit(name) -> None:
    chain = renumbered(Numbered.VISIT)
    visit = admitted(chain)
    reopened(chain)
    done(chain.send(upload(3, name(visit), code="2301")))
    asked = settlement(4, name(visit), code="2304")
    settled = done(chain.send(changed(asked, body=changed(asked.body, total_fen=20_000))))

    assert settled.visit == name(visit), "a reply says what was asked"
    assert [one.visit for one in chain.standing()] == [visit], "the books go on under the id they opened it with"
    assert refusal(chain.send(settlement(5, new_visit(visit), code="2304"))) == Refusal.ALREADY_SETTLED
    at_rest(chain)


def test_what_is_opened_after_the_reopening_is_told_under_a_new_id_and_needs_no_map() -> None:
    chain = reopened(renumbered(Numbered.VISIT, map_from_us=None))
    visit = done(chain.send(register(1))).visit
    done(chain.send(upload(2, visit)))
    settled = done(chain.send(settlement(3, visit)))

    assert visit[0] == shape_of(Numbered.VISIT).issued
    assert [one.visit for one in chain.standing()] == [VisitId("S" + visit[1:])]
    assert settled.visit == visit
    at_rest(chain)


def test_a_visit_whose_opening_was_answered_before_keeps_that_answer_to_the_byte() -> None:
    chain = renumbered()
    first = chain.send(register(1))
    reopened(chain)
    again = chain.send(register(1))

    assert isinstance(first, Answered)
    assert isinstance(again, Answered)
    assert again.reply == first.reply


def test_a_part_that_was_settled_before_the_stop_is_continued_by_either_id_with_one_deductible() -> None:
    """Of a deductible of 1,000 yuan the first part paid 100; a second stay of the year would pay 500."""
    for name in (lambda visit: visit, new_visit):
        chain = renumbered()
        first = admitted(chain)
        part = settlement(3, first, code="2304")
        done(chain.send(changed(part, body=changed(part.body, mid_stay=True))))
        reopened(chain)
        rest = done(chain.send(admit(4))).visit
        for n in range(20, 40):
            done(chain.send(upload(n, rest, code="2301")))
        going_on = settlement(7, rest, code="2304")
        body = changed(going_on.body, continues=name(first), total_fen=200_000)
        assert done(chain.send(changed(going_on, body=body))).amounts.deductible_fen == 90_000
        at_rest(chain)


# --- taken back late ---


@pytest.mark.parametrize("name", [lambda settled: settled, new_settlement])
@pytest.mark.parametrize("visit_name", [lambda visit: visit, new_visit])
def test_a_settlement_from_before_is_cancelled_after_by_any_of_its_ids(name, visit_name) -> None:
    chain = renumbered()
    settled = done(chain.send(sale(1)))
    reopened(chain)
    named = changed(settled, visit=visit_name(settled.visit))
    done(chain.send(cancel(2, named, named=name(settled.settlement))))

    assert chain.standing() == []
    assert chain.accumulators().balance_fen == BALANCE_FEN
    at_rest(chain)


def test_what_is_settled_after_the_reopening_is_told_under_a_new_id_and_taken_back_by_it() -> None:
    chain = reopened(renumbered(map_from_us=None, mapped_share=0.0, old_until_us=2 * DAY_US))
    chain.renumberings = tuple(one for one in chain.renumberings if one.of is not Numbered.INSTITUTION)
    chain.boot("33")
    settled = done(chain.send(sale(1)))
    chain.clock.us = 3 * DAY_US
    done(chain.send(cancel(2, settled)))

    assert settled.settlement[0] == shape_of(Numbered.SETTLEMENT).issued
    assert chain.standing() == []
    at_rest(chain)


@pytest.mark.parametrize("code", [HOSPITAL, NEW_CODE])
def test_a_settlement_from_before_is_reversed_by_the_institution_under_either_code(code: str) -> None:
    chain = renumbered()
    done(chain.send(sale(1)))
    reopened(chain)
    done(chain.send(under(code, reversal(9, of=1))))

    assert chain.standing() == []
    assert refusal(chain.send(sale(1))) in ("", Refusal.REVERSED)
    at_rest(chain)


def test_a_reversal_under_the_new_code_stops_an_original_of_the_old_one_that_comes_after_it() -> None:
    chain = reopened(renumbered())
    done(chain.send(under(NEW_CODE, reversal(9, of=1))))
    assert refusal(chain.send(sale(1))) == Refusal.REVERSED
    assert chain.standing() == []


def test_a_retry_under_the_old_numbers_finds_its_stored_verdict_when_they_have_ended() -> None:
    chain = renumbered()
    first = chain.send(sale(1))
    chain.clock.us = 11 * DAY_US
    again = chain.send(sale(1))

    assert isinstance(first, Answered)
    assert isinstance(again, Answered)
    assert again.reply == first.reply
    assert len(chain.standing()) == 1


def test_a_retry_whose_first_try_was_lost_before_the_stop_has_its_one_effect_after_it() -> None:
    chain = renumbered()
    chain.faults.append(once("hub->63", "2102", "lose request"))
    chain.send(sale(1))
    reopened(chain)
    done(chain.send(sale(1)))

    assert len(chain.standing()) == 1
    at_rest(chain)


def test_what_was_in_work_when_its_numbers_ended_is_driven_to_the_insurers_verdict() -> None:
    """The insurer holds the effect: refusing it at the province would leave the hospital without a settlement."""
    chain = renumbered()
    visit = registered(chain)
    reopened(chain)
    chain.faults.append(once("hub->63", "2207", "lose reply"))
    chain.send(settlement(3, visit))
    chain.clock.us = 11 * DAY_US
    chain.restart("hub")
    chain.restart("33")

    settled = done(chain.send(settlement(3, visit)))
    assert [one.settlement for one in chain.standing()] == ["A" + settled.settlement[1:]]
    assert [one.settlement for one in chain.visits() if one.settlement] == ["A" + settled.settlement[1:]]
    at_rest(chain)


# --- the institution ---


def test_an_institution_goes_on_under_its_new_code_with_what_it_opened_under_the_old_one() -> None:
    chain = renumbered()
    visit = registered(chain)
    reopened(chain)
    settled = done(chain.send(under(NEW_CODE, settlement(3, new_visit(visit)))))
    done(chain.send(under(NEW_CODE, cancel(4, settled, code="2208"))))

    assert chain.standing() == []
    at_rest(chain)


def test_a_neighbour_is_let_at_nothing_by_a_new_code_of_its_own() -> None:
    chain = renumbered()
    visit = registered(chain)
    settled = done(chain.send(sale(3)))
    reopened(chain)
    other = MOVE[Numbered.INSTITUTION].new(NEIGHBOUR)

    assert refusal(chain.send(under(other, settlement(4, new_visit(visit))))) == Refusal.NO_SUCH_VISIT
    assert refusal(chain.send(under(other, cancel(5, settled)))) == Refusal.NO_SUCH_VISIT
    stolen = changed(reversal(9, of=3), institution=NodeId(other), sender=NodeId(other))
    stolen = changed(stolen, msgid=MessageId(other + stolen.msgid[INSTITUTION_CHARS:]))
    assert refusal(chain.send(stolen)) == Refusal.NOT_YOUR_MESSAGE_ID


def test_nobody_has_a_new_code_before_the_reopening() -> None:
    assert refusal(renumbered().send(under(NEW_CODE, sale()))) == Refusal.NOT_NETWORKED
    assert refusal(Chain().send(under(NEW_CODE, sale()))) == Refusal.NOT_NETWORKED


# --- where the map is missing ---


def outdated(chain: Chain, of: Numbered) -> list[Outcome]:
    """What was opened and settled before, gone on with after by its old and its new number of one kind."""
    visit, settled = registered(chain), done(chain.send(sale(3)))
    reopened(chain)
    match of:
        case Numbered.VISIT:
            asked = [settlement(4, visit), settlement(5, new_visit(visit))]
        case Numbered.SETTLEMENT:
            asked = [cancel(4, settled), cancel(5, settled, named=new_settlement(settled.settlement))]
        case _:
            asked = [find_person(4), under(NEW_CODE, find_person(5))]
    return [chain.send(one) for one in asked]


@pytest.mark.parametrize("said", [{"map_from_us": None}, {"map_from_us": 5 * DAY_US}, {"mapped_share": 0.0}])
@pytest.mark.parametrize("of", KINDS)
def test_what_the_map_does_not_have_is_found_under_no_number_and_nothing_moves(
    of: Numbered, said: dict[str, object]
) -> None:
    chain = renumbered(of, **said)
    assert [refusal(one) for one in outdated(chain, of)] == [Refusal.NUMBER_NOT_MAPPED] * 2
    assert len(chain.standing()) == 1
    at_rest(chain)


@pytest.mark.parametrize("of", KINDS)
def test_an_old_number_answers_no_more_once_the_cycle_is_over_and_the_new_one_does(of: Numbered) -> None:
    chain = renumbered(of, old_until_us=DAY_US)
    old, new = outdated(chain, of)
    assert refusal(old) == Refusal.OLD_NUMBER
    assert refusal(new) == ""


def test_charges_are_refused_under_an_old_visit_id_once_the_cycle_is_over_and_taken_under_the_new_one() -> None:
    """What the place of care does alone asks for the numbers too."""
    chain = renumbered(Numbered.VISIT, old_until_us=DAY_US)
    visit = done(chain.send(register(1))).visit
    reopened(chain)

    assert refusal(chain.send(upload(2, visit))) == Refusal.OLD_NUMBER
    assert [one.fees.total_fen for one in chain.visits()] == [0]
    done(chain.send(upload(3, new_visit(visit))))

    assert [(one.visit, one.fees.total_fen) for one in chain.visits()] == [(visit, 10_000)]


# --- not one to one ---


def test_a_visit_that_shares_its_new_id_is_not_found_by_its_owner() -> None:
    chain = renumbered(Numbered.VISIT, shared_share=1.0)
    [move] = chain.renumberings
    visits = [done(chain.send(register(n))).visit for n in (2, 3)]
    reopened(chain)
    told = [VisitId(move.new(visit)) for visit in visits]

    assert told[0] == told[1]
    done(chain.send(upload(4, told[1])))
    charged = {one.visit: one.fees.total_fen for one in chain.visits()}
    assert charged == {visits[0]: 10_000, visits[1]: 0}, "the second one's charges are on the first one's bill"


def test_two_institutions_that_share_a_code_are_one_to_the_province() -> None:
    first, second = NodeId("H33040030002"), NodeId("H33040030003")
    move = changed(MOVE[Numbered.INSTITUTION], shared_share=1.0)
    assert move.new(first) == move.new(second)
    assert move.old(move.new(second)) == first


@pytest.mark.parametrize("of", KINDS)
def test_a_new_number_is_none_of_another_kind_or_place(of: Numbered) -> None:
    numbers = {Numbered.VISIT: f"S{HOSPITAL}2406030800000001", Numbered.INSTITUTION: str(HOSPITAL)}
    number = numbers.get(of, f"A{HOSPITAL}2406030800000001")
    new = MOVE[of].new(number)

    assert is_new_number(new, of)
    assert MOVE[of].old(new) == number
    assert not changed(MOVE[of], scope="34").concerns(number)
    assert MOVE[of].issued(number, DAY_US - 1) == number


def test_a_mark_that_stays_for_good_holds_under_both_codes() -> None:
    """The insurer's answer is always lost: the reversal goes on under the code of after the move."""
    chain = renumbered()
    chain.faults.append(always("hub->63", "2102", "lose reply"))
    chain.send(sale(1))
    reopened(chain)
    done(chain.send(under(NEW_CODE, reversal(9, of=1))))

    assert chain.standing() == []
    at_rest(chain)


def test_a_message_that_names_nothing_is_heard_under_any_number() -> None:
    """A question about a person names no visit and no settlement."""
    chain = reopened(renumbered(Numbered.VISIT, Numbered.SETTLEMENT, map_from_us=None))
    done(chain.send(find_person(1)))
    assert refusal(chain.send(request("1101", 1, find_person().body))) == ""


# --- asked about ---


def test_a_visit_is_asked_about_by_either_id_and_after_the_old_one_ended_by_the_new_alone() -> None:
    chain = renumbered(Numbered.VISIT, Numbered.SETTLEMENT)
    visit = done(chain.send(register(1))).visit
    person = register(1).body.person
    done(chain.send(request("2203", 2, Diagnose(person=person, visit=visit, diagnosis="J06.900", began_us=0))))
    done(chain.send(upload(3, visit)))
    settled = done(chain.send(settlement(4, visit)))
    reopened(chain)

    def asked(n: int, visit: VisitId) -> Request:
        return request("5202", n, AskDiagnosis(person=person, visit=visit))

    def asked_for(n: int, visit: VisitId, made: SettlementId) -> Request:
        return request("5203", n, AskSettlement(person=person, visit=visit, settlement=made))

    for n, named in ((5, visit), (6, new_visit(visit))):
        assert done(chain.send(asked(n, named))).visit == named, "a reply says what was asked"
    by_old, by_new = (
        done(chain.send(asked_for(n, one, made)))
        for n, one, made in (
            (7, visit, settled.settlement),
            (8, new_visit(visit), new_settlement(settled.settlement)),
        )
    )
    assert by_old.amounts == by_new.amounts == settled.amounts
    assert by_new.visit == new_visit(visit)

    chain.clock.us = 11 * DAY_US
    assert refusal(chain.send(asked(9, visit))) == Refusal.OLD_NUMBER
    assert done(chain.send(asked(10, new_visit(visit)))).diagnosis == "J06.900"


@pytest.mark.parametrize("asks_as", [HOSPITAL, NEW_CODE])
def test_what_was_opened_and_settled_under_a_new_code_is_told_to_either_code(asks_as: str) -> None:
    chain = reopened(renumbered(Numbered.INSTITUTION))
    visit = done(chain.send(under(NEW_CODE, register(1)))).visit
    done(chain.send(under(NEW_CODE, upload(2, visit))))
    settled = done(chain.send(under(NEW_CODE, settlement(3, visit))))

    named = AskSettlement(person=register(1).body.person, visit=visit, settlement=settled.settlement)
    assert done(chain.send(under(asks_as, request("5203", 4, named)))).amounts == settled.amounts
