"""What befalls the machine under a node in the simulated world: a slow disk, a full one, a clock that jumps."""

from __future__ import annotations

from typing import Any

import pytest
from support.tiny_world import CARE, HUB, INSURED, S, assert_lawful, assert_nothing_leaked, fates, live, scenario, visit

from lab.checker import check
from reference_impl.domain.nodes import NodeId
from sim.run import SimRun

KINDS = ("pharmacy", "outpatient", "inpatient")


def lived(*visits: dict[str, Any], faults: Any = (), settled: int | None = None) -> SimRun:
    run = live(scenario(*visits, faults=faults))
    assert check(run.books, run.record()).clean
    assert_nothing_leaked(run)
    assert_lawful(run, settled=len(visits) if settled is None else settled)
    return run


def latency_us(run: SimRun) -> int:
    return run.recorder.frames()["visits"]["latency_us"].item()


@pytest.mark.parametrize(("node", "commits"), [(INSURED, 1), (HUB, 2), (CARE, 2)])
def test_a_slow_disk_is_waited_for_at_each_commit_on_the_way(node: str, commits: int) -> None:
    """Care province and hub commit an intent and an outcome, the insurer one change."""
    slow = {"kind": "slow_disk", "node": node, "at": "5s", "for": "60s", "add": "200ms"}
    calm, slowed = lived(visit("pharmacy")), lived(visit("pharmacy"), faults=[slow])

    assert latency_us(slowed) - latency_us(calm) == pytest.approx(commits * 200_000, abs=5_000)
    (row,) = slowed.recorder.frames()["events"].iter_rows(named=True)
    assert (row["kind"], row["target"], row["note"]) == ("slow_disk", node, "+200000 us")


def test_a_disk_that_is_slow_no_more_is_as_it_was() -> None:
    over = {"kind": "slow_disk", "node": INSURED, "at": "1s", "for": "5s", "add": "200ms"}

    assert latency_us(lived(visit("pharmacy"), faults=[over])) == latency_us(lived(visit("pharmacy")))


def test_what_computes_beside_the_nodes_makes_all_they_compute_longer_by_as_much() -> None:
    plain, half, most = (
        latency_us(lived(visit("pharmacy"), faults=[hog] if hog else []))
        for hog in (None, *({"kind": "cpu_hog", "at": "5s", "for": "60s", "share": share} for share in (0.5, 0.8)))
    )

    assert half > plain
    assert most - plain == pytest.approx(4 * (half - plain), rel=0.02)


def test_a_core_that_is_given_back_is_as_fast_as_before() -> None:
    over = {"kind": "cpu_hog", "at": "1s", "for": "5s", "share": "80%"}
    run = lived(visit("pharmacy"), faults=[over])

    assert latency_us(run) == latency_us(lived(visit("pharmacy")))
    assert run.record().events["hits"].to_list() == [0]


@pytest.mark.parametrize("kind", KINDS)
def test_on_a_full_disk_nobody_is_told_anything_and_the_same_messages_settle_once_there_is_room(kind: str) -> None:
    full = {"kind": "full_disk", "at": "9s", "for": "8s"}
    run = lived(visit(kind), faults=[full])

    outcomes = set(run.recorder.frames()["messages"]["outcome"])
    assert "unknown" in outcomes
    assert fates(run) == ["direct_after_retry"]


def test_a_disk_that_stays_full_sends_the_patient_away_and_leaves_nothing_behind() -> None:
    run = lived(visit("pharmacy"), faults=[{"kind": "full_disk", "at": "9s", "for": "5min"}], settled=0)

    assert fates(run) == ["paper_by_choice"]


@pytest.mark.parametrize("at_ms", range(9_600, 10_400, 40))
def test_a_disk_that_fills_up_at_any_step_loses_and_doubles_nothing(at_ms: int) -> None:
    """What was begun is swept or asked for again: the sweeper meets books that fail, and comes again."""
    lived(visit("pharmacy"), faults=[{"kind": "full_disk", "at": f"{at_ms}ms", "for": "9s"}])


@pytest.mark.parametrize(("towards", "by_s"), [("ahead", 45), ("behind", 45)])
def test_a_clock_that_is_off_dates_what_its_process_does_and_time_never_runs_back(towards: str, by_s: int) -> None:
    off = {"kind": "clock_off", "node": INSURED, "at": "8s", "for": "30s", "by": f"{by_s}s", "towards": towards}
    run = lived(visit("pharmacy"), visit("outpatient", at="39s"), visit("outpatient", at="95s"), faults=[off])

    posted = [made.posted_us for made in run.books[NodeId(INSURED)].settlements]
    assert posted == sorted(posted)
    ahead, stands, right = posted
    if towards == "ahead":
        assert ahead == pytest.approx(10 * S + 45 * S, abs=4 * S)
        assert stands == pytest.approx(38 * S + 45 * S, abs=4 * S), "the clock stands where it had come to"
    else:
        assert ahead == pytest.approx(8 * S, abs=S), "the clock stands from the jump on"
    assert right == pytest.approx(97 * S, abs=5 * S)
    (row,) = run.recorder.frames()["events"].iter_rows(named=True)
    assert row["note"] == f"{'+' if towards == 'ahead' else '-'}{by_s * S} us"


def test_a_kill_does_not_take_back_what_a_clock_has_shown() -> None:
    off = {"kind": "clock_off", "node": INSURED, "at": "8s", "for": "30s", "by": "45s"}
    kill = {"kind": "kill", "node": INSURED, "at": "20s", "for": "2s"}
    run = lived(visit("pharmacy"), visit("outpatient", at="24s"), visit("outpatient", at="50s"), faults=[off, kill])

    posted = [made.posted_us for made in run.books[NodeId(INSURED)].settlements]
    assert posted == sorted(posted)


def test_where_no_clock_is_off_nothing_else_changes() -> None:
    sound = {"kind": "clock_off", "node": "11", "at": "8s", "for": "30s", "by": "45s"}
    with_it, without = lived(visit("outpatient"), faults=[sound]), lived(visit("outpatient"))

    for table in ("visits", "messages"):
        assert with_it.recorder.frames()[table].rows() == without.recorder.frames()[table].rows()


@pytest.mark.parametrize(("node", "kind"), [(INSURED, "pharmacy"), (HUB, "outpatient"), (CARE, "inpatient")])
def test_in_a_database_that_somebody_holds_the_same_messages_settle_once_it_is_let_go(node: str, kind: str) -> None:
    run = lived(visit(kind), faults=[{"kind": "database_down", "node": node, "at": "9s", "for": "8s"}])

    assert {"unknown", "busy"} & set(run.recorder.frames()["messages"]["outcome"])
    assert fates(run) == ["direct_after_retry"]
    (row,) = run.record().events.iter_rows(named=True)
    assert (row["kind"], row["target"]) == ("database_down", node)
    assert row["hits"] > 0


@pytest.mark.parametrize("at_ms", range(9_600, 10_400, 80))
def test_a_database_held_from_any_step_on_loses_and_doubles_nothing(at_ms: int) -> None:
    lived(visit("pharmacy"), faults=[{"kind": "database_down", "node": INSURED, "at": f"{at_ms}ms", "for": "9s"}])


def test_a_database_held_for_a_moment_is_waited_for() -> None:
    brief = {"kind": "database_down", "node": INSURED, "at": "9s", "for": "2s"}

    assert latency_us(lived(visit("pharmacy"), faults=[brief])) >= latency_us(lived(visit("pharmacy")))
