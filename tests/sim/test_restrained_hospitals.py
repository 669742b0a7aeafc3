"""Hospitals that hold back by themselves: what is held back is written down, gives way in time, and loses nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import pytest
from support.tiny_world import (
    CARE,
    HUB,
    INSURED,
    assert_lawful,
    assert_nothing_leaked,
    fates,
    live,
    prepare,
    scenario,
    visit,
)

from lab.analysis.measures import measure
from lab.checker import check
from sim.run import SimRun

KINDS = ("pharmacy", "outpatient", "inpatient")
MANY = [visit("pharmacy", at=f"{10 + 2 * number}s") for number in range(8)]
DARK = {"kind": "lose", "link": [HUB, INSURED], "direction": "request", "at": "9s", "for": "30s"}


def lived(*visits: dict[str, Any], clients: dict[str, Any], faults: Any = (), **more: Any) -> SimRun:
    asked = scenario(*visits, clients=clients, faults=faults, **more)
    run = live(asked)
    findings = check(cast("Any", run.books), run.record())
    assert findings.clean, findings.violations
    return run


def said(run: SimRun) -> Counter[str]:
    return Counter(run.recorder.frames()["messages"]["outcome"].to_list())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("clients", [{"retry_budget": {}}, {"breaker": {}}, {"retry_budget": {}, "breaker": {}}])
def test_in_good_times_nothing_is_held_back(kind: str, clients: dict[str, Any]) -> None:
    run = lived(visit(kind), clients=clients)

    assert set(said(run)) == {"ok"}
    assert_lawful(run, settled=1)
    assert_nothing_leaked(run)


def test_retries_of_a_hospital_keep_to_its_budget() -> None:
    budget = {"share": 0.1, "burst": 1, "one_every": "20s"}
    free = lived(*MANY, clients={}, faults=[DARK])
    held = lived(*MANY, clients={"retry_budget": budget}, faults=[DARK])

    def retries(run: SimRun) -> int:
        rows = run.recorder.frames()["messages"]
        return sum(
            attempt > 1 and not outcome.startswith("held")
            for attempt, outcome in zip(rows["attempt"], rows["outcome"], strict=True)
        )

    took_s, hospitals = held.ended_us / 1_000_000, 4
    assert said(held)["held_by_budget"] > 0 == said(free)["held_by_budget"]
    assert retries(held) < retries(free)
    assert retries(held) <= hospitals * (1 + took_s / 20) + 0.1 * len(MANY) * 3
    assert_nothing_leaked(held)


def test_a_breaker_of_a_hospital_opens_in_the_dark_and_closes_in_the_light() -> None:
    breaker = {"over": "10s", "calls": 2, "rest": "4s", "ramp": "4s"}
    late = [visit("pharmacy", at="80s"), visit("pharmacy", at="90s")]

    run = lived(*MANY, *late, clients={"breaker": breaker}, faults=[DARK])

    rows = run.recorder.frames()["messages"]
    held_us = rows.filter(rows["outcome"] == "held_by_breaker")["sent_us"]
    assert held_us.len() > 0
    assert held_us.max() < 80_000_000
    assert fates(run)[-2:] == ["direct", "direct"]
    assert_nothing_leaked(run)


def test_what_is_cut_off_in_the_middle_of_a_call_gives_its_way_back() -> None:
    """Else a probe that nobody hears of would keep a breaker shut for good."""
    asked = scenario(visit("pharmacy", at="10s"), clients={"breaker": {}}, faults=[DARK])
    first = live(asked).recorder.frames()["messages"].row(0, named=True)
    simulation = prepare(asked)

    run = simulation.run(until_us=(first["sent_us"] + first["done_us"]) // 2)

    calls = simulation.world.site.calls
    assert fates(run) == ["open_at_end"]
    assert calls is not None
    [restraint] = calls._of.values()
    assert [way.under_way for way in restraint._ways.values()] == [0]


def test_what_was_held_back_counts_as_no_message() -> None:
    budget = {"share": 0, "burst": 1, "one_every": "60s"}

    run = lived(*MANY[:2], clients={"retry_budget": budget}, faults=[DARK])

    figures = measure(run.record(), run.simulation.world.scenario).flat()
    rows = run.recorder.frames()["messages"]
    sent = rows.filter(~rows["outcome"].cast(str).str.starts_with("held"))
    assert (
        figures["retry.amplification"]
        == sent.height / sent["msgid"].n_unique()
        < rows.height / sent["msgid"].n_unique()
    )
    assert sum(run.recorder.frames()["visits"]["attempts"]) == sent.height


def test_a_killed_province_forgets_what_it_held_back_and_business_goes_on() -> None:
    kill = {"kind": "kill", "node": CARE, "at": "20s", "for": "5s"}
    clients = {"retry_budget": {"burst": 1}, "breaker": {"calls": 2, "rest": "4s", "ramp": "4s"}}

    run = lived(*MANY, visit("pharmacy", at="90s"), clients=clients, faults=[kill, DARK])

    assert fates(run)[-1] == "direct"
    assert_nothing_leaked(run)
