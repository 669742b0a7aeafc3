"""What an insured province knows of a person, from the person's number alone, so that no table of people is needed.

A number (psn_no) is insured region (6), person type (1), temporary visitor or not (1), serial (12): the shape of the
synthetic nation's, whose register this is. No number is or resembles a real person's. It must never keep a person:
whoever asks twice computes twice.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from reference_impl.domain.failures import InputError
from reference_impl.domain.keyed import WORD, Purpose, Quantiles, uniform
from reference_impl.domain.policies import PersonType

__all__ = ["PERSON_TYPES", "PersonFacts", "PersonRegister", "UnknownPersonError", "person_no", "type_of"]

PERSON_TYPES: tuple[PersonType, ...] = ("active", "retired", "resident")
"""A type's place here is its digit in a person's number."""

_AGES: dict[PersonType, tuple[int, int]] = {"active": (18, 59), "retired": (55, 94), "resident": (0, 94)}
"""ASSUMED: the youngest and the oldest of each type."""
_DIGITS = 20


class UnknownPersonError(InputError, ValueError):
    """A number that is not the shape of a person's: nobody is insured under it."""

    def __init__(self, number: str) -> None:
        """Keep the number for whoever reports it."""
        super().__init__(
            f"no person is insured under {number!r}; expected {_DIGITS} digits: region (6), "
            f"type (0 to {len(PERSON_TYPES) - 1}), temporary (0 or 1), serial (12)"
        )
        self.person_no = number


class PersonFacts(NamedTuple):
    """What the insured province knows of a person.

    ``balance_fen`` is the personal account's before the run; ``age_e1`` is in tenths of years, as the interface has it.
    """

    person_type: PersonType
    insurance: str
    insured_region: str
    temporary: bool
    balance_fen: int
    age_e1: int


class PersonRegister(msgspec.Struct, frozen=True, kw_only=True):
    """A register of persons as data: the insurance (insutype) of each type, and how personal accounts are filled.

    ``balance_probabilities`` and ``balance_values_fen`` are the quantiles of the accounts of employees, active and
    retired; residents have none.
    """

    insurance: dict[PersonType, str]
    balance_probabilities: tuple[float, ...]
    balance_values_fen: tuple[float, ...]

    def reader(self) -> PersonReader:
        """Return what answers for single persons."""
        return PersonReader(self)


class PersonReader:
    """Answers for single persons of a register."""

    __slots__ = ("_balances", "_insurance")

    def __init__(self, register: PersonRegister) -> None:
        """Lay out the register for quick answers."""
        self._insurance = register.insurance
        self._balances = Quantiles(register.balance_probabilities, register.balance_values_fen)

    def facts(self, number: str) -> PersonFacts:
        """Return what is known of a person.

        Raises:
            UnknownPersonError: when the number is not the shape of a person's.

        """
        if (
            len(number) != _DIGITS
            or not (number.isascii() and number.isdecimal())
            or number[6] > "2"
            or number[7] > "1"
        ):
            raise UnknownPersonError(number)
        person_type = PERSON_TYPES[int(number[6])]
        key, balance_fen = int(number) & WORD, 0
        if person_type != "resident":
            balance_fen = int(self._balances.at(uniform(0, key, 0, 0, Purpose.BALANCE)))
        insurance = self._insurance[person_type]
        return PersonFacts(person_type, insurance, number[:6], number[7] == "1", balance_fen, _age_e1(person_type, key))

    def find(self, number: str) -> PersonFacts | None:
        """Return what is known of a person, or None when nobody is insured under this number."""
        try:
            return self.facts(number)
        except UnknownPersonError:
            return None


def _age_e1(person_type: PersonType, key: int) -> int:
    youngest, oldest = _AGES[person_type]
    return 10 * (youngest + int(uniform(0, key, 0, 0, Purpose.AGE) * (oldest + 1 - youngest)))


def type_of(number: str) -> PersonType:
    """Return the type that a person's number says; a number that is nobody's says resident, and nobody is served by it.

    >>> type_of("33040010000000000017")
    'retired'
    """
    return PERSON_TYPES[int(number[6])] if number[6:7] in ("0", "1") else "resident"


def person_no(insured_region: int, person_type: int, temporary: int, serial: int) -> str:
    """Return the number of a person.

    >>> person_no(330400, 1, 0, 17)
    '33040010000000000017'
    """
    return f"{insured_region:06d}{person_type}{temporary:d}{serial:012d}"
