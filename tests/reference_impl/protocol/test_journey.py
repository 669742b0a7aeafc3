"""A patient's way: every visit ends in one fate, whatever is planted on it, and nothing is left standing by mistake."""

from __future__ import annotations

import pytest
from support.chain import HOSPITAL, Chain, always, once, run
from support.patients import FakeDesk, FakeVisit, Patient

from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.scopes import Side
from reference_impl.hospital.site import HospitalSite
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.protocol.messages import Request
from scenarios.record.fates import Fate, Stage
from scenarios.schema import Clients, Cutover
from scenarios.schema.course import course_of

ALL = ["pharmacy", "outpatient", "inpatient"]
SETTLES = {"pharmacy": "2102", "outpatient": "2207", "inpatient": "2304"}
WAYS = {
    "pharmacy": ["1101", "2101", "2102"],
    "outpatient": ["1101", "2201", "2203", "2204", "2206", "2207"],
    "inpatient": ["1101", "2401", "2301", "2301", "2303", "2402", "2304"],
}


@pytest.mark.parametrize("kind", ALL)
def test_a_healthy_visit_settles_at_the_desk(chain: Chain, kind: str) -> None:
    patient = Patient(chain, FakeVisit(kind))
    run(patient.journey.live())

    assert patient.journey.fate is Fate.DIRECT
    assert patient.codes == WAYS[kind]
    assert [one.visit for one in chain.standing()] == [patient.journey.visit_id]
    assert patient.journey.amounts.fund_fen + patient.journey.amounts.cash_fen > 0
    assert patient.journey.acked
    assert patient.desk.held == 0


@pytest.mark.parametrize("direction", ["lose request", "lose reply"])
@pytest.mark.parametrize("link", [f"{HOSPITAL}->33", "33->hub", "hub->63"])
@pytest.mark.parametrize("kind", ALL)
def test_a_lost_message_of_the_settlement_heals_by_sending_again(
    chain: Chain, kind: str, link: str, direction: str
) -> None:
    chain.faults.append(once(link, SETTLES[kind], direction))
    patient = Patient(chain, FakeVisit(kind))
    run(patient.journey.live())

    assert patient.journey.fate is Fate.DIRECT_AFTER_RETRY
    assert len(chain.standing()) == 1
    assert chain.sum_of_accounts() == 0


@pytest.mark.parametrize("direction", ["lose request", "lose reply"])
@pytest.mark.parametrize("kind", ALL)
def test_an_insurer_silent_past_the_deadline_ends_in_a_reversal_and_a_paper_claim(
    chain: Chain, kind: str, direction: str
) -> None:
    chain.faults.append(always("hub->63", SETTLES[kind], direction))
    patient = Patient(chain, FakeVisit(kind))
    run(patient.journey.live())

    assert patient.journey.fate is Fate.REVERSED_THEN_PAPER
    assert patient.journey.paper_fen == patient.visit.total_fen
    assert chain.standing() == []
    assert "2601" in patient.codes
    assert patient.desk.held == 0


def test_what_an_outpatient_visit_opened_is_undone_in_order(chain: Chain) -> None:
    chain.faults.append(always("hub->63", "2207", "lose request"))
    patient = Patient(chain, FakeVisit("outpatient"))
    run(patient.journey.live())

    assert patient.codes[-3:] == ["2601", "2205", "2202"]
    [visit] = chain.books["33"].read_all().visits
    assert visit.state is VisitState.CANCELLED


def test_what_a_stay_opened_is_undone_in_order(chain: Chain) -> None:
    chain.faults.append(always("hub->63", "2304", "lose reply"))
    patient = Patient(chain, FakeVisit("inpatient"))
    run(patient.journey.live())

    assert patient.codes[-4:] == ["2601", "2405", "2302", "2404"]
    [visit] = chain.books["33"].read_all().visits
    assert visit.state is VisitState.CANCELLED


def test_an_admission_nobody_answers_is_reversed(chain: Chain) -> None:
    chain.faults.append(always(f"{HOSPITAL}->33", "2401", "lose reply"))
    patient = Patient(chain, FakeVisit("inpatient"))
    run(patient.journey.live())

    assert patient.journey.fate is Fate.REVERSED_THEN_PAPER
    [visit] = chain.books["33"].read_all().visits
    assert visit.state is VisitState.CANCELLED


def _closed(chain: Chain, *, until_us: int) -> None:
    door = DoorCommand(scope="63", side=Side.INSURED, state=DoorState.CLOSED, reopens_us=until_us)
    chain.nodes["63"].doors.obey(door)

    def reopen(_caller: str, _node: str, _request: Request) -> None:
        if chain.clock.us >= until_us:
            chain.nodes["63"].doors.obey(DoorCommand(scope="63", side=Side.INSURED, state=DoorState.OPEN))

    chain.faults.append(reopen)


@pytest.mark.parametrize(("park_share", "fate"), [(1.0, Fate.PARKED_THEN_DIRECT), (0.0, Fate.PAPER_BY_CLOSURE)])
@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("kind", ALL)
def test_a_closed_insurer_parks_the_patient_or_sends_him_to_claim_by_paper(
    chain: Chain, kind: str, park_share: float, fate: Fate, announced: bool
) -> None:
    _closed(chain, until_us=3_600_000_000)
    stop = Cutover(
        scope="63",
        side="insured",
        at="1s",
        stop_before="1s",
        window="3599s",
        announced=announced,
        park_share=park_share,
    )
    patient = Patient(chain, FakeVisit(kind), HospitalSite(Clients(), 2, (course_of(stop, 1),)))
    run(patient.journey.live())

    assert patient.journey.fate is fate
    assert len(chain.standing()) == (fate is Fate.PARKED_THEN_DIRECT)
    if announced and fate is Fate.PAPER_BY_CLOSURE:
        assert patient.codes == []


def test_a_stay_admitted_on_account_is_entered_at_discharge_when_the_door_is_open_again(chain: Chain) -> None:
    _closed(chain, until_us=1_500_000)
    patient = Patient(chain, FakeVisit("inpatient"))
    run(patient.journey.live())

    assert patient.journey.fate is Fate.DIRECT
    assert patient.codes == ["1101", *WAYS["inpatient"]]
    assert len(chain.standing()) == 1


def test_a_patient_who_runs_out_of_patience_in_the_queue_leaves(chain: Chain) -> None:
    patient = Patient(chain, desk=FakeDesk(patient=False))
    run(patient.journey.live())

    assert patient.journey.fate is Fate.ABANDONED
    assert patient.codes == []
    assert patient.desk.held == 0


def test_a_refusing_node_is_tried_again_by_machine_then_by_clerk_then_paper(chain: Chain) -> None:
    chain.nodes["33"].doors.obey(DoorCommand(scope="33", side=Side.CARE, state=DoorState.REFUSING))
    clients = Clients()
    patient = Patient(chain, site=HospitalSite(clients, 2))
    run(patient.journey.live())

    assert patient.journey.fate is Fate.PAPER_BY_CHOICE
    assert len(patient.codes) == (1 + clients.retries.max) * (1 + clients.clerk.retries)


@pytest.mark.parametrize("fault", [None, "lose request", "lose reply"])
@pytest.mark.parametrize("kind", ALL)
def test_cancelled_at_any_await_a_journey_leaks_no_desk(kind: str, fault: str | None) -> None:
    """A crash, or a patient who leaves, at each await in turn; the journey ends nowhere else than where it stood."""
    for stop_after in range(10_000):
        chain = Chain()
        if fault:
            chain.faults.append(always("hub->63", SETTLES[kind], fault))
        patient = Patient(chain, FakeVisit(kind))
        work = patient.journey.live()
        try:
            for _ in range(stop_after):
                work.send(None)
        except StopIteration:
            break
        work.close()
        assert patient.desk.held == 0, f"a desk leaked when cancelled at await {stop_after}"
        assert chain.sum_of_accounts() == 0
    assert stop_after > len(WAYS[kind])
    assert patient.journey.asker.stage is Stage.ENDED
