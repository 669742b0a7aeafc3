"""Who may come in where: hospitals at the provinces' addresses for hospitals, and nowhere else."""

from __future__ import annotations

import json

import pytest
from attack import raw_client as raw
from attack.target import ANHUI, Target, started

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("header", ["x-yidi-sender", "X-YIDI-Sender"])
@pytest.mark.parametrize(("node", "sender"), [("34", "hub"), ("33", "hub"), ("33", "34"), ("34", "")])
def test_a_hospital_is_not_believed_to_be_a_neighbour(target, node, sender, header):
    person, money, visits = target.person(), target.money(), target.visits()
    envelope = target.pharmacy.envelope("2102", ANHUI, raw.drugs(person))
    envelope["input"]["druginfo"]["exp_content"] = (
        '{"MDTRT_ID":"S1","HOSP_LV":3,"FEES_FEN":[10000,0,0,0,10000' + ",0" * 14 + "]}"
    )

    heard = raw.post(target.address(node), f"/{node}", json.dumps(envelope).encode(), {header: sender})

    assert heard.refused, heard
    assert target.money() == money
    assert target.visits() == visits


@pytest.mark.parametrize("header", [{}, {"x-yidi-sender": "33"}, {"x-yidi-sender": "63"}])
def test_the_hub_is_not_at_the_hospitals_address(target, header):
    person, money = target.person(), target.money()
    envelope = target.pharmacy.envelope("2102", ANHUI, raw.drugs(person))

    heard = raw.post(target.address("33"), "/hub", json.dumps(envelope).encode(), header)

    assert heard.refused, heard
    assert target.money() == money


@pytest.mark.parametrize("verb", ["GET", "POST"])
@pytest.mark.parametrize("command", ["health", "stats", "meter", "doors", "door", "fault", "epoch"])
def test_an_operators_command_is_not_obeyed_at_the_hospitals_address(target, command, verb):
    heard = raw.post(target.address("33"), f"/operator/{command}", b"{}", verb=verb)

    assert heard.status in (403, 404, 405), heard


def test_a_hospital_does_not_stop_the_system(tmp_path):
    """A system of its own: where this succeeds, nobody else is served."""
    with started(tmp_path) as system:
        target = Target(system)
        heard = raw.post(target.address("33"), "/operator/stop", b"{}")

        assert heard.refused, heard
        assert set(target.readiness()) == {True}


def test_a_hospital_does_not_move_a_door(target):
    """A door that is shut by whoever passes is no door: afterwards an honest sale still settles."""
    shut = {"node": "34", "command": {"scope": "34", "side": "insured", "state": "closed"}}
    heard = raw.post(target.address("34"), "/operator/door", json.dumps(shut).encode())
    opened = {"node": "34", "command": {"scope": "34", "side": "insured", "state": "open"}}
    mended = raw.post(target.address("34", "operators"), "/operator/door", json.dumps(opened).encode())

    assert mended.status == 200, mended
    assert heard.refused, heard


def test_a_message_is_not_taken_at_the_operators_address(target):
    person = target.person()
    envelope = target.pharmacy.envelope("2102", ANHUI, raw.drugs(person))

    heard = raw.post(target.address("33", "operators"), "/33", json.dumps(envelope).encode())

    assert heard.refused, heard
    assert target.rows("34", "SELECT * FROM settlements WHERE person = ?", person) == []


def test_a_closed_door_is_not_passed_by_naming_another_city(target):
    """The care region says before which door a hospital stands: its own, whatever it writes."""
    person, home = target.person(), target.home

    def move(state):
        order = {"node": "33", "command": {"scope": "3304", "side": "care", "state": state}}
        done = raw.post(target.address("33", "operators"), "/operator/door", json.dumps(order).encode())
        assert done.status == 200, done

    move("closed")
    try:
        honest = home.ask_once("2201", ANHUI, raw.register(person))
        dishonest = home.ask_once("2201", ANHUI, raw.register(person), mdtrtarea_admvs="330100")
    finally:
        move("open")

    assert honest.status == 503, honest
    assert not dishonest.done, dishonest
    assert target.rows("33", "SELECT * FROM visits WHERE person = ?", person) == []


def test_nothing_stays_open(target):
    target.assert_sound()
