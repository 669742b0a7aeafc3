"""Every error that a clerk can meet is in the catalogue, whole, and every row of it is given somewhere, or says why not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from reference_impl.domain.error_catalogue import (
    BY_OUTCOME,
    CATALOGUE,
    GROUP_NAMES_ZH,
    MALFORMED,
    OWNER_NAMES_ZH,
    UNCODED,
    Group,
    Owner,
    group_of,
)
from reference_impl.domain.errors import REASONS, Refusal
from reference_impl.domain.unheard import UNHEARD_REASONS, Unheard
from reference_impl.hospital.history import _OUTCOMES
from reference_impl.wire.answers import refusal_of, refusal_text

ROOMS = Path(__file__).parents[3] / "reference_impl"
CATALOGUES = {"errors.py", "error_catalogue.py"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def given(source: str) -> set[str]:
    """The refusals that a text names as ``Refusal.NAME``."""
    return {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Refusal"
    }


def given_in_the_code() -> set[str]:
    files = [path for path in ROOMS.rglob("*.py") if path.name not in CATALOGUES]
    return {Refusal[name].value for path in files for name in given(path.read_text(encoding="utf-8"))}


def test_every_refusal_that_the_code_can_give_is_a_row():
    assert set(Refusal) <= set(CATALOGUE), "a row each in reference_impl/domain/error_catalogue.py"
    assert {MALFORMED, UNCODED} <= set(CATALOGUE)
    assert set(CATALOGUE) == {*Refusal, *Unheard, MALFORMED, UNCODED, *(f"T{n:02d}" for n in range(1, 8))}


def test_every_row_is_given_somewhere_or_says_why_not():
    given_somewhere = given_in_the_code()
    unmet = {code for code in Refusal if code.value not in given_somewhere}

    assert {code for code, row in CATALOGUE.items() if row.unmet} == unmet | {UNCODED}


def test_a_planted_refusal_that_nobody_gives_is_seen():
    assert given("refused(Refusal.NO_TERMS); Refusal['YEAR_CLOSED']; other.ONE_SIDED") == {"NO_TERMS"}


@pytest.mark.parametrize("row", CATALOGUE.values(), ids=CATALOGUE)
def test_a_row_tells_a_clerk_in_two_languages_what_is_wrong_and_what_to_do(row):
    assert row.what
    assert row.next_step
    assert CHINESE.search(row.what_zh)
    assert CHINESE.search(row.next_zh)
    assert row.group in Group


def test_a_refusal_travels_in_the_words_of_the_catalogue():
    for refusal, reason in REASONS.items():
        row = CATALOGUE[refusal]
        assert f"{row.what}; {row.next_step}" == reason
        assert refusal_of(refusal_text(refusal, reason))[0] == row.code


def test_whoever_is_not_heard_is_told_in_the_words_of_the_catalogue():
    assert set(UNHEARD_REASONS) == set(Unheard)
    for why, reason in UNHEARD_REASONS.items():
        assert f"{CATALOGUE[why].what}; {CATALOGUE[why].next_step}" == reason
        assert group_of(why) is Group.IDENTITY


def test_no_two_rows_say_the_same():
    for names in ("what", "what_zh"):
        said = [getattr(row, names) for row in CATALOGUE.values()]
        assert len(set(said)) == len(said)


def test_every_attempt_without_a_verdict_has_a_code():
    assert set(BY_OUTCOME) == set(_OUTCOMES.values())
    assert {group_of(code) for code in BY_OUTCOME.values()} == {Group.TRANSPORT}


def test_classes_and_owners_have_a_chinese_name_each():
    assert set(GROUP_NAMES_ZH) == set(Group)
    assert set(OWNER_NAMES_ZH) == set(Owner)
