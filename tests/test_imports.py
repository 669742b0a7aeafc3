"""Imports point one way, and loading the laboratory loads nothing that patches or slows its user."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = ["reference_impl.domain", "scenarios", "reference_impl", "sim|loadtest", "lab", "yidi"]
"""Each may import itself and what stands before it; ``sim`` and ``loadtest`` stand side by side and never meet."""
INSIDE_REFERENCE = {
    "domain": {"domain"},
    "protocol": {"domain", "protocol"},
    "wire": {"domain", "protocol", "wire"},
    "books": {"domain", "protocol", "books"},
    "hospital": {"domain", "protocol", "hospital"},
    "staging": {"domain", "protocol", "books", "hospital", "staging"},
    "server": {"domain", "protocol", "wire", "books", "staging", "server"},
}
ROOMS = ("reference_impl", "scenarios", "sim", "loadtest", "lab", "yidi")


def modules() -> list[Path]:
    rooms = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return sorted([*rooms, ROOT / "yidi.py"])


def module_name(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> set[str]:
    """Every module of ours that a file names in an import, wherever in the file it stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; name the room"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in found if name.split(".")[0] in ROOMS}


def room_of(module: str) -> str:
    return module.partition(".")[0]


def place(module: str) -> int:
    if module.startswith("reference_impl.domain"):
        return 0
    room = room_of(module)
    return {"scenarios": 1, "reference_impl": 2, "sim": 3, "loadtest": 3, "lab": 4, "yidi": 5}[room]


def may_import(importer: str, wanted: str) -> bool:
    if {room_of(importer), room_of(wanted)} == {"sim", "loadtest"}:
        return False
    if importer.startswith("reference_impl.") and wanted.startswith("reference_impl."):
        return wanted.split(".")[1] in INSIDE_REFERENCE[importer.split(".")[1]]
    return place(wanted) <= place(importer)


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_imports_point_one_way(path):
    importer = module_name(path)

    wrong = sorted(wanted for wanted in imported(path) if not may_import(importer, wanted))

    assert not wrong, f"{importer} may not import {', '.join(wrong)}; allowed order: {' <- '.join(ORDER)}"


@pytest.mark.parametrize(
    ("importer", "wanted"),
    [
        ("scenarios.reading.loader", "sim.run"),
        ("sim.run", "loadtest.faults"),
        ("loadtest.run", "sim.world"),
        ("reference_impl.protocol.hub", "reference_impl.books.memory"),
        ("reference_impl.wire.codec", "reference_impl.server.host"),
        ("reference_impl.domain.fees", "scenarios.units"),
        ("sim.run", "lab.analysis.measures"),
        ("lab.cli", "yidi"),
    ],
)
def test_planted_import_against_the_direction_is_caught(importer, wanted):
    assert not may_import(importer, wanted)


def test_reference_impl_init_is_a_docstring_only():
    [only] = ast.parse((ROOT / "reference_impl" / "__init__.py").read_text(encoding="utf-8")).body

    assert isinstance(only, ast.Expr)
    assert isinstance(only.value, ast.Constant)
    assert isinstance(only.value.value, str)


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


LIGHT = ("gevent", "locust", "geventhttpclient")


@pytest.mark.parametrize(
    ("statement", "unloaded"),
    [
        ("import lab", (*LIGHT, "numpy", "polars")),
        ("import yidi, lab.worlds.load, lab.experiments.curve, lab.calibration.calibrate", LIGHT),
        ("import lab.pytest_plugin", (*LIGHT, "numpy", "polars", "matplotlib", "scenarios", "pydantic")),
        ("import lab.cli.app", (*LIGHT, "numpy", "polars", "matplotlib", "scipy", "pydantic")),
    ],
)
def test_import_leaves_unloaded(statement, unloaded):
    found = loaded_by(statement)

    assert not {name for name in unloaded if name in found}
