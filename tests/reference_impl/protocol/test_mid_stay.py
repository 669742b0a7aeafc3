"""A stay settled in its middle: the rest goes on under a visit of its own, and pays no second deductible."""

from __future__ import annotations

import msgspec
import pytest
from support.chain import Chain
from support.messages import OTHER_PERSON, PERSON, admit, discharge, done, register, request, sale, settlement, upload

from lab.torture import nodes
from reference_impl.domain.policies import DEFAULT_POLICY
from reference_impl.protocol.messages import Request, Settled, VisitId


def part(n: int, visit: VisitId, *, person: str = PERSON, **changes: object) -> Request:
    asked = settlement(n, visit, code="2304", person=person)
    return request("2304", n, msgspec.structs.replace(asked.body, **changes))


def first_part(chain: Chain, *, person: str = PERSON) -> Settled:
    visit = done(chain.send(admit(1, person=person))).visit
    done(chain.send(upload(2, visit, code="2301", person=person)))
    return done(chain.send(part(3, visit, person=person, mid_stay=True)))


def rest_of(chain: Chain, continues: str) -> Settled:
    visit = done(chain.send(admit(11))).visit
    done(chain.send(upload(12, visit, code="2301")))
    done(chain.send(discharge(13, visit)))
    return done(chain.send(part(14, visit, continues=VisitId(continues))))


LEFT_FEN = 10_000
"""A bill of 100 yuan is below any deductible of a stay: all of it counts towards that."""


def test_the_rest_pays_what_is_left_of_the_one_deductible(chain: Chain) -> None:
    first = first_part(chain)
    rest = rest_of(chain, first.visit)

    assert (first.amounts.deductible_fen, rest.amounts.deductible_fen) == (LEFT_FEN, LEFT_FEN)
    assert rest.visit != first.visit
    assert len(chain.standing()) == 2
    assert chain.sum_of_accounts() == 0


@pytest.mark.parametrize(("merges", "due_fen"), [(True, 90_000), (False, 50_000)])
def test_what_is_due_is_the_policys_to_say(monkeypatch: pytest.MonkeyPatch, due_fen: int, *, merges: bool) -> None:
    """The bill of the rest is large: of 1,000 yuan 100 are paid already; a second stay of the year would pay 500."""
    monkeypatch.setattr(nodes, "DEFAULT_POLICY", msgspec.structs.replace(DEFAULT_POLICY, merges_mid_stay=merges))
    chain = Chain()
    chain.boot("63")
    first = first_part(chain)
    visit = done(chain.send(admit(11))).visit
    for n in range(20, 40):
        done(chain.send(upload(n, visit, code="2301")))
    rest = done(chain.send(part(14, visit, continues=first.visit, total_fen=200_000)))

    assert rest.amounts.deductible_fen == due_fen


@pytest.mark.parametrize("whose", ["nobody's", "an outpatient's", "another person's sale", "another person's stay"])
def test_what_is_no_part_of_this_stay_spares_no_deductible(chain: Chain, whose: str) -> None:
    if whose == "an outpatient's":
        visit = done(chain.send(register(1))).visit
        done(chain.send(upload(2, visit)))
        done(chain.send(settlement(3, visit)))
    elif whose == "another person's stay":
        visit = first_part(chain, person=OTHER_PERSON).visit
    elif whose == "another person's sale":
        visit = done(chain.send(sale(1, person=OTHER_PERSON))).visit
    else:
        visit = "SNOBODY"
    told, plain = rest_of(chain, visit), Chain()

    assert told.amounts.deductible_fen == rest_of(plain, "").amounts.deductible_fen
    assert not told.amounts.pool_fen
