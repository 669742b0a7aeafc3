"""A policy that changes while people are treated: each settlement by the version of its day, in the simulated world."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from lab.analysis.agreement import agreement_of
from lab.analysis.benefits import figures_of_books, policies_of
from lab.checker import check
from reference_impl.domain.policies import PolicyTable
from reference_impl.domain.policy_book import FIRST_DAY, PolicyBook, RegionTable, VersionTable
from reference_impl.protocol.records import RememberedRecord
from scenarios.patients.visits import plan_visits
from scenarios.reading.loader import load_scenario
from sim.model.costs import load_costs
from sim.run import Simulation

IN_FORCE = "who_pays_follows_the_policy_in_force"


@pytest.fixture(scope="module")
def asked():
    return load_scenario("policy-change-midyear", variant="quick", sets=["visits.per_day=250"])


@pytest.fixture(scope="module")
def run(asked):
    return Simulation(asked, plan_visits(asked), load_costs()).run()


def test_what_visitors_pay_first_comes_down_on_the_day(asked, run):
    figures = figures_of_books(run.books, asked)

    findings = check(run.books, run.record(), agreement=agreement_of(asked))
    assert findings.clean, findings.violations
    assert 0.15 < figures["benefits.first_share_before"] < 0.3
    assert figures["benefits.first_share_after"] == pytest.approx(0.1, abs=1e-5)
    assert figures["benefits.fund_share_after"] > figures["benefits.fund_share_before"]
    assert min(figures[f"benefits.{fund}"] for fund in ("civil_servant", "aid", "serious_illness")) > 0


def test_law_22_hears_when_the_change_came_a_day_later_than_the_insurer_held(asked, run):
    """The books are those of a change on 1 July; a policy of which each version began a day later is not theirs."""
    first, last = policies_of(asked).of("370911").versions
    later = (
        VersionTable(policy=PolicyTable.of(first.policy), from_day=FIRST_DAY, until_day=last.from_day),
        VersionTable(policy=PolicyTable.of(last.policy), from_day=last.from_day + 1),
    )
    other = PolicyBook((RegionTable(region="3709", versions=later),))
    found = check(run.books, run.record(), agreement=replace(agreement_of(asked), policies=other))

    assert found.laws[IN_FORCE] > 0
    assert {law for law, broken in found.laws.items() if broken} == {IN_FORCE}


@pytest.fixture(scope="module")
def special():
    """Chronic care and special drugs under policies of regions, where nobody asks for a filing."""
    typed = "visits.care_types={chronic: 40%, emergency: 5%, special_drugs: 50%, recognised: 95%}"
    sets = ["visits.per_day=150", "horizon.length=2d", "visits.mix={outpatient: 70%, pharmacy: 30%, inpatient: 0%}"]
    asked = load_scenario("policy-change-midyear", variant="quick", sets=[*sets, typed])
    asked = asked.model_copy(update={"filing": None, "gates": {}})
    return asked, Simulation(asked, plan_visits(asked), load_costs()).run()


def test_special_care_under_a_policy_is_paid_by_its_own_ratio_and_law_22_knows(special):
    asked, run = special
    agreed = agreement_of(asked)
    halved = tuple(msgspec.structs.replace(one, ratio_e4=one.ratio_e4 // 2) for one in agreed.special)

    assert check(run.books, run.record(), agreement=agreed).clean
    for other in ((), halved):
        assert check(run.books, run.record(), agreement=replace(agreed, special=other)).laws[IN_FORCE] > 0


def test_why_is_looked_at_where_only_policies_ask(special):
    asked, _ = special

    assert asked.filing is None
    assert asked.asks_why


def test_without_policies_nothing_is_measured_and_nothing_remembered(asked):
    plain = asked.model_copy(update={"benefits": None})

    assert figures_of_books({}, plain) == {}
    assert policies_of(plain) is None


def test_what_an_insurer_remembers_is_what_stands_in_its_books(asked, run):
    """Of each person whose policy wants it: the settlements that nothing takes back, one by one, to the fen."""
    books = run.books["32"]
    gone = {one.reverses for one in books.settlements if one.sign < 0}
    standing = {one.visit: one.amounts for one in books.settlements if one.sign > 0 and one.settlement not in gone}
    remembered = {past.visit: past for record in books.of(RememberedRecord) for past in record.past}

    assert remembered.keys() == standing.keys()
    assert all(remembered[visit].pool_fen == paid.pool_fen for visit, paid in standing.items())
    assert remembered
