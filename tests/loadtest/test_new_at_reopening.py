"""New numbers and another dialect at a reopening, on real processes: the same patients end as in the simulated world."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from support.both_worlds import HURRIED, TWO_PROVINCES
from support.real_system import run_for_real

from lab.analysis.agreement import agreement_of
from lab.checker import check
from reference_impl.domain.renumbering import is_new_number
from scenarios.patients.visits import plan_visits
from scenarios.reading.scale import resolve
from scenarios.record.recorder import record_of
from scenarios.schema import Scenario
from sim.model.costs import load_costs
from sim.run import simulate

pytestmark = pytest.mark.slow

NIGHT = {
    "name": "new-at-reopening",
    "horizon": {"start": "2024-03-13T09:00:00", "length": "6h", "drain_limit": "12h"},
    "scale": {"time": 1_920},
    "visits": {
        "per_day": 480,
        "local_per_cross": 0,
        "mix": {"outpatient": 0.3, "pharmacy": 0.3, "inpatient": 0.4},
        "stay_mean": "2h",
    },
    "topology": TWO_PROVINCES,
    "clients": HURRIED | {"park": {"share": 1, "spread": "1h"}},
    "cutover": [
        {
            "scope": "63", "at": "2h", "stop_before": "30min", "window": "1h", "ramp": 0,
            "renumber": {"map": "partial", "mapped": "80%"}, "dialect": {},
        },
        {
            "scope": "33", "at": "2h", "stop_before": "30min", "window": "1h", "ramp": 0,
            "renumber": {"persons": False, "visits": {}, "settlements": {}, "institutions": {}},
        },
    ],
}  # fmt: skip
CLOSE_CALL = 0.1
"""Share of the visits that may come to a desk on the other side of an edge than in the simulated world."""


def ended(record, books):
    """What each visit came to, and under which number it was settled."""
    settled = {one.visit[1:]: is_new_number(one.person) for one in books["63"].settlements if one.sign > 0}
    rows = record.visits.iter_rows(named=True)
    return {row["visit"]: (row["refusal"], settled.get(row["visit_id"][1:])) for row in rows}


def told(record):
    """Return under which kinds of ids hospitals know what they settled, by whether the visit and the code are new."""
    marks = Counter()
    for row in record.visits.filter(pl.col("acked")).iter_rows(named=True):
        marks[row["visit_id"][0], row["settlement_id"][0]] += 1
    return marks, {msgid[0] for msgid in record.messages["msgid"]}


def test_both_worlds_settle_the_same_people_under_the_same_numbers_in_the_same_dialects(tmp_path):
    asked = resolve(Scenario.model_validate(NIGHT))
    simulated = simulate(asked, plan_visits(asked), load_costs(None))
    in_sim = record_of(simulated.recorder.tables())

    real = run_for_real(asked, tmp_path)

    assert real.finished, real.errors
    assert real.failures == ()
    assert check(real.books, real.record, agreement=agreement_of(asked)).clean
    one, other = ended(in_sim, simulated.books), ended(real.record, real.books)
    assert one.keys() == other.keys()
    differing = [visit for visit in one if one[visit] != other[visit]]
    assert len(differing) <= CLOSE_CALL * len(one), [(one[visit], other[visit]) for visit in differing]
    found = Counter(other.values())
    assert found["E05", None] > 0
    assert found["", True] > 0
    assert found["", False] > 0
    ids, codes = told(real.record)
    assert ids["S", "A"] > 0, "settled before the reopening"
    assert ids["S", "C"] > 0, "open across it, and settled under the ids of after it"
    assert ids["U", "C"] > 0, "opened after it"
    assert codes == told(in_sim)[1]
    assert len(codes) > 2, "institutions send under their old codes and under their new ones"
    refusals = set(real.record.messages["refusal"])
    assert "D18" not in refusals, "every message was in the dialect of its time"
    assert "D00" not in refusals
    trials = [record.messages.filter(code="2303").height for record in (in_sim, real.record)]
    settlements = real.record.messages.filter(code="2304")["msgid"].n_unique()
    assert 0 < trials[1] < settlements, "before the reopening stays are settled without a trial"
    assert abs(trials[0] - trials[1]) <= CLOSE_CALL * settlements
