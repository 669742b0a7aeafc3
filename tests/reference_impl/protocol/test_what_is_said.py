"""What a hospital says of insurance, account and amounts is acted on or refused; what it hears is of the person."""

from __future__ import annotations

import msgspec
import pytest
from support.chain import BALANCE_FEN, Chain, at_rest
from support.messages import (
    TOTAL_FEN,
    admit,
    cancel,
    done,
    find_person,
    refusal,
    register,
    registered,
    sale,
    settlement,
)

from reference_impl.domain.errors import Refusal
from reference_impl.domain.fees import Split
from reference_impl.protocol.messages import Request


def saying(message: Request, **changes: object) -> Request:
    return msgspec.structs.replace(message, body=msgspec.structs.replace(message.body, **changes))


def test_the_account_pays_where_it_may(chain: Chain) -> None:
    settled = done(chain.send(sale()))

    assert settled.amounts.account_fen > 0
    assert settled.balance_fen == BALANCE_FEN - settled.amounts.account_fen


def test_the_account_pays_nothing_where_it_may_not(chain: Chain) -> None:
    with_account = done(chain.send(sale(1, code="2101")))
    settled = done(chain.send(saying(sale(2), use_account=False)))

    assert settled.amounts.account_fen == 0
    assert settled.amounts.cash_fen == with_account.amounts.person_fen
    assert (settled.balance_fen, chain.accumulators().balance_fen) == (BALANCE_FEN, BALANCE_FEN)
    at_rest(chain)


def test_a_reply_says_type_age_and_what_is_left_on_the_account_of_the_person(chain: Chain) -> None:
    found = done(chain.send(find_person(1)))
    settled = done(chain.send(sale(2)))
    back = done(chain.send(cancel(3, settled)))

    assert (found.person_type, found.age_e1, found.balance_fen) == ("active", 470, BALANCE_FEN)
    assert (settled.person_type, settled.age_e1) == ("active", 470)
    assert settled.balance_fen < back.balance_fen == BALANCE_FEN


@pytest.mark.parametrize("message", [register(), admit(), sale(), sale(code="2101")], ids=lambda m: m.code)
def test_an_insurance_that_the_person_does_not_have_is_refused_by_the_insurer(chain: Chain, message: Request) -> None:
    assert refusal(chain.send(saying(message, insurance="390"))) == Refusal.OTHER_INSURANCE
    assert chain.standing() == []
    at_rest(chain)


def test_a_visit_is_not_settled_under_another_insurance_and_may_be_under_its_own(chain: Chain) -> None:
    visit = registered(chain)

    assert refusal(chain.send(saying(settlement(4, visit), insurance="390"))) == Refusal.OTHER_INSURANCE
    assert done(chain.send(settlement(5, visit))).amounts.total_fen == TOTAL_FEN
    at_rest(chain)


def test_a_split_that_is_not_that_of_the_priced_lines_is_refused_and_the_true_one_settles(chain: Chain) -> None:
    visit = registered(chain)
    [before] = chain.visits()
    true = Split(
        before.fees.own_pay_fen, before.fees.over_limit_fen, before.fees.pre_self_pay_fen, before.fees.in_scope_fen
    )
    false = Split(before.fees.own_pay_fen + 1, in_scope_fen=before.fees.in_scope_fen - 1)

    assert refusal(chain.send(saying(settlement(4, visit), stated=false))) == Refusal.SPLIT_DIFFERS
    assert chain.visits() == [before]
    assert done(chain.send(saying(settlement(5, visit), stated=true))).amounts.in_scope_fen == true.in_scope_fen
    at_rest(chain)
