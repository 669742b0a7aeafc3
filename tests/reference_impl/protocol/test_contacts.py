"""A contact begins when it was due, whoever is late, and ends with the final answer that somebody waited for."""

from __future__ import annotations

from support.chain import Chain, always, run
from support.patients import FakeVisit, Patient


def contacts_of(patient: Patient) -> list[tuple[int, int | None, str]]:
    patient.journey.history.close()
    contacts = patient.recorder.frames()["contacts"]
    return list(contacts.select("intended_us", "done_us", "outcome").iter_rows())


def test_a_generator_that_is_late_does_not_move_the_moment_a_contact_was_due(chain: Chain) -> None:
    chain.clock.us = 700_000
    patient = Patient(chain, FakeVisit("pharmacy", arrival_us=0))
    run(patient.journey.live())

    [(intended_us, done_us, outcome)] = contacts_of(patient)
    assert (intended_us, outcome) == (patient.visit.handling_us, "done")
    assert done_us is not None
    assert done_us >= 700_000 + patient.visit.handling_us


def test_a_contact_whose_outcome_is_unknown_lasts_until_the_reversal_is_acknowledged(chain: Chain) -> None:
    chain.faults.append(always("hub->63", "2102", "lose reply"))
    patient = Patient(chain, FakeVisit("pharmacy"))
    run(patient.journey.live())

    [(_, done_us, outcome)] = contacts_of(patient)
    assert outcome == "reversed"
    assert done_us == patient.journey.settle_done_us


def test_a_stay_has_a_contact_on_admission_and_one_on_discharge(chain: Chain) -> None:
    patient = Patient(chain, FakeVisit("inpatient"))
    run(patient.journey.live())

    admission, discharge = contacts_of(patient)
    assert admission[1] is not None
    assert discharge[0] >= admission[1] + patient.visit.stay_us
    assert (admission[2], discharge[2]) == ("done", "done")
