"""Paying the hospital: each way to the fen by hand, what is taken back at what it was paid, advances set off."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.accounting.contracts import (
    CLR_WAYS,
    Advance,
    Contract,
    Terms,
    Way,
    packaged_contracts,
    parse_contracts,
    read_contracts,
)
from reference_impl.accounting.hospital_pay import CASES, PAYOUTS, pay, payment_to_hospital_legs, payouts
from reference_impl.accounting.laws import balances_are_sums
from reference_impl.domain.clearing import Period
from reference_impl.domain.failures import InputError
from reference_impl.domain.rule_tables import RuleError

MARCH, APRIL = Period(2024, 3), Period(2024, 4)


def case(settlement: str = "A", **changes: Any) -> dict[str, Any]:
    """A stay of ten days for 10,000 yuan, of which the patient pays 3,000."""
    made: dict[str, Any] = {
        "settlement": settlement, "sign": 1, "day": 20240313, "settled_on": 20240313, "institution": "H33",
        "care": "33", "kind": "inpatient", "level": 3, "group": "G1", "stay_days": 10, "person": settlement,
        "total_fen": 1_000_000, "owed_fen": 700_000,
    }  # fmt: skip
    return made | changes


def refund(of: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return of | {"sign": -1, "total_fen": -of["total_fen"], "owed_fen": -of["owed_fen"]} | changes


def cases(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=dict(CASES))


def terms(way: str, more: str = "") -> Terms:
    text = (
        f"[[contract]]\nid = 'one'\norigin = 'ASSUMED'\nway = '{way}'\nkinds = ['inpatient']\nfrom = 2017-01-01\n{more}"
    )
    return parse_contracts(text, "x")


def due(made: pl.DataFrame) -> dict[str, int]:
    return dict(made.select("institution", "due_fen").iter_rows())


WAYS = [
    ("item", "", 700_000),
    ("drg", "rate_fen = 900_001\ngroups = { G1 = 12_345 }", 1_111_051 - 300_000),
    ("drg", "rate_fen = 900_000\ngroups = { G2 = 12_345 }", 700_000),  # of no group: by item
    ("drg", "rate_fen = 100_000\ngroups = { G1 = 10_000 }", 0),  # the patient has paid more than the standard
    ("single-disease", "groups = { G1 = 800_000 }", 500_000),
    ("bed-day", "rate_fen = 120_000", 900_000),
    ("head", "rate_fen = 55_000", 55_000),
    ("quota", "quota_fen = 900_000\nsurplus_e4 = 5_000", 800_000),
    ("quota", "quota_fen = 500_000\noverspend_e4 = 2_500", 550_000),
    ("dip", "quota_fen = 650_000\ngroups = { G1 = 100 }", 650_000),
    ("dip", "quota_e4 = 9_000\ngroups = { G1 = 100 }", 630_000),
    ("dip", "quota_fen = 650_000\ngroups = { G2 = 100 }", 700_000),  # of no group: by item, whatever the quota
]


@pytest.mark.parametrize(("way", "more", "expected"), WAYS)
def test_each_way_pays_what_its_contract_says(way, more, expected):
    [row] = pay(cases(case()), terms(way, more), MARCH).iter_rows(named=True)

    assert (row["due_fen"], row["billed_fen"], row["settlements"]) == (expected, 700_000, 1)
    assert row["difference_fen"] == expected - 700_000
    assert row["clr_way"] == CLR_WAYS[Way(way)]


@pytest.mark.parametrize(("way", "more", "_"), WAYS)
def test_what_is_taken_back_in_its_month_is_due_nothing(way, more, _):
    [row] = pay(cases(case(), refund(case())), terms(way, more), MARCH).iter_rows(named=True)

    assert (row["settlements"], row["billed_fen"]) == (0, 0)
    assert row["due_fen"] == (450_000 if "surplus_e4" in more else 0), "a quota that nobody used is shared"


@pytest.mark.parametrize("way", ["item", "drg", "single-disease", "bed-day"])
def test_what_is_taken_back_later_is_taken_back_at_what_it_was_paid(way):
    """The contract of the day of settlement counts, though another holds by now."""
    more = {"item": "", "drg": "rate_fen = 900_000\ngroups = { G1 = 12_345 }", "single-disease": "groups = { G1 = 800_000 }",
            "bed-day": "rate_fen = 120_000"}[way]  # fmt: skip
    head = "[[contract]]\nid = '{}'\norigin = 'x'\nway = '{}'\nkinds = ['inpatient']\nfrom = {}\n"
    both = parse_contracts(
        head.format("old", way, "2017-01-01")
        + f"until = 2024-03-31\n{more}\n"
        + head.format("new", "item", "2024-04-01"),
        "x",
    )
    month = cases(case(), refund(case(), day=20240402))

    paid, back = pay(month, both, MARCH), pay(month, both, APRIL)

    assert due(back) == {"H33": -due(paid)["H33"]}
    assert back["contract"].to_list() == ["old"]


def test_a_person_counts_once_however_often_they_come():
    month = cases(case(), case("B", person="A"), case("C"), case("D"), refund(case("D")))

    assert due(pay(month, terms("head", "rate_fen = 55_000"), MARCH)) == {"H33": 110_000}


drawn = st.lists(
    st.tuples(st.sampled_from(["H1", "H2", "H3"]), st.integers(1, 10**6), st.integers(1, 10**5)),
    min_size=1,
    max_size=30,
)


@given(drawn, st.integers(0, 10**10))
def test_points_share_a_provinces_money_to_the_fen(rows, quota):
    made = [case(str(n), institution=name, owed_fen=owed, group=f"G{n}") for n, (name, owed, _) in enumerate(rows)]
    weights = {f"G{n}": weight for n, (_, _, weight) in enumerate(rows)}
    contract = Contract(
        id="dip", origin="x", way=Way.DIP, kinds=("inpatient",), begins=packaged_contracts().contracts[0].begins,
        quota_fen=quota, groups=weights,
    )  # fmt: skip

    found = due(pay(cases(*made), Terms((contract,)), MARCH))

    assert sum(found.values()) == quota
    points: dict[str, int] = {}
    for name, _, weight in rows:
        points[name] = points.get(name, 0) + weight
    for name, fen in found.items():
        assert abs(fen * sum(points.values()) - quota * points[name]) < sum(points.values())


@given(drawn)
def test_the_books_of_a_payment_close(rows):
    made = [case(str(n), institution=name, owed_fen=owed) for n, (name, owed, _) in enumerate(rows)]
    paid = pay(cases(*made), terms("drg", "rate_fen = 900_000\ngroups = { G1 = 12_345 }"), MARCH)
    postings = [(("33:receivable:34", owed), ("33:due:hospitals", -owed)) for _, owed, _ in rows]
    postings += [
        payment_to_hospital_legs("33", row["institution"], row["billed_fen"], row["due_fen"])
        for row in paid.iter_rows(named=True)
    ]
    balances: dict[str, int] = {}
    for legs in postings:
        for account, fen in legs:
            balances[account] = balances.get(account, 0) + fen

    assert [*balances_are_sums(balances, postings)] == []
    assert balances["33:due:hospitals"] == 0


def test_every_case_has_a_contract_or_the_month_is_refused():
    outside = cases(case(kind="pharmacy", level=0))

    with pytest.raises(InputError, match="no contract pays for pharmacy at level 0 in 33 on 2024-03-13"):
        pay(outside, terms("item"), MARCH)
    with pytest.raises(InputError, match="no contract pays"):
        pay(outside, Terms(()), MARCH)
    assert pay(outside, terms("item"), APRIL).is_empty()


def test_the_packaged_contracts_pay_for_everything():
    kinds = [("pharmacy", 0), *((kind, level) for kind in ("outpatient", "inpatient") for level in (1, 2, 3))]
    month = cases(*(case(f"{kind}{level}", kind=kind, level=level, group="G0010") for kind, level in kinds))

    made = pay(month, packaged_contracts(), MARCH)

    assert made["settlements"].sum() == len(kinds)
    [drg] = [one for one in packaged_contracts().contracts if one.way is Way.DRG]
    assert len(drg.weights) == 618, "the groups of source 002"


# --- advances ---------------------------------------------------------------------------------------------------------


def test_an_advance_is_set_off_by_its_share_until_nothing_is_left():
    advances = [Advance("H33", "2024-03", 1_000, 5_000)]
    months = {Period(2024, m): {"H33": 800} for m in (2, 3, 4, 5)}

    made = {m: payouts(months, advances, m, {}).row(0, named=True) for m in months}

    assert [made[m]["set_off_fen"] for m in months] == [0, 400, 400, 200]
    assert [made[m]["advance_left_fen"] for m in months] == [0, 600, 200, 0]
    assert [made[m]["paid_fen"] for m in months] == [800, 400, 400, 600]


MAY, JUNE = Period(2024, 5), Period(2024, 6)


def test_what_an_audit_took_off_beyond_what_was_due_is_carried_on_until_it_is_paid_back():
    due_of = {MARCH: {"H33": 100}, APRIL: {"H33": 20}, MAY: {"H33": 40}, JUNE: {"H33": 50}}

    made = [payouts(due_of, [], month, {MARCH: {"H33": 130}}).row(0, named=True) for month in due_of]

    parts = ("due_fen", "brought_fen", "taken_off_fen", "paid_fen", "carried_fen")
    assert [tuple(row[part] for part in parts) for row in made] == [
        (100, 0, 130, 0, -30), (20, -30, 0, 0, -10), (40, -10, 0, 30, 0), (50, 0, 0, 50, 0),
    ]  # fmt: skip


def test_a_hospital_that_only_gives_back_is_paid_nothing_and_is_listed_until_it_is_even():
    due_of: dict[Period, dict[str, int]] = {MARCH: {"H33": -70}, APRIL: {}, MAY: {"H33": 70}, JUNE: {}}

    made = [payouts(due_of, [], month, {}) for month in due_of]

    assert [frame["carried_fen"].to_list() for frame in made] == [[-70], [-70], [0], []]
    assert not any(frame["paid_fen"].sum() for frame in made)


@given(st.lists(st.tuples(st.integers(-(10**6), 10**7), st.integers(0, 10**7)), min_size=1, max_size=12))
def test_months_pay_what_was_due_less_what_was_taken_off_and_none_pays_below_nothing(monthly):
    due_of = {Period(2024, n + 1): {"H33": fen} for n, (fen, _) in enumerate(monthly)}
    off = {Period(2024, n + 1): {"H33": fen} for n, (_, fen) in enumerate(monthly)}

    made = [payouts(due_of, [], month, off) for month in due_of]

    assert all(int(frame["paid_fen"].sum()) >= 0 >= int(frame["carried_fen"].sum()) for frame in made)
    paid = sum(int(frame["paid_fen"].sum()) for frame in made)
    assert paid + int(made[-1]["carried_fen"].sum()) == sum(fen - less for fen, less in monthly)


@given(
    st.lists(st.integers(-(10**6), 10**7), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(1, 10**8), st.integers(1, 10**4), st.integers(0, 11)), max_size=3),
)
def test_no_advance_is_lost_and_none_is_set_off_twice(monthly, given_ahead):
    months = {Period(2024, n + 1): {"H33": fen} for n, fen in enumerate(monthly)}
    advances = [Advance("H33", f"2024-{month + 1:02d}", fen, share) for fen, share, month in given_ahead]
    made = [payouts(months, advances, month, {}) for month in months]

    set_off = sum(int(frame["set_off_fen"].sum()) for frame in made)
    ahead = sum(one.amount_fen for one in advances if Period.parse(one.month) in months)
    assert set_off + int(made[-1]["advance_left_fen"].sum()) == ahead
    for frame, fen in zip(made, monthly, strict=True):
        assert frame.columns == list(PAYOUTS)
        assert 0 <= frame["set_off_fen"][0] <= max(0, fen)


# --- contracts --------------------------------------------------------------------------------------------------------

HEAD = "[[contract]]\nid = 'one'\norigin = 'x'\nway = 'item'\nkinds = ['inpatient']\nfrom = 2024-01-01\n"
WRONG = [
    (HEAD + HEAD, "contracts 'one' and 'one' both pay for inpatient at level 0, 1, 2 … in 11, 12, 13 … on one day"),
    (HEAD.replace("inpatient", "ward"), "has kinds ['ward']; expected some of outpatient, pharmacy, inpatient"),
    (HEAD + "levels = [4]\n", "has levels [4]; expected some of 0, 1, 2, 3"),
    (HEAD + "care = ['99']\n", "has care ['99']"),
    (HEAD.replace("['inpatient']", "[]"), "has kinds []"),
    (HEAD + "until = 2023-01-01\n", "expected an end that is not before its beginning"),
    (HEAD + "rate_fen = 3\n", "pays by item with ['rate_fen']; expected [] of []"),
    (HEAD.replace("item", "drg"), "pays by drg with []; expected ['groups', 'rate_fen']"),
    (HEAD.replace("item", "single-disease") + "groups = { a = 1 }\nladder = { count = 2, lowest = 1, highest = 3 }\n", "has groups and a ladder"),
    (HEAD.replace("item", "single-disease") + "ladder = { count = 2, lowest = 5, highest = 3 }\n", "a ladder of 2 from 5 to 3"),
    (HEAD.replace("item", "single-disease") + "groups = { a = -1 }\n", "has an amount below 0"),
    (HEAD.replace("item", "quota") + "quota_fen = 3\nsurplus_e4 = 10_001\n", "a share beyond 10000"),
    (HEAD.replace("item", "dip") + "groups = { a = 1 }\n", "or with none; expected one of them"),
    (HEAD.replace("item", "dip") + "groups = { a = 1 }\nquota_fen = 1\nquota_e4 = 1\n", "a quota in fen and one as a share"),
    (HEAD.replace("item", "gift"), "invalid enum value 'gift'"),
    (HEAD + "[[advance]]\ninstitution = 'H'\nmonth = '2024-03'\namount_fen = 0\nshare_e4 = 1\n", "the advance to H is 0 fen"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_a_wrong_contract_is_refused_in_one_sentence(text, told):
    with pytest.raises(RuleError) as refused:
        parse_contracts(text, "mine.toml")

    assert str(refused.value).startswith("mine.toml: ")
    assert told in str(refused.value).replace("Invalid", "invalid")


def test_an_advance_of_no_month_is_refused():
    with pytest.raises(InputError, match="month '2024-13' is none"):
        parse_contracts(HEAD + "[[advance]]\ninstitution = 'H'\nmonth = '2024-13'\namount_fen = 5\nshare_e4 = 1\n", "x")


def test_contracts_may_part_by_place_level_or_day(tmp_path):
    parted = HEAD + "care = ['33']\nlevels = [1]\nuntil = 2024-12-31\n"
    for other in (
        HEAD + "care = ['34']\n",
        HEAD + "levels = [2]\n",
        HEAD.replace("2024-01-01", "2025-01-01"),
        HEAD.replace("inpatient", "outpatient"),
        HEAD.replace("2024-01-01", "2023-01-01") + "until = 2023-12-31\n",
    ):
        (tmp_path / "c.toml").write_text(parted + other)
        assert len(read_contracts(tmp_path / "c.toml").contracts) == 2
