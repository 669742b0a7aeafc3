"""Desks that sign in and out: what they send, what a restart or a reopening costs, and that nothing else changes."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import pytest
from support.tiny_world import CARE, assert_lawful, assert_nothing_leaked, fates, live, scenario, visit

from lab.analysis.agreement import agreement_of
from lab.analysis.measures import measure
from lab.checker import check
from lab.runs.small import looked_at
from sim.run import SimRun

KINDS = ("pharmacy", "outpatient", "inpatient")


def codes(run: SimRun) -> list[tuple[str, str]]:
    """Return what was sent and what came of it, in the order of sending."""
    messages = run.recorder.frames()["messages"].sort("sent_us")
    return list(zip(messages["code"], messages["outcome"], strict=True))


def lived(*visits: dict[str, Any], settled: int, **more: Any) -> tuple[SimRun, dict[str, float | None]]:
    sessions = more.pop("sessions", {})
    asked = scenario(*visits, sessions=sessions, **more)
    run = live(asked)
    findings = check(cast("Any", run.books), run.record(), agreement=agreement_of(asked))
    assert findings.clean, findings.violations
    assert_lawful(run, settled=settled)
    assert_nothing_leaked(run)
    return run, measure(run.record(), asked).flat()


@pytest.mark.parametrize("kind", KINDS)
def test_a_desk_signs_in_once_before_its_first_message(kind: str) -> None:
    run, figures = lived(visit(kind), visit(kind, at="80s"), settled=2)

    said = codes(run)
    assert said[0] == ("9001", "ok")
    assert Counter(code for code, _ in said)["9001"] == 1 == figures["sessions.sign_ins"]
    assert fates(run) == ["direct", "direct"]
    assert figures["sessions.refused"] == 0


def test_what_is_kept_of_a_record_counts_the_sign_ins_for_visits_within_a_province_too() -> None:
    """Found by an adversary: with no stop beside sessions such a visit was left out, and its desk's sign-in with it."""
    run, figures = lived(visit("pharmacy", insured=330400), visit("pharmacy", at="80s"), settled=2)

    kept = looked_at(lambda name: run.recorder.frames()[name].lazy(), run.simulation.world.scenario)
    assert measure(kept, run.simulation.world.scenario).flat()["sessions.sign_ins"] == figures["sessions.sign_ins"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_restarted_province_knows_no_session_and_its_desks_sign_in_anew(kind: str) -> None:
    kill = {"kind": "kill", "node": CARE, "at": "30s", "for": "5s"}
    second = visit(kind, at="50s")
    run, figures = lived({**visit(kind), **({"stay": "5s"} if kind == "inpatient" else {})}, second,
                         settled=2, faults=[kill])  # fmt: skip

    said = codes(run)
    assert figures["sessions.sign_ins"] == 2
    assert figures["sessions.refused"] == figures["sessions.visits_refused"] == 1
    turned_away = said.index(("1101", "unsigned"))
    assert said[turned_away + 1 : turned_away + 3] == [("9001", "ok"), ("1101", "ok")]
    assert fates(run)[1] == "direct_after_retry"


def test_a_desk_signs_out_at_its_hour_and_in_again_for_who_comes_later() -> None:
    hour = {"signs_out": "541min", "spread": 0}  # a minute after the run begins
    run, figures = lived(visit("pharmacy"), visit("pharmacy", at="80s"), settled=2, sessions=hour)

    said = [code for code, _ in codes(run) if code.startswith("9")]
    assert said == ["9001", "9002", "9001"]
    assert (figures["sessions.sign_ins"], figures["sessions.sign_outs"], figures["sessions.refused"]) == (2, 1, 0)


def test_a_stay_that_was_put_away_signs_in_again_under_an_id_of_its_own() -> None:
    """Its desk signed in for its admission, out while it lay, and has to send for it again."""
    stay = {**visit("inpatient"), "stay": "100s"}
    run, figures = lived(stay, settled=1, sessions={"signs_out": "541min", "spread": 0, "lasts": "95s"})

    messages = run.recorder.frames()["messages"]
    signed_in = messages.filter(messages["code"] == "9001")["msgid"]
    assert len(signed_in) == len(set(signed_in)) == figures["sessions.sign_ins"] == 2


def test_a_session_that_nobody_signs_out_ends_by_itself() -> None:
    run, figures = lived(visit("pharmacy"), visit("pharmacy", at="80s"), settled=2, sessions={"lasts": "60s"})

    assert ("1101", "unsigned") in codes(run)
    assert figures["sessions.sign_ins"] == 2


@pytest.mark.parametrize(("dropped", "refused"), [(True, 1), (False, 0)])
def test_a_reopening_may_drop_all_sessions(*, dropped: bool, refused: int) -> None:
    plan = {"name": "stop", "scope": CARE, "at": "40s", "stop_before": "5s", "window": "20s", "ramp": 0}
    _, figures = lived(
        visit("pharmacy"), visit("pharmacy", at="90s"), settled=2, cutover=plan,
        sessions={"dropped_at_reopening": dropped},
    )  # fmt: skip

    assert figures["sessions.refused"] == refused
    assert figures["sessions.sign_ins"] == 1 + refused


def test_a_sign_in_that_nobody_answers_is_tried_again_and_says_nothing_of_the_business() -> None:
    lose = {"kind": "lose", "link": ["hospital", CARE], "direction": "reply", "codes": ["9001"], "first": 1}
    run, figures = lived(visit("outpatient"), settled=1, faults=[lose])

    assert codes(run)[0] == ("9001", "unknown")
    assert fates(run) == ["direct_after_retry"]
    assert figures["sessions.sign_ins"] == 1


def test_without_the_key_no_desk_signs_in_and_nothing_is_measured() -> None:
    asked = scenario(visit("pharmacy"))
    run = live(asked)

    assert [code for code, _ in codes(run)] == ["1101", "2101", "2102"]
    assert not [name for name in measure(run.record(), asked).flat() if name.startswith("sessions.")]
