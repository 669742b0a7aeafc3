"""What a scenario may say of master data, what is refused, and which downloads come of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reference_impl.domain.fees import FeeLine
from reference_impl.domain.master_data import Download, Subject
from scenarios.patients.master_data import HospitalCodes, master_plan, planned_downloads
from scenarios.reading.errors import ScenarioError
from scenarios.reading.loader import load_scenario
from scenarios.schema import Scenario

SMALL = """\
name: small
horizon: {start: 2024-03-13 09:00:00, length: 2d, drain_limit: 1h}
visits: {per_day: 100}
topology: {regions: [33, 34, 63]}
"""
CODES = "releases: [{of: catalogue, valid_from: 1h}]"
H_US = 3_600_000_000


@pytest.fixture
def load(tmp_path: Path) -> Any:
    def load(text: str) -> Scenario:
        path = tmp_path / "s.yaml"
        path.write_text(SMALL + text, encoding="utf-8")
        return load_scenario(path)

    return load


REFUSED = [
    ("{}", "master_data.releases", "missing key"),
    ("{releases: []}", "master_data.releases", "nothing is issued anew"),
    ("{releases: [{of: drugs, valid_from: 0}]}", "master_data.releases.0.of", "'catalogue'"),
    (
        "{releases: [{of: persons, valid_from: 1h, published: 2h}]}",
        "master_data.releases.0",
        "published after valid_from",
    ),
    ("{releases: [{of: persons, valid_from: 1h, overlap: 2h}]}", "master_data.releases.0", "only codes hold beside"),
    ("{releases: [{of: catalogue, valid_from: 1h, first: true}]}", "master_data.releases.0", "every item has a code"),
    ("{releases: [{of: persons, valid_from: 2d}]}", "master_data.releases.0.valid_from", "after the horizon"),
    ("{releases: [{of: persons, valid_from: 1h, share: 2}]}", "master_data.releases.0.share", "share"),
    (f"{{{CODES}, downloads: [{{of: mapping, slows: 1ms}}]}}", "master_data.downloads.0", "hospitals map beside"),
    (f"{{{CODES}, downloads: [{{of: mapping, takes: 2d}}]}}", "master_data.downloads.0", "end before the next begins"),
    (f"{{{CODES}, downloads: [{{of: mapping, at: 24h}}]}}", "master_data.downloads.0.at", "less than"),
    (f"{{{CODES}, downloads: [{{of: mapping, by: [35]}}]}}", "master_data.downloads.0.by.0", "not in the scenario"),
    (f"{{{CODES}, downloads: [{{of: mapping, by: [33, 33]}}]}}", "master_data.downloads.0.by.1", "named twice"),
    (f"{{{CODES}, downloads: [{{of: mapping, takes: 0, every: 1s}}]}}", "master_data.downloads.0.every", "too many"),
    (f"{{{CODES}, desk: {{comes_back_after: 0}}}}", "master_data.desk.comes_back_after", "greater than 0"),
]


@pytest.mark.parametrize(("master", "key", "words"), REFUSED)
def test_master_data_that_cannot_be_is_refused(load: Any, master: str, key: str, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(f"master_data: {master}\n")

    assert caught.value.key == key
    assert words in str(caught.value)


SHORT = "faults: [{kind: short_download, node: 33, of: catalogue, at: 16h, for: 2h}]\n"
NIGHTLY = f"master_data: {{{CODES}, downloads: [{{of: catalogue, takes: 1h, slows: 5ms}}]}}\n"


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        (SHORT, "faults.0", "nothing is downloaded"),
        (NIGHTLY + SHORT.replace("16h", "18h"), "faults.0.at", "they begin 17h"),
        (NIGHTLY + SHORT.replace("catalogue", "persons"), "faults.0.at", "a plan of it"),
        (NIGHTLY + SHORT.replace("33", "hub"), "faults.0.node", "not in the scenario"),
        (NIGHTLY + SHORT.replace("33", "35"), "faults.0.node", "not in the scenario"),
        (NIGHTLY + SHORT.replace("for: 2h", "for: 2h, brings: 100%"), "faults.0.brings", "nothing comes short"),
        (NIGHTLY + "faults: [{kind: kill, node: 33, at: 17h, for: 10min}]\n", "faults.0.at", "slows it"),
        ("gates: {stale.refused: ['>= 1']}\n", "gates.stale.refused", "nothing is issued anew"),
    ],
)
def test_what_no_download_meets_is_refused(load: Any, text: str, key: str, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(text)

    assert caught.value.key == key
    assert words in str(caught.value)


def test_a_process_may_die_when_no_download_slows_it(load: Any) -> None:
    load(NIGHTLY + "faults: [{kind: kill, node: 33, at: 15h, for: 10min}, {kind: kill, node: hub, at: 17h, for: 1h}]\n")
    load(NIGHTLY.replace("5ms", "0") + "faults: [{kind: kill, node: 33, at: 17h, for: 10min}]\n")


def test_a_timed_download_begins_at_its_hour_every_day_in_every_province(load: Any) -> None:
    """The run begins at nine: two in the morning is seventeen hours on; the drain is part of the run."""
    asked = load(NIGHTLY + SHORT)

    planned = list(planned_downloads(asked))

    assert [one.province for one in planned] == ["33", "33", "34", "34", "63", "63"]
    assert planned[0].download == Download(17 * H_US, 18 * H_US, 0.0)
    assert planned[1].download == Download(41 * H_US, 42 * H_US)
    assert {one.slows_us for one in planned} == {5_000}
    plan = master_plan(asked)
    assert plan is not None
    assert plan.downloads["33", Subject.CATALOGUE][0].brings == 0.0
    assert master_plan(load("")) is None


def test_an_hour_of_the_day_is_no_span_and_no_scale_shrinks_it(load: Any) -> None:
    planned = list(planned_downloads(load(NIGHTLY + "scale: {time: 10}\nclients: {timeout: 1s}\n")))

    assert planned[0].download == Download(17 * H_US // 10, 18 * H_US // 10)


def test_hospitals_write_by_the_codes_that_they_have_mapped(load: Any) -> None:
    asked = load(f"master_data: {{{CODES}, downloads: [{{of: mapping, at: 12h, by: [33], takes: 1h}}]}}\n")
    plan = master_plan(asked)
    assert plan is not None
    codes, lines = HospitalCodes(plan), (FeeLine("1", "S01001", 10_000, 1, 1),)

    def written(hospital: str, province: str, now_us: int) -> str:
        return codes.written(hospital, province, lines, now_us)[0].item

    at_us = [0, 2 * H_US, 4 * H_US - 1, 4 * H_US]
    assert [written("H33010000001", "33", now_us) for now_us in at_us] == ["S01001", "S01001", "S01001", "S01001.1"]
    assert [written("H34010000001", "34", now_us) for now_us in (0, 2 * H_US)] == ["S01001", "S01001.1"]
