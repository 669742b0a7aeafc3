"""Taking a settlement back: only its own, only in its own person's name, once, and out of its own year."""

from __future__ import annotations

import msgspec
import pytest
from support.chain import HOSPITAL, PERSON, Chain, at_rest, once, run
from support.messages import (
    OTHER_PERSON,
    cancel,
    done,
    msgid,
    refusal,
    registered,
    reversal,
    reversal_as_the_hub_sends_it,
    sale,
    settlement,
)

from reference_impl.domain.errors import Refusal
from reference_impl.domain.lifecycle import VisitState
from reference_impl.protocol.messages import Answered, Cancelled, Settled

LINKS = [f"{HOSPITAL}->33", "33->hub", "hub->63"]
NEW_YEAR_US = 10**9


def test_a_sale_is_taken_back_only_by_naming_its_own_settlement(chain: Chain) -> None:
    settled = done(chain.send(sale()))

    assert refusal(chain.send(cancel(2, settled, named="A-of-somebody-else"))) == Refusal.NOT_SETTLED
    assert len(chain.standing()) == 1
    assert isinstance(done(chain.send(cancel(3, settled))), Cancelled)
    assert chain.standing() == []
    at_rest(chain)


def test_every_node_notes_on_the_sale_which_message_reversed_it(chain: Chain) -> None:
    done(chain.send(sale(1)))
    done(chain.send(reversal(9, of=1)))
    marks = {
        node: [message.reversed_by for message in books.read_all().messages if message.code == "2102"]
        for node, books in chain.books.items()
    }

    assert marks == {"33": [msgid(9)], "hub": [msgid(9)], "63": [msgid(9)]}


@pytest.mark.parametrize("direction", ["lose request", "lose reply"])
@pytest.mark.parametrize("link", LINKS)
def test_each_message_of_a_pharmacy_cancel_lost_in_turn_takes_the_sale_back_once(
    chain: Chain, link: str, direction: str
) -> None:
    settled = done(chain.send(sale()))
    chain.faults.append(once(link, "2103", direction))

    lost = chain.send(cancel(2, settled))
    answer = chain.send(cancel(2, settled))

    assert not isinstance(lost, Answered)
    assert isinstance(done(answer), Cancelled)
    assert chain.standing() == []
    assert [one.sign for one in chain.books["63"].read_all().settlements] == [1, -1]
    assert [visit.state for visit in chain.visits()] == [VisitState.CANCELLED]
    assert chain.accumulators().balance_fen == 5_000
    at_rest(chain)


def test_a_take_back_after_new_year_leaves_the_new_year_alone(chain: Chain) -> None:
    chain.year_of = lambda us: 2024 if us < NEW_YEAR_US else 2025
    chain.boot("63")
    old = done(chain.send(sale(1, 200_000)))
    before = chain.accumulators()
    chain.clock.us = 2 * NEW_YEAR_US
    new = done(chain.send(sale(2)))
    chain.send(cancel(3, old))
    after = chain.accumulators()

    assert (before.year, after.year) == (2024, 2025)
    assert before.deductible_paid_fen > 0
    assert after.deductible_paid_fen == new.amounts.deductible_fen
    assert after.pool_paid_fen == new.amounts.pool_fen
    assert after.balance_fen == 5_000 - new.amounts.account_fen
    assert min(msgspec.structs.astuple(after)) >= 0
    assert [one.settlement for one in chain.standing()] == [new.settlement]


def test_a_settlement_after_new_year_pays_the_deductible_anew(chain: Chain) -> None:
    chain.year_of = lambda us: 2024 if us < NEW_YEAR_US else 2025
    chain.boot("63")
    old = done(chain.send(sale(1, 200_000)))
    chain.clock.us = 2 * NEW_YEAR_US
    new = done(chain.send(sale(2, 200_000)))

    assert new.amounts.deductible_fen == old.amounts.deductible_fen > 0
    assert chain.accumulators().year == 2025


# --- another person's business ---


def two_sales(chain: Chain) -> tuple[Settled, dict[str, object]]:
    settled = done(chain.send(sale(1)))
    done(chain.send(sale(2, 3_000, person=OTHER_PERSON)))
    return settled, {person: chain.accumulators(person) for person in (PERSON, OTHER_PERSON)}


@pytest.mark.parametrize("how", ["cancel", "reversal"])
def test_a_settlement_is_not_taken_back_in_another_persons_name(chain: Chain, how: str) -> None:
    settled, before = two_sales(chain)
    named = cancel(3, settled, person=OTHER_PERSON) if how == "cancel" else reversal(3, 1, person=OTHER_PERSON)

    assert refusal(chain.send(named)) == Refusal.NO_SUCH_VISIT
    assert ("33->hub", named.code) not in chain.calls
    assert {person: chain.accumulators(person) for person in before} == before
    assert len(chain.standing()) == 2
    at_rest(chain)


def test_an_insurer_does_not_reverse_in_another_persons_name_even_when_the_care_side_lets_it_pass(chain: Chain) -> None:
    _, before = two_sales(chain)

    answer = run(chain.nodes["63"].handle(reversal_as_the_hub_sends_it(3, 1, person=OTHER_PERSON)))

    assert refusal(answer) == Refusal.NO_SUCH_VISIT
    assert {person: chain.accumulators(person) for person in before} == before
    assert len(chain.standing()) == 2


def test_a_visit_is_not_settled_in_another_persons_name(chain: Chain) -> None:
    visit = registered(chain)

    assert refusal(chain.send(settlement(3, visit, person=OTHER_PERSON))) == Refusal.NO_SUCH_VISIT
    assert chain.standing() == []
    assert isinstance(done(chain.send(settlement(4, visit))), Settled)
