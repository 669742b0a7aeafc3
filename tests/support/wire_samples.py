"""One request and one reply of each transaction, and Hypothesis strategies that vary them."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from reference_impl.domain.benefit import Settlement
from reference_impl.domain.certificate import CERTIFICATES
from reference_impl.domain.fees import FeeLine, FeeTotals, PricedLine, Split
from reference_impl.domain.prescribed import MOST_E4, Drug
from reference_impl.protocol import messages as m

MSGID = m.MessageId("H33040000001202406030800000001")
HOSPITAL = m.NodeId("H33040000001")
PERSON = m.PersonNo("34150010000000000001")
VISIT = m.VisitId("S33040000001202406030800000001")
SETTLEMENT = m.SettlementId("A33040000001202406030800000001")
LINES = (
    FeeLine("1", "XJ01CAA040", 20_000, 12_345_678, 2469),
    FeeLine("2", "ZA06BAX0064", -10_000, 1_000_000, -100, "1", "1"),
)
FEES = FeeTotals(579_253, 29_620, 0, 52_261, 497_372, (579_253, *(0,) * 13))
AMOUNTS = Settlement(579_253, 29_620, 0, 52_261, 497_372, 80_000, 1_000, 310_654, cash_fen=268_599)

text30 = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
text20 = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
moments = st.integers(-(10**12), 10**13)
seconds = st.integers(0, 10**6).map(lambda s: s * 1_000_000)
"""What a date and time without an exp_content beside it can hold."""
money = st.integers(-(10**15) + 1, 10**15 - 1)
persons, visits, settlements = (text30.map(kind) for kind in (m.PersonNo, m.VisitId, m.SettlementId))
optional_visits = st.one_of(st.just(m.VisitId("")), visits)
regions = st.sampled_from(["330400", "341500", "110101", "660100"])
msgids = st.text("0123456789", min_size=18, max_size=18).map(lambda digits: m.MessageId(HOSPITAL + digits))
insurances = st.sampled_from(["310", "390"])


def lines(approvals):
    return st.builds(
        FeeLine,
        serial=st.text("0123456789", min_size=1, max_size=30),
        item=st.text(st.characters(codec="utf-8"), min_size=1, max_size=50),
        count_e4=money,
        price_e6=st.integers(0, 10**15),
        total_fen=money,
        approved=st.sampled_from(approvals),
    )


fees = st.one_of(
    st.none(),
    st.builds(FeeTotals, money, money, money, money, money, st.tuples(*[money] * 14)),
)
amounts = st.lists(money, min_size=16, max_size=16).map(lambda values: Settlement(*values))


def upload(approvals):
    return st.builds(
        m.UploadLines,
        person=persons,
        visit=visits,
        batch=text30,
        lines=st.lists(lines(approvals), min_size=1, max_size=4).map(tuple),
    )


certificates = st.sampled_from(CERTIFICATES)
_settle = {
    "person": persons,
    "certificate": certificates,
    "insurance": insurances,
    "visit": visits,
    "total_fen": money,
    "use_account": st.booleans(),
    "hospital_level": st.integers(0, 3),
    "fees": fees,
}
care_types = st.sampled_from(["ordinary", "emergency", "chronic", "internet"])
drugs = st.lists(
    st.builds(Drug, item=st.text(min_size=1, max_size=50), count_e4=st.integers(-MOST_E4, MOST_E4)), max_size=3
).map(tuple)
settle = st.builds(
    m.Settle,
    **_settle,
    emergency=st.booleans(),
    care_type=care_types,
    prescription=st.just("") | text30,
    drugs=drugs,
)
settle_stay = st.builds(
    m.Settle, **_settle, ended_us=st.integers(0, 10**15), mid_stay=st.booleans(), continues=optional_visits
)
_sell = {
    "person": persons,
    "certificate": certificates,
    "insurance": insurances,
    "total_fen": money,
    "use_account": st.booleans(),
    "visit": optional_visits,
    "hospital_level": st.integers(0, 3),
    "fees": fees,
    "care_type": st.sampled_from(["ordinary", "special_drugs"]),
}
_drugs = lines(["0", "1", "2", ""])
sell = st.builds(m.SellDrugs, **_sell, lines=st.lists(_drugs, max_size=4).map(tuple)) | st.builds(
    m.SellDrugs, **_sell, lines=st.lists(_drugs, min_size=1, max_size=4).map(tuple), prescription=text30
)
cancel = st.builds(m.CancelSettlement, person=persons, visit=visits, settlement=settlements)
cancel_lines = st.builds(m.CancelLines, person=persons, visit=visits, named=text30)

orders = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=20).map(m.OrderNo)
place = st.builds(
    m.SellDrugs,
    person=persons,
    insurance=insurances,
    total_fen=money,
    lines=st.lists(
        st.builds(
            FeeLine,
            serial=st.text("0123456789", min_size=1, max_size=30),
            item=st.text(st.characters(codec="utf-8"), min_size=1, max_size=50),
            count_e4=st.integers(-(10**10) + 1, 10**10 - 1),
            price_e6=st.integers(0, 10**15),
            total_fen=money,
        ),
        max_size=4,
    ).map(tuple),
    care_type=st.sampled_from(["ordinary", "special_drugs"]),
)
pay_order = st.builds(
    m.SellDrugs, person=persons, insurance=insurances, total_fen=money, use_account=st.booleans(), order=orders
)

REQUESTS = {
    "2161": st.builds(m.FindPerson, person=persons),
    "2163": st.builds(m.RefundOrder, order=orders),
    "2166": place,
    "2167": st.builds(m.CancelOrder, order=orders),
    "2170": st.builds(m.AskOrder, person=persons),
    "2171": st.builds(m.AskOrderSettlement, person=persons, order=st.just(m.OrderNo("")) | orders),
    "5201": st.builds(
        m.AskVisits,
        person=persons,
        from_us=seconds,
        until_us=seconds,
        care=st.sampled_from(["outpatient", "chronic", "pharmacy", "inpatient"]),
        visit=optional_visits,
    ),
    "5202": st.builds(m.AskDiagnosis, person=persons, visit=visits),
    "5203": st.builds(m.AskSettlement, person=persons, visit=visits, settlement=settlements),
    "5204": st.builds(
        m.AskCharges, person=persons, visit=visits, settlement=settlements, after=st.one_of(st.just(""), text30)
    ),
    "5301": st.builds(m.AskRecognised, person=persons, visit=optional_visits),
    "5302": st.builds(m.AskDesignated, person=persons, visit=optional_visits),
    "5303": st.builds(m.AskStays, person=persons, from_us=seconds, until_us=seconds),
    "9001": st.builds(m.SignIn, operator=text20),
    "9002": st.builds(m.SignOut, operator=text20, session=text30.map(m.SessionNo)),
    "1101": st.builds(m.FindPerson, person=persons, certificate=certificates),
    "2101": sell,
    "2102": sell | pay_order,
    "2103": cancel,
    "2201": st.builds(
        m.Register,
        person=persons,
        certificate=certificates,
        insurance=insurances,
        began_us=moments,
        visit=optional_visits,
    ),
    "2202": st.builds(m.CancelRegistration, person=persons, visit=visits),
    "2203": st.builds(
        m.Diagnose, person=persons, visit=visits, diagnosis=text20, began_us=moments, care_type=care_types
    ),
    "2204": upload(["0", "1", "2"]),
    "2205": cancel_lines,
    "2206": settle,
    "2207": settle,
    "2208": cancel,
    "2301": upload(["0", "1", "2", ""]),
    "2302": cancel_lines,
    "2303": settle_stay,
    "2304": settle_stay,
    "2305": cancel,
    "2401": st.builds(
        m.Admit,
        person=persons,
        certificate=certificates,
        insurance=insurances,
        began_us=moments,
        diagnosis=text20,
        visit=optional_visits,
        emergency=st.booleans(),
        continues=optional_visits,
    ),
    "2402": st.builds(m.Discharge, person=persons, visit=visits, ended_us=moments, insurance=insurances),
    "2404": st.builds(m.CancelAdmission, person=persons, visit=visits),
    "2405": st.builds(m.CancelDischarge, person=persons, visit=visits),
    "2501": st.builds(
        m.File,
        person=persons,
        kind=st.sampled_from(["resettled", "long_term", "worker", "temporary", "referral"]),
        region=regions,
        hospital=st.just(HOSPITAL),
    ),
    "2502": st.builds(m.WithdrawFiling, person=persons, filing=text30.map(m.FilingId)),
    "2601": st.builds(
        m.Reverse, person=persons, original=text30.map(m.MessageId), original_code=st.sampled_from(["2207", "2304"])
    ),
}

splits = st.lists(money, min_size=4, max_size=4).map(lambda amounts: Split(*amounts)).filter(lambda s: s != Split())
person_types = st.sampled_from(["active", "retired", "resident"])
ages = st.integers(0, 1200)

trial = st.builds(
    m.Settled,
    visit=visits,
    settlement=st.just(m.SettlementId("")),
    settled_us=moments,
    amounts=amounts,
    hospital_settlement=msgids,
    person_type=person_types,
    age_e1=ages,
    balance_fen=money,
)
settled = st.builds(
    m.Settled,
    visit=visits,
    settlement=settlements,
    settled_us=moments,
    amounts=amounts,
    hospital_settlement=msgids,
    person_type=person_types,
    age_e1=ages,
    balance_fen=money,
)
cancelled = st.builds(
    m.Cancelled, visit=visits, settlement=settlements, settled_us=moments, amounts=amounts, balance_fen=money
)
opened = st.builds(m.VisitOpened, visit=visits)
done = st.just(m.Done())
receipt = st.builds(m.Filed, filing=text30.map(m.FilingId))


def priced_like(request):
    """Return a reply with one priced line for each line asked about."""
    count = len(request.lines)
    priced = st.builds(
        PricedLine,
        serial=text30,
        total_fen=money,
        over_limit_fen=money,
        own_pay_fen=money,
        pre_self_pay_fen=money,
        in_scope_fen=money,
        grade=st.sampled_from(["01", "02", "03"]),
        category=st.integers(1, 14),
        reason=st.text(st.characters(codec="utf-8"), max_size=40),
    )
    return st.lists(priced, min_size=count, max_size=count).map(lambda rows: m.LinesPriced(lines=tuple(rows)))


found = st.builds(
    m.PersonFound,
    person=persons,
    insurance=insurances,
    person_type=person_types,
    insured_region=regions,
    balance_fen=money,
    age_e1=ages,
)

told_settlement = st.builds(
    m.SettlementTold,
    visit=visits,
    settlement=settlements,
    settled_us=seconds,
    amounts=amounts.map(lambda one: msgspec.structs.replace(one, first_self_pay_fen=0, hospital_part_fen=0)),
    hospital_settlement=msgids,
    person_type=person_types,
    age_e1=ages,
    balance_fen=money,
    civil_servant=st.booleans(),
    began_us=seconds,
    ended_us=seconds,
    care=st.sampled_from(["outpatient", "chronic", "inpatient"]),
    clearing=st.sampled_from(["outpatient", "chronic_elsewhere", "inpatient_elsewhere"]),
)
recognised = st.lists(st.builds(m.RecognisedDisease, code=text30, name=text30), max_size=3).map(tuple)
told_visits = st.builds(
    m.VisitTold,
    visit=visits,
    began_us=seconds,
    ended_us=seconds,
    care=st.sampled_from(["outpatient", "chronic", "pharmacy", "inpatient"]),
    lies=st.booleans(),
)
told_charges = st.builds(
    m.ChargeTold,
    serial=text30,
    charged_us=seconds,
    item=text30,
    count_e4=money,
    price_e6=st.integers(0, 10**15),
    total_fen=money,
    own_pay_fen=money,
    over_limit_fen=money,
    pre_self_pay_fen=money,
    in_scope_fen=money,
    grade=st.sampled_from(["01", "02", "03"]),
    category=st.integers(1, 14),
    care=st.sampled_from(["outpatient", "chronic", "inpatient"]),
)
designated = st.builds(
    m.DesignatedInstitution, serial=st.sampled_from("123"), institution=st.just(HOSPITAL), begins_us=seconds,
    ends_us=seconds,
)  # fmt: skip


def rows(each):
    """Return what an answer lists: nothing is an answer too."""
    return st.lists(each, max_size=3).map(tuple)


order_lines = st.lists(
    st.builds(
        m.OrderLine,
        item=text30,
        count_e4=st.integers(-(10**10) + 1, 10**10 - 1),
        price_e6=st.integers(0, 10**15),
        total_fen=money,
    ),
    max_size=3,
).map(tuple)
_order = {"order": orders, "person_type": person_types, "insurance": insurances, "total_fen": money}
_paid = {"cash_fen": money, "account_fen": money}

REPLIES = {
    "2161": st.builds(
        m.BuyerFound,
        person=persons,
        insurance=insurances,
        person_type=person_types,
        insured_region=regions,
        balance_fen=money,
    ),
    "2163": st.builds(m.OrderRefunded, **_order, **_paid),
    "2166": st.builds(m.OrderPlaced, order=orders),
    "2167": st.just(m.Done()),
    "2170": st.builds(m.OrderTold, **_order, placed_us=seconds, lines=order_lines),
    "2171": st.builds(m.OrderSettlementTold, **_order, **_paid, lines=order_lines),
    "5201": rows(told_visits).map(lambda found: m.VisitsTold(visits=found)),
    "5204": rows(told_charges).map(lambda found: m.ChargesTold(lines=found)),
    "5302": rows(designated).map(lambda named: m.Designated(institutions=named)),
    "5303": rows(st.builds(m.StayTold, visit=visits, began_us=seconds)).map(lambda found: m.StaysTold(stays=found)),
    "5202": st.builds(m.DiagnosisTold, visit=visits, diagnosis=text20, began_us=seconds),
    "5203": told_settlement,
    "5301": recognised.map(lambda diseases: m.Recognised(diseases=diseases)),
    "9001": st.builds(m.SignedIn, session=text30.map(m.SessionNo)),
    "9002": st.just(m.SignedOut()),
    "1101": found,
    "2101": trial,
    "2102": settled,
    "2103": cancelled,
    "2201": opened,
    "2206": trial,
    "2207": settled,
    "2208": cancelled,
    "2303": trial,
    "2304": settled,
    "2305": cancelled,
    "2401": opened,
    "2501": receipt,
    **dict.fromkeys(["2202", "2203", "2205", "2302", "2402", "2404", "2405", "2502", "2601"], done),
}


def requests(code, body=None):
    """Return requests of a transaction, from any region to any."""
    return st.builds(
        m.Request,
        code=st.just(code),
        msgid=msgids,
        sender=st.just(HOSPITAL),
        institution=st.just(HOSPITAL),
        care_region=regions,
        insured_region=st.one_of(st.just(""), regions),
        body=REQUESTS[code] if body is None else body,
    )


def request(code, body):
    """Return a plain request across provinces."""
    return m.Request(code, MSGID, HOSPITAL, HOSPITAL, "330400", "341500", body)


SETTLE = request("2207", m.Settle(person=PERSON, insurance="310", visit=VISIT, total_fen=579_253))
SETTLED = m.Settled(
    visit=VISIT, settlement=SETTLEMENT, settled_us=123_456_789, amounts=AMOUNTS, hospital_settlement=MSGID
)
HOPS = (m.Hop(m.NodeId("33"), 5, 9), m.Hop(m.NodeId("hub"), 6, 8))


def answered(body):
    """Return a reply with two hops."""
    return m.Answered(m.Reply("330000202406030800000000000001", body), HOPS)
