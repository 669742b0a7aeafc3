"""Imports point one way, and loading the laboratory loads nothing that patches or slows its user."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
REFERENCE = "reference_impl."
SETTLEMENT = ("domain", "protocol", "wire", "books", "trust", "telemetry", "server")
"""The settlement system: it knows no scenario, no hospital and no staging."""
MAY = {
    "reference_impl.domain": (),
    "reference_impl.protocol": ("reference_impl.domain",),
    "reference_impl.wire": ("reference_impl.domain", "reference_impl.protocol"),
    "reference_impl.books": ("reference_impl.domain", "reference_impl.protocol"),
    "reference_impl.trust": ("reference_impl.domain", "reference_impl.protocol"),
    "reference_impl.telemetry": ("reference_impl.domain",),
    "reference_impl.accounting": ("reference_impl.domain",),
    "reference_impl.supervision": ("reference_impl.domain", "reference_impl.accounting"),
    "reference_impl.server": tuple(REFERENCE + room for room in SETTLEMENT),
    "scenarios": ("reference_impl.domain",),
    "reference_impl.hospital": ("reference_impl.domain", "reference_impl.protocol", "scenarios"),
    "reference_impl.staging": (*(REFERENCE + room for room in SETTLEMENT), "reference_impl.hospital", "scenarios"),
    "sim.engine": ("reference_impl.protocol",),
    "sim.model": ("sim.engine", "reference_impl", "scenarios"),
    "sim": ("sim.engine", "sim.model", "reference_impl", "scenarios"),
    "loadtest": ("reference_impl", "scenarios"),
    "lab.analysis": (
        "sim.model.costs",
        "sim.model.queueing",
        "sim.model.turns",
        "reference_impl",
        "scenarios",
        "lab.checker",
        "lab.runs",
    ),
    "lab.checker": ("reference_impl", "scenarios"),
    "lab.recount": (
        "reference_impl.domain.failures",
        "reference_impl.domain.transactions",
        "scenarios.record.fates",
    ),
    "lab.runs": ("reference_impl", "scenarios"),
    "lab": ("sim", "loadtest", "reference_impl", "scenarios"),
    "yidi": ("lab", "sim", "reference_impl", "scenarios"),
}
"""What each room may import beside itself. ``sim`` and ``loadtest`` stand side by side and never meet."""
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


def inside(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


def room_of(module: str) -> str:
    """The innermost room with a rule of its own."""
    return max((room for room in MAY if inside(module, room)), key=len, default=module)


def may_import(importer: str, wanted: str) -> bool:
    room = room_of(importer)
    if room == "lab" and inside(wanted, "lab"):
        return True
    if room == room_of(wanted):
        return True
    return any(inside(wanted, allowed) for allowed in MAY[room])


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_imports_point_one_way(path):
    importer = module_name(path)
    if importer in ("reference_impl", "sim", "lab"):
        assert not imported(path), f"{importer}/__init__.py is a docstring only"
        return

    wrong = sorted(wanted for wanted in imported(path) if not may_import(importer, wanted))

    assert not wrong, f"{importer} may not import {', '.join(wrong)}; it may use {', '.join(MAY[room_of(importer)])}"


PLANTED = """
    reference_impl.domain.fees       scenarios.units
    reference_impl.domain.ledger     reference_impl.protocol.records
    reference_impl.protocol.hub      reference_impl.books.memory
    reference_impl.protocol.hub      scenarios.patients.draws
    reference_impl.protocol.care     reference_impl.hospital.ways
    reference_impl.wire.codec        reference_impl.server.host
    reference_impl.trust.signing     reference_impl.wire.codec
    reference_impl.telemetry.spans   reference_impl.protocol.records
    reference_impl.accounting.clearing  reference_impl.protocol.records
    reference_impl.supervision.smart  scenarios.schema
    reference_impl.server.node       reference_impl.supervision.smart
    reference_impl.server.node       reference_impl.accounting.statements
    reference_impl.wire.codec        scenarios.schema
    reference_impl.books.losing      scenarios.schema.faults
    reference_impl.books.memory      reference_impl.wire.codec
    reference_impl.server.host       scenarios.schema
    reference_impl.server.node       reference_impl.staging.build
    reference_impl.server.node       reference_impl.hospital.journey
    scenarios.reading.loader         sim.run
    scenarios.schema.gates           reference_impl.protocol.messages
    reference_impl.hospital.journey  reference_impl.books.memory
    reference_impl.hospital.journey  reference_impl.staging.build
    reference_impl.staging.build     sim.world
    sim.engine.driver                sim.model.node
    sim.engine.timeline              scenarios.schema
    sim.model.node                   sim.world
    sim.run                          loadtest.actions
    sim.run                          lab.analysis.measures
    loadtest.run                     sim.world
    loadtest.run                     lab.analysis.measures
    lab.analysis.measures            lab.worlds.sim
    lab.analysis.measures            sim.run
    lab.checker.laws                 lab.analysis.measures
    lab.recount.asking               lab.checker.rows
    lab.recount.sheets               reference_impl.books.sql.rows
    lab.recount.sheets               reference_impl.domain.ledger
    lab.runs.file                    lab.analysis.measures
    lab.cli.app                      yidi
"""


@pytest.mark.parametrize("line", PLANTED.strip().splitlines())
def test_planted_import_against_the_direction_is_caught(line):
    importer, wanted = line.split()

    assert not may_import(importer, wanted)


def test_every_room_has_a_planted_violation():
    planted = {room_of(line.split()[0]) for line in PLANTED.strip().splitlines()}

    assert planted | {"yidi", "lab"} == set(MAY)


def test_reference_impl_init_is_a_docstring_only():
    [only] = ast.parse((ROOT / "reference_impl" / "__init__.py").read_text(encoding="utf-8")).body

    assert isinstance(only, ast.Expr)
    assert isinstance(only.value, ast.Constant)
    assert isinstance(only.value.value, str)


HIDDEN = ("import_module", "__import__", "resolve_name")


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_nothing_is_imported_behind_the_back_of_these_tests(path):
    names = {node.id for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Name)}
    names |= {n.attr for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Attribute)}

    assert not names & set(HIDDEN)


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


LIGHT = ("gevent", "locust", "geventhttpclient")


@pytest.mark.parametrize(
    ("statement", "unloaded"),
    [
        (
            "import reference_impl.server.host",
            (
                *LIGHT,
                "numpy",
                "polars",
                "pydantic",
                "simpy",
                "sqlalchemy",
                "asyncpg",
                "scenarios",
                "reference_impl.hospital",
                "reference_impl.staging",
            ),
        ),
        ("import lab", (*LIGHT, "numpy", "polars")),
        ("import yidi, lab.worlds.load, lab.experiments.curve, lab.calibration.calibrate", LIGHT),
        ("import lab.pytest_plugin", (*LIGHT, "numpy", "polars", "matplotlib", "scenarios", "pydantic")),
        ("import lab.cli.app", (*LIGHT, "numpy", "polars", "matplotlib", "scipy", "pydantic")),
    ],
)
def test_import_leaves_unloaded(statement, unloaded):
    found = loaded_by(statement)

    assert not {name for name in unloaded if name in found}
