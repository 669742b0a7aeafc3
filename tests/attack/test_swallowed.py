"""What a hospital says is acted on, or refused, or answered with a warning that names the field; never swallowed."""

from __future__ import annotations

import json

import pytest
from attack import raw_client as raw
from attack.target import ANHUI

pytestmark = pytest.mark.slow


def fen(yuan):
    return round(yuan * 100)


# --- lines ---


@pytest.mark.parametrize("code", ["2204", "2301"])
def test_a_line_sent_twice_under_two_message_ids_is_charged_once(target, code):
    person, home = target.person(), target.home
    visit = target.admitted(person) if code == "2301" else target.charged(person)
    before = target.total_yuan(visit)

    home.ask(code, ANHUI, raw.charges(raw.charge(person, visit, 1)))

    assert target.total_yuan(visit) == before


@pytest.mark.parametrize("code", ["2204", "2301"])
def test_a_line_number_used_for_another_line_is_refused(target, code):
    person, home = target.person(), target.home
    visit = target.admitted(person) if code == "2301" else target.charged(person)
    before = target.total_yuan(visit)

    heard = home.ask(code, ANHUI, raw.charges(raw.charge(person, visit, 1, "70.00")))

    assert heard.refused or heard.warns_of("feedetl_sn"), heard
    assert target.total_yuan(visit) == before


def test_a_line_that_stands_twice_in_one_message_is_charged_once_or_refused(target):
    person = target.person()
    visit, _ = target.registered(person)

    heard = target.home.ask("2204", ANHUI, raw.charges(raw.charge(person, visit, 1), raw.charge(person, visit, 1)))

    assert target.total_yuan(visit) == (100.0 if heard.done else 0.0), heard


def test_a_sale_with_one_line_number_twice_is_refused(target):
    person = target.person()
    lines = [raw.drug_line(1, "50.00"), raw.drug_line(1, "50.00")]

    heard = target.pharmacy.ask("2102", ANHUI, raw.drugs(person, lines=lines))

    assert heard.refused or heard.warns_of("feedetl_sn"), heard


def test_the_numbers_of_lines_come_back_as_they_were_sent(target):
    person = target.person()
    visit, _ = target.registered(person)
    lines = raw.charges(raw.charge(person, visit, 4711, "10.00"), raw.charge(person, visit, 815, "20.00"))

    heard = target.home.ask("2204", ANHUI, lines)

    assert heard.done, heard
    assert [(row["feedetl_sn"], row["det_item_fee_sumamt"]) for row in heard.output["result"]] == [
        ("4711", 10.0),
        ("815", 20.0),
    ]


def test_cancelling_one_line_of_a_stay_leaves_the_other(target):
    person = target.person()
    stay = target.admitted(person)

    heard = target.home.ask("2302", ANHUI, raw.about_visit(person, stay, feedetl_sn="1"))

    assert target.total_yuan(stay) == (100.0 if heard.done else 200.0), heard


def test_cancelling_one_batch_leaves_the_other(target):
    person, home = target.person(), target.home
    visit, _ = target.registered(person)
    for number, batch, yuan in ((1, "B1", "30.00"), (2, "B2", "70.00")):
        assert (
            sent := home.ask("2204", ANHUI, raw.charges(raw.charge(person, visit, number, yuan, batch=batch)))
        ).done, sent

    heard = home.ask("2205", ANHUI, raw.about_visit(person, visit, chrg_bchno="B1"))

    assert target.total_yuan(visit) == (70.0 if heard.done else 100.0), heard


@pytest.mark.parametrize(
    ("code", "named"), [("2302", {"feedetl_sn": "99"}), ("2205", {"chrg_bchno": "B99"})], ids=["line", "batch"]
)
def test_cancelling_what_was_never_charged_is_refused(target, code, named):
    person = target.person()
    visit = target.admitted(person) if code == "2302" else target.charged(person)
    before = target.total_yuan(visit)

    heard = target.home.ask(code, ANHUI, raw.about_visit(person, visit, **named))

    assert heard.refused, heard
    assert target.total_yuan(visit) == before


@pytest.mark.parametrize(("code", "named"), [("2302", {"feedetl_sn": "0000"}), ("2205", {"chrg_bchno": "0000"})])
def test_cancelling_all_lines_leaves_none(target, code, named):
    person = target.person()
    visit = target.admitted(person) if code == "2302" else target.charged(person)

    heard = target.home.ask(code, ANHUI, raw.about_visit(person, visit, **named))

    assert heard.done, heard
    assert target.total_yuan(visit) == 0


def test_a_cancelled_line_may_be_charged_again(target):
    person, home = target.person(), target.home
    visit = target.charged(person)
    assert (back := home.ask("2205", ANHUI, raw.about_visit(person, visit, chrg_bchno="0000"))).done, back

    heard = home.ask("2204", ANHUI, raw.charges(raw.charge(person, visit, 2, "60.00", batch="B2")))

    assert heard.done, heard
    assert target.total_yuan(visit) == 60.0


def test_settling_one_batch_of_two_is_not_settling_all(target):
    person, home = target.person(), target.home
    visit = target.charged(person)
    home.ask("2204", ANHUI, raw.charges(raw.charge(person, visit, 2, "70.00", batch="B2")))

    heard = home.ask("2207", ANHUI, raw.settle(person, visit, "170.00", chrg_bchno="B2"))

    assert heard.refused or heard.warns_of("chrg_bchno"), heard


@pytest.mark.parametrize("field", ["mdtrt_id", "psn_no"])
def test_a_second_line_of_another_visit_is_not_charged_to_the_first(target, field):
    person, other = target.person(), target.person()
    visit, _ = target.registered(person)
    strange, _ = target.registered(other)
    stray = raw.charge(person, visit, 2) | {field: strange if field == "mdtrt_id" else other}

    heard = target.home.ask("2204", ANHUI, raw.charges(raw.charge(person, visit, 1), stray))

    assert heard.refused, heard
    assert (target.total_yuan(visit), target.total_yuan(strange)) == (0, 0)


@pytest.mark.parametrize(
    "other", [{"cnt": "1", "pric": "50"}, {"cnt": "3", "pric": "100"}, {"cnt": "-1", "pric": "100"}]
)
def test_a_line_whose_amount_is_not_count_times_price_is_refused_or_warned_of(target, other):
    person = target.person()
    visit, _ = target.registered(person)

    heard = target.home.ask("2204", ANHUI, raw.charges(raw.charge(person, visit, 1, **other)))

    assert heard.refused or heard.warns_of("det_item_fee_sumamt") or heard.warns_of("cnt"), heard


def test_a_refund_takes_from_the_line_it_names(target):
    person, home = target.person(), target.home
    visit = target.charged(person)

    heard = home.ask("2204", ANHUI, raw.charges(raw.charge(person, visit, 2, "-40.00", init_feedetl_sn="1")))

    assert target.total_yuan(visit) == (60.0 if heard.done else 100.0), heard


# --- how it is paid ---


def settled_with(target, person, **other):
    visit = target.charged(person)
    heard = target.home.ask("2207", ANHUI, raw.settle(person, visit, **other))
    return heard, target.settlements(visit)


def test_the_account_pays_when_it_may(target):
    heard, [posted] = settled_with(target, target.person_with_account(), acct_used_flag="1")

    assert heard.done, heard
    assert posted["account_fen"] > 0


@pytest.mark.parametrize("sale", [False, True], ids=["2207", "2102"])
def test_the_account_does_not_pay_when_it_may_not(target, sale):
    person = target.person_with_account()
    if sale:
        heard = target.pharmacy.ask("2102", ANHUI, raw.drugs(person, acct_used_flag="0"))
    else:
        heard, _ = settled_with(target, person, acct_used_flag="0")
    posted = target.rows("34", "SELECT * FROM settlements WHERE person = ?", person)

    assert heard.refused or heard.warns_of("acct_used_flag") or [row["account_fen"] for row in posted] == [0], heard


@pytest.mark.parametrize("value", ["2", "7"], ids=["family", "nonsense"])
def test_an_account_of_somebody_else_is_not_ones_own(target, value):
    heard, _ = settled_with(target, target.person_with_account(), acct_used_flag=value)

    assert heard.refused or heard.warns_of("acct_used_flag"), heard


def test_a_settlement_in_the_middle_of_a_stay_does_not_end_it(target):
    person, home = target.person(), target.home
    stay = target.admitted(person)

    body = raw.settle_stay(person, stay, ANHUI, home.region, "200.00", mid_setl_flag="1")
    heard = home.ask("2304", ANHUI, body)
    late = home.ask("2301", ANHUI, raw.charges(raw.charge(person, stay, 3)))

    assert heard.done, heard
    assert late.refused, "what comes for the part that is settled is said to come too late"
    assert target.admitted(person) != stay, "the stay goes on under a fresh id (domain facts 4.2, B)"


def test_a_fixed_sum_is_not_paid_by_item(target):
    heard, _ = settled_with(target, target.person(), psn_setlway="02")

    assert heard.refused or heard.warns_of("psn_setlway"), heard


@pytest.mark.parametrize("kind", ["13", "14", "51", "9903"])
def test_a_kind_of_visit_is_not_paid_as_an_ordinary_one(target, kind):
    heard, _ = settled_with(target, target.person(), med_type=kind)

    said = heard.output.get("setlinfo", {}).get("med_type")
    assert heard.refused or heard.warns_of("med_type") or said == kind, heard


def test_a_sale_is_not_of_another_kind_of_visit(target):
    heard = target.pharmacy.ask("2102", ANHUI, raw.drugs(target.person(), med_type="14"))

    said = heard.output.get("setlinfo", {}).get("med_type")
    assert heard.refused or heard.warns_of("med_type") or said == "14", heard


@pytest.mark.parametrize("kind", ["13", "51"])
def test_a_kind_of_visit_in_a_diagnosis_is_kept_refused_or_warned_of(target, kind):
    person, home = target.person(), target.home
    visit, _ = target.registered(person)

    heard = home.ask("2203", ANHUI, raw.diagnose(person, visit, med_type=kind))
    home.ask("2204", ANHUI, raw.charges(raw.charge(person, visit, 1)))
    paid = home.ask("2207", ANHUI, raw.settle(person, visit, med_type="11"))

    assert heard.refused or heard.warns_of("med_type") or paid.refused or paid.warns_of("med_type"), (heard, paid)


@pytest.mark.parametrize(
    "stated",
    [{"fulamt_ownpay_amt": "40.00", "inscp_scp_amt": "60.00"}, {"preselfpay_amt": "10.00"}, {"inscp_scp_amt": "1.00"}],
    ids=["own pay", "prior self-pay", "in scope"],
)
def test_a_split_that_the_province_does_not_find_is_refused_or_warned_of(target, stated):
    heard, _ = settled_with(target, target.person(), **stated)

    assert heard.refused or any(heard.warns_of(name) for name in stated), heard


@pytest.mark.parametrize("code", ["2201", "2207"])
def test_an_insurance_the_person_does_not_have_is_refused_or_warned_of(target, code):
    person = target.person(kind="0")
    if code == "2201":
        heard = target.home.ask("2201", ANHUI, raw.register(person, insutype="390"))
    else:
        heard, _ = settled_with(target, person, insutype="390")

    assert heard.refused or heard.warns_of("insutype"), heard


def test_a_total_that_differs_from_the_lines_is_refused(target):
    person, money = target.person(), None
    visit = target.charged(person)
    money = target.money()

    heard = target.home.ask("2207", ANHUI, raw.settle(person, visit, "90.00"))

    assert heard.refused, heard
    assert target.money() == money


def test_a_level_and_totals_in_the_open_text_field_change_no_money(target):
    """Between provinces they travel there; a hospital's own words about them are not the care province's."""
    people = [target.person(kind="2"), target.person(kind="2")]
    lie = json.dumps({"HOSP_LV": 1, "FEES_FEN": [10_000, 0, 0, 0, 10_000, 10_000] + [0] * 13})
    _, [honest] = settled_with(target, people[0])
    heard, posted = settled_with(target, people[1], exp_content=lie)

    amounts = ("total_fen", "in_scope_fen", "deductible_fen", "pool_fen", "account_fen", "cash_fen")
    assert heard.refused or [[row[name] for name in amounts] for row in posted] == [[honest[name] for name in amounts]]


# --- what is told of diagnoses and people ---


def told(target, code, node="33"):
    """Return whether a word stands anywhere in the messages and visits that a node keeps."""
    kept = [*target.rows(node, "SELECT * FROM messages"), *target.rows(node, "SELECT * FROM visits")]
    values = [value for row in kept for value in row.values()]
    return any(code.encode() in (value if isinstance(value, bytes) else str(value).encode()) for value in values)


@pytest.mark.parametrize("code", ["2203", "2401"])
def test_a_second_diagnosis_is_kept_refused_or_warned_of(target, code):
    person, home = target.person(), target.home
    if code == "2203":
        visit, _ = target.registered(person)
        found = [raw.diagnosis("K21.001"), raw.diagnosis("Z98.801", 2)]
        heard = home.ask("2203", ANHUI, raw.diagnose(person, visit, found=found, main="K21.001"))
    else:
        found = [raw.diagnosis("J18.900"), raw.diagnosis("Z98.802", 2)]
        heard = home.ask("2401", ANHUI, raw.admit(person, ANHUI, home.region, found=found))
    second = "Z98.801" if code == "2203" else "Z98.802"

    assert heard.refused or told(target, "K21.001" if code == "2203" else "J18.900")
    assert heard.refused or heard.warns_of("diseinfo") or heard.warns_of("diag_") or told(target, second), heard


def test_a_row_that_names_another_diagnosis_than_the_visits_is_refused_or_warned_of(target):
    person = target.person()
    visit, _ = target.registered(person)
    body = raw.diagnose(person, visit, found=[raw.diagnosis("Q99.903")], main="I10.x03")

    heard = target.home.ask("2203", ANHUI, body)

    assert heard.refused or heard.warns_of("diag") or heard.warns_of("dise") or told(target, "Q99.903"), heard


WRONG_PERSON = {
    "name": {"psn_name": "SOMEBODY ELSE"},
    "number": {"certno": "990000190001010000"},
    "kind of number": {"psn_cert_type": "99"},
    "card": {"mdtrt_cert_type": "03", "card_sn": "NOT THEIRS"},
    "kind of certificate": {"mdtrt_cert_type": "07"},
}


@pytest.mark.parametrize("what", WRONG_PERSON)
def test_a_person_is_not_found_by_a_wrong_name_number_or_card(target, what):
    wrong = WRONG_PERSON[what]

    heard = target.home.ask("1101", ANHUI, raw.find(target.person(), **wrong))

    assert heard.refused or any(heard.warns_of(name) for name in wrong), heard


@pytest.mark.parametrize("what", ["name", "number"])
@pytest.mark.parametrize("code", ["2201", "2102"])
def test_a_visit_is_not_opened_or_paid_under_a_wrong_name_or_number(target, code, what):
    wrong, person = WRONG_PERSON[what], target.person()
    body = raw.register(person, **wrong) if code == "2201" else raw.drugs(person, **wrong)

    heard = (target.home if code == "2201" else target.pharmacy).ask(code, ANHUI, body)

    assert heard.refused or any(heard.warns_of(name) for name in wrong), heard


@pytest.mark.parametrize("code", ["2201", "2102"])
def test_a_certificate_of_another_person_is_refused(target, code):
    person, other = target.person(), target.person()
    wrong = {"mdtrt_cert_no": other}
    body = raw.register(person, **wrong) if code == "2201" else raw.drugs(person, **wrong)

    heard = (target.home if code == "2201" else target.pharmacy).ask(code, ANHUI, body)

    assert heard.refused or heard.warns_of("mdtrt_cert_no"), heard


def test_a_wrong_type_of_person_is_refused_or_warned_of(target):
    heard = target.pharmacy.ask("2102", ANHUI, raw.drugs(target.person(kind="1"), psn_type="15"))

    assert heard.refused or heard.warns_of("psn_type"), heard


PEOPLE = {"0": ("310", "11"), "1": ("310", "12"), "2": ("390", "15")}


@pytest.mark.parametrize("kind", PEOPLE)
def test_a_settlement_says_who_was_settled_for(target, kind):
    insurance, person_type = PEOPLE[kind]
    person = target.person(kind=kind)

    heard = target.pharmacy.ask("2102", ANHUI, raw.drugs(person, insutype=insurance))

    assert heard.done, heard
    said = heard.output["setlinfo"]
    assert (said["psn_no"], said["insutype"], said["psn_type"]) == (person, insurance, person_type)


@pytest.mark.parametrize("code", ["2102", "2207"])
def test_a_settlement_says_the_balance_that_is_left(target, code):
    person = target.person_with_account()
    if code == "2102":
        heard = target.pharmacy.ask("2102", ANHUI, raw.drugs(person))
    else:
        heard, _ = settled_with(target, person)

    [kept] = target.rows("34", "SELECT balance_fen FROM persons WHERE person = ?", person)
    assert heard.done, heard
    assert fen(heard.output["setlinfo"]["balc"]) == kept["balance_fen"] > 0


def test_nobody_is_said_to_be_of_no_age(target):
    """An age of 0 whoever asks is no answer: a real one, or none."""
    ages = set()
    for kind in PEOPLE:
        heard = target.home.ask("1101", ANHUI, raw.find(target.person(kind=kind)))
        assert heard.done, heard
        ages.add(heard.output["baseinfo"].get("age"))

    assert ages != {0}


def test_a_discharge_under_another_insurance_is_refused(target):
    person = target.person(kind="0")
    stay = target.admitted(person)
    body = raw.discharge(person, stay)
    body["dscginfo"]["insutype"] = "390"

    assert target.home.ask("2402", ANHUI, body).refused
    assert target.home.ask("2402", ANHUI, raw.discharge(person, stay)).done


@pytest.mark.parametrize("when", ["2024-03-01 09:00:00", "2025-03-13 09:00:00", "2099-03-13 09:00:00"])
@pytest.mark.parametrize("exact", [False, True], ids=["endtime", "ENDTIME_US"])
def test_a_stay_does_not_end_before_it_began_or_far_ahead(target, when, exact):
    person = target.person()
    stay = target.admitted(person)
    body = raw.discharge(person, stay)
    if exact:
        far_us = 10**15 if when > "2024-03-13" else -(10**15)
        body["dscginfo"]["exp_content"] = json.dumps({"ENDTIME_US": far_us})
    else:
        body["dscginfo"]["endtime"] = when

    assert target.home.ask("2402", ANHUI, body).refused
    assert [row["ended_us"] for row in target.rows("33", "SELECT * FROM visits WHERE visit = ?", stay)] == [0]


@pytest.mark.parametrize("field", ["etip_flag", "matn_fee_flag"])
@pytest.mark.parametrize("code", ["2204", "2301"])
def test_what_a_line_asks_for_and_nobody_does_is_named(target, code, field):
    person = target.person()
    visit = target.admitted(person) if code == "2301" else target.charged(person)

    heard = target.home.ask(code, ANHUI, raw.charges(raw.charge(person, visit, 7, **{field: "1"})))

    assert heard.refused or heard.warns_of(field), heard


def test_a_refund_takes_from_the_line_that_it_names_and_from_none_that_is_not_there(target):
    person = target.person()
    stay = target.admitted(person)

    def refund(number, of):
        line = raw.charge(person, stay, number, "-40.00", init_feedetl_sn=of)
        return target.home.ask("2301", ANHUI, raw.charges(line))

    assert refund(7, "999").refused
    assert not refund(8, "1").refused


def test_nothing_stays_open(target):
    target.assert_sound()
