"""A catalogue by date: each row on its days, no day twice, and a charge is split by the rows of its day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.catalogue import DatedCatalogue, OverlapError, is_dated
from reference_impl.domain.fees import REASON_UNKNOWN, CatalogueItem, FeeLine, price_lines

LINE = FeeLine("1", "X", 10_000, 1_000_000_000, 100_000)


def row(first=0, last=99_999_999, item="X", **changes):
    return CatalogueItem(item, "02", 9, self_pay_e4=1_000, valid_from=first, valid_until=last, **changes)


STORY = """
    day        in scope  why
    20230531          0  item is not in the catalogue of the place of care
    20230601      90000
    20230630      90000
    20230701      70000
    20240229      70000
    20240301          0  item is not in the catalogue of the place of care
"""


@pytest.mark.parametrize("line", STORY.strip().splitlines()[1:])
def test_a_charge_is_split_by_the_rows_of_its_day(line):
    day, scope, *why = line.split(maxsplit=2)
    later = CatalogueItem("X", "02", 9, self_pay_e4=3_000, valid_from=20230701, valid_until=20240229)
    book = DatedCatalogue([later, row(20230601, 20230630), row(item="Y")])

    [priced] = price_lines(book.on(int(day)), [LINE])

    assert (priced.in_scope_fen, priced.reason) == (int(scope), why[0] if why else "")
    assert why in ([], [REASON_UNKNOWN])


@pytest.mark.parametrize(
    ("first", "second"), [((0, 20230701), (20230701, 20240101)), ((5, 9), (5, 9)), ((0, 99), (7, 8))]
)
def test_two_rows_of_an_item_on_one_day_are_refused(first, second):
    with pytest.raises(OverlapError, match="two rows of item 'X' hold on"):
        DatedCatalogue([row(*second), row(*first)])


def test_a_catalogue_that_is_the_same_on_all_days_is_told_from_others():
    assert not is_dated([row(), row(item="Y")])
    assert is_dated([row(), row(20230101, item="Y")])
    assert is_dated([row(last=20230101)])


DAYS = st.dates(date(2023, 1, 1), date(2023, 12, 31))


@given(st.lists(DAYS, min_size=1, max_size=6, unique=True), DAYS)
def test_of_rows_that_follow_each_other_one_holds_on_each_day(changes, asked):
    """The slow way goes back from the day until it meets a change."""

    def number(day):
        return int(f"{day:%Y%m%d}")

    begins = [date(2022, 1, 1), *sorted(changes)]
    ends = [day - timedelta(days=1) for day in begins[1:]] + [date(2024, 1, 1)]
    book = DatedCatalogue(
        row(number(first), number(last), cap_price_e6=place)
        for place, (first, last) in enumerate(zip(begins, ends, strict=True))
    )
    wanted = max(place for place, first in enumerate(begins) if first <= asked)

    assert book.on(number(asked))["X"].cap_price_e6 == wanted
    assert book.on(number(asked)) is book.on(number(asked))
