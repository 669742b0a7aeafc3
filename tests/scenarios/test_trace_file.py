"""A trace of arrivals: what is in the file comes, each row once and at its moment; what is wrong names file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.tiny_world import live

from scenarios.patients.streams import cross_per_day
from scenarios.patients.visits import plan_visits
from scenarios.reading import trace_file
from scenarios.reading.errors import ScenarioError
from scenarios.reading.loader import dump_scenario, load_scenario, restore_scenario
from scenarios.schema import Scenario

SCENARIO = """\
name: traced
horizon: {start: 2024-03-13 09:00:00, length: 60s}
visits:
  arrivals: {kind: trace, file: FILE}
  handling: 0s
topology: {regions: [33, 34, 63], hospitals_per_province: {hospital: 2, pharmacy: 2}}
"""
ROWS = """\
at,kind,care,insured,stay,total_fen
1.5s,pharmacy,330400,340100,,12345
500ms,outpatient,,,,

2s,inpatient,330400,630100,10s,
2s,pharmacy,340100,340100,,
"""


@pytest.fixture
def read(tmp_path):
    def read(text: str | bytes, name: str = "t.csv", **options: Any) -> Scenario:
        (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
        (tmp_path / "s.yaml").write_text(SCENARIO.replace("FILE", name))
        return load_scenario(tmp_path / "s.yaml", **options)

    return read


def test_every_row_comes_once_at_its_moment_with_what_it_says(read):
    scenario = read(ROWS)
    visits = list(plan_visits(scenario))

    assert [(v.arrival_us, v.kind) for v in visits] == [
        (500_000, "outpatient"), (1_500_000, "pharmacy"), (2_000_000, "inpatient"), (2_000_000, "pharmacy"),
    ]  # fmt: skip
    assert [(v.care_region, v.insured_region) for v in visits[1:]] == [
        ("330400", "340100"), ("330400", "630100"), ("340100", "340100"),
    ]  # fmt: skip
    assert visits[0].care_region[:2] != visits[0].insured_region[:2], "drawn as every cross-province visit"
    assert [v.local for v in visits] == [False, False, False, True]
    assert (visits[1].total_fen, visits[2].stay_us) == (12_345, 10_000_000)
    assert cross_per_day(scenario) == pytest.approx(86_400 / 60)


def test_a_traced_run_has_the_arrivals_of_the_trace_and_no_others(read):
    visits = live(read(ROWS)).record().visits

    assert sorted(visits["arrival_us"]) == [500_000, 1_500_000, 2_000_000, 2_000_000]


def test_the_order_of_the_rows_and_the_seed_move_no_arrival(read):
    lines = ROWS.splitlines()
    turned = "\n".join([lines[0], *reversed(lines[1:])])

    first, other, seeded = (plan_visits(one) for one in (read(ROWS), read(turned), read(ROWS, seed=5)))
    assert first.columns.arrival_us.tolist() == other.columns.arrival_us.tolist()
    assert first.columns.arrival_us.tolist() == seeded.columns.arrival_us.tolist()


def test_a_parquet_file_says_the_same_as_its_csv(read, tmp_path):
    frame = pl.DataFrame(
        {
            "at_us": [1_500_000, 500_000, 2_000_000, 2_000_000],
            "kind": ["pharmacy", "outpatient", "inpatient", "pharmacy"],
            "care": [330400, None, 330400, 340100],
            "insured": [340100, None, 630100, 340100],
            "stay_us": [None, None, 10_000_000, None],
            "total_fen": [12_345, None, None, None],
        }
    )
    frame.write_parquet(tmp_path / "made.parquet")

    by_parquet = read((tmp_path / "made.parquet").read_bytes(), "t.parquet")
    assert by_parquet.visits.arrivals.visits == read(ROWS).visits.arrivals.visits  # pyright: ignore[reportAttributeAccessIssue]


def test_the_visits_of_a_run_can_be_the_trace_of_the_next(read, tmp_path):
    """Places, bills and moments come again, with the institutions by their codes."""
    first = live(read("at,kind\n" + "".join(f"{n}s,pharmacy\n{n}s,outpatient\n" for n in range(9)))).record().visits
    trace = first.select(
        at_us="arrival_us", kind=pl.col("kind").cast(pl.String), institution=pl.col("hospital").cast(pl.String),
        insured=pl.col("insured_region").cast(pl.String), total_fen="total_fen",
    )  # fmt: skip
    trace.write_parquet(tmp_path / "made.parquet")

    again = live(read((tmp_path / "made.parquet").read_bytes(), "t.parquet")).record().visits
    same = ("arrival_us", "kind", "hospital", "insured_region", "total_fen")
    assert again.select(same).equals(first.select(same))


def test_a_trace_is_kept_whole_so_a_run_needs_its_file_no_more(read, tmp_path):
    scenario = read(ROWS)
    (tmp_path / "t.csv").unlink()

    assert restore_scenario(dump_scenario(scenario)) == scenario


def test_a_trace_named_in_a_setting_is_looked_for_where_the_command_is_given(read, tmp_path, monkeypatch):
    read(ROWS)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "u.csv").write_text("at,kind\n3s,pharmacy\n")
    monkeypatch.chdir(tmp_path)

    scenario = load_scenario(Path("s.yaml"), sets=["visits.arrivals.file=sub/u.csv"])
    assert plan_visits(scenario).columns.arrival_us.tolist() == [3_000_000]


HEAD = "at,kind,care,insured\n1s,pharmacy,330400,340100\n"
WRONG = {
    "nothing": ("", 1, "empty file"),
    "no rows": ("at,kind\n", 0, "a trace without visits"),
    "no column of moments": ("kind\npharmacy\n", 1, "a column at or at_us"),
    "no column of kinds": ("at\n1s\n", 1, "a column kind"),
    "an unknown column": ("at,knid\n1s,pharmacy\n", 1, "did you mean 'kind'"),
    "a column twice": ("at,kind,at\n1s,pharmacy,2s\n", 1, "each column once"),
    "two columns of moments": ("at,at_us,kind\n1s,1,pharmacy\n", 1, "two columns of one moment"),
    "a row too short": (HEAD + "2s,pharmacy\n", 3, "2 cells"),
    "no moment in a row": (HEAD + ",pharmacy,330400,340100\n", 3, "a value for 'at'"),
    "a moment without unit": (HEAD + "\n7,pharmacy,330400,340100\n", 4, "7"),
    "a moment below zero": ("at_us,kind\n-4,pharmacy\n", 2, "whole microseconds"),
    "a bill in yuan": (
        "at,kind,total_fen\n1s,pharmacy,100.0\n",
        2,
        "(got '100.0'); expected whole fen, in digits alone",
    ),
    "a bill with a line in it": ("at,kind,total_fen\n1s,pharmacy,1_000\n", 2, "(got '1_000'); expected whole fen"),
    "a bill in full-width digits": ("at,kind,total_fen\n1s,pharmacy,\uff11\n", 2, "got '\uff11'"),
    "a kind that is none": (HEAD + "2s,dentist,330400,340100\n", 3, "dentist"),
    "a place elsewhere": (HEAD + "2s,pharmacy,330400,110100\n", 3, "not in this scenario"),
    "one place alone": (HEAD + "2s,pharmacy,330400,\n", 3, "places by halves"),
    "a stay that is none": (HEAD + "2s,inpatient,330400,340100\n", 3, "expected a stay"),
    "after the horizon": (HEAD + "60s,pharmacy,330400,340100\n", 3, "after the horizon"),
    "a long cell": (HEAD + f"2s,{'x' * 101},330400,340100\n", 3, "too long"),
    "an institution that is not there": (
        "at,kind,institution,insured\n1s,pharmacy,P33040099999,340100\n",
        2,
        "such as P",
    ),
    "a hospital that sells nothing": ("at,kind,institution,insured\n1s,pharmacy,H33010030001,340100\n", 2, "such as P"),
    "an open quote": (HEAD + '2s,"pharmacy,330400,340100\n', 3, "not CSV"),
    "a zero byte": (HEAD + "\0", 0, "a zero byte"),
    "no text": (b"at,kind\n\xff,pharmacy\n", 0, "byte 0xff"),
}


@pytest.mark.parametrize(("text", "line", "what"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_in_a_trace_is_one_error_with_file_and_line(read, text, line, what):
    with pytest.raises(ScenarioError) as caught:
        read(text)

    assert what in str(caught.value)
    assert (caught.value.line == line and caught.value.file.endswith("t.csv")) or line == 0


def test_a_parquet_file_that_is_none_and_a_row_of_it_that_is_wrong(read, tmp_path):
    with pytest.raises(ScenarioError, match="not Parquet"):
        read(b"PAR1 no", "t.parquet")
    pl.DataFrame({"at": ["1s", "x"], "kind": ["pharmacy"] * 2}).write_parquet(tmp_path / "made.parquet")
    with pytest.raises(ScenarioError, match="'x'") as caught:
        read((tmp_path / "made.parquet").read_bytes(), "t.parquet")
    assert caught.value.line == 2
    pl.DataFrame({"at": ["1s"], "kind": ["pharmacy"], "who": [1]}).write_parquet(tmp_path / "made.parquet")
    with pytest.raises(ScenarioError, match="unknown column"):
        read((tmp_path / "made.parquet").read_bytes(), "t.parquet")


@pytest.mark.parametrize(
    ("name", "what"),
    [("t.txt", "or Parquet"), ("none.csv", "No such file"), ("a\\0b.csv", "null")],
)
def test_a_file_that_cannot_be_read_names_the_key(tmp_path, name, what):
    (tmp_path / "t.txt").write_text(ROWS)
    (tmp_path / "s.yaml").write_text(SCENARIO.replace("FILE", f'"{name}"'))

    with pytest.raises(ScenarioError, match=what) as caught:
        load_scenario(tmp_path / "s.yaml")
    assert (caught.value.key, caught.value.line) == ("visits.arrivals.file", 4)


def test_too_much_is_refused_before_it_is_read(read, monkeypatch, tmp_path):
    monkeypatch.setattr(trace_file, "TRACE_ROWS_MAX", 2)
    with pytest.raises(ScenarioError, match="too many rows"):
        read(ROWS)
    pl.DataFrame({"at_us": [1, 2, 3], "kind": ["pharmacy"] * 3}).write_parquet(tmp_path / "made.parquet")
    with pytest.raises(ScenarioError, match="too many rows"):
        read((tmp_path / "made.parquet").read_bytes(), "t.parquet")
    monkeypatch.setattr(trace_file, "TRACE_BYTES_MAX", 10)
    with pytest.raises(ScenarioError, match="too large"):
        read(ROWS)


def test_a_file_and_rows_beside_it_are_one_too_many(read):
    with pytest.raises(ScenarioError, match="one of the two"):
        read(ROWS, sets=["visits.arrivals.visits=[{kind: pharmacy, at: 1s}]"])
