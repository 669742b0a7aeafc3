"""Benefit policies in full: each shape by hand, and all of them against a slow second opinion, to the fen."""

from __future__ import annotations

import copy

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.slow_benefit import Bill, Paid, pay

from reference_impl.domain.benefit import Accumulators, Case, Continued, identity_breaches, settle, take_back, undo
from reference_impl.domain.fees import FeeTotals
from reference_impl.domain.ledger import legs_for
from reference_impl.domain.money import format_yuan, parse_yuan
from reference_impl.domain.policies import PolicyTable
from reference_impl.domain.policy_book import PolicyBook, RegionTable, VersionTable
from reference_impl.domain.remembered import NOTHING, Asked, Past, entered, left_out, remembered
from scenarios.patients.benefits import policy_table, region_tables
from scenarios.reading.loader import load_policy
from scenarios.reading.policy_file import policy_names
from scenarios.schema.benefit import BenefitPolicy

YEAR = 2024

STAYS = {"kinds": ["inpatient"], "persons": ["active", "resident"], "deductible": 1000, "segments": [[None, 0.8]]}
VISITS = {
    "kinds": ["outpatient", "pharmacy"],
    "persons": ["active", "resident"],
    "deductible": 100,
    "segments": [[None, 0.5]],
}
PLAIN = {
    "name": "plain",
    "sources": "by hand",
    "insured": ["34"],
    "versions": [{"cap": {"active": 100_000, "resident": 100_000}, "terms": [STAYS, VISITS]}],
}


def plain(*, stays=None, visits=None, **version):
    """Return the plain policy with changes of its rows for stays, for visits, of its version."""
    table = copy.deepcopy(PLAIN)
    table["versions"][0] |= version
    table["versions"][0]["terms"] = [STAYS | (stays or {}), VISITS | (visits or {})]
    return BenefitPolicy.model_validate(table)


def person_year(policy, bills):
    """Settle bills one after the other as an insurer does, with all that is remembered."""
    table = policy_table(policy, policy.versions[0]).policy()
    accumulators, past, made = Accumulators(YEAR), (), []
    for number, bill in enumerate(bills):
        case = Case(
            bill.kind,
            bill.level,
            bill.person,
            temporary=bill.visitor != "no",
            referred=bill.visitor == "referred",
            civil_servant=bill.civil_servant,
            aided=bill.aided,
        )
        asked = Asked(YEAR, bill.month, bill.hospital, bill.kind)
        before = remembered(past, table.terms_of(case), asked) if table.remembers else None
        fees = FeeTotals(bill.scope_fen, in_scope_fen=bill.scope_fen)
        amounts, accumulators = settle(table, case, fees, accumulators, YEAR, before=before)
        past = entered(past, str(number), asked, amounts)
        made.append(amounts)
    return made


def stay(yuan, **changes):
    return Bill("inpatient", 3, "active", parse_yuan(f"{yuan}"), **changes)


def visit(yuan, **changes):
    return Bill("outpatient", 3, "active", parse_yuan(f"{yuan}"), **changes)


# --- worked cases of the domain, by hand ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "bill", "fund"),
    [
        # 30,000 - 1,300 = 28,700 at 85 %, 10,000 at 90 %, 10,000 at 95 %: 24,395 + 9,000 + 9,500
        ("beijing-employee", Bill("inpatient", 3, "active", 5_000_000), "42895.00"),
        # the same at 91, 94 and 97 %: 26,117 + 9,400 + 9,700; the retiree pays 3,483 above the deductible
        ("beijing-employee", Bill("inpatient", 3, "retired", 5_000_000), "45217.00"),
        # 10,000 above 1,300 at 87 %
        ("beijing-employee", Bill("inpatient", 2, "active", 1_130_000), "8700.00"),
        # 10,000 less 1,200, at 65 % less 10 points; a factor of 0.9 would give 5,148.00
        ("points", Bill("inpatient", 3, "resident", 1_000_000, "referred"), "4840.00"),
        ("points", Bill("inpatient", 3, "resident", 1_000_000, "temporary"), "3960.00"),
        # 30 % paid first: 7,000 less 1,200, at 65 %
        ("taian", Bill("inpatient", 3, "resident", 1_000_000, "temporary"), "3770.00"),
        ("taian", Bill("inpatient", 3, "resident", 1_000_000, "referred"), "4745.00"),
    ],
)
def test_a_worked_case_of_the_domain_holds_to_the_fen(policy, bill, fund):
    [paid] = person_year(load_policy(policy), [bill])

    assert format_yuan(paid.fund_fen) == fund


def test_ten_percent_paid_first_and_ten_points_are_not_the_same():
    """5,070.00 and 4,840.00 of 10,000: (9,000 - 1,200) at 65 %, and (10,000 - 1,200) at 55 %."""
    row = {"persons": ["active"], "deductible": 1200, "segments": [[None, 0.65]]}
    first, points = (
        plain(stays=row, visits={"persons": ["active"]}, cap={"active": 100_000}, visitors={"other": {lost: 0.1}})
        for lost in ("first_self_pay", "points")
    )
    bill = stay(10_000, visitor="temporary")

    assert [format_yuan(person_year(one, [bill])[0].pool_fen) for one in (first, points)] == ["5070.00", "4840.00"]


# --- deductibles ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("per", "bills", "paid_yuan"),
    [
        ("month", [visit(60), visit(60), visit(60, month=2)], [60, 40, 60]),
        ("quarter", [visit(60), visit(60, month=3), visit(60, month=4)], [60, 40, 60]),
        ("year", [visit(60), visit(60, month=12)], [60, 40]),
        ("hospital_year", [visit(60), visit(60, hospital="B"), visit(60, month=9)], [60, 60, 40]),
        ("visit", [visit(60), visit(600), visit(600)], [60, 100, 100]),
    ],
)
def test_a_deductible_is_paid_once_in_its_period(per, bills, paid_yuan):
    made = person_year(plain(visits={"deductible_per": per}), bills)

    assert [one.deductible_fen for one in made] == [yuan * 100 for yuan in paid_yuan]


@pytest.mark.parametrize("per", ["month", "quarter", "hospital_year"])
def test_stays_and_visits_pay_deductibles_of_their_own(per):
    policy = plain(stays={"deductible_per": per}, visits={"deductible_per": per})
    made = person_year(policy, [visit(60), stay(5000), visit(60)])

    assert [one.deductible_fen for one in made] == [6_000, 100_000, 4_000]


def test_a_yearly_deductible_is_made_up_to_the_higher_hospitals():
    low = STAYS | {"levels": [1, 2], "deductible": 300, "deductible_per": "year"}
    high = STAYS | {"levels": [3], "deductible_per": "year"}
    table = copy.deepcopy(PLAIN)
    table["versions"][0]["terms"] = [low, high, VISITS]
    policy = BenefitPolicy.model_validate(table)
    made = person_year(
        policy, [Bill("inpatient", 1, "active", 500_000), stay(5000), Bill("inpatient", 2, "active", 500_000)]
    )

    assert [one.deductible_fen for one in made] == [30_000, 70_000, 0]


def test_later_stays_have_each_their_own_share_of_the_deductible():
    made = person_year(plain(stays={"later": [0.5, 0.2, 0]}), [stay(5000)] * 5)

    assert [one.deductible_fen for one in made] == [100_000, 50_000, 20_000, 0, 0]


@pytest.mark.parametrize(("counts", "second_yuan"), [(True, 500), (False, 1000)])
def test_a_wholly_self_paid_stay_counts_only_where_the_policy_says_so(counts, second_yuan):
    policy = plain(stays={"later": [0.5]}).model_copy(update={"own_pay_stays_count": counts})
    table = policy_table(policy, policy.versions[0]).policy()
    case, own = Case("inpatient", 3, "active", temporary=False), FeeTotals(9_000, own_pay_fen=9_000)

    first, after = settle(table, case, own, Accumulators(YEAR), YEAR)
    second, _ = settle(table, case, FeeTotals(500_000, in_scope_fen=500_000), after, YEAR)

    assert second.deductible_fen == second_yuan * 100
    assert undo(after, first, "inpatient", YEAR, own_pay_stays_count=counts) == Accumulators(YEAR)


@pytest.mark.parametrize(
    ("merges", "transfer", "due_yuan"),
    [("none", True, 500), ("mid_stay", True, 500), ("transfer", True, 600), ("both", True, 600),
     ("none", False, 500), ("mid_stay", False, 600), ("transfer", False, 500), ("both", False, 600)],
)  # fmt: skip
def test_a_stay_in_two_parts_pays_one_deductible_as_the_policy_merges(merges, transfer, due_yuan):
    """400 of 1,000 were paid before; a later stay's deductible is 500."""
    policy = plain(stays={"later": [0.5]}).model_copy(update={"merges": merges})
    table = policy_table(policy, policy.versions[0]).policy()
    case = Case("inpatient", 3, "active", temporary=False)
    first, after = settle(table, case, FeeTotals(40_000, in_scope_fen=40_000), Accumulators(YEAR), YEAR)
    before = Continued(YEAR, first.deductible_fen, transfer)

    rest, _ = settle(table, case, FeeTotals(500_000, in_scope_fen=500_000), after, YEAR, continued=before)

    assert rest.deductible_fen == due_yuan * 100


# --- segments and caps ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counted_from", "pool_fen"),
    [("first_yuan", 9_000 * 80 + 5_000 * 90), ("deductible", 10_000 * 80 + 4_000 * 90)],
)
def test_steps_stand_above_the_deductible_or_are_absolute(counted_from, pool_fen):
    """Of 15,000 in scope 1,000 are the deductible: 9,000 and 5,000 lie on the steps, or 10,000 and 4,000."""
    segments = [[10_000, 0.8], [None, 0.9]]
    [paid] = person_year(plain(stays={"segments": segments, "segments_from": counted_from}), [stay(15_000)])

    assert paid.pool_fen == pool_fen


def test_visits_have_a_cap_of_their_own_and_stays_have_the_common_one():
    policy = plain(own_cap={"active": 200}, large_sum={"ratio": 0.9, "cap": 10_000}, cap={"active": 900, "resident": 1})
    first, second, third = person_year(policy, [visit(400), visit(400), stay(5000)])

    assert (first.pool_fen, second.pool_fen) == (15_000, 5_000)
    assert second.large_sum_fen == 0  # large sum pays above the common cap alone
    assert third.pool_fen == 70_000
    assert third.large_sum_fen == (400_000 - 87_500) * 9 // 10


def test_large_sum_keeps_its_cap_apart_from_what_serious_illness_paid():
    policy = plain(
        cap={"active": 0, "resident": 0},
        large_sum={"ratio": 0.5, "cap": 1500},
        serious_illness={"persons": ["active"], "steps": [[0, 0.5]]},
    )
    made = person_year(policy, [stay(3000), stay(3000)])

    assert [one.large_sum_fen for one in made] == [100_000, 50_000]
    assert [one.serious_illness_fen for one in made] == [100_000, 125_000]


# --- supplements ------------------------------------------------------------------------------------------------------


def test_serious_illness_is_for_employees_too_where_the_policy_says_so():
    steps = [[1000, 0.5]]
    for persons, pays_fen in ((["resident"], 0), (["active", "resident"], 40_000)):
        [paid] = person_year(plain(serious_illness={"persons": persons, "steps": steps}), [stay(5000)])
        assert paid.serious_illness_fen == pays_fen  # of 1,800 left, 800 above 1,000
        assert identity_breaches(paid) == ()


def test_civil_servants_and_the_aided_get_what_is_theirs_and_nobody_else():
    policy = plain(
        civil_servant={"people": 0.1, "steps": [[0, 0.5]], "cap": 800},
        aid={"people": 0.1, "steps": [[100, 0.5]]},
    )
    who = [{}, {"civil_servant": True}, {"aided": True}, {"civil_servant": True, "aided": True}]
    paid = [person_year(policy, [stay(5000, **one)])[0] for one in who]

    # 1,800 are left: half of it capped at 800; half of 1,700 above 100, or of the 900 left above 100
    assert [(one.civil_servant_fen, one.aid_fen) for one in paid] == [
        (0, 0), (80_000, 0), (0, 85_000), (80_000, 45_000),
    ]  # fmt: skip
    both = paid[-1]
    assert both.cash_fen == 500_000 - 320_000 - 80_000 - 45_000
    assert legs_for(both, "34", "33") == (
        ("34:fund:pool", 320_000), ("34:fund:civil_servant", 80_000), ("34:fund:aid", 45_000),
        ("34:owed:33", -445_000),
    )  # fmt: skip


# --- dates ------------------------------------------------------------------------------------------------------------


def test_each_day_has_the_version_that_holds_on_it():
    [table] = region_tables(load_policy("taian"))
    book = PolicyBook((table,))
    region = book.of("370911")
    firsts = [region.on(day).first_self_pay_e4 for day in (20200101, 20230630, 20230701, 20991231)]

    assert firsts == [3000, 3000, 1000, 1000]
    assert book.of("370100") is None


def test_a_citys_policy_stands_before_its_provinces_and_no_version_is_no_policy():
    province, city = (
        RegionTable(region=code, versions=(VersionTable(policy=policy_table(p, p.versions[0]), from_day=20240101),))
        for code, p in (("34", plain()), ("3401", plain(cap={"active": 1, "resident": 1})))
    )
    book = PolicyBook((province, city))

    assert book.of("340100").first.terms != book.of("341500").first.terms
    assert book.of("341500").on(20231231) is None


def test_people_are_drawn_for_a_fund_in_the_share_that_is_said_and_stay_so():
    [table] = region_tables(load_policy("four-funds"))
    region = PolicyBook((table,)).of("320100")
    people = [f"32010000{serial:012d}" for serial in range(4000)]

    assert 0.04 < sum(map(region.is_civil_servant, people)) / 4000 < 0.08
    assert 0.035 < sum(map(region.is_aided, people)) / 4000 < 0.065
    assert [*map(region.is_aided, people)] == [*map(region.is_aided, people)]


# --- what is remembered -----------------------------------------------------------------------------------------------


def test_years_that_nothing_can_be_settled_in_any_more_are_let_go():
    past = ()
    [paid] = person_year(plain(), [stay(5000)])
    for year in (2022, 2023, 2024):
        past = entered(past, f"V{year}", Asked(year, 1, "A", "inpatient"), paid)

    assert [one.visit for one in past] == ["V2023", "V2024"]
    late = entered(past, "late", Asked(2023, 12, "A", "inpatient"), paid)
    assert [one.visit for one in late] == ["V2023", "V2024", "late"]
    assert left_out(late, "V2024") == (late[0], late[2])


def test_another_year_counts_nothing():
    [paid] = person_year(plain(visits={"deductible_per": "month"}), [visit(60)])
    past = entered((), "V", Asked(2023, 1, "A", "outpatient"), paid)
    terms = policy_table(plain(visits={"deductible_per": "month"}), plain().versions[0]).policy().terms
    one = terms[("outpatient", 3, "active")]

    assert remembered(past, one, Asked(2024, 1, "A", "outpatient")) == NOTHING
    assert Past("V", 2023, 1, "A", "outpatient", 6_000, 0, 0, 6_000, 0, 0, 0) in past


# --- all of it, against the second opinion ----------------------------------------------------------------------------

POLICIES = {name: load_policy(name).model_copy(update={"others": "refused"}) for name in policy_names()}


def bills_of(policy):
    persons = policy.versions[0].persons
    return st.builds(
        Bill,
        st.sampled_from(["inpatient", "outpatient", "pharmacy"]),
        st.integers(1, 3),
        st.just(persons[-1]) if len(persons) == 1 else st.sampled_from(persons),
        st.one_of(st.integers(0, 10**6), st.integers(0, 6 * 10**7)),
        st.sampled_from(["no", "temporary", "referred"]),
        st.integers(1, 12),
        st.sampled_from("AB"),
        st.booleans(),
        st.booleans(),
    )


@st.composite
def person_years(draw):
    policy = POLICIES[draw(st.sampled_from(sorted(POLICIES)))]
    one = draw(bills_of(policy))
    bills = draw(st.lists(bills_of(policy), min_size=1, max_size=6))
    same = [
        Bill(b.kind, b.level, one.person, b.scope_fen, b.visitor, b.month, b.hospital, one.civil_servant, one.aided)
        for b in bills
    ]
    return policy, same


@settings(max_examples=400, deadline=None)
@given(person_years())
def test_a_year_of_bills_comes_to_what_the_slow_way_says(year):
    policy, bills = year
    made = person_year(policy, bills)
    slow: list[tuple[Bill, Paid]] = []
    for bill in bills:
        slow.append((bill, pay(policy, policy.versions[0], bill, slow)))

    for paid, (_, wanted) in zip(made, slow, strict=True):
        assert (
            paid.first_self_pay_fen, paid.deductible_fen, paid.pool_fen, paid.large_sum_fen, paid.serious_illness_fen,
            paid.civil_servant_fen, paid.aid_fen,
        ) == (
            wanted.first_fen, wanted.deductible_fen, wanted.pool_fen, wanted.large_sum_fen, wanted.illness_fen,
            wanted.civil_fen, wanted.aid_fen,
        )  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(person_years())
def test_nobody_pays_less_than_nothing_and_every_bill_adds_up(year):
    policy, bills = year
    for paid, bill in zip(person_year(policy, bills), bills, strict=True):
        assert identity_breaches(paid) == ()
        assert identity_breaches(take_back(paid)) == ()
        assert min(msgspec.structs.astuple(paid)) >= 0
        assert paid.fund_fen <= bill.scope_fen


@settings(max_examples=200, deadline=None)
@given(person_years(), st.integers(0, 10**7))
def test_a_larger_bill_is_paid_no_less(year, more_fen):
    policy, bills = year
    last = bills[-1]
    larger = Bill(*[getattr(last, name) for name in ("kind", "level", "person")], last.scope_fen + more_fen,
                  last.visitor, last.month, last.hospital, last.civil_servant, last.aided)  # fmt: skip

    less, more = person_year(policy, bills)[-1], person_year(policy, [*bills[:-1], larger])[-1]

    assert more.fund_fen >= less.fund_fen - 1  # each fund rounds its own share: a fen may move between two of them


@pytest.mark.parametrize("name", policy_names())
def test_a_policy_written_as_rows_and_read_again_is_the_same(name):
    policy = load_policy(name)
    for version in policy.versions:
        table = policy_table(policy, version)
        assert PolicyTable.of(table.policy()) == table
        assert msgspec.json.decode(msgspec.json.encode(table), type=PolicyTable) == table
