"""G1 to G5 on the very code that serves requests: lose, repeat, reverse and reorder, and see what the books hold."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from support.chain import HOSPITAL, PERSON, Chain, once, run
from support.messages import find_person, msgid, register, reversal, sale

from reference_impl.domain.errors import Refusal
from reference_impl.domain.scopes import Side
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.protocol.messages import (
    Answered,
    Busy,
    Closed,
    Done,
    FindPerson,
    PersonFound,
    PersonNo,
    Request,
    Settled,
    Unknown,
)
from reference_impl.protocol.records import Change, PersonRecord, Posting, SettlementRecord

LINKS = [f"{HOSPITAL}->33", "33->hub", "hub->63"]


def test_a_person_is_found_at_the_insurer(chain: Chain) -> None:
    answer = chain.send(find_person())

    assert isinstance(answer, Answered)
    assert isinstance(answer.reply.body, PersonFound)
    assert [hop.node for hop in answer.hops] == ["33", "3304", "hub", "63"]


def test_a_sale_is_posted_once_and_balances(chain: Chain) -> None:
    answer = chain.send(sale())

    assert isinstance(answer, Answered)
    assert isinstance(answer.reply.body, Settled)
    assert [one.settled_by for one in chain.standing()] == [msgid(1)]
    assert chain.sum_of_accounts() == 0


def test_the_same_key_gets_the_same_reply_and_goes_nowhere_again(chain: Chain) -> None:
    first = chain.send(sale())
    calls = len(chain.calls)
    again = chain.send(sale())

    assert isinstance(first, Answered)
    assert isinstance(again, Answered)
    assert again.reply == first.reply
    assert len(chain.calls) == calls + 1
    assert len(chain.standing()) == 1


def test_the_same_key_with_other_content_is_refused_naming_the_field(chain: Chain) -> None:
    chain.send(sale())
    answer = chain.send(sale(total_fen=1))

    assert isinstance(answer, Answered)
    assert answer.reply.refusal == Refusal.OTHER_CONTENT
    assert "total_fen" in answer.reply.reason
    assert "10000" not in answer.reply.reason
    assert len(chain.standing()) == 1


@pytest.mark.parametrize("direction", ["lose request", "lose reply"])
@pytest.mark.parametrize("link", LINKS)
def test_each_of_the_six_messages_lost_in_turn_heals_by_sending_again(chain: Chain, link: str, direction: str) -> None:
    chain.faults.append(once(link, "2102", direction))

    first = chain.send(sale())
    again = chain.send(sale())

    assert isinstance(first, Unknown if link == LINKS[0] else Busy)
    assert isinstance(again, Answered)
    assert isinstance(again.reply.body, Settled)
    assert len(chain.standing()) == 1
    assert chain.sum_of_accounts() == 0


@pytest.mark.parametrize("direction", ["lose request", "lose reply"])
@pytest.mark.parametrize("link", LINKS)
def test_an_unknown_that_is_reversed_has_no_effect(chain: Chain, link: str, direction: str) -> None:
    chain.faults.append(once(link, "2102", direction))
    chain.send(sale())

    answer = chain.send(reversal())
    late = chain.send(sale())

    assert isinstance(answer, Answered)
    assert isinstance(answer.reply.body, Done)
    assert chain.standing() == []
    assert isinstance(late, Answered)
    assert late.reply.refusal == Refusal.REVERSED or isinstance(late.reply.body, Settled)
    assert chain.standing() == []
    assert chain.sum_of_accounts() == 0


@pytest.mark.parametrize("order", list(itertools.permutations("sRr")))
def test_every_order_of_settle_and_two_reversals_ends_with_nothing_standing(chain: Chain, order: tuple[str]) -> None:
    """``s`` the sale, ``R`` a reversal, ``r`` the same reversal by another key: G4, at most one effect."""
    messages = {"s": sale(), "R": reversal(8), "r": reversal(9)}

    for name in order:
        assert isinstance(chain.send(messages[name]), Answered)

    assert chain.standing() == []
    assert chain.sum_of_accounts() == 0
    negatives = [one for one in chain.books["63"].read_all().settlements if one.sign < 0]
    assert len(negatives) <= 1


def test_reversing_gives_the_person_the_deductible_back(chain: Chain) -> None:
    chain.send(sale())
    chain.send(reversal())
    [person] = chain.books["63"].read_all().persons

    assert person.accumulators.balance_fen == 5_000
    assert person.accumulators.deductible_paid_fen == 0
    assert person.accumulators.pool_paid_fen == 0


def test_an_insurer_that_nobody_connects_is_refused_for_good(chain: Chain) -> None:
    far = Request("1101", msgid(1), HOSPITAL, HOSPITAL, "330400", "990100", FindPerson(person=PersonNo(PERSON)))
    answer = chain.send(far)

    assert isinstance(answer, Answered)
    assert answer.reply.refusal == Refusal.NO_SUCH_INSURER


@pytest.mark.parametrize(
    ("node", "scope", "side"),
    [
        ("33", "3304", Side.CARE),
        ("33", "33", Side.CARE),
        ("63", "63", Side.INSURED),
        ("63", "6301", Side.INSURED),
        ("hub", "hub", Side.CARE),
    ],
)
def test_a_closed_door_is_no_verdict_and_the_same_key_settles_after_reopening(
    chain: Chain, node: str, scope: str, side: Side
) -> None:
    door = DoorCommand(scope=scope, side=side, state=DoorState.CLOSED, reopens_us=60_000_000)
    chain.nodes[node].doors.obey(door)
    shut = chain.send(sale())
    chain.nodes[node].doors.obey(DoorCommand(scope=scope, side=side, state=DoorState.OPEN))
    answer = chain.send(sale())

    assert shut == Closed(scope, 60_000_000, 60_000_000)
    assert isinstance(answer, Answered)
    assert isinstance(answer.reply.body, Settled)
    assert len(chain.standing()) == 1


def test_a_draining_door_lets_the_known_through_and_starts_nothing_new(chain: Chain) -> None:
    chain.send(sale(1))
    chain.nodes["33"].doors.obey(
        DoorCommand(scope="3304", side=Side.CARE, state=DoorState.DRAINING, reopens_us=60_000_000)
    )

    again = chain.send(sale(1))
    reverse = chain.send(reversal(9, of=1))
    new = chain.send(find_person(3))

    assert isinstance(again, Answered)
    assert isinstance(reverse, Answered)
    assert isinstance(new, Closed)


def test_a_restart_drives_an_open_intent_to_its_end(chain: Chain) -> None:
    chain.faults.append(once("33->hub", "2102", "lose request"))
    assert isinstance(chain.send(sale()), Busy)

    chain.boot("33")
    run(chain.nodes["33"].recover())
    for work in chain.started:
        run(work)

    assert run(chain.books["33"].open_intents()) == ()
    assert len(chain.standing()) == 1


def test_a_restart_drives_nothing_that_the_hospital_was_told_is_closed(chain: Chain) -> None:
    chain.nodes["63"].doors.obey(DoorCommand(scope="63", side=Side.INSURED, state=DoorState.CLOSED, reopens_us=1))
    assert isinstance(chain.send(sale()), Closed)
    chain.nodes["63"].doors.obey(DoorCommand(scope="63", side=Side.INSURED, state=DoorState.OPEN))

    for node in ("33", "hub"):
        chain.boot(node)
        run(chain.nodes[node].recover())
    for work in chain.started:
        run(work)

    assert chain.standing() == []


def test_once_an_attempt_was_unknown_a_closed_door_downstream_is_busy_not_closed(chain: Chain) -> None:
    chain.faults.append(once("hub->63", "2102", "lose reply"))
    chain.send(sale())
    chain.nodes["63"].doors.obey(DoorCommand(scope="63", side=Side.INSURED, state=DoorState.CLOSED, reopens_us=1))

    assert isinstance(chain.send(sale()), Busy)
    assert len(chain.standing()) == 1


def test_a_draining_hub_lets_the_known_through_and_starts_nothing_new(chain: Chain) -> None:
    """The first registration is known to the hub and to nobody behind it: it got lost on the way there."""
    chain.faults.append(once("hub->63", "2201", "lose request"))
    assert isinstance(chain.send(register(1)), Busy)
    door = DoorCommand(scope="hub", side=Side.CARE, state=DoorState.DRAINING, reopens_us=60_000_000)
    chain.nodes["hub"].doors.obey(door)

    assert isinstance(chain.send(register(1)), Answered)
    assert isinstance(chain.send(register(2)), Closed)
    assert [one.opened_by for one in chain.visits()] == [msgid(1)]


class Kept:
    """Books that remember every change they were given."""

    def __init__(self, books: Any) -> None:
        self._books = books
        self.changes: list[Change] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._books, name)

    async def commit(self, change: Change) -> Any:
        self.changes.append(change)
        return await self._books.commit(change)


@pytest.mark.parametrize("asked", [sale(1), sale(1, code="2101"), find_person(1)], ids=lambda asked: asked.code)
def test_an_insurer_settles_in_one_commit_with_the_posting_the_person_and_the_reply_or_not_at_all(
    chain: Chain, asked: Request
) -> None:
    books = chain.books["63"] = Kept(chain.books["63"])  # type: ignore[assignment]
    chain.boot("63")

    answer = chain.send(asked)

    assert isinstance(answer, Answered)
    [change] = books.changes
    written = [change.get(kind) for kind in (SettlementRecord, Posting, PersonRecord)]
    if asked.code == "2102":
        assert [change.get(SettlementRecord)] == chain.standing()
        assert None not in written
    else:
        assert written == [None] * 3
    assert change.message.reply is not None
