"""Patients who say who they are: what they show, how it fails, what the clerk does, and who shows nothing at all."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.tiny_world import (
    CARE,
    INSURED,
    KINDS,
    SEQUENCES,
    assert_lawful,
    assert_nothing_leaked,
    codes,
    fates,
    live,
    scenario,
    visit,
)

from lab.analysis.measures import measure
from lab.checker import check
from reference_impl.domain.nodes import NodeId
from scenarios.patients.identity import IdentityDraws, Next, certificate_rules, mean_desk_us
from scenarios.patients.visits import plan_visits
from scenarios.schema import Scenario
from sim.run import SimRun

E_CREDENTIAL = {"e_credential": 1, "id_card": 0, "social_security_card": 0}
SOUND = {"not_at_hand": 0, "unreadable": 0, "suspended": 0}
NEVER_FAILS = {"e_credential": SOUND, "id_card": SOUND, "social_security_card": SOUND}
ALWAYS = dict.fromkeys(("outpatient", "pharmacy", "inpatient"), 1)


def asking(*visits: dict[str, Any], fails: Any = None, more: Any = None, **identity: Any) -> Scenario:
    said = {"means": E_CREDENTIAL, "fails": NEVER_FAILS | (fails or {}), **identity}
    return scenario(*visits, identity=said, **(more or {}))


def lived(*visits: dict[str, Any], **identity: Any) -> SimRun:
    run = live(asking(*visits, **identity))
    findings = check(run.books, run.record())
    assert findings.clean, findings.violations
    assert_nothing_leaked(run)
    return run


def shown(run: SimRun) -> list[tuple[str, str]]:
    rows = run.recorder.frames()["identifications"]
    return list(zip(rows["means"], rows["outcome"], strict=True))


def figures(run: SimRun) -> dict[str, float | None]:
    return measure(run.record(), run.simulation.world.scenario).flat()


def certificates(run: SimRun, node: str) -> set[str]:
    """By what the messages in a node's books say the patient is known."""
    bodies = [one.request.body for one in run.books[NodeId(node)].messages if one.request is not None]
    return {body.certificate for body in bodies if hasattr(body, "certificate")}


@pytest.mark.parametrize("kind", KINDS)
def test_who_shows_what_is_read_is_settled_and_known_by_it_on_the_whole_way(kind: str) -> None:
    run = lived(visit(kind))

    assert fates(run) == ["direct"]
    assert [code for code, _ in codes(run)] == SEQUENCES[kind]
    assert shown(run) == [("e_credential", "accepted")]
    for node in (CARE, "hub", INSURED):
        assert certificates(run, node) == {"01"}, node
    assert_lawful(run, settled=1)


@pytest.mark.parametrize("failure", ["not_at_hand", "unreadable"])
def test_a_means_that_fails_at_the_desk_is_followed_by_another_and_costs_desk_time_alone(failure: str) -> None:
    failing = {"e_credential": SOUND | {failure: 1}}
    run = lived(visit("outpatient"), fails=failing, clerk={"another": 1, "by_hand": 0, "another_takes": "30s"})

    assert fates(run) == ["direct"]
    assert shown(run) == [("e_credential", failure), ("id_card", "accepted")]
    assert [code for code, _ in codes(run)] == SEQUENCES["outpatient"]
    plain = live(scenario(visit("outpatient")))
    ends, before = (one.recorder.frames()["visits"]["ended_us"][0] for one in (run, plain))
    assert ends - before == pytest.approx(30_000_000, abs=50_000)
    took, due = (one.recorder.frames()["contacts"].row(0, named=True) for one in (run, plain))
    latency, usual = (row["done_us"] - row["intended_us"] for row in (took, due))
    assert latency == pytest.approx(usual, abs=50_000)
    assert figures(run)["identity.desk_hours"] == pytest.approx(30 / 3600)


def test_a_suspended_card_is_refused_by_the_insurer_by_name_and_the_next_one_is_taken() -> None:
    means = {"e_credential": 0, "id_card": 0, "social_security_card": 1}
    fails = {"social_security_card": SOUND | {"suspended": 1}}
    run = lived(visit("inpatient"), means=means, fails=fails, clerk={"another": 1, "by_hand": 0})

    assert shown(run) == [("social_security_card", "suspended"), ("e_credential", "accepted")]
    assert codes(run)[:2] == [("1101", "refused"), ("1101", "ok")]
    messages = run.recorder.frames()["messages"]
    assert messages.filter(outcome="refused")["refusal"].to_list() == ["E15"]
    assert fates(run) == ["direct"]
    settled = [one for one in run.books[NodeId(INSURED)].messages if one.code == "2304"]
    assert [one.request.body.certificate for one in settled if one.request] == ["01"]  # type: ignore[union-attr]


def test_when_all_three_fail_the_number_is_typed_in_by_hand() -> None:
    failing = dict.fromkeys(NEVER_FAILS, SOUND | {"not_at_hand": 1})
    run = lived(visit("pharmacy"), fails=failing, clerk={"another": 1, "by_hand": 0})

    tried = [means for means, _ in shown(run)]
    assert tried == ["e_credential", "id_card", "social_security_card", "by_hand"]
    assert shown(run)[-1] == ("by_hand", "accepted")
    assert certificates(run, INSURED) == {"02"}
    assert fates(run) == ["direct"]


def test_a_number_typed_in_of_a_suspended_card_ends_in_paper() -> None:
    failing = {"e_credential": SOUND | {"unreadable": 1}, "id_card": SOUND | {"suspended": 1}}
    run = lived(visit("outpatient"), fails=failing, clerk={"another": 0, "by_hand": 1})

    assert shown(run) == [("e_credential", "unreadable"), ("by_hand", "suspended"), ("", "gave_up")]
    assert fates(run) == ["paper_by_identity"]


@pytest.mark.parametrize("kind", KINDS)
def test_who_is_never_identified_pays_and_claims_by_paper(kind: str) -> None:
    failing = {"e_credential": SOUND | {"not_at_hand": 1}}
    run = lived(visit(kind), fails=failing, clerk={"another": 0, "by_hand": 0})

    assert fates(run) == ["paper_by_identity"]
    (row,) = run.recorder.frames()["visits"].iter_rows(named=True)
    assert (row["paper_fen"], row["attempts"], row["refusal"]) == (400_000, 0, "")
    assert_lawful(run, settled=0)
    said = figures(run)
    assert (said["identity.gave_up"], said["identity.advance"]) == (1, 4_000)
    at_desks = 2 if kind == "inpatient" else 1
    assert shown(run) == [("e_credential", "not_at_hand"), ("", "gave_up")] * at_desks
    assert set(run.recorder.frames()["contacts"]["outcome"]) == {"not_identified"}


# --- who does not show that they are insured ---


@pytest.mark.parametrize("kind", ["outpatient", "pharmacy"])
def test_who_does_not_show_that_they_are_insured_pays_all_alone_and_claims_nothing(kind: str) -> None:
    run = lived(visit(kind), not_shown=ALWAYS)

    assert fates(run) == ["self_paid"]
    (row,) = run.recorder.frames()["visits"].iter_rows(named=True)
    assert (row["paper_fen"], row["attempts"]) == (0, 0)
    said = figures(run)
    assert (said["identity.self_paid"], said["identity.charged"], said["paper.advance"]) == (1, 4_000, 0)
    assert said["direct_rate"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_desk_that_asks_has_them_show_it_and_everybody_pays_with_time(kind: str) -> None:
    run = lived(visit(kind), not_shown=ALWAYS, guidance={"reaches": 1, "takes": "20s"})

    assert fates(run) == ["direct"]
    rows = run.recorder.frames()["identifications"]
    assert rows["guided"].to_list() == [True]
    said = figures(run)
    assert (said["identity.guided"], said["identity.guided_share"], said["identity.charged"]) == (1, 1, 0)
    assert said["identity.desk_hours"] == pytest.approx(20 / 3600)
    assert run.books[NodeId(INSURED)].settlements[0].amounts == amounts_of(live(scenario(visit(kind))))


def amounts_of(run: SimRun) -> Any:
    (settled,) = run.books[NodeId(INSURED)].settlements
    return settled.amounts


@pytest.mark.parametrize("share", [0.3, 1])
def test_a_stay_that_nobody_registered_as_insured_is_settled_at_its_end_for_what_is_left(share: float) -> None:
    """What it is said to cost alone is held against the settlement of the same stay, registered at once."""
    run = lived(visit("inpatient"), not_shown=ALWAYS, shown_at_discharge=1, self_paid=share)
    plain = amounts_of(live(scenario(visit("inpatient"))))

    assert fates(run) == ["direct"]
    own_pay = amounts_of(run).own_pay_fen - plain.own_pay_fen
    assert own_pay > 0
    said = figures(run)
    assert said["identity.charged"] == own_pay / 100
    assert (said["identity.late"], said["identity.self_paid"], said["identity.not_shown"]) == (1, 0, 1)
    assert amounts_of(run).total_fen == plain.total_fen
    if share == 1:
        assert amounts_of(run).own_pay_fen == plain.total_fen
        assert amounts_of(run).fund_fen == 0
    assert [code for code, _ in codes(run)][:2] == ["1101", "2401"]


def test_a_stay_whose_status_never_comes_out_pays_all_alone() -> None:
    run = lived(visit("inpatient"), not_shown=ALWAYS, shown_at_discharge=0)

    assert fates(run) == ["self_paid"]
    assert codes(run) == []
    assert figures(run)["identity.charged_most"] == 4_000
    assert_lawful(run, settled=0)


def test_a_stop_over_the_admission_hides_nobody() -> None:
    """Admitted on account: who they are is asked when they leave."""
    stop = {"name": "stop", "scope": CARE, "at": "5s", "window": "10s", "ramp": 0}
    run = live(asking(visit("inpatient"), more={"cutover": stop}))

    assert fates(run) == ["direct"]
    assert shown(run) == [("e_credential", "accepted")]


def test_a_lost_reply_to_who_it_is_asks_again_and_shows_it_once() -> None:
    lost = [{"kind": "lose", "link": ["hospital", CARE], "direction": "reply", "codes": ["1101"], "first": 2}]
    run = live(asking(visit("outpatient"), more={"faults": lost}))

    assert fates(run) == ["direct_after_retry"]
    assert shown(run) == [("e_credential", "accepted")]


def many(**identity: Any) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "many",
            "horizon": {"start": "2024-03-13T09:00:00", "length": "2h", "drain_limit": "30d"},
            "visits": {
                "per_day": 800, "mix": {"outpatient": 0.6, "pharmacy": 0.2, "inpatient": 0.2}, "stay_mean": "12h",
            },
            "topology": {"regions": ["33", "63"], "hospitals_per_province": {"hospital": 3, "pharmacy": 2}},
            "identity": identity,
        }
    )  # fmt: skip


def test_every_visit_has_one_fate_and_what_went_wrong_adds_up() -> None:
    failing = {means: {"not_at_hand": 0.2, "unreadable": 0.1, "suspended": 0.2} for means in NEVER_FAILS}
    asked = many(
        fails=failing,
        not_shown={"outpatient": 0.1, "pharmacy": 0.1, "inpatient": 0.2},
        guidance={"reaches": 0.5, "takes": "10s"},
        clerk={"another": 0.5, "by_hand": 0.3},
    )
    run = live(asked)

    assert check(run.books, run.record()).clean
    assert_nothing_leaked(run)
    said = figures(run)
    ways = ("e_credential", "id_card", "social_security_card", "by_hand")
    assert min(said[f"identity.{means}"] or 0 for means in ways) > 0
    assert min(said[f"identity.{how}"] or 0 for how in ("not_at_hand", "unreadable", "suspended", "gave_up")) > 0
    assert said["identity.guided_share"] == pytest.approx(0.5, abs=0.15)
    visits = run.recorder.frames()["visits"]
    refused = visits.filter(fate="refused")
    assert refused.height == 0
    alone = visits.filter(fate="self_paid")
    assert alone["paper_fen"].sum() == 0
    assert alone["acked"].sum() == 0


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_desk_time_is_on_average_what_the_arithmetic_says(share: float) -> None:
    """Drawn over thousands of visits, without a run: each step of what a clerk does, by what the draws say."""
    fails = {means: {"not_at_hand": 0.2, "unreadable": 0.1, "suspended": 0.2} for means in NEVER_FAILS}
    clerk = {"another": 0.6, "by_hand": 0.3, "another_takes": "30s", "by_hand_takes": "2min"}
    asked = asking(
        visit("outpatient"), fails=fails, clerk=clerk, not_shown={"outpatient": share}, guidance={"takes": "10s"}
    )
    assert asked.identity is not None
    draws, rules, planned = (
        IdentityDraws(asked.identity, 1),
        certificate_rules(asked.identity),
        plan_visits(asked).visit(0),
    )

    def desk_us(number: int) -> int:
        one = msgspec.structs.replace(planned, visit=number, person=f"63010000{number:012d}")
        spent_us, spec = asked.identity.guidance.takes, asked.identity.clerk  # type: ignore[union-attr]
        if not draws.is_shown(one):
            return spent_us
        for tries, certificate in enumerate(draws.order(one), start=1):
            if not draws.failure(one, certificate, desk=0) and not rules.is_suspended(one.person, certificate):
                return spent_us
            following = draws.next_step(one, tries, desk=0)
            if following is not Next.ANOTHER:
                return spent_us + (spec.by_hand_takes if following is Next.BY_HAND else 0)
            spent_us += spec.another_takes
        raise AssertionError("after the last means nothing else can be asked for")

    mean_us = sum(map(desk_us, range(6_000))) / 6_000
    assert mean_us == pytest.approx(mean_desk_us(asked.identity, "outpatient"), rel=0.05)


def test_the_same_seed_tells_the_same_story() -> None:
    asked = many(not_shown={"inpatient": 0.3, "outpatient": 0.1, "pharmacy": 0})

    assert live(asked).digest() == live(asked).digest()


def test_nothing_changes_where_nothing_is_said_of_identity_or_everybody_shows_an_id_card() -> None:
    card = {"e_credential": 0, "id_card": 1, "social_security_card": 0}
    named, plain = live(asking(*map(visit, KINDS), means=card)), live(scenario(*map(visit, KINDS)))

    tables = ("visits", "messages", "contacts")
    for table in tables:
        assert named.recorder.frames()[table].equals(plain.recorder.frames()[table]), table
