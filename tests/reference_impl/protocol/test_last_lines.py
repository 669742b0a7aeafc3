"""What is rarely reached and must hold all the same: our own books fail, a mark is lifted in between, nothing is left to move."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.chain import CATALOGUE, HOSPITAL, INSTITUTIONS, Beside, Chain, Crossing, at_rest, once, run
from support.messages import (
    cancel,
    done,
    msgid,
    refusal,
    register,
    registered,
    reversal,
    sale,
    sale_as_the_hub_sends_it,
)

from reference_impl.domain.errors import Refusal
from reference_impl.domain.failures import FailedRunError
from reference_impl.domain.nodes import HUB, NodeId
from reference_impl.protocol.care import CareRole, CareRules
from reference_impl.protocol.messages import Busy, Reply, Settled, VisitOpened
from reference_impl.protocol.records import Change, View


class Failing:
    """Books that cannot write the verdict of a sale while ``down``."""

    def __init__(self, books: Any) -> None:
        self._books = books
        self.down = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._books, name)

    async def commit(self, change: Change) -> Any:
        if self.down and change.message.reply is not None:
            raise FailedRunError("the disk is full")
        return await self._books.commit(change)


def test_an_intent_that_our_own_books_fail_on_is_neither_parked_nor_forgotten(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Exception] = []
    books = chain.books["33"] = Failing(chain.books["33"])  # type: ignore[assignment]
    chain.boot("33")
    monkeypatch.setattr(Beside, "report", lambda _, error: told.append(error))
    forwarder = chain.nodes["33"]._forwarder
    with pytest.raises(FailedRunError):
        chain.send(sale())
    [intent] = run(books.open_intents())

    assert (forwarder.sweeper.open, forwarder.parked()) == (1, ())
    assert run(forwarder._drive(intent)) is False
    assert [str(error) for error in told] == ["the disk is full"]
    books.down = False
    assert run(forwarder._drive(intent)) is True

    assert len(chain.standing()) == 1
    assert isinstance(done(chain.send(sale())), Settled)
    at_rest(chain)


def test_a_yes_that_meets_a_mark_just_as_it_is_lifted_counts(chain: Chain) -> None:
    """The reversal is refused because a later settlement stands, between two looks of the sale's closing."""
    chain.between("33", "look", lambda: refused.append(refusal(chain.send(reversal()))))
    books, refused = chain.books["33"], []
    books.left = 0

    def meanwhile() -> None:
        done(chain.send(sale(2)))
        chain.faults.append(once("33->hub", "2601", "lose request"))
        assert isinstance(chain.send(reversal()), Busy)
        books.left = 1

    chain.crossings.append(Crossing("33->hub", "2102", "after", meanwhile))

    assert isinstance(done(chain.send(sale())), Settled)
    assert refused == [Refusal.LATER_STANDS]
    assert len(chain.standing()) == 2
    at_rest(chain)


def test_a_message_marked_by_another_reversal_is_not_opened_again(chain: Chain) -> None:
    chain.faults.append(once("33->hub", "2102", "lose reply"))
    assert isinstance(chain.send(sale()), Busy)
    forwarder = chain.nodes["33"]._forwarder
    [intent] = run(chain.books["33"].open_intents())
    before = forwarder.sweeper.open

    forwarder._reopened(msgspec.structs.replace(intent, reversed_by=msgid(8)), msgid(9))

    assert forwarder.sweeper.open == before


def test_the_hub_knows_no_other_transactions_than_the_catalogues(chain: Chain) -> None:
    strange = msgspec.structs.replace(sale_as_the_hub_sends_it(), code="0000", sender=NodeId("33"))

    assert refusal(run(chain.nodes[HUB].handle(strange))) == Refusal.NO_SUCH_TRANSACTION


# --- a verdict that finds the visit moved already ---


@pytest.fixture
def care() -> CareRole:
    return CareRole(CareRules(NodeId("33"), CATALOGUE, INSTITUTIONS, lambda _: HUB))


def test_a_second_yes_to_an_opening_moves_nothing(chain: Chain, care: CareRole) -> None:
    registered(chain)
    view = View(None, tuple(chain.visits()))
    yes = Reply("R", VisitOpened(visit=chain.visits()[0].visit))

    assert care.finish(register(1), yes, view, None) == (yes, ())


def test_a_one_sided_settlement_of_a_visit_that_is_open_again_takes_nothing_back(chain: Chain, care: CareRole) -> None:
    registered(chain)
    view = View(None, tuple(chain.visits()))
    asked = cancel(5, VisitOpened(visit=chain.visits()[0].visit), code="2208", named=f"A{HOSPITAL}")
    no = Reply("R", refusal=Refusal.ONE_SIDED, reason="")

    assert care.finish(asked, no, view, None) == (no, ())


def test_a_refused_reversal_lets_go_of_nothing_that_it_does_not_hold(care: CareRole) -> None:
    no = Reply("R", refusal=Refusal.LATER_STANDS, reason="")

    assert care.finish(reversal(), no, View(), None) == (no, ())
