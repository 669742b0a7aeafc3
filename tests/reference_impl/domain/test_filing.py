"""Who may settle elsewhere, decided from what was filed: tables of the rule, and a second reading of it by days."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.errors import Refusal
from reference_impl.domain.filing import (
    FILING_REFUSALS,
    NO_END_US,
    Application,
    Filing,
    FilingKind,
    FilingRules,
    FilingState,
    FilingTable,
    Stay,
    Treatment,
    counted_as_filed,
    covering,
    filed,
    given_back,
    is_interrupted,
    place_of,
    state_of,
    used,
    withdrawn,
)
from reference_impl.domain.filing_reminders import due, reminders

HOSPITAL, OTHER_HOSPITAL = "H31010000001", "H31010000002"
RULES = FilingRules(
    needed_for=("outpatient", "inpatient"), lasts_us={FilingKind.TEMPORARY: 100, FilingKind.REFERRAL: 50}
)
NOW = 1000


def filing(**changes: Any) -> Filing:
    made = Filing(
        "B1", FilingKind.TEMPORARY, "31", accepted_us=900, uploaded_us=900, begins_us=900, ends_us=1100
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def treatment(**changes: Any) -> Treatment:
    return Treatment("S1", HOSPITAL, "310115", NOW)._replace(**changes)


def ask(kind: str = "temporary", region: str = "310100", hospital: str = HOSPITAL, serial: str = "B9") -> Application:
    return Application(serial, kind, region, hospital)


# --- what a filing lets through ---


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"ends_us": NO_END_US}, None),
        ({"ends_us": NOW + 1}, None),
        ({"ends_us": NOW}, Refusal.FILING_EXPIRED),
        ({"begins_us": NOW + 1}, Refusal.NOT_FILED),
        ({"begins_us": NOW}, None),
        ({"ended_us": NOW}, Refusal.NOT_FILED),
        ({"ended_us": NOW + 1}, None),
        ({"uploaded_us": NOW + 1}, Refusal.FILING_NOT_UPLOADED),
        ({"uploaded_us": NOW}, None),
        ({"place": "3304"}, Refusal.FILED_ELSEWHERE),
        ({"place": "3304", "ends_us": NOW}, Refusal.NOT_FILED),
        ({"named": (OTHER_HOSPITAL,)}, Refusal.HOSPITAL_NOT_NAMED),
        ({"named": (HOSPITAL, OTHER_HOSPITAL)}, None),
        ({"allowed": 2, "settled": ("a", "b")}, Refusal.FILING_USED_UP),
        ({"allowed": 2, "settled": ("a",)}, None),
        ({"allowed": 1, "settled": ("S1",)}, None),
        ({"visit": "S1"}, None),
        ({"visit": "S2"}, Refusal.NOT_FILED),
    ],
)
def test_a_filing_serves_or_says_why_not(changes, expected):
    found = covering([filing(**changes)], treatment(), NOW)

    assert found == (filing(**changes) if expected is None else expected)
    assert expected is None or expected in FILING_REFUSALS


def test_nothing_filed_is_not_filed():
    assert covering([], treatment(), NOW) is Refusal.NOT_FILED


def test_a_stay_that_began_within_the_time_settles_after_it():
    over = filing(ends_us=950)

    assert covering([over], treatment(began_us=949), NOW) == over
    assert covering([over], treatment(began_us=950), NOW) is Refusal.FILING_EXPIRED


def test_filed_during_the_stay_is_filed_before_discharge_and_rescues():
    late = filing(accepted_us=990, uploaded_us=990, begins_us=990, ends_us=NO_END_US)

    assert covering([late], treatment(began_us=100), NOW) == late


@pytest.mark.parametrize("first", [0, 1])
def test_of_several_that_do_not_serve_the_nearest_is_told_whatever_the_order(first):
    far, near = filing(serial="B2", place="3304"), filing(uploaded_us=NOW + 1)
    pair = [far, near] if first else [near, far]

    assert covering(pair, treatment(), NOW) is Refusal.FILING_NOT_UPLOADED


def test_one_without_a_number_of_settlements_goes_before_one_that_would_be_used_up():
    counted, free = filing(serial="B2", allowed=1), filing(serial="B3")

    assert covering([counted, free], treatment(), NOW) == free
    assert covering([counted], treatment(), NOW) == counted


def test_an_emergency_counts_as_filed_for_its_one_visit():
    deemed = counted_as_filed(treatment(), "B5", NOW)

    assert covering([deemed], treatment(), NOW) == deemed
    assert covering([deemed], treatment(visit="S2"), NOW) is Refusal.NOT_FILED
    assert covering([deemed], treatment(visit="S2", parts=("S1",)), NOW) == deemed


# --- filing, and what it ends ---


def test_a_new_filing_holds_from_now_for_its_time():
    (new,) = filed((), (), ask(), RULES, NOW)

    assert (new.kind, new.place, new.begins_us, new.ends_us) == (FilingKind.TEMPORARY, "31", NOW, NOW + 100)
    assert filed((), (), ask("worker"), RULES, NOW)[0].ends_us == NO_END_US


def test_of_overlapping_filings_the_new_one_stays_valid_and_the_others_end():
    over, elsewhere = filing(serial="B0", ends_us=950), filing(place="3304")
    kept = filed((over, elsewhere), (), ask(), RULES, NOW)

    assert [state_of(one, NOW) for one in kept] == [FilingState.EXPIRED, FilingState.ENDED, FilingState.VALID]
    assert kept[0] == over


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, Refusal.FILED_ALREADY),
        ({"uploaded_us": NOW + 1}, Refusal.FILED_ALREADY),
        ({"ends_us": NOW}, None),
        ({"ended_us": NOW}, None),
        ({"kind": FilingKind.REFERRAL}, None),
        ({"allowed": 1, "settled": ("a",)}, None),
        ({"place": "3304"}, None),
    ],
)
def test_what_stands_already_is_not_filed_twice(changes, refused):
    kept = filed((filing(**changes),), (), ask(), RULES, NOW)

    assert (kept if isinstance(kept, Refusal) else None) is refused


@pytest.mark.parametrize("kind", ["emergency", "", "holiday"])
def test_what_is_no_kind_is_not_filed(kind):
    assert filed((), (), ask(kind), RULES, NOW) is Refusal.NO_SUCH_FILING_KIND


@pytest.mark.parametrize(
    ("stay", "refused"),
    [
        (Stay("S9", "330400", 10), Refusal.EARLIER_UNSETTLED),
        (Stay("S9", "330400", 10, settled=True), None),
        (Stay("S9", "310115", 10), None),
    ],
)
def test_while_an_earlier_stay_elsewhere_is_unsettled_nothing_is_filed(stay, refused):
    kept = filed((), (stay,), ask(), RULES, NOW)

    assert (kept if isinstance(kept, Refusal) else None) is refused


def test_a_hospital_is_ticked_beside_those_that_are_where_hospitals_are_named():
    rules = msgspec.structs.replace(RULES, by_hospital=True)
    first = filed((), (), ask(), rules, NOW)
    assert covering(first, treatment(institution=OTHER_HOSPITAL), NOW) is Refusal.HOSPITAL_NOT_NAMED
    assert filed(first, (), ask(), rules, NOW) is Refusal.FILED_ALREADY

    both = filed(first, (), ask(hospital=OTHER_HOSPITAL, serial="B10"), rules, NOW)

    assert [state_of(one, NOW) for one in both] == [FilingState.ENDED, FilingState.VALID]
    assert both[-1].named == (HOSPITAL, OTHER_HOSPITAL)


def test_a_young_residence_filing_may_be_neither_changed_nor_withdrawn():
    rules = msgspec.structs.replace(RULES, locked_us=200)
    lives = filing(kind=FilingKind.WORKER, place="3304", ends_us=NO_END_US)

    assert filed((lives,), (), ask(), rules, NOW) is Refusal.FILING_LOCKED
    assert withdrawn((lives,), "B1", rules, NOW) is Refusal.FILING_LOCKED
    assert not isinstance(withdrawn((lives,), "B1", rules, 1100), Refusal)


@pytest.mark.parametrize("changes", [{"ended_us": NOW}, {"ends_us": NOW}, {"kind": FilingKind.EMERGENCY}])
def test_what_does_not_stand_is_not_withdrawn(changes):
    assert withdrawn((filing(**changes),), "B1", RULES, NOW) is Refusal.NO_SUCH_FILING
    assert withdrawn((), "B1", RULES, NOW) is Refusal.NO_SUCH_FILING


def test_what_is_withdrawn_lets_nothing_through_any_more():
    gone = withdrawn((filing(),), "B1", RULES, NOW)

    assert covering(gone, treatment(), NOW) is Refusal.NOT_FILED


# --- a number of settlements ---


def test_a_referral_is_used_up_by_its_settlements_and_free_again_once_one_is_taken_back():
    rules = msgspec.structs.replace(RULES, referral_settlements=2)
    kept = filed((), (), ask("referral"), rules, NOW)
    for visit in ("S1", "S2"):
        assert covering(kept, treatment(visit=visit), NOW) == kept[0]
        kept = used(kept, "B9", treatment(visit=visit))

    assert covering(kept, treatment(visit="S3"), NOW) is Refusal.FILING_USED_UP
    assert covering(given_back(kept, "S2"), treatment(visit="S3"), NOW) == given_back(kept, "S2")[0]


def test_the_rest_of_a_stay_that_was_settled_in_its_middle_uses_no_second_settlement():
    kept = used((filing(allowed=1),), "B1", treatment(visit="S1"))
    rest = treatment(visit="S2", parts=("S1",))

    assert covering(kept, rest, NOW) == kept[0]
    assert used(kept, "B1", rest) == kept


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=40), st.integers(1, 4))
def test_never_more_settlements_stand_by_a_filing_than_it_allows(steps, allowed):
    kept, standing = (filing(allowed=allowed, ends_us=NO_END_US),), set()
    for takes, number in steps:
        visit = f"S{number}"
        if takes and visit not in standing and not isinstance(covering(kept, treatment(visit=visit), NOW), Refusal):
            kept, standing = used(kept, "B1", treatment(visit=visit)), standing | {visit}
        elif not takes:
            kept, standing = given_back(kept, visit), standing - {visit}
        assert set(kept[0].settled) == standing
        assert len(standing) <= allowed


# --- the same rule read another way: a list of events ---


@given(st.lists(st.tuples(st.sampled_from(["temporary", "worker"]), st.sampled_from(["3301", "3101"]), st.integers(1, 40)),
                max_size=8), st.integers(0, 400))  # fmt: skip
def test_at_any_instant_at_most_one_filing_is_valid_and_it_is_the_last_that_was_accepted(asked, later):
    kept: tuple[Filing, ...] = ()
    at, accepted = 0, []
    for number, (kind, place, after) in enumerate(asked):
        at += after
        new = filed(kept, (), ask(kind, f"{place}00", serial=f"B{number}"), RULES, at)
        if not isinstance(new, Refusal):
            kept = new
            accepted.append((f"B{number}", at, place, kind))
    now = at + later
    valid = [one.serial for one in kept if state_of(one, now) is FilingState.VALID]

    serial, since, place, kind = accepted[-1] if accepted else ("", 0, "", "")
    alive = bool(accepted) and (kind == "worker" or now < since + 100)
    assert valid == ([serial] if alive else [])
    found = covering(kept, treatment(care_region=f"{place or '3101'}00", began_us=now), now)
    assert isinstance(found, Filing) == alive


# --- rules of regions, and reminders ---


def test_the_rules_of_the_longest_region_count():
    table = FilingTable(
        rules=RULES,
        regions={
            "34": msgspec.structs.replace(RULES, by_hospital=True),
            "3415": msgspec.structs.replace(RULES, upload_us=5),
        },
    )

    assert table.of("320100") == RULES
    assert table.of("340100").by_hospital
    assert table.of("341500").upload_us == 5
    assert not table.of("341500").by_hospital


def test_a_filing_is_to_a_city_and_of_a_municipality_to_all_of_it():
    assert [place_of(region) for region in ("341500", "310115", "500101", "659001")] == ["3415", "31", "50", "6590"]


def test_the_share_whose_benefits_are_interrupted_is_the_share_asked_for():
    people = [f"3301001{n:013d}" for n in range(4000)]
    shares = {share: sum(is_interrupted(person, share) for person in people) / 4000 for share in (0.0, 0.1, 1.0)}

    assert shares[0.0] == 0
    assert 0.08 < shares[0.1] < 0.12
    assert shares[1.0] == 1


DUE = 3952
"""The first batch of Tai'an (SEED 004)."""


def test_3952_are_due_and_each_is_reminded_once_however_often_the_list_is_gone_through():
    kept = [
        (f"p{n}", (filing(serial=f"B{n}", ends_us=2000 + n % 1000), filing(serial=f"C{n}", ends_us=NO_END_US)))
        for n in range(DUE)
    ]
    kept.append(("replaced", (filing(serial="R", ends_us=2100, ended_us=1500),)))
    reminded: set[str] = set()
    sent = []
    for until in (1990, 2500, 2500, 3000, 3000):
        batch = reminders(due(kept, since_us=NOW, until_us=until), reminded)
        reminded.update(one.serial for one in batch)
        sent += batch

    assert len(sent) == len({one.person for one in sent}) == DUE


def test_a_filing_listed_twice_on_one_day_is_one_reminder():
    (person,) = [("p", (filing(ends_us=2000),))]
    listed = [*due([person], since_us=0, until_us=3000)] * 2

    assert len(reminders(listed, ())) == 1


def test_a_list_knows_nothing_of_what_is_filed_or_ended_after_it_was_made():
    replaced, later = (
        filing(serial="R", ends_us=2000, ended_us=1500),
        filing(serial="L", accepted_us=1500, ends_us=2100),
    )
    kept = [("p", (replaced, later))]
    before, after = (
        {one.serial for one in due(kept, since_us=0, until_us=3000, now_us=now_us)} for now_us in (1400, 1600)
    )

    assert (before, after) == ({"R"}, {"L"})
