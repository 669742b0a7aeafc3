"""The rehearsal: books are really moved under load, and nobody's fate is another for it, killed in the midst or not."""

from __future__ import annotations

import pytest
from support.real_system import run_for_real

from lab.analysis.fates import compare_fates, edges_of
from lab.checker import check
from reference_impl.books.journal import serving_books
from scenarios.patients.visits import plan_visits
from scenarios.reading.loader import load_scenario
from scenarios.record.recorder import read_record
from sim.model.costs import load_costs
from sim.run import simulate

pytestmark = pytest.mark.slow

GUARD_US = 500_000
"""Longer than what waits before a door that opens takes to pass, on a busy machine too."""
COMPARED_MIN = 0.3


def notes(ended, node):
    return {row["kind"]: row["note"] for row in ended.record.events.filter(target=node).iter_rows(named=True)}


def test_moving_the_books_for_real_changes_nobodys_fate(tmp_path):
    asked = load_scenario("rehearsal")
    (tmp_path / "sim").mkdir()
    simulated = simulate(asked, plan_visits(asked), load_costs(None))
    simulated.recorder.write(tmp_path / "sim")

    ended = run_for_real(asked, tmp_path)

    assert ended.finished, ended.errors
    assert ended.failures == ()
    for node in ("34", "hub"):
        assert serving_books(tmp_path / "books", node).name == f"{node}.2.sqlite"
        told = notes(ended, node)
        assert ", refused: 0" in told["migrate"]
        assert ", verified: " in told["verify"]
    compared = compare_fates(
        read_record(tmp_path / "sim"),
        ended.record,
        asked.clients,
        edges_us=edges_of(simulated.events, ended.events),
        guard_us=GUARD_US,
    )
    assert compared.differing.is_empty(), compared.differing.to_dicts()
    assert compared.compared >= COMPARED_MIN * compared.visits, compared.at_an_edge
    assert check(ended.books, ended.record).violations == ()


def test_killed_in_the_midst_of_its_move_a_province_goes_on_and_every_law_holds(tmp_path):
    """At 32 rows a second of the run the pass is met by the kill, and made to its end by the process that follows."""
    kill = {"kind": "kill", "node": "34", "at": "9h30min", "for": "4h"}
    work = "{planned: 10h, freeze: 30min, migrate: 3h, verify: 1h, books: {rows_per_second: 0.02}}"
    slow = f"cutover=[{{scope: 34, at: 8h30min, window: {work}}}]"
    asked = load_scenario("rehearsal", sets=[f"faults=[{kill}]", slow])

    ended = run_for_real(asked, tmp_path)

    assert ended.finished, ended.errors
    assert ended.failures == ()
    assert serving_books(tmp_path / "books", "34").name == "34.2.sqlite"
    order = [row["kind"] for row in ended.record.events.sort("at_us").iter_rows(named=True)]
    assert order.index("migrate") < order.index("kill") < order.index("verify")
    assert check(ended.books, ended.record).violations == ()
