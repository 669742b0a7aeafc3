"""By which test, and by which planted bug, each guarantee and each law is shown."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["ROOT", "SHOWN", "Shown", "promises"]

ROOT = Path(__file__).parents[2]
_PROMISE = re.compile(r"^(?:\| (G\d+) \| |- \*\*(law \d+)[^*]*\*\* )(.*?)(?:[.;:] | \||[.;:]$|$)", re.MULTILINE)
_WORDS_MAX = 100
"""Characters of a promise's first words."""


@cache
def promises() -> dict[str, str]:
    """Return the promises of docs/guarantees.md by their numbers, each by its first words."""
    found: dict[str, str] = {}
    for match in _PROMISE.finditer((ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")):
        words = match[3] if len(match[3]) <= _WORDS_MAX else f"{match[3][:_WORDS_MAX].rpartition(' ')[0]} …"
        found.setdefault(match[1] or match[2], words)
    return found


class Shown(NamedTuple):
    """A promise of docs/guarantees.md by its number, a test that holds it, and a bug that the test notices."""

    promise: str
    test: str
    """A pytest id, from ``tests`` on."""
    bug: str


SHOWN: tuple[Shown, ...] = (
    Shown("G1", "reference_impl/protocol/test_one_key_one_effect.py::test_each_of_the_six_messages_lost_in_turn_heals_by_sending_again", "what has its verdict is decided again"),
    Shown("G1", "reference_impl/protocol/test_one_key_one_effect.py::test_the_same_key_with_other_content_is_refused_naming_the_field", "other content under a known key gets the verdict of the first"),
    Shown("G2", "reference_impl/protocol/test_one_key_one_effect.py::test_a_closed_door_is_no_verdict_and_the_same_key_settles_after_reopening", "a closed door is written down as a verdict"),
    Shown("G3", "reference_impl/protocol/test_one_key_one_effect.py::test_each_of_the_six_messages_lost_in_turn_heals_by_sending_again", "no reply is taken for no effect"),
    Shown("G3", "sim/test_false_yes.py::test_a_false_yes_is_asked_again_and_one_settlement_stands", "an answer is believed whatever it lacks"),
    Shown("G4", "reference_impl/protocol/test_crossing.py::test_a_late_yes_after_the_reversal_leaves_the_care_side_unsettled", "a late yes stands"),
    Shown("G4", "reference_impl/protocol/test_one_key_one_effect.py::test_every_order_of_settle_and_two_reversals_ends_with_nothing_standing", "the books forget what was reversed"),
    Shown("G5", "reference_impl/domain/test_ledger.py::test_every_posting_balances_and_is_the_fund_and_the_account", "what is owed is rounded down to a yuan on one side"),
    Shown("G6", "reference_impl/protocol/test_prefunds.py::test_the_last_fen_may_be_used_and_no_fen_more", "a prefund has no limit"),
    Shown("G6", "reference_impl/protocol/test_prefunds.py::test_what_is_cancelled_is_free_again", "what a prefund lets go is lost"),
    Shown("G7", "reference_impl/books/test_crash.py::test_whoever_is_told_of_a_commit_finds_it_in_the_file", "SQLite: answered, and not flushed"),
    Shown("G7", "reference_impl/protocol/test_crash_at_every_step.py::test_a_node_killed_at_any_step_heals_and_the_visit_settles_once", "an answer leaves without its commit"),
    Shown("G8", "reference_impl/server/test_kept.py::test_a_clock_that_is_set_behind_stands_until_it_is_reached_and_goes_on_with_a_leap", "a clock that is set right goes back"),
    Shown("G8", "reference_impl/server/test_kept.py::test_what_is_kept_is_always_later_than_what_was_issued_and_is_seldom_written", "how far time has come is not written down"),
    Shown("G9", "reference_impl/protocol/test_business_day.py::test_who_comes_late_by_a_stopped_clock_is_dated_on_the_first_open_day", "a decision is dated by the clock, though its day has closed"),
    Shown("G10", "reference_impl/protocol/test_business_day.py::test_a_day_stays_open_while_a_decision_waits_for_its_commit", "a day closes over what waits for its commit"),
    Shown("G11", "reference_impl/accounting/test_reconciliation.py::test_what_was_planted_is_found_and_nothing_else", "days are not compared"),
    Shown("G11", "reference_impl/accounting/test_reconciliation.py::test_rows_in_any_order_give_the_same_bytes", "differences are listed as the rows happen to lie"),
    Shown("G12", "reference_impl/accounting/test_clearing.py::test_killed_halfway_it_closes_nothing_and_the_next_try_gives_the_same_bytes", "a month is written in its place bit by bit"),
    Shown("G13", "reference_impl/protocol/test_one_key_one_effect.py::test_a_restart_drives_an_open_intent_to_its_end", "a restart drives nothing"),
    Shown("G14", "reference_impl/protocol/test_sweeper.py::test_a_parked_message_that_is_asked_for_in_vain_stays_parked_and_out_of_the_line", "what cannot be driven is put away and listed nowhere"),
    Shown("G15", "reference_impl/protocol/test_sweeper.py::test_two_sweeps_at_once_and_a_resend_between_them_have_one_effect", "two works at one message"),
    Shown("G16", "reference_impl/protocol/test_sweeper.py::test_a_silent_province_holds_up_nobody_elses", "one line for all, and not one a destination"),
    Shown("G16", "reference_impl/protocol/test_restraint.py::test_a_full_way_holds_up_nobody_elses_and_has_room_once_one_has_ended", "one bound for all destinations together"),
    Shown("G17", "reference_impl/domain/test_admission.py::test_at_a_multiple_of_its_capacity_a_node_does_what_it_can", "nobody is turned away early"),
    Shown("G18", "sim/test_inflight.py::test_a_deadline_stands_still_while_the_door_is_closed_and_the_settlement_is_found_when_it_opens", "a deadline runs on behind a closed door"),
    Shown("G18", "sim/test_inflight.py::test_a_paper_claim_is_in_flight_long_after_its_patient_has_gone", "claims by paper are no business in flight"),
    Shown("G19", "reference_impl/books/test_trail.py::test_books_are_what_their_trail_tells", "SQLite: a commit leaves no entry in the trail"),
    Shown("G20", "reference_impl/server/test_operations.py::test_books_that_cannot_be_written_are_found_without_a_message_and_forgiven_once_they_can", "readiness tries no commit"),
    Shown("G21", "reference_impl/books/test_moving.py::test_what_is_remembered_of_a_key_and_the_marks_of_reversals_move_along", "the marks of reversals are left behind in a move"),
    Shown("G21", "reference_impl/protocol/test_numbers.py::test_both_numbers_lead_to_one_deductible", "the books do not know that a new number is an old person's"),
    Shown("G22", "sim/test_run.py::test_same_seed_same_digest_and_another_seed_another", "people are drawn by how many were drawn before"),
    Shown("G23", "lab/test_checker.py::test_planted_bug_is_caught_by_its_laws_alone", "a law looks at nothing"),
    Shown("law 1", "sim/test_care_types.py::test_a_lost_reply_to_a_chronic_settlement_is_asked_for_again_and_paid_once", "a posting is a fen too much"),
    Shown("law 2", "sim/test_care_types.py::test_a_lost_reply_to_a_chronic_settlement_is_asked_for_again_and_paid_once", "nothing is owed to the place of care"),
    Shown("law 2", "reference_impl/supervision/test_recoveries.py::test_the_books_close_to_the_fen", "a payment is booked on one side alone"),
    Shown("law 3", "reference_impl/domain/test_prefund.py::test_reserved_and_posted_never_pass_the_limit_and_a_reservation_ends_once", "what has ended is still reserved"),
    Shown("law 4", "sim/test_care_types.py::test_a_lost_reply_to_a_chronic_settlement_is_asked_for_again_and_paid_once", "a settlement is posted twice"),
    Shown("law 5", "reference_impl/protocol/test_one_key_one_effect.py::test_the_same_key_gets_the_same_reply_and_goes_nowhere_again", "the verdict is made out anew for who asks again"),
    Shown("law 6", "reference_impl/accounting/test_clearing.py::test_a_declaration_goes_to_paid_by_every_state_and_by_no_shortcut", "a declaration is paid before its audit"),
    Shown("law 7", "sim/test_closing.py::test_a_day_closes_after_the_last_decision_of_it_that_waits_for_a_slow_disk", "a day closes over what waits for its commit"),
    Shown("law 8", "sim/test_care_types.py::test_a_lost_reply_to_a_chronic_settlement_is_asked_for_again_and_paid_once", "a settlement without its posting"),
    Shown("law 9", "reference_impl/accounting/test_reconciliation.py::test_days_add_up_alike_on_all_sides_but_for_what_is_listed", "days are not compared"),
    Shown("law 10", "reference_impl/domain/test_clearing.py::test_nets_over_provinces_sum_to_zero_and_each_is_what_it_receives_less_what_it_pays", "a net keeps a fen"),
    Shown("law 13", "sim/test_care_types.py::test_a_lost_reply_to_a_chronic_settlement_is_asked_for_again_and_paid_once", "the hub keeps no copy"),
    Shown("law 14", "sim/test_policies.py::test_a_settlement_before_the_stop_that_nobody_answers_is_taken_back_and_all_of_it_is_paid", "lines stay that were taken back"),
    Shown("law 15", "sim/test_care_types.py::test_a_lost_reply_to_a_chronic_settlement_is_asked_for_again_and_paid_once", "an effect is kept and its message forgotten"),
    Shown("law 16", "sim/test_orders.py::test_an_order_in_flight_at_a_stop_is_listed_and_paid_after_the_reopening", "a visit is written down at each of its ends"),
    Shown("law 17", "sim/test_planted_cutovers.py::test_a_stop_done_right_finds_the_settlement_again", "a deadline runs on behind a closed door"),
    Shown("law 18", "sim/test_renumbering.py::test_a_map_that_is_not_one_to_one_mixes_up_two_deductibles_and_the_checker_names_them", "two old numbers get one new one"),
    Shown("law 19", "sim/test_renumbered_business.py::test_a_map_of_visits_that_is_not_one_to_one_loses_stays_and_the_checker_names_them", "two old numbers get one new one"),
    Shown("law 20", "sim/test_filing.py::test_who_has_nothing_valid_is_turned_away_by_name_pays_and_claims_by_paper", "nobody is asked for a filing"),
    Shown("law 21", "sim/test_network.py::test_where_nothing_is_opened_the_bill_is_paid_and_claimed_by_paper", "the hospital that treats is not held to what is opened"),
    Shown("law 22", "sim/test_benefits.py::test_what_visitors_pay_first_comes_down_on_the_day", "the terms of before the change stay in force"),
    Shown("law 23", "reference_impl/supervision/test_recoveries.py::test_every_recovery_that_was_decided_keeps_law_23", "a penalty goes home with what is asked back"),
    Shown("law 24", "sim/test_master_data.py::test_who_meets_a_side_that_does_not_know_pays_or_comes_again_after_the_download", "an insurer goes by rows that it has not received"),
    Shown("law 25", "sim/test_prefund.py::test_whom_the_prefund_does_not_cover_pays_and_claims_by_paper", "a prefund is counted and never asked"),
    Shown("law 26", "sim/test_care_types.py::test_a_lost_reply_to_a_chronic_settlement_is_asked_for_again_and_paid_once", "every settlement is written down as ordinary care"),
    Shown("law 27", "sim/test_sessions.py::test_a_session_that_nobody_signs_out_ends_by_itself", "a session lasts for ever"),
    Shown("law 28", "sim/test_prescriptions.py::test_a_prescription_that_is_fetched_too_late_is_refused", "nobody asks how long a prescription is valid"),
    Shown("law 29", "sim/test_orders.py::test_an_order_that_is_confirmed_too_late_is_refused_and_cancelled", "nobody asks how long an order waits"),
)  # fmt: skip
