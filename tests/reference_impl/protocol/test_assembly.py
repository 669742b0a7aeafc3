"""A node made from plain data alone behaves as its configuration says: ways, register, policy, year, references."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest
from support.chain import (
    BALANCE_FEN,
    CARE_CITY,
    CATALOGUE,
    INSTITUTIONS,
    NEIGHBOUR,
    NODES,
    WAIT_US,
    Beside,
    Chain,
    always,
    at_rest,
)
from support.messages import TOTAL_FEN, done, find_person, refusal, sale
from support.orders import confirm, confirmation, order

from reference_impl.domain.breaker import BreakerRule
from reference_impl.domain.errors import Refusal
from reference_impl.domain.fees import CatalogueItem
from reference_impl.domain.nodes import HUB, NodeId
from reference_impl.domain.person import PersonRegister
from reference_impl.domain.policies import DEFAULT_POLICY, PolicyTable, Segment, Terms
from reference_impl.domain.policy_book import RegionTable, VersionTable
from reference_impl.protocol.assembly import CityConfig, NodeConfig, ProvinceConfig, assemble
from reference_impl.protocol.messages import Busy, MessageId, Overloaded, Request, Settled
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.restraint import CallRules

LOCAL = "33010010000000000001"
AT_23_O_CLOCK = datetime(2024, 12, 31, 23)
S = 1_000_000
PROVINCE = ProvinceConfig(
    catalogue=tuple(CATALOGUE.values()),
    institutions=tuple(INSTITUTIONS.values()),
    policy=PolicyTable.of(DEFAULT_POLICY),
    persons=PersonRegister(
        insurance={"active": "310", "retired": "311", "resident": "390"},
        balance_probabilities=(0.0, 1.0),
        balance_values_fen=(BALANCE_FEN, BALANCE_FEN),
    ),
)


def assembled(chain: Chain, rules: ProvinceConfig) -> Chain:
    """The chain with every node assembled from its configuration; two business seconds pass in one of the run's."""
    for node in NODES:
        config = NodeConfig(
            node=node,
            provinces=(NodeId("33"), NodeId("63")),
            timeout_us=WAIT_US,
            starts_at=AT_23_O_CLOCK,
            time_scale=2.0,
            province=None if node == HUB else rules,
        )
        again = msgspec.json.decode(msgspec.json.encode(config), type=NodeConfig)
        chain.nodes[node] = assemble(
            again, NodePorts(chain.clock, chain.peers_of(node), chain.books[node], Beside(chain, node))
        )
    return chain


@pytest.fixture
def chain(chain: Chain) -> Chain:
    return assembled(chain, PROVINCE)


def of(person: str, region: str, message: Request) -> Request:
    body = msgspec.structs.replace(message.body, person=person)
    return msgspec.structs.replace(message, insured_region=region, body=body)


def sale_to_a_retired_person(n: int = 1, total_fen: int = TOTAL_FEN) -> Request:
    asked = sale(n, total_fen)
    return msgspec.structs.replace(asked, body=msgspec.structs.replace(asked.body, insurance="311"))


def test_a_person_of_another_province_is_found_by_way_of_the_hub(chain: Chain) -> None:
    found = done(chain.send(find_person()))

    assert (found.person_type, found.insurance, found.insured_region) == ("retired", "311", "630100")
    assert found.balance_fen == BALANCE_FEN
    assert [where for where, _ in chain.calls] == ["H33040030001->33", "33->hub", "hub->63"]


def test_a_person_insured_where_he_is_treated_settles_without_leaving_the_province(chain: Chain) -> None:
    assert isinstance(done(chain.send(of(LOCAL, "330100", sale_to_a_retired_person()))), Settled)
    assert [where for where, _ in chain.calls] == ["H33040030001->33"]
    assert len(chain.standing("33")) == 1


def test_an_insurer_not_among_the_connected_is_refused_before_the_hub_is_asked(chain: Chain) -> None:
    assert refusal(chain.send(of("99010010000000000001", "990100", find_person()))) == Refusal.NO_SUCH_INSURER
    assert [where for where, _ in chain.calls] == ["H33040030001->33"]


def test_a_number_that_is_no_persons_is_not_insured(chain: Chain) -> None:
    assert refusal(chain.send(of("63010090000000000001", "630100", find_person()))) == Refusal.NOT_INSURED


def test_accumulators_start_anew_at_midnight_of_business_time_on_the_first_of_january(chain: Chain) -> None:
    """An hour of business is half an hour of the run."""
    chain.clock.us = 1_800 * S - 1
    old = done(chain.send(sale_to_a_retired_person(1, 200_000)))
    assert chain.accumulators().year == 2024
    chain.clock.us = 1_800 * S
    new = done(chain.send(sale_to_a_retired_person(2, 200_000)))

    assert chain.accumulators().year == 2025
    assert new.amounts.deductible_fen == old.amounts.deductible_fen > 0
    assert chain.accumulators().deductible_paid_fen == new.amounts.deductible_fen


def test_a_reference_says_who_answered_when_and_which_answer_it_was(chain: Chain) -> None:
    """Of the insurer as seen by the hospital, and of two answers within one business second."""
    chain.clock.us = 30 * S
    first, second = (chain.send(find_person(n)).reply.reference for n in (1, 2))

    assert first == "630000" + "20241231230100" + "0000000001"
    assert second == "630000" + "20241231230100" + "0000000002"
    far = of("99010010000000000001", "990100", msgspec.structs.replace(find_person(3), sender=NodeId("33")))
    at_the_hub = chain.nodes[HUB].handle(far)
    with pytest.raises(StopIteration) as ended:
        at_the_hub.send(None)
    assert ended.value.value.reply.reference == "100000" + "20241231230100" + "0000000001"


def test_no_reference_is_given_twice_however_often_a_node_starts_within_a_second(chain: Chain) -> None:
    """Time stands still and each start counts anew, so the number of the start has to tell them apart."""
    config = NodeConfig(
        node=HUB, provinces=(NodeId("33"),), timeout_us=WAIT_US, starts_at=AT_23_O_CLOCK, time_scale=1.0
    )
    ports = NodePorts(chain.clock, chain.peers_of(HUB), chain.books[HUB], Beside(chain, HUB))
    given: list[str] = []
    for starts in range(3):
        reference = assemble(config, ports, starts=starts)._forwarder._reference
        given += [reference() for _ in range(100)]

    assert len(set(given)) == len(given)
    assert {len(each) for each in given} == {30}


def test_a_configuration_of_catalogue_rows_and_policies_by_day_is_gone_by() -> None:
    """On the last day of the year X1 is in scope whole and the pool pays half; on the next, 70 % of it, and all."""
    rows = (
        CatalogueItem("X1", "01", 9, valid_until=20241231),
        CatalogueItem("X1", "02", 9, self_pay_e4=3_000, valid_from=20250101),
    )
    table = PolicyTable.of(DEFAULT_POLICY)

    def paying(ratio_e4: int) -> PolicyTable:
        terms = Terms(
            deductible_fen=0,
            later_deductibles_fen=(0,),
            deductible_per="visit",
            segments=(Segment(10**15, ratio_e4),),
            cap_fen=10**12,
        )
        return msgspec.structs.replace(table, rows=tuple((*row[:3], terms) for row in table.rows))

    versions = (
        VersionTable(policy=paying(5_000), until_day=20241231),
        VersionTable(policy=paying(10_000), from_day=20250101),
    )
    policies = (RegionTable(region="63", versions=versions),)
    chain = assembled(Chain(), msgspec.structs.replace(PROVINCE, catalogue=rows, policies=policies))
    old = done(chain.send(sale_to_a_retired_person(1))).amounts
    chain.clock.us = 1_800 * S
    new = done(chain.send(sale_to_a_retired_person(2))).amounts

    assert (old.in_scope_fen, old.pool_fen) == (TOTAL_FEN, TOTAL_FEN // 2)
    assert (new.in_scope_fen, new.pool_fen) == (TOTAL_FEN * 7 // 10, TOTAL_FEN * 7 // 10)


@pytest.mark.parametrize(("stated_us", "valid_us"), [(None, 900 * S), (7 * S, 7 * S)])
def test_orders_may_be_confirmed_for_half_an_hour_of_business_time_unless_it_is_said(
    chain, stated_us, valid_us
) -> None:
    """Half an hour of business is a quarter of one of the run's; what is said is on the run's clock already."""
    rules = msgspec.structs.replace(
        PROVINCE,
        institutions=(*PROVINCE.institutions, *INSTITUTIONS.values())[-len(INSTITUTIONS) :],
        order_valid_us=stated_us,
    )
    assembled(chain, rules)
    asked = order(1)
    retired = msgspec.structs.replace(asked, body=msgspec.structs.replace(asked.body, insurance="311"))
    number = done(chain.send(retired)).order

    for late_us, expected in ((1, Refusal.ORDER_EXPIRED), (0, "")):
        chain.clock.us = chain.visits()[0].began_us + valid_us + late_us
        paying = confirmation(2 - late_us, number)
        paying = msgspec.structs.replace(paying, body=msgspec.structs.replace(paying.body, insurance="311"))
        assert refusal(confirm(chain, paying)) == expected


def started(chain: Chain, config: NodeConfig) -> None:
    """Put a node of the chain in place as its configuration, once written and read again, describes it."""
    again = msgspec.json.decode(msgspec.json.encode(config), type=NodeConfig)
    ports = NodePorts(chain.clock, chain.peers_of(config.node), chain.books[config.node], Beside(chain, config.node))
    chain.nodes[config.node] = assemble(again, ports)


CITY = NodeConfig(
    node=CARE_CITY,
    provinces=(NodeId("33"), NodeId("63")),
    timeout_us=3 * WAIT_US,
    starts_at=AT_23_O_CLOCK,
    time_scale=1.0,
    city=CityConfig(institutions=tuple(one for one in INSTITUTIONS.values() if one.code != NEIGHBOUR)),
)


def test_a_city_carries_for_the_institutions_of_its_configuration_and_hears_no_other() -> None:
    chain = Chain(relays=(CARE_CITY,))
    started(chain, CITY)
    unheard = msgspec.structs.replace(sale(2), sender=NEIGHBOUR, institution=NEIGHBOUR)
    unheard = msgspec.structs.replace(unheard, msgid=MessageId(f"{NEIGHBOUR}202406030800000002"))

    settled = done(chain.send(sale(1)))

    assert [where for where, _ in chain.calls] == ["H33040030001->3304", "3304->33", "33->hub", "hub->63"]
    assert chain.money_held(CARE_CITY) == {settled.settlement: (settled.settled_us, settled.amounts)}
    assert refusal(chain.send(unheard)) == Refusal.NOT_NETWORKED
    at_rest(chain)


@pytest.mark.parametrize(
    ("calls", "third"),
    [
        (None, Busy),
        (
            CallRules(breaker=BreakerRule(window_us=600 * S, calls=2, failures_e4=5_000, rest_us=9 * S, ramp_us=S)),
            Overloaded,
        ),
    ],
)
def test_a_node_holds_its_calls_back_as_its_configuration_says(calls: CallRules | None, third: type) -> None:
    """An insurer that is silent twice is not asked a third time by a hub that was given a breaker."""
    chain = Chain()
    hub = msgspec.structs.replace(CITY, node=HUB, timeout_us=WAIT_US, city=None, calls=calls)
    started(chain, hub)
    chain.faults.append(always("hub->63", "2102", "lose request"))

    told = [chain.send(sale(n)) for n in (1, 2, 3)]

    assert [type(one) for one in told] == [Busy, Busy, third]
