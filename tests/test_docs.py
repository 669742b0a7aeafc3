"""The manual is complete and current: what is made from code is as the code says, and every link leads somewhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))

from generate import PAGES  # noqa: E402 - docs is no package

from scenarios.reading.loader import load_scenario  # noqa: E402 - after it

PAGES_WRITTEN = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])


@pytest.mark.parametrize("name", PAGES)
def test_a_page_made_from_code_is_current(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "run: python docs/generate.py"


@pytest.mark.parametrize("page", PAGES_WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_local_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_choice_is_on_the_list() -> None:
    listed = set(re.findall(r"\]\(([^)]+\.md)\)", (DOCS / "why" / "README.md").read_text(encoding="utf-8")))

    assert listed == {page.name for page in (DOCS / "why").glob("*.md")} - {"README.md"}


def test_the_readme_shows_a_scenario_that_is_one(tmp_path: Path) -> None:
    [block] = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    shown = tmp_path / "my-question.yaml"
    shown.write_text(block, encoding="utf-8")

    assert load_scenario(shown).faults


def named_files(text: str) -> set[str]:
    """What a text names as a file or folder of ours: words in backticks that hold a slash or end in a suffix."""
    words = re.findall(r"`([\w./]+)`", text)
    return {word for word in words if "/" in word or re.search(r"\.(py|md|toml|json|sql)$", word)}


def test_every_file_that_the_architecture_names_is_there() -> None:
    places = [ROOT, *(ROOT / room for room in ("reference_impl", "scenarios", "sim", "lab", "loadtest"))]
    made_by_a_run = {"run.json"}

    missing = {
        name
        for name in named_files((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")) - made_by_a_run
        if not any((place / name).exists() for place in places)
    }

    assert missing == set()


ROOMS = ("reference_impl", "scenarios", "sim", "loadtest", "lab", "docs", "benchmarks")
SUFFIXES = ("*.py", "*.md", "*.yaml", "*.toml", "*.txt")
TEXTS = [
    *sorted(path for room in ROOMS for suffix in SUFFIXES for path in (ROOT / room).rglob(suffix)),
    *ROOT.glob("*.md"),
    *ROOT.glob("*.py"),
    ROOT / "pyproject.toml",
]


def test_no_text_points_to_a_document_that_is_not_here() -> None:
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in TEXTS
        for name in re.findall(r"[\w./-]*\w\.md\b", path.read_text(encoding="utf-8"))
        if not any((place / name).exists() for place in (ROOT, DOCS, path.parent))
    }

    assert missing == set()


def test_every_domain_fact_that_is_quoted_is_in_the_list() -> None:
    listed = set(re.findall(r"^\| (\d[\d.]*) \|", (DOCS / "facts.md").read_text(encoding="utf-8"), flags=re.MULTILINE))
    quoted = {
        (number, str(path.relative_to(ROOT)))
        for path in TEXTS
        for number in re.findall(r"domain facts? §?(\d+(?:\.\d+)?)", path.read_text(encoding="utf-8"))
    }

    assert {
        (number, path) for number, path in quoted if number not in listed and number.split(".")[0] not in listed
    } == set()
