from __future__ import annotations

import pytest

from scenarios.record.fates import DIRECT_FATES, PAPER_FATES, Fate
from scenarios.schema.gates import GateError, parse_gate, parse_gates
from scenarios.schema.measures import MEASURES

UNDERSTOOD = [
    ("settlement.latency", "p95 < 3s", "p95", "<", 3_000_000.0),
    ("settlement.latency.inpatient", "p99.9<=800ms", "p99.9", "<=", 800_000.0),
    ("contact.latency[insured!=41]", "p95 < 1s", "p95", "<", 1_000_000.0),
    ("direct_rate[care=33]", "> 99%", "", ">", 0.99),
    ("message.latency.2304", "mean < 1.5s", "mean", "<", 1_500_000.0),
    ("desk.wait", "max < 2h", "max", "<", 7_200_000_000.0),
    ("visits.lost", "== 0", "", "==", 0.0),
    ("visits.parked_then_direct", "!= 0", "", "!=", 0.0),
    ("direct_rate", "> 99%", "", ">", 0.99),
    ("paper_rate", "<= 0.05", "", "<=", 0.05),
    ("settlements.rate", ">= 30/min", "", ">=", 0.5),
    ("retry.amplification", "< 1.2", "", "<", 1.2),
    ("cutover.drain", "< 0", "", "<", 0.0),
]
REFUSED = [
    ("settlement.latncy", "p95 < 3s", "unknown measure", "did you mean 'settlement.latency'"),
    ("contact.latency[insured>41]", "p95 < 1s", "unknown measure", "contact.latency"),
    ("visits.lost[insured=41]", "== 0", "not of single visits", "write 'visits.lost'"),
    ("visits.losst", "== 0", "unknown measure", "did you mean 'visits.lost'"),
    ("settlement.latency", "< 3s", "needs a statistic", "p95 < 3s"),
    ("settlement.latency", "p42 < 3s", "needs a statistic", "p50"),
    ("settlement.latency", "p95 < 3", "bound of settlement.latency", "a duration"),
    ("settlement.latency", "p95 3s", "not understood", "p95 < 3s"),
    ("settlement.latency", "p95 <", "not understood", "p95 < 3s"),
    ("visits.lost", "p95 == 0", "takes no statistic", "== 0"),
    ("visits.lost", "== 1s", "bound of visits.lost", "a plain number"),
    ("visits.lost", "== 1.5", "bound of visits.lost", "a plain number"),
    ("direct_rate", "> 99", "bound of direct_rate", "a share"),
    ("direct_rate", "> high", "bound of direct_rate", "a share"),
    ("offered.rate", "> 5", "bound of offered.rate", "a rate"),
    ("visits.lost", "", "not understood", "== 0"),
    ("retry.amplification", "< nan", "bound of retry.amplification", "a plain number"),  # would hold for no figure
    ("retry.amplification", "< inf", "bound of retry.amplification", "a plain number"),  # and this for every one
    ("paper.advance", "> -1", "bound of paper.advance", "a plain number"),
    ("visits.lost", "== -1", "bound of visits.lost", "a plain number"),
    ("visits.total", "< 1" + "0" * 400, "bound of visits.total", "a plain number"),
]


@pytest.mark.parametrize(("measure", "text", "statistic", "comparison", "bound"), UNDERSTOOD)
def test_gate_is_understood(measure, text, statistic, comparison, bound):
    gate = parse_gate(measure, text)

    assert (gate.measure, gate.statistic, gate.comparison, gate.bound) == (measure, statistic, comparison, bound)
    assert gate.text == text


@pytest.mark.parametrize(("measure", "text", "what", "expected"), REFUSED)
def test_gate_that_makes_no_sense_is_refused_with_what_would(measure, text, what, expected):
    with pytest.raises(GateError) as caught:
        parse_gate(measure, text)

    assert what in str(caught.value)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("text", "held_by", "broken_by"),
    [
        ("< 3", 2.9, 3.0),
        ("<= 3", 3.0, 3.1),
        ("> 3", 3.1, 3.0),
        (">= 3", 3.0, 2.9),
        ("== 3", 3.0, 2.0),
        ("!= 3", 2.0, 3.0),
    ],
)
def test_gate_judges_by_its_comparison(text, held_by, broken_by):
    gate = parse_gate("retry.amplification", text)

    assert gate.holds(held_by)
    assert not gate.holds(broken_by)


def test_gates_come_in_the_order_of_the_file():
    gates = parse_gates({"visits.lost": ("== 0",), "settlement.latency": ("p95 < 3s", "p50 < 1s")})

    assert [gate.text for gate in gates] == ["== 0", "p95 < 3s", "p50 < 1s"]


def test_every_fate_is_a_measure_and_counts_to_one_side():
    assert {f"visits.{fate}" for fate in Fate} <= set(MEASURES)
    assert not set(DIRECT_FATES) & set(PAPER_FATES)
    neither = {Fate.REFUSED, Fate.SELF_PAID, Fate.ABANDONED, Fate.OPEN_AT_END, Fate.LOST_WITH_WORKER}
    neither |= {Fate.ORDER_NOT_CONFIRMED, Fate.ORDER_EXPIRED, Fate.ORDER_REFUNDED}  # nobody has the goods
    assert set(Fate) - {*DIRECT_FATES, *PAPER_FATES} == neither


def test_every_measure_says_what_it_is():
    assert all(measure.doc and measure.name == name for name, measure in MEASURES.items())
