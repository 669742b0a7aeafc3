"""Refunds of single charges: a negative count that names its line and follows its split, whatever holds by then."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.chain import Chain
from support.messages import PERSON, admit, cancel_lines, done, line, refusal, request, sale, settlement

from reference_impl.domain.catalogue import DatedCatalogue
from reference_impl.domain.fees import CatalogueItem, FeeLine, PricedLine, refund_of, total_of
from reference_impl.protocol.messages import PersonNo, Request, UploadLines, VisitId

DAY_US = 86_400 * 1_000_000
WHOLE_FEN = 10_000


def lines(n: int, visit: VisitId, *charges: FeeLine) -> Request:
    body = UploadLines(person=PersonNo(PERSON), visit=visit, batch=f"{n}", lines=charges)
    return request("2301", n, body)


def back(serial: str, of: str, quarters: int = 4) -> FeeLine:
    """So many quarters of a charge of 100 yuan."""
    return FeeLine(serial, "X1", -2_500 * quarters, WHOLE_FEN * 10_000, -2_500 * quarters, refunds=of)


def charged(chain: Chain) -> VisitId:
    visit = done(chain.send(admit(1))).visit
    done(chain.send(lines(2, visit, line(serial="1"), line(serial="2"))))
    return visit


def test_a_refunded_charge_is_not_settled() -> None:
    chain = Chain()
    visit = charged(chain)
    [priced] = done(chain.send(lines(3, visit, back("3", "1")))).lines
    settled = done(chain.send(settlement(4, visit, code="2304")))

    assert (priced.total_fen, priced.in_scope_fen, priced.refunds) == (-WHOLE_FEN, -WHOLE_FEN, "1")
    assert settled.amounts.in_scope_fen == WHOLE_FEN


def test_a_refund_follows_the_split_of_its_charge_though_the_catalogue_has_changed() -> None:
    chain = Chain()
    chain.catalogue = DatedCatalogue(
        [
            CatalogueItem("X1", "02", 9, self_pay_e4=1_000, valid_until=20240313),
            CatalogueItem("X1", "03", 9, valid_from=20240314),
        ]
    )
    chain.boot("33")
    visit = charged(chain)
    chain.clock.us = DAY_US
    done(chain.send(lines(3, visit, back("3", "1"))))
    done(chain.send(lines(4, visit, back("4", "2", 1), back("5", "2", 3))))
    [record] = chain.visits()

    assert record.fees.total_fen == record.fees.in_scope_fen == record.fees.pre_self_pay_fen == 0


STORY = """
    what                        refused
    3:1:4                       -
    3:1:1 4:1:3                 -
    3:1:4 4:1:1                 D24
    3:1:3 4:1:2                 D24
    3:9:1                       D23
    3:3:1                       D23
"""


@pytest.mark.parametrize("row", STORY.strip().splitlines()[1:])
def test_no_more_is_refunded_than_was_charged(row: str) -> None:
    *refunds, wanted = row.split()
    chain = Chain()
    visit = charged(chain)
    charges = [back(serial, of, int(quarters)) for serial, of, quarters in (one.split(":") for one in refunds)]

    apart = [chain.send(lines(10 + n, visit, one)) for n, one in enumerate(charges)]
    assert refusal(apart[-1]) == wanted.replace("-", "")
    other = Chain()
    together = other.send(lines(10, charged(other), *charges))
    assert refusal(together) == wanted.replace("-", "")


def test_a_charge_is_not_taken_back_while_a_refund_of_it_stays() -> None:
    """Else the refund would take from the other charge of the visit."""
    chain = Chain()
    visit = charged(chain)
    done(chain.send(lines(3, visit, back("3", "1"))))

    assert refusal(chain.send(cancel_lines(4, visit, code="2302", named="1"))) == "D10"
    done(chain.send(cancel_lines(5, visit, code="2302", named="3")))
    done(chain.send(cancel_lines(6, visit, code="2302", named="1")))
    assert done(chain.send(settlement(7, visit, code="2304"))).amounts.total_fen == WHOLE_FEN


def test_all_of_a_charge_goes_back_though_a_refund_in_between_was_taken_back() -> None:
    """Three fen, of which one is paid first: each refund's part is what is left of it by then."""
    chain = Chain()
    chain.catalogue = DatedCatalogue([CatalogueItem("X1", "02", 9, self_pay_e4=5_000)])
    chain.boot("33")
    visit = done(chain.send(admit(1))).visit
    done(chain.send(lines(2, visit, FeeLine("1", "X1", 30_000, 10_000, 3))))
    for n in (3, 4):
        done(chain.send(lines(n, visit, FeeLine(f"{n}", "X1", -10_000, 10_000, -1, refunds="1"))))
    done(chain.send(cancel_lines(5, visit, code="2302", named="3")))
    done(chain.send(lines(6, visit, FeeLine("6", "X1", -20_000, 10_000, -2, refunds="1"))))
    [record] = chain.visits()

    assert record.fees.total_fen == record.fees.in_scope_fen == record.fees.pre_self_pay_fen == 0


def test_a_refund_of_a_refund_is_none() -> None:
    chain = Chain()
    visit = charged(chain)
    done(chain.send(lines(3, visit, back("3", "1", 1))))

    assert refusal(chain.send(lines(4, visit, back("4", "3", 1)))) == "D23"


@pytest.mark.parametrize(
    "charge",
    [
        FeeLine("3", "X1", 10_000, WHOLE_FEN * 10_000, WHOLE_FEN, refunds="1"),
        FeeLine("3", "X1", 0, WHOLE_FEN * 10_000, 0, refunds="1"),
        FeeLine("3", "X1", 10_000, -WHOLE_FEN * 10_000, -WHOLE_FEN, refunds="1"),
        FeeLine("3", "X1", 10_000, -WHOLE_FEN * 10_000, -WHOLE_FEN),
    ],
)
def test_a_refund_has_a_negative_count_and_a_price_as_any_other(charge: FeeLine) -> None:
    chain = Chain()

    assert refusal(chain.send(lines(3, charged(chain), charge))) == "D25"


def test_a_sale_has_nothing_on_it_to_be_refunded() -> None:
    asked = sale(1)
    both = (line(2 * WHOLE_FEN), back("2", "1"))

    assert (
        refusal(Chain().send(msgspec.structs.replace(asked, body=msgspec.structs.replace(asked.body, lines=both))))
        == "D23"
    )


PARTS = st.integers(0, 10**6)


@given(PARTS, PARTS, PARTS, PARTS, st.lists(st.integers(1, 10**6), max_size=6))
def test_refunds_of_all_of_a_charge_leave_nothing_of_any_part(over, own, pre, scope, shares):
    whole = over + own + pre + scope
    original = PricedLine("1", whole, over, own, pre, scope)
    gone, priced = 0, [original]
    for share in [*shares, whole]:
        fen = min(share, whole - gone)
        if fen > 0:
            priced.append(refund_of(FeeLine("2", "X", -1, 1, -fen, refunds="1"), original, total_of(priced)))
            gone += fen
        assert min(msgspec.structs.astuple(total_of(priced))[:5]) >= 0
    left = total_of(priced)

    assert all(
        one.total_fen == one.own_pay_fen + one.over_limit_fen + one.pre_self_pay_fen + one.in_scope_fen
        for one in priced
    )
    assert (left.total_fen, left.own_pay_fen, left.over_limit_fen, left.pre_self_pay_fen, left.in_scope_fen) == (0,) * 5
