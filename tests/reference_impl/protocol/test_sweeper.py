"""G13 to G15: what a silent neighbour leaves open is closed without a crash, without an operator, and without a flood."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

import msgspec
import pytest
from support.chain import Chain, always, at_rest, build, once, run
from support.messages import done, msgid, registered, reversal, sale, settlement

from lab.torture.loom import Loom, Nap
from reference_impl.protocol.messages import Answered, Busy, Settled, Unknown
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.records import Key, MessageRecord
from reference_impl.protocol.sweeper import DEFAULT_SWEEP, FAILURES_MAX, Parked, Sweeper, SweepRules

S = 1_000_000
POISON = 7
RULES = SweepRules(interval_us=S, age_us=10 * S, batch=8)


class Crowd:
    """A next node as a sweeper sees it: a province is silent or drives what it is given; time is a loom's."""

    def __init__(self, rules: SweepRules = RULES) -> None:
        lot = Random(1)
        self.loom = Loom(lambda ready: lot.randrange(len(ready)), lambda _: None)
        self.silent: set[str] = set()
        self.poison: set[int] = set()
        self.driven: list[tuple[int, str]] = []
        self.inside = 0
        self.inside_max = 0
        self.ended: set[Key] = set()
        self.sweeper = Sweeper(NodePorts(self, None, None, self), rules, self.drive)  # type: ignore[arg-type]

    def now_us(self) -> int:
        return self.loom.now_us

    def sleep_us(self, duration_us: int) -> Nap:
        return Nap(duration_us)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        self.loom.spawn(work)

    async def drive(self, message: MessageRecord) -> bool:
        region = message.request.insured_region  # type: ignore[union-attr]
        self.driven.append((self.now_us(), message.key.msgid))
        self.inside += 1
        self.inside_max = max(self.inside_max, self.inside)
        await Nap(5_000 if self.silent.isdisjoint((region[:2], region[:4])) else 20 * S)
        self.inside -= 1
        if int(message.key.msgid[-4:]) in self.poison:
            self.sweeper.park(message, LookupError("planted"))
            return False
        return self.silent.isdisjoint((region[:2], region[:4]))

    def leave(self, number: int, region: str = "630100") -> MessageRecord:
        request = msgspec.structs.replace(sale(number), insured_region=region)
        message = MessageRecord(Key(request.sender, request.msgid), request.code, self.now_us(), request)
        self.sweeper.touched(message)
        return message

    def after(self, at_us: int, act: Any) -> None:
        async def later() -> None:
            await Nap(at_us)
            act()

        self.loom.spawn(later())

    def rest(self) -> None:
        self.loom.weave(2_000_000)


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


def test_thirteen_thousand_intents_of_a_gray_failure_close_without_a_restart_and_one_at_a_time() -> None:
    crowd = Crowd(SweepRules())
    crowd.silent.add("63")
    for number in range(13_000):
        crowd.leave(number)
    crowd.after(1_800 * S, crowd.silent.clear)

    crowd.rest()

    assert crowd.sweeper.open == 0
    assert crowd.inside_max == 1
    while_silent = [msgid for at_us, msgid in crowd.driven if at_us < 1_800 * S]
    assert len(while_silent) < 100, "a silent province is asked now and then, not thousands of times"
    assert len(crowd.driven) <= 13_000 + len(while_silent) + FAILURES_MAX


def test_a_silent_province_holds_up_nobody_elses(crowd: Crowd) -> None:
    crowd.silent.add("63")
    for number in range(50):
        crowd.leave(number)
        crowd.leave(100 + number, "330100")
    crowd.after(100 * S, lambda: open_at.append(crowd.sweeper.open))
    crowd.after(200 * S, crowd.silent.clear)
    open_at: list[int] = []

    crowd.rest()

    assert open_at == [50], "the other province's are closed, the silent one's are not"


@pytest.mark.parametrize(
    ("apart", "open_then"),
    [(frozenset({"6301"}), 50), (frozenset[str](), 100)],
    ids=["a city with a relay", "a city that is a door"],
)
def test_a_silent_relay_holds_up_nobody_else_of_its_province(apart: frozenset[str], open_then: int) -> None:
    crowd = Crowd(msgspec.structs.replace(RULES, apart=apart))
    crowd.silent.add("6301")
    open_at: list[int] = []
    for number in range(50):
        crowd.leave(number)
    for number in range(50):
        crowd.leave(100 + number, "630200")
    crowd.after(45 * S, lambda: open_at.append(crowd.sweeper.open))
    crowd.after(200 * S, crowd.silent.clear)

    crowd.rest()

    assert open_at == [open_then]
    assert crowd.sweeper.open == 0
    assert crowd.sweeper.open == 0
    assert crowd.inside_max <= 2


def test_nothing_is_swept_before_its_time_and_a_touch_begins_it_anew(crowd: Crowd) -> None:
    message = crowd.leave(1)
    crowd.after(6 * S, lambda: crowd.sweeper.touched(message))

    crowd.rest()

    assert [at_us for at_us, _ in crowd.driven] == [16 * S]


def test_no_round_drives_more_than_its_batch(crowd: Crowd) -> None:
    for number in range(20):
        crowd.leave(number)

    crowd.rest()

    times = [at_us for at_us, _ in crowd.driven]
    pauses = [later - earlier for earlier, later in pairwise(times) if later - earlier >= S]
    assert len(times) == 20
    assert len(pauses) == 2, "8, 8 and 4"


def test_one_that_its_sender_asks_for_during_a_fruitless_drive_keeps_the_turn_that_the_touch_gave_it(
    crowd: Crowd,
) -> None:
    crowd.silent.add("63")
    message = crowd.leave(1)
    crowd.after(29 * S, lambda: crowd.sweeper.touched(message))
    crowd.after(35 * S, crowd.silent.clear)

    crowd.rest()

    assert [at_us for at_us, _ in crowd.driven] == [10 * S, 39 * S], "the first took 20 s to fail"
    assert crowd.sweeper.open == 0


def test_what_is_over_or_asked_for_while_a_round_drives_another_is_left_out_of_the_round(crowd: Crowd) -> None:
    """All three are due together; the first takes 20 s to fail, and meanwhile two of them are no longer due."""
    crowd.silent.add("6301")
    crowd.leave(1, "630100")
    answered, asked_for = (crowd.leave(number, "630200") for number in (2, 3))

    def meanwhile() -> None:
        crowd.sweeper.over(answered.key)
        crowd.sweeper.touched(asked_for)
        crowd.silent.clear()

    crowd.after(15 * S, meanwhile)
    crowd.rest()

    assert crowd.driven[0] == (10 * S, msgid(1))
    assert msgid(2) not in [driven for _, driven in crowd.driven]
    assert [at_us >= 25 * S for at_us, driven in crowd.driven if driven == msgid(3)] == [True]
    assert crowd.sweeper.open == 0


def test_what_is_over_is_driven_no_more_and_a_line_that_is_empty_costs_nothing(crowd: Crowd) -> None:
    message = crowd.leave(1)
    crowd.sweeper.over(message.key)

    crowd.rest()

    assert crowd.driven == []
    assert crowd.loom.now_us <= 10 * S


def test_one_that_fails_again_and_again_waits_longer_and_stands_behind_the_others(crowd: Crowd) -> None:
    crowd.silent.add("63")
    crowd.leave(1)
    crowd.after(300 * S, crowd.silent.clear)

    crowd.rest()

    starts = [at_us for at_us, _ in crowd.driven]
    waits = [later - earlier - 20 * S for earlier, later in pairwise(starts)]
    assert waits == sorted(waits)
    assert max(waits) == RULES.age_us


def test_a_message_that_cannot_be_driven_is_parked_with_its_reason_and_the_others_flow(crowd: Crowd) -> None:
    crowd.poison = {3}
    messages = [crowd.leave(number) for number in range(6)]

    crowd.rest()

    assert crowd.sweeper.open == 0
    [parked] = crowd.sweeper.parked.values()
    assert (parked.msgid, parked.code, parked.why) == (msgid(3), "2102", "LookupError")
    assert parked.since_us > 0
    assert [each for _, each in crowd.driven].count(msgid(3)) == 1, "it is swept no more"
    crowd.sweeper.over(messages[3].key)
    assert crowd.sweeper.parked == {}


def test_a_restart_lists_all_that_was_parked_again_at_once_and_holds_up_nobody(crowd: Crowd) -> None:
    """The list is of one process: the next one finds the intents open, and drives each before it waits for anything.

    What cannot be driven says nothing of the province, so it does not end the round as silence does.
    """
    poisoned = range(100, 100 + RULES.batch - 1)
    crowd.poison = set(poisoned)
    messages = [*(crowd.leave(number) for number in poisoned), crowd.leave(1)]
    crowd.rest()
    listed = crowd.sweeper.parked.keys()
    assert len(listed) == len(poisoned)

    again = Crowd()
    again.poison = crowd.poison
    again.sweeper.recover(messages)
    again.rest()

    assert again.sweeper.parked.keys() == listed
    assert [each for _, each in again.driven].count(msgid(1)) == 1
    assert max(at_us for at_us, _ in again.driven) < RULES.interval_us


# --- on a chain of real nodes ---


def pump(work: Coroutine[Any, Any, None], steps: int) -> None:
    for _ in range(steps):
        try:
            work.send(None)
        except StopIteration:
            return


def test_an_intent_left_open_by_a_silent_neighbour_is_closed_without_a_crash_and_without_anybody_asking() -> None:
    chain = Chain()
    silent = [True]
    chain.faults.append(
        lambda caller, node, request: "lose request" if silent[0] and (caller, node) == ("hub", "63") else None
    )
    assert isinstance(chain.send(sale()), Busy)
    silent[0] = False

    for work in chain.started:
        pump(work, 200)

    assert chain.open_intents() == []
    assert [one.settled_by for one in chain.standing()] == [msgid(1)]
    assert isinstance(done(chain.send(sale())), Settled)
    at_rest(chain)


def test_a_fruitless_drive_is_tried_again_soon_and_not_as_if_its_sender_had_asked() -> None:
    chain = Chain()
    chain.faults.append(once("33->hub", "2102", "lose request"))
    assert isinstance(chain.send(sale()), Busy)
    chain.faults.append(once("33->hub", "2102", "lose request"))
    began_us = chain.clock.us
    chain.boot("33")
    run(chain.nodes["33"].recover())

    for work in chain.started:
        run(work)

    assert chain.open_intents() == []
    assert chain.clock.us - began_us < DEFAULT_SWEEP.age_us


def test_two_sweeps_at_once_and_a_resend_between_them_have_one_effect() -> None:
    chain = Chain()
    chain.faults.append(always("33->hub", "2102", "lose reply"))
    assert isinstance(chain.send(sale()), Busy)
    chain.faults.clear()
    node: Any = chain.nodes["33"]
    [message] = run(chain.books["33"].open_intents())
    first, second = node._forwarder._drive(message), node._forwarder._drive(message)

    first.send(None)  # it has the lease, and waits for the hub
    assert run(second) is False
    assert chain.send(sale()) == Busy(200_000, msgid(1))
    assert run(first) is True
    assert run(node._forwarder._drive(message)) is True

    assert len(chain.standing()) == 1
    at_rest(chain)


@dataclass
class Reports:
    """Tasks of a server: what is reported is kept, and nobody stops."""

    errors: list[Exception] = field(default_factory=list)
    works: list[Any] = field(default_factory=list)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        work.send(None)
        self.works.append(work)

    def report(self, error: Exception) -> None:
        self.errors.append(error)


def with_poison(chain: Chain, poison: set[str], at: str = "33") -> Reports:
    """Have a node's way onwards raise for some messages, as a value that cannot be written does."""
    peers, reports = chain.peers_of(at), Reports()

    class Poisoned:
        async def call(self, node: Any, request: Any, timeout_us: int) -> Any:
            if request.code in poison and request.msgid == msgid(POISON):
                raise ValueError("planted")
            return await peers.call(node, request, timeout_us)

    chain.nodes[at] = build(at, NodePorts(chain.clock, Poisoned(), chain.books[at], reports))
    return reports


def test_what_is_left_open_is_told_by_destination_with_the_oldest_of_each_and_reversals_apart(crowd: Crowd) -> None:
    crowd.silent = {"63", "11"}
    first = crowd.leave(1)
    asked = reversal(9, of=1)
    key = Key(asked.sender, asked.msgid)
    assert crowd.sweeper.left_open() == ({"63": (1, 0)}, (0, None))

    def later() -> None:
        crowd.leave(2)
        crowd.leave(3, region="110000")
        crowd.sweeper.touched(MessageRecord(key, asked.code, crowd.now_us(), asked))
        seen.append(crowd.sweeper.left_open())
        crowd.sweeper.over(first.key)
        crowd.sweeper.over(key)
        seen.append(crowd.sweeper.left_open())
        crowd.silent = set()

    seen: list[Any] = []
    crowd.after(5 * S, later)
    crowd.rest()

    assert seen[0] == ({"63": (3, 0), "11": (1, 5 * S)}, (1, 5 * S))
    assert seen[1] == ({"63": (1, 5 * S), "11": (1, 5 * S)}, (0, None))
    assert crowd.sweeper.left_open() == ({"63": (0, None), "11": (0, None)}, (0, None))


def reason(parked: Parked) -> str:
    """Its reason without the line: the words of an exception, which may be a message's, are no part of it."""
    place, _, line = parked.why.rpartition(":")
    assert line.isdigit()
    return place


@pytest.mark.parametrize(("at", "open_"), [("33", ["2102"]), ("hub", ["2102", "2102"])])
def test_an_exception_after_an_intent_parks_the_message_and_is_answered_busy_with_its_name(
    at: str, open_: list[str]
) -> None:
    chain, poison = Chain(), {"2102"}
    reports = with_poison(chain, poison, at)

    assert chain.send(sale(POISON)) == Busy(200_000, msgid(POISON))
    assert isinstance(done(chain.send(sale(2))), Settled)

    node: Any = chain.nodes[at]
    [parked] = node.parked()
    assert (parked.msgid, reason(parked)) == (msgid(POISON), "ValueError at protocol/test_sweeper.py")
    assert [str(error) for error in reports.errors] == ["planted"]
    assert chain.open_intents() == open_, "the books say so too"


def test_a_parked_message_is_over_when_its_sender_asks_again_and_it_can_be_driven() -> None:
    chain, poison = Chain(), {"2102"}
    with_poison(chain, poison)
    chain.send(sale(POISON))
    poison.clear()

    assert isinstance(done(chain.send(sale(POISON))), Settled)

    node: Any = chain.nodes["33"]
    assert node.parked() == ()
    at_rest(chain)


def test_a_parked_message_that_is_asked_for_in_vain_stays_parked_and_out_of_the_line() -> None:
    chain, poison = Chain(), {"2102"}
    with_poison(chain, poison)
    chain.send(sale(POISON))
    node: Any = chain.nodes["33"]

    async def silent(*_: Any) -> Unknown:
        return Unknown(1)

    node._forwarder._send = silent

    assert chain.send(sale(POISON)) == Busy(200_000, msgid(POISON))
    assert [parked.msgid for parked in node.parked()] == [msgid(POISON)]
    assert node.open_intents() == 0, "what is parked is swept no more"


def test_a_parked_message_is_listed_again_when_its_node_has_started_again() -> None:
    """The books keep it as an intent without an outcome; an operator who asks after the restart reads it as before."""
    chain, poison = Chain(), {"2102"}
    with_poison(chain, poison)
    chain.send(sale(POISON))
    before: Any = chain.nodes["33"]

    reports = with_poison(chain, poison)  # another process on the same books
    node: Any = chain.nodes["33"]
    assert node is not before
    assert node.parked() == ()
    run(node.recover())
    for work in reports.works:
        pump(work, 200)

    [listed] = node.parked()
    assert (listed.msgid, reason(listed)) == (msgid(POISON), "ValueError at protocol/test_sweeper.py")
    assert chain.open_intents() == ["2102"]
    poison.clear()
    assert isinstance(done(chain.send(sale(POISON))), Settled)
    assert node.parked() == ()
    at_rest(chain)


def test_the_visit_of_a_parked_message_is_freed_by_its_reversal_and_it_leaves_the_list() -> None:
    chain = Chain()
    visit = registered(chain)
    reports = with_poison(chain, {"2207"})
    first, last = settlement(POISON, visit), settlement(8, visit)
    assert isinstance(chain.send(first), Busy)
    assert chain.send(last) == Busy(200_000, msgid(POISON)), "the visit is held, and the answer says by which message"

    assert isinstance(chain.send(reversal(9, POISON, "2207")), Answered)

    node: Any = chain.nodes["33"]
    assert node.parked() == ()
    assert isinstance(done(chain.send(last)), Settled)
    assert len(reports.errors) == 1
    at_rest(chain)
