"""A stay put away at every rest and woken again: the same messages and the same end as one that was never touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any

import pytest
from support.chain import HOSPITAL, Chain, always, once, run
from support.patients import FakeVisit, Patient

from reference_impl.hospital.asking import Asker
from reference_impl.hospital.journey import Journey
from reference_impl.hospital.rest import Rest, pack, put_away, unpack, woken
from scenarios.record.fates import Stage
from scenarios.schema import Cutover

FAULTS: dict[str, Callable[[], list[Any]]] = {
    "nothing": list,
    "an admission resent": lambda: [once(f"{HOSPITAL}->33", "2401", "lose reply")],
    "no admission at all": lambda: [always(f"{HOSPITAL}->33", "2401", "lose request")],
    "an upload resent": lambda: [once(f"{HOSPITAL}->33", "2301", "lose reply")],
    "a settlement never answered": lambda: [always("hub->63", "2304", "lose reply")],
}
GIVEN = {"ports", "site", "visit", "history", "asker", "clients", "node"}
"""What a woken journey is given again."""


def state(journey: Journey) -> dict[str, object]:
    own = {f.name: getattr(journey, f.name) for f in fields(Journey) if f.name not in GIVEN}
    return own | {f.name: getattr(journey.asker, f.name) for f in fields(Asker) if f.name not in GIVEN}


def live_in_rests(patient: Patient) -> list[Rest]:
    journey, rests = patient.journey, list[Rest]()
    while run(journey.go_on()) is not None:
        before, rest = state(journey), put_away(journey)
        rests.append(rest)
        journey = woken(journey.ports, patient.site, patient.visit, patient.history, rest)  # type: ignore[arg-type]
        assert state(journey) == before
        patient.chain.clock.us += patient.visit.stay_us // 2
    patient.journey = journey
    return rests


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS.keys())
def test_a_stay_put_away_at_each_rest_ends_as_one_that_was_not(faults: Callable[[], list[Any]]) -> None:
    untouched, rested = Patient(Chain(), FakeVisit("inpatient")), Patient(Chain(), FakeVisit("inpatient"))
    for patient in (untouched, rested):
        patient.chain.faults.extend(faults())

    run(untouched.journey.live())
    rests = live_in_rests(rested)

    assert len(rests) in (0, 2)
    assert rested.codes == untouched.codes
    times = {f.name for f in fields(Journey) if f.name.endswith("_us")}
    ends = [{k: v for k, v in state(one.journey).items() if k not in times} for one in (untouched, rested)]
    assert ends[0] == ends[1]


@pytest.mark.parametrize("kind", ["pharmacy", "outpatient"])
def test_who_goes_home_the_same_day_never_rests(chain: Chain, kind: str) -> None:
    assert live_in_rests(Patient(chain, FakeVisit(kind))) == []


def test_a_resting_stay_is_listed_among_what_is_in_flight_and_written_as_open_at_the_end(chain: Chain) -> None:
    patient = Patient(chain, FakeVisit("inpatient"))
    run(patient.journey.go_on())
    laid = {7: pack(put_away(patient.journey))}

    def wake(place: int) -> Journey:
        rest = unpack(laid[place])
        return woken(patient.journey.ports, patient.site, patient.visit, patient.history, rest)  # type: ignore[arg-type]

    patient.history.rests(patient.visit.visit, 7, wake)

    assert patient.history.live_count == 1
    assert patient.history.snapshot("stop", 5, Cutover(scope="hub", at="1h", window="1h")) == (
        (Stage.OPEN_STAY.value, 1),
    )
    patient.history.close()
    frames = patient.recorder.frames()
    assert frames["inflight"]["stage"].to_list() == [Stage.OPEN_STAY.value]
    assert frames["visits"].select("fate", "visit_id").rows() == [("open_at_end", patient.journey.visit_id)]
    assert patient.history.live_count == 0


def test_every_field_of_a_journey_is_kept_or_still_as_it_began(chain: Chain) -> None:
    """A field added to the journey tomorrow must not be forgotten at a rest."""
    patient = Patient(chain, FakeVisit("inpatient"))
    run(patient.journey.go_on())
    kept = {*Rest.__struct_fields__, *GIVEN, "lying", "stage"}
    for one, of in ((patient.journey, Journey), (patient.journey.asker, Asker)):
        for field in fields(of):
            if field.name not in kept:
                assert field.default is not MISSING
                assert getattr(one, field.name) == field.default, f"{field.name} would be forgotten"
