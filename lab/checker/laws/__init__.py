"""The laws (docs/guarantees.md), a module a kind: what must be so, never why it is not.

Each has a planted bug in ``tests/lab/test_checker.py`` that it must catch.
"""

from __future__ import annotations

from lab.checker.laws.benefits import who_pays_follows_the_policy_in_force
from lab.checker.laws.care_types import a_visit_is_paid_as_what_it_is
from lab.checker.laws.effects import (
    effects_are_remembered,
    every_posting_has_a_witness,
    every_reversal_has_a_target,
    every_yes_has_a_posting,
    one_posting_a_key,
    one_reversal_a_settlement,
    one_standing_settlement_a_visit,
    replies_never_change,
)
from lab.checker.laws.filing import who_needs_a_filing_has_one
from lab.checker.laws.master_data import nothing_goes_by_a_row_that_did_not_hold
from lab.checker.laws.money import (
    all_sides_hold_the_same_money,
    amounts_add_up,
    closed_days_never_grow,
    every_side_keeps_what_passed,
    lines_add_up_to_what_is_settled,
    money_is_conserved,
    postings_say_what_was_settled,
)
from lab.checker.laws.network import only_what_is_opened_serves
from lab.checker.laws.orders import an_order_is_paid_once
from lab.checker.laws.prefund import prefunds_are_never_passed
from lab.checker.laws.prescriptions import a_prescription_is_dispensed_once
from lab.checker.laws.sessions import nothing_is_answered_without_a_session
from lab.checker.laws.stops import (
    a_number_leads_to_one_record,
    business_in_flight_has_one_fate,
    deadlines_stand_still,
    deductibles_are_of_one_person,
)
from lab.checker.laws.violation import Law, Violation
from lab.checker.laws.witnesses import held_by_hospitals

__all__ = ["LAWS", "Law", "Violation", "every_yes_has_a_posting", "held_by_hospitals"]

LAWS: tuple[Law, ...] = (
    money_is_conserved,
    postings_say_what_was_settled,
    one_posting_a_key,
    one_standing_settlement_a_visit,
    one_reversal_a_settlement,
    every_reversal_has_a_target,
    replies_never_change,
    every_yes_has_a_posting,
    every_posting_has_a_witness,
    amounts_add_up,
    all_sides_hold_the_same_money,
    every_side_keeps_what_passed,
    lines_add_up_to_what_is_settled,
    effects_are_remembered,
    business_in_flight_has_one_fate,
    deadlines_stand_still,
    deductibles_are_of_one_person,
    a_number_leads_to_one_record,
    who_needs_a_filing_has_one,
    closed_days_never_grow,
    nothing_goes_by_a_row_that_did_not_hold,
    who_pays_follows_the_policy_in_force,
    only_what_is_opened_serves,
    prefunds_are_never_passed,
    a_visit_is_paid_as_what_it_is,
    nothing_is_answered_without_a_session,
    a_prescription_is_dispensed_once,
    an_order_is_paid_once,
)
