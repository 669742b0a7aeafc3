"""Read benefit policies: those that a scenario names, put in its tree where their names stand; one by itself.

A policy keeps the place where it was written, so that an error in it names its own file and line.
Must never decide whether a policy makes sense: ``scenarios.schema.benefit`` does.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from scenarios.reading.errors import ScenarioError
from scenarios.reading.shape import nearest
from scenarios.reading.tree import Branch, read_tree

__all__ = ["POLICIES", "as_scenario", "find_policy", "policy_names", "with_policies"]

POLICIES = Path(__file__).parent.parent / "policies"
_SUFFIX = ".yaml"


def policy_names() -> tuple[str, ...]:
    """Return the names of the policies that come with yidi."""
    return tuple(sorted(path.stem for path in POLICIES.glob(f"*{_SUFFIX}")))


def find_policy(source: str, base: Path, *, place: Branch | None = None) -> Path:
    """Return the file that ``source`` means: a path from ``base`` on, or the name of a packaged policy."""
    if source.endswith(_SUFFIX):
        return base / source
    names = policy_names()
    if source in names:
        return POLICIES / f"{source}{_SUFFIX}"
    expected = f"a policy file (*{_SUFFIX}), or one of {', '.join(names)}"
    at = None if place is None else place.place
    raise ScenarioError(
        "no such policy",
        file=source if at is None else at.file,
        line=0 if at is None else at.line,
        column=0 if at is None else at.column,
        got=repr(source),
        expected=expected,
        hint=nearest(source, names),
    )


def with_policies(tree: Branch) -> Branch:
    """Return a scenario's tree with each policy that it names written out in the name's place."""
    benefits = tree.child("benefits")
    listed = None if benefits is None else benefits.child("policies")
    if benefits is None or listed is None or not isinstance(listed.value, list):
        return tree
    policies = replace(listed, value=[_written_out(one) for one in listed.value])
    return _with(tree, "benefits", _with(benefits, "policies", policies))


def as_scenario(policy: Branch) -> Branch:
    """Return the tree of a scenario that has this policy and says nothing else."""
    listed = Branch([policy], policy.place, policy.place)
    benefits = Branch({"policies": listed}, policy.place, policy.place)
    name = Branch("policy", policy.place, policy.place)
    return Branch({"name": name, "benefits": benefits}, policy.place, policy.place)


def _written_out(policy: Branch) -> Branch:
    if not isinstance(policy.value, str):
        return policy
    return read_tree(find_policy(policy.value, Path(policy.place.file).parent, place=policy))


def _with(tree: Branch, key: str, value: Branch) -> Branch:
    assert isinstance(tree.value, dict)  # the key was found in it
    return replace(tree, value={**tree.value, key: value})
