"""Clearing nets to zero, takes a row once, gives the same bytes again, closes a month once, and corrects in the next."""

from __future__ import annotations

from datetime import date
from threading import Thread

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.statements import PROVINCES, everywhere, frame, of, refund, row

from reference_impl.accounting import clearing as room
from reference_impl.accounting.clearing import ITEMS, ClearingError, ClosedMonths, clear, items_of
from reference_impl.accounting.declarations import DETAIL_PAGE, accounts_of, declarations_of, details_of, pages
from reference_impl.accounting.month_rows import OLD_NAMES, MonthRow, MonthRows, month_rows
from reference_impl.accounting.payments import Stage, against_fiscal_account, payments_of, progress
from reference_impl.accounting.pilot import pilot
from reference_impl.accounting.reconciliation import closing_entries, reconcile
from reference_impl.accounting.statements import Side, StatementError
from reference_impl.domain.clearing import ORDER, ClearingState, Obligation, Period
from reference_impl.domain.failures import InputError
from reference_impl.domain.working_days import nation

MARCH, APRIL = Period(2024, 3), Period(2024, 4)


def item(settlement="A1", **changes):
    made = {
        "settlement": settlement, "sign": 1, "booked_on": 20240312, "day": 20240312, "institution": "H33040000001",
        "insured": "34", "care": "33", "code": "2304", "total_fen": 10_000, "owed_fen": 7_000,
        "care_type": "ordinary",
    }  # fmt: skip
    return made | changes


def items(*rows):
    return pl.DataFrame(list(rows), schema=dict(ITEMS))


def test_a_month_takes_what_is_due_and_not_cleared_and_leaves_what_is_held_back():
    march = clear(items(item("A1"), item("A2"), item("A3", booked_on=20240401)), MARCH, held_back=["A2"])

    assert march.items["settlement"].to_list() == ["A1"]
    assert march.held_back == 1
    assert march.obligations == (Obligation("34", "33", 7_000),)


def test_a_refund_after_its_month_is_cleared_enters_the_next():
    every = items(item("A1"), item("A1", sign=-1, booked_on=20240402, total_fen=-10_000, owed_fen=-7_000))
    march = clear(every, MARCH)
    april = clear(every, APRIL, cleared=march.items)

    assert [one.amount_fen for one in (*march.obligations, *april.obligations)] == [7_000, -7_000]
    assert [(p.payer, p.payee, p.amount_fen) for p in payments_of(april)] == [("33", "34", 7_000)]


def test_what_was_held_back_is_late_in_the_next_month_and_overdue_after_two():
    june = clear(items(item("A1")), Period(2024, 6))

    assert clear(items(item("A1")), APRIL).late == 1
    assert clear(items(item("A1")), APRIL).overdue == 0
    assert june.overdue == 1


def test_an_empty_month_clears_to_zero():
    empty = clear(items(), MARCH)

    assert empty.obligations == ()
    assert empty.nets == {}
    assert b'"net_sum_fen": 0' in empty.summary()


@given(st.randoms(use_true_random=False))
def test_the_same_items_in_any_order_give_the_same_bytes(rng):
    rows = [item(f"A{n}", owed_fen=n * 13, care=PROVINCES[n % 3]) for n in range(12)]
    again = list(rows)
    rng.shuffle(again)
    first, second = clear(items(*rows), MARCH), clear(items(*again), MARCH)

    assert first.summary() == second.summary()
    assert first.items.write_csv() == second.items.write_csv()


def test_months_partition_the_items_whatever_comes_late(tmp_path):
    """Every row is in exactly one month, and the months' nets add up to those of everything."""
    early = [item(f"A{n}", booked_on=20240300 + n % 28 + 1, owed_fen=n) for n in range(40)]
    late = [item(f"L{n}", booked_on=20240315, day=20240315, owed_fen=100 + n) for n in range(5)]
    months = ClosedMonths(tmp_path)

    months.close(clear(items(*early), MARCH))
    months.close(clear(items(*early, *late), APRIL, cleared=months.items()))

    assert sorted(months.items()["settlement"]) == sorted(row["settlement"] for row in [*early, *late])
    assert months.items()["owed_fen"].sum() == sum(row["owed_fen"] for row in [*early, *late])


def test_a_month_is_closed_once_and_none_before_it(tmp_path):
    months = ClosedMonths(tmp_path)
    folder = months.close(clear(items(item()), MARCH))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    with pytest.raises(ClearingError, match="month 202403 is closed already"):
        months.close(clear(items(), MARCH))
    with pytest.raises(ClearingError, match="month 202402 comes before 202403"):
        months.close(clear(items(), Period(2024, 2)))

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_no_month_is_left_out_after_the_last_closed_one_or_before_the_first(tmp_path):
    months = ClosedMonths(tmp_path / "closed")
    with pytest.raises(ClearingError, match=r"month 202404 leaves out what was booked on 20240312.*clear 202403 first"):
        months.refuse_items(APRIL, items(item()))
    months.close(clear(items(item()), MARCH))

    with pytest.raises(ClearingError, match="month 202405 leaves out 202404"):
        months.close(clear(items(), Period(2024, 5)))


def spoil_nothing_left(folder):
    (folder / "items.csv").unlink()


def spoil_a_torn_list(folder):
    text = (folder / "items.csv").read_text().splitlines(keepends=True)
    (folder / "items.csv").write_text("".join(text[:-1]))


def spoil_another_list(folder):
    (folder / "items.csv").write_text("a,b\n1,2\n")


def spoil_an_amount(folder):
    (folder / "items.csv").write_text((folder / "items.csv").read_text().replace("7000", "7001"))


def spoil_the_summary(folder):
    (folder / "clearing.json").write_text("[]")


@pytest.mark.parametrize(
    "spoil", [spoil_nothing_left, spoil_a_torn_list, spoil_another_list, spoil_an_amount, spoil_the_summary]
)
def test_a_closed_month_that_is_not_as_it_was_written_is_refused_and_never_cleared_again(tmp_path, spoil):
    months = ClosedMonths(tmp_path)
    spoil(months.close(clear(items(item("A1"), item("A2")), MARCH)))

    with pytest.raises(ClearingError, match="202403 is not as a clearing wrote it"):
        months.items()


def test_months_of_another_run_are_refused(tmp_path):
    months = ClosedMonths(tmp_path)
    months.close(clear(items(item("A1")), MARCH))

    months.refuse_items(APRIL, items(item("A1"), item("A2")))
    for other in (item("B1"), item("A1", owed_fen=6_999)):
        with pytest.raises(ClearingError, match="hold settlement A1, which these statements do not state so"):
            months.refuse_items(APRIL, items(other))


def test_a_folder_that_is_a_file_or_holds_one_of_the_months_name_is_one_error(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "months").mkdir()
    (tmp_path / "months" / "202403").write_text("")

    for folder in (tmp_path / "file", tmp_path / "months"):
        with pytest.raises(ClearingError, match="cannot close month 202403 there"):
            ClosedMonths(folder).close(clear(items(item()), MARCH))


def test_two_that_close_a_month_at_once_leave_it_whole_and_one_is_refused(tmp_path, monkeypatch):
    """The second one comes while the first has written half: it waits, and finds the month closed."""
    written, second = room.Clearing.summary, []

    def slow(clearing):
        if not second:
            second.append(Thread(target=close_too))
            second[0].start()
            second[0].join(0.3)
        return written(clearing)

    said: list[str] = []

    def close_too():
        try:
            ClosedMonths(tmp_path).close(clear(items(item()), MARCH))
        except ClearingError as error:
            said.append(str(error))

    monkeypatch.setattr(room.Clearing, "summary", slow)
    folder = ClosedMonths(tmp_path).close(clear(items(item()), MARCH))
    second[0].join()

    assert sorted(path.name for path in folder.iterdir()) == ["clearing.json", "items.csv"]
    assert [path.name for path in tmp_path.iterdir()] == ["202403"]
    assert len(said) == 1
    assert "month 202403 is closed already" in said[0]


def test_killed_halfway_it_closes_nothing_and_the_next_try_gives_the_same_bytes(tmp_path, monkeypatch):
    whole = ClosedMonths(tmp_path / "whole").close(clear(items(item()), MARCH))
    months = ClosedMonths(tmp_path / "killed")

    def killed(_self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(room.Clearing, "summary", killed)
        with pytest.raises(KeyboardInterrupt):
            months.close(clear(items(item()), MARCH))
    assert months.periods() == []
    assert months.items().height == 0

    again = months.close(clear(items(item()), MARCH))

    assert {p.name: p.read_bytes() for p in again.iterdir()} == {p.name: p.read_bytes() for p in whole.iterdir()}


def test_corrections_of_a_reconciliation_are_items_of_the_month_they_are_booked_in():
    book = everywhere(day=20240329)
    for side in (Side.HOSPITAL, Side.CARE, Side.HUB):
        book[side].append(refund(book[side][0]))
    statements = of(book)
    entries = closing_entries(statements, reconcile(statements, nation()), date(2024, 4, 1))

    found = items_of(statements, entries)

    assert found.select("booked_on", "owed_fen").sort("booked_on").rows() == [(20240329, 7_000), (20240401, -7_000)]


def test_business_within_a_province_is_never_cleared_and_a_row_without_a_place_is_refused():
    assert items_of(frame(row(Side.INSURED, care="34"))).height == 0
    for places in ({"care": ""}, {"care": "", "insured": ""}, {"care": None}):
        with pytest.raises(StatementError, match="no province of care or of the insurer"):
            items_of(frame(row(Side.INSURED, **places)))


# --- states, declarations, rows ---------------------------------------------------------------------------------------


def test_a_declaration_goes_to_paid_by_every_state_and_by_no_shortcut():
    [declared] = declarations_of(clear(items(item()), MARCH))
    for state in ORDER[1:]:
        declared = declared.moved(state)

    assert declared.clr_stas is ClearingState.PAID
    with pytest.raises(ClearingError, match=r"is in state 60; got 10, expected none"):
        declared.moved(ClearingState.DECLARED)


def test_due_declared_paid_and_unpaid_of_an_institution():
    cleared = clear(items(item("A1"), item("A2", insured="11"), item("B1", code="2102")), MARCH)
    first, second, third = declarations_of(cleared)
    paid = first
    for state in ORDER[1:]:
        paid = paid.moved(state)

    accounts = accounts_of(cleared.items, [paid, second.moved(ClearingState.DECLARED), third])

    shown = {one.clr_type: one[3:] for one in accounts}
    assert shown == {"99968": (14_000, 7_000, 7_000, 7_000), "9974": (7_000, 7_000, 0, 7_000)}
    assert pages([first, second, third], 2, size=2) == [third]


def test_an_institution_declares_what_is_cleared_apart_apart():
    cleared = clear(items(item("A1", code="2207"), item("A2", code="2207", care_type="chronic")), MARCH)

    assert [one.clr_type for one in declarations_of(cleared)] == ["9987", "99963"]
    assert [one.clr_type for one in accounts_of(cleared.items, [])] == ["9987", "99963"]


def test_a_month_that_was_closed_before_care_types_were_stated_is_of_ordinary_care(tmp_path):
    months = ClosedMonths(tmp_path)
    folder = months.close(clear(items(item("A1"), item("A2")), MARCH))
    whole = pl.read_csv(folder / "items.csv", infer_schema=False)
    whole.drop("care_type").write_csv(folder / "items.csv")

    months.refuse_items(APRIL, items(item("A1"), item("A2"), item("A3", care_type="chronic")))
    with pytest.raises(ClearingError, match="hold settlement A1, which these statements do not state so"):
        months.refuse_items(APRIL, items(item("A1", care_type="chronic"), item("A2")))


def test_the_details_of_a_declaration_add_up_to_it_page_by_page():
    many = [item(f"A{n:04}", owed_fen=n) for n in range(1_500)]
    cleared = clear(items(*many, item("B", institution="H2")), MARCH)
    declared = declarations_of(cleared)[-1]

    details = details_of(declared, cleared)

    first, second, third = (pages(details, number, DETAIL_PAGE) for number in (1, 2, 3))
    assert [len(first), len(second), len(third)] == [1_000, 500, 0]
    assert sum(one.fund_pay_sumamt_fen for one in details) == declared.fund_pay_sumamt_fen
    assert len(details) == declared.clr_psntime


def rows_of(count):
    made = [MonthRow(n, "33", "H1", "", f"V{n}", "20240312", f"A{n}", "0", 10_000, 7_000) for n in range(1, count + 1)]
    return MonthRows("H1", MARCH, tuple(made))


def test_a_hospital_pages_through_its_month_a_hundred_rows_at_a_time():
    month = rows_of(230)
    pages_ = [month.page(start) for start in (1, 101, 201)]

    assert [len(page.rows) for page in pages_] == [100, 100, 30]
    assert {page.totalrow for page in pages_} == {230}
    assert len(OLD_NAMES) == len(MonthRow._fields)


def test_a_confirmed_month_is_fetched_again_only_after_it_is_withdrawn():
    month = rows_of(2).confirm("T1", {"A1": True, "A2": False})

    assert month.confirmed
    assert month.not_in_this == {"A2"}
    with pytest.raises(ClearingError, match="is confirmed; withdraw"):
        month.page(1)
    assert month.withdraw("0").page(1).totalrow == 2
    assert not month.withdraw("T1").said


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda month: month.confirm("T2", {"A9": True}), "has no settlement A9"),
        (lambda month: month.confirm("T2", {"A1": True}), "A1 was confirmed by T1"),
        (lambda month: month.withdraw("T9"), "has no confirmation T9"),
        (lambda month: month.page(0), "row 0 asked for"),
        (lambda month: month.page(4), "row 4 asked for"),
        (lambda month: month.page(1, size=101), "101 rows asked for"),
    ],
)
def test_what_a_month_refuses_it_refuses_by_name(act, said):
    month = rows_of(3).confirm("T1", {"A1": True})

    with pytest.raises(ClearingError, match=said):
        act(month)


def test_rows_of_a_month_are_what_of_the_institution_is_to_be_cleared_then():
    statements = frame(row(Side.INSURED, "A1"), row(Side.INSURED, "A2", institution="H2"))

    month = month_rows(items_of(statements), statements, "H33040000001", MARCH)

    assert [(one.seqno, one.setl_sn, one.mdtrt_id, one.optins_pay_sumamt_fen) for one in month.rows] == [
        (1, "A1", "VA1", 7_000)
    ]


# --- payments, pilot --------------------------------------------------------------------------------------------------


def test_books_and_fiscal_account_differ_where_a_payment_is_missing_on_one_side():
    first, second = payments_of(clear(items(item("A1"), item("A2", insured="11")), MARCH))
    paid = [first.moved(Stage.PAID), second]

    assert against_fiscal_account(paid, {first.notice: 7_000}) == {}
    assert against_fiscal_account(paid, {first.notice: 6_999, "X": 5}) == {first.notice: (7_000, 6_999), "X": (0, 5)}
    with pytest.raises(InputError, match="is approved; got received, expected paid"):
        second.moved(Stage.RECEIVED)
    with pytest.raises(InputError, match="expected nothing more"):
        first.moved(Stage.PAID).moved(Stage.RECEIVED).moved(Stage.RECEIVED)


def test_pilot_2017_comes_out_as_its_source_tells_it():
    made = pilot()

    assert {name: (one.items, one.amount_fen / 1e8) for name, one in made.prefund.items()} == {
        "approved": (580, 418.33),
        "paid": (464, 353.65),
        "received": (333, 306.47),
    }
    assert [(len(one.nets), sum(o.amount_fen for o in one.obligations)) for one in made.months] == [
        (13, 40_730_000),
        (21, 50_930_000),
        (18, 73_660_000),
    ]
    assert all(sum(one.nets.values()) == 0 for one in made.months)
    assert (made.stays, round(made.fund_e4 / 100, 1)) == (482, 71.5)
    assert progress([])[Stage.PAID] == (0, 0)
