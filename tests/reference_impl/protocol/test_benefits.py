"""The policy that holds for a settlement: by region and day; what it remembers moves with the person, and back."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.chain import Chain
from support.messages import (
    OTHER_PERSON,
    PERSON,
    admit,
    cancel,
    discharge,
    done,
    find_person,
    refusal,
    request,
    reversal,
    sale,
    settlement,
    upload,
)

from lab.torture import nodes
from reference_impl.domain.errors import Refusal
from reference_impl.domain.filing import FilingKind, FilingRules, FilingTable
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.policies import DEFAULT_POLICY, PersonType, PolicyTable, Segment, Supplement, Terms
from reference_impl.domain.policy_book import LAST_DAY, PolicyBook, RegionTable, VersionTable
from reference_impl.protocol.messages import Admit, File, PersonNo, Request, Settled, VisitId
from reference_impl.protocol.records import PersonRecord, RememberedRecord

DAY_US = 86_400 * 1_000_000
BILL_FEN = 100_000
VISITOR = "63010011000000000001"
ROW = Terms(
    deductible_fen=0,
    later_deductibles_fen=(0,),
    deductible_per="visit",
    segments=(Segment(10**15, 5_000),),
    cap_fen=10**12,
)


def version(first: int = 0, last: int = LAST_DAY, *, terms: Terms = ROW, **changes: Any) -> VersionTable:
    kinds = ("outpatient", "pharmacy", "inpatient")
    person: PersonType = "active"
    rows = tuple((kind, level, person, terms) for kind in kinds for level in (1, 2, 3))
    table = PolicyTable(name="plain", rows=rows, **changes)
    return VersionTable(policy=table, from_day=first, until_day=last)


def chain_with(
    *versions: VersionTable, region: str = "63", filing: FilingTable | None = None, **shares: float
) -> Chain:
    chain = Chain(filing=filing)
    chain.policies = PolicyBook((RegionTable(region=region, versions=versions, **shares),))
    chain.boot("63")
    return chain


def sold(chain: Chain, n: int = 1, *, person: str = PERSON, fen: int = BILL_FEN) -> Settled:
    return done(chain.send(sale(n, fen, person=person)))


def remembered(chain: Chain) -> list[RememberedRecord]:
    return list(chain.books["63"].read_all().of(RememberedRecord))


def changing() -> Chain:
    """A policy of 13 March at 50 %, and one from 14 March on at 80 %."""
    better = msgspec.structs.replace(ROW, segments=(Segment(10**15, 8_000),))
    return chain_with(version(last=20240313), version(first=20240314, terms=better))


def test_a_sale_goes_by_the_version_of_its_day() -> None:
    chain = changing()
    before = sold(chain, 1)
    chain.clock.us = DAY_US
    after = sold(chain, 2)

    assert (before.amounts.pool_fen, after.amounts.pool_fen) == (50_000, 80_000)


@pytest.mark.parametrize(("counts_in", "pool_fen"), [("discharge", 5_000), ("settlement", 8_000)])
def test_a_stay_goes_by_the_day_of_its_discharge_or_of_its_settlement(counts_in: Any, pool_fen: int) -> None:
    better = msgspec.structs.replace(ROW, segments=(Segment(10**15, 8_000),))
    chain = chain_with(
        version(last=20240313, counts_in=counts_in), version(first=20240314, terms=better, counts_in=counts_in)
    )
    visit = done(chain.send(admit(1))).visit
    done(chain.send(upload(2, visit, code="2301")))
    done(chain.send(discharge(3, visit)))
    chain.clock.us = DAY_US
    trial, settled = (done(chain.send(settlement(n, visit, code=code))) for n, code in ((4, "2303"), (5, "2304")))

    assert trial.amounts == settled.amounts
    assert settled.amounts.pool_fen == pool_fen


def test_on_a_day_of_no_version_there_are_no_terms_and_paper_is_left() -> None:
    chain = chain_with(version(first=20240314))

    assert refusal(chain.send(sale(1))) == Refusal.NO_TERMS


def test_a_region_that_is_not_in_the_book_goes_by_the_insurers_own_policy() -> None:
    named, plain = chain_with(version(), region="6302"), Chain()

    assert sold(named).amounts == sold(plain).amounts


def monthly() -> Chain:
    return chain_with(version(terms=msgspec.structs.replace(ROW, deductible_fen=70_000, deductible_per="month")))


def test_what_is_taken_back_is_as_if_it_had_never_been() -> None:
    chain = monthly()
    first = sold(chain, 1)
    assert sold(chain, 2).amounts.deductible_fen == 0
    for n, of in ((11, 2), (12, 1)):
        done(chain.send(reversal(n, of)))
    again = sold(chain, 3)

    assert again.amounts == first.amounts
    assert [len(one.past) for one in remembered(chain)] == [1]


def test_a_cancelled_settlement_gives_its_deductible_back() -> None:
    chain = monthly()
    first = sold(chain, 1)
    done(chain.send(cancel(2, first)))

    assert sold(chain, 3).amounts.deductible_fen == 70_000
    assert chain.sum_of_accounts() == 0


def test_a_trial_leaves_nothing_to_remember() -> None:
    chain = monthly()
    done(chain.send(sale(1, BILL_FEN, code="2101")))

    assert remembered(chain) == []


def test_another_month_wants_its_own_deductible() -> None:
    chain = monthly()
    sold(chain, 1)
    chain.clock.us = 20 * DAY_US  # 2 April

    assert sold(chain, 2).amounts.deductible_fen == 70_000


def test_where_no_policy_asks_for_it_nothing_is_remembered() -> None:
    chain = chain_with(version())
    first = sold(chain, 1)
    done(chain.send(cancel(2, first)))

    assert remembered(chain) == []
    assert sold(chain, 3).amounts == first.amounts


def test_a_policy_of_one_region_that_remembers_looks_nothing_up_for_another() -> None:
    chain = Chain()
    asks = version(terms=msgspec.structs.replace(ROW, deductible_per="month"))
    chain.policies = PolicyBook(
        (RegionTable(region="6301", versions=(version(),)), RegionTable(region="6302", versions=(asks,)))
    )
    chain.boot("63")
    sold(chain, 1)

    assert remembered(chain) == []


def test_funds_of_their_own_pay_those_they_are_for() -> None:
    half = Supplement(((0, 5_000),))
    terms = msgspec.structs.replace(ROW, civil_servant=half, aid=half)
    all_of_them = chain_with(version(terms=terms), civil_servant_share=1.0, aided_share=1.0)
    nobody = chain_with(version(terms=terms))

    paid = sold(all_of_them).amounts
    assert (paid.pool_fen, paid.civil_servant_fen, paid.aid_fen) == (50_000, 25_000, 12_500)
    assert sold(nobody).amounts.fund_fen == 50_000
    legs = {leg.account: leg.amount_fen for leg in all_of_them.books["63"].read_all().postings[0].legs}
    assert (legs["63:fund:civil_servant"], legs["63:fund:aid"]) == (25_000, 12_500)
    assert all_of_them.sum_of_accounts() == 0


# --- who was referred loses less ---

WANTED = FilingTable(
    rules=FilingRules(
        needed_for=("outpatient", "inpatient"),
        lasts_us={FilingKind.TEMPORARY: 10**15, FilingKind.REFERRAL: 10**15},
        referral_settlements=0,
        by_hospital=False,
        upload_us=0,
        locked_us=0,
        interrupted_share=0.0,
    ),
    regions={},
)


def as_visitor(asked: Request) -> Request:
    return msgspec.structs.replace(asked, body=msgspec.structs.replace(asked.body, person=PersonNo(VISITOR)))


def stay_of(chain: Chain, *, emergency: bool = False) -> Settled:
    body = Admit(person=PersonNo(VISITOR), insurance="310", began_us=0, diagnosis="R69", emergency=emergency)
    visit = done(chain.send(request("2401", 11, body))).visit
    done(chain.send(upload(12, visit, code="2301", person=VISITOR)))
    done(chain.send(as_visitor(discharge(13, visit))))
    return done(chain.send(settlement(14, visit, code="2304", person=VISITOR)))


@pytest.mark.parametrize(
    ("changes", "referred_fen", "other_fen"),
    [
        ({"first_self_pay_e4": 3_000, "referred_first_self_pay_e4": 1_000}, (1_000, 4_500), (3_000, 3_500)),
        ({"points_e4": 2_000, "referred_points_e4": 1_000}, (0, 4_000), (0, 3_000)),
    ],
)
@pytest.mark.parametrize("filed_as", [FilingKind.REFERRAL, FilingKind.TEMPORARY, None])
def test_the_referred_and_emergencies_lose_less_than_other_visitors(
    changes: dict[str, int], referred_fen: tuple[int, int], other_fen: tuple[int, int], filed_as: FilingKind | None
) -> None:
    """Of 100 yuan: paid first, and by the pool."""
    chain = chain_with(version(**changes), filing=WANTED)
    if filed_as is not None:
        body = File(person=PersonNo(VISITOR), kind=filed_as, region="330400", hospital=NodeId("H33040030001"))
        done(chain.send(request("2501", 1, body)))
        chain.clock.us += 10
    paid = stay_of(chain, emergency=filed_as is None).amounts

    wanted = other_fen if filed_as is FilingKind.TEMPORARY else referred_fen
    assert (paid.first_self_pay_fen, paid.pool_fen) == wanted


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_person_and_a_settlement_say_whether_the_supplement_of_civil_servants_is_theirs(share: float) -> None:
    terms = msgspec.structs.replace(ROW, civil_servant=Supplement(((0, 5_000),)))
    chain = chain_with(version(terms=terms), civil_servant_share=share)
    found = done(chain.send(find_person(1)))
    trial, settled = (done(chain.send(sale(n, BILL_FEN, code=code))) for n, code in ((2, "2101"), (3, "2102")))

    assert found.civil_servant == trial.civil_servant == settled.civil_servant == bool(share)
    assert bool(settled.amounts.civil_servant_fen) == bool(share)


# --- a stay that goes on in another hospital ---


def stay_at(chain: Chain, n: int, institution: str, continues: str = "", **more: Any) -> Settled:
    """A stay of 100 yuan at a hospital."""

    def there(asked: Request) -> Request:
        msgid = asked.msgid.replace("H33040030001", institution)
        return msgspec.structs.replace(asked, msgid=msgid, sender=NodeId(institution), institution=NodeId(institution))

    person: str = more.get("person", PERSON)
    visit = done(chain.send(there(admit(n, person=person)))).visit
    done(chain.send(there(upload(n + 1, visit, code="2301", person=person, item=more.get("item", "X1")))))
    asked = there(settlement(n + 2, visit, code="2304", person=person))
    mid_stay = more.get("mid_stay", False)
    body = msgspec.structs.replace(asked.body, continues=VisitId(continues), mid_stay=mid_stay)
    return done(chain.send(msgspec.structs.replace(asked, body=body)))


@pytest.mark.parametrize(("merges", "due_fen"), [(True, 2_000), (False, 6_000)])
def test_a_stay_that_goes_on_elsewhere_pays_one_deductible_where_the_policy_merges(
    due_fen: int, *, merges: bool
) -> None:
    """A first stay's deductible is 120 yuan, a later one's 60; the first bill of 100 all counted towards it."""
    terms = msgspec.structs.replace(ROW, deductible_fen=12_000, later_deductibles_fen=(6_000,))
    chain = chain_with(version(terms=terms, merges_transfer=merges))
    first = stay_at(chain, 1, "H33040030001")
    rest = stay_at(chain, 11, "H33040030002", first.visit)

    assert (first.amounts.deductible_fen, rest.amounts.deductible_fen) == (10_000, due_fen)


def test_a_stay_in_three_hospitals_pays_one_deductible_and_is_sent_on_once() -> None:
    terms = msgspec.structs.replace(ROW, deductible_fen=25_000, later_deductibles_fen=(6_000,))
    chain = chain_with(version(terms=terms, merges_transfer=True))
    first = stay_at(chain, 1, "H33040030001")
    second = stay_at(chain, 11, "H33040030002", first.visit)
    third = stay_at(chain, 21, "H33040030001", second.visit)

    assert [one.amounts.deductible_fen for one in (first, second, third)] == [10_000, 10_000, 5_000]
    with pytest.raises(AssertionError, match="another stay goes on"):
        stay_at(chain, 31, "H33040030002", first.visit)


def test_another_persons_stay_is_none_to_go_on_from() -> None:
    terms = msgspec.structs.replace(ROW, deductible_fen=12_000, later_deductibles_fen=(6_000,))
    chain = chain_with(version(terms=terms, merges_transfer=True))
    theirs = stay_at(chain, 1, "H33040030001", person=OTHER_PERSON)
    sale_visit = sold(chain, 5).visit

    for n, visit in ((11, theirs.visit), (21, sale_visit)):
        with pytest.raises(AssertionError, match="no settled stay of the person"):
            stay_at(chain, n, "H33040030002", visit)


SELF_PAID = "NOWHERE"
"""An item of no catalogue: nothing of it is in scope."""


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_rest_of_a_stay_that_was_none_of_the_year_is_the_next_stay_all_the_same(*, elsewhere: bool) -> None:
    """Its first part was wholly self-paid, and such a stay does not count: the one before it does."""
    terms = msgspec.structs.replace(ROW, deductible_fen=12_000, later_deductibles_fen=(6_000,))
    chain = chain_with(version(terms=terms, own_pay_stays_count=False, merges_transfer=True))
    stay_at(chain, 1, "H33040030001")
    part = stay_at(chain, 11, "H33040030001", item=SELF_PAID, mid_stay=not elsewhere)
    rest = stay_at(chain, 21, "H33040030002" if elsewhere else "H33040030001", part.visit)

    assert (part.amounts.deductible_fen, rest.amounts.deductible_fen) == (0, 6_000)


@pytest.mark.parametrize("in_a_book", [False, True])
def test_a_stay_that_never_counted_is_not_counted_out(monkeypatch: pytest.MonkeyPatch, *, in_a_book: bool) -> None:
    own = msgspec.structs.replace(DEFAULT_POLICY, own_pay_stays_count=False)
    monkeypatch.setattr(nodes, "DEFAULT_POLICY", own)
    chain = chain_with(version(own_pay_stays_count=False)) if in_a_book else Chain()
    chain.boot("63")
    settled = stay_at(chain, 1, "H33040030001", item=SELF_PAID)
    done(chain.send(cancel(11, settled, code="2305")))

    [person] = chain.books["63"].read_all().of(PersonRecord)
    assert person.accumulators.stays == 0
