"""What stands is what settling the standing ones alone would give; and the year that a stay counts in."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.chain import PERSON, Chain, run
from support.messages import (
    OTHER_PERSON,
    admit,
    cancel_discharge,
    discharge,
    done,
    refusal,
    request,
    sale,
    settlement,
    upload,
)

from lab.torture import nodes
from reference_impl.domain.benefit import Accumulators, in_year
from reference_impl.domain.errors import Refusal
from reference_impl.domain.fees import FeeTotals
from reference_impl.domain.policies import DEFAULT_POLICY
from reference_impl.protocol.messages import (
    CancelSettlement,
    PersonNo,
    Request,
    Reverse,
    SellDrugs,
    Settle,
    Settled,
    VisitId,
)

NEW_YEAR_US = 10**9
YEAR_US = 10**9


def year_of(us: int) -> int:
    return 2024 + us // YEAR_US


def turning() -> Chain:
    """A chain whose year turns every ``YEAR_US``."""
    chain = Chain()
    chain.year_of = year_of
    chain.boot("63")
    return chain


# --- a stay of December, settled in January ---


def discharged_in_december(chain: Chain, n: int = 1) -> VisitId:
    visit = done(chain.send(admit(n))).visit
    done(chain.send(upload(n + 1, visit, code="2301")))
    done(chain.send(discharge(n + 2, visit)))
    return visit


def test_a_stay_that_ended_in_december_counts_in_the_old_year_when_settled_in_january() -> None:
    chain = turning()
    old = done(chain.send(sale(10, 200_000)))
    visit = discharged_in_december(chain)
    chain.clock.us = NEW_YEAR_US + 1
    new = done(chain.send(sale(20, 200_000)))
    trial = done(chain.send(settlement(30, visit, code="2303")))
    settled = done(chain.send(settlement(31, visit, code="2304")))
    [person] = chain.books["63"].read_all().persons

    assert trial.amounts == settled.amounts
    assert (person.accumulators.year, person.accumulators.stays) == (2025, 0)
    assert person.accumulators.pool_paid_fen == new.amounts.pool_fen
    assert (person.earlier.earlier_year, person.earlier.earlier_stays) == (2024, 1)
    assert person.earlier.earlier_pool_paid_fen == old.amounts.pool_fen + settled.amounts.pool_fen
    assert [one.year for one in chain.standing()] == [2024, 2025, 2024]


def test_a_policy_that_counts_by_settlement_counts_it_in_the_new_year(monkeypatch: pytest.MonkeyPatch) -> None:
    by_settlement = msgspec.structs.replace(DEFAULT_POLICY, counts_in="settlement")
    monkeypatch.setattr(nodes, "DEFAULT_POLICY", by_settlement)
    chain = turning()
    visit = discharged_in_december(chain)
    chain.clock.us = NEW_YEAR_US + 1
    done(chain.send(settlement(31, visit, code="2304")))

    assert (chain.accumulators().year, chain.accumulators().stays) == (2025, 1)


def test_a_discharge_taken_back_and_made_again_counts_by_the_last_one() -> None:
    chain = turning()
    visit = discharged_in_december(chain)
    done(chain.send(cancel_discharge(4, visit)))
    chain.clock.us = NEW_YEAR_US + 1
    again = msgspec.structs.replace(discharge(5, visit).body, ended_us=NEW_YEAR_US)
    done(chain.send(request("2402", 5, again)))
    done(chain.send(settlement(31, visit, code="2304")))

    assert chain.accumulators().year == 2025


@pytest.mark.parametrize("now_us", [2 * YEAR_US + 1, -1])
def test_a_stay_that_ended_neither_this_year_nor_the_last_is_refused(now_us: int) -> None:
    chain = turning()
    visit = discharged_in_december(chain)
    chain.clock.us = now_us

    assert refusal(chain.send(settlement(31, visit, code="2304"))) == Refusal.YEAR_CLOSED
    assert chain.standing() == []


# --- any order of settling and taking back ---

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["sale", "stay", "stay", "cancel", "reverse"]),
        st.sampled_from([PERSON, OTHER_PERSON]),
        st.integers(1, 40_000_000),
        st.integers(0, YEAR_US // 3),
        st.integers(0, 5),
    ),
    max_size=14,
)


def settling(n: int, kind: str, person: str, total_fen: int, ended_us: int) -> Request:
    """A settlement as the hub sends it to the insurer."""
    fees = FeeTotals(total_fen=total_fen, in_scope_fen=total_fen)
    about: dict[str, Any] = {
        "person": PersonNo(person),
        "insurance": "310",
        "total_fen": total_fen,
        "visit": VisitId(f"S{nodes.HOSPITAL}{n}"),
        "hospital_level": 3,
        "fees": fees,
    }
    if kind == "sale":
        return request("2102", n, SellDrugs(**about), sender="hub")
    return request("2304", n, Settle(**about, ended_us=ended_us), sender="hub")


def taking_back(n: int, how: str, original: Request, settled: Settled) -> Request:
    person, code = original.body.person, original.code
    if how == "reverse":
        body = Reverse(person=person, original=original.msgid, original_code=code)
        return request("2601", n, body, sender="hub")
    undo = CancelSettlement(person=person, visit=settled.visit, settlement=settled.settlement)
    return request("2103" if code == "2102" else "2305", n, undo, sender="hub")


def remembered(chain: Chain, now_us: int) -> dict[str, list[Accumulators]]:
    """What an insurer knows of each person in the two years that can still be asked for."""
    persons = {one.person: one for one in chain.books["63"].read_all().persons}
    fresh = [Accumulators(year_of(now_us) - back, balance_fen=nodes.BALANCE_FEN) for back in (0, 1)]
    known = {
        person: [in_year(one.accumulators, one.earlier, year_of(now_us) - back) for back in (0, 1)]
        for person, one in persons.items()
    }
    return {person: known.get(person, fresh) for person in (PERSON, OTHER_PERSON)}


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_what_stands_is_what_settling_the_standing_ones_alone_would_have_given(steps: list[Any]) -> None:
    chain = turning()
    made: list[tuple[Request, Settled, int]] = []
    for n, (how, person, total_fen, later_us, which) in enumerate(steps, 1):
        chain.clock.us += later_us
        if how in ("sale", "stay"):
            ended_us = max(0, chain.clock.us - which * YEAR_US // 5)
            message = settling(n, how, person, total_fen, ended_us)
            settled = done(run(chain.nodes["63"].handle(message)))
            made.append((message, settled, chain.clock.us))
        elif made:
            original, settled, _ = made[which % len(made)]
            answer = run(chain.nodes["63"].handle(taking_back(n, how, original, settled)))
            assert refusal(answer) in ("", Refusal.LATER_STANDS, Refusal.ONE_SIDED)

    standing = {one.settlement for one in chain.standing()}
    alone = turning()
    for message, settled, at_us in made:
        if settled.settlement in standing:
            alone.clock.us = at_us
            again = done(run(alone.nodes["63"].handle(message)))
            assert again.amounts == settled.amounts
    assert remembered(chain, chain.clock.us) == remembered(alone, chain.clock.us)
