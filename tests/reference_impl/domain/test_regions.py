from __future__ import annotations

import doctest

import pytest

from reference_impl.domain import regions
from reference_impl.domain.regions import PROVINCES, city_of, is_cross_province, nearest, province_of


def test_examples_in_the_docstrings_hold():
    assert doctest.testmod(regions).failed == 0


def test_31_provinces_and_the_corps():
    assert len(PROVINCES) == 32
    assert PROVINCES["66"].code == "660000"
    assert PROVINCES["34"] == ("340000", "安徽", "Anhui")
    assert len({row.name for row in PROVINCES.values()}) == 32


@pytest.mark.parametrize(
    ("care", "insured", "cross"),
    [
        ("330400", "341500", True),
        ("330400", "330100", False),  # another city of one province: a client comparing 4 digits gets it wrong
        ("110101", "120101", True),
        ("650100", "660100", True),
        ("330400", "", False),  # blank: treated as local
    ],
)
def test_cross_province_means_the_first_two_digits_differ(care, insured, cross):
    assert is_cross_province(care, insured) is cross


def test_a_region_names_its_province_and_city():
    assert (province_of("341502"), city_of("341502")) == ("34", "3415")


@pytest.mark.parametrize(
    ("text", "code"),
    [("Zhejang", "33"), ("Shanxi", "14"), ("上海", "31"), ("3415", "34"), ("atlantis", ""), ("99", "")],
)
def test_a_slip_of_the_pen_finds_the_province_meant(text, code):
    assert nearest(text) == code
