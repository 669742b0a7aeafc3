"""Charges by the catalogue of the day they are taken in: the same however often a message is driven on."""

from __future__ import annotations

import msgspec
import pytest
from support.chain import Chain, once
from support.messages import admit, done, sale, settlement, upload

from reference_impl.domain.catalogue import DatedCatalogue
from reference_impl.domain.fees import CatalogueItem

DAY_US = 86_400 * 1_000_000
MIDNIGHT_US = DAY_US
WHOLE_FEN = 10_000


def changing() -> Chain:
    """On 13 March X1 is paid in full, from 14 March on only in part: 30 % come first."""
    chain = Chain()
    chain.catalogue = DatedCatalogue(
        [
            CatalogueItem("X1", "01", 9, valid_until=20240313),
            CatalogueItem("X1", "02", 9, self_pay_e4=3_000, valid_from=20240314),
        ]
    )
    chain.boot("33")
    return chain


@pytest.mark.parametrize(("at_us", "scope_fen"), [(MIDNIGHT_US - 10**7, 10_000), (MIDNIGHT_US, 7_000)])
def test_a_sale_and_a_line_are_priced_by_their_day(at_us: int, scope_fen: int) -> None:
    chain = changing()
    chain.clock.us = at_us
    sold = done(chain.send(sale(1))).amounts
    visit = done(chain.send(admit(2))).visit
    [line] = done(chain.send(upload(3, visit, code="2301"))).lines

    assert sold.in_scope_fen == line.in_scope_fen == scope_fen
    assert sold.pre_self_pay_fen == WHOLE_FEN - scope_fen


def test_charges_of_two_days_keep_each_its_own_split() -> None:
    chain = changing()
    visit = done(chain.send(admit(1))).visit
    done(chain.send(upload(2, visit, code="2301")))
    chain.clock.us = MIDNIGHT_US
    done(chain.send(upload(3, visit, code="2301")))
    asked = settlement(4, visit, code="2304")
    body = msgspec.structs.replace(asked.body, total_fen=2 * WHOLE_FEN)
    settled = done(chain.send(msgspec.structs.replace(asked, body=body)))

    assert settled.amounts.in_scope_fen == 10_000 + 7_000


@pytest.mark.parametrize("fate", ["lose reply", "lose request"])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_sale_whose_reply_was_lost_before_midnight_is_one_sale_after_it(fate: str, *, restarts: bool) -> None:
    """Driven on with another split it would be another sale under one key, and refused."""
    chain = changing()
    chain.faults.append(once("hub->63", "2102", fate))
    chain.clock.us = MIDNIGHT_US - 1
    chain.send(sale(1))
    chain.clock.us = MIDNIGHT_US + 1
    if restarts:
        chain.restart("33")
    sold = done(chain.send(sale(1)))

    assert sold.amounts.in_scope_fen == WHOLE_FEN
    assert len(chain.standing()) == 1
    assert chain.sum_of_accounts() == 0
