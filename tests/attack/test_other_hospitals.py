"""A visit is its hospital's: nobody else charges, settles, cancels or reverses it, from next door or from far away."""

from __future__ import annotations

import pytest
from attack import raw_client as raw
from attack.target import ANHUI

pytestmark = pytest.mark.slow

INTRUDERS = ("neighbour", "far")
intruders = pytest.mark.parametrize("who", INTRUDERS)

ON_A_CHARGED_VISIT = {
    "2203": raw.diagnose,
    "2204": lambda person, visit: raw.charges(raw.charge(person, visit, 9)),
    "2205": lambda person, visit: raw.about_visit(person, visit, chrg_bchno="0000"),
    "2206": raw.settle,
    "2207": raw.settle,
}


@intruders
@pytest.mark.parametrize("code", ON_A_CHARGED_VISIT)
def test_another_hospital_does_not_touch_a_charged_visit(target, code, who):
    person = target.person()
    visit = target.charged(person)
    before, money = target.visits(), target.money()

    heard = getattr(target, who).ask(code, ANHUI, ON_A_CHARGED_VISIT[code](person, visit))

    assert heard.refused, heard
    assert target.visits() == before
    assert target.money() == money


@intruders
def test_another_hospital_does_not_cancel_a_registration(target, who):
    person = target.person()
    visit, _ = target.registered(person)
    before = target.visits()

    heard = getattr(target, who).ask("2202", ANHUI, raw.about_visit(person, visit, ipt_otp_no="1"))

    assert heard.refused, heard
    assert target.visits() == before


ON_A_STAY = {
    "2302": lambda person, stay, at: raw.about_visit(person, stay, feedetl_sn="0000"),
    "2304": lambda person, stay, at: raw.settle_stay(person, stay, ANHUI, at.region, "200.00"),
    "2402": lambda person, stay, at: raw.discharge(person, stay),
    "2404": lambda person, stay, at: raw.about_visit(person, stay),
}


@intruders
@pytest.mark.parametrize("code", ON_A_STAY)
def test_another_hospital_does_not_touch_a_stay(target, code, who):
    person, intruder = target.person(), getattr(target, who)
    stay = target.admitted(person)
    before, money = target.visits(), target.money()

    heard = intruder.ask(code, ANHUI, ON_A_STAY[code](person, stay, intruder))

    assert heard.refused, heard
    assert target.visits() == before
    assert target.money() == money


@intruders
def test_another_hospital_does_not_cancel_a_settlement(target, who):
    person = target.person()
    visit, settlement, _ = target.settled(person)
    before, money = target.visits(), target.money()

    heard = getattr(target, who).ask("2208", ANHUI, raw.about_visit(person, visit, setl_id=settlement))

    assert heard.refused, heard
    assert target.visits() == before
    assert target.money() == money


@intruders
@pytest.mark.parametrize("code", ["2207", "2102", "2401"])
def test_another_hospital_does_not_reverse_a_settlement(target, code, who):
    """The insured province sees the hub as the sender of everything: it, too, must know whose the message was."""
    person = target.person()
    _visit, _, msgid = target.settled(person)
    before, money = target.visits(), target.money()

    heard = getattr(target, who).ask("2601", ANHUI, raw.reverse(person, msgid, code))

    assert heard.refused, heard
    assert target.visits() == before
    assert target.money() == money


@intruders
def test_another_hospital_does_not_reverse_a_sale(target, who):
    person = target.person()
    visit, _, msgid = target.sold(person)
    before = target.visits()

    heard = getattr(target, who).ask("2601", ANHUI, raw.reverse(person, msgid, "2102"))

    assert heard.refused, heard
    assert target.visits() == before
    assert target.signs(visit) == [1]


@intruders
def test_another_hospital_does_not_forbid_a_message_that_is_still_to_come(target, who):
    """A reversal that arrives first leaves a tombstone (G4); only the sender may dig a grave for its own message."""
    person, msgid = target.person(), target.pharmacy.fresh()

    heard = getattr(target, who).ask("2601", ANHUI, raw.reverse(person, msgid, "2102"))
    sale = target.pharmacy.ask("2102", ANHUI, raw.drugs(person), msgid)

    assert heard.refused, heard
    assert sale.done, sale


@intruders
def test_a_message_id_of_another_hospital_is_refused_and_stays_free_for_its_own(target, who):
    victim, thief, msgid = target.person(), target.person(), target.home.fresh()

    heard = getattr(target, who).ask("2201", ANHUI, raw.register(thief), msgid)
    own = target.home.ask("2201", ANHUI, raw.register(victim), msgid)

    assert heard.refused, heard
    assert own.done, own


def test_a_reversal_that_came_first_still_forbids_ones_own_message(target):
    """The honest order of G4 keeps working: without it the refusals above would be cheap."""
    person, msgid = target.person(), target.pharmacy.fresh()

    assert (first := target.pharmacy.ask("2601", ANHUI, raw.reverse(person, msgid, "2102"))).done, first
    sale = target.pharmacy.ask("2102", ANHUI, raw.drugs(person), msgid)

    assert sale.refused, sale
    assert target.rows("34", "SELECT * FROM settlements WHERE person = ?", person) == []


def test_nobody_reverses_for_another_person(target):
    person, other = target.person(), target.person()
    visit, _, msgid = target.settled(person)

    heard = target.home.ask("2601", ANHUI, raw.reverse(other, msgid, "2207"))

    assert heard.refused, heard
    assert target.signs(visit) == [1]


def test_nothing_stays_open(target):
    target.assert_sound()
