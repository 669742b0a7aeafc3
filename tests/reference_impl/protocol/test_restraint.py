"""What a caller holds back: before anything is written, by destination, and never what may have acted as if it had not."""

from __future__ import annotations

import msgspec
import pytest
from support.chain import CARE_CITY, HOSPITAL, INSURED_CITY, Chain, always, at_rest
from support.messages import done, msgid, registered, reversal, sale

from reference_impl.domain.breaker import BreakerRule
from reference_impl.domain.errors import Refusal
from reference_impl.domain.retry_budget import RetryBudgetRule
from reference_impl.protocol.messages import (
    Answered,
    Busy,
    Closed,
    Outcome,
    Overloaded,
    Reply,
    Unknown,
    Unreachable,
)
from reference_impl.protocol.restraint import FULL_RETRY_US, CallRules, Held, HeldBy, LetGo, Restraint, is_failure

S = 1_000_000
BREAKER = BreakerRule(window_us=600 * S, calls=2, failures_e4=5_000, rest_us=5 * S, ramp_us=10 * S)
BUDGET = RetryBudgetRule(share_e4=0, burst=1, every_us=600 * S)
ELSEWHERE = msgspec.structs.replace(sale(9), insured_region="340100")


def restraint(**rules: object) -> Restraint:
    return Restraint(CallRules(**rules), lambda: 0)  # type: ignore[arg-type]


def let_go(asked: LetGo | Held) -> LetGo:
    assert isinstance(asked, LetGo), asked
    return asked


# --- one caller -------------------------------------------------------------------------------------------------------


def test_a_full_way_holds_up_nobody_elses_and_has_room_once_one_has_ended() -> None:
    one = restraint(at_once=2)
    first, _ = (let_go(one.ask(sale(n), again=False)) for n in (1, 2))

    assert one.ask(sale(3), again=False) == Held(FULL_RETRY_US, HeldBy.FULL)
    let_go(one.ask(ELSEWHERE, again=False))
    first.end(Answered(Reply("")))
    first.end()  # a second end is none

    let_go(one.ask(sale(3), again=False))
    assert one.ask(sale(4), again=False) == Held(FULL_RETRY_US, HeldBy.FULL)
    assert (one.let_go, one.held) == (4, 2)


@pytest.mark.parametrize(
    ("outcome", "failed"),
    [
        (Unknown(1), True),
        (Unreachable(), True),
        (Busy(1, msgid(1)), True),
        (Overloaded(1), True),
        (Overloaded(1, Refusal.PREFUND_SHORT), False),
        (Closed("63", 1, 1), False),
        (Answered(Reply("")), False),
    ],
)
def test_what_counts_as_trouble(outcome: Outcome, failed: bool) -> None:
    assert is_failure(outcome) is failed


def test_a_breaker_stops_one_destination_and_is_counted() -> None:
    one = restraint(breaker=BREAKER)
    for number in (1, 2):
        let_go(one.ask(sale(number), again=False)).end(Unknown(1))

    assert one.ask(sale(3), again=False) == Held(5 * S, HeldBy.BREAKER)
    let_go(one.ask(ELSEWHERE, again=False))
    assert one.openings == 1
    assert restraint(budget=BUDGET).openings == 0


def test_retries_are_held_to_their_budget_and_first_tries_are_not() -> None:
    one = restraint(budget=BUDGET)
    let_go(one.ask(sale(1), again=True))

    assert one.ask(sale(1), again=True) == Held(600 * S, HeldBy.BUDGET)
    let_go(one.ask(sale(2), again=False)).end(Unknown(1))


def test_a_probe_without_a_retry_left_is_given_back() -> None:
    now_us = [0]
    one = Restraint(CallRules(breaker=BREAKER, budget=BUDGET), lambda: now_us[0])
    let_go(one.ask(sale(1), again=True)).end(Unknown(1))
    let_go(one.ask(sale(2), again=False)).end(Unknown(1))
    now_us[0] = 5 * S

    assert one.ask(sale(1), again=True) == Held(595 * S, HeldBy.BUDGET)
    probe = let_go(one.ask(sale(3), again=False))
    probe.end()
    let_go(one.ask(sale(3), again=False))


# --- in a chain of nodes ----------------------------------------------------------------------------------------------


def test_a_forwarder_turns_fresh_work_away_before_it_writes_anything() -> None:
    chain = Chain(calls_held={"hub": CallRules(breaker=BREAKER)})
    chain.faults.append(always("hub->63", "2102", "lose request"))
    for number in (1, 2):
        assert isinstance(chain.send(sale(number)), Busy)
    written = len(chain.books["hub"].read_all().messages)

    assert chain.send(sale(3)) == Overloaded(5 * S)

    assert len(chain.books["hub"].read_all().messages) == written
    assert chain.calls.count(("hub->63", "2102")) == 2


def test_what_may_have_acted_is_busy_and_not_overloaded_while_it_is_held_back() -> None:
    chain = Chain(calls_held={"33": CallRules(budget=BUDGET)})
    chain.faults.append(always("33->hub", "2102", "lose reply"))
    assert isinstance(chain.send(sale(1)), Busy)
    assert isinstance(chain.send(sale(1)), Busy), "one retry is in the budget"
    calls = len(chain.calls)

    held = chain.send(sale(1))

    assert isinstance(held, Busy)
    assert held.retry_after_us > 500 * S
    assert chain.calls[calls:] == [(f"{HOSPITAL}->33", "2102")], "no further than the care province"
    chain.faults.clear()
    chain.clock.us += 600 * S
    done(chain.send(sale(1)))
    at_rest(chain)


def test_a_reversal_comes_through_once_the_breaker_lets_it() -> None:
    chain = Chain(calls_held={"33": CallRules(breaker=BREAKER)})
    chain.faults.append(always("33->hub", "2102", "lose reply"))
    for number in (1, 2):
        chain.send(sale(number))
    undo = reversal(3, of=2)
    assert isinstance(chain.send(undo), Overloaded)
    chain.clock.us += 5 * S

    done(chain.send(undo))


def test_business_within_the_province_is_never_held_back() -> None:
    chain = Chain(calls_held={"33": CallRules(at_once=1, budget=BUDGET, breaker=BREAKER)})

    registered(chain)  # from elsewhere, so it is counted
    counted = chain.nodes["33"].restraint.let_go
    chain.send(msgspec.structs.replace(sale(8), insured_region="330400"))

    assert counted > 0
    assert chain.nodes["33"].restraint.let_go == counted


def test_each_node_of_the_way_counts_the_calls_that_it_let_go() -> None:
    """What an operator reads of a node; an insurer's city forwards to nobody but its own province."""
    way = (CARE_CITY, "33", "hub", INSURED_CITY)
    chain = Chain(relays=(CARE_CITY, INSURED_CITY), calls_held=dict.fromkeys(way, CallRules(at_once=1)))

    registered(chain)

    assert {node: chain.nodes[node].restraint.let_go for node in way} == {
        CARE_CITY: 2,  # the registration, and the lines, which go no further than the province
        "33": 1,
        "hub": 1,
        INSURED_CITY: 1,
    }
    assert chain.nodes["63"].restraint is None, "who was told of no bounds holds nothing back"


def test_a_commit_that_somebody_else_moved_past_keeps_no_place() -> None:
    chain = Chain(calls_held={"33": CallRules(at_once=1)})
    chain.contest("33", "2102", lambda change: change.insert, left=2)

    done(chain.send(sale(1)))

    at_rest(chain)
