"""The very protocol that serves requests, on virtual time, with every fault of the scenarios' vocabulary."""

from __future__ import annotations

from typing import Any

import pytest
from support.tiny_world import (
    ARRIVES_US,
    CARE,
    HUB,
    INSURED,
    KINDS,
    OTHER,
    SEQUENCES,
    SETTLES,
    S,
    assert_lawful,
    assert_nothing_leaked,
    codes,
    fates,
    live,
    prepare,
    scenario,
    visit,
)

from reference_impl.books.final import FinalBooks
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import (
    Answered,
    Busy,
    FindPerson,
    MessageId,
    Overloaded,
    PersonNo,
    Request,
    Unknown,
    Unreachable,
)
from sim.engine.driver import Task
from sim.engine.timeline import COMMAND, WORK
from sim.run import SimRun, Simulation

LINKS = (["hospital", CARE], [CARE, HUB], [HUB, INSURED])
WAYS = [(link, direction) for link in LINKS for direction in ("request", "reply")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("care", [330400, 630100])
def test_a_visit_goes_through_when_nothing_is_wrong(kind: str, care: int) -> None:
    """Across provinces, and within one where the care side is the insurer's."""
    run = live(scenario(visit(kind, care=care)))
    assert fates(run) == ["direct"]
    assert codes(run) == [(code, "ok") for code in SEQUENCES[kind]]
    assert run.settled
    assert_lawful(run, settled=1)
    assert_nothing_leaked(run)


def test_every_message_shows_its_hops_in_their_order() -> None:
    run = live(scenario(visit("pharmacy")))
    hops = ("care_in", "city_in", "hub_in", "insured_in", "insured_out", "hub_out", "city_out", "care_out")
    for row in run.recorder.frames()["messages"].iter_rows(named=True):
        times = [row["sent_us"], *(row[f"{hop}_us"] for hop in hops), row["done_us"]]
        assert None not in times
        assert times == sorted(times)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("link", "direction"), WAYS)
def test_each_of_the_six_messages_lost_once_is_healed_by_asking_again(kind: str, link: Any, direction: str) -> None:
    """Lost at the settlement: the same message again finds the verdict, and one settlement stands (G1, G3)."""
    lost = {"kind": "lose", "link": link, "direction": direction, "codes": [SETTLES[kind]], "first": 1}
    run = live(scenario(visit(kind), faults=[lost]))
    assert fates(run) == ["direct_after_retry"]
    assert codes(run)[-1] == (SETTLES[kind], "ok")
    assert codes(run)[-2][1] in {"unknown", "busy"}
    assert_lawful(run, settled=1)
    assert_nothing_leaked(run)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("link", "direction"), WAYS)
def test_any_message_of_a_visit_may_be_lost_once(kind: str, link: Any, direction: str) -> None:
    lost = {"kind": "lose", "link": link, "direction": direction, "first": 1}
    run = live(scenario(visit(kind), faults=[lost]))
    assert fates(run) == ["direct_after_retry"]
    assert_lawful(run, settled=1)
    assert_nothing_leaked(run)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("link", "direction"), WAYS)
def test_a_settlement_that_stays_unknown_is_reversed_and_paid_by_paper(kind: str, link: Any, direction: str) -> None:
    """Lost for ever: the deadline, then 2601 until it is acknowledged, then cash. Nothing stands (G4)."""
    lost = {"kind": "lose", "link": link, "direction": direction, "codes": [SETTLES[kind]]}
    run = live(scenario(visit(kind), faults=[lost]))
    assert fates(run) == ["reversed_then_paper"]
    assert ("2601", "ok") in codes(run)
    assert_lawful(run, settled=0)
    assert_nothing_leaked(run)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("add_s", [1, 3, 9, 18, 25])
def test_a_reply_after_timeout_that_crosses_the_reversal_leaves_nothing_or_all(kind: str, add_s: int) -> None:
    """The settlement crawls on the last link and may overtake, or be overtaken by, its own reversal (G4)."""
    slow = {"kind": "delay", "link": [HUB, INSURED], "add": f"{add_s}s", "at": "10s", "for": "90s"}
    run = live(scenario(visit(kind), faults=[slow], clients={"deadline": "8s"}))
    (fate,) = fates(run)
    assert fate in {"direct_after_retry", "reversed_then_paper", "paper_by_choice"}
    assert run.settled
    assert_lawful(run, settled=int(fate == "direct_after_retry"))
    assert_nothing_leaked(run)


# --- duplicates ---


def two_at_once(simulation: Simulation, apart_us: int) -> SimRun:
    """Send every message of the hospital twice, the second copy ``apart_us`` later and from nobody."""
    world = simulation.world
    peers, call = world._peers, type(world._peers).call
    copies: list[Any] = []

    async def copy(node: NodeId, request: Any, timeout_us: int) -> None:
        await world.clock.sleep_us(apart_us)
        copies.append(await call(peers, node, request, timeout_us))

    class Doubling:
        async def call(self, node: NodeId, request: Any, timeout_us: int) -> Any:
            Task(world.timeline, copy(node, request, timeout_us), world.outside).start_later()
            return await call(peers, node, request, timeout_us)

    world._peers = Doubling()
    run = simulation.run()
    assert all(isinstance(outcome, Answered | Busy) for outcome in copies)
    assert len(copies) >= 3
    return run


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("apart_us", [0, 3_000, 40_000, 5 * S])
def test_every_message_sent_twice_has_one_effect(kind: str, apart_us: int) -> None:
    run = two_at_once(prepare(scenario(visit(kind))), apart_us)
    assert fates(run)[0] in {"direct", "direct_after_retry"}
    assert_lawful(run, settled=1)
    assert_nothing_leaked(run)


# --- nodes that stand still, are dead, refuse, or are slow ---


def test_a_frozen_insurer_answers_after_the_thaw_and_the_zombies_do_no_harm() -> None:
    freeze = {"kind": "freeze", "node": INSURED, "at": "5s", "for": "20s"}
    run = live(scenario(visit("pharmacy"), faults=[freeze], clients={"deadline": "60s"}))
    assert fates(run) == ["direct_after_retry"]
    assert ("1101", "busy") in codes(run)
    assert_lawful(run, settled=1)
    assert_nothing_leaked(run)


def test_a_reply_that_came_while_the_hub_stood_still_is_heard_though_its_timeout_is_over() -> None:
    slow = {"kind": "slow", "node": INSURED, "at": "0s", "for": "30s", "add": "1500ms"}
    freeze = {"kind": "freeze", "node": HUB, "at": "2500ms", "for": "3s"}
    clients = {"forward_timeout": {"care": "30s", "hub": "1s"}}
    simulation = prepare(scenario(visit("pharmacy", at="60s"), faults=[slow, freeze], clients=clients))

    outcome, took_us = outcome_of_call(simulation, 2 * S, timeout_us=20 * S)

    assert isinstance(outcome, Answered)
    assert 3_400_000 < took_us < 3_700_000, "at the thaw"


def test_a_killed_hub_is_unreachable_at_once_until_it_restarts() -> None:
    kill = {"kind": "kill", "node": HUB, "at": "5s", "for": "20s"}
    run = live(scenario(visit("pharmacy"), faults=[kill]))
    assert fates(run) == ["direct_after_retry"]
    messages = run.recorder.frames()["messages"]
    turned_away = messages.filter(messages["outcome"] == "overloaded")
    assert len(turned_away)
    assert (turned_away["done_us"] - turned_away["sent_us"]).max() < S, "nobody waits for a dead node"
    assert [row.kind for row in run.events] == ["kill", "restart"]
    assert_lawful(run, settled=1)
    assert_nothing_leaked(run)


def test_a_killed_care_province_is_unreachable_for_its_hospitals() -> None:
    kill = {"kind": "kill", "node": CARE, "at": "5s", "for": "20s"}
    run = live(scenario(visit("pharmacy"), faults=[kill]))
    assert fates(run) == ["direct_after_retry"]
    assert ("1101", "unreachable") in codes(run)


@pytest.mark.parametrize("node", [CARE, HUB, INSURED])
def test_a_refusing_node_says_so_and_does_nothing(node: str) -> None:
    refuse = {"kind": "refuse", "node": node, "at": "5s", "for": "15s"}
    run = live(scenario(visit("pharmacy"), faults=[refuse]))
    assert fates(run) == ["direct_after_retry"]
    assert ("1101", "overloaded") in codes(run)
    assert_lawful(run, settled=1)
    assert_nothing_leaked(run)


def test_a_slow_node_takes_longer_for_every_message() -> None:
    """And one turn more: the loop wakes again for each, and everybody else has cooled meanwhile."""
    quick = live(scenario(visit("pharmacy")))
    slow = live(
        scenario(visit("pharmacy"), faults=[{"kind": "slow", "node": HUB, "at": "5s", "for": "60s", "add": "300ms"}])
    )
    assert fates(slow) == ["direct"]
    for before, after in zip(
        *(run.recorder.frames()["messages"].iter_rows(named=True) for run in (quick, slow)), strict=True
    ):
        took = [row["done_us"] - row["sent_us"] for row in (before, after)]
        assert 300_000 < took[1] - took[0] < 301_000


def test_a_slow_insurer_holds_the_workers_of_a_hub_that_waits_with_them_and_not_of_one_that_does_not() -> None:
    """One worker at the hub: with threads everybody waits behind the slow insurer, with events nobody does."""
    slow = {"kind": "slow", "node": INSURED, "at": "0s", "for": "2min", "add": "800ms"}
    visits = [visit("outpatient"), visit("pharmacy", insured=110100)]
    took_us = {}
    for holds in (True, False):
        hub = {"workers": 1, "hold_while_waiting": holds}
        run = live(scenario(*visits, faults=[slow], topology={"hub": hub}))
        assert_lawful(run, settled=2)
        assert_nothing_leaked(run)
        frames = run.recorder.frames()
        other = frames["messages"].join(
            frames["visits"].filter(frames["visits"]["kind"] == "pharmacy"), on="visit", how="semi"
        )
        took_us[holds] = max(other["done_us"] - other["sent_us"])
    assert took_us[False] < 200_000 < took_us[True]


def test_a_full_queue_answers_overloaded_at_once() -> None:
    """One worker, no queue, a slow node: the second patient of the same moment is turned away and comes again."""
    slow = {"kind": "slow", "node": CARE, "at": "0s", "for": "2min", "add": "900ms"}
    spec = {"workers": 1, "queue": 0}
    run = live(
        scenario(
            visit("pharmacy"),
            visit("outpatient"),
            faults=[slow],
            topology={"province": spec},
            clients={"timeout": "5s"},
        )
    )
    assert max(fates(run)) == "direct_after_retry"
    assert "overloaded" in {outcome for _, outcome in codes(run)}
    stations = run.recorder.frames()["stations"]
    assert stations.filter((stations["node"] == CARE) & (stations["station"] == "workers"))["refused"].sum() > 0
    assert_lawful(run, settled=2)


def test_a_lost_commit_is_acknowledged_and_nowhere_in_the_insurers_books() -> None:
    lost = {"kind": "lost_commit", "node": INSURED, "count": 1}
    run = live(scenario(visit("pharmacy"), faults=[lost]))
    assert fates(run) == ["direct"]
    frame = run.recorder.frames()["visits"]
    assert frame["acked"].to_list() == [True]
    assert not run.books[NodeId(INSURED)].settlements
    run.follow_up([(0, frame["visit_id"][0], frame["settlement_id"][0])], limit_us=600 * S)
    assert fates(run)[-1] == "reversed_then_paper"
    assert_nothing_leaked(run)
    visits = run.books[NodeId(CARE)].visits
    assert [one.settlement for one in visits] == [""], "the care side no longer counts it as settled"


# --- what a caller learns ---


def outcome_of_call(simulation: Simulation, at_us: int, timeout_us: int = 2 * S) -> tuple[Any, int]:
    """Send 1101 from the hospital at ``at_us`` and return the outcome and when it came."""
    world, heard = simulation.world, []
    planned = world.plan.visit(0)
    institution = NodeId(planned.hospital.code)
    body = FindPerson(person=PersonNo(planned.person))
    msgid = MessageId(f"{institution}202403130000001234")
    request = Request("1101", msgid, institution, institution, planned.care_region, planned.insured_region, body)

    async def send() -> None:
        outcome = await world.hospital(planned.hospital).peers.call(NodeId(CARE), request, timeout_us)
        heard.append((outcome, world.timeline.now_us - at_us))

    world.timeline.call_at(at_us, WORK, Task(world.timeline, send(), world.outside).start)
    simulation.run()
    return heard[0]


SILENCES = {
    "the insurer frozen": {"kind": "freeze", "node": INSURED, "at": "5s", "for": "40s"},
    "the hub frozen": {"kind": "freeze", "node": HUB, "at": "5s", "for": "40s"},
    "the last link dead": {"kind": "lose", "link": [HUB, INSURED], "direction": "request", "at": "5s", "for": "40s"},
}


@pytest.mark.parametrize("fault", SILENCES.values(), ids=SILENCES)
def test_what_a_silence_left_open_is_closed_although_nobody_asks_any_more_and_nothing_restarts(fault: Any) -> None:
    """A clerk asks once, in the silence, and never again; the patient comes when all is well (G13)."""
    simulation = prepare(scenario(visit("pharmacy", at="60s"), faults=[fault]))

    outcome, _ = outcome_of_call(simulation, 10 * S, timeout_us=2 * S)

    books = simulation.world.stores.values()
    assert isinstance(outcome, Busy)
    assert all(message.reply for each in books for message in each.read_all().messages)


@pytest.mark.parametrize(
    ("fault", "expected", "within_us"),
    [
        ({"kind": "kill", "node": CARE, "at": "1s", "for": "5s"}, Unreachable, (10_000, 20_000)),
        ({"kind": "refuse", "node": CARE, "at": "1s", "for": "5s"}, Overloaded, (10_000, 20_000)),
        ({"kind": "freeze", "node": CARE, "at": "1s", "for": "5s"}, Unknown, (2 * S, 2 * S)),
        ({"kind": "lose", "link": ["hospital", CARE], "direction": "request"}, Unknown, (2 * S, 2 * S)),
        ({"kind": "kill", "node": HUB, "at": "1s", "for": "5s"}, Overloaded, (20_000, 200_000)),
        ({"kind": "freeze", "node": HUB, "at": "1s", "for": "5s"}, Busy, (1_500_000, 1_700_000)),
    ],
)
def test_what_a_hospital_learns_from_a_fault(fault: Any, expected: type, within_us: tuple[int, int]) -> None:
    outcome, took_us = outcome_of_call(prepare(scenario(visit("pharmacy", at="60s"), faults=[fault])), 2 * S)
    assert isinstance(outcome, expected)
    assert within_us[0] <= took_us <= within_us[1]


def test_a_caller_with_its_request_inside_a_dying_process_learns_that_the_line_broke() -> None:
    simulation = prepare(scenario(visit("pharmacy", at="60s")))
    host = simulation.world.nodes[NodeId(CARE)].host
    simulation.world.timeline.call_at(2 * S + 30_000, COMMAND, host.kill)
    simulation._schedule(4 * S, host.restart, None)
    outcome, took_us = outcome_of_call(simulation, 2 * S)
    assert isinstance(outcome, Unknown)
    assert took_us < 50_000


def test_books_are_those_of_the_moment() -> None:
    run = live(scenario(visit("pharmacy")))
    assert set(run.books) == {CARE, INSURED, OTHER, HUB}
    assert all(isinstance(books, FinalBooks) for books in run.books.values())
    assert run.ended_us > ARRIVES_US
