"""Messages sent at the worst instant: named after the fault, asserting what must hold. Each was a bug once.

Taking back is in ``test_taking_back``, whole visits whose messages are not answered are in ``test_unanswered``.
"""

from __future__ import annotations

import msgspec
import pytest
from support.chain import LOCAL_PERSON, Chain, Crossing, at_rest, once, run
from support.messages import (
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

from reference_impl.books.memory import MemoryBooks
from reference_impl.domain.errors import Refusal
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.scopes import Side
from reference_impl.protocol.answers import busy_with
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.protocol.messages import Answered, Busy, Cancelled, Closed, Done, PersonFound, Settled

# --- a reversal's word is the last one ---


@pytest.mark.parametrize("link", ["33->hub", "hub->63"])
def test_a_late_yes_reaches_the_hospital_as_reversed(chain: Chain, link: str) -> None:
    chain.crossings.append(Crossing(link, "2102", "after", lambda: done(chain.send(reversal()))))

    answer = chain.send(sale())

    assert refusal(answer) == Refusal.REVERSED
    assert answer.reply.reference == msgid(9), "the reversal is named, late or not"
    assert chain.standing() == []
    at_rest(chain)


def test_a_late_yes_for_a_registered_visit_leaves_it_open_and_free_to_be_undone(chain: Chain) -> None:
    visit = registered(chain)
    chain.crossings.append(Crossing("33->hub", "2207", "after", lambda: done(chain.send(reversal(9, 3, "2207")))))

    assert refusal(chain.send(settlement(3, visit))) == Refusal.REVERSED
    assert chain.standing() == []
    assert done(chain.send(cancel_lines(4, visit))) == Done()
    assert done(chain.send(cancel_registration(5, visit))) == Done()
    at_rest(chain)


def test_the_closing_commit_of_a_sale_overtaken_by_its_whole_reversal_sells_nothing(chain: Chain) -> None:
    chain.between("33", "commit", lambda: done(chain.send(reversal())), code="2102")

    assert refusal(chain.send(sale())) == Refusal.REVERSED
    assert chain.standing() == []
    assert [visit.state for visit in chain.visits()] == [VisitState.CANCELLED]
    at_rest(chain)


def test_what_is_reversed_stays_reversed_in_the_same_words_after_resends_and_restarts(chain: Chain) -> None:
    chain.faults.append(once("33->hub", "2102", "lose reply"))
    assert isinstance(chain.send(sale()), Busy)
    done(chain.send(reversal()))

    first = chain.send(sale())
    again = chain.send(sale())
    for node in ("33", "hub", "63"):
        chain.restart(node)
    after_restart = chain.send(sale())

    assert isinstance(first, Answered)
    assert refusal(first) == Refusal.REVERSED
    assert [a.reply for a in (again, after_restart) if isinstance(a, Answered)] == [first.reply] * 2
    assert chain.standing() == []
    at_rest(chain)


def test_a_reversal_before_a_closed_hub_keeps_its_mark_and_a_restart_drives_it_through(chain: Chain) -> None:
    chain.faults.append(once("33->hub", "2102", "lose reply"))
    chain.send(sale())
    chain.command("hub", DoorState.CLOSED)

    assert isinstance(chain.send(reversal()), Closed)
    assert len(chain.standing()) == 1
    assert chain.send(sale()) == busy_with(msgid(9))
    chain.command("hub", DoorState.OPEN)
    chain.restart("33")

    assert chain.standing() == []
    assert refusal(chain.send(sale())) == Refusal.REVERSED
    at_rest(chain)


def test_a_message_turned_away_and_then_reversed_does_not_start_anew_when_a_late_copy_comes(chain: Chain) -> None:
    visit = registered(chain)
    chain.command("63", DoorState.CLOSED, side=Side.INSURED)
    assert isinstance(chain.send(settlement(3, visit)), Closed)
    chain.command("63", DoorState.OPEN, side=Side.INSURED)
    done(chain.send(reversal(9, 3, "2207")))
    calls = len(chain.calls)

    assert refusal(chain.send(settlement(3, visit))) == Refusal.REVERSED
    assert len(chain.calls) == calls + 1
    assert done(chain.send(cancel_lines(4, visit))) == Done()
    at_rest(chain)


def test_a_settlement_that_slips_in_while_its_reversal_looks_is_reversed_and_holds_nothing(chain: Chain) -> None:
    """The reversal looks for its original, then for the visit; between the two looks the original comes."""
    visit = registered(chain)
    chain.faults.append(once("33->hub", "2207", "lose reply"))
    chain.between("33", "look", lambda: chain.send(settlement(3, visit)))

    done(chain.send(reversal(9, 3, "2207")))

    assert chain.standing() == []
    assert refusal(chain.send(settlement(3, visit))) == Refusal.REVERSED
    assert done(chain.send(cancel_lines(4, visit))) == Done()
    at_rest(chain)


def test_a_sale_between_the_two_looks_of_an_insurers_reversal_does_not_stand(chain: Chain) -> None:
    insurer = lambda message: run(chain.nodes["63"].handle(message))  # noqa: E731
    chain.between("63", "look", lambda: done(insurer(sale_as_the_hub_sends_it())))

    done(insurer(reversal_as_the_hub_sends_it()))

    assert chain.standing() == []
    assert chain.sum_of_accounts() == 0


# --- a visit is held while its money is being decided ---

MOVES = {
    "another line": lambda visit: [upload(4, visit)],
    "its lines cancelled": lambda visit: [cancel_lines(4, visit)],
    "its registration cancelled": lambda visit: [cancel_lines(4, visit), cancel_registration(5, visit)],
    "the same total split otherwise": lambda visit: [cancel_lines(4, visit), upload(5, visit, item="X2")],
}


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("link", ["33->hub", "hub->63"])
@pytest.mark.parametrize("moves", MOVES.values(), ids=MOVES)
def test_an_unanswered_settlement_holds_its_visit_and_heals(chain: Chain, moves, link: str, restart: bool) -> None:
    visit = registered(chain)
    chain.faults.append(once(link, "2207", "lose reply"))
    assert isinstance(chain.send(settlement(3, visit)), Busy)

    assert all(isinstance(chain.send(message), Busy) for message in moves(visit))
    if restart:
        chain.restart("33")
    settled = done(chain.send(settlement(3, visit)))

    assert [one.settlement for one in chain.standing()] == [settled.settlement]
    [record] = chain.visits()
    assert (record.state, record.settlement) == (VisitState.SETTLED, settled.settlement)
    at_rest(chain)


@pytest.mark.parametrize("direction", ["lose request", "lose reply"])
@pytest.mark.parametrize("kind", ["outpatient", "inpatient"])
def test_an_unanswered_cancelling_of_a_visit_lets_nothing_be_charged_to_it(
    chain: Chain, kind: str, direction: str
) -> None:
    outpatient = kind == "outpatient"
    visit = done(chain.send(register(1) if outpatient else admit(1))).visit
    undo, charge = ("2202", "2204") if outpatient else ("2404", "2301")
    message = cancel_registration(2, visit) if outpatient else cancel_admission(2, visit)
    chain.faults.append(once("33->hub", undo, direction))

    assert isinstance(chain.send(message), Busy)
    assert isinstance(chain.send(upload(3, visit, code=charge)), Busy)
    assert done(chain.send(message)) == Done()

    assert refusal(chain.send(upload(3, visit, code=charge))) == Refusal.VISIT_CANCELLED
    assert [(record.state, record.fees.total_fen) for record in chain.visits()] == [(VisitState.CANCELLED, 0)]
    at_rest(chain)


def test_a_settlement_turned_away_by_a_closed_insurer_holds_its_visit_no_longer(chain: Chain) -> None:
    visit = registered(chain)
    chain.command("63", DoorState.CLOSED, side=Side.INSURED)

    assert isinstance(chain.send(settlement(3, visit)), Closed)
    assert done(chain.send(cancel_lines(4, visit))) == Done()
    at_rest(chain)


def test_a_settlement_refused_by_the_insurer_holds_its_visit_no_longer(chain: Chain) -> None:
    visit = registered(chain)
    done(run(chain.nodes["63"].handle(sale_as_the_hub_sends_it(8, visit))))

    assert refusal(chain.send(settlement(3, visit))) == Refusal.ALREADY_SETTLED
    assert done(chain.send(cancel_lines(4, visit))) == Done()
    at_rest(chain)


def test_a_settlement_the_insurer_does_not_know_is_named_one_sided_and_voided_by_the_care_side(chain: Chain) -> None:
    settled = done(chain.send(settlement(3, registered(chain))))
    chain.books["63"] = MemoryBooks()
    chain.boot("63")

    assert refusal(chain.send(cancel(4, settled, code="2208"))) == Refusal.ONE_SIDED
    assert [visit.state for visit in chain.visits()] == [VisitState.OPEN]
    assert done(chain.send(cancel_lines(5, settled.visit))) == Done()
    at_rest(chain)


def test_a_restart_that_read_an_intent_before_its_resend_answered_it_changes_nothing(chain: Chain) -> None:
    visit = registered(chain)
    chain.faults.append(once("hub->63", "2207", "lose reply"))
    assert isinstance(chain.send(settlement(3, visit)), Busy)
    chain.boot("33")
    run(chain.nodes["33"].recover())

    settled = chain.send(settlement(3, visit))
    calls = len(chain.calls)
    for work in chain.started:
        run(work)
    again = chain.send(settlement(3, visit))

    assert isinstance(settled, Answered)
    assert isinstance(again, Answered)
    assert again.reply == settled.reply
    assert len(chain.calls) == calls + 1
    assert len(chain.standing()) == 1
    at_rest(chain)


def test_a_trial_whose_visit_is_cancelled_between_its_tries_is_refused_for_that(chain: Chain) -> None:
    """A trial holds nothing: what it asks about may go while nobody has its answer."""
    visit = registered(chain)
    chain.faults.append(once("33->hub", "2206", "lose reply"))
    assert isinstance(chain.send(settlement(3, visit, code="2206")), Busy)
    assert done(chain.send(cancel_lines(4, visit))) == Done()
    assert done(chain.send(cancel_registration(5, visit))) == Done()

    assert refusal(chain.send(settlement(3, visit, code="2206"))) == Refusal.VISIT_CANCELLED
    at_rest(chain)


# --- reversing the opening of a stay ---


def test_the_admission_of_a_settled_stay_is_not_reversed_and_the_settlement_can_be_taken_back(chain: Chain) -> None:
    stay = admitted(chain)
    settled = done(chain.send(settlement(3, stay, code="2304")))

    assert refusal(chain.send(reversal(4, 1, "2401"))) == Refusal.ALREADY_SETTLED
    assert len(chain.standing()) == 1
    assert isinstance(done(chain.send(cancel(5, settled, code="2305"))), Cancelled)
    assert chain.standing() == []
    at_rest(chain)


@pytest.mark.parametrize("direction", ["lose request", "lose reply"])
def test_an_admission_is_not_reversed_under_a_settlement_that_is_under_way(chain: Chain, direction: str) -> None:
    stay = admitted(chain)
    chain.faults.append(once("hub->63", "2304", direction))
    assert isinstance(chain.send(settlement(3, stay, code="2304")), Busy)

    assert isinstance(chain.send(reversal(4, 1, "2401")), Busy)
    settled = done(chain.send(settlement(3, stay, code="2304")))

    assert refusal(chain.send(reversal(4, 1, "2401"))) == Refusal.ALREADY_SETTLED
    assert [one.settlement for one in chain.standing()] == [settled.settlement]
    assert [visit.settlement for visit in chain.visits()] == [settled.settlement]
    at_rest(chain)


def test_the_admission_of_a_stay_that_was_charged_or_discharged_is_not_reversed_before_that_is_undone(
    chain: Chain,
) -> None:
    """In the order of domain facts 1.4: 2405, then 2302, then the admission."""
    stay = admitted(chain)
    done(chain.send(discharge(3, stay)))

    assert refusal(chain.send(reversal(4, 1, "2401"))) == Refusal.ALREADY_DISCHARGED
    done(chain.send(cancel_discharge(5, stay)))
    assert refusal(chain.send(reversal(6, 1, "2401"))) == Refusal.CHARGES_REMAIN
    done(chain.send(cancel_lines(7, stay, code="2302")))
    done(chain.send(reversal(8, 1, "2401")))
    done(chain.send(reversal(9, 1, "2401")))

    assert [visit.state for visit in chain.visits()] == [VisitState.CANCELLED]
    at_rest(chain)


def test_a_stay_whose_admission_is_being_reversed_is_not_settled(chain: Chain) -> None:
    stay = done(chain.send(admit(1))).visit
    chain.faults.append(once("hub->63", "2601", "lose reply"))
    assert isinstance(chain.send(reversal(4, 1, "2401")), Busy)

    for message in (settlement(3, stay, code="2304"), discharge(5, stay), cancel_admission(6, stay)):
        assert isinstance(chain.send(message), Busy)
    done(chain.send(reversal(4, 1, "2401")))

    assert refusal(chain.send(settlement(3, stay, code="2304"))) == Refusal.VISIT_CANCELLED
    assert chain.standing() == []
    at_rest(chain)


def test_a_second_reversal_of_an_old_settlement_does_not_free_a_visit_that_a_new_one_holds(chain: Chain) -> None:
    visit = registered(chain)
    done(chain.send(settlement(3, visit)))
    done(chain.send(reversal(4, 3, "2207")))
    chain.faults.append(once("hub->63", "2207", "lose reply"))
    assert isinstance(chain.send(settlement(5, visit)), Busy)

    assert isinstance(chain.send(reversal(6, 3, "2207")), Busy)
    assert isinstance(chain.send(cancel_lines(7, visit)), Busy)
    settled = done(chain.send(settlement(5, visit)))
    done(chain.send(reversal(6, 3, "2207")))

    assert [one.settlement for one in chain.standing()] == [settled.settlement]
    at_rest(chain)


# --- one message id ---


@pytest.mark.parametrize(
    ("first", "changes", "field"),
    [
        ("2101", {"code": "2102"}, "code"),
        ("2102", {"code": "2101"}, "code"),
        ("2102", {"insured_region": "330100"}, "insured_region"),
        ("2102", {"body": sale(person=LOCAL_PERSON).body}, "person"),
    ],
)
def test_one_message_id_for_other_business_is_refused_naming_the_field(chain: Chain, first, changes, field) -> None:
    message = sale(code=first)
    done(chain.send(message))
    answer = chain.send(msgspec.structs.replace(message, **changes))

    assert isinstance(answer, Answered)
    assert answer.reply.refusal == Refusal.OTHER_CONTENT
    assert f"'{field}'" in answer.reply.reason
    assert len(chain.standing()) == (first == "2102")
    assert done(chain.send(message)).settlement == (chain.standing()[0].settlement if first == "2102" else "")


def test_a_trial_and_a_settlement_do_not_share_a_message_id(chain: Chain) -> None:
    visit = registered(chain)
    done(chain.send(settlement(3, visit, code="2206")))

    assert refusal(chain.send(settlement(3, visit))) == Refusal.OTHER_CONTENT
    assert chain.standing() == []
    assert isinstance(done(chain.send(settlement(4, visit))), Settled)


# --- doors ---


def test_a_ramp_without_length_is_shut_before_its_instant_and_open_from_it_on(chain: Chain) -> None:
    ramp = DoorCommand(scope="33", side=Side.CARE, state=DoorState.RAMP, reopens_us=10, full_us=10)
    chain.nodes["33"].doors.obey(ramp)

    assert chain.send(find_person(1)) == Closed("33", 10, 10)
    chain.clock.us = 10
    assert isinstance(done(chain.send(find_person(2))), PersonFound)


def test_a_draining_door_takes_what_was_turned_away_before_for_new(chain: Chain) -> None:
    chain.command("hub", DoorState.CLOSED)
    assert isinstance(chain.send(register()), Closed)
    chain.command("hub", DoorState.OPEN)
    chain.command("33", DoorState.DRAINING)

    assert isinstance(chain.send(register()), Closed)
    assert chain.visits() == []
    chain.command("33", DoorState.OPEN)
    assert done(chain.send(register())).visit.endswith(msgid(1)[-4:])
