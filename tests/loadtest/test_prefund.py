"""Prefunds on real processes: never passed, right to the fen, and the same people covered as in the simulated world."""

from __future__ import annotations

from typing import Any

import pytest
from support.both_worlds import HURRIED, TWO_PROVINCES, assert_same_fates

from lab.analysis.agreement import agreement_of
from lab.analysis.prefund import figures_of_books
from lab.checker import check
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.regions import province_of
from scenarios.patients.visits import plan_visits
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario
from sim.model.costs import load_costs
from sim.run import simulate

pytestmark = pytest.mark.slow

PLENTY_FEN, SCARCE_FEN, TOP_UP_FEN = 10**11, 3_500_000, 500_000
DAY: dict[str, Any] = {
    "name": "prefund",
    "horizon": {"start": "2024-03-13T09:00:00", "length": "6h", "drain_limit": "24h"},
    "scale": {"time": 1_920},
    "visits": {
        "per_day": 300,
        "local_per_cross": 0,
        "mix": {"outpatient": 0.7, "pharmacy": 0.3, "inpatient": 0},
    },
    "topology": TWO_PROVINCES,
    "clients": HURRIED,
}


def held(limit_fen: int, *top_ups: dict[str, Any], **more: Any) -> Scenario:
    quotas = [
        {"insured": 63, "care": 33, "limit_fen": limit_fen, "top_ups": top_ups},
        {"insured": 33, "care": 63, "limit_fen": PLENTY_FEN},
    ]
    return resolve(Scenario.model_validate(DAY | {"prefund": {"quotas": quotas, **more}}))


def owed_fen(books: dict[NodeId, Any], insured: str, care: str) -> int:
    """What an insurer owes a place of care, added up from its settlements."""
    made = [one for one in books[NodeId(insured)].settlements if province_of(one.care_region) == care]
    return sum(one.amounts.fund_fen + one.amounts.account_fen for one in made)


def test_many_at_once_never_pass_a_prefund_and_both_worlds_cover_the_same_until_it_is_short(tmp_path):
    asked = held(SCARCE_FEN, {"at": "3h", "fen": TOP_UP_FEN})

    real = assert_same_fates(asked, tmp_path)

    findings = check(real.books, real.record, agreement=agreement_of(asked))
    assert findings.clean, findings.violations  # law 25 among them
    assert figures_of_books(real.books, asked)["prefund.adrift"] == 0
    fates = real.record.visits["fate"].to_list()
    assert fates.count("paper_by_prefund") > 0
    assert "direct" in fates
    (account,) = (one for one in real.books[NodeId("63")].prefunds if one.care == "33")
    assert account.posted_fen == owed_fen(real.books, "63", "33")
    dearest_fen = real.record.visits["fund_fen"].max() + real.record.visits["cash_fen"].max()
    assert SCARCE_FEN + TOP_UP_FEN - dearest_fen <= account.posted_fen <= SCARCE_FEN + TOP_UP_FEN


def test_where_nothing_runs_short_both_worlds_owe_the_same_to_the_fen(tmp_path):
    asked = held(PLENTY_FEN)

    real = assert_same_fates(asked, tmp_path)

    simulated = simulate(asked, plan_visits(asked), load_costs(None))
    pairs = (("63", "33"), ("33", "63"))
    assert [owed_fen(real.books, *pair) for pair in pairs] == [owed_fen(simulated.books, *pair) for pair in pairs]
    assert check(real.books, real.record, agreement=agreement_of(asked)).clean


def test_who_waits_in_vain_goes_to_paper_on_real_processes_too(tmp_path):
    asked = held(0, when_dry="wait", retry="50ms")

    real = assert_same_fates(asked, tmp_path)

    gone = real.record.visits.filter(fate="paper_by_prefund")
    assert gone.height > 0
    assert set(gone["refusal"]) == {""}
    assert check(real.books, real.record, agreement=agreement_of(asked)).clean
