"""A business day closes by a barrier: whatever is under way, each posting lies in exactly one day, to the fen."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from support import day_end, tiny_world
from support.tiny_world import live, visit

from lab.checker import check
from reference_impl.domain.nodes import NodeId
from reference_impl.staging.acts import CloseDay
from reference_impl.staging.timetable import timetable
from scenarios.reading.errors import ScenarioError
from scenarios.reading.loader import load_scenario

HOUR_US = 3_600_000_000
MARCH_13, MARCH_14 = 20240313, 20240314


@pytest.mark.parametrize("seed", range(2))
def test_a_day_closes_under_full_load_with_a_difference_of_no_fen(seed):
    wrong, met = day_end.judged(day_end.day_end(seed))

    assert wrong == []
    assert met["days closed"] == 3
    assert met["posted on both days"]


def test_seeds_that_are_written_down_are_not_run_again_and_a_line_that_was_broken_off_is(tmp_path, monkeypatch):
    kept = tmp_path / "days.jsonl"
    kept.write_text('[0, [], {"differences": 2}]\n[1, ["law 7"], {}]\n[2, [], {"diff')
    run: list[int] = []
    monkeypatch.setattr(day_end, "worker_pool", lambda _: nullcontext(SimpleNamespace(map=map)))
    monkeypatch.setattr(day_end, "closed", lambda seed: (run.append(seed), day_end.Closed(seed, [], {}))[1])

    met = list(day_end.gone_through(range(4), kept, 1))

    assert [one.seed for one in met] == [0, 1, 2, 3]
    assert (met[1].wrong, run) == (["law 7"], [2, 3])
    assert [one[0] for one in map(json.loads, kept.read_text().splitlines())] == [0, 1, 2, 3]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_hundred_days_close_under_full_load_and_faults_and_the_rare_is_met():
    seen = Counter[str]()
    for seed in range(2, 102):
        wrong, met = day_end.judged(day_end.day_end(seed))
        assert wrong == [], f"python -m support.day_end {seed} {seed + 1}"
        seen += met

    rare = ("closed with decisions waiting", "closed late", "over the closing", "differences")
    assert {name: seen[name] for name in rare if not seen[name]} == {}


# --- in a run ---------------------------------------------------------------------------------------------------------


def closing_at(at: str, *visits: dict[str, Any], **more: Any):
    return tiny_world.scenario(*visits, closing={"at": at}, **more)


def days_of(run):
    return [one.business_day for books in run.books.values() for one in books.settlements]


def test_what_settles_after_the_hour_is_the_next_days_and_the_sheet_says_so():
    early, late = visit("pharmacy", at="5s"), visit("pharmacy", at="70s")

    run = live(closing_at("9h1min", early, late))

    assert sorted(days_of(run)) == [MARCH_13, MARCH_14]
    sheets = run.recorder.frames()["closings"]
    assert sheets.filter(entries=1).select("node", "care_region", "day").rows() == [("63", "33", MARCH_13)]
    assert sheets.height == 9  # three insurers, three provinces of care: an empty day closes too
    assert (sheets["closed_us"] == 60_000_000).all()


def test_without_the_key_everything_is_dated_and_nothing_is_listed():
    run = live(tiny_world.scenario(visit("pharmacy")))

    assert days_of(run) == [MARCH_13]
    assert run.recorder.frames()["closings"].is_empty()


def test_a_frozen_insurer_keeps_no_day_open_that_has_nothing_under_way():
    faults = [{"kind": "freeze", "node": "63", "at": "50s", "for": "30s"}]

    run = live(closing_at("9h1min", visit("pharmacy", at="5s"), faults=faults))

    assert run.recorder.frames()["closings"].filter(node="63")["closed_us"].unique().to_list() == [60_000_000]


def test_a_day_closes_after_the_last_decision_of_it_that_waits_for_a_slow_disk():
    """The sale is decided 122 ms before the hour, and on disk 900 ms later."""
    slow = {"kind": "slow_disk", "node": "63", "at": "50s", "for": "60s", "add": "900ms"}

    run = live(closing_at("9h1min", visit("pharmacy", at="57s"), faults=[slow]))

    findings = check(run.books, run.record())
    assert findings.clean, findings.violations
    assert days_of(run) == [MARCH_13]
    [sheet] = run.recorder.frames()["closings"].filter(entries=1).to_dicts()
    assert (sheet["node"], sheet["waiting"]) == ("63", 1)
    assert sheet["closed_us"] > sheet["due_us"]


def test_a_killed_insurer_closes_and_remembers_it_when_it_comes_back():
    faults = [{"kind": "kill", "node": "63", "at": "55s", "for": "20s"}]

    run = live(closing_at("9h1min", visit("pharmacy", at="5s"), visit("pharmacy", at="58s"), faults=faults))

    role: Any = run.simulation.world.nodes["63"].role
    assert role.days.begin(0) == MARCH_14
    assert sorted(days_of(run)) == [MARCH_13, MARCH_14]


def test_days_end_by_people_time_whatever_the_scale():
    asked = load_scenario("jiaxing-qinghai", sets=["closing.at=23h", "scale.time=1000"])

    closings = [step for step in timetable(asked) if isinstance(step.act, CloseDay)]

    assert [step.act for step in closings] == [
        CloseDay(NodeId(node), 20180214 + n, 20180215 + n) for n in range(5) for node in asked.topology.province_nodes()
    ]
    assert closings[0].at_us == 23 * HOUR_US // 1000


def test_a_day_ends_at_midnight_when_no_hour_is_said():
    asked = load_scenario("jiaxing-qinghai", sets=["closing={}"])

    assert asked.closes_s == 86_400


@pytest.mark.parametrize("at", ["0s", "25h", "noon"])
def test_an_hour_that_is_none_is_refused(at):
    with pytest.raises(ScenarioError):
        load_scenario("jiaxing-qinghai", sets=[f"closing.at={at}"])
