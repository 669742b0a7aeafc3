"""The files for the next person say what is so: recipes and hooks name what exists, and nothing drifts from .ci/run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
VENV = ".venv/bin/"
README, CI, CONTRIBUTING = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", ".ci/run", "CONTRIBUTING.md")
)
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]


def recipes() -> dict[str, list[str]]:
    """The commands of each recipe; ``default`` has its prerequisites instead."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in (ROOT / "justfile").read_text(encoding="utf-8").splitlines():
        if head := re.fullmatch(r"(\w+):((?: \w+)*)", line):
            name = head[1]
            found[name] = head[2].split()
        elif line.startswith("    "):
            found[name].append(line.strip())
    return found


def commands_in(shell: str) -> list[str]:
    """The commands of a block that joins them with ``&&``."""
    return [" ".join(part.split()) for part in shell.split("&&")]


def readme_test_commands() -> list[str]:
    block = re.search(r"<!-- the tests -->\n```sh\n(.*?)```", README, flags=re.DOTALL)
    assert block, "README.md shows no test command"
    return commands_in(block[1])


def lacking(command: str) -> list[str]:
    """What a command names and does not exist: its program, its module, its files."""
    program, *rest = shlex.split(command)
    module = rest[1] if "python" in program and rest[:1] == ["-m"] else None
    files = [word for word in rest if re.fullmatch(r"[\w./-]+\.(?:py|txt|toml|yaml)", word)]
    gone = [] if runs(program) else [program]
    gone += [module] if module is not None and find_spec(module) is None else []
    return gone + [file for file in files if not (ROOT / file).is_file()]


def runs(program: str) -> bool:
    """Whether a program is of the virtual environment, of any machine with Python, or ours."""
    if program.startswith(VENV):
        name = program.removeprefix(VENV)
        return (Path(sys.executable).parent / name).exists() or name in entry_points(group="console_scripts").names
    return program == "python3" or (ROOT / program).is_file()


CALLED = [command for name, commands in recipes().items() if name != "default" for command in commands]
ENTRIES = {hook["id"]: hook["entry"] for repo in HOOKS for hook in repo["hooks"]}


@pytest.mark.parametrize("command", sorted({*CALLED, *ENTRIES.values()}))
def test_what_a_recipe_or_a_hook_names_exists(command):
    assert lacking(command) == []


@pytest.mark.parametrize(
    ("command", "gone"),
    [
        (".venv/bin/nonsense -q", ".venv/bin/nonsense"),
        (".venv/bin/python docs/nowhere.py", "docs/nowhere.py"),
        (".venv/bin/pip install -r requirements/nowhere.txt", "requirements/nowhere.txt"),
        (".venv/bin/python -m nowhere", "nowhere"),
        (".ci/nowhere", ".ci/nowhere"),
    ],
)
def test_a_planted_command_of_nothing_is_caught(command, gone):
    assert lacking(command) == [gone]


def test_the_default_is_lint_and_test():
    assert next(iter(recipes())) == "default"
    assert recipes()["default"] == ["lint", "test"]


def test_setup_and_test_are_what_the_readme_tells_and_the_ci_runs():
    assert [*recipes()["setup"], *recipes()["test"]] == readme_test_commands()
    assert "readme_tests=$(awk" in CI
    assert 'bash -euo pipefail -c "$readme_tests"' in CI


@pytest.mark.parametrize("recipe", ["cover", "lint", "slow"])
def test_a_recipe_runs_the_commands_of_the_ci_in_its_order(recipe):
    commands = recipes()[recipe]

    assert "\n".join(commands) in CI, f"recipe {recipe} and .ci/run drift apart"


def test_contributing_tells_the_readmes_setup_and_every_recipe_it_names():
    assert "\n".join(recipes()["setup"]) in CONTRIBUTING
    named = set(re.findall(r"`just (\w+)`", CONTRIBUTING))
    assert named <= set(recipes())
    assert recipes()["test"][0] in CONTRIBUTING
    assert recipes()["slow"][0] in CONTRIBUTING
    assert recipes()["cover"][0] in CONTRIBUTING


def test_hooks_need_no_network():
    assert {repo["repo"] for repo in HOOKS} == {"local"}
    assert {hook["language"] for repo in HOOKS for hook in repo["hooks"]} == {"system"}


def test_hooks_check_what_lint_checks():
    checked = {entry.partition(" #")[0].replace(" --check", "") for entry in ENTRIES.values()}

    for command in recipes()["lint"]:
        assert command.replace(" --check", "").removesuffix(" .") in checked


@pytest.mark.parametrize(
    ("hook", "good", "bad"),
    [("toml", "a = 1\n", "a = = 1\n"), ("yaml", "a: 1\n", "a: [1\n")],
)
def test_a_parse_hook_passes_what_can_be_read_and_nothing_else(hook, good, bad, tmp_path):
    program, *rest = shlex.split(ENTRIES[hook])
    assert program == f"{VENV}python"
    codes = []
    for name, text in (("good", good), ("bad", bad)):
        file = tmp_path / f"{name}.{hook}"
        file.write_text(text, encoding="utf-8")
        codes.append(subprocess.run([sys.executable, *rest, str(file)], capture_output=True, check=False).returncode)

    assert codes == [0, 1]


def test_the_changelog_tells_the_version_and_what_is_to_come():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    heads = re.findall(r"^## \[([^\]]+)\]", changelog, flags=re.MULTILINE)
    kinds = set(re.findall(r"^### (\w+)", changelog, flags=re.MULTILINE))

    assert heads[0] == "Unreleased"
    assert version in heads
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_git_ignores_no_file_of_ours():
    ours = [
        path.relative_to(ROOT).as_posix()
        for room in ("reference_impl", "scenarios", "sim", "loadtest", "lab", "tests", "docs", "benchmarks")
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone")

    told = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin"],
        cwd=ROOT, input="\n".join(ours), capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert told.stdout.splitlines() == []
