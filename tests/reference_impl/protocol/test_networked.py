"""Scope through real nodes: what opens a visit is refused where nothing is opened, what is open goes on to its end."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.chain import HOSPITAL, LOCAL_PERSON, NEIGHBOUR, PERSON, Chain, always, at_rest
from support.messages import (
    admit,
    done,
    find_person,
    refusal,
    register,
    registered,
    reversal,
    sale,
    settlement,
    upload,
)

from reference_impl.domain.network import NetworkScope, Opening
from reference_impl.domain.policies import Kind
from reference_impl.protocol.messages import PersonNo, Register, Request

ALL: tuple[Kind, ...] = ("outpatient", "pharmacy", "inpatient")


def opened(*kinds: Kind, institution: str = HOSPITAL, since: int = 0, until: int = 10**12, **more: Any) -> Chain:
    scope = NetworkScope(more.get("between", "provinces"), {institution: (Opening(kinds, since, until),)})
    return Chain(network=scope)


OPENS = [(register(), "outpatient"), (admit(), "inpatient"), (sale(), "pharmacy"), (sale(code="2101"), "pharmacy")]


@pytest.mark.parametrize(("asked", "kind"), OPENS, ids=lambda one: getattr(one, "code", one))
def test_what_opens_a_visit_is_served_for_the_kinds_that_are_opened_and_for_no_other(
    asked: Request, kind: Kind
) -> None:
    others = [other for other in ALL if other != kind]

    assert not refusal(opened(kind).send(asked))
    assert refusal(opened(*others).send(asked)) == "E14"
    assert refusal(opened(*ALL, institution=NEIGHBOUR).send(asked)) == "E14"


def test_who_is_told_no_has_nothing_opened_and_nothing_held() -> None:
    chain = opened("inpatient")

    assert refusal(chain.send(register())) == "E14"
    assert chain.visits() == []
    at_rest(chain)


def test_a_person_is_found_wherever_they_ask() -> None:
    assert done(opened(institution=NEIGHBOUR).send(find_person())).person == PERSON


def test_people_of_the_place_are_none_of_its_business() -> None:
    chain = opened(institution=NEIGHBOUR)
    body = Register(person=PersonNo(LOCAL_PERSON), insurance="310", began_us=0)

    assert not refusal(chain.send(msgspec.structs.replace(register(), insured_region="330400", body=body)))


def test_between_cities_a_neighbouring_city_is_elsewhere() -> None:
    body = Register(person=PersonNo("33010010000000000001"), insurance="310", began_us=0)
    asked = msgspec.structs.replace(register(), insured_region="330100", body=body)

    assert not refusal(opened(institution=NEIGHBOUR).send(asked))
    assert refusal(opened(institution=NEIGHBOUR, between="cities").send(asked)) == "E14"


@pytest.mark.parametrize(("at_us", "said"), [(999, "E14"), (1_000, ""), (1_999, ""), (2_000, "E14")])
def test_scope_is_opened_at_an_instant_and_closed_at_another(at_us: int, said: str) -> None:
    chain = opened("outpatient", since=1_000, until=2_000)
    chain.clock.us = at_us

    assert refusal(chain.send(register())) == said


def test_a_verdict_stands_whatever_is_opened_or_closed_later() -> None:
    """G2: the same message again is told the same."""
    chain = opened("outpatient", since=1_000, until=2_000)

    assert refusal(chain.send(register(1))) == "E14"
    chain.clock.us = 1_500
    assert refusal(chain.send(register(1))) == "E14"
    visit = done(chain.send(register(2))).visit
    chain.clock.us = 3_000
    assert done(chain.send(register(2))).visit == visit
    assert refusal(chain.send(register(3))) == "E14"


def test_a_visit_that_is_open_is_settled_after_its_hospital_is_closed() -> None:
    chain = opened("outpatient", until=2_000)
    visit = registered(chain)
    chain.clock.us = 5_000

    done(chain.send(settlement(3, visit, code="2206")))
    assert done(chain.send(settlement(4, visit))).settlement
    at_rest(chain)


def test_what_was_let_through_is_driven_to_its_end_after_a_crash_though_nothing_is_opened_any_more() -> None:
    """The insurer may hold its effect: a no made up afterwards would be false."""
    chain = opened("pharmacy", until=2_000)
    chain.faults.append(always("33->hub", "2102", "lose reply"))
    assert not refusal_or_none(chain.send(sale()))
    chain.faults.clear()
    assert chain.clock.us > 2_000

    chain.restart("33")

    assert done(chain.send(sale())).settlement
    at_rest(chain)


def test_a_sale_is_taken_back_after_its_pharmacy_is_closed() -> None:
    chain = opened("pharmacy", until=2_000)
    done(chain.send(sale()))
    chain.clock.us = 5_000

    done(chain.send(reversal()))
    assert chain.standing() == []
    at_rest(chain)


def test_charges_of_an_open_stay_go_up_after_the_close() -> None:
    chain = opened("inpatient", until=2_000)
    visit = done(chain.send(admit())).visit
    chain.clock.us = 5_000

    assert done(chain.send(upload(2, visit, code="2301"))).lines


@pytest.mark.parametrize(("as_the_rest", "said"), [(True, ""), (False, "E14")])
def test_the_rest_of_a_stay_that_was_admitted_in_scope_is_settled_in_scope(said: str, *, as_the_rest: bool) -> None:
    """A stay settled in its middle goes on under a visit of its own, which opens nothing new."""
    chain = opened("inpatient", until=2_000)
    first = done(chain.send(admit())).visit
    done(chain.send(upload(2, first, code="2301")))
    part = settlement(3, first, code="2304")
    done(chain.send(msgspec.structs.replace(part, body=msgspec.structs.replace(part.body, mid_stay=True))))
    chain.clock.us = 5_000
    rest = admit(4)
    if as_the_rest:
        rest = msgspec.structs.replace(rest, body=msgspec.structs.replace(rest.body, continues=first))

    assert refusal(chain.send(rest)) == said
    at_rest(chain)


@pytest.mark.parametrize("crashed", [False, True])
def test_the_rest_of_a_stay_is_opened_once_whatever_is_lost_on_the_way(*, crashed: bool) -> None:
    chain = opened("inpatient", until=2_000)
    first = done(chain.send(admit())).visit
    done(chain.send(upload(2, first, code="2301")))
    part = settlement(3, first, code="2304")
    done(chain.send(msgspec.structs.replace(part, body=msgspec.structs.replace(part.body, mid_stay=True))))
    chain.clock.us = 5_000
    rest = msgspec.structs.replace(admit(4), body=msgspec.structs.replace(admit(4).body, continues=first))
    chain.faults.append(always("33->hub", "2401", "lose reply"))
    assert not refusal_or_none(chain.send(rest))
    chain.faults.clear()
    if crashed:
        chain.restart("33")

    visit = done(chain.send(rest)).visit
    opened_as_rest = [one.continues for one in chain.visits() if one.visit == visit]
    assert opened_as_rest == [first]
    at_rest(chain)


def refusal_or_none(outcome: Any) -> str:
    return "" if not hasattr(outcome, "reply") else outcome.reply.refusal
