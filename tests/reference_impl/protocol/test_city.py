"""A city between its hospitals and the province, and between the province and those it insures: it changes nothing."""

from __future__ import annotations

import msgspec
import pytest
from support.chain import CARE_CITY, INSURED_CITY, LOCAL_PERSON, Chain, Crossing, always, at_rest, once, run
from support.dying import DyingBooks
from support.messages import (
    admitted,
    cancel,
    discharge,
    done,
    msgid,
    refusal,
    register,
    registered,
    reversal,
    sale,
    sale_as_the_hub_sends_it,
    settlement,
    upload,
)
from support.patients import FakeVisit, Patient

from reference_impl.domain.errors import Refusal
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.renumbering import Numbered, Renumbering
from reference_impl.domain.scopes import Side
from reference_impl.hospital.site import HospitalSite
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.protocol.messages import (
    Answered,
    Busy,
    Closed,
    Outcome,
    Overloaded,
    Reply,
    Request,
    Unknown,
    Unreachable,
)
from reference_impl.protocol.relay import as_carried, said_on
from scenarios.record.fates import DIRECT_FATES
from scenarios.schema import Clients

BOTH = (CARE_CITY, INSURED_CITY)
LINKS = (
    f"H33040030001->{CARE_CITY}",
    f"{CARE_CITY}->33",
    "33->hub",
    "hub->63",
    f"63->{INSURED_CITY}",
    f"{INSURED_CITY}->63",
)
DAY_US = 86_400_000_000
changed = msgspec.structs.replace


@pytest.fixture
def chain() -> Chain:
    return Chain(relays=BOTH)


def settled_after(chain: Chain, n: int = 3) -> Outcome:
    return chain.send(settlement(n, registered(chain)))


def test_a_visit_leads_over_both_cities_and_comes_back_by_them(chain: Chain) -> None:
    settled = done(settled_after(chain))

    way = [link for link, code in chain.calls if code == "2207"]
    assert way == list(LINKS)
    assert [copy.settlement for copy in chain.books[INSURED_CITY].read_all().copies] == [settled.settlement]
    at_rest(chain)


def test_what_the_care_province_does_alone_passes_its_city_alone(chain: Chain) -> None:
    registered(chain)

    assert [link for link, code in chain.calls if code == "2204"] == list(LINKS[:2])


def test_patients_get_what_they_get_without_any_relay(chain: Chain) -> None:
    assert done(settled_after(chain)).amounts == done(settled_after(Chain())).amounts


def test_a_city_is_told_of_by_itself_and_never_by_its_province(chain: Chain) -> None:
    answer = chain.send(sale())

    assert isinstance(answer, Answered)
    assert [hop.node for hop in answer.hops] == [CARE_CITY, "33", "hub", "63", INSURED_CITY, "63"]


def test_business_of_one_province_passes_the_city_of_care_alone() -> None:
    chain = Chain(relays=BOTH)
    asked = changed(sale(person=LOCAL_PERSON), insured_region="330400")

    done(chain.send(asked))

    assert [link for link, _ in chain.calls] == list(LINKS[:2])
    at_rest(chain)


@pytest.mark.parametrize("fate", ["lose request", "lose reply"])
@pytest.mark.parametrize("code", ["2201", "2204", "2207"])
@pytest.mark.parametrize("link", LINKS)
def test_a_message_lost_anywhere_is_asked_again_and_has_one_effect(chain, link, code, fate) -> None:
    chain.faults.append(once(link, code, fate))

    def until_answered(asked: Request) -> Outcome:
        for _ in range(3):
            answer = chain.send(asked)
            if isinstance(answer, Answered):
                return answer
        return answer

    visit = done(until_answered(register(1))).visit
    done(until_answered(upload(2, visit)))
    settled = done(until_answered(settlement(3, visit)))

    assert [one.settlement for one in chain.standing()] == [settled.settlement]
    at_rest(chain)


@pytest.mark.parametrize("link", LINKS)
def test_a_sale_that_nobody_heard_of_is_reversed_at_every_relay(chain: Chain, link: str) -> None:
    chain.faults.append(always(link, "2102", "lose reply"))
    assert not isinstance(chain.send(sale(1)), Answered)
    chain.faults.clear()

    done(chain.send(reversal(9, of=1)))

    assert chain.standing() == []
    assert [chain.money_held(city) for city in BOTH] == [{}, {}]
    at_rest(chain)


def test_a_sale_taken_back_is_taken_back_at_both_cities(chain: Chain) -> None:
    settled = done(chain.send(sale(1)))
    done(chain.send(cancel(2, settled)))

    assert [chain.money_held(city) for city in BOTH] == [{}, {}]
    assert [len(chain.books[city].read_all().copies) for city in BOTH] == [2, 2]
    at_rest(chain)


@pytest.mark.parametrize("role", [*BOTH, "33", "63"])
@pytest.mark.parametrize("kind", ["pharmacy", "outpatient", "inpatient"])
def test_a_node_killed_at_any_step_heals_and_the_visit_settles_once(kind: str, role: str) -> None:
    dies_at = steps = 1
    while steps >= dies_at:
        chain = Chain(relays=BOTH)
        books = DyingBooks(chain.books[role], role, dies_at)
        chain.books[role] = books  # type: ignore[assignment]
        chain.boot(role)
        patient = Patient(chain, FakeVisit(kind), HospitalSite(Clients(), uploads_per_stay=2, relays=frozenset(BOTH)))
        run(patient.journey.live())

        at = f"{role} killed at step {dies_at}"
        assert patient.journey.fate in DIRECT_FATES, at
        assert [one.settlement for one in chain.standing()] == [patient.journey.settlement], at
        assert chain.open_intents() == [], at
        at_rest(chain)
        dies_at, steps = dies_at + 1, books.steps
    assert dies_at > 5


# --- the same key by either way ---


def test_a_message_sent_again_past_the_relay_has_no_second_effect(chain: Chain) -> None:
    settled = done(chain.send(sale(1)))

    past = run(chain.peers_of("H33040030001").call(NodeId("33"), sale(1), 10**7))

    assert done(past) == settled
    assert len(chain.standing()) == 1
    at_rest(chain)


def test_what_a_city_carries_for_its_institutions_is_theirs() -> None:
    brought = changed(sale(), sender=CARE_CITY)

    assert as_carried(brought).sender == brought.institution
    assert as_carried(sale()) == sale()
    assert as_carried(changed(brought, sender=NodeId("3301"))).sender == "3301"


# --- who may speak ---


def test_a_city_hears_no_institution_of_another_city(chain: Chain) -> None:
    asked = changed(sale(), care_region="330100")

    assert refusal(chain.send(asked)) == Refusal.OTHER_CARE_REGION
    assert refusal(chain.send(changed(sale(), sender="H33010030001", institution="H33010030001"))) == (
        Refusal.NOT_NETWORKED
    )


@pytest.mark.parametrize(
    ("node", "sender", "said", "why"),
    [
        (INSURED_CITY, "63", {"insured_region": "630200"}, Refusal.OTHER_INSURER),
        ("63", INSURED_CITY, {"insured_region": "630200"}, Refusal.OTHER_INSURER),
        ("63", INSURED_CITY, {"care_region": "630100"}, Refusal.OTHER_CARE_REGION),
    ],
)
def test_a_message_for_others_is_heard_by_neither_side(chain: Chain, node, sender, said, why) -> None:
    asked = changed(sale_as_the_hub_sends_it(), sender=NodeId(sender), **said)

    assert refusal(run(chain.nodes[node].handle(asked))) == why
    assert chain.standing() == []


def test_a_city_that_is_no_node_brings_nothing() -> None:
    chain = Chain()

    assert refusal(run(chain.nodes["63"].handle(changed(sale_as_the_hub_sends_it(), sender=INSURED_CITY)))) != ""
    assert chain.standing() == []


def test_an_insurer_that_is_not_connected_is_told_by_the_province(chain: Chain) -> None:
    assert refusal(chain.send(changed(sale(), insured_region="110100"))) == Refusal.NO_SUCH_INSURER
    assert refusal(chain.send(changed(sale(2), insured_region="990100"))) == Refusal.NO_SUCH_INSURER


# --- doors ---


def door(chain: Chain, node: str, scope: str, side: Side, state: DoorState) -> None:
    chain.nodes[node].doors.obey(DoorCommand(scope=scope, side=side, state=state, reopens_us=10**12))


@pytest.mark.parametrize(
    ("node", "scope", "side"),
    [
        ("33", "3304", Side.CARE),
        (CARE_CITY, "3304", Side.CARE),
        ("63", "6301", Side.INSURED),
        (INSURED_CITY, "6301", Side.INSURED),
    ],
)
def test_a_closed_door_is_heard_at_the_desk_and_leaves_nothing_open(chain: Chain, node, scope, side) -> None:
    door(chain, node, scope, side, DoorState.CLOSED)

    closed = chain.send(sale(1))

    assert isinstance(closed, Closed)
    assert closed.scope == scope
    at_rest(chain)
    door(chain, node, scope, side, DoorState.OPEN)
    done(chain.send(sale(1)))


@pytest.mark.parametrize(("node", "scope", "side"), [("63", "6301", Side.INSURED), (CARE_CITY, "3304", Side.CARE)])
def test_a_draining_door_lets_through_what_the_books_behind_it_hold(chain: Chain, node, scope, side) -> None:
    chain.faults.append(once(f"63->{INSURED_CITY}", "2201", "lose reply"))
    assert not isinstance(chain.send(register(1)), Answered)
    door(chain, node, scope, side, DoorState.DRAINING)

    done(chain.send(register(1)))

    assert isinstance(chain.send(register(2)), Closed)
    at_rest(chain)


def test_a_door_that_closed_while_a_message_was_at_the_city_keeps_it_out_of_the_books(chain: Chain) -> None:
    def close() -> None:
        door(chain, "63", "63", Side.INSURED, DoorState.CLOSED)

    chain.crossings.append(Crossing(f"63->{INSURED_CITY}", "2102", "before", close))

    assert isinstance(chain.send(sale(1)), Closed)
    assert chain.standing() == []
    at_rest(chain)


# --- what is said of a city that does not answer ---


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        (Unknown(5), Busy),
        (Busy(5, msgid(1)), Busy),
        (Unreachable(), Overloaded),
        (Overloaded(5), Overloaded),
        (Closed("6301", 7, 5), Closed),
        (Answered(Reply("r", None, "", "an error beside a yes")), Busy),
        (Answered(Reply("r", None, "E01", "no")), Answered),
    ],
)
def test_a_province_says_of_its_citys_answer_no_more_than_it_knows(heard: Outcome, said: type[Outcome]) -> None:
    assert isinstance(said_on(heard, sale(1)), said)


def test_a_city_tells_its_open_intents_and_what_is_parked(chain: Chain) -> None:
    chain.faults.append(always(f"{CARE_CITY}->33", "2102", "lose reply"))
    chain.send(sale(1))
    city = chain.nodes[CARE_CITY]

    assert (city.open_intents(), city.parked()) == (1, ())
    chain.faults.clear()
    chain.restart(CARE_CITY)
    at_rest(chain)


# --- new numbers ---


@pytest.mark.parametrize("of", [Numbered.VISIT, Numbered.SETTLEMENT, Numbered.INSTITUTION])
def test_a_city_keeps_money_under_the_numbers_of_the_books_whatever_the_hospital_is_told(of: Numbered) -> None:
    move = Renumbering(scope="33", salt=7, from_us=DAY_US, old_until_us=10 * DAY_US, map_from_us=DAY_US, of=of)
    chain = Chain(relays=BOTH, renumberings=(move,))
    stay = admitted(chain)
    done(chain.send(discharge(3, stay)))
    chain.clock.us = DAY_US

    done(chain.send(settlement(4, stay, code="2304")))
    sold = done(chain.send(sale(5)))

    at_rest(chain)
    done(chain.send(cancel(6, sold)))
    assert len(chain.money_held(CARE_CITY)) == 1
    at_rest(chain)


def test_each_node_on_the_way_knows_since_when_its_oldest_message_is_open(chain: Chain) -> None:
    """An operator's gauge: nothing is open at first, and what the insurer never answered is at all before it."""
    nodes = (CARE_CITY, "33", "hub")
    assert [chain.nodes[node].left_open().by_destination for node in nodes] == [{}, {}, {}]

    chain.faults.append(always("hub->63", "2102", "lose reply"))
    chain.send(sale())
    opened = {node: [message.opened_us for message in run(chain.books[node].open_intents())] for node in nodes}

    for node in nodes:
        assert chain.nodes[node].open_intents() == 1
        left = chain.nodes[node].left_open()
        assert [to.oldest_us for to in left.by_destination.values()] == [min(opened[node])]
        assert left.reversals.oldest_us is None
