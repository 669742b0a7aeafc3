"""Scenario files as pytest items: one item a gate, answered in the simulated world.

``pytest scenarios/library`` runs the packaged scenarios, ``pytest my-scenario.yaml`` one of yours; the variant ``ci``
or ``quick`` is used when there is one. Every pytest in an environment with yidi loads this module, so it imports
nothing but pytest, and leaves every other file alone: a YAML file is only looked at when named, or in the library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lab.runs.file import GateResult

VARIANTS = ("ci", "quick")
_BYTES_LOOKED_AT = 65_536
_FIRST_KEY = re.compile(r"\A(?:\s*#[^\n]*\n|\s*\n)*name:\s")
_OF_A_SCENARIO = re.compile(r"^(?:horizon|visits|gates):", re.MULTILINE)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a scenario file that was named on the command line, or lies in the library."""
    if file_path.suffix != ".yaml":
        return None
    wanted = parent.session.isinitpath(file_path) or file_path.parent == _library()
    if not wanted or not looks_like_a_scenario(file_path):
        return None
    return ScenarioFile.from_parent(parent, path=file_path)  # pyright: ignore[reportUnknownMemberType] - pytest leaves its keywords untyped


def looks_like_a_scenario(path: Path) -> bool:
    """Tell from the first lines, without parsing YAML."""
    try:
        with path.open("rb") as file:
            text = file.read(_BYTES_LOOKED_AT).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return bool(_FIRST_KEY.match(text) and _OF_A_SCENARIO.search(text))


def _library() -> Path | None:
    found = find_spec("scenarios")
    return Path(found.origin).parent / "library" if found is not None and found.origin else None


class ScenarioFile(pytest.File):
    """One scenario; it is simulated once, when its first gate is asked for."""

    _results: dict[int, GateResult] | None = None
    _scenario: Any = None

    def collect(self) -> Iterator[pytest.Item]:
        """Yield one item a gate."""
        from scenarios.reading.loader import ScenarioError, load_scenario, variant_names  # noqa: PLC0415
        from scenarios.schema.gates import parse_gates  # noqa: PLC0415 - loaded only when a scenario is collected

        try:
            variant = next((name for name in VARIANTS if name in variant_names(self.path)), None)
            self._scenario = load_scenario(self.path, variant=variant)
        except ScenarioError as error:
            raise self.CollectError(str(error)) from None
        for place, gate in enumerate(parse_gates(self._scenario.gates)):
            yield GateItem.from_parent(self, name=f"{gate.measure} {gate.text}", place=place)  # pyright: ignore[reportUnknownMemberType] - pytest leaves its keywords untyped

    def result(self, place: int) -> GateResult:
        """Return the verdict on one gate."""
        if self._results is None:
            from lab.worlds.conclude import answer  # noqa: PLC0415
            from lab.worlds.sim import simulate_here  # noqa: PLC0415

            outcome, interrupted = simulate_here(self._scenario, None)
            if interrupted:
                raise KeyboardInterrupt
            self._results = dict(enumerate(answer(outcome).gates))
        return self._results[place]


class GateNotHeldError(Exception):
    """A gate of a scenario does not hold."""


class GateItem(pytest.Item):
    """One gate."""

    def __init__(self, *, place: int, **rest: Any) -> None:
        """Remember which gate it is."""
        super().__init__(**rest)  # pyright: ignore[reportUnknownMemberType] - pytest leaves its keywords untyped
        self._place = place

    def runtest(self) -> None:
        """Pass when the gate holds."""
        assert isinstance(self.parent, ScenarioFile)
        found = self.parent.result(self._place)
        if found.verdict != "pass":
            raise GateNotHeldError(_sentence(found))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Say in one line what did not hold; show the trace of anything else."""
        if isinstance(excinfo.value, GateNotHeldError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return what reports call the item."""
        return self.path, None, f"gate {self.name}"


def _sentence(found: GateResult) -> str:
    from lab.report.format import show  # noqa: PLC0415

    note = f" ({found.note})" if found.note else ""
    return f"{found.measure} {found.expression}: {found.verdict}, got {show(found.value, found.unit)}{note}"
