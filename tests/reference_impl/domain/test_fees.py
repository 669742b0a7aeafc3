from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.fees import (
    CATEGORIES,
    REASON_DECLINED,
    REASON_GRADE,
    REASON_RESTRICTED,
    REASON_UNKNOWN,
    ZERO_FEES,
    CatalogueItem,
    FeeLine,
    add_fees,
    line_amount_wrong,
    price_lines,
    take_fees,
    total_of,
)
from reference_impl.domain.money import cut

CATALOGUE = {
    item.item: item
    for item in (
        CatalogueItem("full", "01", 9),
        CatalogueItem("part", "02", 9, self_pay_e4=1_000),
        CatalogueItem("none", "03", 3),
        CatalogueItem("capped", "02", 8, cap_price_e6=1_000_000_000, self_pay_e4=2_000),
        CatalogueItem("restricted", "01", 10, restricted=True),
        CatalogueItem("odd", "02", 4, self_pay_e4=3_333),
    )
}

# item, hosp_appr_flag, count, unit price in yuan, total: over the cap, own pay, prior self-pay, in scope
STORY = """
    full        0   2   10.00    20.00      0      0      0     20.00
    part        0   1   99.99    99.99      0      0     10.00  89.99
    none        1   1   50.00    50.00      0     50.00   0      0
    capped      0   2 1500.00  3000.00   1000.00   0    400.00 1600.00
    capped      0   2  900.00  1800.00      0      0    360.00 1440.00
    restricted  0   1   80.00    80.00      0     80.00   0      0
    restricted  2   1   80.00    80.00      0     80.00   0      0
    restricted  1   1   80.00    80.00      0      0      0     80.00
    full        1   1   80.00    80.00      0      0      0     80.00
    full        2   1   80.00    80.00      0     80.00   0      0
    unknown     1   1   80.00    80.00      0     80.00   0      0
    odd         0   1    0.05     0.05      0      0      0.02   0.03
    capped      0  -2 1500.00 -3000.00  -1000.00   0   -400.00 -1600.00
"""


def fen(yuan):
    return round(float(yuan) * 100)


@pytest.mark.parametrize("line", STORY.strip().splitlines(), ids=str.strip)
def test_a_charge_is_split_by_the_catalogue(line):
    item, flag, count, price, total, over, own, prior, scope = line.split()
    [priced] = price_lines(CATALOGUE, [FeeLine("1", item, int(count) * 10_000, fen(price) * 10_000, fen(total), flag)])

    got = (priced.over_limit_fen, priced.own_pay_fen, priced.pre_self_pay_fen, priced.in_scope_fen)
    assert got == (fen(over), fen(own), fen(prior), fen(scope))
    assert priced.total_fen == fen(total)


@pytest.mark.parametrize(
    ("item", "flag", "reason"),
    [
        ("none", "0", REASON_GRADE),
        ("unknown", "0", REASON_UNKNOWN),
        ("restricted", "0", REASON_RESTRICTED),
        ("restricted", "2", REASON_DECLINED),
        ("full", "2", REASON_DECLINED),
        ("full", "0", ""),
    ],
)
def test_a_charge_that_is_not_payable_says_why(item, flag, reason):
    [priced] = price_lines(CATALOGUE, [FeeLine("1", item, 10_000, 10_000, 1, flag)])
    assert priced.reason == reason


@pytest.mark.parametrize("flag", ["", "0", "3"])
def test_a_restricted_item_is_payable_only_when_the_hospital_says_so(flag):
    [priced] = price_lines(CATALOGUE, [FeeLine("1", "restricted", 10_000, 10_000, 1, flag)])
    assert (priced.own_pay_fen, priced.in_scope_fen) == (1, 0)


def test_a_millionth_of_a_yuan_above_the_cap_counts_over_ten_thousand_pieces():
    [priced] = price_lines(CATALOGUE, [FeeLine("1", "capped", 10_000 * 10_000, 1_000_000_001, 1_000_000_001)])
    assert priced.over_limit_fen == 1


def test_rounding_at_the_line_is_a_parameter():
    line = [FeeLine("1", "part", 10_000, 999_900, 95)]
    assert price_lines(CATALOGUE, line)[0].pre_self_pay_fen == 10
    assert price_lines(CATALOGUE, line, rounding=cut)[0].pre_self_pay_fen == 9


LINES = st.lists(
    st.builds(
        FeeLine,
        item=st.sampled_from([*CATALOGUE, "unknown"]),
        count_e4=st.integers(-(10**8), 10**8),
        price_e6=st.integers(0, 10**12),
        total_fen=st.integers(-(10**9), 10**9),
        approved=st.sampled_from(["0", "1", "2"]),
    ),
    max_size=20,
)


@given(LINES)
def test_the_parts_of_every_charge_add_up_to_it_and_stay_within_it(lines):
    for line, priced in zip(lines, price_lines(CATALOGUE, lines), strict=True):
        parts = (priced.over_limit_fen, priced.own_pay_fen, priced.pre_self_pay_fen, priced.in_scope_fen)
        assert sum(parts) == line.total_fen
        assert all(0 <= part <= line.total_fen or line.total_fen <= part <= 0 for part in parts)


@given(LINES)
def test_a_refund_of_every_charge_sums_to_nothing(lines):
    back = [FeeLine("1", x.item, -x.count_e4, x.price_e6, -x.total_fen, x.approved) for x in lines]
    paid, refunded = total_of(price_lines(CATALOGUE, lines)), total_of(price_lines(CATALOGUE, back))
    assert add_fees(paid, refunded) == ZERO_FEES


@given(LINES, LINES)
def test_batches_sum_like_one(first, second):
    whole = total_of(price_lines(CATALOGUE, first + second))
    parts = add_fees(total_of(price_lines(CATALOGUE, first)), total_of(price_lines(CATALOGUE, second)))
    assert whole == parts
    assert sum(whole.by_category_fen) == whole.total_fen
    assert len(whole.by_category_fen) == CATEGORIES


def test_lines_keep_the_hospitals_own_numbers():
    lines = [FeeLine(serial, "full", 10_000, 10_000, 1) for serial in ("4711", "815", "0815")]
    assert [priced.serial for priced in price_lines(CATALOGUE, lines)] == ["4711", "815", "0815"]


def test_charges_without_some_of_them_are_the_others():
    one, other = (
        total_of(price_lines(CATALOGUE, [FeeLine("1", item, 10_000, 10**8, 10_000)])) for item in ("full", "part")
    )
    assert take_fees(add_fees(one, other), one) == other


@pytest.mark.parametrize(
    ("total_fen", "wrong"), [(2469, False), (2468, False), (2470, False), (2471, True), (2467, True)]
)
def test_an_amount_may_be_one_fen_off_its_count_times_its_price(total_fen, wrong):
    assert line_amount_wrong(FeeLine("1", "full", 20_000, 12_345_000, total_fen)) is wrong


def test_nothing_plus_charges_is_the_charges():
    fees = total_of(price_lines(CATALOGUE, [FeeLine("1", "full", 10_000, 10_000, 1)]))
    assert add_fees(ZERO_FEES, fees) is fees
