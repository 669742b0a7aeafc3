"""Every type is checked strictly; what a library leaves untyped is let pass at a named border, and nowhere else."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pyright"]

BORDERS = {
    "lab/report/beginning_figure.py": "matplotlib",
    "lab/report/curves.py": "matplotlib",
    "lab/report/cutover_figures.py": "matplotlib",
    "lab/report/figures.py": "matplotlib",
    "lab/report/sankey.py": "matplotlib",
    "lab/report/style.py": "matplotlib",
}
"""The library borders: modules that let a rule go for the whole file, and the library that needs it."""

LET_GO = re.compile(r"# pyright: report\w+=false(?:, report\w+=false)*")
ONE_LINE = re.compile(r"pyright: ignore\[report\w+(?:, report\w+)*\] - \S")


def checked() -> list[Path]:
    """Every file that pyright looks at."""
    named = [ROOT / name for name in SETTINGS["include"]]
    return sorted(path for place in named for path in (place.rglob("*.py") if place.is_dir() else [place]))


def comments(source: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def file_level(source: str) -> list[str]:
    """The comments that change the rules of a whole file."""
    return [c for c in comments(source) if re.match(r"#\s*pyright:", c) and not re.match(r"#\s*pyright:\s*ignore", c)]


def careless(source: str) -> list[str]:
    """The comments that let one line pass without naming the rule and the reason."""
    exempting = [c for c in comments(source) if re.search(r"pyright:\s*ignore|type:\s*ignore", c)]
    return [comment for comment in exempting if not ONE_LINE.search(comment)]


def libraries(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_pyright_is_strict_everywhere():
    assert SETTINGS["typeCheckingMode"] == "strict"
    assert SETTINGS["reportUnnecessaryTypeIgnoreComment"] == "error"
    assert set(SETTINGS) == {"include", "pythonVersion", "typeCheckingMode", "reportUnnecessaryTypeIgnoreComment"}
    assert set(SETTINGS["include"]) == {"reference_impl", "scenarios", "sim", "loadtest", "lab", "yidi.py"}


def test_only_a_named_border_lets_a_rule_go_for_a_whole_file():
    found = {str(path.relative_to(ROOT)) for path in checked() if file_level(path.read_text(encoding="utf-8"))}

    assert not found - set(BORDERS), "name the border and its library in BORDERS, or let only the line pass"
    assert not set(BORDERS) - found, "no border any more: take it out of BORDERS"


@pytest.mark.parametrize(("module", "library"), BORDERS.items())
def test_a_border_lets_rules_go_by_name_and_imports_its_library(module, library):
    source = (ROOT / module).read_text(encoding="utf-8")

    assert all(LET_GO.fullmatch(comment) for comment in file_level(source))
    assert library in libraries(source)


@pytest.mark.parametrize("path", checked(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_line_that_is_let_pass_names_the_rule_and_the_reason(path):
    assert not careless(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "planted",
    ["# pyright: basic", "#pyright: standard", "# pyright: reportUnknownMemberType=false", "# pyright: strict"],
)
def test_planted_exemption_of_a_file_is_seen(planted):
    assert file_level(f'"""Words."""\n{planted}\nx = 1\n') == [planted]
    assert not file_level(f'"""{planted}"""\n')


@pytest.mark.parametrize(
    "planted",
    [
        "# pyright: ignore",
        "# pyright: ignore[reportUnknownMemberType]",
        "# type: ignore",
        "# noqa: F401  # type: ignore[import]",
        "# pyright: ignore - no rule",
    ],
)
def test_planted_careless_exemption_of_a_line_is_seen(planted):
    assert careless(f"x = 1  {planted}\n") == [planted]
    assert not careless(
        "x = 1  # noqa: F401  # pyright: ignore[reportUnusedImport] - it is imported for what it does\n"
    )


@pytest.mark.slow  # pyright reads the libraries anew
def test_a_border_still_needs_what_it_lets_go(tmp_path):
    copies: dict[str, str] = {}
    for place, module in enumerate(BORDERS):
        source = (ROOT / module).read_text(encoding="utf-8")
        for comment in file_level(source):
            source = source.replace(comment, "#")
        copies[f"border_{place}.py"] = module
        (tmp_path / f"border_{place}.py").write_text(source, encoding="utf-8")
    settings = SETTINGS | {"include": ["."], "extraPaths": [str(ROOT)]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")

    done = subprocess.run(
        [Path(sys.executable).parent / "pyright", "--pythonpath", sys.executable, "--outputjson", "-p", tmp_path],
        capture_output=True,
        text=True,
        env=os.environ | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        check=False,
    )

    found: dict[str, set[str]] = {module: set() for module in BORDERS}
    for one in json.loads(done.stdout)["generalDiagnostics"]:
        found[copies[Path(one["file"]).name]].add(one["rule"])
    for module, rules in found.items():
        let_go = set(re.findall(r"(report\w+)=false", "".join(file_level((ROOT / module).read_text(encoding="utf-8")))))
        assert rules == let_go, f"{module} lets {sorted(let_go)} go and needs {sorted(rules)}"
