"""Statements that are missing, late, doubled or out of order: a named class, or one clear error."""

from __future__ import annotations

from datetime import date
from itertools import permutations

import polars as pl
import pytest
from support.statements import DAYS, frame, row

from reference_impl.accounting.statements import Received, Side, StatementError, read_statements, take_in
from reference_impl.domain.differences import DifferenceClass as Kind
from reference_impl.domain.working_days import nation

IN_TIME, LATE = date(2024, 3, 13), date(2024, 3, 18)
EXPECTED = [(Side.CARE, DAYS[1]), (Side.HUB, DAYS[1]), (Side.INSURED, DAYS[1])]


def came(side, *, received=IN_TIME, **changes):
    return Received(side, DAYS[1], received, frame(row(side, **changes)))


ALL = [came(side) for side, _ in EXPECTED]
STORIES = {
    "all in time": (ALL, []),
    "one missing": (ALL[:2], [(Kind.STATEMENT_MISSING, Side.INSURED)]),
    "one late": ([*ALL[:2], came(Side.INSURED, received=LATE)], [(Kind.STATEMENT_LATE, Side.INSURED)]),
    "one twice": ([*ALL, came(Side.HUB)], [(Kind.STATEMENT_REPEATED, Side.HUB)]),
    "one again, late": ([*ALL, came(Side.HUB, received=LATE)], [(Kind.STATEMENT_REPEATED, Side.HUB)]),
    "none": ([], [(Kind.STATEMENT_MISSING, side) for side, _ in EXPECTED]),
}


@pytest.mark.parametrize("story", STORIES)
def test_every_statement_counts_once_and_what_is_wrong_has_a_class(story):
    statements, classes = STORIES[story]

    rows, problems = take_in(statements, EXPECTED, nation())

    assert [(one.kind, one.side) for one in problems] == classes
    assert rows.height == len({one.side for one in statements})


def test_the_order_in_which_they_come_changes_nothing():
    statements = [*ALL, came(Side.HUB, received=LATE)]

    results = [take_in(order, EXPECTED, nation()) for order in permutations(statements)]

    assert len({rows.write_csv() for rows, _ in results}) == 1
    assert len({problems for _, problems in results}) == 1


def test_a_day_stated_twice_and_otherwise_is_refused():
    with pytest.raises(StatementError, match=r"statement of hub for 20240312 came twice with different rows"):
        take_in([*ALL, came(Side.HUB, fund_fen=1)], EXPECTED, nation())


@pytest.mark.parametrize("foreign", [row(Side.HUB, day=DAYS[2]), row(Side.CARE)], ids=["day", "side"])
def test_rows_of_another_day_or_side_are_refused(foreign):
    with pytest.raises(StatementError, match=r"expected its own rows alone"):
        take_in([came(Side.HUB)._replace(rows=frame(foreign))], EXPECTED, nation())


def test_a_file_that_is_none_and_one_without_a_column_are_refused(tmp_path):
    (tmp_path / "text.parquet").write_text("no parquet")
    frame(row(Side.HUB)).drop("sign").write_parquet(tmp_path / "short.parquet")

    with pytest.raises(StatementError, match=r"cannot read statements"):
        read_statements(tmp_path / "text.parquet")
    with pytest.raises(StatementError, match=r"column 'sign' is missing"):
        read_statements(tmp_path / "short.parquet")


def test_a_file_is_read_as_it_was_written(tmp_path):
    kept = frame(row(Side.HUB))
    kept.with_columns(more=pl.lit(1)).write_parquet(tmp_path / "whole.parquet")

    assert read_statements(tmp_path / "whole.parquet").equals(kept)


def test_a_file_from_before_care_types_were_stated_is_of_ordinary_care(tmp_path):
    kept = frame(row(Side.HUB))
    kept.drop("care_type").write_parquet(tmp_path / "old.parquet")

    assert read_statements(tmp_path / "old.parquet").equals(kept)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sign": 0}, "has sign 0"),
        ({"sign": 2}, "has sign 2"),
        ({"sign": -1}, "has sign -1 and a bill of 10000 fen"),
        ({"total_fen": -10_000}, "has sign 1 and a bill of -10000 fen"),
        ({"fund_fen": None}, "column 'fund_fen' is empty"),
        ({"insured": None}, "column 'insured' is empty"),
        ({"care_type": "dental"}, "has care_type 'dental'; expected one of ordinary, emergency"),
    ],
)
def test_a_row_without_a_value_or_with_a_sign_that_is_not_its_bills_is_refused(tmp_path, change, said):
    rows = frame(row(Side.CARE) | change)
    rows.write_parquet(tmp_path / "s.parquet")

    with pytest.raises(StatementError, match=said):
        read_statements(tmp_path / "s.parquet")
    with pytest.raises(StatementError, match=said):
        take_in([Received(Side.CARE, DAYS[1], date(2024, 3, 13), rows)], [], nation())


def test_the_very_same_statement_handed_in_twice_is_a_repeated_one():
    one = Received(Side.CARE, DAYS[1], date(2024, 3, 13), frame(row(Side.CARE)))

    rows, problems = take_in([one, one], [(Side.CARE, DAYS[1])], nation())

    assert (rows.height, [p.kind for p in problems]) == (1, [Kind.STATEMENT_REPEATED])
