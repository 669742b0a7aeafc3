"""The acceptance ledger: 16 kinds, 511 institutions, 3,071 tests; the last test counts, and what was not planned is refused."""

from __future__ import annotations

import json

import polars as pl
import pytest

from lab.cli.app import run_command
from reference_impl.domain.failures import InputError
from reference_impl.supervision.acceptance import TESTS, campaign, ledger, planned, read_tests

PLAN = planned(campaign())


def made(*rows: tuple[str, str, int, bool]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=dict(TESTS), orient="row")


def test_the_campaign_is_as_large_as_its_source_says():
    of = campaign()

    assert (len(of.kind), of.institutions, of.tests) == (16, 511, 3_071)
    assert PLAN.height == PLAN.unique().height == of.tests
    assert PLAN["institution"].n_unique() == of.institutions
    assert of.groups == {"everywhere": 511, "inpatient": 194, "chronic": 171, "pharmacy": 40}


def test_no_other_split_of_sixteen_kinds_over_these_groups_makes_so_many_tests():
    groups = (511, 194, 171, 471, 40)
    ways = [
        (a, b, c, d, 16 - a - b - c - d)
        for a in range(17)
        for b in range(17 - a)
        for c in range(17 - a - b)
        for d in range(17 - a - b - c)
        if sum(n * size for n, size in zip((a, b, c, d, 16 - a - b - c - d), groups, strict=True)) == 3_071
    ]

    assert ways == [(4, 1, 3, 0, 8)]


STORY = [
    ([], "open", 0),
    ([(20230301, False)], "failed", 1),
    ([(20230301, False), (20230302, True)], "passed", 2),
    ([(20230302, True), (20230301, False)], "passed", 2),
    ([(20230301, True), (20230302, False)], "failed", 2),
]


@pytest.mark.parametrize(("tests", "state", "count"), STORY)
def test_the_last_test_counts(tests, state, count):
    stands = ledger(PLAN, made(*(("T001", "settle", day, passed) for day, passed in tests)))

    [row] = stands.filter((pl.col("institution") == "T001") & (pl.col("kind") == "settle")).iter_rows(named=True)
    assert (row["state"], row["tests"]) == (state, count)
    assert stands.height == PLAN.height


@pytest.mark.parametrize(
    "row", [("T512", "settle", 20230301, True), ("T001", "dance", 20230301, True), ("T001", "pooled", 20230301, True)]
)
def test_what_was_not_planned_is_refused(row):
    with pytest.raises(InputError, match="was not planned; expected one of the 3,071"):
        ledger(PLAN, made(row))


def test_the_command_shows_the_plan_and_what_was_made(tmp_path, capsys):
    assert run_command(["acceptance"]) == 0
    assert "16 kinds at 511 institutions: 3,071 planned, 0 tests made, 0 institutions done" in capsys.readouterr().out

    done = PLAN.filter(pl.col("institution") == "T001").with_columns(
        day=pl.lit(20230301, pl.Int32), passed=pl.lit(value=True)
    )
    done.write_csv(tmp_path / "tests.csv")
    assert run_command(["acceptance", "--tests", str(tmp_path / "tests.csv"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["done"], told["made"], told["kinds"]["stay"]["passed"]) == (1, done.height, 1)


@pytest.mark.parametrize(
    "text",
    [
        "institution,kind\nT001,settle\n",
        "institution,kind,day,passed\nT001,settle,,true\n",
        "institution,kind,day,passed\nT001,settle,x,true\n",
    ],
)
def test_a_wrong_file_of_tests_is_refused(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)

    with pytest.raises(InputError, match="expected"):
        read_tests(tmp_path / "t.csv")
    with pytest.raises(InputError, match="cannot read tests"):
        read_tests(tmp_path / "none.csv")


def test_a_test_on_a_day_that_is_none_is_refused(tmp_path):
    (tmp_path / "made.csv").write_text("institution,kind,day,passed\nT001,credential,20209999,true\n")

    with pytest.raises(InputError, match="20209999 is no date"):
        read_tests(tmp_path / "made.csv")
