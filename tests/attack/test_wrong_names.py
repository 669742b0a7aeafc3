"""Nobody is believed about a name: neither the code of a message to be reversed, nor the sender, nor the place."""

from __future__ import annotations

import pytest
from attack import raw_client as raw
from attack.raw_client import Hospital
from attack.target import ANHUI, QINGHAI

pytestmark = pytest.mark.slow


# --- the code of the message that is to be reversed ---


@pytest.mark.parametrize("code", ["2102", "2401", "2304"])
def test_a_reversal_under_another_code_does_not_say_done(target, code):
    person = target.person()
    _visit, _, msgid = target.settled(person)
    before, money = target.visits(), target.money()

    heard = target.home.ask("2601", ANHUI, raw.reverse(person, msgid, code))

    assert heard.refused, heard
    assert target.visits() == before
    assert target.money() == money


@pytest.mark.parametrize("code", ["2204", "2201", "2601", "9999", "2103"])
def test_a_reversal_of_what_cannot_be_reversed_is_refused(target, code):
    person = target.person()
    visit, _, msgid = target.settled(person)
    before = target.visits()

    heard = target.home.ask("2601", ANHUI, raw.reverse(person, msgid, code))

    assert heard.refused, heard
    assert target.visits() == before
    assert target.signs(visit) == [1]


def test_after_the_wrong_code_was_refused_the_right_one_works_on_both_sides(target):
    person = target.person()
    visit, _, msgid = target.settled(person)
    target.home.ask("2601", ANHUI, raw.reverse(person, msgid, "2102"))

    heard = target.home.ask("2601", ANHUI, raw.reverse(person, msgid, "2207"))

    assert heard.done, heard
    assert target.signs(visit) == [1, -1]
    assert target.visit(visit)["settlement"] == ""
    assert (again := target.home.ask("2207", ANHUI, raw.settle(person, visit))).done, again


@pytest.mark.parametrize("code", ["2207", "2102"])
def test_a_reversal_named_as_a_settlement_is_not_reversed(target, code):
    person = target.person()
    visit, _, msgid = target.settled(person)
    back = target.home.ask("2601", ANHUI, raw.reverse(person, msgid, "2207"))
    assert back.done, back
    before = target.visits()

    heard = target.home.ask("2601", ANHUI, raw.reverse(person, back.msgid, code))

    assert heard.refused, heard
    assert target.visits() == before
    assert target.signs(visit) == [1, -1]


def test_a_registration_named_as_a_settlement_is_not_reversed(target):
    person = target.person()
    _visit, opened_by = target.registered(person)
    before = target.visits()

    heard = target.home.ask("2601", ANHUI, raw.reverse(person, opened_by, "2207"))

    assert heard.refused, heard
    assert target.visits() == before


# --- the sender ---

RESERVED = ("hub", "33", "34", "3304", "hospital", "operator")


@pytest.mark.parametrize("name", RESERVED)
@pytest.mark.parametrize("node", ["33", "34"])
def test_an_institution_is_not_called_like_a_node(target, node, name):
    """Whoever is the hub may tell an insurer what to pay: a body that says so must not make it true."""
    person, money, visits = target.person(), target.money(), target.visits()
    liar = Hospital(target.address(node), node, name, "330400")
    said = raw.drugs(person) | {}
    said["druginfo"]["exp_content"] = '{"MDTRT_ID":"S1","HOSP_LV":3,"FEES_FEN":[10000,0,0,0,10000' + ",0" * 14 + "]}"
    msgid = f"{name:X<12}20240313090000{person[-4:]}"

    heard = liar.ask("2102", ANHUI, said, msgid)

    assert heard.refused, heard
    assert target.money() == money
    assert target.visits() == visits


# --- the place ---


@pytest.mark.parametrize("region", ["330100", "340100", "630100", "990000", "3304", "33"])
@pytest.mark.parametrize("code", ["2201", "2102"])
def test_a_care_region_that_is_not_the_institutions_own_is_refused(target, code, region):
    """The care region says which province is owed the money, and which city's door stands before it."""
    person, money, visits = target.person(), target.money(), target.visits()
    sender = target.home if code == "2201" else target.pharmacy
    body = raw.register(person) if code == "2201" else raw.drugs(person)

    heard = sender.ask(code, ANHUI, body, mdtrtarea_admvs=region)

    assert heard.refused, heard
    assert target.money() == money
    assert target.visits() == visits


def test_a_visit_keeps_its_care_region(target):
    person = target.person()
    visit = target.charged(person)
    before, money = target.visits(), target.money()

    heard = target.home.ask("2207", ANHUI, raw.settle(person, visit), mdtrtarea_admvs=QINGHAI)

    assert heard.refused, heard
    assert target.visits() == before
    assert target.money() == money


def test_a_hospital_is_served_by_its_own_province_alone(target):
    """At another province's door it would make that province the one that is owed."""
    person, money, visits = target.person(), target.money(), target.visits()
    astray = Hospital(target.address("63"), "63", target.pharmacy.code, target.pharmacy.region)

    heard = astray.ask("2102", ANHUI, raw.drugs(person), target.pharmacy.fresh())

    assert heard.refused, heard
    assert target.money() == money
    assert target.visits() == visits


@pytest.mark.parametrize("code", ["H33040099999", "H33990030001", "X00000000000"])
def test_a_hospital_nobody_registered_is_refused(target, code):
    person, visits = target.person(), target.visits()
    stranger = Hospital(target.address("33"), "33", code, code[1:7])

    heard = stranger.ask("2201", ANHUI, raw.register(person))

    assert heard.refused, heard
    assert target.visits() == visits


def test_a_pharmacy_admits_nobody(target):
    person, visits = target.person(), target.visits()

    heard = target.pharmacy.ask("2401", ANHUI, raw.admit(person, ANHUI, target.pharmacy.region))

    assert heard.refused, heard
    assert target.visits() == visits


def test_nothing_stays_open(target):
    target.assert_sound()
