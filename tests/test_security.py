"""The threat table names what stops whom: each test that it names is one, and each line names at least one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TABLE = "## Who can do what with which key"
PARTIES = (
    "patient", "hospital", "clerk", "care province", "city", "hub", "insured province", "platform", "operator",
    "database administrator", "backup", "network",
)  # fmt: skip


def rows(text: str) -> list[list[str]]:
    """The cells of each line of the threat table."""
    table = text.partition(TABLE)[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def named_in(text: str) -> set[str]:
    return set(re.findall(r"`(test_\w+)`", text))


def all_tests() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        found |= set(re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text(encoding="utf-8"), flags=re.MULTILINE))
    return found


SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_every_test_that_the_table_names_is_there():
    named = named_in(SECURITY)

    assert len(named) > 30
    assert named - all_tests() == set()


def test_a_test_that_is_not_there_is_seen():
    assert named_in("stopped by `test_nothing_of_the_kind`") - all_tests() == {"test_nothing_of_the_kind"}


@pytest.mark.parametrize("row", rows(SECURITY), ids=lambda row: row[0])
def test_whoever_is_on_the_table_holds_can_and_cannot_something(row):
    assert len(row) == 4
    assert all(row)
    assert named_in(row[3]) or "Nothing else stops them" in row[3]


@pytest.mark.parametrize("party", PARTIES)
def test_nobody_is_left_out(party):
    assert any(party in row[0] for row in rows(SECURITY))
