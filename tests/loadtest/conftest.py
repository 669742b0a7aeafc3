"""Stories told under gevent run in a process of their own: its patches and its hub must not leak into pytest."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "stories"
ROOT = Path(__file__).parents[2]
TIMEOUT_S = 60


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of every ``story_*`` function of the file that the test module names."""
    if "story" in metafunc.fixturenames:
        path = HERE / metafunc.module.STORIES
        names = [node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
        metafunc.parametrize("story", [name for name in names if name.startswith("story_")])


@cache
def _told(name: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, str(HERE / name)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # what a story prints comes before


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """What went wrong in a story; empty when nothing did."""
    stories = request.module.STORIES
    return lambda story: _told(stories)[story]
