"""A request that the network brings twice, and a door that closes between the two copies: what the second is told.

Who is told that nothing was done gives up, and claims by paper; so nobody may be told that while the other copy acts.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from support.chain import CARE_CITY, HOSPITAL, INSURED_CITY, Chain, Suspend, at_rest
from support.messages import admit, done, sale, upload

from reference_impl.domain.nodes import NodeId
from reference_impl.domain.scopes import Side
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.protocol.messages import Answered, Busy, Closed, Overloaded, Request
from reference_impl.protocol.records import Key
from reference_impl.protocol.threshold import Threshold

SHUT = (DoorState.CLOSED, DoorState.REFUSING)
KEY = Key(NodeId(HOSPITAL), sale().msgid)


class Slow:
    """Books whose looks stand until they are let go on, when asked to."""

    def __init__(self, books: Any) -> None:
        self.books = books
        self.stands = True

    async def look(self, key: Any, *refs: Any) -> Any:
        while self.stands:
            await Suspend()
        return await self.books.look(key, *refs)

    async def commit(self, change: Any) -> Any:
        return await self.books.commit(change)

    async def open_intents(self) -> Any:
        return await self.books.open_intents()

    def read_all(self) -> Any:
        return self.books.read_all()


def slowed(chain: Chain, node: str) -> Slow:
    chain.books[node] = slow = Slow(chain.books[node])  # type: ignore[assignment]
    chain.boot(node)
    return slow


class Copy:
    """One copy of a request that has reached a node, and stands there until it is pushed."""

    def __init__(self, chain: Chain, node: str, request: Request) -> None:
        self.work: Coroutine[Any, Any, Any] = chain.nodes[node].handle(request)
        self.answer: Any = None
        self.push()

    def push(self) -> None:
        """Let it go on for a while."""
        for _ in range(20 if self.answer is None else 0):
            try:
                self.work.send(None)
            except StopIteration as said:
                self.answer = said.value
                return


def shut(chain: Chain, node: str, state: DoorState, side: Side) -> None:
    chain.nodes[node].doors.obey(DoorCommand(scope=node, side=side, state=state, reopens_us=10**12))


def opened(chain: Chain, node: str, side: Side) -> None:
    chain.nodes[node].doors.obey(DoorCommand(scope=node, side=side, state=DoorState.OPEN))


def as_passed_on(chain: Chain, to: str) -> Request:
    """The sale as it reaches a node, told by a chain on which nothing goes wrong."""
    seen: list[Request] = []
    tap: Callable[[str, str, Request], Request | None] = lambda _caller, node, request: (  # noqa: E731
        seen.append(request) if node == to and request.code == sale().code else None
    )
    straight = Chain(relays=chain.relays, lies=[tap])
    done(straight.send(sale()))
    return seen[0]


PLACES = [
    ("33", Side.CARE, ()),
    ("hub", Side.CARE, ()),
    ("63", Side.INSURED, ()),
    (CARE_CITY, Side.CARE, (CARE_CITY,)),
    (INSURED_CITY, Side.INSURED, (INSURED_CITY,)),
]


@pytest.mark.parametrize("state", SHUT)
@pytest.mark.parametrize(("node", "side", "relays"), PLACES)
def test_a_door_that_closes_over_a_copy_in_work_does_not_say_that_nothing_was_done(node, side, relays, state):
    chain = Chain(relays=relays)
    slow, request = slowed(chain, node), as_passed_on(chain, node)
    first = Copy(chain, node, request)
    slow.stands = False
    chain.books[node].stands = True  # type: ignore[attr-defined]
    shut(chain, node, state, side)

    second = Copy(chain, node, request)
    slow.stands = False
    second.push()
    first.push()

    assert isinstance(first.answer, Answered)
    assert isinstance(second.answer, Closed | Overloaded)
    assert second.answer.msgid == request.msgid


@pytest.mark.parametrize("state", SHUT)
@pytest.mark.parametrize(("node", "side", "relays"), PLACES)
def test_nor_does_one_over_a_copy_that_is_in_the_books(node, side, relays, state):
    chain = Chain(relays=relays)
    request = as_passed_on(chain, node)
    first = Copy(chain, node, request)
    assert isinstance(first.answer, Answered)
    shut(chain, node, state, side)

    second = Copy(chain, node, request)

    assert second.answer.msgid == request.msgid


@pytest.mark.parametrize(("node", "side", "relays"), PLACES)
def test_of_two_copies_before_a_shut_door_the_first_to_be_turned_away_does_not_speak_for_the_other(node, side, relays):
    chain = Chain(relays=relays)
    slow, request = slowed(chain, node), as_passed_on(chain, node)
    shut(chain, node, DoorState.CLOSED, side)
    first, second = (Copy(chain, node, request) for _ in range(2))

    slow.stands = False
    first.push()
    opened(chain, node, side)
    second.push()

    assert first.answer.msgid == request.msgid
    assert isinstance(second.answer, Answered)


@pytest.mark.parametrize(("node", "side", "relays"), PLACES)
def test_where_both_are_turned_away_the_last_says_that_nothing_was_done(node, side, relays):
    chain = Chain(relays=relays)
    slow, request = slowed(chain, node), as_passed_on(chain, node)
    shut(chain, node, DoorState.CLOSED, side)
    first, second = (Copy(chain, node, request) for _ in range(2))

    slow.stands = False
    first.push()
    second.push()

    assert (first.answer.msgid, second.answer.msgid) == (request.msgid, "")
    at_rest(chain)


def test_a_copy_that_passed_while_the_other_stood_may_be_over_when_that_is_turned_away():
    """The one that stands may have looked into the books before the other wrote."""

    async def says(answer: Closed | None, *waits: None) -> Closed | None:
        for _ in waits:
            await Suspend()
        return answer

    threshold, nobody = Threshold(), lambda _: False
    stands = threshold.crossed(KEY, says(Closed("33", 9, 9), None), nobody)
    stands.send(None)
    with pytest.raises(StopIteration) as passed:
        threshold.crossed(KEY, says(None), nobody).send(None)
    with pytest.raises(StopIteration) as turned_away:
        stands.send(None)
    with pytest.raises(StopIteration) as later:
        threshold.crossed(KEY, says(Closed("33", 9, 9)), nobody).send(None)

    assert passed.value.value is None
    assert turned_away.value.value == Closed("33", 9, 9, KEY.msgid)
    assert later.value.value == Closed("33", 9, 9), "what is forgotten holds nobody up"


def test_a_look_that_fails_leaves_nobody_standing_and_passes_nobody():
    async def fails() -> None:
        raise OSError("disk")

    async def shut_door() -> Closed:
        return Closed("33", 9, 9)

    threshold = Threshold()
    with pytest.raises(OSError, match="disk"):
        threshold.crossed(KEY, fails(), lambda _: False).send(None)
    with pytest.raises(StopIteration) as said:
        threshold.crossed(KEY, shut_door(), lambda _: False).send(None)

    assert said.value.value == Closed("33", 9, 9)


def test_a_copy_that_was_let_in_and_turned_away_further_on_does_not_speak_for_one_that_stands():
    async def waits() -> None:
        await Suspend()

    threshold, away = Threshold(), Overloaded(5)
    assert threshold.beside(away, KEY) is away
    stands = threshold.crossed(KEY, waits(), lambda _: False)
    stands.send(None)

    assert threshold.beside(away, KEY) == Overloaded(5, msgid=KEY.msgid)
    assert threshold.beside(Busy(1), KEY) == Busy(1)
    stands.close()
    assert threshold.beside(away, KEY) is away


@pytest.mark.parametrize(("node", "side", "relays"), [one for one in PLACES if one[1] is Side.CARE])
def test_nor_at_a_node_whose_next_one_serves_nobody(node, side, relays):
    chain = Chain(relays=relays)
    slow, request = slowed(chain, node), as_passed_on(chain, node)
    shut(chain, node, DoorState.DRAINING, side)
    second = Copy(chain, node, request)
    opened(chain, node, side)
    slow.stands = False
    shut(chain, "63", DoorState.CLOSED, Side.INSURED)
    first = Copy(chain, node, request)
    second.push()

    assert isinstance(first.answer, Closed)
    assert first.answer.msgid == request.msgid


@pytest.mark.parametrize("state", SHUT)
def test_charges_that_are_being_written_are_not_said_to_be_none(state):
    """What stays in its province passes no forwarder."""
    chain = Chain()
    stay = done(chain.send(admit(1))).visit
    slow, request = slowed(chain, "33"), upload(2, stay, code="2301")
    slow.stands = True
    first, third = (Copy(chain, "33", request) for _ in range(2))
    shut(chain, "33", state, Side.CARE)
    second = Copy(chain, "33", request)
    slow.stands = False
    second.push()
    first.push()
    third.push()

    assert second.answer.msgid == request.msgid
    assert done(first.answer) == done(third.answer)


@pytest.mark.parametrize("state", SHUT)
def test_whoever_passes_a_message_on_keeps_it_open_while_another_copy_may_act_there(state):
    """The hub's second copy is turned away by the insurer, whose door closes over the first."""
    chain = Chain()
    slow, at_insurer = slowed(chain, "63"), as_passed_on(chain, "63")
    first, third = (Copy(chain, "63", at_insurer) for _ in range(2))
    shut(chain, "63", state, Side.INSURED)
    asked = Copy(chain, "33", sale())
    slow.stands = False
    asked.push()
    assert isinstance(asked.answer, Busy)
    first.push()
    third.push()
    opened(chain, "63", Side.INSURED)

    settled = done(chain.send(sale()))
    assert [one.settlement for one in chain.standing()] == [settled.settlement]
    assert done(first.answer) == done(third.answer) == settled
    at_rest(chain)


@pytest.mark.parametrize("state", SHUT)
def test_a_province_that_waits_for_a_citys_relay_does_not_say_that_nothing_was_done(state):
    chain = Chain(relays=(INSURED_CITY,))
    slow, request = slowed(chain, INSURED_CITY), as_passed_on(chain, "63")
    first, third = (Copy(chain, "63", request) for _ in range(2))
    shut(chain, "63", state, Side.INSURED)
    second = Copy(chain, "63", request)
    opened(chain, "63", Side.INSURED)
    slow.stands = False
    first.push()
    third.push()

    assert second.answer.msgid == request.msgid
    assert isinstance(first.answer, Answered)
