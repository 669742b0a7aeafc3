"""Orders in a scenario: who places one and what becomes of it is drawn; what nobody could place or end is refused."""

from __future__ import annotations

from typing import Any

import pytest

from scenarios.patients.orders import OrderDraws
from scenarios.patients.visits import plan_visits
from scenarios.reading.errors import ScenarioError
from scenarios.reading.loader import load_scenario
from scenarios.schema import Scenario
from scenarios.schema.orders import OrdersSection

SMALL = """name: small
horizon: {length: 6h}
visits:
  per_day: 100
  mix: {outpatient: 40%, pharmacy: 60%, inpatient: 0%}
  orders: {}
topology:
  regions: [33, 34, 63]
"""


def asked(**orders: Any) -> Scenario:
    visits = {"per_day": 3_000, "local_per_cross": 0.5, "mix": {"outpatient": 0.4, "pharmacy": 0.6, "inpatient": 0}}
    return Scenario.model_validate({
        "name": "s", "horizon": {"start": "2024-03-13T00:00:00", "length": "1d"}, "topology": {"regions": ["33", "34"]},
        "visits": visits | {"orders": orders},
    })  # fmt: skip


def draws(**orders: Any) -> OrderDraws:
    return OrderDraws(OrdersSection.model_validate(orders), 7)


PLAN = tuple(plan_visits(asked()))
BUYERS = [one for one in PLAN if one.kind == "pharmacy" and one.care_region[:2] != one.insured_region[:2]]


def test_only_purchases_of_people_from_elsewhere_go_by_an_order():
    ordering = [one for one in PLAN if draws(share=1).goes(one)]

    assert ordering == BUYERS
    assert len(BUYERS) > 500
    assert not any(draws(share=0).goes(one) for one in PLAN)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_shares_come_out_within_four_standard_errors(share):
    error = 4 * (share * (1 - share) / len(BUYERS)) ** 0.5
    drawn = draws(share=share, not_confirmed=share, refunded=share)

    for what in (drawn.goes, lambda one: drawn.confirmed_after_us(one) is None, drawn.refunds):
        assert sum(map(what, BUYERS)) / len(BUYERS) == pytest.approx(share, abs=error)


def test_whether_one_confirms_says_nothing_of_who_orders_and_who_gets_it_back():
    drawn = draws(share=0.5, not_confirmed=0.5, refunded=0.5)
    goes = [drawn.goes(one) for one in BUYERS]
    alike = sum(a == (drawn.confirmed_after_us(b) is None) for a, b in zip(goes, BUYERS, strict=True))
    back = sum(a == drawn.refunds(b) for a, b in zip(goes, BUYERS, strict=True))

    for number in (alike, back):
        assert number / len(BUYERS) == pytest.approx(0.5, abs=4 * 0.5 / len(BUYERS) ** 0.5)


def test_half_confirm_within_the_median():
    drawn = draws(not_confirmed=0)
    within = sum((drawn.confirmed_after_us(one) or 0) <= 180_000_000 for one in BUYERS)

    assert within / len(BUYERS) == pytest.approx(0.5, abs=4 * 0.5 / len(BUYERS) ** 0.5)


def test_orders_change_nothing_of_who_comes_when():
    plain = asked().model_copy(update={"visits": asked().visits.model_copy(update={"orders": None})})

    assert plan_visits(plain).digest() == plan_visits(asked()).digest()


REFUSED = [
    (["visits.mix={outpatient: 100%, pharmacy: 0%, inpatient: 0%}"], "visits.orders", "orders that nobody places"),
    (
        ["visits.orders={valid: 1min, confirmed_after: 2min}"],
        "visits.orders.confirmed_after",
        "over before it is confirmed",
    ),
    (["visits.orders={valid: 9h}"], "visits.orders.valid", "still open when the run ends"),
    (
        ["visits.orders={valid: 2h, confirmed_after: {distribution: uniform, low: 1min, high: 20h}}"],
        "visits.orders.confirmed_after",
        "still open when the run ends",
    ),
    (["trust={seals: true}"], "visits.orders", "no key of its pharmacy"),
    (["identity={}"], "visits.orders", "e-credential's token alone"),
    (["topology.cities={3301: {}}"], "visits.orders", "keeps no copy of an order"),
    (["visits.orders={share: 120%}"], "visits.orders.share", "120"),
    (["visits.orders={valid: 0s}"], "visits.orders.valid", "greater than 0"),
    (["visits.orders={confirms: 3min}"], "visits.orders.confirms", "unknown key"),
    (["visits.orders=null", 'gates.orders.placed=[">= 1"]'], "gates.orders.placed", "nobody buys so"),
]


@pytest.mark.parametrize(("sets", "key", "what"), REFUSED, ids=[f"{n}-{row[1]}" for n, row in enumerate(REFUSED)])
def test_what_no_order_could_mean_is_refused_at_its_place(tmp_path, sets, key, what):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, "utf-8")

    with pytest.raises(ScenarioError) as caught:
        load_scenario(str(path), sets=sets)

    assert key in str(caught.value)
    assert what in str(caught.value)


def test_an_order_may_be_confirmed_in_its_last_moment(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, "utf-8")

    read = load_scenario(str(path), sets=["visits.orders={valid: 2min, confirmed_after: 2min}"])

    assert read.visits.orders is not None
    assert read.visits.orders.valid == 120_000_000


def test_orders_that_nobody_confirms_may_be_over_at_once(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, "utf-8")

    read = load_scenario(str(path), sets=["visits.orders={valid: 1min, confirmed_after: 2min, not_confirmed: 100%}"])

    assert read.visits.orders is not None
    assert read.visits.orders.not_confirmed == 1
