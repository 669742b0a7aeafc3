"""G7 and G13: kill one node at each of its steps in turn; it restarts on its books, and the sender asks again.

The steps are before and after every look and every commit, which is where a process can die with something half done.
"""

from __future__ import annotations

import pytest
from support.chain import LOCAL_PERSON, Chain, at_rest, run
from support.dying import DyingBooks
from support.patients import FakeVisit, Patient

from scenarios.record.fates import DIRECT_FATES

ROLES = ["33", "hub", "63"]
STEPS_MAX = 1_000


def dying(role: str, dies_at: int) -> tuple[Chain, DyingBooks]:
    chain = Chain()
    books = DyingBooks(chain.books[role], role, dies_at)
    chain.books[role] = books  # type: ignore[assignment]
    chain.boot(role)
    return chain, books


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind", ["pharmacy", "outpatient", "inpatient"])
def test_a_node_killed_at_any_step_heals_and_the_visit_settles_once(kind: str, role: str) -> None:
    for dies_at in range(1, STEPS_MAX):
        chain, books = dying(role, dies_at)
        patient = Patient(chain, FakeVisit(kind))
        run(patient.journey.live())

        at = f"{role} killed at step {dies_at}"
        assert patient.journey.fate in DIRECT_FATES, at
        assert [one.settlement for one in chain.standing()] == [patient.journey.settlement], at
        assert chain.sum_of_accounts() == 0, at
        assert all(run(node.open_intents()) == () for node in chain.books.values()), at
        if books.steps < dies_at:
            break
    assert books.steps > 2 * len(patient.codes), "every message takes more than one step at every role"


@pytest.mark.parametrize("kind", ["pharmacy", "outpatient", "inpatient"])
def test_a_province_killed_at_any_step_of_a_visit_of_its_own_people_heals_and_settles_once(kind: str) -> None:
    for dies_at in range(1, STEPS_MAX):
        chain, books = dying("33", dies_at)
        patient = Patient(chain, FakeVisit(kind, insured_region="330400", person=LOCAL_PERSON))
        run(patient.journey.live())

        at = f"killed at step {dies_at}"
        assert patient.journey.fate in DIRECT_FATES, at
        assert [one.settlement for one in chain.standing("33")] == [patient.journey.settlement], at
        assert [visit.settlement for visit in chain.visits()] == [patient.journey.settlement], at
        at_rest(chain)
        if books.steps < dies_at:
            break
    assert books.steps > 2 * len(patient.codes)


@pytest.mark.parametrize("role", ROLES)
def test_a_node_killed_while_it_reverses_leaves_nothing_standing(role: str) -> None:
    """The settlement's reply is always lost at the insurer, so the hospital reverses; then the node dies."""
    for dies_at in range(1, STEPS_MAX):
        chain, books = dying(role, dies_at)
        chain.faults.append(
            lambda caller, node, request: (
                "lose reply" if (caller, node, request.code) == ("hub", "63", "2102") else None
            )
        )
        patient = Patient(chain, FakeVisit("pharmacy"))
        run(patient.journey.live())

        at = f"{role} killed at step {dies_at}"
        assert patient.journey.fate.value == "reversed_then_paper", at
        assert chain.standing() == [], at
        assert chain.sum_of_accounts() == 0, at
        if books.steps < dies_at:
            break
