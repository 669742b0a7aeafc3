"""Filing through real nodes: a settlement asks for it, 2501 and 2502 move it, and no race lets anybody through twice."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from support.chain import HOSPITAL, NEIGHBOUR, PERSON, Chain, Crossing, once, run
from support.messages import (
    admit,
    admitted,
    cancel,
    cancel_admission,
    discharge,
    done,
    refusal,
    register,
    registered,
    request,
    reversal,
    sale,
    settlement,
    upload,
)

from reference_impl.domain.filing import FilingKind, FilingRules, FilingTable
from reference_impl.domain.institution import filing_platform
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.renumbering import Numbered, Renumbering
from reference_impl.domain.scopes import Business, Side
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.protocol.filings import Filings
from reference_impl.protocol.messages import (
    Answered,
    Closed,
    File,
    FilingId,
    MessageId,
    PersonNo,
    Request,
    Unknown,
    WithdrawFiling,
)
from reference_impl.protocol.records import FilingsRecord, View

LASTS_US = 10**12
RULES = FilingRules(needed_for=("outpatient", "inpatient"), lasts_us={FilingKind.TEMPORARY: LASTS_US})
PLATFORM = filing_platform("63")


def asking(**changes: Any) -> Chain:
    return Chain(filing=FilingTable(rules=msgspec.structs.replace(RULES, **changes)))


def file(n: int = 50, *, kind: str = "temporary", region: str = "330400", hospital: str = HOSPITAL) -> Request:
    return request("2501", n, File(person=PersonNo(PERSON), kind=kind, region=region, hospital=NodeId(hospital)))


def withdraw(n: int, filing: str) -> Request:
    return request("2502", n, WithdrawFiling(person=PersonNo(PERSON), filing=FilingId(filing)))


def from_the_platform(n: int = 1, *, insured_region: str = "630100") -> Request:
    msgid = MessageId(f"{PLATFORM.code}20240603080000{n:04d}")
    body = File(person=PersonNo(PERSON), kind="temporary", region="330400", hospital=HOSPITAL)
    return Request("2501", msgid, PLATFORM.code, PLATFORM.code, PLATFORM.region, insured_region, body)


def sent_to_the_insurer(chain: Chain, asked: Request) -> Any:
    return run(chain.peers_of(asked.sender).call(NodeId("63"), asked, 10**6))


def kept(chain: Chain) -> Any:
    (record,) = chain.books["63"].read_all().filings
    return record


def emergency(asked: Request) -> Request:
    return msgspec.structs.replace(asked, body=msgspec.structs.replace(asked.body, emergency=True))


# --- asked for ---


def test_who_never_filed_is_told_so_at_the_trial_and_at_the_settlement_and_nothing_is_posted() -> None:
    chain = asking()
    visit = registered(chain)

    assert refusal(chain.send(settlement(3, visit, code="2206"))) == "E07"
    assert refusal(chain.send(settlement(4, visit))) == "E07"
    assert chain.standing() == []
    assert chain.sum_of_accounts() == 0


def test_where_everybody_is_filed_nothing_is_asked_looked_up_or_filed() -> None:
    chain = Chain()
    settled = done(chain.send(settlement(3, registered(chain))))

    assert chain.standing()[0].settlement == settled.settlement
    assert chain.standing()[0].filing == ""
    assert refusal(chain.send(file())) == "D21"
    assert chain.books["63"].read_all().filings == ()


def test_a_sale_and_a_visit_within_the_province_ask_for_none() -> None:
    chain = asking()

    done(chain.send(sale(1)))


def test_filed_at_the_desk_is_settled_and_the_settlement_names_its_filing() -> None:
    chain = asking()
    visit = registered(chain)
    assert refusal(chain.send(settlement(3, visit))) == "E07"

    receipt = done(chain.send(file())).filing
    done(chain.send(settlement(4, visit)))

    assert [one.filing for one in chain.standing()] == [receipt]
    assert [one.serial for one in kept(chain).filings] == [receipt]
    assert [call for call in chain.calls if call[1] == "2501"] == [
        (f"{HOSPITAL}->33", "2501"), ("33->hub", "2501"), ("hub->63", "2501"),
    ]  # fmt: skip


def test_filed_from_the_phone_it_goes_to_the_insurer_alone() -> None:
    chain = asking()
    visit = registered(chain)

    done(sent_to_the_insurer(chain, from_the_platform()))

    done(chain.send(settlement(4, visit)))
    assert [call for call in chain.calls if call[1] == "2501"] == [(f"{PLATFORM.code}->63", "2501")]


def test_filed_before_discharge_rescues_a_stay() -> None:
    chain = asking()
    stay = admitted(chain)
    chain.clock.us += 1_000_000

    done(chain.send(file()))

    done(chain.send(discharge(3, stay)))
    done(chain.send(settlement(4, stay, code="2304")))
    assert [(one.visit, one.settled) for one in kept(chain).stays] == [(stay, True)]


@pytest.mark.parametrize(
    ("rules", "said", "code"),
    [
        ({}, {"region": "310100"}, "E09"),
        ({"by_hospital": True}, {"hospital": NEIGHBOUR}, "E10"),
        ({"upload_us": 10**9}, {}, "E12"),
    ],
)
def test_a_filing_that_does_not_serve_is_refused_by_its_name(
    rules: dict[str, Any], said: dict[str, Any], code: str
) -> None:
    chain = asking(**rules)
    visit = registered(chain)
    done(chain.send(file(**said)))

    assert refusal(chain.send(settlement(4, visit))) == code


def test_a_filing_accepted_in_the_city_settles_once_it_is_uploaded() -> None:
    chain = asking(upload_us=5_000_000)
    visit = registered(chain)
    done(chain.send(file()))
    assert refusal(chain.send(settlement(4, visit))) == "E12"

    chain.clock.us += 5_000_000

    done(chain.send(settlement(5, visit)))


def test_a_stay_admitted_within_the_filing_settles_after_its_end_and_the_next_does_not() -> None:
    chain = asking()
    done(chain.send(file()))
    stay = admitted(chain)
    chain.clock.us += LASTS_US

    done(chain.send(settlement(4, stay, code="2304")))
    assert refusal(chain.send(settlement(12, registered_as(chain, 10)))) == "E08"


def test_an_emergency_needs_no_filing_for_itself_and_the_next_visit_does() -> None:
    chain = asking()
    stay = done(chain.send(emergency(admit(1)))).visit

    (deemed,) = kept(chain).filings
    assert (deemed.kind, deemed.visit) == (FilingKind.EMERGENCY, stay)
    visit = registered_as(chain, 10)
    assert refusal(chain.send(settlement(12, visit))) == "E07"
    done(chain.send(emergency(settlement(13, visit))))
    assert [one.visit for one in kept(chain).filings] == [stay, visit]


def registered_as(chain: Chain, n: int) -> Any:
    visit = done(chain.send(register(n))).visit
    done(chain.send(upload(n + 1, visit)))
    return visit


def test_the_trial_of_an_emergency_writes_nothing_down() -> None:
    chain = asking()
    visit = registered(chain)

    done(chain.send(emergency(settlement(3, visit, code="2206"))))

    assert chain.books["63"].read_all().filings == ()


# --- used up, and given back ---


@pytest.mark.parametrize("undo", ["cancel", "reverse"])
def test_a_referral_for_one_settlement_is_used_up_and_free_again_once_that_is_taken_back(undo: str) -> None:
    chain = asking(referral_settlements=1)
    done(chain.send(file(kind="referral")))
    first, second = registered(chain), registered_as(chain, 10)
    settled = done(chain.send(settlement(3, first)))
    assert refusal(chain.send(settlement(12, second))) == "E11"

    taken_back = cancel(20, settled, code="2208") if undo == "cancel" else reversal(20, of=3, code="2207")
    done(chain.send(taken_back))

    done(chain.send(settlement(13, second)))
    assert refusal(chain.send(settlement(4, first))) == "E11"


# --- refused ---


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (file(kind="holiday"), "D20"),
        (file(kind="emergency"), "D20"),
        (file(region="630200"), "D21"),
        (withdraw(50, "nobody's"), "D19"),
    ],
)
def test_what_cannot_be_filed_is_refused_by_its_name(asked: Request, code: str) -> None:
    chain = asking()

    assert refusal(chain.send(asked)) == code
    assert chain.books["63"].read_all().filings == ()


def test_whose_benefits_are_interrupted_may_not_file() -> None:
    assert refusal(asking(interrupted_share=1.0).send(file())) == "E13"


def test_while_a_stay_elsewhere_is_unsettled_nothing_is_filed_for_another_place() -> None:
    chain = asking()
    stay = admitted(chain)

    assert refusal(chain.send(file(50, region="310100"))) == "S10"
    done(chain.send(file(51)))
    done(chain.send(settlement(4, stay, code="2304")))
    done(chain.send(file(52, region="310100")))


@pytest.mark.parametrize("undo", ["cancelled", "reversed"])
def test_a_stay_that_never_was_is_nothing_unsettled(undo: str) -> None:
    chain = asking()
    stay = done(chain.send(admit(1))).visit

    done(chain.send(cancel_admission(2, stay) if undo == "cancelled" else reversal(2, of=1, code="2401")))

    done(chain.send(file(51, region="310100")))
    assert kept(chain).stays == ()


def test_the_same_filing_again_is_the_same_receipt_and_another_one_of_it_is_refused() -> None:
    chain = asking()
    first = done(chain.send(file()))

    assert done(chain.send(file())) == first
    assert refusal(chain.send(file(51))) == "S11"


def test_withdrawn_it_lets_nobody_through() -> None:
    chain = asking()
    visit = registered(chain)
    receipt = done(chain.send(file())).filing
    done(chain.send(withdraw(51, receipt)))

    assert refusal(chain.send(settlement(4, visit))) == "E07"
    assert refusal(chain.send(withdraw(52, receipt))) == "D19"


def test_a_stranger_is_no_platform_and_the_platform_speaks_for_no_other_insurer() -> None:
    chain = asking()
    stranger = msgspec.structs.replace(
        from_the_platform(), institution=NodeId("A63000000009"), sender=NodeId("A63000000009")
    )

    assert refusal(sent_to_the_insurer(chain, stranger)) == "E03"
    assert refusal(sent_to_the_insurer(chain, from_the_platform(2, insured_region="330400"))) == "E01"


# --- faults and races ---


@pytest.mark.parametrize("link", [f"{HOSPITAL}->33", "33->hub", "hub->63"])
@pytest.mark.parametrize("fate", ["lose request", "lose reply"])
def test_a_lost_message_is_asked_again_and_filed_once(link: str, fate: str) -> None:
    chain = asking()
    chain.faults.append(once(link, "2501", fate))
    first = chain.send(file())

    assert isinstance(first, Unknown) or not isinstance(first, Answered)
    done(chain.send(file()))
    assert len(kept(chain).filings) == 1


def test_withdrawn_while_a_settlement_is_being_decided_the_settlement_looks_again() -> None:
    chain = asking()
    visit = registered(chain)
    receipt = done(chain.send(file())).filing
    chain.between("63", "commit", lambda: done(chain.send(withdraw(60, receipt))), code="2207")

    assert refusal(chain.send(settlement(4, visit))) == "E07"
    assert chain.standing() == []


def test_two_settlements_at_once_by_a_referral_for_one_settle_one() -> None:
    chain = asking(referral_settlements=1)
    done(chain.send(file(kind="referral")))
    first, second = registered(chain), registered_as(chain, 10)
    chain.between("63", "commit", lambda: done(chain.send(settlement(12, second))), code="2207")

    assert refusal(chain.send(settlement(3, first))) == "E11"
    assert len(chain.standing()) == 1


def test_a_reversed_admission_that_comes_after_its_reversal_leaves_no_open_stay() -> None:
    chain = asking()
    chain.crossings.append(Crossing("33->hub", "2401", "before", lambda: chain.send(reversal(9, of=1, code="2401"))))
    chain.send(admit(1))

    assert chain.books["63"].read_all().filings == ()


def test_books_reopened_still_know_what_was_filed() -> None:
    chain = asking()
    visit = registered(chain)
    done(chain.send(file()))
    chain.restart("63")

    done(chain.send(settlement(4, visit)))


# --- the door ---


def test_a_door_for_filing_stops_filing_alone() -> None:
    chain = asking()
    visit = registered(chain)
    done(chain.send(file()))
    chain.nodes["63"].doors.obey(filing_door(DoorState.CLOSED))

    assert isinstance(chain.send(file(51, kind="referral")), Closed)
    assert isinstance(sent_to_the_insurer(chain, from_the_platform()), Closed)
    done(chain.send(settlement(4, visit)))


def test_a_door_for_filing_that_drains_lets_in_no_new_filing_and_answers_for_the_old() -> None:
    chain = asking()
    receipt = done(chain.send(file())).filing
    chain.nodes["63"].doors.obey(filing_door(DoorState.DRAINING))

    assert isinstance(chain.send(file(51, kind="referral")), Closed)
    assert done(chain.send(file())).filing == receipt


def test_a_ramp_for_filing_reaches_who_files_bit_by_bit() -> None:
    chain = asking()
    opening = msgspec.structs.replace(filing_door(DoorState.RAMP), reopens_us=0, full_us=10**12)
    chain.nodes["63"].doors.obey(opening)

    assert isinstance(chain.send(file()), Closed)


def test_a_door_for_all_business_stops_filing_too() -> None:
    chain = asking()
    chain.command("63", DoorState.CLOSED, side=Side.INSURED)

    assert isinstance(chain.send(file()), Closed)


def filing_door(state: DoorState) -> DoorCommand:
    return DoorCommand(scope="63", side=Side.INSURED, state=state, business=Business.FILING, reopens_us=10**12)


def test_taking_back_a_settlement_that_no_filing_counted_writes_nothing():
    kept = FilingsRecord(PersonNo(PERSON), 1, ())
    settled = SimpleNamespace(visit="V1")

    assert Filings(FilingTable(rules=RULES)).after_taking_back(View(None, (kept,)), settled) == ()
    assert Filings(FilingTable(rules=RULES)).after_taking_back(View(None), settled) == ()


# --- what goes on from a settled part ---


def goes_on(asked: Request, visit: str) -> Request:
    return msgspec.structs.replace(asked, body=msgspec.structs.replace(asked.body, continues=visit))


def stay_with_charges(chain: Chain, n: int) -> Any:
    visit = done(chain.send(admit(n))).visit
    done(chain.send(upload(n + 1, visit, code="2301")))
    return visit


def test_a_clinic_visit_that_claims_to_go_on_from_another_is_refused_and_uses_no_referral() -> None:
    chain = asking(referral_settlements=1)
    done(chain.send(file(kind="referral")))
    first, second = registered(chain), registered_as(chain, 10)
    done(chain.send(settlement(3, first)))

    assert refusal(chain.send(goes_on(settlement(12, second), first))) == "D33"
    assert refusal(chain.send(settlement(13, second))) == "E11"
    assert len(chain.standing()) == 1


def test_a_visit_that_claims_to_go_on_from_an_emergency_does_not_count_as_filed() -> None:
    chain = asking()
    stay = done(chain.send(emergency(admit(1)))).visit
    other = registered_as(chain, 10)

    assert refusal(chain.send(goes_on(settlement(12, other), stay))) == "D33"
    assert refusal(chain.send(settlement(13, other))) == "E07"
    assert chain.standing() == []


def test_a_clinic_visit_is_not_spared_the_deductible_by_claiming_to_go_on_from_a_stay() -> None:
    chain = asking()
    done(chain.send(file()))
    stay, claims = stay_with_charges(chain, 1), registered_as(chain, 30)
    done(chain.send(settlement(3, stay, code="2304")))

    assert refusal(chain.send(goes_on(settlement(32, claims, code="2206"), stay))) == "D33"


def test_the_rest_of_a_stay_uses_no_second_referral() -> None:
    chain = asking(referral_settlements=1)
    first_receipt = done(chain.send(file(kind="referral"))).filing
    first = stay_with_charges(chain, 1)
    part = settlement(3, first, code="2304")
    done(chain.send(msgspec.structs.replace(part, body=msgspec.structs.replace(part.body, mid_stay=True))))
    done(chain.send(file(51, kind="referral")))
    rest = stay_with_charges(chain, 10)
    done(chain.send(goes_on(settlement(13, rest, code="2304"), first)))

    assert [one.filing for one in chain.standing()] == [first_receipt, first_receipt]
    assert [one.settled for one in kept(chain).filings] == [(first,), ()]


def parts_of_a_stay(chain: Chain, admission: Request, *, count: int) -> list[Any]:
    """A stay settled in its middle again and again."""
    visits = [done(chain.send(admission)).visit]
    for n in range(count):
        number = 100 + 10 * n
        if n:
            chain.clock.us += 1_000_000
            asked = admit(number)
            body = msgspec.structs.replace(asked.body, began_us=chain.clock.us)
            visits.append(done(chain.send(msgspec.structs.replace(asked, body=body))).visit)
        done(chain.send(upload(number + 1, visits[n], code="2301")))
        part = settlement(number + 2, visits[n], code="2304")
        named = visits[n - 1] if n else ""
        body = msgspec.structs.replace(part.body, mid_stay=n < count - 1, continues=named)
        done(chain.send(msgspec.structs.replace(part, body=body)))
    return visits


def test_all_parts_of_a_stay_use_one_referral() -> None:
    """Found by an adversary: the third part asked for a settlement of its own, and the referral was used up."""
    chain = asking(referral_settlements=1)
    receipt = done(chain.send(file(kind="referral"))).filing
    visits = parts_of_a_stay(chain, admit(1), count=4)

    assert [one.filing for one in chain.standing()] == [receipt] * 4
    assert [one.settled for one in kept(chain).filings] == [(visits[0],)]


def test_an_emergency_counts_as_filed_for_all_parts_of_its_stay() -> None:
    chain = asking()
    parts_of_a_stay(chain, emergency(admit(1)), count=4)

    assert len({one.filing for one in chain.standing()}) == 1
    assert len(chain.standing()) == 4


def test_a_stay_that_goes_on_began_when_its_first_part_did() -> None:
    """The filing ends while the first part lasts: what began within its time may end after it, in however many parts."""
    chain = asking(lasts_us={FilingKind.TEMPORARY: 500_000})
    done(chain.send(file()))
    parts_of_a_stay(chain, admit(1), count=4)

    assert len(chain.standing()) == 4


# --- to where ---


@pytest.mark.parametrize(
    "region", ["", "3", "33", "330", "33040a", "999999", "3304001", "\uff13\uff13\uff10\uff14\uff10\uff10"]
)
def test_nothing_is_filed_for_what_is_no_region(region: str) -> None:
    """'3' begins the codes of seven provinces: it was a filing for all of them."""
    chain = asking()

    assert refusal(chain.send(file(region=region))) == "D22"
    assert chain.books["63"].read_all().filings == ()


def test_a_hospital_added_to_a_referral_brings_no_settlement_more() -> None:
    chain = asking(by_hospital=True, referral_settlements=2)
    done(chain.send(file(kind="referral")))
    first, second, third = registered(chain), registered_as(chain, 10), registered_as(chain, 20)
    settled = done(chain.send(settlement(3, first)))
    done(chain.send(file(51, kind="referral", hospital=NEIGHBOUR)))
    last = done(chain.send(settlement(12, second)))

    assert refusal(chain.send(settlement(22, third))) == "E11"

    done(chain.send(cancel(30, last, code="2208")))
    done(chain.send(cancel(31, settled, code="2208")))
    done(chain.send(settlement(23, third)))
    assert [one.settled for one in kept(chain).filings] == [(), (third,)]


@pytest.mark.parametrize("filed_after", [False, True])
def test_a_filing_names_its_hospital_whatever_code_that_bears_after_a_move(filed_after):
    """Filed for by one code, and settled under the other; another hospital's new code is another hospital's."""
    moved = Renumbering(scope="33", salt=7, from_us=9, old_until_us=10**15, map_from_us=9, of=Numbered.INSTITUTION)
    chain = asking(by_hospital=True, needed_for=("pharmacy",))
    chain = Chain(filing=chain.filing, renumberings=(moved,))
    new = {code: NodeId(moved.new(code)) for code in (HOSPITAL, NEIGHBOUR)}

    def under(code: NodeId, asked: Request) -> Request:
        msgid = MessageId(code + asked.msgid[len(code) :])
        return msgspec.structs.replace(asked, msgid=msgid, sender=code, institution=code)

    if filed_after:
        chain.clock.us = 9
        done(chain.send(under(new[HOSPITAL], file(hospital=new[HOSPITAL]))))
        done(chain.send(sale(1)))
    else:
        done(chain.send(file()))
        chain.clock.us = 9
        done(chain.send(under(new[HOSPITAL], sale(1))))
    assert refusal(chain.send(under(new[NEIGHBOUR], sale(2)))) == "E10"
