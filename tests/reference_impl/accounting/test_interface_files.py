"""3201 and 3202: totals and details as an institution sends them, and what the centre answers."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.statements import DAYS, frame, refund, row

from reference_impl.accounting.detail_file import (
    AnswerRow,
    DetailRow,
    answer_details,
    details_of,
    read_file,
    write_answers,
    write_details,
)
from reference_impl.accounting.statements import Side, StatementError
from reference_impl.accounting.totals import StmtResult, answer_totals, totals_of
from reference_impl.domain.care_types import CLEARING_TYPES
from reference_impl.domain.money import parse_yuan
from reference_impl.wire.bindings import load_bindings
from reference_impl.wire.tables import load_tables

HOSPITAL = "H33040000001"
MARCH = (DAYS[0], DAYS[-1])


def packed(text: str, members: int = 1) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for number in range(members):
            archive.writestr(f"{number}.txt", text)
    return data.getvalue()


def detail(settlement: str = "A1", **changes) -> DetailRow:
    return DetailRow(settlement, f"V{settlement}", "P1", 10_000, 7_000, 0, "0")._replace(**changes)


ids = st.text("AHSP0123456789", min_size=1, max_size=30)
details = st.builds(
    lambda sn, visit, fen, fund, *, refunded: DetailRow(
        sn, visit, "", -fen if refunded else fen, -fund if refunded else fund, 0, "1" if refunded else "0"
    ),
    ids,
    ids,
    st.integers(1, 10**10),
    st.integers(0, 10**10),
    refunded=st.booleans(),
)


@given(st.lists(details, max_size=20))
def test_a_file_is_read_back_as_it_was_written(rows):
    assert read_file(write_details(rows)) == rows
    assert write_details(rows) == write_details(rows)


LINE = "A1\tV1\tP1\t100.00\t70.00\t0.00\t0\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"no zip", "cannot be unpacked"),
        (packed(LINE, members=2), "holds 2 files"),
        (packed("A1\tV1\n"), "line 1: got 2 fields, expected 7"),
        (packed(LINE + LINE.replace("100.00", "a lot")), "line 2: amount in yuan: got 'a lot'"),
        (packed(LINE.replace("100.00", "100.005")), "at most 2 decimal places"),
        (packed(LINE.replace("A1", "null", 1)), "setl_id is empty"),
        (packed(LINE.replace("\t0\n", "\t2\n")), "refd_setl_flag is '2'"),
        (packed(LINE.replace("\t0\n", "\t1\n")), "expected a refund below 0"),
        (packed(LINE + "\n"), "line 2: got 1 fields"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_is_none_is_refused_whole_naming_the_line(data, said):
    with pytest.raises(StatementError, match=said):
        read_file(data)


def test_empty_fields_are_the_word_null():
    with zipfile.ZipFile(io.BytesIO(write_details([detail(psn_no="")]))) as archive:
        [name] = archive.namelist()
        assert archive.read(name) == b"A1\tVA1\tnull\t100.00\t70.00\t0.00\t0\n"


STORIES = {
    "balanced": ([detail()], [(detail(), "M1")], [("A1", "0", "M1", "")]),
    "only the hospital": ([detail()], [], [("A1", "1", "", "not known here")]),
    "only the centre": ([], [(detail(), "M1")], [("A1", "1", "M1", "only here")]),
    "other fund": (
        [detail()],
        [(detail(fund_pay_sumamt_fen=1), "M1")],
        [("A1", "1", "M1", "fund_pay_sumamt_fen 0.01 here")],
    ),
    "several fit": ([detail()], [(detail(), "M1"), (detail(), "M2")], [("", "1", "", "2 rows here fit")]),
    "sent twice": (
        [detail(), detail()],
        [(detail(), "M1")],
        [("A1", "0", "M1", ""), ("A1", "1", "", "sent more than once")],
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_the_centre_answers_every_row_once(story):
    sent, known, expected = STORIES[story]

    answers = answer_details(sent, known)

    assert sorted((one.setl_id, one.stmt_rslt, one.msgid, one.memo) for one in answers) == sorted(expected)
    assert write_answers(answers) == write_answers(answer_details(reversed(sent), reversed(known)))


def test_an_answer_has_the_fields_of_the_interface():
    assert AnswerRow._fields[:7] == ("psn_no", "mdtrt_id", "setl_id", "msgid", "stmt_rslt", "refd_setl_flag", "memo")


def test_a_refund_is_a_row_beside_the_one_it_takes_back():
    one = row(Side.HOSPITAL)

    rows = details_of(frame(refund(one), one), {"A1": "P1"})

    assert [(r.medfee_sumamt_fen, r.refd_setl_flag) for r in rows] == [(10_000, "0"), (-10_000, "1")]


def test_totals_agree_or_say_which_figure_differs():
    hospital = frame(row(Side.HOSPITAL, "A1"), row(Side.HOSPITAL, "A2", fund_fen=7_001))
    centre = frame(row(Side.CARE, "A1"), row(Side.CARE, "A2"))
    asked = (HOSPITAL, "99968", "34", MARCH)

    good = answer_totals(totals_of(centre, *asked), centre)
    bad = answer_totals(totals_of(hospital, *asked), centre)

    assert good.stmt_rslt is StmtResult.BALANCED
    assert bad == (StmtResult.UNBALANCED, "fund_pay_sumamt_fen stated 14001, here 14000")


def test_totals_with_refunds_and_without_are_two_figures():
    gone = row(Side.CARE, "A2")
    centre = frame(row(Side.CARE, "A1"), gone, refund(gone, total_fen=-9_999))

    with_them = totals_of(centre, HOSPITAL, "99968", "34", MARCH)
    without = totals_of(centre, HOSPITAL, "99968", "34", MARCH, refunds=False)

    assert (with_them.medfee_sumamt_fen, with_them.fixmedins_setl_cnt) == (10_001, 1)
    assert (without.medfee_sumamt_fen, without.fixmedins_setl_cnt) == (10_000, 1)


CLEARED_AS = {
    "an outpatient from elsewhere": ("99963", {"code": "2207"}),
    "an emergency from elsewhere": ("99963", {"code": "2207", "care_type": "emergency"}),
    "a chronic disease from elsewhere": ("9987", {"code": "2207", "care_type": "chronic"}),
    "a chronic disease at home": ("14", {"code": "2207", "care_type": "chronic", "insured": "33"}),
    "a follow-up by internet from elsewhere": ("99963", {"code": "2207", "care_type": "internet"}),
    "special drugs at home": ("18", {"code": "2102", "care_type": "special_drugs", "insured": "33"}),
    "special drugs from elsewhere": ("9974", {"code": "2102", "care_type": "special_drugs"}),
    "a sale at home": ("41", {"code": "2102", "insured": "33"}),
    "a stay at home": ("21", {"insured": "33"}),
}


@pytest.mark.parametrize(("clr_type", "changes"), CLEARED_AS.values(), ids=[*CLEARED_AS])
def test_totals_are_of_what_is_cleared_as_the_type_that_they_state(clr_type, changes):
    centre = frame(row(Side.CARE, **changes), row(Side.CARE, "A2", code=""))
    insured = centre["insured"][0]
    every = {*CLEARING_TYPES.values()}

    counted = {one: totals_of(centre, HOSPITAL, one, insured, MARCH).fixmedins_setl_cnt for one in every}

    assert {one for one, count in counted.items() if count} == {clr_type}


def test_whose_sides_say_other_care_types_states_other_totals():
    hospital = frame(row(Side.HOSPITAL, code="2207", care_type="chronic"))
    centre = frame(row(Side.CARE, code="2207"))

    stated = totals_of(hospital, HOSPITAL, "9987", "34", MARCH)

    assert answer_totals(stated, centre).stmt_rslt is StmtResult.UNBALANCED


def test_a_settlement_is_cleared_as_the_type_that_its_reply_said():
    """The reply to a hospital writes clr_type by a dictionary of the wire: both are one."""
    assert dict(CLEARING_TYPES) == load_bindings(load_tables()).dictionaries["clearing"]


def test_totals_of_days_that_run_backwards_are_refused():
    with pytest.raises(StatementError, match="expected stmt_begndate not after stmt_enddate"):
        totals_of(frame(), HOSPITAL, "99968", "34", (DAYS[1], DAYS[0]))


def test_nanyang_january_2024_cash_is_what_bill_fund_and_account_leave():
    """A real answer to 3201 (FOUND, domain facts GD3)."""
    medfee, fund, account = (parse_yuan(text) for text in ("8958.23", "1819.04", "388.23"))

    assert medfee - fund - account == parse_yuan("6750.96")
