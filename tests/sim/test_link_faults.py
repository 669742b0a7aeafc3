"""What else befalls links in the simulated world: connections that end, copies, overtaking, narrow links, partitions."""

from __future__ import annotations

from typing import Any

import pytest
from support.tiny_world import (
    CARE,
    HUB,
    INSURED,
    KINDS,
    OTHER,
    SETTLES,
    S,
    assert_lawful,
    assert_nothing_leaked,
    codes,
    fates,
    live,
    scenario,
    visit,
)

from lab.checker import check
from reference_impl.domain.nodes import NodeId
from reference_impl.staging.disturbing import disturbances
from reference_impl.staging.loss import FaultyLink
from sim.run import SimRun

LINKS = (["hospital", CARE], [CARE, HUB], [HUB, INSURED])
WAYS = ("request", "reply")


def lived(*visits: dict[str, Any], faults: Any = (), settled: int | None = None) -> SimRun:
    run = live(scenario(*visits, faults=faults))
    assert check(run.books, run.record()).clean
    assert_nothing_leaked(run)
    assert_lawful(run, settled=len(visits) if settled is None else settled)
    return run


def hits(run: SimRun) -> list[int | None]:
    return [event.hits for event in run.events]


def latency_us(run: SimRun) -> int:
    return run.recorder.frames()["visits"]["latency_us"].item()


@pytest.mark.parametrize("link", LINKS, ids=">".join)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "cut", [{"kind": "reset"}, {"kind": "slow_close", "after": "300ms"}], ids=lambda cut: cut["kind"]
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_that_ends_in_a_message_leaves_it_unknown_and_asking_again_settles_once(
    kind: str, cut: Any, way: str, link: Any
) -> None:
    fault = {"link": link, "direction": way, "codes": [SETTLES[kind]], "first": 1, **cut}
    run = lived(visit(kind), faults=[fault])

    assert hits(run) == [1]
    assert {outcome for code, outcome in codes(run) if code == SETTLES[kind]} >= {"ok"}
    assert fates(run) == ["direct_after_retry"] or link != ["hospital", CARE]


def test_who_hears_the_end_of_a_connection_asks_again_before_who_waits_for_an_answer() -> None:
    at_desk = {"link": ["hospital", CARE], "direction": "reply", "codes": ["2102"], "first": 1}
    lost, reset, slowly = (
        latency_us(lived(visit("pharmacy"), faults=[at_desk | cut]))
        for cut in ({"kind": "lose"}, {"kind": "reset"}, {"kind": "slow_close", "after": "500ms"})
    )

    assert reset < slowly < lost
    assert slowly - reset == pytest.approx(500_000, abs=5_000)


@pytest.mark.parametrize("after", ["0s", "300ms", "5s"])
@pytest.mark.parametrize("link", LINKS, ids=">".join)
@pytest.mark.parametrize("kind", KINDS)
def test_a_request_that_comes_twice_is_done_once(kind: str, link: Any, after: str) -> None:
    run = lived(visit(kind), faults=[{"kind": "duplicate", "link": link, "after": after}])

    assert fates(run) == ["direct"]
    assert {outcome for _, outcome in codes(run)} == {"ok"}
    assert hits(run) > [1]


def test_a_copy_of_a_message_that_was_taken_back_meanwhile_does_nothing() -> None:
    """Its reply is lost, it is reversed, and then its copy comes: the reversal stands."""
    lost = {"kind": "lose", "link": ["hospital", CARE], "direction": "reply", "codes": ["2102"]}
    late = {"kind": "duplicate", "link": [HUB, INSURED], "codes": ["2102"], "first": 1, "after": "60s"}
    run = lived(visit("pharmacy"), faults=[lost, late], settled=0)

    assert fates(run) == ["reversed_then_paper"]


@pytest.mark.parametrize("way", WAYS)
def test_messages_that_are_held_back_come_later_by_as_much(way: str) -> None:
    held = {"kind": "reorder", "link": [HUB, INSURED], "direction": way, "codes": ["2102"], "by": "200ms"}
    run = lived(visit("pharmacy"), faults=[held])

    assert latency_us(run) - latency_us(lived(visit("pharmacy"))) == pytest.approx(200_000, abs=1_000)
    assert hits(run) == [1]


def test_of_two_messages_the_one_that_is_held_back_is_overtaken() -> None:
    held = {"kind": "reorder", "link": ["hospital", CARE], "direction": "request", "codes": ["2207"], "share": "50%"}
    asked = scenario(
        visit("outpatient"), visit("outpatient", at="10200ms", care=330100), faults=[held | {"by": "1800ms"}], seed=8
    )
    visits = live(asked).recorder.frames()["visits"].sort("settle_sent_us")

    first, second = (visits["settle_sent_us"] + visits["latency_us"]).to_list()
    assert second < first


def test_jitter_makes_each_message_later_by_another_time() -> None:
    late = {"kind": "delay", "link": ["hospital", CARE], "add": "10ms", "jitter": "100ms"}
    plain = latency_us(lived(visit("pharmacy")))
    first, second = (latency_us(live(scenario(visit("pharmacy"), faults=[late], seed=seed))) for seed in (1, 2))

    for found in (first, second):
        assert plain + 20_000 < found < plain + 220_000
    assert first != second


def test_a_narrow_link_makes_a_message_wait_for_its_bytes_each_way() -> None:
    narrow, half = (
        latency_us(
            lived(visit("pharmacy"), faults=[{"kind": "bandwidth", "link": [HUB, INSURED], "bytes_per_second": rate}])
        )
        for rate in (4_000, 2_000)
    )
    plain = latency_us(lived(visit("pharmacy")))

    assert plain < narrow < half
    assert half - plain == pytest.approx(2 * (narrow - plain), abs=200)


def test_what_a_burst_holds_passes_a_narrow_link_at_once() -> None:
    narrow = {"kind": "bandwidth", "link": [HUB, INSURED], "bytes_per_second": 4_000, "burst_bytes": 100_000}
    run = lived(visit("pharmacy"), faults=[narrow])

    assert latency_us(run) == latency_us(lived(visit("pharmacy")))
    assert hits(run) == [0]


def test_a_link_that_carries_a_byte_a_second_carries_nothing_in_time() -> None:
    choked = {"kind": "bandwidth", "link": [HUB, INSURED], "bytes_per_second": 1, "at": "5s", "for": "100s"}
    run = lived(visit("pharmacy"), faults=[choked], settled=0)

    assert fates(run) != ["direct"]


def test_what_waits_for_a_narrow_link_passes_when_that_is_over() -> None:
    """And nobody who comes later overtakes it by more than that moment."""
    fault = {"kind": "bandwidth", "link": ["hub", INSURED], "bytes_per_second": 1, "at": "5s", "for": "1s"}
    link = FaultyLink(1, "hub", INSURED, disturbances(scenario(visit("pharmacy"), faults=[fault])))
    link_us = [5_000_000, 5_500_000, 5_999_999, 6_000_000]

    waits_us = [link.request(f"m{at}", "0000", at, 10_000).delay_us for at in link_us]

    assert [at + wait for at, wait in zip(link_us, waits_us, strict=True)] == [6_000_000] * 4


SPLITS = {
    "the insurer alone": [[INSURED], [HUB]],
    "the insurer and another away from all others": [[INSURED, OTHER], [HUB, CARE, "hospital"]],
    "everybody alone": [[INSURED], [HUB], [CARE]],
}


@pytest.mark.parametrize("groups", SPLITS.values(), ids=SPLITS)
def test_groups_that_are_parted_hear_nothing_of_each_other_until_it_ends(groups: Any) -> None:
    parted = {"kind": "partition", "groups": groups, "at": "5s", "for": "8s"}
    run = lived(visit("pharmacy"), faults=[parted])

    assert fates(run) == ["direct_after_retry"]
    assert {"unknown", "busy"} & {outcome for _, outcome in codes(run)}
    (event,) = run.events
    assert (event.kind, event.target, event.until_us) == ("partition", " | ".join(map(" ".join, groups)), 13_000_000)
    assert event.hits
    assert event.hits > 0


def test_a_partition_parts_neither_who_stands_in_one_group_nor_who_stands_in_none() -> None:
    run = lived(visit("pharmacy"), faults=[{"kind": "partition", "groups": [[OTHER], [HUB, INSURED]]}])

    assert fates(run) == ["direct"]
    assert hits(run) == [0]


@pytest.mark.parametrize(
    ("speakers", "listeners", "acted"), [([INSURED], [HUB], 1), ([HUB], [INSURED], 0)], ids=["answers", "questions"]
)
def test_half_a_partition_loses_what_goes_one_way(speakers: Any, listeners: Any, acted: int) -> None:
    """The insurer that is heard by nobody acts on what it hears; the one that hears nobody does not."""
    at_us = lived(visit("pharmacy")).recorder.frames()["visits"]["settle_sent_us"].item()
    half = {"kind": "half_partition", "from": speakers, "to": listeners, "at": f"{at_us // 1000}ms", "for": "5s"}
    run = lived(visit("pharmacy"), faults=[half])

    early = [made for made in run.books[NodeId(INSURED)].settlements if made.posted_us < at_us + 5 * S]
    assert len(early) == acted
    assert fates(run) == ["direct_after_retry"]
