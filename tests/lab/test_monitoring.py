"""The watch after a stop: a slow window raises an alarm in the record, a quick one and a nearly empty one do not."""

from __future__ import annotations

from typing import Any

import pytest
from support.tiny_world import CARE, INSURED, S, live, scenario, visit

from lab.analysis import cutover
from lab.analysis.monitoring import with_alarms
from scenarios.record.recorder import record_of
from scenarios.schema.course import courses_of

STOP = {"scope": CARE, "at": "5s", "stop_before": "1s", "window": "5s", "ramp": 0}


def watched(*, slow: bool, lasts: str = "60s") -> Any:
    """Wide open at 10 s; from 30 s to 50 s the insurer takes six tenths of a second longer for each message."""
    faults = [{"kind": "slow", "node": INSURED, "at": "30s", "for": "20s", "add": "600ms"}] if slow else []
    came = [visit("pharmacy", at=f"{12 + 4 * number}s") for number in range(12)]
    plan = STOP | {"monitor": {"lasts": lasts, "over": "20s", "p95": "500ms"}}
    return scenario(*came, faults=faults, cutover=plan, topology={"desks_per_hospital": 5})


def alarms(asked: Any) -> list[tuple[int, str]]:
    run = live(asked)
    events = with_alarms(run.tables(), asked).frame("events")
    return [(row["at_us"] // S, row["target"]) for row in events.filter(kind="alarm").iter_rows(named=True)]


def figures(tables: Any, asked: Any) -> dict[str, float]:
    return cutover.measure(record_of(tables), courses_of(asked), 1.0, lost=frozenset(), doubled=frozenset())


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three messages be enough to judge a window."""
    monkeypatch.setattr("lab.analysis.monitoring.FEWEST", 3)


@pytest.mark.usefixtures("few")
def test_a_slow_window_raises_an_alarm_at_its_end_and_says_how_slow() -> None:
    """The second window lasts from 30 s to 50 s."""
    asked = watched(slow=True)
    run = live(asked)
    tables = with_alarms(run.tables(), asked)
    (alarm,) = tables.frame("events").filter(kind="alarm").iter_rows(named=True)
    assert (alarm["at_us"], alarm["target"]) == (50 * S, CARE)
    assert alarm["note"].startswith(f"{CARE}, p95 ")
    found = figures(tables, asked)
    assert (found["cutover.alarms"], found["cutover.first_alarm"]) == (1, 40 * S)
    assert tables.digest() != run.digest()


@pytest.mark.usefixtures("few")
def test_a_quick_system_raises_none_and_its_record_is_what_it_was() -> None:
    asked = watched(slow=False)
    run = live(asked)
    tables = with_alarms(run.tables(), asked)
    assert tables.digest() == run.digest()
    assert [row.kind for row in run.events][-2:] == ["full", "monitor"]
    found = figures(tables, asked)
    assert found["cutover.alarms"] == 0
    assert "cutover.first_alarm" not in found


def test_too_few_messages_are_not_judged() -> None:
    assert alarms(watched(slow=True)) == []


@pytest.mark.usefixtures("few")
def test_what_comes_after_the_watch_is_not_judged() -> None:
    assert alarms(watched(slow=True, lasts="20s")) == []


@pytest.mark.usefixtures("few")
def test_without_a_monitor_there_is_nothing_to_say() -> None:
    asked = scenario(visit("pharmacy", at="12s"), cutover=STOP)
    assert alarms(asked) == []
    assert "cutover.alarms" not in figures(live(asked).tables(), asked)
