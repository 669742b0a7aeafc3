"""Laws 22 and 26 on money: what the insurer paid is worked out anew, to the fen, and parts of a stay make one stay."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.analysis.agreement import agreement_of
from lab.checker import check
from lab.checker.laws import benefits
from lab.checker.laws.exact_benefits import placed
from lab.checker.owed import FUNDS, Bill, owed
from reference_impl.domain.benefit import Accumulators, Case, Continued, Settlement, settle
from reference_impl.domain.fees import FeeTotals
from reference_impl.domain.policies import NO_END_FEN, Policy, Segment, Supplement, Terms
from reference_impl.domain.remembered import Asked, entered, remembered
from reference_impl.protocol.records import SettlementRecord, StayPart
from scenarios.patients.visits import plan_visits
from scenarios.reading.loader import load_scenario
from sim.model.costs import load_costs
from sim.run import Simulation

IN_FORCE, PAID_AS = "who_pays_follows_the_policy_in_force", "a_visit_is_paid_as_what_it_is"
SETS = [
    "visits.per_day=16", "horizon.length=10d", "visits.stay_mean=5d", "topology.regions=[33, 34]",
    "topology.hospitals_per_province={hospital: 1, pharmacy: 1}", "visits.mix={outpatient: 30%, pharmacy: 10%, inpatient: 60%}",
    "visits.mid_stay={longer_than: 4d, share: 80%}", "gates={}",
]  # fmt: skip


@pytest.fixture(scope="module")
def lived() -> SimpleNamespace:
    """Ten days of two provinces, with long stays that are settled in their middle."""
    asked = load_scenario("long-stays", sets=SETS)
    run = Simulation(asked, plan_visits(asked), load_costs()).run()
    return SimpleNamespace(books=run.books, record=run.record(), agreement=agreement_of(asked))


def found_with(lived: SimpleNamespace, bend: Any) -> dict[str, int]:
    """What the laws find once each settlement that stands in the books is bent; None leaves it as it is."""
    books = {
        node: dataclasses.replace(
            kept,
            records={**kept.records, SettlementRecord: [bend(made) or made for made in kept.settlements]},
        )
        for node, kept in lived.books.items()
    }
    return check(books, lived.record, agreement=lived.agreement).laws


def paid_otherwise(made: SettlementRecord, fund: str, fen: int) -> SettlementRecord:
    paid = {fund: getattr(made.amounts, fund) + fen, "cash_fen": made.amounts.cash_fen - fen}
    return msgspec.structs.replace(made, amounts=msgspec.structs.replace(made.amounts, **paid))


def test_a_sound_run_breaks_no_law_and_every_settlement_of_it_is_worked_out(
    lived: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[bool] = []
    exactly = benefits.exactly

    def listened(*asked: Any) -> Any:
        found = exactly(*asked)
        told.append(bool(found))
        return found

    monkeypatch.setattr(benefits, "exactly", listened)

    assert not any(found_with(lived, lambda _: None).values())
    assert told
    assert all(told)
    assert lived.record.mid_stays.height > 5


@pytest.mark.parametrize("fund", ["pool_fen", "large_sum_fen", "serious_illness_fen", "civil_servant_fen", "aid_fen"])
@pytest.mark.parametrize("fen", [1, -1])
def test_a_fen_more_or_less_of_a_fund_is_found(lived: SimpleNamespace, fund: str, fen: int) -> None:
    """Before, what was paid too little was nobody's to find: the law was a bound from above."""
    one = next(made for kept in lived.books.values() for made in kept.settlements if made.amounts.pool_fen > 1)

    def bent(made: SettlementRecord) -> SettlementRecord | None:
        return paid_otherwise(made, fund, fen) if made is one else None

    assert found_with(lived, bent)[IN_FORCE] == 1


def test_a_deductible_of_a_fen_less_is_found(lived: SimpleNamespace) -> None:
    one = next(made for kept in lived.books.values() for made in kept.settlements if made.amounts.deductible_fen > 1)

    def bent(made: SettlementRecord) -> SettlementRecord | None:
        less = msgspec.structs.replace(made.amounts, deductible_fen=made.amounts.deductible_fen - 1)
        return msgspec.structs.replace(made, amounts=less) if made is one else None

    assert found_with(lived, bent)[IN_FORCE] >= 1


def as_part(made: SettlementRecord, **changes: object) -> SettlementRecord:
    return msgspec.structs.replace(made, part=msgspec.structs.replace(made.part, **changes))


BENDS = {
    "a part kept as a whole stay": lambda made: as_part(made, mid_stay=0) if made.part.mid_stay else None,
    "a rest that goes on from nothing": lambda made: as_part(made, continues="") if made.part.continues else None,
    "a second deductible": lambda made: (
        msgspec.structs.replace(
            made, amounts=msgspec.structs.replace(made.amounts, deductible_fen=made.amounts.deductible_fen + 1)
        )
        if made.part.continues
        else None
    ),
}


@pytest.mark.parametrize("bend", BENDS.values(), ids=BENDS.keys())
def test_parts_that_make_no_one_stay_are_found(lived: SimpleNamespace, bend: Any) -> None:
    assert found_with(lived, bend)[PAID_AS] > 0


def test_a_stay_that_goes_on_twice_is_found(lived: SimpleNamespace) -> None:
    rests = [made for kept in lived.books.values() for made in kept.settlements if made.part.continues]
    one = rests[0]
    other = next(
        made
        for made in lived.books[one.insured_region[:2]].settlements
        if made.code == one.code and not made.part.mid_stay and not made.part.continues
    )

    def bent(made: SettlementRecord) -> SettlementRecord | None:
        return as_part(made, continues=one.part.continues) if made is other else None

    assert found_with(lived, bent)[PAID_AS] > 0


# --- the second opinion against the insurer's arithmetic ---

ratios, some_fen = st.integers(0, 10_000), st.integers(0, 5_000_000)
steps = st.lists(st.integers(1, 2_000_000), min_size=1, max_size=3, unique=True).map(
    lambda bounds: tuple((bound, 2_000) for bound in sorted(bounds))
)
supplements = st.builds(Supplement, steps, st.one_of(st.just(NO_END_FEN), some_fen))
terms_of_policies = st.builds(
    Terms,
    deductible_fen=st.integers(0, 300_000),
    later_deductibles_fen=st.lists(st.integers(0, 200_000), min_size=1, max_size=3).map(tuple),
    deductible_per=st.sampled_from(["visit", "month", "quarter", "year", "hospital_year"]),
    segments=st.tuples(
        st.builds(Segment, st.integers(1, 2_000_000), ratios), st.builds(Segment, st.just(NO_END_FEN), ratios)
    ),
    cap_fen=st.integers(0, 8_000_000),
    above_deductible=st.booleans(),
    own_cap_fen=st.one_of(st.just(NO_END_FEN), some_fen),
    large_sum_e4=ratios,
    large_sum_cap_fen=some_fen,
    serious_illness=st.none() | supplements,
    aided_illness=st.none() | supplements,
    civil_servant=st.none() | supplements,
    aid=st.none() | supplements,
)
bills = st.tuples(st.sampled_from(["inpatient", "outpatient"]), some_fen, st.sampled_from("AB"), st.integers(1, 12))
LINE = "20240101080000"


@given(terms_of_policies, st.lists(bills, min_size=1, max_size=6), ratios, st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_the_second_opinion_is_the_insurers_to_the_fen(
    terms: Terms, year: list[tuple[str, int, str, int]], first_e4: int, civil: bool, aided: bool, bare: bool
) -> None:  # fmt: skip
    """A year of bills of one person, as an insurer works them out one after the other, with what it remembers."""
    of = {"outpatient": terms, "inpatient": msgspec.structs.replace(terms, own_cap_fen=NO_END_FEN)}
    held: Any = {(kind, 3, "resident"): one for kind, one in of.items()}
    policy = Policy(name="any", terms=held, first_self_pay_e4=first_e4, own_pay_stays_count=bare)
    now, past, rows = Accumulators(2024), (), []
    for n, (kind, scope_fen, hospital, month) in enumerate(year):
        case = Case(kind, 3, "resident", temporary=True, civil_servant=civil, aided=aided)  # type: ignore[arg-type]
        asked = Asked(2024, month, hospital, kind)  # type: ignore[arg-type]
        fees = FeeTotals(scope_fen, 0, 0, 0, scope_fen)
        paid, now = settle(policy, case, fees, now, 2024, before=remembered(past, of[kind], asked))
        past = entered(past, f"V{n}", asked, paid)
        row = {"kind": kind, "hospital": hospital, "month": month, "scope_fen": scope_fen}
        assert owed(Bill(row, first_e4, rows, (), bare, civil, aided), of[kind]) == amounts(paid)
        rows.append(row | dict(zip(FUNDS, amounts(paid), strict=True)))


def amounts(paid: Settlement) -> tuple[int, ...]:
    return (
        paid.first_self_pay_fen, paid.deductible_fen, paid.pool_fen, paid.large_sum_fen, paid.serious_illness_fen,
        paid.civil_servant_fen, paid.aid_fen,
    )  # fmt: skip


@given(terms_of_policies, st.lists(some_fen, min_size=2, max_size=4), st.integers(0, 2))
@settings(max_examples=100, deadline=None)
def test_the_second_opinion_on_parts_of_a_stay_is_the_insurers(terms: Terms, parts: list[int], others: int) -> None:
    """After so many other stays of the year, a stay in parts that pay one deductible."""
    terms = msgspec.structs.replace(terms, deductible_per="visit", own_cap_fen=NO_END_FEN)
    policy = Policy(name="any", terms={("inpatient", 3, "resident"): terms})
    case, now, rows = Case("inpatient", 3, "resident", temporary=False), Accumulators(2024), []
    past, asked, whole = (), Asked(2024, 1, "A", "inpatient"), []
    for n, scope_fen in enumerate([*[100_000] * others, *parts]):
        goes_on = None
        if n > others:
            goes_on = Continued(2024, sum(one["deductible_fen"] for one in whole), stays=len(whole))
        before = remembered(past, terms, asked)
        fees = FeeTotals(scope_fen, 0, 0, 0, scope_fen)
        paid, now = settle(policy, case, fees, now, 2024, continued=goes_on, before=before)
        past = entered(past, f"V{n}", asked, paid)
        row = {"kind": "inpatient", "hospital": "A", "month": 1, "scope_fen": scope_fen, "visit_id": n}
        assert owed(Bill(row, 0, rows, whole), terms) == amounts(paid)
        rows.append(row | dict(zip(FUNDS, amounts(paid), strict=True)))
        whole = [*whole, rows[-1]] if n >= others else []


@pytest.mark.parametrize(("day", "month"), [(20241231, 12), (20240301, 3), (20250101, 12), (20231231, 1)])
def test_a_settlement_counts_in_a_month_of_its_benefit_year(day: int, month: int) -> None:
    row = {"business_day": day, "year": 2024, "msgid": f"H33040030001{LINE}0001", "code": "2102"}

    assert (placed(row)["month"], placed(row)["kind"], placed(row)["hospital"]) == (month, "pharmacy", "H33040030001")


def test_a_part_that_says_nothing_is_a_whole_stay() -> None:
    assert StayPart() == StayPart(0, "", 0, 0)
