"""Money after audit: back to the insured place by clearing, to the fen and once; penalties stay. Law 23 and its bugs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.accounting.clearing import ITEMS, clear
from reference_impl.accounting.laws import balances_are_sums, nets_cancel
from reference_impl.domain.clearing import Obligation, Period, clearing_legs, payment_legs
from reference_impl.domain.failures import InputError
from reference_impl.supervision.recoveries import (
    RECOVERIES,
    money_after_audit,
    penalty_legs,
    read_recoveries,
    recovery_items,
    recovery_legs,
)

MARCH, APRIL = Period(2024, 3), Period(2024, 4)


def items(*owed: tuple[str, str, str, int], day: int = 20240313) -> pl.DataFrame:
    rows = [
        {"settlement": name, "sign": 1, "booked_on": day, "day": day, "institution": f"H{care}", "insured": insured,
         "care": care, "code": "2304", "total_fen": 2 * fen, "owed_fen": fen}
        for name, insured, care, fen in owed
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=dict(ITEMS))


def recoveries(*decided: tuple[str, str, str, int, int], day: int = 20240402) -> pl.DataFrame:
    rows = [(name, f"H{care}", care, insured, day, back, kept) for name, insured, care, back, kept in decided]
    return pl.DataFrame(rows, schema=dict(RECOVERIES), orient="row")


BOOKED = items(("A", "34", "33", 700), ("B", "34", "31", 300), ("C", "33", "33", 50))
DECIDED = recoveries(("A", "34", "33", 200, 60), ("B", "34", "31", 300, 0))


def test_what_is_asked_back_is_cleared_with_the_month_of_the_decision():
    whole = pl.concat([BOOKED, recovery_items(DECIDED, BOOKED)])

    march = clear(whole, MARCH)
    april = clear(whole, APRIL, cleared=march.items)

    assert march.nets == {"31": 300, "33": 700, "34": -1000}
    assert april.obligations == (Obligation("34", "31", -300), Obligation("34", "33", -200))
    assert april.nets == {"31": -300, "33": -200, "34": 500}
    assert [*money_after_audit(DECIDED, whole), *nets_cancel(april.obligations, april.nets)] == []


def test_what_was_treated_at_home_and_a_penalty_alone_are_no_business_between_provinces():
    decided = recoveries(("C", "33", "33", 20, 5), ("A", "34", "33", 0, 60))

    assert recovery_items(decided, BOOKED).height == 0
    assert [*money_after_audit(decided, BOOKED)] == []


def paid_by(amounts: list[tuple[int, int, int]]) -> list[tuple[tuple[str, int], ...]]:
    """The legs of settlements, of their audit, of both clearings and payments."""
    legs: list[tuple[tuple[str, int], ...]] = []
    for owed, back, kept in amounts:
        legs += [(("34:fund", owed), ("34:owed:33", -owed)), recovery_legs(Obligation("34", "33", back))]
        legs += [penalty_legs("33", kept)]
    for fen in (sum(owed for owed, _, _ in amounts), -sum(back for _, back, _ in amounts)):
        legs += [clearing_legs(Obligation("34", "33", fen)), payment_legs(Obligation("34", "33", fen))]
    return legs


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**4), st.integers(0, 10**9)), max_size=20))
def test_the_books_close_to_the_fen(drawn):
    amounts = [(owed, owed * share // 10**4, kept) for owed, share, kept in drawn]
    postings = paid_by(amounts)
    accounts: dict[str, int] = {}
    for legs in postings:
        for account, fen in legs:
            accounts[account] = accounts.get(account, 0) + fen

    assert [*balances_are_sums(accounts, postings)] == []
    owed, back, kept = (sum(one[n] for one in amounts) for n in range(3))
    assert accounts.get("34:owed:33", 0) == accounts.get("34:payable:33", 0) == accounts.get("33:receivable:34", 0) == 0
    assert -accounts.get("34:fiscal", 0) == accounts.get("33:fiscal", 0) == owed - back
    assert -accounts.get("33:due:hospitals", 0) == owed - back - kept
    assert -accounts.get("33:penalties", 0) == kept


shares = st.lists(
    st.tuples(st.integers(1, 10**9), st.integers(0, 10**4), st.integers(0, 10**6)), min_size=1, max_size=15
)


@given(shares)
def test_every_recovery_that_was_decided_keeps_law_23(drawn):
    booked = items(*((str(n), "34", "33", owed) for n, (owed, _, _) in enumerate(drawn)))
    decided = recoveries(
        *((str(n), "34", "33", owed * share // 10**4, kept) for n, (owed, share, kept) in enumerate(drawn))
    )

    assert [*money_after_audit(decided, pl.concat([booked, recovery_items(decided, booked)]))] == []


def penalty_goes_home(made: pl.DataFrame) -> pl.DataFrame:
    return made.with_columns(owed_fen=pl.when(pl.col("settlement") == "A").then(-260).otherwise("owed_fen"))


def goes_to_another_place(made: pl.DataFrame) -> pl.DataFrame:
    return made.with_columns(insured=pl.when(pl.col("settlement") == "A").then(pl.lit("31")).otherwise("insured"))


def goes_back_twice(made: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([made, made.head(1)])


def never_goes_back(made: pl.DataFrame) -> pl.DataFrame:
    return made.filter(pl.col("settlement") != "A")


def goes_back_undecided(made: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([made, made.head(1).with_columns(settlement=pl.lit("D"))])


BUGS: list[tuple[Callable[[pl.DataFrame], pl.DataFrame], str]] = [
    (penalty_goes_home, "260 fen go back"),
    (goes_to_another_place, "31 gets 200 fen from 33 beside"),
    (goes_back_twice, "400 fen go back"),
    (never_goes_back, "0 fen go back"),
    (goes_back_undecided, "200 fen go back undecided"),
]


@pytest.mark.parametrize(("bug", "told"), BUGS, ids=lambda one: getattr(one, "__name__", ""))
def test_planted_bugs_break_law_23(bug, told):
    made = bug(recovery_items(DECIDED, BOOKED))

    found = [breach.detail for breach in money_after_audit(DECIDED, pl.concat([BOOKED, made]))]

    assert any(told in detail for detail in found), found


def test_more_than_was_owed_breaks_law_23_whoever_let_it_through():
    decided = recoveries(("A", "34", "33", 701, 0))
    made = (
        recovery_items(DECIDED, BOOKED)
        .filter(pl.col("settlement") == "A")
        .with_columns(owed_fen=pl.lit(-701, pl.Int64))
    )

    [breach] = money_after_audit(decided, pl.concat([BOOKED, made]))

    assert breach.detail == "settlement A: 701 fen are asked back, 700 fen were owed"


WRONG = [
    (recoveries(("Z", "34", "33", 1, 0)), "settlement Z: it is in no statement of the insurer"),
    (recoveries(("A", "34", "33", 701, 0)), "is to give back more than was owed"),
    (recoveries(("A", "34", "33", 1, 0), day=20240312), "was decided on before it was settled"),
]


@pytest.mark.parametrize(("decided", "told"), WRONG)
def test_recoveries_of_other_books_are_refused(decided, told):
    with pytest.raises(InputError, match=told):
        recovery_items(decided, BOOKED)


def test_a_file_comes_back_as_it_was_written(tmp_path):
    DECIDED.write_csv(tmp_path / "r.csv")

    assert read_recoveries(tmp_path / "r.csv").equals(DECIDED)


def written(**changes: Any) -> str:
    row = {"settlement": "A", "institution": "H", "care": "33", "insured": "34", "decided_on": "20240402",
           "recover_fen": "1", "penalty_fen": "0"} | changes  # fmt: skip
    return ",".join(row) + "\n" + ",".join(row.values()) + "\n"


BAD_FILES = [
    (written(recover_fen="-1"), "has an amount below 0"),
    (written(recover_fen=""), "column 'recover_fen' is empty"),
    (written(recover_fen="1.5"), "cannot read recoveries"),
    (written(decided_on="20240230"), "business day 20240230 is no date"),
    (written() + written().splitlines()[1] + "\n", "stands twice"),
    ("settlement,day\nA,1\n", "has columns settlement, day; expected settlement, institution"),
]


@pytest.mark.parametrize(("text", "told"), BAD_FILES)
def test_a_wrong_file_is_refused(tmp_path, text, told):
    (tmp_path / "r.csv").write_text(text)

    with pytest.raises(InputError, match=told):
        read_recoveries(tmp_path / "r.csv")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read recoveries"):
        read_recoveries(tmp_path / "none.csv")
