"""One door and one message: what passes in each state, and what a restart has to repeat."""

from __future__ import annotations

import pytest
from support.messages import find_person, sale

from reference_impl.domain.scopes import Side
from reference_impl.protocol.door import Door, DoorCommand, Doors, DoorState
from reference_impl.protocol.messages import Closed, Overloaded

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
