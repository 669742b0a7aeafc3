"""What care province and hub keep of a settlement that passed: the insurer's money to the fen, until it is taken back."""

from __future__ import annotations

import msgspec
import pytest
from support.chain import LOCAL_PERSON, Chain, at_rest, once
from support.messages import cancel, done, msgid, registered, request, reversal, sale, settlement

from reference_impl.domain.benefit import take_back
from reference_impl.protocol.messages import Answered, Reverse

ON_THE_WAY = ("33", "hub")


def amounts_at(chain: Chain, node: str):
    return [(one.settlement, one.sign, one.amounts) for one in chain.books[node].read_all().copies]


def booked(chain: Chain):
    return [(one.settlement, one.sign, one.amounts) for one in chain.books["63"].read_all().settlements]


@pytest.mark.parametrize("node", ON_THE_WAY)
def test_a_settlement_is_kept_with_its_whole_split_and_its_time(chain: Chain, node: str) -> None:
    chain.clock.us = 5_000_000
    visit = registered(chain)
    settled = done(chain.send(settlement(3, visit)))

    [kept] = chain.books[node].read_all().copies

    assert (kept.visit, kept.settled_by, kept.code) == (visit, msgid(3), "2207")
    assert (kept.settled_us, kept.amounts) == (settled.settled_us, settled.amounts)
    assert kept.amounts.account_fen > 0
    assert amounts_at(chain, node) == booked(chain)
    at_rest(chain)


def test_a_trial_leaves_no_copy(chain: Chain) -> None:
    visit = registered(chain)
    done(chain.send(settlement(3, visit, code="2206")))

    assert [amounts_at(chain, node) for node in ON_THE_WAY] == [[], []]


@pytest.mark.parametrize("node", ON_THE_WAY)
def test_a_cancel_is_kept_as_the_insurer_states_it(chain: Chain, node: str) -> None:
    settled = done(chain.send(sale(1)))
    done(chain.send(cancel(2, settled)))

    assert amounts_at(chain, node) == booked(chain)
    assert [sign for _, sign, _ in booked(chain)] == [1, -1]
    at_rest(chain)


@pytest.mark.parametrize("node", ON_THE_WAY)
def test_a_reversal_takes_the_copy_back_once_however_often_it_is_sent(chain: Chain, node: str) -> None:
    settled = done(chain.send(sale(1)))
    for n in (8, 9, 9):
        done(chain.send(reversal(n, of=1)))

    first, second = amounts_at(chain, node)
    assert first == (settled.settlement, 1, settled.amounts)
    assert second[1:] == (-1, take_back(settled.amounts))
    at_rest(chain)


def test_a_reversal_of_a_cancelled_settlement_takes_nothing_back_again(chain: Chain) -> None:
    settled = done(chain.send(sale(1)))
    done(chain.send(cancel(2, settled)))
    done(chain.send(reversal(9, of=1)))

    assert [len(amounts_at(chain, node)) for node in ON_THE_WAY] == [2, 2]
    at_rest(chain)


@pytest.mark.parametrize("node", ON_THE_WAY)
def test_a_late_yes_whose_reversal_was_noted_between_look_and_commit_leaves_no_copy(chain: Chain, node: str) -> None:
    chain.between(node, "commit", lambda: chain.send(reversal(9, of=1)), code="2102")

    chain.send(sale(1))

    assert chain.money_held(node) == {}
    assert chain.standing() == []
    at_rest(chain)


def test_a_yes_lost_before_the_hub_is_kept_when_it_is_asked_for_again(chain: Chain) -> None:
    chain.faults.append(once("hub->63", "2102", "lose reply"))

    assert not isinstance(chain.send(sale(1)), Answered)
    assert [amounts_at(chain, node) for node in ON_THE_WAY] == [[], []]
    done(chain.send(sale(1)))

    assert amounts_at(chain, "33") == amounts_at(chain, "hub") == booked(chain)
    at_rest(chain)


def test_business_of_one_province_is_kept_there_and_not_at_the_hub(chain: Chain) -> None:
    sold = sale(1, person=LOCAL_PERSON)
    settled = done(chain.send(msgspec.structs.replace(sold, insured_region="330400")))

    assert chain.money_held("33") == chain.money_settled("33") == {settled.settlement: (0, settled.amounts)}
    assert amounts_at(chain, "hub") == []
    at_rest(chain)


def test_a_copy_still_stands_after_a_reversal_of_another_message(chain: Chain) -> None:
    done(chain.send(sale(1)))
    chain.send(request("2601", 9, Reverse(person=sale(1).body.person, original=msgid(2), original_code="2102")))

    assert len(chain.money_held("33")) == len(chain.money_held("hub")) == 1
    at_rest(chain)
