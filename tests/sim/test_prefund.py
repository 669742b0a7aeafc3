"""Prefunds in a run: who is not covered pays and claims by paper, or waits; the account is right to the fen."""

from __future__ import annotations

from typing import Any, cast

import pytest
from support.tiny_world import CARE, INSURED, assert_lawful, assert_nothing_leaked, fates, live, scenario, visit

from lab.analysis.agreement import agreement_of
from lab.analysis.measures import measure
from lab.analysis.prefund import figures_of_books
from lab.checker import check
from lab.runs.small import looked_at
from reference_impl.domain.nodes import NodeId
from scenarios.schema import Scenario
from scenarios.units import US_PER_DAY
from sim.run import SimRun

PLENTY = 10**9
PAPER = "paper_by_prefund"


def asking(
    limit_fen: int, *visits: dict[str, Any], faults: Any = (), cutover: Any = (), top_ups: Any = (), **more: Any
) -> Scenario:
    quota = {"insured": INSURED, "care": CARE, "limit_fen": limit_fen, "top_ups": top_ups}
    return scenario(*visits, faults=faults, cutover=cutover, prefund={"quotas": [quota], **more})


def lived(asked: Scenario) -> SimRun:
    run = live(asked)
    findings = check(cast("Any", run.books), run.record(), agreement=agreement_of(asked))
    assert findings.clean, findings.violations
    assert figures_of_books(cast("Any", run.books), asked)["prefund.adrift"] == 0
    assert_nothing_leaked(run)
    return run


@pytest.mark.parametrize("kind", ["pharmacy", "outpatient", "inpatient"])
def test_whom_the_prefund_does_not_cover_pays_and_claims_by_paper(kind: str) -> None:
    asked = asking(0, visit(kind))
    run = lived(asked)

    figures = measure(run.record(), asked).flat()
    assert fates(run) == [PAPER]
    assert figures["prefund.refused"] == 1
    assert figures["prefund.refused_yuan"] == 4_000
    assert_lawful(run, settled=0)


def test_what_is_kept_of_a_record_is_enough_for_the_figures_where_nothing_but_a_prefund_asks() -> None:
    """Found by an adversary: with no stop and no other key beside it every run failed once it had been simulated."""
    asked = asking(300_000, visit("outpatient"), visit("outpatient", at="20s"))
    run = lived(asked)

    kept = looked_at(lambda name: run.recorder.frames()[name].lazy(), asked)
    whole, small = measure(run.record(), asked).flat(), measure(kept, asked).flat()
    assert {name: small[name] for name in small if name.startswith("prefund.")} == {
        "prefund.refused": 1, "prefund.refused_yuan": whole["prefund.refused_yuan"], "prefund.gave_up": 0,
    }  # fmt: skip


def test_it_is_used_to_the_last_visit_that_fits_and_the_warning_is_red() -> None:
    asked = asking(300_000, visit("outpatient"), visit("outpatient", at="20s"))
    run = lived(asked)

    figures = figures_of_books(cast("Any", run.books), asked)
    assert fates(run) == ["direct", PAPER]
    assert 0.9 < figures["prefund.used_share"] <= 1
    assert figures["prefund.alarms"] == 1


def test_another_insurer_and_the_province_itself_are_not_limited() -> None:
    asked = asking(0, visit("pharmacy", insured=110100), visit("pharmacy", at="20s", insured=330400))

    assert fates(lived(asked)) == ["direct", "direct"]


def test_who_waits_settles_when_the_top_up_comes_and_who_waits_too_long_pays() -> None:
    top_ups = [{"at": "30s", "fen": PLENTY}]
    waits = {"when_dry": "wait", "retry": "1s"}

    assert fates(lived(asking(0, visit("pharmacy"), top_ups=top_ups, **waits))) == ["direct_after_retry"]
    asked = asking(0, visit("pharmacy"), **waits)
    run = lived(asked)
    figures = measure(run.record(), asked).flat()
    assert fates(run) == [PAPER]
    assert figures["prefund.refused"] == figures["prefund.gave_up"] == 1
    assert run.recorder.frames()["visits"]["refusal"].to_list() == [""]  # nobody has given a verdict


KEPT: dict[str, Any] = {
    "scope": INSURED, "at": "10s", "stop_before": "1s", "window": "30s", "ramp": "0s", "announced": False,
}  # fmt: skip
LATER: dict[str, Any] = {"settle_later": {"spread": "1s"}, "stand_in": {"limit_fen": 1_000_000}}


def test_whoever_states_no_patience_waits_a_day_of_people_time() -> None:
    """Found by an adversary: the default was the text '1d', and the first hospital that waited by itself failed."""
    plan = KEPT | {"policies": {"mixes": [{"settle_later": 1}], **LATER}}
    top_ups = [{"at": "110s", "fen": PLENTY}]
    asked = asking(0, visit("pharmacy"), cutover=plan, when_dry="wait", retry="1s", top_ups=top_ups)

    assert fates(lived(asked)) == ["settled_later"]
    assert asked.prefund is not None
    assert asked.prefund.patience_us == US_PER_DAY


@pytest.mark.parametrize(
    ("top_up", "recourse", "fate"),
    [
        ("70s", "settle_later", "settled_later"),
        ("70s", "stand_in", "estimated_then_settled"),
        ("110s", "settle_later", PAPER),
        ("110s", "stand_in", PAPER),
    ],
)
@pytest.mark.parametrize("kind", ["pharmacy", "outpatient"])
def test_what_a_hospital_kept_waits_for_money_so_long_and_then_goes_to_paper(
    kind: str, top_up: str, recourse: str, fate: str
) -> None:
    """The door opens at 40 s; the hospital asks for a minute at most, from the first time it is told of the money."""
    plan = KEPT | {"policies": {"mixes": [{recourse: 1}], **LATER}}
    asked = asking(
        0, visit(kind), cutover=plan, when_dry="wait", retry="1s", patience="60s",
        top_ups=[{"at": top_up, "fen": PLENTY}],
    )  # fmt: skip
    run = lived(asked)

    figures = measure(run.record(), asked).flat()
    assert fates(run) == [fate]
    assert figures["prefund.gave_up"] == (fate == PAPER)
    assert run.recorder.frames()["visits"]["ended_us"][0] < 105_000_000
    assert_lawful(run, settled=int(fate != PAPER))


DEAD = {"kind": "kill", "at": "50s", "node": CARE, "for": "55s"}


def test_a_hospital_gives_up_over_money_alone_and_not_over_a_node_that_is_down() -> None:
    """Money comes at 70 s, when the care province is down; its patience is over before that is up again."""
    plan = KEPT | {"policies": {"mixes": [{"settle_later": 1}], **LATER}}
    asked = asking(
        0, visit("pharmacy"), faults=[DEAD], cutover=plan, when_dry="wait", retry="1s", patience="30s",
        top_ups=[{"at": "70s", "fen": PLENTY}],
    )  # fmt: skip
    run = lived(asked)

    assert fates(run) == ["settled_later"]
    assert_lawful(run, settled=1)


def test_money_that_others_used_up_renews_nobodys_patience() -> None:
    """A prefund that fits one of two is topped up while both wait; who is left gives up after its own minute."""
    plan = KEPT | {"policies": {"mixes": [{"settle_later": 1}], **LATER}}
    asked = asking(
        0, *(visit("pharmacy", at=f"{at}s") for at in (10, 20)), cutover=plan, when_dry="wait", retry="1s",
        patience="60s", top_ups=[{"at": "95s", "fen": 300_000}],
    )  # fmt: skip
    run = lived(asked)

    assert sorted(fates(run)) == [PAPER, "settled_later"]
    assert run.recorder.frames()["visits"]["ended_us"].max() < 110_000_000


def test_a_door_that_closes_over_a_wait_renews_nobodys_patience() -> None:
    """The insurer stops again from 60 s to 80 s: its hospital has known since 40 s that the money is short."""
    policies = {"policies": {"mixes": [{"settle_later": 1}], **LATER}}
    again = KEPT | {"name": "again", "at": "60s", "window": "20s"}
    asked = asking(
        0, visit("pharmacy"), cutover=[KEPT | policies | {"name": "first"}, again | policies], when_dry="wait",
        retry="1s", patience="50s", top_ups=[{"at": "115s", "fen": PLENTY}],
    )  # fmt: skip
    run = lived(asked)

    assert fates(run) == [PAPER]
    assert run.recorder.frames()["visits"]["ended_us"][0] < 95_000_000


def test_who_may_have_been_settled_while_the_money_ran_out_is_reversed_before_the_hospital_gives_up() -> None:
    """Its first answer is lost on the way, so no later one can say that it had no effect."""
    lost = {"kind": "lose", "link": ["hospital", CARE], "direction": "reply", "codes": ["2102"], "first": 1}
    plan = KEPT | {"policies": {"mixes": [{"settle_later": 1}], **LATER}}
    run = lived(asking(0, visit("pharmacy"), faults=[lost], cutover=plan, when_dry="wait", retry="1s", patience="10s"))

    assert fates(run) == ["reversed_then_paper"]
    assert_lawful(run, settled=0)


def test_after_a_top_up_the_next_patient_is_covered() -> None:
    top_ups = [{"at": "15s", "fen": PLENTY}]

    assert fates(lived(asking(0, visit("pharmacy"), visit("pharmacy", at="20s"), top_ups=top_ups))) == [PAPER, "direct"]


def test_a_settlement_that_was_reversed_has_left_its_room_to_others() -> None:
    """Of the first no reply ever comes back: it is reversed, and the second has the whole prefund."""
    lost = {"kind": "lose", "link": [CARE, "hub"], "direction": "reply", "codes": ["2102"], "first": 60}
    asked = asking(400_000, visit("pharmacy"), visit("pharmacy", at="1min50s"), faults=[lost])
    run = lived(asked)

    assert fates(run)[0] in ("reversed_then_paper", "direct_after_retry")
    (account,) = run.books[NodeId(INSURED)].prefunds
    assert account.posted_fen <= 400_000


def test_the_same_seed_is_the_same_run() -> None:
    asked = asking(300_000, visit("outpatient"), visit("inpatient", at="20s"))

    assert live(asked).digest() == live(asked).digest()
