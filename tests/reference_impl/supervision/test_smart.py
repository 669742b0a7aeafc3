"""Every planted violation is found and clean business passes; the rules unfold to what is documented, or are refused."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import polars as pl
import pytest

from reference_impl.domain.failures import InputError
from reference_impl.domain.rule_tables import RuleError
from reference_impl.supervision.planting import ALONE, PLANTS, clean_subjects, plant
from reference_impl.supervision.rules import (
    DOCUMENTED_RULES,
    Breaks,
    Rule,
    packaged_rules,
    parse_rules,
    read_rules,
    unfold,
)
from reference_impl.supervision.smart import rules_hit, smart_audit
from reference_impl.supervision.subjects import DIMENSIONS, FIELDS, NEVER_DAYS, SUBJECTS, checked, with_fields

TODAY = date(2024, 3, 13)
RULES = packaged_rules()


def test_the_families_unfold_to_the_documented_number_of_rules():
    rules = unfold(RULES, TODAY)

    assert len(rules) == DOCUMENTED_RULES == 7_566
    assert len({rule.rule for rule in rules}) == len(rules)
    assert sum(family.size for family in RULES) == len(rules)
    assert [family.id for family in RULES if "SEED 004" in family.origin] == [
        "beyond-scope", "overdue", "home-on-paper", "code-unregistered",
    ]  # fmt: skip
    assert all(family.origin.endswith("ASSUMED") or "SEED" in family.origin for family in RULES)


def test_every_field_is_used_and_every_family_can_be_planted():
    assert {family.field for family in RULES} == set(FIELDS)
    assert {family.id for family in RULES} == set(PLANTS)
    assert set(ALONE) <= set(PLANTS)


def test_clean_business_raises_no_alarm():
    assert smart_audit(checked(clean_subjects(20_000)), RULES).height == 0


@pytest.mark.parametrize("seed", range(6))
def test_every_planted_violation_is_found_and_nobody_else_is_accused(seed):
    made = plant(clean_subjects(6_000), RULES, each=3, seed=seed)
    subjects = checked(made.subjects)

    hits = smart_audit(subjects, RULES)

    assert Counter(family for _, family in made.truth).keys() == PLANTS.keys()
    found = set(hits.select("settlement", "family").iter_rows())
    assert made.truth <= found, made.truth - found
    touched = subjects.filter(pl.col("settlement").is_in([one for one, _ in made.truth]))
    accused = subjects.join(hits.select("settlement").unique(), on="settlement")
    near = (
        accused.join(touched, on="person", how="semi"),
        accused.join(touched, on=["institution", "settled"], how="semi"),
    )
    assert set(accused["settlement"]) == set(near[0]["settlement"]) | set(near[1]["settlement"])


# --- the same truth, worked out another way ---------------------------------------------------------------------------


def by_hand(rows: list[dict[str, Any]], rule: Rule) -> set[str]:
    """The settlements that break one rule, row by row."""
    return {
        row["settlement"] for row in rows if applies(rule, row) and breaks(rule, value(rows, row, rule.family.field))
    }


def applies(rule: Rule, row: dict[str, Any]) -> bool:
    place = row["kind"] if row["kind"] == "pharmacy" else f"{row['kind']}-{row['level']}"
    there = {**row, "place": place, "channel": "paper" if row["paper"] else "direct"}
    return all(there[name] == wanted for name, wanted in rule.where.items())


def breaks(rule: Rule, got: int) -> bool:
    return got > rule.limit if rule.family.breaks is Breaks.ABOVE else got < rule.limit


def value(rows: list[dict[str, Any]], row: dict[str, Any], field: str) -> int:
    def same(*names: str) -> list[dict[str, Any]]:
        return [one for one in rows if all(one[name] == row[name] for name in names)]

    def month(*names: str) -> list[dict[str, Any]]:
        return [
            one
            for one in same(*names)
            if (one["settled"].year, one["settled"].month) == (row["settled"].year, row["settled"].month)
        ]

    days = (row["settled"] - row["began"]).days
    parts = [row[name] for name in ("fund_fen", "account_fen", "cash_fen", "hospital_part_fen")]
    stays = [one for one in same("person") if one["kind"] == "inpatient"]
    sums = {
        "fund_share_e4": lambda: row["fund_fen"] * 10_000 // row["total_fen"] if row["total_fen"] > 0 else 0,
        "least_fen": lambda: min(parts),
        "short_fen": lambda: abs(row["total_fen"] - sum(parts)),
        "paper_fen": lambda: row["total_fen"] if row["paper"] else 0,
        "stay_days": lambda: days,
        "daily_fen": lambda: row["total_fen"] // max(days, 1),
        "unregistered": lambda: int(not row["registered"]),
        "home_paper": lambda: int(row["paper"] and row["care"] == row["insured"]),
        "person_visits_day": lambda: len(same("person", "settled")),
        "person_places_day": lambda: len({one["institution"] for one in same("person", "settled")}),
        "person_visits_month": lambda: len(month("person")),
        "person_total_month_fen": lambda: sum(one["total_fen"] for one in month("person")),
        "person_fund_month_fen": lambda: sum(one["fund_fen"] for one in month("person")),
        "same_place_month": lambda: len(month("person", "institution", "kind")),
        "twin_bills": lambda: len(same("person", "institution", "kind", "settled", "total_fen")),
        "equal_bills": lambda: len(same("institution", "kind", "settled", "total_fen")),
        "institution_day": lambda: len(same("institution", "settled")),
        "insured_day": lambda: len(same("institution", "insured", "kind", "settled")),
        "in_stay": lambda: int(
            row["kind"] != "inpatient" and any(one["began"] < row["settled"] < one["settled"] for one in stays)
        ),
        "days_since_stay": lambda: since(row, stays),
    }
    return sums[field]() if field in sums else row[field]


def since(row: dict[str, Any], stays: list[dict[str, Any]]) -> int:
    if row["kind"] != "inpatient":
        return NEVER_DAYS
    order = sorted(stays, key=lambda one: (one["began"], one["settled"], one["settlement"]))
    before = [one["settled"] for one in order[: order.index(row)]]
    return (row["began"] - max(before)).days if before else NEVER_DAYS


@pytest.mark.parametrize("seed", range(3))
def test_rule_by_rule_in_a_plain_loop_gives_the_same_hits(seed):
    lenient = [one for one in RULES if one.id not in ("crowded-day", "one-place-crowds")]
    made = plant(clean_subjects(60), lenient, each=1, seed=seed)
    rows = made.subjects.to_dicts()

    slow = {(name, rule.rule) for rule in unfold(RULES, TODAY) for name in by_hand(rows, rule)}

    assert set(smart_audit(made.subjects, RULES).select("settlement", "rule").iter_rows()) == slow
    assert slow


def test_the_hits_by_family_are_counted_most_first():
    made = plant(clean_subjects(200), [one for one in RULES if one.id in ("twin-bills", "overdue")], each=2, seed=1)

    counted = rules_hit(smart_audit(made.subjects, RULES)).rows()

    assert counted == [("twin-bills", 4), ("overdue", 2)]


def test_a_nested_stay_ends_with_the_longer_one():
    """A long stay with a short one inside it: the day after the short one still is a day in hospital."""
    [row] = clean_subjects(1).to_dicts()

    def at(name: str, kind: str, began: int, settled: int) -> dict[str, Any]:
        dates = {"began": date(2024, 3, began), "settled": date(2024, 3, settled)}
        return row | {"settlement": name, "kind": kind, "level": 1} | dates

    rows = [at("long", "inpatient", 1, 28), at("short", "inpatient", 5, 7), at("visit", "outpatient", 20, 20)]
    made = with_fields(pl.DataFrame(rows, schema=dict(SUBJECTS)))

    assert dict(made.select("settlement", "field_in_stay").iter_rows()) == {"long": 0, "short": 0, "visit": 1}


# --- versions and local limits ----------------------------------------------------------------------------------------

FAMILY = """
[[family]]
id = "bill"
name = "bill"
name_zh = "费用"
origin = "ASSUMED"
field = "total_fen"
breaks = "above"
limit = 100
over = ["insured", "place"]
from = 2024-01-01
"""


def test_a_settlement_is_held_against_the_version_of_its_day():
    rules = parse_rules(
        FAMILY + "until = 2024-03-12\n" + FAMILY.replace("100", "10_000_000").replace("2024-01-01", "2024-03-13"), "x"
    )
    subjects = clean_subjects(500)

    hits = smart_audit(subjects, rules)

    assert set(hits["settled"]) == set(subjects.filter(pl.col("settled") <= date(2024, 3, 12))["settled"])
    assert len(unfold(rules, date(2024, 3, 12))) == len(unfold(rules, date(2024, 3, 13))) == 224
    assert unfold(rules, date(2023, 12, 31)) == []


def test_a_province_and_a_place_have_limits_of_their_own():
    rules = parse_rules(
        FAMILY + "limits = { pharmacy = 100_000_000 }\nplaces = ['pharmacy', 'outpatient-1']\n"
        "[[family.local]]\ninsured = '34'\nlimit = 0\n",
        "x",
    )
    by_place = {rule.rule: rule.limit for rule in unfold(rules, TODAY)}

    assert len(by_place) == 64 == rules[0].size
    assert (by_place["bill.34.pharmacy"], by_place["bill.33.pharmacy"], by_place["bill.33.outpatient-1"]) == (
        0,
        100_000_000,
        100,
    )


WRONG = [
    ('field = "total_fen"', 'field = "colour"', "names field 'colour', which is none; expected one of total_fen"),
    ('over = ["insured", "place"]', 'over = ["moon"]', "unfolds over ['moon']; expected some of insured, care"),
    ('over = ["insured", "place"]', 'over = ["insured", "insured"]', "each once"),
    ("limit = 100", 'limit = 100\nplaces = ["ward"]', "names place 'ward', which is none"),
    ("limit = 100", "limit = 100\nplaces = ['pharmacy', 'pharmacy']", "expected each once"),
    ("limit = 100", "limit = 100\nplaces = ['pharmacy']\nlimits = { outpatient-1 = 3 }", "limits of ['outpatient-1']"),
    ('over = ["insured", "place"]', 'over = ["insured"]\nplaces = ["pharmacy"]', "expected 'place' among them"),
    ("from = 2024-01-01", "from = 2024-01-01\nuntil = 2023-01-01", "expected an end that is not before"),
    ("limit = 100", "limit = 100\nrecover_e4 = 10_001", "asks back 10001 ten-thousandths; expected 0 to 10000"),
    ('id = "bill"', 'id = "A bill"', "expected an id in lower case"),
    ("limit = 100", "limit = 1.5", "expected `int`, got `float`"),
    ("limit = 100", "limit = 100\ncolour = 3", "unknown field `colour`"),
    ('breaks = "above"', 'breaks = "beside"', "invalid enum value 'beside'"),
    ("limit = 100", "", "missing required field `limit`"),
    ("limit = 100", "limit = = 3", "is no TOML"),
    ("from = 2024-01-01", "from = 2024-01-01\n[[family.local]]\ninsured = '99'\nlimit = 3", "local limit of {'insured': '99'}"),
    ("from = 2024-01-01", "from = 2024-01-01\n[[family.local]]\ncare = '33'\nlimit = 3", "expected provinces of its dimensions"),
    ("from = 2024-01-01", "from = 2024-01-01\n[[family.local]]\nlimit = 3", "a local limit of nobody"),
    (
        "from = 2024-01-01",
        "from = 2024-01-01\n[[family.local]]\ninsured = '33'\nlimit = 3\n[[family.local]]\ninsured = '33'\nlimit = 4",
        "two local limits of one province",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("was", "becomes", "told"), WRONG)
def test_a_wrong_family_is_refused_in_one_sentence(was, becomes, told):
    with pytest.raises(RuleError) as refused:
        parse_rules(FAMILY.replace(was, becomes), "mine.toml")

    assert told in str(refused.value).replace("Invalid", "invalid")
    assert str(refused.value).startswith("mine.toml: ")
    assert "\n" not in str(refused.value)


def test_versions_that_overlap_are_refused():
    with pytest.raises(
        RuleError, match="'bill' has versions that overlap: from 2024-01-01 until now on, and from 2025"
    ):
        parse_rules(FAMILY + FAMILY.replace("2024-01-01", "2025-01-01"), "x")
    parse_rules(FAMILY + "until = 2024-12-31\n" + FAMILY.replace("2024-01-01", "2025-01-01"), "x")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(RuleError, match="cannot read rules"):
        read_rules(tmp_path / "none.toml")
    (tmp_path / "one.toml").write_text(FAMILY)
    assert [one.id for one in read_rules(tmp_path / "one.toml")] == ["bill"]


BAD_SUBJECTS = [
    (lambda s: s.drop("person"), "column 'person' is missing"),
    (lambda s: s.with_columns(level=pl.lit(3)), "column 'level' is Int32; expected Int8"),
    (lambda s: s.with_columns(care=pl.lit(None, pl.String)), "column 'care' is empty in a row"),
    (lambda s: s.with_columns(care=pl.lit("99")), "in 99 for"),
    (lambda s: s.with_columns(level=pl.lit(4, pl.Int8)), "at level 4"),
    (lambda s: pl.concat([s, s]), "stands twice"),
]


@pytest.mark.parametrize(("change", "told"), BAD_SUBJECTS)
def test_wrong_subjects_are_refused(change, told):
    with pytest.raises(InputError, match=told):
        checked(change(clean_subjects(10)))


def test_dimensions_are_those_of_the_nation():
    assert [len(values) for values in DIMENSIONS.values()] == [32, 32, 3, 7, 2]
