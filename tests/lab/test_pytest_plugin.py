"""Scenario files as test items, in a pytest of their own; every other file is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.pytest_plugin import looks_like_a_scenario

ROOT = Path(__file__).parents[2]
SCENARIO = """
# Three patients.
name: three
horizon: {start: 2024-03-13 08:00:00, length: 1h, drain_limit: 1h}
visits:
  per_day: 0
  local_per_cross: 0
  explicit:
    - {kind: pharmacy, care: 330400, insured: 630100, at: 1min}
topology: {regions: [33, 63], hospitals_per_province: {hospital: 1, pharmacy: 1}, desks_per_hospital: 1}
gates:
  visits.lost: ["== 0"]
  visits.direct: ["== BOUND"]
"""


def pytest_on(folder, *arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "lab.pytest_plugin", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def scenario(folder, bound, name="three.yaml"):
    (folder / name).write_text(SCENARIO.replace("BOUND", str(bound)))


def test_each_gate_is_an_item(tmp_path):
    scenario(tmp_path, 1)

    done = pytest_on(tmp_path, "three.yaml", "-v", "--junitxml=junit.xml")

    assert done.returncode == 0, done.stdout
    assert "three.yaml::visits.lost == 0 PASSED" in done.stdout
    assert "2 passed" in done.stdout
    assert 'tests="2"' in (tmp_path / "junit.xml").read_text()


def test_gate_that_does_not_hold_fails_in_one_line(tmp_path):
    scenario(tmp_path, 2)

    done = pytest_on(tmp_path, "three.yaml")

    assert done.returncode == 1
    assert "visits.direct == 2: fail, got 1" in done.stdout
    assert "Traceback" not in done.stdout
    assert "1 failed, 1 passed" in done.stdout


def test_wrong_scenario_is_a_collection_error_with_its_place(tmp_path):
    scenario(tmp_path, 1)
    (tmp_path / "three.yaml").write_text((tmp_path / "three.yaml").read_text().replace("per_day: 0", "per_dya: 0"))

    done = pytest_on(tmp_path, "three.yaml")

    assert done.returncode == 2
    assert "three.yaml:6:3: key 'visits.per_dya'" in done.stdout


def test_files_that_were_not_named_are_left_alone(tmp_path):
    scenario(tmp_path, 2)
    (tmp_path / "ci.yaml").write_text("name: build\non: push\n")
    (tmp_path / "test_one.py").write_text("def test_one(): pass\n")

    done = pytest_on(tmp_path)

    assert done.returncode == 0
    assert "1 passed" in done.stdout


LOOKS = """
    name: a|horizon: {length: 1d}       | yes
    # comment||name: a|gates: {}         | yes
    name: build|on: push                | no
    horizon: {length: 1d}|name: a        | no
    - name: a|horizon: x                | no
    names: [a]|visits: {}                | no
"""


@pytest.mark.parametrize("line", LOOKS.strip().splitlines())
def test_scenario_is_known_by_its_first_lines(line, tmp_path):
    text, _, expected = line.strip().rpartition("|")
    (tmp_path / "file.yaml").write_text(text.strip().replace("|", "\n") + "\n")

    assert looks_like_a_scenario(tmp_path / "file.yaml") == (expected.strip() == "yes")


def test_binary_file_is_no_scenario(tmp_path):
    (tmp_path / "file.yaml").write_bytes(b"name: \xff\xfe")

    assert not looks_like_a_scenario(tmp_path / "file.yaml")
