"""One door and one message: what passes in each state, and what a restart has to repeat."""

from __future__ import annotations

import msgspec
import pytest
from support.messages import admit, find_person, register, sale

from reference_impl.domain.scopes import Business, Side
from reference_impl.protocol.bucket import BucketRule
from reference_impl.protocol.door import Door, DoorCommand, Doors, DoorState, DoorStep
from reference_impl.protocol.messages import Closed, FindPerson, Overloaded, PersonNo
from reference_impl.protocol.unmended import UnmendedRows

NOW_US = 40
SHUT = Closed("33", 100, 60)
FULL = Closed("33", 200, 160)
BUSY = Overloaded(1_000_000)


def command(state: DoorState, *, scope: str = "33", side: Side = Side.CARE) -> DoorCommand:
    return DoorCommand(scope=scope, side=side, state=state, reopens_us=100, full_us=200)


@pytest.mark.parametrize(
    ("state", "new_business", "known_business", "further_step"),
    [
        (DoorState.OPEN, None, None, None),
        (DoorState.DRAINING, SHUT, None, None),
        (DoorState.CLOSED, SHUT, SHUT, SHUT),
        (DoorState.RAMP, FULL, None, None),
        (DoorState.REFUSING, BUSY, BUSY, BUSY),
    ],
)
def test_what_passes_a_door(state, new_business, known_business, further_step):
    door = Door(command(state))

    assert door.refusal(find_person(), NOW_US, known=False) == new_business
    assert door.refusal(find_person(), NOW_US, known=True) == known_business
    assert door.refusal(sale(), NOW_US, known=False) == further_step


def test_a_ramp_lets_a_patient_in_once_and_for_all():
    door = Door(command(DoorState.RAMP))
    let_in = [door.refusal(find_person(), now_us, known=False) is None for now_us in range(90, 211)]

    assert not any(let_in[:11]), "nobody before it opens"
    assert all(let_in[110:]), "everybody when it is full"
    assert let_in == sorted(let_in), "who was let in is not turned away later"


def test_a_message_passes_when_no_door_on_its_side_stands_in_its_way():
    doors = Doors()
    doors.obey(command(DoorState.CLOSED, side=Side.INSURED))
    doors.obey(command(DoorState.CLOSED, scope="3399"))
    doors.obey(command(DoorState.DRAINING))

    assert doors.refusal(sale(), Side.CARE, NOW_US, known=False) is None
    assert doors.refusal(find_person(), Side.CARE, NOW_US, known=False) == SHUT


def test_the_commands_in_force_are_the_last_of_each_door_and_an_open_door_has_none():
    doors = Doors()
    doors.obey(command(DoorState.DRAINING))
    doors.obey(command(DoorState.CLOSED))
    doors.obey(command(DoorState.CLOSED, scope="3304"))
    assert doors.commands() == (command(DoorState.CLOSED), command(DoorState.CLOSED, scope="3304"))

    doors.obey(command(DoorState.OPEN))
    doors.obey(command(DoorState.OPEN, scope="3304"))
    assert doors.all_open
    assert doors.commands() == ()


@pytest.mark.parametrize(
    ("business", "abroad", "at_home"),
    [(Business.ALL, SHUT, SHUT), (Business.CROSS, SHUT, None), (Business.LOCAL, None, SHUT)],
)
def test_a_door_stops_the_business_it_is_told_to_and_lets_the_other_pass(business, abroad, at_home):
    """To stop everything where only business between provinces was to stop would send away patients for nothing."""
    doors = Doors()
    doors.obey(msgspec.structs.replace(command(DoorState.CLOSED), business=business))
    local = msgspec.structs.replace(find_person(), insured_region="330100")

    assert doors.refusal(find_person(), Side.CARE, NOW_US, known=False) == abroad
    assert doors.refusal(local, Side.CARE, NOW_US, known=False) == at_home


def test_a_scope_has_a_door_for_each_business_and_one_that_opens_leaves_the_other_shut():
    doors = Doors()
    for business in (Business.CROSS, Business.LOCAL):
        doors.obey(msgspec.structs.replace(command(DoorState.CLOSED), business=business))

    doors.obey(msgspec.structs.replace(command(DoorState.OPEN), business=Business.LOCAL))

    assert [one.business for one in doors.commands()] == [Business.CROSS]
    assert doors.refusal(find_person(), Side.CARE, NOW_US, known=False) == SHUT


def test_a_ramp_in_steps_holds_each_share_and_lets_everybody_in_after_the_last():
    steps = (DoorStep(100, 0.0), DoorStep(120, 0.3), DoorStep(160, 0.8))
    door = Door(msgspec.structs.replace(command(DoorState.RAMP), steps=steps))
    bodies = [FindPerson(person=PersonNo(f"P{number}")) for number in range(1000)]
    people = [msgspec.structs.replace(find_person(), body=body) for body in bodies]

    shares = {
        at_us: sum(door.refusal(one, at_us, known=False) is None for one in people) / 1000
        for at_us in (90, 119, 120, 159, 160, 199, 200)
    }

    assert shares == {90: 0, 119: 0, 200: 1} | {at: pytest.approx(0.3, abs=0.05) for at in (120, 159)} | {
        at: pytest.approx(0.8, abs=0.05) for at in (160, 199)
    }
    assert shares[120] == shares[159]


def test_commands_written_down_before_doors_had_a_business_are_of_all_of_it():
    written = b'[{"scope":"33","side":"care","state":"closed","reopens_us":100,"full_us":200}]'

    assert msgspec.json.decode(written, type=tuple[DoorCommand, ...]) == (command(DoorState.CLOSED),)
    kept = (msgspec.structs.replace(command(DoorState.RAMP), business=Business.LOCAL, steps=(DoorStep(100, 0.5),)),)
    assert msgspec.json.decode(msgspec.json.encode(kept), type=tuple[DoorCommand, ...]) == kept


def test_steps_written_down_before_they_named_anybody_are_of_all():
    written = b'[{"scope":"33","side":"care","state":"ramp","reopens_us":100,"full_us":200,"steps":[[100,0.5]]}]'

    assert msgspec.json.decode(written, type=tuple[DoorCommand, ...])[0].steps == (DoorStep(100, 0.5),)


def test_steps_let_in_by_province_and_kind_and_what_one_let_in_stays_in():
    """Stays first, of everybody; then clinics of two provinces, at either end of the way; a question is of no kind."""
    steps = (
        DoorStep(100, 1.0, kinds=("inpatient",)),
        DoorStep(150, 1.0, provinces=("63", "11"), kinds=("outpatient",)),
    )
    door = Door(msgspec.structs.replace(command(DoorState.RAMP), full_us=300, steps=steps))

    def passes(asked, at_us, insured="630100"):
        return door.refusal(msgspec.structs.replace(asked, insured_region=insured), at_us, known=False) is None

    assert [passes(one, 120) for one in (find_person(), admit(), register(), sale(code="2101"))] == [
        True, True, False, False,
    ]  # fmt: skip
    assert [passes(register(), 160, insured) for insured in ("630100", "410100")] == [True, False]
    assert passes(admit(), 160, "410100")


def test_a_bucket_at_the_door_tells_each_whom_it_refuses_a_time_of_their_own_and_is_new_with_each_command():
    rule = BucketRule(admits=1, every_us=10)
    doors = Doors()
    ramp = msgspec.structs.replace(command(DoorState.RAMP), reopens_us=100, full_us=135, bucket=rule)
    doors.obey(ramp)
    people = [msgspec.structs.replace(find_person(n), body=FindPerson(person=PersonNo(f"P{n}"))) for n in range(5)]

    answers = [doors.refusal(one, Side.CARE, 100, known=False) for one in people]

    assert answers == [None, *(Closed("33", at_us, at_us - 100) for at_us in (110, 120, 130, 135))]
    assert doors.refusal(people[0], Side.CARE, 100, known=False) is None
    assert doors.refusal(people[1], Side.CARE, 100, known=True) is None
    assert all(doors.refusal(one, Side.CARE, 135, known=False) is None for one in people)
    doors.obey(ramp)
    assert doors.refusal(people[4], Side.CARE, 100, known=False) is None


def test_a_door_that_waits_for_word_goes_on_by_no_clock():
    """Planted in the first try: at the hour that people are told it let everybody in, held or not."""
    told = DoorCommand(scope="33", side=Side.CARE, state=DoorState.RAMP, reopens_us=10, full_us=20, by_word=True)
    held = Door(msgspec.structs.replace(told, steps=(DoorStep(10, 0.0),)))
    gone_on = Door(msgspec.structs.replace(told, steps=(DoorStep(10, 0.0), DoorStep(30, 1.0))))

    assert isinstance(held.refusal(register(), 10**9, known=False), Closed)
    assert gone_on.refusal(register(), 30, known=False) is None


def unmended(*, persons: float = 0.0, visits: float = 0.0) -> UnmendedRows:
    return UnmendedRows(key=1, persons=persons, visits=visits, frozen_at="20240603000000", from_us=10, until_us=100)


@pytest.mark.parametrize("state", [DoorState.RAMP, DoorState.OPEN])
def test_an_open_door_turns_away_whose_row_is_not_right_until_it_is(state):
    rows = unmended(persons=1.0)
    door = Door(DoorCommand(scope="33", side=Side.CARE, state=state, reopens_us=10, full_us=10, unmended=rows))
    asked = register()
    mended_us = rows.mended_us(asked.body.person, "")

    refusal = door.refusal(asked, 11, known=True)

    assert isinstance(refusal, Closed)
    assert refusal.reopens_us == mended_us <= 100
    assert door.refusal(asked, mended_us, known=True) is None


def test_only_a_visit_that_was_open_at_the_freeze_can_lack_its_row():
    rows = unmended(visits=1.0)
    before, after = "SH33040000001240602080000000001", "SH33040000001240603080000000001"

    assert rows.mended_us("330400X", before) > rows.from_us
    assert rows.mended_us("330400X", after) == rows.from_us


def test_as_many_rows_are_refused_as_the_share_says_and_they_are_mended_evenly():
    rows = msgspec.structs.replace(unmended(persons=0.3), until_us=1_000_010)
    mended = [rows.mended_us(f"{number}", "") - rows.from_us for number in range(4_000)]
    late = [one for one in mended if one]

    assert len(late) / 4_000 == pytest.approx(0.3, abs=0.03)
    assert sum(late) / len(late) == pytest.approx(500_000, rel=0.05)


def test_rows_are_mended_so_much_later_as_the_door_opens_later():
    rows, late = unmended(persons=1.0), unmended(persons=1.0).later(1_000)

    assert late.mended_us("SIM1", "") == rows.mended_us("SIM1", "") + 1_000
    assert (late.from_us, late.until_us) == (1_010, 1_100)
