"""Two records told apart visit by visit; what lies at an edge is left out by rule, and never by its result."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import message_row, visit_row

from lab.analysis.fates import compare_fates, edges_of
from scenarios.record.recorder import EventRow, Record, Recorder, read_record
from scenarios.schema import Clients

S = 1_000_000
CLIENTS = Clients.model_validate({"timeout": "10s", "forward_timeout": {"care": "8s", "hub": "6s"}, "deadline": "60s"})


def record_of(folder: Path, *rows: tuple[object, object]) -> Record:
    recorder = Recorder()
    for visit, message in rows:
        recorder.visit(visit)
        recorder.attempt(message)
    recorder.write(folder)
    return read_record(folder)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    return one, other


def rows(visit: int, person: str = "", **message: object) -> tuple[object, object]:
    return visit_row(visit, person=person or f"{visit:020d}"), message_row(visit, **message)


def test_equal_records_do_not_differ_and_nothing_is_left_out(folders):
    one, other = (record_of(folder, rows(1), rows(2)) for folder in folders)

    compared = compare_fates(one, other, CLIENTS, edges_us=(), guard_us=S // 10)

    assert (compared.visits, compared.compared, compared.differing.height) == (2, 2, 0)


@pytest.mark.parametrize(
    ("visit", "message"),
    [({"fate": "paper_by_choice"}, {}), ({"fund_fen": 6_999}, {}), ({"cash_fen": 1}, {}), ({}, {"outcome": "busy"})],
    ids=["fate", "fund", "cash", "answers"],
)
def test_a_visit_that_was_told_otherwise_is_named(folders, visit, message):
    one = record_of(folders[0], rows(1), rows(2))
    other = record_of(folders[1], rows(1), (visit_row(2, person=f"{2:020d}", **visit), message_row(2, **message)))

    assert compare_fates(one, other, CLIENTS, edges_us=(), guard_us=0).differing["visit"].to_list() == [2]


def test_a_visit_that_one_record_does_not_have_differs(folders):
    one, other = record_of(folders[0], rows(1), rows(2)), record_of(folders[1], rows(1))

    assert compare_fates(one, other, CLIENTS, edges_us=(), guard_us=0).differing["visit"].to_list() == [2]


def test_who_was_under_way_at_an_edge_is_left_out_with_all_visits_of_the_same_person(folders):
    one = record_of(folders[0], rows(1), rows(5, person="P"), rows(9, person="P"))
    other = record_of(folders[1], rows(1), rows(5, person="P", outcome="busy"), rows(9, person="P"))
    edges_us = edges_of([EventRow(6 * S, 99 * S, "freeze", "hub")])

    compared = compare_fates(one, other, CLIENTS, edges_us=edges_us, guard_us=S // 2)

    assert (compared.at_an_edge, compared.compared, compared.differing.height) == ((5, 9), 1, 0)
    assert compare_fates(one, other, CLIENTS, edges_us=edges_us, guard_us=0).differing["visit"].to_list() == [5]
