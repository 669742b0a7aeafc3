"""The benefit policy of each insured province: the system's default unless the data says otherwise.

Must never compute a settlement: that is ``reference_impl.domain.benefit``.
"""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any

import msgspec

from reference_impl.domain.policies import BEIJING_EMPLOYEE, DEFAULT_POLICY, Policy
from scenarios.patients.provinces import DATA

_BASES = {"default": DEFAULT_POLICY, "beijing-employee": BEIJING_EMPLOYEE}


def policy_of(insured_region: str) -> Policy:
    """Return the policy of the province of ``insured_region`` (2, 4 or 6 digits).

    >>> policy_of("330400").name, policy_of("11").name
    ('default', 'beijing-employee, else default')
    """
    return _policies().get(insured_region[:2], DEFAULT_POLICY)


@cache
def _policies() -> dict[str, Policy]:
    table = tomllib.loads((DATA / "policies.toml").read_text(encoding="utf-8"))
    return {province: _policy(changes) for province, changes in table["province"].items()}


def _policy(changes: dict[str, Any]) -> Policy:
    """Return the base with the default's terms for the cases it does not cover, and the changes."""
    base = _BASES[changes.pop("base", "default")]
    if base is not DEFAULT_POLICY:
        base = msgspec.structs.replace(
            base, name=f"{base.name}, else {DEFAULT_POLICY.name}", terms=DEFAULT_POLICY.terms | base.terms
        )
    return msgspec.structs.replace(base, **changes)
