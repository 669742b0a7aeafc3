"""What is said of a run while it goes on: figures so far, and a line for a person."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from loadtest.live_line import Moment, held, line, predicted, shown
from loadtest.so_far import SoFar
from scenarios.record.fates import Fate
from scenarios.record.recorder import GeneratorRow
from scenarios.schema.gates import parse_gate, parse_gates

S, MS = 1_000_000, 1_000
GATES = parse_gates({"contact.latency": ["p95 < 3s"], "direct_rate": ["> 99%"], "visits.lost": ["== 0"]})


def journey(fate: Fate = Fate.DIRECT, *, arrival_us: int = S, insured: str = "34", intended_us: int = 0) -> Any:
    visit = SimpleNamespace(arrival_us=arrival_us, care_region="330100", insured_region=f"{insured}0100")
    return SimpleNamespace(fate=fate, visit=visit, contact_intended_us=intended_us)


def test_nothing_is_said_of_figures_that_nothing_was_counted_for():
    so_far = SoFar(0)

    assert {so_far.figure("contact.latency", "p95"), so_far.figure("direct_rate"), so_far.contact_us} == {None}


def test_visits_count_by_their_fate_between_provinces_after_the_warm_up():
    so_far = SoFar(S)
    for fate in (Fate.DIRECT, Fate.DIRECT, Fate.PAPER_BY_CHOICE, Fate.DIRECT_AFTER_RETRY, Fate.REFUSED):
        so_far.left(journey(fate))
    so_far.left(journey(Fate.OPEN_AT_END))
    so_far.left(journey(arrival_us=S - 1))
    so_far.left(journey(insured="33"))

    assert so_far.fates.total() == 5
    assert so_far.figure("direct_rate") == 3 / 4, "whom a rule refused does not count"
    assert so_far.figure("direct_first_try") == 2 / 4
    assert so_far.figure("paper_rate") == 1 / 4


def test_contacts_count_from_their_intended_start_when_somebody_answered():
    so_far = SoFar(S)
    for done_ms in range(1, 101):
        so_far.contact(journey(), "done", done_ms * MS)
    so_far.contact(journey(), "closed", 900 * S)
    so_far.contact(journey(insured="33"), "done", 900 * S)

    assert so_far.contact_us == pytest.approx(51 * MS, rel=1 / 256), "the nearest rank, within its bin"
    assert so_far.figure("contact.latency", "p95") == pytest.approx(96 * MS, rel=1 / 256)
    assert so_far.figure("contact.latency", "p99.9") is None
    assert so_far.figure("visits.lost") is None


def test_a_gate_is_never_said_to_be_held_before_the_end():
    [latency, rate, lost] = GATES

    assert held(latency, 2 * S) == "holds so far"
    assert held(rate, 0.98) == "fails so far"
    assert held(lost, None) == "at the end"


def test_figures_are_shown_in_the_unit_of_their_measure():
    [latency, rate, lost] = GATES

    assert (shown(90_210, latency), shown(0.995, rate), shown(0, lost), shown(None, rate)) == (
        "90.2 ms", "99.50%", "0", "",
    )  # fmt: skip


def test_a_prediction_is_the_same_figure_of_the_simulated_run():
    simulated = {"contact.latency.p95": 88_000.0, "direct_rate": 1.0}

    assert [predicted(gate, simulated) for gate in GATES] == [88_000.0, 1.0, None]
    assert predicted(parse_gate("contact.latency", "p50 < 1s"), simulated) is None


def test_the_line_says_rate_lag_latency_against_prediction_fates_and_gates():
    so_far = SoFar(0)
    so_far.contact(journey(), "done", 131 * MS)  # shown as the middle of its bin
    so_far.left(journey())
    looks = [GeneratorRow(i * S, 0.2, 0, 40, 40 + i, 0, [40 + i]) for i in range(5)]

    said = line(Moment(12 * S, 36 * S, 51), looks, so_far, GATES, {"contact.latency.p95": 118_000.0})

    assert said == (
        "12 s of 36 s; 42.0 visits/s; start lag p99 0.1 ms; contact p95 130.8 ms (predicted 118.0 ms); "
        "1 ended (direct 100.0%, paper 0.0%), 51 under way; gates: 2 holds so far, 1 at the end"
    )


def test_the_first_line_of_a_run_has_nothing_to_tell_yet():
    said = line(Moment(0, 36 * S, 0), [], SoFar(0), (), {})

    assert said == "0 s of 36 s; 0.0 visits/s; start lag p99 0.0 ms; contact p95 none yet; 0 ended, 0 under way"
