"""``yidi check --policy`` and ``yidi schema --policy``: a benefit policy, and what its worked cases come to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lab.cli import console
from reference_impl.domain.money import format_yuan
from scenarios.reading.json_schema import policy_schema_text
from scenarios.reading.loader import load_policy
from scenarios.reading.worked import Worked, worked

if TYPE_CHECKING:
    from scenarios.schema.benefit import BenefitPolicy, PolicyVersion

__all__ = ["check_policy", "print_policy_schema", "say_policy"]

_FUNDS = {
    "pool": "pool_fen",
    "large sum": "large_sum_fen",
    "serious illness": "serious_illness_fen",
    "civil servants": "civil_servant_fen",
    "medical aid": "aid_fen",
    "the person": "person_fen",
}
"""Who pays, in the order they do."""


def check_policy(source: str, *, as_json: bool) -> None:
    """Print a policy and its worked cases; refuse it where anything is wrong."""
    policy = load_policy(source)
    if as_json:
        console.say_json(
            {"policy": policy.model_dump(mode="json"), "worked": [_as_json(one) for one in worked(policy)]}
        )
        return
    say_policy(policy)


def say_policy(policy: BenefitPolicy) -> None:
    """Print a policy in short, and its worked cases in yuan."""
    console.say(f"policy {policy.name}: {policy.title or 'no title'} — valid")
    held = ", ".join(_period(version) for version in policy.versions)
    console.say(f"insured in {', '.join(policy.insured)}; versions: {held}")
    for one in worked(policy):
        console.say(f"- {one.case.case or 'a case'} ({_who(one)})")
        console.say(f"  of {format_yuan(one.case.scope)} in scope: {_paid(one)}")


def print_policy_schema() -> None:
    """Print the JSON Schema of policy files."""
    console.out.file.write(policy_schema_text())


def _period(version: PolicyVersion) -> str:
    begins = "always" if version.since is None else f"from {version.since}"
    return begins if version.until is None else f"{begins} until {version.until}"


def _paid(one: Worked) -> str:
    """Return who pays what, in yuan, and whether that was worked out by hand too."""
    amounts = {name: getattr(one.amounts, field) for name, field in _FUNDS.items()}
    by_hand = any(stated is not None for stated in (one.case.fund, one.case.pool, one.case.person_pays))
    text = ", ".join(f"{name} {format_yuan(fen)}" for name, fen in amounts.items() if fen)
    return f"{text}; as by hand" if by_hand else text


def _who(one: Worked) -> str:
    case = one.case
    words = [case.person, case.kind, f"level {case.level}"]
    words += [] if case.visitor == "no" else [case.visitor]
    words += ["civil servant"] if case.civil_servant else []
    words += ["aided"] if case.aided else []
    words += [f"after {case.stays_before} stays"] if case.stays_before else []
    words += [] if case.day is None else [f"on {case.day}"]
    return ", ".join(words)


def _as_json(one: Worked) -> dict[str, Any]:
    return {"case": one.case.model_dump(mode="json"), "amounts": msgspec.to_builtins(one.amounts)}
