"""We reach into SimPy in one module, for speed; whoever moves SimPy's version learns here what to look at."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import simpy
from packaging.requirements import Requirement

from sim.engine.timeline import PRIVATE_OF_SIMPY

ROOT = Path(__file__).parents[2]
BORDER = ROOT / "sim" / "engine" / "timeline.py"
ROOMS = ("reference_impl", "scenarios", "sim", "loadtest", "lab", "benchmarks")
LOOK = "look at sim/engine/timeline.py, then at the bound on simpy in pyproject.toml"


def bound() -> Requirement:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return next(found for found in map(Requirement, project["dependencies"]) if found.name == "simpy")


USED_AS: dict[str, Callable[[simpy.Environment], bool]] = {
    "_queue": lambda env: [type(part) for part in env._queue[0][:-1]] == [int, int, int],
    "_eid": lambda env: next(env._eid) == 1,
    "_now": lambda env: env._now == env.now == 3,
    "_ok": lambda env: env._queue[0][3]._ok is True,
    "_value": lambda env: env._queue[0][3]._value == 7,
}


def complaint(version: str, environment: simpy.Environment) -> str:
    """What no longer holds of SimPy, or nothing."""
    if version not in bound().specifier:
        return f"SimPy is {version}; expected {bound()}; {LOOK}"
    for name, used in USED_AS.items():
        try:
            held = used(environment)
        except (AttributeError, TypeError, IndexError):
            held = False
        if not held:
            return f"SimPy {version} has no {name} that is {PRIVATE_OF_SIMPY[name]}; {LOOK}"
    return ""


def environment() -> simpy.Environment:
    made = simpy.Environment(3)
    made.event().succeed(7)
    return made


def test_simpy_is_the_one_we_reach_into():
    found = complaint(simpy.__version__, environment())

    assert not found, found


@pytest.mark.parametrize("version", ["4.1.0", "4.2", "5.0.1"])
def test_a_simpy_outside_the_bound_is_told(version):
    assert complaint(version, environment()).startswith(f"SimPy is {version}; expected simpy")


@pytest.mark.parametrize("name", PRIVATE_OF_SIMPY)
def test_an_attribute_that_is_gone_is_told_by_name(name):
    whole = environment()
    happened = SimpleNamespace(**{n: getattr(whole._queue[0][3], n) for n in ("_ok", "_value") if n != name})
    parts = {"_queue": [(*whole._queue[0][:3], happened)], "_eid": whole._eid, "_now": 3, "now": 3}
    parts.pop(name, None)

    said = complaint(simpy.__version__, SimpleNamespace(**parts))

    assert f"has no {name} that is {PRIVATE_OF_SIMPY[name]}" in said
    assert said.endswith(LOOK)


def private_uses(path: Path) -> Iterator[str]:
    """The names of SimPy's private attributes that a file reads, writes or defines."""
    private = {name for thing in (simpy.Environment(), simpy.Environment().event()) for name in dir(thing)}
    private |= set(PRIVATE_OF_SIMPY)
    private = {name for name in private if name.startswith("_") and not name.startswith("__")}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        name = node.name if isinstance(node, ast.FunctionDef) else name
        if name in private:
            yield name


def files() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def test_the_list_of_what_we_take_is_what_we_take():
    assert set(private_uses(BORDER)) == set(PRIVATE_OF_SIMPY) == set(USED_AS)


def test_no_other_module_reaches_into_simpy():
    found = {str(path.relative_to(ROOT)): sorted(set(private_uses(path))) for path in files() if path != BORDER}

    assert {path: names for path, names in found.items() if names} == {}


def test_simpy_is_imported_by_its_public_name():
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        if name.startswith("simpy.") or (name == "simpy" and isinstance(node, ast.ImportFrom))
    }

    assert found == set()


def test_a_planted_reach_into_simpy_is_caught(tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text("def soon(env):\n    return env._queue[0]\n")

    assert list(private_uses(planted)) == ["_queue"]
