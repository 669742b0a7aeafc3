"""One visit is one province's: whatever names another insured region is refused, and one province posts."""

from __future__ import annotations

import pytest
from attack import raw_client as raw
from attack.target import ANHUI, QINGHAI

pytestmark = pytest.mark.slow

ELSEWHERE = {
    "another province": QINGHAI,
    "the province of care": "330400",
    "another city": "340200",
    "nobody's": "990000",
}
elsewhere = pytest.mark.parametrize("region", ELSEWHERE.values(), ids=ELSEWHERE)


def assert_no_money_elsewhere(target, visit):
    assert [target.signs(visit, node) for node in ("33", "63")] == [[], []]


ON_A_REGISTERED_VISIT = {
    "2202": lambda person, visit: raw.about_visit(person, visit, ipt_otp_no="1"),
    "2203": raw.diagnose,
    "2204": lambda person, visit: raw.charges(raw.charge(person, visit, 9)),
}
ON_A_CHARGED_VISIT = {
    "2204": lambda person, visit: raw.charges(raw.charge(person, visit, 9)),
    "2205": lambda person, visit: raw.about_visit(person, visit, chrg_bchno="0000"),
    "2206": raw.settle,
    "2207": raw.settle,
}


@elsewhere
@pytest.mark.parametrize("code", ON_A_REGISTERED_VISIT)
def test_a_message_about_a_registered_visit_that_names_another_insurer_is_refused(target, code, region):
    person = target.person()
    visit, _ = target.registered(person)
    before = target.visits()

    heard = target.home.ask(code, region, ON_A_REGISTERED_VISIT[code](person, visit))

    assert heard.refused, heard
    assert target.visits() == before


@elsewhere
@pytest.mark.parametrize("code", ON_A_CHARGED_VISIT)
def test_a_message_about_a_charged_visit_that_names_another_insurer_is_refused(target, code, region):
    person = target.person()
    visit = target.charged(person)
    before, money = target.visits(), target.money()

    heard = target.home.ask(code, region, ON_A_CHARGED_VISIT[code](person, visit))

    assert heard.refused, heard
    assert target.visits() == before
    assert target.money() == money


@elsewhere
def test_a_settled_visit_is_not_settled_again_with_another_insurer(target, region):
    person = target.person()
    visit, _, _ = target.settled(person)

    heard = target.home.ask("2207", region, raw.settle(person, visit))

    assert heard.refused, heard
    assert target.signs(visit) == [1]
    assert_no_money_elsewhere(target, visit)


@elsewhere
def test_a_settlement_is_not_cancelled_at_another_insurer(target, region):
    person = target.person()
    visit, settlement, _ = target.settled(person)
    before = target.visits()

    heard = target.home.ask("2208", region, raw.about_visit(person, visit, setl_id=settlement))

    assert heard.refused, heard
    assert target.visits() == before
    assert target.signs(visit) == [1]


@elsewhere
def test_a_sale_is_not_cancelled_at_another_insurer(target, region):
    person = target.person()
    visit, settlement, _ = target.sold(person)
    before = target.visits()

    heard = target.pharmacy.ask("2103", region, raw.about_visit(person, visit, setl_id=settlement))

    assert heard.refused, heard
    assert target.visits() == before
    assert target.signs(visit) == [1]


@elsewhere
def test_a_reversal_that_names_another_insurer_does_not_say_done(target, region):
    """Saying done while the insurer's money stands is one visit paid twice: by the fund, and by the patient."""
    person = target.person()
    visit, _, msgid = target.settled(person)
    before = target.visits()

    heard = target.home.ask("2601", region, raw.reverse(person, msgid, "2207"))

    assert heard.refused, heard
    assert target.visits() == before
    assert target.signs(visit) == [1]


def test_after_a_reversal_elsewhere_was_refused_the_honest_one_works(target):
    person = target.person()
    visit, _, msgid = target.settled(person)
    target.home.ask("2601", QINGHAI, raw.reverse(person, msgid, "2207"))

    heard = target.home.ask("2601", ANHUI, raw.reverse(person, msgid, "2207"))

    assert heard.done, heard
    assert target.signs(visit) == [1, -1]


@elsewhere
def test_a_sale_to_a_person_who_is_insured_elsewhere_is_refused(target, region):
    person, money = target.person(ANHUI), target.money()

    heard = target.pharmacy.ask("2102", region, raw.drugs(person))

    assert heard.refused, heard
    assert target.money() == money


@elsewhere
@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("1101", raw.find),
        ("2201", raw.register),
        ("2401", lambda person: raw.admit(person, person[:6], "330400")),
    ],
    ids=["1101", "2201", "2401"],
)
def test_an_insurer_knows_nobody_but_its_own(target, code, body, region):
    person = target.person(ANHUI)
    before = target.visits()

    heard = target.home.ask(code, region, body(person))

    assert heard.refused, heard
    assert target.visits() == before


def test_an_admission_names_one_insured_region_in_envelope_and_body(target):
    person = target.person(ANHUI)

    heard = target.home.ask("2401", ANHUI, raw.admit(person, QINGHAI, target.home.region))

    assert heard.refused or heard.warns_of("insuplc_admdvs"), heard


def test_a_stay_is_settled_by_the_insurer_that_let_it_in(target):
    person, home = target.person(), target.home
    stay = target.admitted(person)
    before, money = target.visits(), target.money()

    heard = home.ask("2304", QINGHAI, raw.settle_stay(person, stay, QINGHAI, home.region, "200.00"))

    assert heard.refused, heard
    assert target.visits() == before
    assert target.money() == money


def test_nothing_stays_open(target):
    target.assert_sound()
