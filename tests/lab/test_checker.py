"""Every law is kept by a sound run and broken by the bug planted for it."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from lab.checker import check, check_tables, evidence, some_hold_alone
from lab.checker import findings as found
from lab.checker.laws import LAWS
from lab.worlds.sim import simulate_here
from reference_impl.domain.benefit import take_back
from reference_impl.domain.fees import FeeLine
from reference_impl.domain.ledger import legs_for
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.network import NetworkScope, Opening
from reference_impl.domain.policies import PolicyTable, Segment, Supplement, Terms
from reference_impl.domain.policy_book import PolicyBook, RegionTable, VersionTable
from reference_impl.domain.prefund import PrefundRules, Quota, TopUp
from reference_impl.domain.prescribed import Drug
from reference_impl.domain.renumbering import Numbered, Renumbering
from reference_impl.domain.sessions import SessionRules
from reference_impl.protocol.messages import SellDrugs, Settle
from reference_impl.protocol.records import Leg, Posting, SettlementRecord
from scenarios.reading.loader import load_scenario
from scenarios.record.tables import ClosingRow
from scenarios.record.written import Scratch

PLANTED = {}


def plant(*broken):
    """Register a bug and the laws, by name, that must catch it; every other law must stay silent."""

    def register(bug):
        PLANTED[bug.__name__] = (bug, frozenset(broken))
        return bug

    return register


@plant("money_is_conserved", "postings_say_what_was_settled")
def one_leg_of_a_posting_is_a_fen_short(world, make):
    world.postings = [make.posting("S0", 7_000, credit_fen=-6_999)]


@plant("one_posting_a_key", "one_standing_settlement_a_visit", "effects_are_remembered")
def resend_settles_again(world, make):
    world.settlements.append(make.settlement(0, settlement="S0b"))
    world.postings.append(make.posting("S0b"))


@plant("one_posting_a_key")
def settlement_is_posted_twice(world, make):
    world.postings.append(make.posting("S0", name="again"))


@plant("one_standing_settlement_a_visit")
def visit_is_settled_again_under_a_new_key(world, make):
    world.passed(make.settlement(0, settlement="S7", settled_by=make.message_id(7)))
    world.postings.append(make.posting("S7"))
    world.messages.append(make.message_row(0, step=4, msgid=make.message_id(7)))


@plant("one_reversal_a_settlement")
def settlement_is_taken_back_twice(world, make):
    taken_back(world, make)
    world.settlements.append(make.settlement(0, settlement="N1", sign=-1, reverses="S0", settled_by=make.message_id(9)))


@plant("one_reversal_a_settlement")
def reversal_has_no_original(world, make):
    world.settlements.append(make.settlement(5, settlement="N5", sign=-1, reverses="S5"))


@plant("every_reversal_has_a_target")
def reversal_is_acknowledged_and_leaves_no_mark(world, make):
    world.stored = [make.reversal_entry(8, original=make.message_id(5))]


@plant("replies_never_change")
def resend_gets_another_reply(world, make):
    world.messages.append(make.message_row(0, attempt=2, reply_crc=999))


@plant("effects_are_remembered")
def books_were_moved_without_their_dedupe_memory(world, make):
    world.remembers = False


@plant("deadlines_stand_still")
def a_deadline_ran_on_behind_a_closed_door(world, make):
    sent = make.message_row(1, outcome="unknown")
    world.messages += [
        sent,
        sent._replace(attempt=2, sent_us=sent.done_us + 1, outcome="closed"),
        sent._replace(
            code="2601", msgid=make.message_id(9), step=4, sent_us=sent.done_us + 5, done_us=sent.done_us + 9
        ),
    ]


@plant("business_in_flight_has_one_fate")
def what_was_in_flight_has_no_end(world, make):
    world.inflight = [make.inflight_row(0), make.inflight_row(7)]


@plant("business_in_flight_has_one_fate")
def what_was_in_flight_ends_twice(world, make):
    world.inflight = [make.inflight_row(1)]
    world.visits += [make.visit_row(1, fate="refused", acked=False), make.visit_row(1, fate="abandoned", acked=False)]


def closed(entries, owed_fen, **changes):
    """The sheet of 63's business day of 2024-03-13, for care in 33."""
    sheet = ClosingRow("63", "33", 20240313, 1, 1, 0, entries, 10_000 * entries, owed_fen)
    return sheet._replace(**changes)


@plant("closed_days_never_grow")
def a_posting_is_dated_on_a_day_that_had_closed(world, make):
    world.settlements = [make.settlement(0, business_day=20240313)]
    world.closings = [closed(0, 0)]


@plant("closed_days_never_grow")
def a_closed_day_lost_an_entry(world, make):
    world.closings = [closed(1, 7_000)]


@plant("closed_days_never_grow")
def a_fen_was_moved_on_a_closed_day(world, make):
    world.settlements = [make.settlement(0, business_day=20240313)]
    world.closings = [closed(1, 6_999)]


PREFUND = "prefunds_are_never_passed"


def prefund_of(world, limit_fen, *top_ups):
    """Let 63 keep a prefund with 33; what the planted settlement owes is 7,000 fen."""
    quota = Quota("33", limit_fen, tuple(TopUp(*one) for one in top_ups))
    world.prefunds = {"63": PrefundRules((quota,))}


@plant(PREFUND)
def a_settlement_passed_the_prefund_by_a_fen(world, make):
    prefund_of(world, 6_999)


@plant(PREFUND)
def a_settlement_was_made_before_the_top_up_came(world, make):
    prefund_of(world, 0, (world.settlements[0].posted_us + 1, 10_000))


SESSION = "nothing_is_answered_without_a_session"


def signed_in(world, make, told_us, *, lasts_us=10**12, dropped_us=()):
    """Have 33 ask its desks for sessions, and the desk of the planted visit sign in; not where ``told_us`` is None."""
    world.sessions = {"33": SessionRules(lasts_us=lasts_us, dropped_us=dropped_us)}
    if told_us is not None:
        asked = {"code": "9001", "msgid": make.message_id(8), "step": 902, "reply_crc": 8}
        world.messages.append(make.message_row(0, sent_us=told_us - 5, done_us=told_us, **asked))


@plant(SESSION)
def a_desk_was_served_that_never_signed_in(world, make):
    signed_in(world, make, None)


@plant(SESSION)
def a_desk_was_served_before_it_signed_in(world, make):
    signed_in(world, make, world.messages[0].done_us + 10)


@plant(SESSION)
def a_desk_was_served_under_a_session_that_had_lasted(world, make):
    signed_in(world, make, world.messages[0].sent_us - 100, lasts_us=100)


@plant(SESSION)
def a_new_system_served_a_desk_that_was_signed_in_at_the_old_one(world, make):
    sent_us = world.messages[0].sent_us
    signed_in(world, make, sent_us - 100, dropped_us=(sent_us - 50,))


PRESCRIPTION = "a_prescription_is_dispensed_once"
RX = {"prescription": "RX1"}


def dispensed(world, make, *, number=1, valid_us=0, of="", **changes):
    """The planted visit is a follow-up that issued a prescription at 1 us, and a later sale, a visit of its own, is by it."""
    world.settlements[0] = msgspec.structs.replace(world.settlements[0], code="2207", care_type="internet", **RX)
    world.charged = [msgspec.structs.replace(world.charged[0], care_type="internet")]
    world.prescription_valid_us = valid_us
    made = make.settlement(number, **({"posted_us": 5, "before": f"S{number - 1}"} | RX | changes))
    world.passed(made)
    world.postings.append(msgspec.structs.replace(make.posting(f"S{number}"), posted_us=made.posted_us))
    row = make.visit_row(number, settled_us=made.posted_us)
    world.visits.append(row._replace(person=of or row.person))
    world.messages.append(make.message_row(number))


@plant(PRESCRIPTION)
def a_sale_was_by_a_prescription_that_nobody_issued(world, make):
    dispensed(world, make, prescription="RX2")


@plant(PRESCRIPTION)
def a_sale_was_made_before_its_prescription_was_issued(world, make):
    dispensed(world, make)
    world.settlements[0] = msgspec.structs.replace(world.settlements[0], posted_us=6)
    world.postings[0] = msgspec.structs.replace(world.postings[0], posted_us=6)
    world.at_care[0], world.at_hub[0] = (make.copy_of(world.settlements[0]) for _ in range(2))
    world.visits[0] = world.visits[0]._replace(settled_us=6)


@plant(PRESCRIPTION)
def a_sale_was_made_a_microsecond_after_its_prescription_ended(world, make):
    dispensed(world, make, valid_us=3)


@plant(PRESCRIPTION)
def a_prescription_was_dispensed_to_somebody_else(world, make):
    dispensed(world, make, of="631100100000000000000002", person="631100100000000000000002", before="")


@plant(PRESCRIPTION)
def a_prescription_was_dispensed_twice(world, make):
    dispensed(world, make)
    dispensed(world, make, number=2)


@plant(PRESCRIPTION)
def a_prescription_was_issued_twice(world, make):
    dispensed(world, make, code="2207", care_type="internet")


def both_desks_said(world, make, prescribed, sold):
    """A prescription of these drugs, and the sale by it a microsecond before its end, as the care place heard of them."""
    dispensed(world, make, valid_us=4)
    lines = tuple(FeeLine(f"{row}", item, count_e4) for row, (item, count_e4) in enumerate(sold))
    drugs = tuple(Drug(*drug) for drug in prescribed)
    follow_up = Settle(person="P", insurance="310", visit="V0", total_fen=0, prescription="RX1", drugs=drugs)
    bought = SellDrugs(person="P", insurance="310", total_fen=0, prescription="RX1", lines=lines)
    world.priced = [make.heard_entry("2207", 0, follow_up), make.heard_entry("2102", 1, bought)]


@plant(PRESCRIPTION)
def a_drug_was_dispensed_that_nobody_prescribed(world, make):
    both_desks_said(world, make, [("A", 10_000)], [("A", 10_000), ("B", 1)])


@plant(PRESCRIPTION)
def more_of_a_drug_was_dispensed_than_prescribed_in_two_lines(world, make):
    both_desks_said(world, make, [("A", 6_000), ("A", 6_000)], [("A.2", 6_001), ("A", 6_000)])


ORDER = "an_order_is_paid_once"
PHONE = "A3300000000120240313080000"


def ordered(world, make, *, paid_us=1, after_us=100_000, valid_us=0, by=f"{PHONE}0001", **changes):
    """The planted visit is an order, placed a second before it is confirmed from the phone, and so paid."""
    place = make.message_id(50).replace("H", "P", 1)
    order = f"S{place[:12]}{place[14:]}"
    asked = {"code": "2166", "msgid": place, "step": 2, "reply_crc": 7}
    paying = world.messages[0]
    world.messages = [
        make.message_row(0, **asked)._replace(
            sent_us=paying.sent_us - after_us - 10, done_us=paying.sent_us - after_us
        ),
        paying._replace(msgid=by),
    ]
    changes = {"visit": order, "settled_by": by, "posted_us": paying.sent_us + paid_us} | changes
    world.settlements = [msgspec.structs.replace(world.settlements[0], **changes)]
    world.postings = [msgspec.structs.replace(world.postings[0], posted_us=changes["posted_us"])]
    world.at_care, world.at_hub = ([make.copy_of(world.settlements[0])] for _ in range(2))
    world.visits[0] = world.visits[0]._replace(visit_id=order, settled_us=changes["posted_us"])
    world.charged, world.lines = [], []
    world.order_valid_us = valid_us
    return order


def over(world, make, code, at_us):
    """The pharmacy was told yes that its order is over."""
    said = {"code": code, "msgid": make.message_id(51), "step": 9, "reply_crc": 9}
    world.messages.append(make.message_row(0, **said)._replace(sent_us=at_us - 1, done_us=at_us))


@plant(ORDER)
def a_platform_paid_what_nobody_had_ordered(world, make):
    ordered(world, make)
    del world.messages[0]


@plant(ORDER)
def an_order_was_paid_before_it_was_placed(world, make):
    ordered(world, make, after_us=-10_000)


@plant(ORDER)
def an_order_was_confirmed_a_microsecond_after_its_end(world, make):
    ordered(world, make, valid_us=99_999)


@plant(ORDER)
def an_order_was_paid_after_its_pharmacy_had_cancelled_it(world, make):
    ordered(world, make)
    over(world, make, "2167", world.settlements[0].posted_us - 1)


@plant(ORDER, "amounts_add_up", "all_sides_hold_the_same_money")
def an_order_was_paid_at_another_price(world, make):
    ordered(world, make)
    world.visits[0] = world.visits[0]._replace(total_fen=9_999)


@plant(ORDER, "one_standing_settlement_a_visit")
def an_order_was_paid_twice(world, make):
    order = ordered(world, make)
    first = world.settlements[0]
    again = msgspec.structs.replace(first, settlement="S1", settled_by=f"{PHONE}0002")
    assert again.visit == order
    world.passed(again)
    world.postings.append(msgspec.structs.replace(make.posting("S1"), posted_us=again.posted_us))
    world.messages.append(world.messages[1]._replace(msgid=again.settled_by, step=4))


@plant(ORDER)
def an_order_was_paid_by_its_pharmacy(world, make):
    ordered(world, make, by=make.message_id(0))


@plant("every_yes_has_a_posting")
def accepted_settlement_is_not_in_the_books(world, make):
    world.settlements, world.postings = [], []


@plant("every_yes_has_a_posting")
def claim_is_there_and_its_posting_is_not(world, make):
    world.postings = []


@plant("every_posting_has_a_witness")
def insured_side_settles_what_nobody_asked_for(world, make):
    world.settlements.append(make.settlement(7))
    world.postings.append(make.posting("S7"))


@plant("every_posting_has_a_witness")
def patient_paid_cash_and_the_settlement_still_stands(world, make):
    world.messages = [make.message_row(0, outcome="unknown", reply_crc=None)]
    world.visits = [make.visit_row(0, fate="reversed_then_paper", acked=False, latency_us=None)]


@plant("every_posting_has_a_witness")
def hospital_took_it_back_and_the_insured_side_did_not(world, make):
    world.messages.append(make.message_row(0, step=4, code="2103", msgid=make.message_id(9), done_us=9_000_000))


def split(settled, **changes):
    """The settlement with other amounts in its split."""
    amounts = msgspec.structs.replace(settled.amounts, **changes)
    return msgspec.structs.replace(settled, amounts=amounts)


@plant("postings_say_what_was_settled")
def insurer_posts_one_split_and_settles_another(world, make):
    world.postings = [make.posting("S0", 7_000 + 12_345)]


@plant("postings_say_what_was_settled")
def debt_is_posted_to_the_wrong_province(world, make):
    [right] = world.postings
    legs = (right.legs[0], right.legs[1]._replace(account="63:owed:44"))
    world.postings = [msgspec.structs.replace(right, legs=legs)]


@plant("postings_say_what_was_settled")
def settlement_is_posted_on_another_day(world, make):
    world.postings = [msgspec.structs.replace(world.postings[0], posted_us=86_400_000_001)]


@plant("all_sides_hold_the_same_money")
def insurer_tells_one_split_and_books_another(world, make):
    world.settlements = [split(world.settlements[0], pool_fen=7_000 + 12_345, cash_fen=3_000 - 12_345)]
    world.postings = [make.posting("S0", 7_000 + 12_345)]


@plant("all_sides_hold_the_same_money", "amounts_add_up")
def insurer_books_more_than_the_bill(world, make):
    world.settlements = [split(world.settlements[0], pool_fen=7_000 + 12_345)]
    world.postings = [make.posting("S0", 7_000 + 12_345)]


@plant("all_sides_hold_the_same_money")
def hub_holds_another_fund_for_the_same_sum(world, make):
    world.at_hub = [split(world.at_hub[0], pool_fen=6_000, large_sum_fen=1_000)]


@plant("all_sides_hold_the_same_money")
def care_province_holds_a_hundred_yuan_less_from_the_fund(world, make):
    world.at_care = [split(world.at_care[0], pool_fen=7_000 - 10_000, cash_fen=3_000 + 10_000)]


@plant("all_sides_hold_the_same_money", "amounts_add_up")
def hub_holds_a_bill_of_a_hundred_yuan_more(world, make):
    world.at_hub = [split(world.at_hub[0], total_fen=20_000)]


@plant("all_sides_hold_the_same_money")
def hospital_took_cash_where_the_account_paid(world, make):
    world.settlements = [split(world.settlements[0], account_fen=100, cash_fen=2_900)]
    world.at_care = world.at_hub = [make.copy_of(world.settlements[0])]
    legs = (("63:fund:pool", 7_000), ("63:fund:account", 100), ("63:owed:33", -7_100))
    world.postings = [msgspec.structs.replace(world.postings[0], legs=tuple(Leg(*leg) for leg in legs))]


@plant("all_sides_hold_the_same_money", "amounts_add_up")
def hospital_holds_a_hundred_yuan_more(world, make):
    world.visits = [make.visit_row(0, total_fen=20_000)]


@plant("all_sides_hold_the_same_money")
def hospital_heard_of_another_day(world, make):
    world.visits = [make.visit_row(0, settled_us=86_400_000_001)]


@plant("all_sides_hold_the_same_money")
def hub_heard_of_another_day(world, make):
    world.at_hub = [make.copy_of(world.settlements[0], settled_us=86_400_000_001)]


@plant("all_sides_hold_the_same_money")
def hub_takes_back_less_than_the_insurer(world, make):
    taken_back(world, make)
    world.at_hub[1] = split(world.at_hub[1], pool_fen=-6_000, cash_fen=-4_000)


@plant("amounts_add_up")
def bill_is_not_the_sum_of_its_parts(world, make):
    world.settlements = [split(world.settlements[0], own_pay_fen=1)]
    world.at_care = world.at_hub = [make.copy_of(world.settlements[0])]


@plant("every_side_keeps_what_passed")
def hub_keeps_no_copy(world, make):
    world.at_hub = []


@plant("every_side_keeps_what_passed")
def care_province_keeps_no_copy(world, make):
    world.at_care = []


@plant("every_side_keeps_what_passed")
def copy_still_stands_after_the_cancel(world, make):
    taken_back(world, make)
    world.at_hub.pop()


@plant("every_side_keeps_what_passed")
def hub_keeps_what_nobody_settled(world, make):
    world.at_hub.append(make.copy_of(make.settlement(7)))


@plant("every_side_keeps_what_passed")
def city_of_care_keeps_no_copy(world, make):
    world.at_cities = {"3304": [], "6311": [make.copy_of(make.settlement(0))]}


@plant("every_side_keeps_what_passed")
def city_of_the_insured_keeps_no_copy(world, make):
    world.at_cities = {"3304": [make.copy_of(make.settlement(0))], "6311": []}


@plant("all_sides_hold_the_same_money")
def city_keeps_a_fen_less_from_the_fund(world, make):
    world.at_cities = {"3304": [split(world.at_care[0], pool_fen=7_000 - 1, cash_fen=3_000 + 1)]}


@plant("deductibles_are_of_one_person")
def two_persons_have_one_deductible(world, make):
    """Both were given one number: the second one's settlement is worked out upon the first one's."""
    other = make.settlement(1, before="S0")
    world.passed(other)
    world.postings.append(make.posting("S1"))
    world.visits.append(make.visit_row(1, person=f"{other.person[:-1]}9"))
    world.messages.append(make.message_row(1))


ONE_RECORD = "a_number_leads_to_one_record"


def second(world, make, settled, **row):
    """A second visit beside the first, with its settlement."""
    world.passed(settled)
    world.postings.append(make.posting(settled.settlement))
    world.visits.append(make.visit_row(1, **row))
    world.messages.append(make.message_row(1))


@plant(ONE_RECORD)
def two_institutions_were_given_one_code(world, make):
    """The second one's money goes to the first."""
    second(world, make, make.settlement(1), hospital="H33040000002")


@plant(ONE_RECORD, "one_standing_settlement_a_visit")
def two_visits_were_given_one_id(world, make):
    second(world, make, msgspec.structs.replace(make.settlement(1), visit="V0"))


@plant(ONE_RECORD)
def a_cancel_led_to_the_settlement_of_another_visit(world, make):
    """Its own cancel was answered yes; what is gone is the settlement of the visit with the same id."""
    second(world, make, make.settlement(1), fate="reversed_then_paper", acked=False)
    world.visits[0] = make.visit_row(0, fate="reversed_then_paper", acked=False)
    world.messages += [
        make.message_row(visit, step=4, code="2103", msgid=make.message_id(10 + visit), done_us=9_000_000)
        for visit in (0, 1)
    ]
    for visit in (0, 1):
        world.passed(
            make.settlement(
                visit, settlement=f"N{visit}", sign=-1, reverses=f"S{1 - visit}", settled_by=make.message_id(10 + visit)
            )
        )
        world.postings.append(make.posting(f"N{visit}", -7_000))


@plant(ONE_RECORD)
def what_a_hospital_opened_is_not_found_any_more(world, make):
    opened = make.message_row(1, code="2401", msgid=make.message_id(11))
    world.messages.append(opened)
    world.visits.append(make.visit_row(1, fate="refused", refusal="S01", acked=False, settlement_id=""))


IN_FORCE = "who_pays_follows_the_policy_in_force"
HALF = Terms(
    deductible_fen=0,
    later_deductibles_fen=(0,),
    deductible_per="visit",
    segments=(Segment(10**15, 7_000),),
    cap_fen=10**9,
)


def under_policies(world, *, terms=HALF, kinds=("pharmacy", "inpatient"), since=0, changed=0, shares=None, **policy):
    """Let the settlement's region have a policy of 70 %, and from the day after ``changed`` on one of 10 %."""

    def table(terms):
        people = ("active", "retired", "resident")
        rows = tuple((kind, level, person, terms) for kind in kinds for level in (1, 2, 3) for person in people)
        return PolicyTable(name="plain", rows=rows, **policy)

    poor = msgspec.structs.replace(terms, segments=(Segment(10**15, 1_000),))
    versions = (VersionTable(policy=table(terms), from_day=since),)
    if changed:
        versions = (
            VersionTable(policy=table(terms), until_day=changed),
            VersionTable(policy=table(poor), from_day=changed + 1),
        )
    world.policies = PolicyBook((RegionTable(region="6311", versions=versions, **(shares or {})),))


def settled_as(world, make, day=20240313, **amounts):
    """Let the settlement be dated on a day, and be paid otherwise than as it was."""
    settled = world.settlements[0]
    paid = msgspec.structs.replace(settled.amounts, **amounts)
    world.settlements = [msgspec.structs.replace(settled, business_day=day, amounts=paid)]
    world.at_care = world.at_hub = [make.copy_of(world.settlements[0])]
    legs = legs_for(paid, "63", "33")
    world.postings = [msgspec.structs.replace(world.postings[0], legs=tuple(Leg(*leg) for leg in legs))]
    borne = {"cash_fen": paid.cash_fen, "hospital_part_fen": paid.hospital_part_fen}
    world.visits = [make.visit_row(0, fund_fen=paid.fund_fen, **borne)]


@plant(IN_FORCE)
def settled_by_the_version_of_the_day_before(world, make):
    under_policies(world, changed=20240312)
    settled_as(world, make)


@plant(IN_FORCE)
def settled_on_a_day_of_no_version(world, make):
    under_policies(world, since=20240314)
    settled_as(world, make)


@plant(IN_FORCE)
def pool_pays_more_than_any_ratio(world, make):
    under_policies(world)
    settled_as(world, make, pool_fen=7_100, cash_fen=2_900)


@plant(IN_FORCE)
def a_fund_that_no_policy_has_pays(world, make):
    under_policies(world)
    settled_as(world, make, other_fund_fen=100, cash_fen=2_900)


@plant(IN_FORCE)
def the_hospital_bears_a_part(world, make):
    under_policies(world)
    settled_as(world, make, hospital_part_fen=100, cash_fen=2_900)


@plant(IN_FORCE)
def pool_pays_above_the_cap(world, make):
    under_policies(world, terms=msgspec.structs.replace(HALF, cap_fen=6_999))
    settled_as(world, make)


@plant(IN_FORCE)
def one_who_is_at_home_pays_a_visitors_share_first(world, make):
    under_policies(world)
    settled_as(world, make, first_self_pay_fen=1)


@plant(IN_FORCE)
def large_sum_pays_where_there_is_none(world, make):
    under_policies(world)
    settled_as(world, make, large_sum_fen=100, cash_fen=2_900)


@plant(IN_FORCE)
def serious_illness_pays_where_there_is_none(world, make):
    under_policies(world)
    settled_as(world, make, serious_illness_fen=100, cash_fen=2_900)


@plant(IN_FORCE)
def civil_servants_supplement_pays_one_who_is_none(world, make):
    under_policies(world, terms=msgspec.structs.replace(HALF, civil_servant=Supplement(((0, 5_000),))))
    settled_as(world, make, civil_servant_fen=100, cash_fen=2_900)


@plant(IN_FORCE)
def medical_aid_pays_one_it_is_not_for(world, make):
    under_policies(world, shares={"aided_share": 1.0})
    settled_as(world, make, aid_fen=100, cash_fen=2_900)


@plant(IN_FORCE)
def what_the_policy_has_no_terms_for_is_settled(world, make):
    under_policies(world, kinds=("inpatient",))
    settled_as(world, make)


VISITOR = "631100110000000000000001"


def visits_from_elsewhere(world, **changes):
    """Let the patient be a temporary visitor."""
    world.settlements = [msgspec.structs.replace(world.settlements[0], **({"person": VISITOR} | changes))]


@plant(IN_FORCE)
def visitor_pays_first_what_was_due_before_it_came_down(world, make):
    under_policies(world, first_self_pay_e4=1_000)
    visits_from_elsewhere(world)
    settled_as(world, make, first_self_pay_fen=3_000, pool_fen=4_900, cash_fen=5_100)
    world.visits = [world.visits[0]._replace(person=VISITOR)]


@plant(IN_FORCE)
def visitor_loses_no_points(world, make):
    under_policies(world, points_e4=1_000)
    visits_from_elsewhere(world)
    settled_as(world, make)
    world.visits = [world.visits[0]._replace(person=VISITOR)]


@pytest.mark.parametrize(
    ("terms", "amounts"),
    [
        ({}, {}),
        ({"large_sum_e4": 1}, {"large_sum_fen": 100, "cash_fen": 2_900}),
        ({"civil_servant": Supplement(((0, 1),))}, {"civil_servant_fen": 100, "cash_fen": 2_900}),
        ({"aid": Supplement(((0, 1),))}, {"aid_fen": 100, "cash_fen": 2_900}),
        ({"serious_illness": Supplement(((0, 1),))}, {"serious_illness_fen": 100, "cash_fen": 2_900}),
    ],
)
def test_what_a_policy_in_force_allows_breaks_no_law(world, make, terms, amounts):
    everyone = {"civil_servant_share": 1.0, "aided_share": 1.0}
    under_policies(world, terms=msgspec.structs.replace(HALF, **terms), changed=20240313, shares=everyone)
    settled_as(world, make, **amounts)

    assert check(world.books(), world.record(), agreement=world.agreement).clean


def test_another_region_and_a_changed_number_are_not_judged_by_a_policy(world, make):
    under_policies(world, first_self_pay_e4=1_000)
    visits_from_elsewhere(world, person="631100120000000000000001")
    assert check(world.books(), world.record(), agreement=world.agreement).laws[IN_FORCE] == 0
    visits_from_elsewhere(world, insured_region="630100")
    assert check(world.books(), world.record(), agreement=world.agreement).laws[IN_FORCE] == 0


FILED = "who_needs_a_filing_has_one"


def let_through(world, make, **filing):
    """Let the settlement stand by a filing, which is otherwise as said."""
    world.filed_for = frozenset({"2102"})
    world.filings = [make.filing(**filing)]
    world.settlements = [msgspec.structs.replace(world.settlements[0], filing="B0", posted_us=5_000_000)]
    world.postings = [msgspec.structs.replace(world.postings[0], posted_us=5_000_000)]
    world.at_care = world.at_hub = [make.copy_of(world.settlements[0])]
    world.visits = [make.visit_row(0, settled_us=5_000_000)]


@plant(FILED)
def insurer_asks_for_no_filing(world, make):
    world.filed_for = frozenset({"2102"})


@plant(FILED)
def insurer_lets_through_what_is_in_no_book(world, make):
    let_through(world, make)
    world.filings = []


@plant(FILED)
def filing_was_for_another_place(world, make):
    let_through(world, make, place="31")


@plant(FILED)
def filing_was_over_when_the_visit_began(world, make):
    let_through(world, make, ends_us=1_000_000)


@plant(FILED)
def filing_was_withdrawn_before(world, make):
    let_through(world, make, ended_us=4_000_000)


@plant(FILED)
def filing_was_made_after_the_settlement(world, make):
    let_through(world, make, accepted_us=6_000_000)


@plant(FILED)
def filing_was_not_uploaded_yet(world, make):
    let_through(world, make, uploaded_us=6_000_000)


@plant(FILED)
def filing_names_another_hospital(world, make):
    let_through(world, make, named=("H33040000009",))


@plant(FILED)
def emergency_of_another_visit_let_this_one_through(world, make):
    let_through(world, make, kind="emergency", visit="SH330400000012024060308000000009")


@plant(FILED)
def referral_for_one_settlement_let_two_through(world, make):
    let_through(world, make, allowed=1)
    world.passed(make.settlement(1, filing="B0", posted_us=5_000_000))
    world.postings.append(msgspec.structs.replace(make.posting("S1"), posted_us=5_000_000))
    world.visits.append(make.visit_row(1, settled_us=5_000_000))
    world.messages.append(make.message_row(1))


def test_parts_of_a_stay_are_one_use_of_a_referral_whatever_its_hospital_calls_them_by_now(world, make):
    """Found by an adversary: a reopening changed what visits are called, and each part was taken for a stay."""
    let_through(world, make, allowed=1)
    world.passed(make.settlement(1, filing="B0", posted_us=5_000_000))
    world.messages.append(make.message_row(1)._replace(visit=0))
    world.visits = [make.visit_row(0, settled_us=5_000_000, visit_id="another name")]
    assert check(world.books(), world.record(), agreement=world.agreement).laws[FILED] == 0

    world.visits.append(make.visit_row(1, settled_us=5_000_000, visit_id="yet another"))
    world.messages[-1] = make.message_row(1)
    assert check(world.books(), world.record(), agreement=world.agreement).laws[FILED] == 1


OPENED = "only_what_is_opened_serves"


def opened(world, *openings, institution="H33040000001", between="provinces"):
    world.network = NetworkScope(between, {institution: openings})


@plant(OPENED)
def care_province_serves_where_nothing_is_opened(world, make):
    opened(world, institution="H33040000009")


@plant(OPENED)
def care_province_takes_one_kind_of_visit_for_another(world, make):
    opened(world, Opening(("inpatient",)))


@plant(OPENED)
def care_province_serves_before_the_opening(world, make):
    opened(world, Opening(("pharmacy",), 10**12))


@plant(OPENED)
def care_province_serves_after_the_close(world, make):
    opened(world, Opening(("pharmacy",), 0, 1))


ROWS = "nothing_goes_by_a_row_that_did_not_hold"


@plant(ROWS)
def insurer_settled_for_a_person_before_the_download_was_over(world, make):
    world.master = make.issued("persons", downloads=(make.Download(0, 9),))  # the settlement was posted at 1


@plant(ROWS)
def insurer_settled_by_a_level_that_it_never_had(world, make):
    world.master = make.issued("institutions", downloads=())


@plant(ROWS)
def insurer_settled_at_a_hospital_that_was_not_rated_yet(world, make):
    world.master = make.issued("institutions", valid_from=9, first=True)


@plant(ROWS)
def lines_were_priced_by_a_code_that_had_not_come(world, make):
    world.master = make.issued("catalogue", downloads=(make.Download(0, 9),))
    world.priced = [make.priced_entry(8, "X", "X.1")]


@plant(ROWS)
def lines_were_priced_by_a_code_that_no_release_gave(world, make):
    world.master = make.issued("catalogue")
    world.priced = [make.priced_entry(8, "X.2")]


@plant(ROWS)
def lines_were_priced_by_a_code_that_did_not_hold_yet(world, make):
    world.master = make.issued("catalogue", valid_from=9)
    world.priced = [make.priced_entry(8, "X.1")]


@plant(ROWS)
def lines_were_priced_by_a_code_that_had_ended(world, make):
    world.master = make.issued("catalogue", overlap_us=5)
    world.priced = [make.priced_entry(5, "X")]


LINES = "lines_add_up_to_what_is_settled"


def charge(world, make, *lines):
    world.lines = [make.visit_with_lines(*(make.PricedLine(serial, fen) for serial, fen in lines))[1]]


@plant(LINES)
def line_is_charged_twice_and_settled_once(world, make):
    charge(world, make, ("1", 6_000), ("2", 4_000), ("2", 4_000))


@plant(LINES)
def line_of_nothing_has_the_number_of_another(world, make):
    charge(world, make, ("1", 10_000), ("1", 0))


@plant(LINES)
def line_was_cancelled_and_its_money_settled(world, make):
    charge(world, make, ("1", 6_000))


@plant(LINES)
def sum_of_the_visit_moved_without_its_lines(world, make):
    world.charged = [msgspec.structs.replace(world.charged[0], fees=make.FeeTotals(10_001))]


@plant(LINES)
def less_was_settled_than_charged(world, make):
    charge(world, make, ("1", 6_000), ("2", 4_001))
    world.charged = [msgspec.structs.replace(world.charged[0], fees=make.FeeTotals(10_001))]


TYPED = "a_visit_is_paid_as_what_it_is"


def paid_as(world, make, told_as, told_of, **paid):
    """Let the settlement be of a visit that the care place was told this of, paid as said."""
    charge(world, make, ("1", 6_000), ("2", 4_000))
    world.charged = [msgspec.structs.replace(world.charged[0], care_type=told_as, diagnosis=told_of)]
    world.settlements = [msgspec.structs.replace(world.settlements[0], **paid)]


@plant(TYPED)
def emergency_was_paid_as_an_ordinary_visit(world, make):
    paid_as(world, make, "emergency", "R69")


@plant(TYPED)
def ordinary_visit_was_paid_as_a_chronic_one(world, make):
    paid_as(world, make, "ordinary", "R69", care_type="chronic", disease="M03900")


@plant(TYPED)
def chronic_visit_was_paid_for_another_disease(world, make):
    paid_as(world, make, "chronic", "M03900", care_type="chronic", disease="M07800")


@plant(TYPED)
def chronic_visit_was_paid_for_no_disease(world, make):
    paid_as(world, make, "chronic", "", care_type="chronic")


@plant(TYPED)
def sale_was_paid_for_a_disease(world, make):
    world.settlements = [msgspec.structs.replace(world.settlements[0], disease="M03900")]


@pytest.mark.parametrize("name", PLANTED)
def test_planted_bug_is_caught_by_its_laws_alone(name, world, make):
    bug, expected = PLANTED[name]
    bug(world, make)

    findings = check(world.books(), world.record(), agreement=world.agreement)

    assert {law for law, count in findings.laws.items() if count} == expected
    assert not findings.clean


def forget_nothing(books):
    pass


def forget_postings(books):
    return dataclasses.replace(books, records={**books.records, Posting: books.postings[1::2]})


def settle_twice(books):
    return dataclasses.replace(books, records={**books.records, SettlementRecord: list(books.settlements) * 2})


@pytest.mark.parametrize("wrong", [forget_nothing, forget_postings, settle_twice])
@pytest.mark.parametrize("name", ["jiaxing-qinghai", "kill-every-role"])
def test_a_nation_checked_place_by_place_has_the_findings_of_the_whole(name, wrong, monkeypatch, tmp_path):
    outcome, _ = simulate_here(load_scenario(name, variant="quick"), None)
    books = {node: wrong(kept) or kept for node, kept in outcome.books.items()}
    outcome = dataclasses.replace(outcome, books=books)
    whole = check_tables(outcome.books, outcome.tables)
    assert whole.clean == (wrong is forget_nothing and name == "kill-every-role")
    monkeypatch.setattr(found, "PORTIONED_ROWS", 0)
    monkeypatch.setattr(evidence, "CHUNK_ROWS", 7)

    portioned = check_tables(outcome.books, outcome.tables)

    laid = evidence.lay_out(outcome.books, Scratch(tmp_path))
    assert len(list(evidence.portions(laid, outcome.tables))) > 1
    assert as_compared(portioned) == as_compared(whole)
    assert as_compared(check_tables(laid, outcome.tables)) == as_compared(whole)
    alone = [found for found in whole.one_sided if found.side == "hospital only"]
    assert some_hold_alone(laid, outcome.tables) == bool(alone)


def as_compared(findings):
    """Return everything found; only the order of what one law found may differ."""
    of_law = {law.__name__: sorted(map(repr, findings.violations_of(law.__name__))) for law in LAWS}
    sides = sorted(map(repr, findings.one_sided))
    return findings.laws, of_law, findings.lost, findings.doubled_visits, sides, findings.open_intents


def test_every_law_has_a_planted_bug():
    assert {law.__name__ for law in LAWS} == {law for _, broken in PLANTED.values() for law in broken}


# --- what must not alarm -------------------------------------------------------------------------------------------------


def nothing_special(world, make):
    pass


def cities_keep_what_passed_them(world, make):
    world.at_cities = {city: [make.copy_of(make.settlement(0))] for city in ("3304", "6311")}


def a_city_on_nobodys_way_keeps_nothing(world, make):
    world.at_cities = {"3301": [], "6301": []}


def the_insureds_city_is_not_on_the_way_within_a_province(world, make):
    make_local = {"insured_region": "330100", "local": True}
    world.at_cities = {"3304": [make.copy_of(make.settlement(0))], "3301": []}
    world.visits = [make.visit_row(0, **make_local)]
    world.at_hub = []


def settled_by_a_filing_that_names_the_hospital_by_its_code_of_after_a_move(world, make):
    persons, moved = (
        Renumbering(scope="33", salt=7, from_us=0, old_until_us=9, map_from_us=0, of=of)
        for of in (Numbered.PERSON, Numbered.INSTITUTION)
    )
    let_through(world, make, named=(moved.new("H33040000001"),))
    world.renumberings = (persons, moved)


def settled_by_a_filing_that_names_the_hospital_and_ended_during_the_visit(world, make):
    let_through(world, make, named=("H33040000001",), allowed=1, ends_us=1_000_001)


def sold_while_the_pharmacy_was_opened_for_a_while(world, make):
    opened(world, Opening(("pharmacy",), 0, 2), Opening(("pharmacy",), world.messages[0].done_us))


def settled_and_priced_by_rows_that_were_there(world, make):
    world.master = make.issued("catalogue", downloads=(make.Download(0, 7),), overlap_us=2)
    world.priced = [make.priced_entry(7, "X.1"), make.priced_entry(6, "X")]


def settled_before_the_level_was_stated_anew(world, make):
    world.master = make.issued("institutions", valid_from=2, downloads=())


def taken_back(world, make):
    """Cancelled by the hospital, and cancelled in the books."""
    world.passed(make.settlement(0, settlement="N0", sign=-1, reverses="S0", settled_by=make.message_id(9)))
    world.postings.append(make.posting("N0", -7_000))
    world.messages.append(make.message_row(0, step=4, code="2103", msgid=make.message_id(9), done_us=9_000_000))


def in_province(world, make):
    """No hub, and one node for care and insurer."""
    world.settlements = [msgspec.structs.replace(world.settlements[0], care_region="630100")]
    world.postings = [make.posting("S0", to="63")]
    world.at_hub = []
    world.care_node = "63"
    world.visits = [make.visit_row(0, care_region="630100", local=True)]


def reversed_without_amounts_or_time_in_the_reply(world, make):
    taken_back(world, make)
    world.settlements[1] = msgspec.structs.replace(world.settlements[1], posted_us=9)
    world.postings[1] = msgspec.structs.replace(world.postings[1], posted_us=9)


def chronic_visit_was_paid_for_its_disease(world, make):
    paid_as(world, make, "chronic", "M03900", care_type="chronic", disease="M03900")


def dispensed_in_the_last_microsecond_of_a_prescription(world, make):
    dispensed(world, make, valid_us=4)


def dispensed_less_than_was_prescribed_by_a_newer_code(world, make):
    both_desks_said(world, make, [("A", 6_000), ("A", 6_000), ("B", 5)], [("A.2", 12_000)])


def dispensed_by_a_prescription_of_books_that_do_not_say_its_drugs(world, make):
    both_desks_said(world, make, [], [("A.2", 12_000)])


def dispensed_by_where_nobody_knows_how_long_prescriptions_are_valid(world, make):
    dispensed(world, make)


def an_order_confirmed_in_its_last_microsecond(world, make):
    ordered(world, make, valid_us=100_000)


def an_order_paid_from_the_phone_past_the_relay_of_its_pharmacys_city(world, make):
    ordered(world, make)
    world.at_cities = {"3304": [], "6311": [make.copy_of(world.settlements[0])]}


def an_order_where_nobody_knows_how_long_orders_wait(world, make):
    ordered(world, make)


def an_order_paid_by_an_insurer_whose_clock_is_behind_its_pharmacys(world, make):
    ordered(world, make, after_us=100, paid_us=-200)


def an_order_paid_and_given_back(world, make):
    ordered(world, make)
    paid = world.settlements[0]
    back = msgspec.structs.replace(
        paid,
        settlement="N0",
        settled_by=make.message_id(51),
        posted_us=paid.posted_us + 1,
        sign=-1,
        reverses="S0",
        amounts=take_back(paid.amounts),
    )
    world.passed(back)
    negative = msgspec.structs.replace(make.posting("N0", -7_000), posted_us=back.posted_us)
    world.postings.append(negative)
    over(world, make, "2163", world.messages[1].done_us + 1)
    world.visits[0] = world.visits[0]._replace(acked=False, fate="order_refunded", fund_fen=0, cash_fen=0)


def served_in_the_last_microsecond_of_a_session(world, make):
    signed_in(world, make, world.messages[0].sent_us - 100, lasts_us=101)


def a_new_system_that_came_while_the_answer_was_on_its_way(world, make):
    sent_us = world.messages[0].sent_us
    signed_in(world, make, sent_us - 100, dropped_us=(sent_us + 1,))


def a_province_that_asks_for_no_session(world, make):
    signed_in(world, make, None)
    world.sessions = {"34": world.sessions["33"]}


def sale_was_settled_and_reversed(world, make):
    """A sale has its lines in its message; its visit keeps the total when nothing stands that settled it."""
    taken_back(world, make)
    sold = {"opened_as": "2102", "opened_by": make.message_id(0), "settlement": "", "settled_by": ""}
    world.charged = [msgspec.structs.replace(world.charged[0], state=VisitState.CANCELLED, **sold)]
    world.lines = []


def settled_by_the_last_fen_of_a_prefund_that_was_topped_up(world, make):
    prefund_of(world, 6_000, (world.settlements[0].posted_us, 1_000))


def taken_back_and_settled_anew_by_the_same_prefund(world, make):
    taken_back(world, make)
    prefund_of(world, 7_000)


def reversal_is_on_its_way_when_the_run_ends(world, make):
    """The insurer took it back; the yes to it has not come back to anybody."""
    world.settlements.append(make.settlement(0, settlement="N0", sign=-1, reverses="S0", settled_by=make.message_id(9)))
    world.postings.append(make.posting("N0", -7_000))
    world.messages = [make.message_row(0, outcome="unknown", reply_crc=None)]
    world.visits = [make.visit_row(0, fate="open_at_end", acked=False, latency_us=None, ended_us=None)]


def reply_lost_then_replayed(world, make):
    world.messages = [
        make.message_row(0, outcome="unknown", reply_crc=None),
        make.message_row(0, attempt=2, done_us=4_000_000),
    ]


def reversal_came_before_its_original(world, make):
    world.stored = [make.reversal_entry(8, original=make.message_id(5)), make.tombstone(make.message_id(5))]


def outcome_still_unknown_when_the_run_ended(world, make):
    world.messages = [make.message_row(0, outcome="unknown", reply_crc=None)]
    world.visits = [make.visit_row(0, fate="open_at_end", acked=False, latency_us=None, ended_us=None)]


def hospital_crashed_over_the_message(world, make):
    world.messages = []
    world.visits = [make.visit_row(0, fate="open_at_end", acked=False, latency_us=None, ended_us=None)]


@pytest.mark.parametrize(
    "story",
    [
        nothing_special,
        settled_by_a_filing_that_names_the_hospital_by_its_code_of_after_a_move,
        settled_by_a_filing_that_names_the_hospital_and_ended_during_the_visit,
        sold_while_the_pharmacy_was_opened_for_a_while,
        settled_and_priced_by_rows_that_were_there,
        settled_before_the_level_was_stated_anew,
        taken_back,
        settled_by_the_last_fen_of_a_prefund_that_was_topped_up,
        taken_back_and_settled_anew_by_the_same_prefund,
        in_province,
        reversed_without_amounts_or_time_in_the_reply,
        chronic_visit_was_paid_for_its_disease,
        sale_was_settled_and_reversed,
        served_in_the_last_microsecond_of_a_session,
        an_order_confirmed_in_its_last_microsecond,
        an_order_paid_from_the_phone_past_the_relay_of_its_pharmacys_city,
        an_order_where_nobody_knows_how_long_orders_wait,
        an_order_paid_by_an_insurer_whose_clock_is_behind_its_pharmacys,
        an_order_paid_and_given_back,
        dispensed_in_the_last_microsecond_of_a_prescription,
        dispensed_by_where_nobody_knows_how_long_prescriptions_are_valid,
        dispensed_less_than_was_prescribed_by_a_newer_code,
        dispensed_by_a_prescription_of_books_that_do_not_say_its_drugs,
        a_new_system_that_came_while_the_answer_was_on_its_way,
        a_province_that_asks_for_no_session,
        reversal_is_on_its_way_when_the_run_ends,
        reply_lost_then_replayed,
        reversal_came_before_its_original,
        outcome_still_unknown_when_the_run_ended,
        hospital_crashed_over_the_message,
    ],
)
def test_sound_story_breaks_no_law(story, world, make):
    story(world, make)

    findings = check(world.books(), world.record(), agreement=world.agreement)

    assert findings.violations == ()
    assert (findings.lost, findings.doubled, findings.one_sided) == (0, 0, ())


# --- lost, doubled, one-sided --------------------------------------------------------------------------------------------


def test_lost_commit_is_listed_with_both_sides_facts(world, make):
    accepted_settlement_is_not_in_the_books(world, make)

    findings = check(world.books(), world.record())

    [found] = findings.one_sided
    assert findings.lost == 1
    assert (found.side, found.visit, found.fund_fen) == ("hospital only", 0, 7_000)
    assert (found.care_region, found.insured_region) == ("330400", "631100")


def test_resend_that_settles_again_is_doubled_once(world, make):
    resend_settles_again(world, make)

    assert check(world.books(), world.record()).doubled == 1


def test_open_intent_is_counted(world, make):
    sent = make.reversal_entry(8, original=make.message_id(0))
    world.stored = [type(sent)(sent.key, sent.code, 5, sent.request)]

    assert check(world.books(), world.record()).open_intents == 1


def test_findings_are_plain_data(world, make):
    accepted_settlement_is_not_in_the_books(world, make)
    findings = check(world.books(), world.record())

    table = findings.as_json()

    assert table["lost"] == 1
    assert table["one_sided"] == [dataclasses.asdict(d) for d in findings.one_sided]
