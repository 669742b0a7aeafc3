"""G4: what happens when messages cross on the way, node by node. Either the reversal wins or the settlement, never half."""

from __future__ import annotations

import pytest
from support.chain import HOSPITAL, Chain, Crossing, once, run
from support.messages import (
    admit,
    done,
    find_person,
    msgid,
    refusal,
    reversal,
    reversal_as_the_hub_sends_it,
    sale,
    sale_as_the_hub_sends_it,
)
from support.patients import FakeVisit, Patient

from reference_impl.domain.errors import Refusal
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.scopes import Side
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.protocol.messages import Answered, Settled
from scenarios.record.fates import Fate

LINKS = [f"{HOSPITAL}->33", "33->hub", "hub->63"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("link", LINKS)
def test_a_reversal_that_overtakes_the_sale_anywhere_on_its_way_wins(chain: Chain, link: str, when: str) -> None:
    chain.crossings.append(Crossing(link, "2102", when, lambda: chain.send(reversal())))

    chain.send(sale())

    assert chain.standing() == []
    assert chain.sum_of_accounts() == 0
    assert all(visit.state is VisitState.CANCELLED for visit in chain.books["33"].read_all().visits)


def test_a_late_yes_after_the_reversal_leaves_the_care_side_unsettled(chain: Chain) -> None:
    """The insurer said yes, the reversal passed, and only then the yes arrives at the care province."""
    patient = Patient(chain, FakeVisit("outpatient"))
    reverse = patient.history.message_id(patient.visit, 99)
    settle = patient.history.message_id(patient.visit, 6)
    body = reversal().body
    late = type(body)(person=body.person, original=settle, original_code="2207")
    message = type(reversal())("2601", reverse, HOSPITAL, HOSPITAL, "330400", "630100", late)
    chain.crossings.append(Crossing("33->hub", "2207", "after", lambda: chain.send(message)))

    run(patient.journey.live())

    [visit] = chain.books["33"].read_all().visits
    assert chain.standing() == []
    assert patient.journey.fate is Fate.REFUSED
    assert not patient.journey.acked
    assert visit.state is VisitState.CANCELLED
    assert visit.settlement == ""


def test_a_late_yes_to_an_admission_is_written_down_as_reversed_by_the_hub_too(chain: Chain) -> None:
    """The hub keeps no record of an admission: nothing in its books but the mark itself says that it was reversed."""
    chain.crossings.append(Crossing("hub->63", "2401", "after", lambda: chain.send(reversal(9, 1, "2401"))))

    assert refusal(chain.send(admit(1))) == Refusal.REVERSED

    [admission] = [message for message in chain.books["hub"].read_all().messages if message.code == "2401"]
    assert admission.reply is not None
    assert admission.reply.refusal == Refusal.REVERSED
    assert admission.reply.reference == msgid(9)


@pytest.mark.parametrize("asked", [sale, find_person])
def test_a_message_that_nothing_crosses_is_looked_up_once_at_each_node(chain: Chain, asked) -> None:
    looks: list[str] = []
    for node in chain.nodes:
        chain.between(node, "look", lambda node=node: looks.append(node))
        chain.books[node].left = 9

    done(chain.send(asked()))

    assert sorted(looks) == ["33", "63", "hub"]


def test_the_insurer_alone_refuses_a_sale_whose_reversal_came_first(chain: Chain) -> None:
    run(chain.nodes["63"].handle(reversal_as_the_hub_sends_it()))
    answer = run(chain.nodes["63"].handle(sale_as_the_hub_sends_it()))

    assert isinstance(answer, Answered)
    assert answer.reply.refusal == Refusal.REVERSED
    assert chain.standing() == []


def test_the_insurer_alone_refuses_a_second_settlement_of_one_visit(chain: Chain) -> None:
    first = run(chain.nodes["63"].handle(sale_as_the_hub_sends_it(1)))
    second = run(chain.nodes["63"].handle(sale_as_the_hub_sends_it(2)))

    assert isinstance(first.reply.body, Settled)
    assert second.reply.refusal == Refusal.ALREADY_SETTLED
    assert [one.settled_by for one in chain.standing()] == [msgid(1)]


def test_the_hub_alone_stops_a_sale_whose_reversal_it_has_seen(chain: Chain) -> None:
    run(chain.peers_of("33").call("hub", _from_care(reversal()), 1))
    before = len(chain.calls)
    answer = run(chain.peers_of("33").call("hub", _from_care(sale()), 1))

    assert answer.reply.refusal == Refusal.REVERSED
    assert chain.calls[before:] == [("33->hub", "2102")]


def test_a_closed_door_does_not_cure_an_unknown_at_the_hospital(chain: Chain) -> None:
    """The sale is posted, its reply lost, then the province closes: nothing is taken back, it is found when it opens."""
    opens_us = 10**12

    def command(state: DoorState) -> None:
        chain.nodes["33"].doors.obey(DoorCommand(scope="33", side=Side.CARE, state=state, reopens_us=opens_us))

    def open_in_time() -> None:
        if chain.clock.now_us() >= opens_us:
            command(DoorState.OPEN)

    link = f"{HOSPITAL}->33"
    chain.faults.append(once(link, "2102", "lose reply"))
    chain.crossings.append(Crossing(link, "2102", "after", lambda: command(DoorState.CLOSED)))
    chain.crossings.append(Crossing(link, "2102", "before", open_in_time, left=3))
    patient = Patient(chain, FakeVisit("pharmacy"))
    run(patient.journey.live())

    assert patient.journey.fate is Fate.SETTLED_LATER
    assert [one.settlement for one in chain.standing()] == [patient.journey.settlement]
    assert patient.codes == ["1101", "2101", "2102", "2102", "2102"]
    assert patient.desk.held == 0


def _from_care(message):
    return type(message)(
        message.code,
        message.msgid,
        "33",
        message.institution,
        message.care_region,
        message.insured_region,
        message.body if message.code == "2601" else sale_as_the_hub_sends_it().body,
    )
