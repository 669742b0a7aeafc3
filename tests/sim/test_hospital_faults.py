"""Hospitals with a wrong clock or key are not heard, by name, and nothing of what they sent is ever kept."""

from __future__ import annotations

from typing import Any

import pytest
from support.tiny_world import CARE, HUB, KINDS, S, assert_lawful, assert_nothing_leaked, fates, live, scenario, visit

from lab.analysis.measures import measure
from lab.runs.small import looked_at
from reference_impl.staging.hits import with_hits
from scenarios.reading.checks import problems
from scenarios.record.recorder import tables_of
from sim.run import SimRun

UNHEARD = {
    "skewed_clock": ({"by": "31min", "towards": "ahead"}, "I14"),
    "early_key": ({}, "I11"),
    "revoked_key": ({}, "I12"),
}


def wrong(kind: str, *, at: str = "0s", lasts: str = "15s", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "node": CARE, "at": at, "for": lasts, **UNHEARD[kind][0], **more}


def lived(fault: dict[str, Any], *visits: dict[str, Any], **more: Any) -> tuple[SimRun, dict[str, float | None]]:
    asked = scenario(*visits, faults=[fault], trust={}, **more)
    assert list(problems(asked)) == []
    run = live(asked)
    assert_nothing_leaked(run)
    return run, measure(run.record(), asked).flat()


def said(run: SimRun) -> list[tuple[str, str]]:
    messages = run.recorder.frames()["messages"].sort("sent_us")
    return list(zip(messages["outcome"], messages["refusal"], strict=True))


@pytest.mark.parametrize("kind", UNHEARD)
@pytest.mark.parametrize("visited", KINDS)
def test_who_is_not_heard_asks_again_and_is_served_once_it_is_mended(kind: str, visited: str) -> None:
    run, figures = lived(wrong(kind), visit(visited))

    code = UNHEARD[kind][1]
    first, *_ = said(run)
    assert first == ("unknown", code)
    unheard = [one for one in said(run) if one[1] == code]
    assert said(run)[: len(unheard)] == unheard  # nothing came between
    assert fates(run) == ["direct_after_retry"]
    assert figures["trust.unheard"] == len(unheard) > 1
    assert figures["trust.visits_unheard"] == 1
    assert figures["trust.visits_not_settled"] == 0
    hits = with_hits(tables_of(run.record()), run.simulation.world.scenario, dict).frame("events")
    assert hits.filter(kind=kind)["hits"].to_list() == [len(unheard)]
    assert_lawful(run, settled=1)


@pytest.mark.parametrize("kind", UNHEARD)
def test_who_is_never_heard_gives_up_and_no_node_knows_of_it(kind: str) -> None:
    """It may have had its effect, for all that an unsigned no proves: so it is not told as turned away."""
    run, figures = lived(wrong(kind, lasts="1h"), visit("pharmacy"), horizon={"length": "11min", "drain_limit": "1min"})

    assert set(said(run)) == {("unknown", UNHEARD[kind][1])}
    assert fates(run) == ["paper_by_choice"]
    assert figures["trust.visits_not_settled"] == 1
    assert not any(books.messages for books in run.books.values())
    assert_lawful(run, settled=0)


@pytest.mark.parametrize(
    ("by", "towards", "code"),
    [
        ("30min", "ahead", ""),
        ("1801s", "ahead", "I14"),
        ("5s", "behind", ""),
        ("29min", "behind", "I14"),  # before the node started, which has heard nothing of then
        ("31min", "behind", "I14"),
    ],
)
def test_a_clock_is_wrong_enough_beyond_the_window_or_before_the_start_of_the_node(by, towards, code) -> None:
    run, _ = lived(wrong("skewed_clock", by=by, towards=towards), visit("pharmacy"))

    assert said(run)[0][1] == code


def test_a_clock_behind_is_heard_again_so_long_after_a_restart_as_it_is_behind() -> None:
    kill = {"kind": "kill", "node": CARE, "at": "20s", "for": "5s"}
    skewed = wrong("skewed_clock", by="8s", towards="behind", lasts="60s")
    asked = scenario(visit("pharmacy"), visit("pharmacy", at="27s"), faults=[skewed, kill], trust={})
    run = live(asked)

    heard = run.recorder.frames()["messages"].filter(visit=1).sort("sent_us")
    stale = heard.filter(refusal="I14")
    assert stale.height > 0
    assert stale["sent_us"].max() < 33 * S <= heard.filter(outcome="ok")["sent_us"].min()


def test_a_share_of_the_institutions_is_hit_and_the_others_are_as_ever() -> None:
    visits = [visit("pharmacy", at=f"{10 + n}s") for n in range(8)]
    hit_by_seed = set()
    for seed in range(6):
        _, figures = lived(wrong("early_key", lasts="100s", share=0.5), *visits, seed=seed)
        hit_by_seed.add(figures["trust.visits_unheard"])
    assert {0.0, 8.0} & hit_by_seed  # all at one pharmacy, or none
    assert len(hit_by_seed) > 1


def test_nobody_elsewhere_is_hit() -> None:
    run, figures = lived(wrong("revoked_key", node="63"), visit("pharmacy"))

    assert figures["trust.unheard"] == 0
    assert fates(run) == ["direct"]


def test_a_frozen_province_hears_nobody_and_then_says_so() -> None:
    freeze = {"kind": "freeze", "node": CARE, "at": "9s", "for": "4s"}
    run = live(scenario(visit("pharmacy"), faults=[wrong("early_key"), freeze], trust={}))

    first, second = run.recorder.frames()["messages"].sort("sent_us").head(2).rows(named=True)
    assert (first["outcome"], first["refusal"]) == ("unknown", "")  # gave up before the answer came
    assert second["refusal"] == "I11"
    assert second["done_us"] >= 13 * S


def test_a_dead_province_is_unreachable_whatever_the_key() -> None:
    kill = {"kind": "kill", "node": CARE, "at": "9s", "for": "3s"}
    run = live(scenario(visit("pharmacy"), faults=[wrong("early_key"), kill], trust={}))

    assert said(run)[0] == ("unreachable", "")
    assert ("unknown", "I11") in said(run)


def test_at_a_citys_relay_hospitals_are_not_heard_either() -> None:
    run, figures = lived(wrong("early_key"), visit("pharmacy"), topology={"cities": {"3304": {}}})

    assert figures["trust.unheard"] > 0
    assert fates(run) == ["direct_after_retry"]


def test_a_new_code_of_an_institution_is_the_same_institution() -> None:
    """The fault is drawn by the code that an institution is registered under."""
    plan = {"scope": CARE, "at": "30s", "stop_before": 0, "window": "10s", "ramp": 0,
            "renumber": {"persons": False, "institutions": {}}}  # fmt: skip
    late = visit("pharmacy", at="60s")
    figures = [
        lived(wrong("early_key", at=at, lasts="15s", share=0.5), visit("pharmacy"), late, cutover=plan, seed=3)[1]
        for at in ("5s", "55s")
    ]

    assert (figures[0]["trust.visits_unheard"] == 0) == (figures[1]["trust.visits_unheard"] == 0)


def test_a_visit_within_a_province_counts_in_what_is_kept_of_a_record_too() -> None:
    run, figures = lived(wrong("early_key"), visit("pharmacy", insured=330400))

    asked = run.simulation.world.scenario
    kept = measure(looked_at(lambda name: run.recorder.frames()[name].lazy(), asked), asked).flat()
    assert kept["trust.unheard"] == figures["trust.unheard"] > 0


REFUSED = {
    "nobody signs": (wrong("early_key"), {}, "hospitals do not sign"),
    "the hub has no hospitals": (wrong("early_key", node=HUB), {"trust": {}}, "not in the scenario"),
    "a province that is not there": (wrong("revoked_key", node="34"), {"trust": {}}, "not in the scenario"),
    "nobody is hit": (wrong("skewed_clock", share=0), {"trust": {}}, "hits no institution"),
    "after the end": (wrong("skewed_clock", at="3min"), {"trust": {}}, "after the horizon"),
}


@pytest.mark.parametrize(("fault", "more", "words"), REFUSED.values(), ids=REFUSED)
def test_what_would_do_nothing_is_refused(fault, more, words) -> None:
    found = [str(one) for one in problems(scenario(visit("pharmacy"), faults=[fault], **more))]

    assert any(words in one for one in found), found


def lost(*link: str) -> dict[str, Any]:
    return {"kind": "lose", "link": list(link), "direction": "reply"}


@pytest.mark.parametrize(
    ("trust", "link", "words"),
    [
        ({"hospital_tls": True}, ("hospital", CARE), "of hospitals that speak TLS"),
        ({"hospital_tls": True}, ("*", "*"), "of hospitals that speak TLS"),
        ({"hospital_tls": True}, (CARE, HUB), ""),
        ({"mutual_tls": True}, (CARE, HUB), "between nodes that speak mutual TLS"),
        ({"mutual_tls": True}, ("hospital", CARE), ""),
    ],
)
def test_nothing_is_lost_on_a_link_that_is_encrypted(trust, link, words) -> None:
    found = [str(one) for one in problems(scenario(visit("pharmacy"), faults=[lost(*link)], trust=trust))]

    assert [words in one for one in found] == [True] * bool(words), found


def test_two_faults_of_the_same_hospitals_do_not_overlap() -> None:
    faults = [wrong("early_key"), wrong("revoked_key", at="14s"), wrong("skewed_clock", at="29s")]
    found = [str(one) for one in problems(scenario(visit("pharmacy"), faults=faults, trust={}))]

    assert len(found) == 1
    assert "overlaps faults.0" in found[0]


def test_without_such_a_fault_nothing_stands_before_a_node() -> None:
    plain, trusted = (live(scenario(visit("outpatient"), **more)) for more in ({}, {"trust": {}}))

    assert plain.recorder.frames()["messages"].equals(trusted.recorder.frames()["messages"])
