"""What an honest hospital gets from a client written by hand: without this no refusal below would mean anything."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from attack import raw_client as raw
from attack.target import ANHUI

pytestmark = pytest.mark.slow


def test_an_outpatient_visit_settles_and_is_cancelled(target):
    person = target.person()
    visit, settlement, _ = target.settled(person)

    assert target.signs(visit) == [1]
    back = target.home.ask("2208", ANHUI, raw.about_visit(person, visit, setl_id=settlement))
    assert back.done, back
    assert target.signs(visit) == [1, -1]


def test_a_sale_settles_and_is_reversed(target):
    person = target.person()
    visit, _, msgid = target.sold(person)

    back = target.pharmacy.ask("2601", ANHUI, raw.reverse(person, msgid, "2102"))
    assert back.done, back
    assert target.signs(visit) == [1, -1]


def test_a_stay_is_discharged_and_settles(target):
    person, home = target.person(), target.home
    stay = target.admitted(person)

    assert (left := home.ask("2402", ANHUI, raw.discharge(person, stay))).done, left
    paid = home.ask("2304", ANHUI, raw.settle_stay(person, stay, ANHUI, home.region, "200.00"))
    assert paid.done, paid
    [posted] = target.settlements(stay)
    assert posted["total_fen"] == 20_000


def test_a_registration_is_cancelled(target):
    person = target.person()
    visit, _ = target.registered(person)

    assert (left := target.home.ask("2202", ANHUI, raw.about_visit(person, visit, ipt_otp_no="1"))).done, left


def test_the_amounts_answered_are_the_amounts_posted(target):
    person = target.person_with_account()
    heard = target.pharmacy.ask("2102", ANHUI, raw.drugs(person, "1234.56"))

    said = heard.output["setlinfo"]
    [posted] = target.settlements(said["mdtrt_id"])
    fund = ("pool_fen", "large_sum_fen", "serious_illness_fen", "civil_servant_fen", "aid_fen", "other_fund_fen")
    assert round(said["medfee_sumamt"] * 100) == posted["total_fen"] == 123_456
    assert round(said["fund_pay_sumamt"] * 100) == sum(posted[name] for name in fund)
    assert round(said["acct_pay"] * 100) == posted["account_fen"]
    assert round(said["psn_cash_pay"] * 100) == posted["cash_fen"]


def test_the_same_message_again_gets_the_same_bytes_and_posts_once(target):
    person, pharmacy = target.person(), target.pharmacy
    visit, _, msgid = target.sold(person)
    first = pharmacy.ask("2102", ANHUI, raw.drugs(person), msgid)
    again = pharmacy.ask("2102", ANHUI, raw.drugs(person), msgid)

    assert first.done, first
    assert again.words == first.words
    assert target.signs(visit) == [1]


OTHER_CONTENT = {
    "another total": lambda person, other: ("2102", raw.drugs(person, "200.00")),
    "another patient": lambda person, other: ("2102", raw.drugs(other)),
    "another transaction": lambda person, other: ("2101", raw.drugs(person)),
    "another line": lambda person, other: (
        "2102",
        raw.drugs(person, lines=[raw.drug_line(7, "100.00", pric="50", cnt="2")]),
    ),
}


@pytest.mark.parametrize("what", OTHER_CONTENT)
def test_the_same_message_id_with_other_content_is_refused(target, what):
    person, other = target.person(), target.person()
    visit, _, msgid = target.sold(person)
    before = target.money()

    heard = target.pharmacy.ask(
        OTHER_CONTENT[what](person, other)[0], ANHUI, OTHER_CONTENT[what](person, other)[1], msgid
    )

    assert heard.refused, heard
    assert target.signs(visit) == [1]
    assert target.money() == before


def test_fifty_threads_with_one_key_make_one_posting(target):
    person, pharmacy = target.person(), target.pharmacy
    envelope = pharmacy.envelope("2102", ANHUI, raw.drugs(person))
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda _: pharmacy.post(envelope), range(50)))

    settled = pharmacy.ask("2102", ANHUI, raw.drugs(person), envelope["msgid"])
    assert settled.done, settled
    assert {answer.status for answer in answers} <= {200, 409}
    assert {answer.output["setlinfo"]["setl_id"] for answer in answers if answer.done} <= {
        settled.output["setlinfo"]["setl_id"]
    }
    assert target.signs(settled.output["setlinfo"]["mdtrt_id"]) == [1]
    assert len(target.rows("34", "SELECT * FROM settlements WHERE person = ?", person)) == 1


def test_twenty_settlements_of_one_visit_under_different_keys_make_one_posting(target):
    person, home = target.person(), target.home
    visit = target.charged(person)
    envelopes = [home.envelope("2207", ANHUI, raw.settle(person, visit)) for _ in range(20)]
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(home.post, envelopes))

    assert sum(answer.done for answer in answers) == 1
    assert target.signs(visit) == [1]


def test_nothing_stays_open(target):
    target.assert_sound()
