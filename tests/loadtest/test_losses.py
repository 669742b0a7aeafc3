"""What a faulty link does is decided by key: the same messages are lost in both worlds, whatever came in between."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from reference_impl.domain.nodes import link_end
from reference_impl.staging.bandwidth import Bucket
from reference_impl.staging.loss import Disturbance, FaultyLink, disturbances
from scenarios.schema import Scenario
from scenarios.schema.faults import Delay, Freeze, Lose

S = 1_000_000


def losing(**changed: object) -> Disturbance:
    facts = {"number": 0, "kind": "lose", "caller": "*", "callee": "*", "at_us": 0, "until_us": 100 * S, "share": 0.3}
    return Disturbance(**(facts | changed))


def link(*faults: Disturbance, caller: str = "33", callee: str = "hub", seed: int = 7) -> FaultyLink:
    return FaultyLink(seed, caller, callee, faults)


def lost(faulty: FaultyLink, msgids: list[str], now_us: int = S) -> list[str]:
    return [msgid for msgid in msgids if faulty.request(msgid, "2207", now_us).lost]


MSGIDS = [f"H330400000012024061508000{n:05d}" for n in range(1000)]


def test_same_key_same_loss_in_any_order_of_arrival():
    one, other = link(losing()), link(losing())

    assert set(lost(one, MSGIDS)) == set(lost(other, MSGIDS[::-1]))


def test_share_of_the_messages_is_lost():
    assert len(lost(link(losing()), MSGIDS)) == pytest.approx(300, abs=45)


@pytest.mark.parametrize(
    "changed",
    [{"caller": "34"}, {"callee": "63"}, {"seed": 8}],
    ids=["other caller", "other callee", "other seed"],
)
def test_other_link_or_seed_loses_other_messages(changed):
    assert lost(link(losing()), MSGIDS) != lost(link(losing(), **changed), MSGIDS)


def test_resend_of_a_lost_message_is_drawn_anew():
    faulty = link(losing())
    first = lost(faulty, MSGIDS)

    again = lost(faulty, first)

    assert 0 < len(again) < len(first)


def test_attempts_are_counted_only_while_a_loss_is_at_work():
    faulty = link(losing(at_us=10 * S))

    assert [faulty.request("a", "2207", at * S).attempt for at in (1, 10, 11, 200)] == [0, 1, 2, 0]


def test_reply_is_drawn_with_its_requests_attempt_and_at_its_own_time():
    faulty = link(losing(direction="reply", share=1.0, at_us=5 * S))
    early = faulty.request("a", "2207", 4 * S)

    assert not early.lost
    assert not faulty.reply("a", "2207", 4 * S, sent=early, yes=True).lost
    assert faulty.reply("a", "2207", 5 * S, sent=early, yes=True).lost


STORY = """
    fault                                   link       code  at   lost  delay
    lose request *>* all                    33>hub     2207  1    yes   0
    lose request 33>hub all                 33>hub     2207  1    yes   0
    lose request 33>hub all                 34>hub     2207  1    no    0
    lose request 33>hub all                 hub>33     2207  1    no    0
    lose request hospital>* all             hospital>33 2207 1    yes   0
    lose request 33>hub 2102                33>hub     2207  1    no    0
    lose request 33>hub 2102                33>hub     2102  1    yes   0
    lose request 33>hub all                 33>hub     2207  100  no    0
    lose reply 33>hub all                   33>hub     2207  1    no    0
    delay request 33>hub all                33>hub     2207  1    no    9
    delay request 33>hub all                33>hub     2207  100  no    0
"""


@pytest.mark.parametrize("line", [line.strip() for line in STORY.strip().splitlines()[1:]])
def test_where_and_when_a_fault_is_at_work(line):
    kind, direction, on, codes, ends, code, at_s, is_lost, delay_us = line.split()
    caller, callee = on.split(">")
    fault = losing(
        kind=kind,
        direction=direction,
        caller=caller,
        callee=callee,
        share=1.0,
        codes=() if codes == "all" else (codes,),
        add_us=9 if kind == "delay" else 0,
    )
    here, there = ends.split(">")

    sent = link(fault, caller=here, callee=there).request("a", code, int(at_s) * S)

    assert (sent.lost, sent.delay_us) == (is_lost == "yes", int(delay_us))


BUCKETS = """
    rate  burst  messages as bytes@us               waits of each in us
    1000  0      10@0 10@0 10@0                     10000 20000 30000
    1000  0      10@0 10@10000 10@50000             10000 10000 10000
    1000  15     10@0 10@0 10@0                     0 5000 15000
    1000  15     10@0 10@5000 10@1000000            0 0 0
    3     0      1@0 1@333333                       333334 333335
    1     0      0@0 1@0 0@0                        0 1000000 1000000
"""


@pytest.mark.parametrize("line", [line.strip() for line in BUCKETS.strip().splitlines()[1:]])
def test_what_a_narrow_link_carries_waits_in_its_order(line):
    rate, burst, *cells = line.split()
    messages = [cell.split("@") for cell in cells if "@" in cell]
    bucket = Bucket(int(rate), int(burst))

    waits = [bucket.wait_us(int(size), int(at_us)) for size, at_us in messages]

    assert waits == [int(cell) for cell in cells[len(messages) :]]


def test_each_way_of_a_narrow_link_has_its_own_queue_and_a_fault_that_is_over_makes_nobody_wait():
    narrow = losing(kind="bandwidth", bytes_per_second=1000, until_us=9 * S)
    faulty = link(narrow)
    sent = [faulty.request(msgid, "2207", S, 1000) for msgid in "ab"]
    back = faulty.reply("a", "2207", S, sent=sent[0], yes=True, size_bytes=500)

    assert [one.delay_us for one in (*sent, back)] == [S, 2 * S, S // 2]
    assert faulty.hits == {0: 3}
    assert faulty.weighs(S)
    assert not faulty.weighs(9 * S)
    assert faulty.request("c", "2207", 9 * S, 1000).delay_us == 0


def test_jitter_is_drawn_for_each_message_way_and_crossing_and_stays_below_its_most():
    faulty = link(losing(kind="delay", add_us=1000, jitter_us=500))
    sent = [faulty.request(msgid, "2207", S) for msgid in MSGIDS]
    back = [faulty.reply(msgid, "2207", S, sent=one, yes=True) for msgid, one in zip(MSGIDS, sent, strict=True)]
    again = [faulty.request(msgid, "2207", S) for msgid in MSGIDS]

    for crossings in (sent, back, again):
        found = [one.delay_us for one in crossings]
        assert min(found) >= 1000
        assert max(found) < 1500
        assert sum(found) / len(found) == pytest.approx(1250, abs=25)
    assert len({tuple(one.delay_us for one in crossings) for crossings in (sent, back, again)}) == 3


def test_groups_that_are_parted_are_losses_of_every_link_between_them():
    asked = Scenario.model_validate(
        {
            "name": "parted",
            "topology": {"regions": ["33", "63"]},
            "faults": [
                {"kind": "partition", "groups": [["33", "hospital"], ["hub"]]},
                {"kind": "half_partition", "from": ["63"], "to": ["hub"]},
            ],
        }
    )
    found = {(one.number, one.caller, one.callee, one.direction) for one in disturbances(asked)}

    assert found == {
        (0, "33", "hub", "request"),
        (0, "33", "hub", "reply"),
        (0, "hub", "33", "request"),
        (0, "hub", "33", "reply"),
        (1, "63", "hub", "request"),
        (1, "hub", "63", "reply"),
    }


def test_link_without_faults_is_sound():
    assert link(losing(caller="34")).sound
    assert not link(losing()).sound


def test_memory_of_crossings_is_bounded(monkeypatch):
    monkeypatch.setattr("reference_impl.staging.loss._REMEMBERED_MAX", 10)
    faulty = link(losing())
    for msgid in MSGIDS[:11]:
        faulty.request(msgid, "2207", S)

    assert faulty.request(MSGIDS[10], "2207", S).attempt == 2
    assert faulty.request(MSGIDS[0], "2207", S).attempt == 1


def test_disturbances_are_the_link_faults_of_the_scenario_in_its_order():
    faults = (
        Freeze.model_validate({"kind": "freeze", "node": "63", "at": "1s", "for": "1s"}),
        Lose.model_validate(
            {"kind": "lose", "link": ["hospital", 33], "direction": "reply", "share": "2%", "codes": [2207]}
        ),
        Delay.model_validate({"kind": "delay", "link": ["33", "hub"], "at": "2s", "for": "3s", "add": "10ms"}),
    )

    lose, delay = disturbances(SimpleNamespace(faults=faults))

    assert (lose.number, lose.caller, lose.callee, lose.direction) == (1, "hospital", "33", "reply")
    assert (lose.share, lose.codes, lose.at_us) == (0.02, ("2207",), 0)
    assert lose.active(10**15)
    assert (delay.number, delay.kind, delay.at_us, delay.until_us, delay.add_us) == (2, "delay", 2 * S, 5 * S, 10_000)


@pytest.mark.parametrize(
    ("node", "end"),
    [("H33040000001", "hospital"), ("P33040000001", "hospital"), ("3304", "33"), ("33", "33"), ("hub", "hub")],
)
def test_ends_of_links(node, end):
    assert link_end(node) == end


def test_a_link_counts_what_each_of_its_faults_hit():
    late = Disturbance(number=2, kind="delay", caller="*", callee="*", at_us=0, until_us=2 * S, add_us=5)
    faulty = link(losing(number=1), late)

    gone = lost(faulty, MSGIDS)
    lost(faulty, MSGIDS, now_us=200 * S)

    assert faulty.hits == {1: len(gone), 2: len(MSGIDS) - len(gone)}
