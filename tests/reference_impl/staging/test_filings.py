"""What the insurers' books hold before a run: the people who come, each with what the scenario says of them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from reference_impl.domain.filing import FilingState, Treatment, covering, place_of, state_of
from reference_impl.domain.regions import is_cross_province
from reference_impl.hospital.history import History
from reference_impl.protocol.records import FilingsRecord
from reference_impl.staging.build import stamps_of
from reference_impl.staging.filings import filings_before
from scenarios.patients.visits import plan_visits
from scenarios.reading.scale import resolve
from scenarios.record.recorder import Recorder
from scenarios.schema import Scenario

ASKED = {
    "name": "staged",
    "horizon": {"start": "2024-03-13T09:00:00", "length": "3d", "drain_limit": "1d"},
    "visits": {"per_day": 800, "mix": {"outpatient": 0.6, "pharmacy": 0.2, "inpatient": 0.2}, "stay_mean": "1d"},
    "topology": {"regions": [31, 33, 34], "hospitals_per_province": {"hospital": 4, "pharmacy": 2}},
}


def staged(**filing):
    asked = resolve(Scenario.model_validate(ASKED | {"filing": filing}))
    plan = plan_visits(asked)
    return plan, list(filings_before(asked, plan, History(Recorder(), stamps_of(asked))))


def by_person(changes):
    found = {}
    for node, change in changes:
        (record,) = change.records
        assert isinstance(record, FilingsRecord)
        assert record.version == 1
        assert record.person not in found
        found[record.person] = node, record
    return found


def asking(plan):
    """The visits that ask for a filing."""
    return [v for v in plan if v.kind != "pharmacy" and is_cross_province(v.care_region, v.insured_region)]


def serves(record, visit):
    treatment = Treatment("S", visit.hospital.code, visit.care_region, visit.arrival_us)
    return not isinstance(covering(record.filings, treatment, visit.arrival_us), str)


def test_without_the_key_the_books_hold_nothing():
    asked = resolve(Scenario.model_validate(ASKED))

    assert list(filings_before(asked, plan_visits(asked), History(Recorder(), stamps_of(asked)))) == []


@pytest.mark.parametrize("covers", ["place", "hospital"])
def test_everybody_is_filed_for_every_visit_at_the_insurer_and_one_filing_is_valid_at_a_time(covers):
    plan, changes = staged(covers=covers)
    found = by_person(changes)

    assert asking(plan)
    for visit in asking(plan):
        node, record = found[visit.person]
        assert node == visit.insured_region[:2]
        assert serves(record, visit), (visit, record)
        at = visit.arrival_us
        assert Counter(state_of(one, at) for one in record.filings)[FilingState.VALID] == 1


def test_somebody_goes_to_two_places_and_has_a_filing_after_the_other():
    plan, changes = staged()
    places = {}
    for visit in asking(plan):
        places.setdefault(visit.person, []).append(place_of(visit.care_region))
    several = {person for person, seen in places.items() if len(set(seen)) > 1}
    found = by_person(changes)

    assert several, "the plan is large enough that somebody does"
    for person in several:
        filings = found[person][1].filings
        assert len(filings) >= 2
        assert all(one.ends_us == later.begins_us for one, later in pairwise(filings))


@pytest.mark.parametrize("comes", ["unfiled", "expired", "elsewhere", "used_up"])
def test_who_comes_without_a_valid_filing_has_none_that_serves(comes):
    plan, changes = staged(standings={comes: 1})
    found = by_person(changes)

    for visit in asking(plan):
        record = found.get(visit.person, (None, None))[1]
        assert record is None or not serves(record, visit), (visit, record)


def test_the_shares_are_those_that_were_asked_for():
    plan, changes = staged(standings={"unfiled": 0.25}, emergency=0)
    people = {visit.person for visit in asking(plan)}
    filed = {person for person, (_, record) in by_person(changes).items() if record.filings}

    assert 0.2 < 1 - len(filed) / len(people) < 0.3


def test_every_stay_open_at_the_start_is_known_to_its_insurer():
    plan, changes = staged(standings={"unfiled": 1}, emergency=0.3)
    stays = [stay for _, record in by_person(changes).values() for stay in record.stays]
    lying = [visit for visit in asking(plan) if visit.open_at_start]

    assert len(stays) == len(lying) > 0
    assert all(stay.began_us < 0 and not stay.settled for stay in stays)
    deemed = [one for _, record in by_person(changes).values() for one in record.filings]
    assert {one.visit for one in deemed} < {stay.visit for stay in stays}


def test_no_book_has_come_further_than_the_start_of_the_run():
    """A city accepts filings while the run goes on; books whose messages are of later would refuse the run's zero."""
    _, changes = staged(standings={"not_uploaded": 1}, upload_lag="4h")
    filings = [one for _, change in changes for one in change.records[0].filings]

    assert max(one.accepted_us for one in filings) > 0
    assert max(change.message.opened_us for _, change in changes) <= 0


def test_receipts_and_messages_are_of_one_filing_each():
    _, changes = staged(standings={"expired": 0.2})
    serials = [one.serial for _, change in changes for one in change.records[0].filings]
    keys = [change.message.key for _, change in changes]

    assert len(set(serials)) == len(serials)
    assert len(set(keys)) == len(keys)
    assert max(map(len, serials)) <= 30


@pytest.mark.parametrize(
    "unknown",
    [
        {"identity": {"not_shown": {"inpatient": 1}}},
        {"network": {"opened": [{"levels": ["primary"], "kinds": ["pharmacy"]}]}},
    ],
)
def test_of_a_stay_that_lies_on_account_no_insurer_was_told(unknown):
    asked = resolve(Scenario.model_validate(ASKED | {"filing": {}} | unknown))
    plan = plan_visits(asked)
    history = History(Recorder(), stamps_of(asked))
    lying = [visit for visit in asking(plan) if visit.open_at_start]

    assert lying
    changes = list(filings_before(asked, plan, history))
    assert not [record for _, change in changes for record in change.records if record.stays]
    assert not {history.message_id(visit, 1) for visit in lying} & {change.message.key.msgid for _, change in changes}
