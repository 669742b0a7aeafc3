"""The report's indicators: as many as documented, each as a plain loop counts it; and the clearing detail of both roles."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from reference_impl.accounting.clearing import ITEMS
from reference_impl.domain.clearing import Period
from reference_impl.domain.failures import InputError
from reference_impl.domain.rule_tables import RuleError
from reference_impl.supervision.indicators import (
    DOCUMENTED_INDICATORS,
    Indicator,
    clearing_detail,
    indicators,
    packaged_groups,
    parse_groups,
    read_groups,
    unfold_groups,
)
from reference_impl.supervision.planting import clean_subjects

MARCH = Period(2024, 3)
GROUPS = packaged_groups()


def test_the_groups_unfold_to_the_documented_number():
    unfolded = list(unfold_groups(GROUPS))

    assert len(unfolded) == len({one.indicator for one in unfolded}) == DOCUMENTED_INDICATORS == 1_486


def two_months() -> pl.DataFrame:
    march, february = clean_subjects(3_000), clean_subjects(1_000, date(2024, 2, 1))
    return pl.concat([march, february.with_columns(settlement=pl.col("settlement") + "-b")])


def by_hand(rows: list[dict[str, Any]], one: Indicator, place: str) -> int | None:
    other = {"care": "insured", "insured": "care"}[one.role]

    def figure(month: int) -> int | None:
        mine = [row for row in rows if row[one.role] == place and row["settled"].month == month]
        if one.over != "whole":
            mine = [row for row in mine if row[other if one.over == "partner" else "kind"] == one.value]
        return measure(mine, one.measure)

    now, then = figure(3), figure(2)
    if one.period == "change_e4":
        return change(now, then)
    return now if one.period == "month" else then


def change(now: int | None, then: int | None) -> int | None:
    return None if now is None or not then else (now - then) * 10_000 // then


def measure(mine: list[dict[str, Any]], name: str) -> int | None:
    stays = [row for row in mine if row["kind"] == "inpatient"]
    total = sum(row["total_fen"] for row in mine)
    counted = {
        "settlements": len(mine),
        "persons": len({row["person"] for row in mine}),
        "stays": len(stays),
        "paper_claims": sum(row["paper"] for row in mine),
        "institutions": len({row["institution"] for row in mine}),
        "stay_days": sum((row["settled"] - row["began"]).days for row in stays),
    }
    if name in counted:
        return counted[name]
    if name in ("total_fen", "fund_fen", "account_fen", "cash_fen"):
        return sum(row[name] for row in mine)
    if not mine:
        return None
    return {
        "mean_bill_fen": total // len(mine),
        "fund_share_e4": sum(row["fund_fen"] for row in mine) * 10_000 // total,
        "largest_bill_fen": max(row["total_fen"] for row in mine),
    }[name]


def test_every_indicator_is_what_a_plain_loop_counts():
    subjects = two_months()
    rows = subjects.to_dicts()

    made = indicators(subjects, GROUPS, "33", MARCH)

    assert made.height == DOCUMENTED_INDICATORS
    unfolded = {one.indicator: one for one in unfold_groups(GROUPS)}
    for name, got in made.select("indicator", "figure").iter_rows():
        expected = by_hand(rows, unfolded[name], "33")
        assert got == expected, name


def test_a_place_without_business_has_zeros_and_says_nothing_of_means():
    made = indicators(clean_subjects(10).clear(), GROUPS, "33", MARCH)

    by_measure = dict(made.filter(pl.col("over") == "whole").select("measure", "figure").iter_rows())
    assert by_measure["settlements"] == by_measure["total_fen"] == by_measure["stay_days"] == 0
    assert by_measure["mean_bill_fen"] is None
    assert by_measure["largest_bill_fen"] is None


@pytest.mark.parametrize("place", ["99", "3", "", "3301"])
def test_a_place_that_is_none_is_refused(place):
    with pytest.raises(InputError, match="is no province; expected its 2 digits"):
        indicators(clean_subjects(10), GROUPS, place, MARCH)
    with pytest.raises(InputError, match="is no province"):
        clearing_detail(pl.DataFrame(schema=dict(ITEMS)), place, MARCH)


GROUP = "[[group]]\nid = 'a'\norigin = 'x'\nover = 'kind'\nmeasures = ['persons']\nperiods = ['month']\n"
WRONG = [
    (GROUP.replace("'kind'", "'colour'"), "group 'a' has over colour; expected some of whole, partner, kind"),
    (GROUP.replace("persons", "smiles"), "has measures smiles; expected some of settlements"),
    (GROUP.replace("['month']", "['year']"), "has periods year; expected some of month, before, change_e4"),
    (GROUP.replace("['month']", "[]"), "has periods of nothing"),
    (GROUP + "roles = ['care', 'care']\n", "has roles care, care; expected some of care, insured, each once"),
    (GROUP + GROUP, "indicator care.kind.outpatient.persons.month comes of two groups"),
    (GROUP + "colour = 1\n", "unknown field `colour`"),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_a_wrong_group_is_refused(text, told):
    with pytest.raises(RuleError) as refused:
        parse_groups(text, "mine.toml")

    assert str(refused.value).startswith("mine.toml: ")
    assert told in str(refused.value)


def test_groups_of_a_file_are_read(tmp_path):
    (tmp_path / "g.toml").write_text(GROUP)

    assert len(list(unfold_groups(read_groups(tmp_path / "g.toml")))) == 6


def test_the_detail_of_a_role_is_the_items_of_its_month():
    rows = [
        {"settlement": name, "sign": 1, "booked_on": day, "day": day, "institution": "H", "insured": insured, "care": care,
         "code": "2304", "total_fen": 2, "owed_fen": 1}
        for name, insured, care, day in (
            ("A", "34", "33", 20240313), ("B", "33", "34", 20240331), ("C", "34", "31", 20240313), ("D", "34", "33", 20240401),
        )
    ]  # fmt: skip

    made = clearing_detail(pl.DataFrame(rows, schema=dict(ITEMS)), "33", MARCH)

    assert {role: frame["settlement"].to_list() for role, frame in made.items()} == {"care": ["A"], "insured": ["B"]}
