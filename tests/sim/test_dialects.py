"""A move from the old protocol to the new one: what is sent before and after, and what each visit costs in messages."""

from __future__ import annotations

from typing import Any

import pytest
from support.tiny_world import (
    CARE,
    SEQUENCES,
    assert_lawful,
    assert_nothing_leaked,
    codes,
    fates,
    live,
    scenario,
    visit,
)

STOP = {"scope": CARE, "at": "60s", "stop_before": "20s", "window": "60s", "ramp": "0s", "dialect": {}}
"""Stops accepting at 40 s, closes at 60 s, reopens at 120 s."""
STAY = SEQUENCES["inpatient"]
IN_OLD = [code for code in STAY if code != "2303"]
"""The old protocol has no trial."""


def sent(*visits: dict[str, Any], **changes: Any) -> list[str]:
    run = live(scenario(*visits, cutover=STOP | changes))
    assert set(fates(run)) <= {"direct", "direct_after_retry"}
    assert_lawful(run, settled=len(visits))
    assert_nothing_leaked(run)
    return [code for code, outcome in codes(run) if outcome == "ok"]


def test_a_stay_before_the_stop_is_settled_in_one_call_less() -> None:
    assert sent(visit("inpatient") | {"stay": "10s"}) == IN_OLD


def test_a_stay_after_the_reopening_is_tried_first_as_today() -> None:
    assert sent(visit("inpatient", at="130s")) == STAY


def test_a_stay_open_across_the_stop_is_admitted_in_the_old_protocol_and_settled_in_the_new() -> None:
    assert sent(visit("inpatient") | {"stay": "150s"}) == STAY


@pytest.mark.parametrize("kind", ["pharmacy", "outpatient"])
def test_what_the_old_protocol_never_had_is_sent_as_today(kind: str) -> None:
    assert sent(visit(kind)) == SEQUENCES[kind]


def test_who_is_treated_elsewhere_is_not_concerned() -> None:
    assert sent(visit("inpatient", care=630100, insured=330400) | {"stay": "10s"}) == STAY


def test_a_move_that_turns_back_leaves_the_old_protocol() -> None:
    late = {"window": {"planned": "60s", "migrate": "90s"}, "roll_back": {"after": "50s", "takes": "10s"}}
    assert sent(visit("inpatient", at="150s"), **late) == IN_OLD
