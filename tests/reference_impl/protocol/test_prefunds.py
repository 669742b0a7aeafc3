"""Prefunds through real nodes: a settlement never passes the limit, what takes it back frees it, whatever comes between."""

from __future__ import annotations

from typing import Any

import pytest
from support.chain import Chain
from support.messages import cancel, done, refusal, registered, reversal, sale, settlement

from reference_impl.domain.prefund import PrefundRules, Quota, TopUp
from reference_impl.protocol.messages import Overloaded
from reference_impl.protocol.records import PrefundRecord

PLENTY = 10**9
S = 1_000_000


def keeping(limit_fen: int, *top_ups: TopUp, waits: bool = False, care: str = "33") -> Chain:
    return Chain(prefund=PrefundRules((Quota(care, limit_fen, top_ups),), waits=waits, retry_us=30 * S))


def posted(chain: Chain) -> list[tuple[str, int, int]]:
    return [(one.care, one.version, one.posted_fen) for one in chain.books["63"].read_all().prefunds]


def owed(settled: Any) -> int:
    return settled.amounts.fund_fen + settled.amounts.account_fen


def a_sale_owes() -> int:
    return owed(done(Chain().send(sale(1))))


def test_a_settlement_is_posted_against_the_prefund_in_its_own_commit() -> None:
    chain = keeping(PLENTY)
    first, second = done(chain.send(sale(1))), done(chain.send(sale(2)))

    assert posted(chain) == [("33", 2, owed(first) + owed(second))]


def test_the_last_fen_may_be_used_and_no_fen_more() -> None:
    enough, short = keeping(a_sale_owes()), keeping(a_sale_owes() - 1)

    done(enough.send(sale(1)))
    assert refusal(short.send(sale(1))) == "S16"
    assert (posted(short), short.standing(), short.sum_of_accounts()) == ([], [], 0)


def test_a_dry_prefund_is_no_verdict_where_the_scenario_lets_it_wait() -> None:
    chain = keeping(0, TopUp(chain_us() + 60 * S, PLENTY), waits=True)

    told = chain.send(sale(1))
    assert isinstance(told, Overloaded)
    assert told.retry_after_us == 30 * S
    chain.clock.us += 60 * S
    done(chain.send(sale(1)))
    assert len(chain.standing()) == 1


def chain_us() -> int:
    return Chain().clock.us


def test_a_top_up_lets_the_next_message_through_and_the_verdict_before_it_stands() -> None:
    chain = keeping(0, TopUp(chain_us() + 60 * S, PLENTY))
    assert refusal(chain.send(sale(1))) == "S16"
    chain.clock.us += 60 * S

    assert refusal(chain.send(sale(1))) == "S16"
    done(chain.send(sale(2)))


def test_what_is_cancelled_is_free_again() -> None:
    chain = keeping(a_sale_owes())
    settled = done(chain.send(sale(1)))
    done(chain.send(cancel(2, settled)))

    assert posted(chain) == [("33", 2, 0)]
    done(chain.send(sale(3)))


def test_what_is_reversed_is_free_again_once() -> None:
    chain = keeping(a_sale_owes())
    done(chain.send(sale(1)))
    done(chain.send(reversal(9, of=1)))
    done(chain.send(reversal(9, of=1)))

    assert posted(chain) == [("33", 2, 0)]


def test_a_reversal_of_what_was_refused_frees_nothing() -> None:
    chain = keeping(0)
    chain.send(sale(1))
    done(chain.send(reversal(9, of=1)))

    assert posted(chain) == []


def test_a_trial_uses_nothing() -> None:
    chain = keeping(0)

    done(chain.send(settlement(3, registered(chain), code="2206")))
    assert posted(chain) == []


def test_with_another_place_of_care_nothing_is_limited() -> None:
    chain = keeping(0, care="31")

    done(chain.send(cancel(2, done(chain.send(sale(1))))))
    assert posted(chain) == []


def test_a_resend_is_posted_once() -> None:
    chain = keeping(PLENTY)
    done(chain.send(sale(1)))
    done(chain.send(sale(1)))

    assert posted(chain) == [("33", 1, a_sale_owes())]


@pytest.mark.parametrize("room", [1, 2])
def test_two_that_are_decided_at_once_never_pass_the_limit(room: int) -> None:
    """The second is settled between the look and the commit of the first, which then decides again."""
    chain = keeping(room * a_sale_owes())
    chain.between("63", "commit", lambda: chain.send(sale(2, person="63010010000000000002")), code="2102")

    answer = chain.send(sale(1))
    assert len(chain.standing()) == room
    assert posted(chain) == [("33", room, room * a_sale_owes())]
    if room == 1:
        assert refusal(answer) == "S16"


def test_books_reopened_still_know_what_is_used() -> None:
    chain = keeping(a_sale_owes())
    done(chain.send(sale(1)))
    chain.restart("63")

    assert refusal(chain.send(sale(2))) == "S16"


def test_without_prefunds_no_account_is_kept() -> None:
    chain = Chain()
    done(chain.send(sale(1)))

    assert chain.books["63"].read_all().of(PrefundRecord) == ()
