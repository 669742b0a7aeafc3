from __future__ import annotations

import doctest

import pytest

from reference_impl.domain import person
from reference_impl.domain.person import PersonRegister, UnknownPersonError, person_no, type_of

READER = PersonRegister(
    insurance={"active": "310", "retired": "311", "resident": "390"},
    balance_probabilities=(0.0, 1.0),
    balance_values_fen=(100.0, 200.0),
).reader()


def test_examples_in_the_docstrings_hold():
    assert doctest.testmod(person).failed == 0


@pytest.mark.parametrize(
    ("number", "person_type", "insurance", "temporary"),
    [
        (person_no(330400, 0, 0, 17), "active", "310", False),
        (person_no(330400, 1, 1, 17), "retired", "311", True),
        (person_no(330400, 2, 0, 17), "resident", "390", False),
    ],
)
def test_a_number_says_who_somebody_is(number, person_type, insurance, temporary):
    facts = READER.facts(number)

    assert facts[:4] == (person_type, insurance, "330400", temporary)
    assert READER.find(number) == facts


def test_an_employees_account_is_filled_by_his_number_alone_and_a_resident_has_none():
    balances = {READER.facts(person_no(330400, 0, 0, serial)).balance_fen for serial in range(50)}

    assert READER.facts(person_no(330400, 0, 0, 1)) == READER.facts(person_no(330400, 0, 0, 1))
    assert len(balances) > 10
    assert all(100 <= balance_fen <= 200 for balance_fen in balances)
    assert READER.facts(person_no(330400, 2, 0, 1))[:5] == ("resident", "390", "330400", False, 0)


@pytest.mark.parametrize(("kind", "youngest", "oldest"), [(0, 18, 59), (1, 55, 94), (2, 0, 94)])
def test_everybody_has_an_age_by_number_that_fits_the_type(kind, youngest, oldest):
    ages = {READER.facts(person_no(330400, kind, 0, serial)).age_e1 for serial in range(500)}

    assert all(10 * youngest <= age_e1 <= 10 * oldest and age_e1 % 10 == 0 for age_e1 in ages)
    assert len(ages) > 30
    assert READER.facts(person_no(330400, kind, 0, 1)) == READER.facts(person_no(330400, kind, 0, 1))


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_the_type_in_a_number_is_the_registers(kind):
    number = person_no(330400, kind, 0, 1)

    assert type_of(number) == READER.facts(number).person_type


@pytest.mark.parametrize(
    "number",
    [
        "",
        "3304001000000000001",  # one digit short
        "33040030000000000017",  # no such type
        "33040012000000000017",  # neither a temporary visitor nor not
        "GD_SW000000000000001",
        "\uff13" * 20,  # digits, but not ours
    ],
)
def test_nobody_is_insured_under_a_number_of_another_shape(number):
    with pytest.raises(UnknownPersonError, match="no person is insured") as refused:
        READER.facts(number)

    assert refused.value.person_no == number
    assert READER.find(number) is None
