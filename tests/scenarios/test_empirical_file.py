"""Durations that were seen, from a file: each row is drawn as often as it stands there, or told where it is wrong."""

from __future__ import annotations

import polars as pl
import pytest

from scenarios.reading import empirical_file
from scenarios.reading.errors import ScenarioError
from scenarios.reading.loader import load_scenario

SCENARIO = """\
name: seen
version: 2
topology: {regions: [33, 34]}
visits: {handling: {distribution: empirical, file: %s}}
"""


def loaded(tmp_path, name: str):
    (tmp_path / "seen.yaml").write_text(SCENARIO % name)
    return load_scenario(tmp_path / "seen.yaml").visits.handling


def test_rows_become_the_values_written_either_way(tmp_path):
    (tmp_path / "written.csv").write_text("duration\n90s\n\n2min\n")
    (tmp_path / "whole.csv").write_text("duration_us\n90000000\n120000000\n")
    pl.DataFrame({"duration_us": [90_000_000, 120_000_000]}).write_parquet(tmp_path / "whole.parquet")

    for name in ("written.csv", "whole.csv", "whole.parquet"):
        handling = loaded(tmp_path, name)
        assert handling.values == (90_000_000, 120_000_000)
        assert handling.file == name
        assert (handling.at(0.1), handling.at(0.9), handling.mean_us) == (90_000_000, 120_000_000, 105_000_000)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.csv", b"", "empty file"),
        ("x.csv", b"time\n1s\n", "wrong columns"),
        ("x.csv", b"duration\n1s\nsoon\n", "x.csv:3:1"),
        ("x.csv", b"duration\n1s,2s\n", "a row of another length"),
        ("x.csv", b"duration_us\n1.5\n", "whole microseconds"),
        ("x.csv", b"duration\n" + b"1" * 200 + b"\n", "a cell too long"),
        ("x.csv", b"duration\n\xff\n", "not a text file"),
        ("x.csv", b"duration\n1\x00s\n", "not a text file"),
        ("x.csv", b'duration\n"1s\n', "not CSV"),
        ("x.parquet", b"PAR1 and no more", "not Parquet"),
        ("x.txt", b"1s", "CSV (*.csv) or Parquet"),
        ("none.csv", None, "cannot read the durations"),
    ],
)
def test_a_file_that_is_none_is_told_with_where_and_what(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(ScenarioError) as refused:
        loaded(tmp_path, name)

    assert said in str(refused.value)


def test_a_file_and_values_are_one_too_many(tmp_path):
    (tmp_path / "x.csv").write_text("duration\n1s\n")

    with pytest.raises(ScenarioError, match="one of the two"):
        loaded(tmp_path, "x.csv, values: [1s]")


def test_more_rows_than_a_run_can_keep_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(empirical_file, "EMPIRICAL_ROWS_MAX", 2)
    (tmp_path / "x.csv").write_text("duration\n1s\n2s\n3s\n")

    with pytest.raises(ScenarioError, match="too many rows"):
        loaded(tmp_path, "x.csv")
