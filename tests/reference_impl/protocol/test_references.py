"""A message speaks of its own institution's business, as it was opened, or it is refused; and nothing has moved."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from support.chain import FAR_HOSPITAL, HOSPITAL, LOCAL_PERSON, NEIGHBOUR, Chain, at_rest, run
from support.messages import (
    OTHER_PERSON,
    admit,
    admitted,
    cancel,
    cancel_admission,
    cancel_discharge,
    cancel_lines,
    cancel_registration,
    discharge,
    done,
    find_person,
    line,
    msgid,
    refusal,
    register,
    registered,
    reversal,
    reversal_as_the_hub_sends_it,
    sale,
    sale_as_the_hub_sends_it,
    settlement,
    upload,
)

from reference_impl.domain.errors import Refusal
from reference_impl.domain.institution import Institution, is_institution, register_of
from reference_impl.domain.nodes import HUB, NodeId
from reference_impl.domain.scopes import Side
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.protocol.messages import Answered, Done, MessageId, Request, Settled, VisitId

Message = Callable[[int, VisitId], Request]
OUTPATIENT: dict[str, Message] = {
    "2204": upload,
    "2205": cancel_lines,
    "2202": cancel_registration,
    "2206": lambda n, visit: settlement(n, visit, code="2206"),
    "2207": settlement,
}
STAY: dict[str, Message] = {
    "2301": lambda n, visit: upload(n, visit, code="2301"),
    "2302": lambda n, visit: cancel_lines(n, visit, code="2302"),
    "2402": discharge,
    "2405": cancel_discharge,
    "2404": cancel_admission,
    "2303": lambda n, visit: settlement(n, visit, code="2303"),
    "2304": lambda n, visit: settlement(n, visit, code="2304"),
}
changed = msgspec.structs.replace


def insured_in(region: str, message: Request) -> Request:
    return changed(message, insured_region=region)


def sent_by(institution: NodeId, message: Request) -> Request:
    """The same message from another's counter, under a message id of their own."""
    region = institution[1:7]
    return changed(
        message,
        sender=institution,
        institution=institution,
        msgid=MessageId(institution + message.msgid[12:]),
        care_region=region,
    )


def everything(chain: Chain) -> list[object]:
    """All that books hold but the messages themselves."""
    return [
        (final.visits, final.persons, final.settlements, final.postings)
        for final in (chain.books[node].read_all() for node in chain.books)
    ]


# --- one visit, one insurer ---


@pytest.mark.parametrize("message", OUTPATIENT.values(), ids=OUTPATIENT)
def test_a_visit_cannot_be_taken_to_another_insurer_on_its_way(chain: Chain, message: Message) -> None:
    visit = registered(chain)
    before = everything(chain)

    for region in ("330400", "630200"):
        wrong = insured_in(region, message(3 if region[0] == "3" else 4, visit))
        assert refusal(chain.send(wrong)) == Refusal.OTHER_INSURER

    assert everything(chain) == before
    assert isinstance(done(chain.send(settlement(5, visit))), Settled)
    assert [len(chain.standing(node)) for node in ("33", "63")] == [0, 1]
    at_rest(chain)


@pytest.mark.parametrize("message", STAY.values(), ids=STAY)
def test_a_stay_cannot_be_taken_to_another_insurer_on_its_way(chain: Chain, message: Message) -> None:
    visit = admitted(chain)
    before = everything(chain)

    assert refusal(chain.send(insured_in("330400", message(3, visit)))) == Refusal.OTHER_INSURER
    assert everything(chain) == before


def test_a_settlement_is_taken_back_where_it_was_made_or_not_at_all(chain: Chain) -> None:
    sold = done(chain.send(sale()))
    before = everything(chain)

    assert refusal(chain.send(insured_in("330400", cancel(2, sold)))) == Refusal.OTHER_INSURER
    assert refusal(chain.send(insured_in("330400", reversal(3)))) == Refusal.OTHER_INSURER
    assert everything(chain) == before, "a reversal that undid nothing does not let the visit go"
    assert done(chain.send(reversal(4))) == Done()
    assert chain.standing() == []
    at_rest(chain)


def test_an_insurer_serves_its_own_people_in_their_own_region_alone(chain: Chain) -> None:
    strangers = [
        changed(sale(1), body=changed(sale(1).body, person=LOCAL_PERSON)),
        changed(find_person(2), body=changed(find_person(2).body, person=LOCAL_PERSON)),
        changed(register(3), body=changed(register(3).body, person=LOCAL_PERSON)),
        changed(admit(4), body=changed(admit(4).body, person=LOCAL_PERSON)),
        insured_in("630200", sale(5)),
    ]

    assert [refusal(chain.send(each)) for each in strangers] == [Refusal.NOT_INSURED] * 5
    assert everything(chain) == everything(Chain())


# --- one visit, one institution ---


@pytest.mark.parametrize("stranger", [NEIGHBOUR, FAR_HOSPITAL])
@pytest.mark.parametrize("code", [*OUTPATIENT, *STAY])
def test_nobody_moves_the_visit_of_another_institution(chain: Chain, code: str, stranger: NodeId) -> None:
    visit = registered(chain) if code in OUTPATIENT else admitted(chain)
    message = (OUTPATIENT | STAY)[code]
    before = everything(chain)

    asked = sent_by(stranger, message(3, visit))
    answer = run(chain.peers_of(stranger).call(NodeId(stranger[1:3]), asked, 10**7))

    assert refusal(answer) == Refusal.NO_SUCH_VISIT, "a stranger learns no more"
    assert everything(chain) == before


@pytest.mark.parametrize("stranger", [NEIGHBOUR, FAR_HOSPITAL])
def test_nobody_takes_back_the_settlement_of_another_institution(chain: Chain, stranger: NodeId) -> None:
    sold = done(chain.send(sale()))
    before = everything(chain)
    care = NodeId(stranger[1:3])

    cancelled = run(chain.peers_of(stranger).call(care, sent_by(stranger, cancel(2, sold)), 10**7))
    reversed_ = run(chain.peers_of(stranger).call(care, sent_by(stranger, reversal(3)), 10**7))

    assert refusal(cancelled) == Refusal.NO_SUCH_VISIT
    assert refusal(reversed_) == Refusal.NOT_YOUR_MESSAGE_ID
    assert everything(chain) == before


def test_nobody_stops_a_message_of_another_institution_before_it_comes(chain: Chain) -> None:
    early = run(chain.peers_of(NEIGHBOUR).call(NodeId("33"), sent_by(NEIGHBOUR, reversal(3, of=1)), 10**7))

    assert refusal(early) == Refusal.NOT_YOUR_MESSAGE_ID
    assert isinstance(done(chain.send(sale(1))), Settled)


def test_a_message_id_begins_with_the_institution_that_sends_it(chain: Chain) -> None:
    borrowed = changed(sent_by(NEIGHBOUR, sale()), msgid=msgid(1))

    assert refusal(run(chain.peers_of(NEIGHBOUR).call(NodeId("33"), borrowed, 10**7))) == Refusal.NOT_YOUR_MESSAGE_ID


@pytest.mark.parametrize(
    "change",
    [{"institution": NEIGHBOUR}, {"care_region": "330100"}, {"body": changed(reversal().body, person=OTHER_PERSON)}],
)
@pytest.mark.parametrize("node", [HUB, NodeId("63")])
def test_hub_and_insurer_hold_a_reversal_against_the_message_it_names(chain: Chain, node: NodeId, change: dict) -> None:
    """The care province has looked already; a care province that does not is no excuse."""
    done(chain.send(sale()))
    before = everything(chain)
    sender = "33" if node == HUB else HUB

    asked = changed(reversal_as_the_hub_sends_it(), sender=NodeId(sender), **change)

    assert refusal(run(chain.nodes[node].handle(asked))) in (
        Refusal.NO_SUCH_VISIT,
        Refusal.OTHER_INSURER,
        Refusal.NOT_YOUR_MESSAGE_ID,
        Refusal.NOT_INSURED,
    )
    assert everything(chain) == before


@pytest.mark.parametrize("code", ["2102", "2207", "2401"])
def test_a_reversal_that_names_itself_is_refused_and_nothing_waits_for_it(chain: Chain, code: str) -> None:
    asked = changed(reversal(3, of=3), body=changed(reversal(3, of=3).body, original_code=code))

    assert refusal(chain.send(asked)) == Refusal.OTHER_TRANSACTION
    assert refusal(chain.send(asked)) == Refusal.OTHER_TRANSACTION
    assert everything(chain) == everything(Chain())
    at_rest(chain)


@pytest.mark.parametrize("node", [HUB, NodeId("63")])
def test_hub_and_insurer_refuse_a_reversal_that_names_itself(chain: Chain, node: NodeId) -> None:
    sent = reversal_as_the_hub_sends_it()
    asked = changed(sent, msgid=sent.body.original, sender=NodeId("33") if node == HUB else HUB)

    assert refusal(run(chain.nodes[node].handle(asked))) == Refusal.OTHER_TRANSACTION
    assert everything(chain) == everything(Chain())


@pytest.mark.parametrize(
    "change", [{"institution": NEIGHBOUR}, {"care_region": "330100"}, {"insured_region": "630200"}]
)
def test_an_insurer_holds_a_cancel_against_the_settlement_it_names(chain: Chain, change: dict) -> None:
    sold = done(chain.send(sale()))
    before = everything(chain)

    asked = changed(cancel(2, sold), sender=HUB, **change)

    assert refusal(run(chain.nodes["63"].handle(asked))) in (Refusal.NO_SUCH_VISIT, Refusal.NOT_INSURED)
    assert everything(chain) == before


def test_a_province_reverses_no_message_of_another_provinces_hospital(chain: Chain) -> None:
    asked = changed(reversal(9), sender=NodeId("63"), care_region="630100")

    assert refusal(run(chain.nodes[HUB].handle(asked))) == Refusal.OTHER_CARE_REGION
    assert isinstance(done(chain.send(sale())), Settled), "the true sale is not stopped"


def test_a_province_settles_no_visit_of_another_provinces_hospital(chain: Chain) -> None:
    visit = registered(chain)
    theirs = changed(sale_as_the_hub_sends_it(7, visit), sender=NodeId("63"), care_region="630100")
    asked = changed(theirs, institution=FAR_HOSPITAL, msgid=MessageId(FAR_HOSPITAL + theirs.msgid[12:]))

    assert refusal(run(chain.nodes[HUB].handle(asked))) == Refusal.NO_SUCH_VISIT
    assert isinstance(done(chain.send(settlement(3, visit))), Settled)
    at_rest(chain)


def test_message_ids_of_another_century_would_make_the_same_visit_twice(chain: Chain) -> None:
    sold = done(chain.send(sale()))
    for century in ("19", "21"):
        twin = changed(sale(), msgid=MessageId(msgid(1)[:12] + century + msgid(1)[14:]))
        assert refusal(chain.send(twin)) == Refusal.NOT_YOUR_MESSAGE_ID
    assert [one.settlement for one in chain.standing()] == [sold.settlement]


@pytest.mark.parametrize("code", ["2301", "2302", "2402", "2303", "2304", "2404", "2405"])
def test_an_outpatient_visit_is_no_stay(chain: Chain, code: str) -> None:
    visit = registered(chain)
    before = everything(chain)

    assert refusal(chain.send(STAY[code](3, visit))) == Refusal.OTHER_KIND
    assert everything(chain) == before
    settled = done(chain.send(settlement(4, visit)))
    assert refusal(chain.send(cancel(5, settled, code="2103"))) == Refusal.OTHER_KIND
    assert done(chain.send(cancel(6, settled, code="2208"))).visit == visit
    at_rest(chain)


def test_a_pharmacy_sale_is_no_stay_and_is_cancelled_as_a_sale(chain: Chain) -> None:
    sold = done(chain.send(sale()))

    assert refusal(chain.send(discharge(2, sold.visit))) == Refusal.OTHER_KIND
    assert refusal(chain.send(cancel(3, sold, code="2305"))) == Refusal.OTHER_KIND
    assert done(chain.send(cancel(4, sold))).visit == sold.visit
    at_rest(chain)


# --- what a reversal names ---


@pytest.mark.parametrize("code", ["2207", "2304", "2401"])
def test_a_reversal_that_names_another_transaction_is_refused_and_the_sale_stands(chain: Chain, code: str) -> None:
    done(chain.send(sale()))
    before = everything(chain)

    assert refusal(chain.send(reversal(2, code=code))) == Refusal.OTHER_TRANSACTION
    assert everything(chain) == before
    assert refusal(run(chain.nodes["63"].handle(changed(reversal(3, code=code), sender=HUB)))) == (
        Refusal.OTHER_TRANSACTION
    )
    assert refusal(run(chain.nodes[HUB].handle(changed(reversal(4, code=code), sender=NodeId("33"))))) == (
        Refusal.OTHER_TRANSACTION
    )
    assert everything(chain) == before
    assert done(chain.send(reversal(5))) == Done()
    at_rest(chain)


def test_a_trial_known_under_the_message_id_is_not_reversed_as_a_settlement(chain: Chain) -> None:
    done(chain.send(sale(code="2101")))

    assert refusal(chain.send(reversal(2))) == Refusal.OTHER_TRANSACTION


# --- who may speak at all ---


@pytest.mark.parametrize("name", ["hub", "33", "3304", "hospital", "H3304", "h33040030001", "H3304003000\uff11"])
def test_names_of_the_chain_are_no_institutions(chain: Chain, name: str) -> None:
    asked = changed(sale(), sender=NodeId(name), institution=NodeId(name))

    assert not is_institution(name)
    if name != HUB:
        assert refusal(run(chain.nodes["33"].handle(asked))) == Refusal.NOT_NETWORKED
    with pytest.raises(ValueError, match="expected a letter and 11 digits"):
        register_of([Institution(NodeId(name), "330400", 3, ("outpatient",))])


def test_an_institution_the_register_does_not_hold_is_refused_in_constant_words(chain: Chain) -> None:
    unheard = sent_by(NodeId("H33040099999"), sale())

    first, second = (run(chain.nodes["33"].handle(unheard)) for _ in range(2))

    assert refusal(first) == Refusal.NOT_NETWORKED
    assert first == second


def test_a_hospital_that_is_not_networked_for_the_kind_of_visit_is_refused(chain: Chain) -> None:
    register_ = register_of([Institution(HOSPITAL, "330400", 3, ("outpatient",))])
    chain.nodes["33"]._institutions = register_

    assert refusal(chain.send(sale())) == Refusal.NOT_NETWORKED
    assert done(chain.send(register(2))).visit


def test_a_care_region_that_is_not_the_institutions_own_bypasses_no_door(chain: Chain) -> None:
    chain.nodes["33"].doors.obey(DoorCommand(scope="3304", side=Side.CARE, state=DoorState.CLOSED))

    for region in ("330100", "630100", "", "3304"):
        assert refusal(chain.send(changed(sale(), care_region=region))) == Refusal.OTHER_CARE_REGION
    assert not isinstance(chain.send(sale()), Answered)
    assert chain.standing() == []


def test_a_province_speaks_for_its_own_institutions_alone(chain: Chain) -> None:
    asked = changed(sale_as_the_hub_sends_it(), sender=NodeId("63"))

    assert refusal(run(chain.nodes[HUB].handle(asked))) == Refusal.OTHER_CARE_REGION


# --- charges no visit can have ---


def test_a_refund_larger_than_the_charges_is_refused_and_the_visit_settles(chain: Chain) -> None:
    visit = registered(chain)
    refund = upload(3, visit)
    refund = changed(refund, body=changed(refund.body, lines=(line(-10_001),)))

    assert refusal(chain.send(refund)) == Refusal.NEGATIVE_TOTAL
    assert isinstance(done(chain.send(settlement(4, visit))), Settled)


def test_a_sale_that_refunds_one_grade_from_another_is_refused(chain: Chain) -> None:
    lines = (line(30_000, item="X2"), line(-20_000, serial="2"))
    asked = sale()

    answer = chain.send(changed(asked, body=changed(asked.body, lines=lines)))

    assert refusal(answer) == Refusal.NEGATIVE_TOTAL
    at_rest(chain)


def test_charges_that_no_amount_can_hold_are_refused(chain: Chain) -> None:
    visit = registered(chain)
    huge = upload(3, visit)

    answer = chain.send(changed(huge, body=changed(huge.body, lines=(line(10**15),))))

    assert refusal(answer) == Refusal.TOTAL_TOO_LARGE
    assert isinstance(done(chain.send(settlement(4, visit))), Settled)


def test_a_level_the_policy_does_not_know_is_a_refusal_and_frees_the_visit(chain: Chain) -> None:
    chain.nodes["33"]._care._rules.institutions[HOSPITAL] = Institution(HOSPITAL, "330400", 7, ("outpatient",))
    try:
        visit = registered(chain)
        assert refusal(chain.send(settlement(3, visit))) == Refusal.NO_TERMS
        assert done(chain.send(cancel_lines(4, visit))) == Done()
        assert done(chain.send(cancel_registration(5, visit))) == Done()
    finally:
        chain.nodes["33"]._care._rules.institutions[HOSPITAL] = Institution(
            HOSPITAL, "330400", 3, ("outpatient", "pharmacy", "inpatient")
        )
    at_rest(chain)


def test_an_insurer_that_is_sent_charges_below_nothing_refuses_them(chain: Chain) -> None:
    asked = sale_as_the_hub_sends_it()
    fees = changed(asked.body.fees, in_scope_fen=-1)

    answer = run(chain.nodes["63"].handle(changed(asked, body=changed(asked.body, fees=fees))))

    assert refusal(answer) == Refusal.NEGATIVE_TOTAL
