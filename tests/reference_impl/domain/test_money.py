from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain import money
from reference_impl.domain.money import (
    MoneyFormatError,
    cut,
    format_yuan,
    half_even,
    half_up,
    parse_decimal,
    parse_yuan,
    share_fen,
    split_fen,
)

AMOUNTS = st.integers(-(10**15), 10**15)


def test_examples_in_the_docstrings_hold():
    assert doctest.testmod(money).failed == 0


@pytest.mark.parametrize(
    ("text", "fen"),
    [("5792.53", 579253), ("0", 0), ("0.5", 50), ("-296.20", -29620), ("-0.01", -1), ("12.3400", 1234), ("007", 700)],
)
def test_yuan_is_read_exactly(text, fen):
    assert parse_yuan(text) == fen


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        ".5",
        "5.",
        "1,000.00",
        "1e5",
        "+1",
        " 1",
        "1_0",
        "NaN",
        "0.001",
        "--1",
        "\uff11\uff12",
        "9" * 17,
        "0x1",
        "1.2.3",
    ],
)
def test_text_that_is_no_amount_is_refused_with_its_parts(text):
    with pytest.raises(MoneyFormatError) as caught:
        parse_yuan(text)
    assert (caught.value.what, caught.value.got) == ("amount in yuan", text)
    assert "2 decimal places" in caught.value.expected


def test_counts_and_prices_have_their_own_places():
    assert parse_decimal("2.5", 4) == 25_000
    assert parse_decimal("1.234567", 6) == 1_234_567


@pytest.mark.parametrize(("amount_fen", "text"), [(0, "0.00"), (7, "0.07"), (-7, "-0.07"), (-579253, "-5792.53")])
def test_an_amount_is_written_with_two_places_and_its_sign(amount_fen, text):
    assert format_yuan(amount_fen) == text


@given(AMOUNTS)
def test_every_amount_survives_writing_and_reading(amount_fen):
    assert parse_yuan(format_yuan(amount_fen)) == amount_fen


@pytest.mark.parametrize(
    ("numerator", "denominator", "up", "even", "down"),
    [
        (1, 2, 1, 0, 0),
        (3, 2, 2, 2, 1),
        (5, 4, 1, 1, 1),
        (7, 4, 2, 2, 1),
        (-1, 2, -1, 0, 0),
        (-7, 4, -2, -2, -1),
        (6, 3, 2, 2, 2),
    ],
)
def test_rounding_rules_differ_at_the_half(numerator, denominator, up, even, down):
    got = [rule(numerator, denominator) for rule in (half_up, half_even, cut)]
    assert got == [up, even, down]


@given(AMOUNTS, st.integers(0, 10_000))
def test_a_refund_undoes_its_share_to_the_fen(amount_fen, ratio_e4):
    assert share_fen(-amount_fen, ratio_e4) == -share_fen(amount_fen, ratio_e4)


@given(AMOUNTS, st.lists(st.integers(0, 10**6), min_size=1, max_size=40).filter(any))
def test_a_split_makes_and_loses_no_fen(total_fen, weights):
    shares = split_fen(total_fen, weights)
    assert sum(shares) == total_fen
    assert all(
        abs(share - total_fen * weight / sum(weights)) < 1 + 1e-3
        for share, weight in zip(shares, weights, strict=True)
        if abs(total_fen) < 10**9
    )


@pytest.mark.parametrize("weights", [[], [0, 0], [2, -1]])
def test_weights_that_share_nothing_are_refused(weights):
    with pytest.raises(ValueError, match="cannot split by weights"):
        split_fen(100, weights)
