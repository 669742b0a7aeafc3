"""Two records told apart visit by visit; what lies at an edge is left out by rule, and never by its result."""

from __future__ import annotations

import pytest

from lab.analysis.fates import compare_fates, edges_of
from scenarios.record.recorder import EventRow
from scenarios.schema import Clients

S = 1_000_000
CLIENTS = Clients.model_validate({"timeout": "10s", "forward_timeout": {"care": "8s", "hub": "6s"}, "deadline": "60s"})


@pytest.fixture
def record_of(make):
    """Make a record of visits by number, each with what is otherwise about it and about its one message."""

    def made(visits, persons=()):
        people = dict(persons)
        rows = {
            number: {"person": people.get(number, f"{number:020d}")} | about for number, (about, _) in visits.items()
        }
        return make.World(
            visits=[make.visit_row(number, **about) for number, about in rows.items()],
            messages=[make.message_row(number, **message) for number, (_, message) in visits.items()],
        ).record()

    return made


AS_PLANNED = ({}, {})


def test_equal_records_do_not_differ_and_nothing_is_left_out(record_of):
    one, other = (record_of({1: AS_PLANNED, 2: AS_PLANNED}) for _ in range(2))

    compared = compare_fates(one, other, CLIENTS, edges_us=(), guard_us=S // 10)

    assert (compared.visits, compared.compared, compared.differing.height) == (2, 2, 0)


@pytest.mark.parametrize(
    "told",
    [({"fate": "paper_by_choice"}, {}), ({"fund_fen": 6_999}, {}), ({"cash_fen": 1}, {}), ({}, {"outcome": "busy"})],
    ids=["fate", "fund", "cash", "answers"],
)
def test_a_visit_that_was_told_otherwise_is_named(record_of, told):
    one, other = record_of({1: AS_PLANNED, 2: AS_PLANNED}), record_of({1: AS_PLANNED, 2: told})

    assert compare_fates(one, other, CLIENTS, edges_us=(), guard_us=0).differing["visit"].to_list() == [2]


def test_a_visit_that_one_record_does_not_have_differs(record_of):
    one, other = record_of({1: AS_PLANNED, 2: AS_PLANNED}), record_of({1: AS_PLANNED})

    assert compare_fates(one, other, CLIENTS, edges_us=(), guard_us=0).differing["visit"].to_list() == [2]


def test_who_was_under_way_at_an_edge_is_left_out_with_all_visits_of_the_same_person(record_of):
    same_person = {5: "P", 9: "P"}
    one = record_of(dict.fromkeys((1, 5, 9), AS_PLANNED), same_person)
    other = record_of({1: AS_PLANNED, 5: ({}, {"outcome": "busy"}), 9: AS_PLANNED}, same_person)
    edges_us = edges_of([EventRow(6 * S, 99 * S, "freeze", "hub")])

    compared = compare_fates(one, other, CLIENTS, edges_us=edges_us, guard_us=S // 2)

    assert (compared.at_an_edge, compared.compared, compared.differing.height) == ((5, 9), 1, 0)
    assert compare_fates(one, other, CLIENTS, edges_us=edges_us, guard_us=0).differing["visit"].to_list() == [5]


SHORT = {"outcome": "refused", "refusal": "S16", "sent_us": 50 * S, "done_us": 51 * S}
LATER = {"sent_us": 60 * S, "done_us": 61 * S}


@pytest.mark.parametrize("which", [0, 1])
def test_from_when_a_prefund_runs_short_its_order_is_no_plans(record_of, which):
    """Visit 1 came before that and is compared; visit 3 is of other provinces, and is too."""
    elsewhere = {"insured_region": "110100"}
    plain = {1: AS_PLANNED, 2: ({}, LATER), 3: (elsewhere, LATER), 4: ({}, LATER)}
    short = plain | {2: ({"fate": "paper_by_prefund"}, SHORT)}
    records = [record_of(plain), record_of(short)]

    compared = compare_fates(records[which], records[1 - which], CLIENTS, edges_us=(), guard_us=S // 10)

    assert compared.at_an_edge == (2, 4)
    assert compared.differing.is_empty()
