"""Taking a settlement back: only its own, only in its own person's name, once, and out of its own year."""

from __future__ import annotations

import pytest
from support.chain import HOSPITAL, PERSON, Chain, at_rest, once, run
from support.messages import (
    OTHER_PERSON,
    admit,
    cancel,
    discharge,
    done,
    msgid,
    refusal,
    register,
    registered,
    reversal,
    reversal_as_the_hub_sends_it,
    sale,
    settlement,
    upload,
)

from reference_impl.domain.benefit import Accumulators, EarlierYear
from reference_impl.domain.errors import Refusal
from reference_impl.domain.lifecycle import VisitState
from reference_impl.protocol.answers import busy_with
from reference_impl.protocol.messages import Answered, Cancelled, Settled, VisitId

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


def test_a_take_back_after_new_year_gives_back_what_counted_in_the_old_one(chain: Chain) -> None:
    chain.year_of = lambda us: 2024 if us < NEW_YEAR_US else 2025
    chain.boot("63")
    old = done(chain.send(sale(1, 200_000)))
    before = chain.accumulators()
    chain.clock.us = 2 * NEW_YEAR_US
    new = done(chain.send(sale(2)))
    done(chain.send(cancel(3, new)))
    done(chain.send(cancel(4, old)))
    [after] = chain.books["63"].read_all().persons

    assert (before.year, after.accumulators.year, after.earlier.earlier_year) == (2024, 2025, 2024)
    assert before.deductible_paid_fen > 0
    assert after.accumulators == Accumulators(2025, balance_fen=5_000)
    assert after.earlier == EarlierYear(2024)
    assert chain.standing() == []


def test_a_settlement_after_new_year_pays_the_deductible_anew(chain: Chain) -> None:
    chain.year_of = lambda us: 2024 if us < NEW_YEAR_US else 2025
    chain.boot("63")
    old = done(chain.send(sale(1, 200_000)))
    chain.clock.us = 2 * NEW_YEAR_US
    new = done(chain.send(sale(2, 200_000)))

    assert new.amounts.deductible_fen == old.amounts.deductible_fen > 0
    assert chain.accumulators().year == 2025


# --- in the order they were made ---

CANCELS = {"2102": "2103", "2207": "2208", "2304": "2305"}


def settled_by(chain: Chain, code: str, n: int) -> Settled:
    """One settlement of a kind, its messages numbered from ``n``."""
    if code == "2102":
        return done(chain.send(sale(n, 20_000)))
    opens = register(n) if code == "2207" else admit(n)
    visit = done(chain.send(opens)).visit
    done(chain.send(upload(n + 1, visit, code="2204" if code == "2207" else "2301")))
    if code == "2304":
        done(chain.send(discharge(n + 2, visit)))
    return done(chain.send(settlement(n + 3, visit, code=code)))


@pytest.mark.parametrize("code", CANCELS)
def test_a_settlement_under_a_later_one_is_not_cancelled_until_the_later_one_is(chain: Chain, code: str) -> None:
    first = settled_by(chain, code, 1)
    then = chain.accumulators()
    second = done(chain.send(sale(10, 30_000)))
    both = chain.accumulators()
    answer = chain.send(cancel(20, first, code=CANCELS[code]))

    assert refusal(answer) == Refusal.LATER_STANDS
    assert isinstance(answer, Answered)
    assert second.settlement in answer.reply.reason
    assert chain.accumulators() == both
    assert len(chain.standing()) == 2
    done(chain.send(cancel(21, second)))
    assert chain.accumulators() == then
    done(chain.send(cancel(22, first, code=CANCELS[code])))
    assert chain.accumulators() == Accumulators(2024, balance_fen=5_000)
    assert chain.standing() == []
    at_rest(chain)


def test_two_persons_do_not_stand_in_each_others_way(chain: Chain) -> None:
    first = done(chain.send(sale(1)))
    done(chain.send(sale(2, person=OTHER_PERSON)))

    assert isinstance(done(chain.send(cancel(3, first))), Cancelled)


@pytest.mark.parametrize("code", CANCELS)
@pytest.mark.parametrize("lost", ["33->hub", "hub->63"])
def test_a_reversal_under_a_later_settlement_is_refused_and_the_reversed_one_gets_its_verdict(
    chain: Chain, code: str, lost: str
) -> None:
    chain.faults.append(once(lost, code, "lose reply"))
    visit = VisitId("")
    if code == "2102":
        message = sale(4, 20_000)
    else:
        visit = done(chain.send(register(1) if code == "2207" else admit(1))).visit
        done(chain.send(upload(2, visit, code="2204" if code == "2207" else "2301")))
        message = settlement(4, visit, code=code)
        if code == "2304":
            done(chain.send(discharge(3, visit)))
    assert not isinstance(chain.send(message), Answered)
    later = done(chain.send(sale(10, 30_000)))
    both = chain.accumulators()
    refused = chain.send(reversal(20, of=4, code=code))
    settled = done(chain.send(message))

    assert refusal(refused) == Refusal.LATER_STANDS
    assert isinstance(settled, Settled)
    assert chain.accumulators() == both
    assert {one.settlement for one in chain.standing()} == {settled.settlement, later.settlement}
    assert all(visit.state in (VisitState.SETTLED, VisitState.SETTLED_DISCHARGED) for visit in chain.visits())
    at_rest(chain)

    done(chain.send(cancel(21, later)))
    assert refusal(chain.send(reversal(20, of=4, code=code))) == Refusal.LATER_STANDS  # a verdict is final
    done(chain.send(reversal(22, of=4, code=code)))
    assert chain.standing() == []
    at_rest(chain)


def test_a_settlement_whose_reversal_was_refused_is_driven_to_its_verdict_when_nobody_asks(chain: Chain) -> None:
    chain.faults.append(once("hub->63", "2102", "lose reply"))
    chain.send(sale(1))
    done(chain.send(sale(2)))
    assert refusal(chain.send(reversal(9, of=1))) == Refusal.LATER_STANDS

    chain.restart("hub")
    chain.restart("33")

    assert len(chain.money_held("33")) == len(chain.money_held("hub")) == len(chain.standing()) == 2
    at_rest(chain)


def test_a_visit_is_not_moved_while_it_is_unknown_whether_its_reversal_counts(chain: Chain) -> None:
    visit = registered(chain)
    chain.faults += [once("hub->63", "2207", "lose reply"), once("33->hub", "2601", "lose request")]
    chain.send(settlement(3, visit))
    done(chain.send(sale(10)))
    chain.send(reversal(20, of=3, code="2207"))

    assert chain.send(upload(4, visit)) == busy_with(msgid(20))
    assert chain.send(settlement(3, visit)) == busy_with(msgid(20))
    assert refusal(chain.send(reversal(20, of=3, code="2207"))) == Refusal.LATER_STANDS
    assert chain.send(upload(5, visit)) == busy_with(msgid(3))
    assert isinstance(done(chain.send(settlement(3, visit))), Settled)
    at_rest(chain)


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
