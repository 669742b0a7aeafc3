"""Insured people of the synthetic nation: the register that their insurers keep, and how their numbers are shaped.

What a number says is ``reference_impl.domain.person``'s; the shares and balances are ``data/people.toml``'s.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from reference_impl.domain.person import PersonFacts, PersonReader, PersonRegister
from reference_impl.domain.policies import PersonType
from scenarios.patients.draws import QuantileTable
from scenarios.patients.provinces import DATA


@cache
def rules() -> Mapping[str, Any]:
    """Return ``data/people.toml``."""
    return tomllib.loads((DATA / "people.toml").read_text(encoding="utf-8"))


def shape(name: str) -> QuantileTable:
    """Return a distribution of ``data/people.toml`` with mean 1."""
    table = rules()["shape"][name]
    return QuantileTable(table["probabilities"], table["values"]).with_mean(1.0)


@cache
def register() -> PersonRegister:
    """Return the register that every insured province of the synthetic nation keeps."""
    table = rules()["balance_fen"]
    return PersonRegister(
        insurance=rules()["insurance"],
        balance_probabilities=tuple(table["probabilities"]),
        balance_values_fen=tuple(table["values"]),
    )


@cache
def _reader() -> PersonReader:
    return register().reader()


def person_facts(number: str) -> PersonFacts:
    """Return what the insured province knows of the person, from the number alone.

    >>> person_facts("33040020000000000017")._asdict()  # doctest: +NORMALIZE_WHITESPACE
    {'person_type': 'resident', 'insurance': '390', 'insured_region': '330400', 'temporary': False,
     'balance_fen': 0, 'age_e1': 90}

    Raises:
        UnknownPersonError: when the number is not a generated person's.

    """
    return _reader().facts(number)


def insurance_of(person_type: PersonType) -> str:
    """Return the insurance (insutype) of a person type."""
    return cast("str", rules()["insurance"][person_type])
