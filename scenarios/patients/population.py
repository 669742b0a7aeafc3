"""Insured people of the synthetic nation: a person's number says all there is to know, so no table of people is needed.

A number (psn_no) is insured region (6), person type (1), temporary visitor or not (1), serial (12). An insured province
can answer 1101 for any of a billion generated persons by ``person_facts``. No number is or resembles a real person's.
Must never keep a person: whoever asks twice computes twice.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, NamedTuple, cast

from scenarios.patients.draws import Purpose, QuantileTable, uniform
from scenarios.patients.provinces import DATA

PersonType = Literal["active", "retired", "resident"]
PERSON_TYPES: tuple[PersonType, ...] = ("active", "retired", "resident")
"""A type's place here is its digit in a person's number."""

_DIGITS = 20
_SERIAL_MAX = 10**12
_WORD = 0xFFFF_FFFF_FFFF_FFFF


class UnknownPersonError(ValueError):
    """A number that is not the shape of a generated person's: nobody is insured under it."""

    def __init__(self, person_no: str) -> None:
        """Keep the number for whoever reports it."""
        super().__init__(
            f"no person is insured under {person_no!r}; expected {_DIGITS} digits: region (6), "
            f"type (0 to {len(PERSON_TYPES) - 1}), temporary (0 or 1), serial (12)"
        )
        self.person_no = person_no


class PersonFacts(NamedTuple):
    """What the insured province knows of a person. ``balance_fen`` is the personal account's before the run."""

    person_type: PersonType
    insurance: str
    insured_region: str
    temporary: bool
    balance_fen: int


@cache
def rules() -> Mapping[str, Any]:
    """Return ``data/people.toml``."""
    return tomllib.loads((DATA / "people.toml").read_text(encoding="utf-8"))


def shape(name: str) -> QuantileTable:
    """Return a distribution of ``data/people.toml`` with mean 1."""
    table = rules()["shape"][name]
    return QuantileTable(table["probabilities"], table["values"]).with_mean(1.0)


@cache
def _balances() -> QuantileTable:
    table = rules()["balance_fen"]
    return QuantileTable(table["probabilities"], table["values"])


def person_no(insured_region: int, person_type: int, temporary: int, serial: int) -> str:
    """Return the number of a person.

    >>> person_no(330400, 1, 0, 17)
    '33040010000000000017'
    """
    return f"{insured_region:06d}{person_type}{temporary:d}{serial:012d}"


def person_facts(number: str) -> PersonFacts:
    """Return what the insured province knows of the person, from the number alone.

    >>> person_facts("33040020000000000017")
    PersonFacts(person_type='resident', insurance='390', insured_region='330400', temporary=False, balance_fen=0)

    Raises:
        UnknownPersonError: when the number is not a generated person's.

    """
    if len(number) != _DIGITS or not (number.isascii() and number.isdecimal()) or number[6] > "2" or number[7] > "1":
        raise UnknownPersonError(number)
    person_type = PERSON_TYPES[int(number[6])]
    balance_fen = 0
    if person_type != "resident":
        balance_fen = int(_balances().at(uniform(0, int(number) & _WORD, 0, 0, Purpose.BALANCE)))
    return PersonFacts(person_type, insurance_of(person_type), number[:6], number[7] == "1", balance_fen)


def insurance_of(person_type: PersonType) -> str:
    """Return the insurance (insutype) of a person type."""
    return cast("str", rules()["insurance"][person_type])
