"""Tables of rules: what is no TOML, no table or no text is refused in one sentence; versions may not overlap."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from reference_impl.domain.rule_tables import RuleError, as_table, read_text, refuse_overlaps


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    begins: date
    until: date | None = None


class Table(msgspec.Struct, forbid_unknown_fields=True):
    row: list[Row]


def rows(*spans: tuple[str, int, int | None]) -> list[Row]:
    return [Row(name, date(2024, 1, a), None if b is None else date(2024, 1, b)) for name, a, b in spans]


def test_a_table_is_read_into_its_rows():
    assert as_table("[[row]]\nid = 'a'\nbegins = 2024-01-01\n", "x", Table).row == rows(("a", 1, None))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[row", "is no TOML"),
        ("[[row]]\nid = 3\nbegins = 2024-01-01\n", "expected `str`, got `int` - at `$.row[0].id`"),
        ("[[row]]\nid = 'a'\nbegins = 2024-01-01\nmore = 1\n", "object contains unknown field `more`"),
    ],
)
def test_what_is_no_table_is_refused(text, told):
    with pytest.raises(RuleError) as refused:
        as_table(text, "mine.toml", Table)

    assert str(refused.value).startswith("mine.toml: ")
    assert told in str(refused.value)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"\xff\xfe")
    for name in ("x", "none"):
        with pytest.raises(RuleError, match="cannot read rules"):
            read_text(tmp_path / name, "rules")
    (tmp_path / "y").write_text("a")
    assert read_text(tmp_path / "y", "rules") == "a"


@pytest.mark.parametrize(
    "spans", [[("a", 1, 5), ("a", 5, None)], [("a", 1, None), ("a", 9, None)], [("b", 1, 1), ("a", 7, 9), ("a", 1, 8)]]
)
def test_versions_that_overlap_are_refused(spans):
    with pytest.raises(RuleError, match="'a' has versions that overlap"):
        refuse_overlaps(rows(*spans), "x")


@pytest.mark.parametrize("spans", [[], [("a", 1, 4), ("a", 5, None)], [("a", 1, None), ("b", 1, None)]])
def test_versions_one_after_the_other_and_of_others_pass(spans):
    refuse_overlaps(rows(*spans), "x")
