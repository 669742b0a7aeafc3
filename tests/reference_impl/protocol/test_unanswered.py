"""G3 on whole visits: no answer is unknown, for as long as it takes; what was opened meanwhile is undone once it is known."""

from __future__ import annotations

import pytest
from support.chain import HOSPITAL, LOCAL_PERSON, Chain, Crossing, always, at_rest, once, run
from support.messages import done, registered, reversal, sale_as_the_hub_sends_it, settlement
from support.patients import FakeVisit, Patient

from reference_impl.books.memory import MemoryBooks
from reference_impl.domain.errors import Refusal
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.scopes import Side
from reference_impl.hospital.site import HospitalSite
from reference_impl.hospital.visiting import refund_and_paper
from reference_impl.protocol.door import DoorState
from reference_impl.protocol.forwarder import UNREACHABLE_RETRY_US
from reference_impl.protocol.messages import Busy, Overloaded, PersonNo, Request, Reverse
from scenarios.record.fates import Fate
from scenarios.schema import Clients

DESK = f"{HOSPITAL}->33"
CLIENTS = Clients()
HEALED_US = 3 * CLIENTS.deadline
SETTLES = {"pharmacy": "2102", "outpatient": "2207", "inpatient": "2304"}
SETTLING_STEP = {"pharmacy": 3, "outpatient": 6, "inpatient": 7}
KINDS = list(SETTLES)


def lived(chain: Chain, kind: str, **about: object) -> Patient:
    patient = Patient(chain, FakeVisit(kind, **about))
    run(patient.journey.live())
    patient.history.left(patient.journey)
    return patient


def silent(chain: Chain, where: str, code: str, fate: str) -> None:
    """A link loses this transaction, again and again, until long after its sender's deadline."""

    def fault(caller: str, node: str, request: Request) -> str | None:
        here = f"{caller}->{node}" == where and request.code == code
        return fate if here and chain.clock.us < HEALED_US else None

    chain.faults.append(fault)


@pytest.mark.parametrize("direction", ["lose request", "lose reply"])
@pytest.mark.parametrize(
    ("kind", "code", "undone"),
    [
        ("pharmacy", "1101", []),
        ("pharmacy", "2101", []),
        ("outpatient", "1101", []),
        ("outpatient", "2201", ["2205", "2202"]),
        ("outpatient", "2203", ["2205", "2202"]),
        ("outpatient", "2204", ["2205", "2202"]),
        ("outpatient", "2206", ["2205", "2202"]),
        ("inpatient", "1101", []),
        ("inpatient", "2303", ["2302", "2404"]),
        ("inpatient", "2402", ["2405", "2302", "2404"]),
    ],
)
def test_what_is_unanswered_past_the_deadline_is_learnt_and_then_undone(
    chain: Chain, kind: str, code: str, undone: list[str], direction: str
) -> None:
    silent(chain, DESK, code, direction)
    patient = lived(chain, kind)
    messages = patient.recorder.frames()["messages"]

    assert patient.journey.fate is Fate.PAPER_BY_CHOICE
    assert patient.codes[len(patient.codes) - len(undone) :] == undone
    assert messages.filter(messages["code"] == code)["msgid"].n_unique() == 1
    assert [(visit.state, visit.fees.total_fen) for visit in chain.visits()] == [(VisitState.CANCELLED, 0)] * bool(
        undone
    )
    assert chain.standing() == []
    at_rest(chain)


@pytest.mark.parametrize("direction", ["lose request", "lose reply"])
@pytest.mark.parametrize("link", [DESK, "33->hub", "hub->63"])
@pytest.mark.parametrize("code", ["2401", *SETTLES.values()])
def test_what_is_unanswered_past_the_deadline_is_reversed_where_it_can_be(
    chain: Chain, code: str, link: str, direction: str
) -> None:
    kind = next((kind for kind, settles in SETTLES.items() if settles == code), "inpatient")
    silent(chain, link, code, direction)
    patient = lived(chain, kind)

    assert patient.journey.fate is Fate.REVERSED_THEN_PAPER
    assert not patient.journey.acked
    assert all(visit.state is VisitState.CANCELLED for visit in chain.visits())
    assert chain.standing() == []
    at_rest(chain)


@pytest.mark.parametrize("link", [DESK, "33->hub", "hub->63"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_settlement_that_may_not_be_reversed_for_a_later_one_stands_and_the_patient_is_settled_directly(
    chain: Chain, kind: str, link: str
) -> None:
    silent(chain, link, SETTLES[kind], "lose reply")
    later = lambda: done(run(chain.nodes["63"].handle(sale_as_the_hub_sends_it(77))))  # noqa: E731
    chain.crossings.append(Crossing(DESK, "2601", "before", later))
    patient = lived(chain, kind)

    assert patient.journey.fate is Fate.DIRECT_AFTER_RETRY
    assert (patient.journey.acked, patient.journey.paper_fen, patient.journey.refusal) == (True, 0, "")
    assert patient.codes[-1] == SETTLES[kind]
    assert [contact["outcome"] for contact in patient.recorder.frames()["contacts"].to_dicts()][-1] == "done"
    assert patient.journey.settlement in {one.settlement for one in chain.standing()}
    assert len(chain.standing()) == 2
    at_rest(chain)


@pytest.mark.parametrize("direction", ["lose request", "lose reply"])
def test_an_upload_that_no_patient_waits_for_is_sent_until_it_is_taken(chain: Chain, direction: str) -> None:
    silent(chain, DESK, "2301", direction)
    patient = lived(chain, "inpatient")

    assert patient.journey.fate is Fate.DIRECT_AFTER_RETRY
    assert [visit.fees.total_fen for visit in chain.visits()] == [patient.visit.total_fen]
    assert chain.clock.us > HEALED_US
    at_rest(chain)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reversal_by_another_clerk_that_overtakes_the_yes_ends_the_visit_refused_and_undone(
    chain: Chain, kind: str
) -> None:
    patient = Patient(chain, FakeVisit(kind))
    original = patient.history.message_id(patient.visit, SETTLING_STEP[kind])
    body = Reverse(person=PersonNo(patient.visit.person), original=original, original_code=SETTLES[kind])
    msgid = patient.history.message_id(patient.visit, 99)
    message = Request("2601", msgid, HOSPITAL, HOSPITAL, "330400", "630100", body)
    chain.crossings.append(Crossing("33->hub", SETTLES[kind], "after", lambda: done(chain.send(message))))

    run(patient.journey.live())

    assert (patient.journey.fate, patient.journey.refusal) == (Fate.REFUSED, Refusal.REVERSED)
    assert not patient.journey.acked
    assert [visit.state for visit in chain.visits()] == [VisitState.CANCELLED]
    assert chain.standing() == []
    at_rest(chain)


def test_a_settlement_voided_because_the_insurer_lost_it_is_refunded_and_claimed_by_paper(chain: Chain) -> None:
    patient = lived(chain, "outpatient")
    chain.books["63"] = MemoryBooks()
    chain.boot("63")
    journey = patient.journey
    settled_as = (journey.visit_id, journey.settlement)

    run(refund_and_paper(journey.ports, patient.site, patient.visit, patient.history, settled_as=settled_as))

    rows = patient.recorder.frames()["visits"].to_dicts()
    assert [row["fate"] for row in rows] == [Fate.DIRECT, Fate.REVERSED_THEN_PAPER]
    assert rows[-1]["paper_fen"] == patient.visit.total_fen
    assert rows[-1]["refusal"] == Refusal.ONE_SIDED
    assert [visit.settlement for visit in chain.visits()] == [""]
    at_rest(chain)


# --- nobody listens: what was surely never sent ---


@pytest.mark.parametrize("link", ["33->hub", "hub->63"])
def test_a_settlement_that_reached_nobody_is_turned_away_and_its_visit_is_free(chain: Chain, link: str) -> None:
    visit = registered(chain)
    chain.faults.append(once(link, "2207", "refuse connection"))

    assert chain.send(settlement(3, visit)) == Overloaded(UNREACHABLE_RETRY_US)
    at_rest(chain)
    settled = done(chain.send(settlement(4, visit)))

    assert [one.settlement for one in chain.standing()] == [settled.settlement]
    at_rest(chain)


@pytest.mark.parametrize("link", ["33->hub", "hub->63"])
def test_a_settlement_that_may_have_acted_is_busy_although_nobody_listens_any_more(chain: Chain, link: str) -> None:
    """Told *overloaded* the hospital would send the patient to claim by paper, and the insurer has settled."""
    visit = registered(chain)
    chain.faults.append(once(link, "2207", "lose reply"))
    chain.send(settlement(3, visit))
    chain.faults.append(once(link, "2207", "refuse connection"))

    assert isinstance(chain.send(settlement(3, visit)), Busy)
    settled = done(chain.send(settlement(3, visit)))

    assert [one.settlement for one in chain.standing()] == [settled.settlement]
    at_rest(chain)


def test_a_reversal_that_reached_nobody_stands_all_the_same_and_is_driven_until_it_is_through(chain: Chain) -> None:
    visit = registered(chain)
    done(chain.send(settlement(3, visit)))
    chain.faults.append(always("33->hub", "2601", "refuse connection"))

    assert chain.send(reversal(9, 3, "2207")) == Overloaded(UNREACHABLE_RETRY_US)
    assert chain.open_intents() == ["2601"]
    chain.faults.clear()
    chain.restart("33")

    assert chain.standing() == []
    at_rest(chain)


# --- what the record says of it ---


def test_latency_over_a_clerks_retries_counts_from_the_first_send(chain: Chain) -> None:
    def refuse(_caller: str, node: str, request: Request) -> None:
        if node == "33" and request.code == "2207":
            chain.command("33", DoorState.REFUSING if chain.clock.us < 2_000_000_000 else DoorState.OPEN)

    chain.faults.append(refuse)
    patient = lived(chain, "outpatient")
    frames = patient.recorder.frames()
    [visit] = frames["visits"].to_dicts()
    settles = frames["messages"].filter(frames["messages"]["code"] == "2207")

    assert patient.journey.fate is Fate.DIRECT_AFTER_RETRY
    assert patient.journey.clerk_tries == 1
    assert settles["step"].n_unique() == 2
    assert visit["latency_us"] == settles["done_us"].max() - settles["sent_us"].min() > 1_000_000_000


def test_latency_of_a_parked_patient_counts_from_his_return(chain: Chain) -> None:
    reopens_us = 4_000_000_000
    close = lambda: chain.command("63", DoorState.CLOSED, side=Side.INSURED, reopens_us=reopens_us)  # noqa: E731
    chain.crossings.append(Crossing("hub->63", "2207", "before", close))

    def reopen(_caller: str, _node: str, _request: Request) -> None:
        if chain.clock.us >= reopens_us:
            chain.command("63", DoorState.OPEN, side=Side.INSURED)

    chain.faults.append(reopen)
    clients = Clients.model_validate({"park": {"share": 1.0}})
    patient = Patient(chain, FakeVisit("outpatient"), HospitalSite(clients, 2))
    run(patient.journey.live())

    assert patient.journey.fate is Fate.PARKED_THEN_DIRECT
    assert patient.journey.settle_sent_us >= reopens_us
    assert patient.journey.settle_done_us - patient.journey.settle_sent_us < 1_000_000_000


# --- business of one province ---

AT_HOME = {"insured_region": "330400", "person": LOCAL_PERSON}


@pytest.mark.parametrize("direction", ["lose request", "lose reply"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_message_of_an_in_province_settlement_lost_in_turn_heals_by_sending_again(
    chain: Chain, kind: str, direction: str
) -> None:
    chain.faults.append(once(DESK, SETTLES[kind], direction))
    patient = lived(chain, kind, **AT_HOME)
    last = patient.recorder.frames()["messages"].to_dicts()[-1]

    assert patient.journey.fate is Fate.DIRECT_AFTER_RETRY
    assert {where for where, _ in chain.calls} == {DESK}
    assert [one.settlement for one in chain.standing("33")] == [patient.journey.settlement]
    assert [visit.settlement for visit in chain.visits()] == [patient.journey.settlement]
    assert last["care_in_us"] is not None
    assert last["hub_in_us"] is None
    at_rest(chain)


@pytest.mark.parametrize("direction", ["lose request", "lose reply"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_in_province_settlement_unanswered_past_the_deadline_is_reversed_and_undone(
    chain: Chain, kind: str, direction: str
) -> None:
    silent(chain, DESK, SETTLES[kind], direction)
    patient = lived(chain, kind, **AT_HOME)

    assert patient.journey.fate is Fate.REVERSED_THEN_PAPER
    assert chain.standing("33") == []
    assert [visit.state for visit in chain.visits()] == [VisitState.CANCELLED]
    at_rest(chain)


def test_an_in_province_settlement_waits_for_the_insured_door_of_its_own_province(chain: Chain) -> None:
    chain.command("33", DoorState.CLOSED, side=Side.INSURED, reopens_us=1_000_000_000)
    clients = Clients.model_validate({"park": {"share": 0.0}})
    patient = Patient(chain, FakeVisit("pharmacy", **AT_HOME), HospitalSite(clients, 2))
    run(patient.journey.live())

    assert patient.journey.fate is Fate.PAPER_BY_CLOSURE
    assert chain.standing("33") == []
    at_rest(chain)
