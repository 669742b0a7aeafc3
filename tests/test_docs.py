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
