"""Read a scenario: a file or a library name, one variant, single settings; one clear error when it is wrong.

Must never guess: what is not understood is refused with file, line, column, key, got and expected.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from scenarios.reading.benefits import policy_problems
from scenarios.reading.checks import problems
from scenarios.reading.empirical_file import with_empirical
from scenarios.reading.errors import Problem, ScenarioError
from scenarios.reading.policy_file import as_scenario, find_policy, with_policies
from scenarios.reading.scale import resolve
from scenarios.reading.shape import keys_at, nearest
from scenarios.reading.trace_file import with_trace
from scenarios.reading.tree import MAX_DEPTH, MAX_DIGITS, Branch, Place, overlay, parse_value, read_tree
from scenarios.reading.unheard import unheard
from scenarios.reading.versions import converted, converted_data, new_spelling
from scenarios.schema import Scenario
from scenarios.schema.benefit import BenefitPolicy
from scenarios.units import UnitError

__all__ = [
    "LIBRARY",
    "ScenarioError",
    "data_digest",
    "digest",
    "dump_scenario",
    "find_scenario",
    "library_names",
    "load_policy",
    "load_scenario",
    "restore_scenario",
    "validated",
    "variant_names",
]

M = TypeVar("M", bound=BaseModel)
LIBRARY = Path(__file__).parent.parent / "library"
_SETTING = re.compile(r"(?P<path>[^=\[\s]+(?:\[[^\]\s]*\])?)=(?P<value>.*)", re.DOTALL)
_OTHERS_MAX = 9
"""A wrong file shows its first errors; more would hide them."""
_MISSING = "missing key"
"""Shown after other errors: a key written wrong is missing as well."""
_POLICY_KEY = "benefits.policies.0"
"""Where a policy stands in the scenario that has nothing else."""
_NOT_DERIVED = "default_factory_not_called"
"""Said of a default that is derived from a key that is wrong itself."""


def load_scenario(
    source: str | Path, *, variant: str | None = None, sets: Iterable[str] = (), seed: int | None = None
) -> Scenario:
    """Return the resolved scenario: checked, with ``variant`` and ``sets`` applied, on the run's clock.

    ``source`` is a file, or the name of one of the library. Raise :class:`ScenarioError` when anything is wrong.
    """
    settings = [*sets] if seed is None else [*sets, f"seed={seed}"]
    return resolve(load_stated(source, variant=variant, sets=settings))


def load_stated(source: str | Path, *, variant: str | None = None, sets: Iterable[str] = ()) -> Scenario:
    """Return the scenario as stated: checked, but with people time and capacity not yet scaled."""
    tree = converted(read_tree(find_scenario(source)))
    resolved = tree.child("variant")
    if resolved is not None:
        expected = "a scenario as written, not as resolved by a run"
        raise _error_at(resolved, "variant", "key of a resolved scenario", expected=expected, at_key=True)
    layers = [tree, *_layers(tree, variant, [*sets])]
    whole = with_empirical(with_trace(with_policies(layers[-1])))
    stated = validated(whole, Scenario)
    _refuse([*problems(stated), *_swallowed(stated, layers)], whole)
    return stated


def load_policy(source: str) -> BenefitPolicy:
    """Return a benefit policy: a file, or the name of one that comes with yidi.

    Raises:
        ScenarioError: when anything is wrong with it, its worked cases included.

    """
    tree = as_scenario(read_tree(find_policy(source, Path())))
    try:
        stated = validated(tree, Scenario)
        _refuse(policy_problems(stated), tree)
    except ScenarioError as error:
        for one in (error, *error.others):
            one.key = one.key.removeprefix(_POLICY_KEY).removeprefix(".")
        raise
    assert stated.benefits is not None  # it says nothing else
    return stated.benefits.policies[0]


def variant_names(source: str | Path) -> tuple[str, ...]:
    """Return the names of the variants a scenario file offers."""
    variants = read_tree(find_scenario(source)).child("variants")
    return tuple(variants.value) if variants is not None and isinstance(variants.value, dict) else ()


def library_names() -> tuple[str, ...]:
    """Return the names of the packaged scenarios."""
    return tuple(sorted(path.stem for path in LIBRARY.glob("*.yaml")))


def find_scenario(source: str | Path) -> Path:
    """Return the file that ``source`` means: a path, or a name of the library."""
    path = Path(source)
    try:
        path.stat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:  # a ValueError is a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise ScenarioError(f"cannot read: {reason}", file=repr(str(source)), expected="a scenario file") from error
    if path.is_dir():
        raise ScenarioError("is a folder", file=str(source), expected="a scenario file, or a name of the library")
    if path.exists() or path.suffix or len(path.parts) > 1:
        return path
    packaged = LIBRARY / f"{path}.yaml"
    if packaged.exists():
        return packaged
    names = library_names()
    expected = f"a file, or one of the library: {', '.join(names)}"
    raise ScenarioError("no such scenario", file=str(source), expected=expected, hint=nearest(str(source), names))


def dump_scenario(scenario: Scenario) -> dict[str, Any]:
    """Return a resolved scenario as plain data that :func:`restore_scenario` reads back."""
    return scenario.model_dump(mode="json")


def restore_scenario(data: dict[str, Any]) -> Scenario:
    """Return a scenario from :func:`dump_scenario`; it is not scaled again."""
    return Scenario.model_validate(converted_data(data))


def digest(scenario: Scenario) -> str:
    """Return the hash that names this exact scenario."""
    return data_digest(dump_scenario(scenario))


def data_digest(data: dict[str, Any]) -> str:
    """Return what :func:`digest` says of the scenario that :func:`dump_scenario` made ``data`` of, in any version."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _layers(tree: Branch, variant: str | None, settings: Sequence[str]) -> Iterator[Branch]:
    """Yield the tree with each layer over it in turn: the variant, then the settings together."""
    if variant:
        tree = _with_variant(tree, variant)
        yield tree
    for setting in settings:
        tree = _with_setting(tree, setting)
    yield tree


def _swallowed(stated: Scenario, layers: Sequence[Branch]) -> Iterator[Problem]:
    """Yield the keys without effect; a layer may take the place of what one below it says."""
    for problem, by in unheard(stated):
        if _laid_by(by, layers) <= _laid_by(problem.path, layers):
            yield problem


def _laid_by(path: Sequence[str | int], layers: Sequence[Branch]) -> int:
    """Return the first layer that says what the last one says at ``path``."""
    said = [_at(layer, path) for layer in layers]
    return next(number for number, branch in enumerate(said) if branch == said[-1])


def _at(tree: Branch, path: Sequence[str | int]) -> Branch | None:
    branch: Branch | None = tree
    for step in _stated_path(path, tree):
        branch = branch.child(step) if branch is not None else None
    return branch


def _stated_path(path: Sequence[str | int], tree: Branch) -> tuple[str | int, ...]:
    """Return a path as the file has it: where one stands for a list of one (a cutover's plan) there is no number."""
    found: list[str | int] = []
    branch: Branch | None = tree
    for step in path:
        if isinstance(step, int) and branch is not None and isinstance(branch.value, dict):
            continue
        found.append(step)
        branch = branch.child(step) if branch is not None else None
    return tuple(found)


def _with_variant(tree: Branch, variant: str) -> Branch:
    variants = tree.child("variants")
    names = list(variants.value) if variants is not None and isinstance(variants.value, dict) else []
    chosen = variants.child(variant) if variants is not None else None
    if chosen is None:
        expected = f"one of {', '.join(names)}" if names else "no variant: the file has none"
        raise ScenarioError(
            "no such variant", file=tree.place.file, got=repr(variant), expected=expected, hint=nearest(variant, names)
        )
    if not isinstance(chosen.value, dict):
        raise _error_at(chosen, f"variants.{variant}", "wrong value", expected="a mapping of scenario keys")
    for forbidden in ("variants", "variant", "name"):
        inner = chosen.child(forbidden)
        if inner is not None:
            raise _error_at(inner, f"variants.{variant}.{forbidden}", "key not allowed in a variant", at_key=True)
    applied = Branch({"variant": Branch(variant, chosen.place, chosen.key_place)}, chosen.place, chosen.key_place)
    return overlay(overlay(tree, chosen), applied)


def _with_setting(tree: Branch, setting: str) -> Branch:
    found = _SETTING.fullmatch(setting)
    file = f"--set {setting}"
    if found is None:
        raise ScenarioError("not understood", file=file, expected="path=value, such as visits.per_day=5000")
    steps, text = _steps(found["path"]), found["value"]
    if len(steps) > MAX_DEPTH:
        raise ScenarioError("nested too deep", file=file, expected=f"at most {MAX_DEPTH} levels")
    if steps[0] == "gates" and len(steps) > 1 and not text.lstrip().startswith(("[", '"', "'")):
        text = json.dumps(text)  # a gate such as '> 99%' means something else to YAML
    return _set_at(tree, steps, parse_value(text, file))


def _steps(path: str) -> list[str]:
    """Split a path at its dots; the name of a measure holds dots itself."""
    section, _, measure = path.partition(".")
    return [section, measure] if section == "gates" and measure else path.split(".")


def _set_at(tree: Branch, steps: Sequence[str], value: Branch) -> Branch:
    """Lay a value where it belongs: a mapping is merged with what is there, an empty one takes that out."""
    if not steps:
        return overlay(tree, value) if isinstance(value.value, dict) and value.value else value
    step, rest = steps[0], steps[1:]
    empty = Branch({}, value.place, value.key_place)
    if isinstance(tree.value, list):
        if not step.isdecimal() or len(step) > MAX_DIGITS or int(step) >= len(tree.value):
            expected = f"an index from 0 to {len(tree.value) - 1}" if tree.value else "a longer list"
            raise ScenarioError("no such item", file=value.place.file, got=repr(step), expected=expected)
        items = list(tree.value)
        items[int(step)] = _set_at(items[int(step)], rest, value)
        return replace(tree, value=items)
    members = dict(tree.value) if isinstance(tree.value, dict) else {}
    members[step] = _set_at(members.get(step, empty), rest, value)
    return replace(tree, value=members)


def validated(tree: Branch, model: type[M]) -> M:
    """Return the model that a file's tree is.

    Raises:
        ScenarioError: with the line and column of what is wrong.

    """
    try:
        return model.model_validate(tree.plain())
    except ValidationError as failure:
        errors = failure.errors(include_url=False)
        found = [_problem(error, tree, model) for error in errors if error["type"] != _NOT_DERIVED]
    _refuse(found, tree)
    raise AssertionError("a validation error without errors")


def _problem(error: Any, tree: Branch, model: type[BaseModel]) -> Problem:
    path, model_path = _real_path(error["loc"], tree)
    if error["type"] == "extra_forbidden":
        renamed = new_spelling(path) if model is Scenario else None
        if renamed is not None:
            hint = "write version: 1 to have an old file converted"
            return Problem(path, "key was renamed", _shown(tree, path), repr(renamed), hint, at_key=True)
        keys = keys_at(model_path[:-1], model)
        name = str(path[-1])
        expected = f"one of {', '.join(keys)}"
        return Problem(path, "unknown key", _shown(tree, path), expected, nearest(name, keys), at_key=True)
    if error["type"] == "missing":
        return Problem(path, _MISSING, "", f"a value for {path[-1]!r}", at_key=True)
    context: dict[str, Any] = error.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, UnitError):
        return Problem(path, "wrong value", repr(cause.got), cause.expected)
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        kinds = _ARRIVAL_KINDS if path[-1:] == ("arrivals",) else _FAULT_KINDS
        tags = context.get("expected_tags", kinds).replace("'", "")
        hint = nearest(str(context.get("tag", "")), tags.split(", "))
        return Problem((*path, "kind"), "wrong value", _shown(tree, (*path, "kind")), f"one of {tags}", hint)
    if isinstance(cause, ValueError):  # a model's or a code's own sentence says it all
        return Problem(path, str(cause), "", "")
    return Problem(path, "wrong value", _shown(tree, path), _expected(error["type"], error["msg"], context))


_FAULT_KINDS = (
    "freeze, kill, refuse, slow, slow_disk, database_down, full_disk, cpu_hog, clock_off, lose, delay, "
    "lost_commit, yes_with_error_text, yes_without_receipt, reset, slow_close, duplicate, reorder, bandwidth, "
    "partition, half_partition, short_download"
)
_ARRIVAL_KINDS = "profile, poisson, bursts, spike, step, soak, trace, closed"


def _expected(kind: str, message: str, context: Mapping[str, Any]) -> str:
    """Return what was expected, in the words of YAML rather than of Python."""
    if kind.startswith("date_"):
        return "a date, such as 2024-03-13"
    if kind.startswith(("datetime", "timezone")):
        return "a date and time without zone, such as 2024-03-13 08:00:00"
    if kind in ("tuple_type", "list_type"):
        return "a list"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return "a mapping"
    if kind in ("too_short", "too_long"):
        return f"{context.get('min_length') or context.get('max_length')} items"
    if kind == "string_pattern_mismatch":
        return f"text that matches {context['pattern']}"
    text = re.split(r", (?:unable|got) ", message.removeprefix("Input should be "))[0]
    text = re.sub(r"<\w+\.\w+: ('\w+')>", r"\1", text[:1].lower() + text[1:])  # some of an enum's words, as written
    return f"a value {text}" if text.startswith(("greater", "less")) else text


def _real_path(steps: Sequence[str | int], tree: Branch) -> tuple[tuple[str | int, ...], tuple[str | int, ...]]:
    """Return the steps that exist in the file, and with them the tags that lead through the models."""
    real: list[str | int] = []
    branch: Branch | None = tree
    for number, step in enumerate(steps):
        inner = branch.child(step) if branch is not None else None
        last = number == len(steps) - 1
        if inner is not None or (last and step != "[key]" and not _is_inner_name(step)):
            real.append(step)
            branch = inner
    return tuple(real), tuple(step for step in steps if step != "[key]" and not _is_inner_name(step))


def _is_inner_name(step: str | int) -> bool:
    """Pydantic names the alternatives of a union in its paths, such as ``tuple[str, ...]``; no key looks like that."""
    return isinstance(step, str) and ("[" in step or "(" in step)


def _refuse(found: Iterable[Problem], tree: Branch) -> None:
    """Raise the first problem, single settings before the order of the file, with the others attached."""
    errors = [_as_error(problem, tree) for problem in found]
    if not errors:
        return
    errors.sort(key=lambda error: (error.file == tree.place.file, error.what == _MISSING, error.line, error.column))
    first = errors[0]
    first.others = tuple(errors[1 : 1 + _OTHERS_MAX])
    raise first


def _as_error(problem: Problem, tree: Branch) -> ScenarioError:
    branch, place = tree, tree.place
    path = _stated_path(problem.path, tree)
    for number, step in enumerate(path):
        inner = branch.child(step)
        if inner is None:
            break
        branch = inner
        last = number == len(path) - 1
        place = inner.key_place if problem.at_key and last else inner.place
    return ScenarioError(
        problem.what,
        file=place.file,
        line=place.line,
        column=place.column,
        key=".".join(str(step) for step in path),
        got=problem.got,
        expected=problem.expected,
        hint=problem.hint,
    )


def _error_at(branch: Branch, key: str, what: str, *, expected: str = "", at_key: bool = False) -> ScenarioError:
    place: Place = branch.key_place if at_key else branch.place
    return ScenarioError(what, file=place.file, line=place.line, column=place.column, key=key, expected=expected)


def _shown(tree: Branch, path: Sequence[str | int]) -> str:
    branch = _at(tree, path)
    if branch is None:
        return ""
    if isinstance(branch.value, dict | list):
        return "a mapping" if isinstance(branch.value, dict) else "a list"
    return repr(branch.value) if branch.value is not None else "nothing"
