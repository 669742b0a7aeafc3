"""One key, one effect: what is stored, what comes, and what to do (G1)."""

from __future__ import annotations

import msgspec
import pytest

from reference_impl.domain.idempotency import Judgement, differing_field, judge

STORY = """
    stored  reply  reversed  comes  verdict
    -       -      -         A      FRESH
    A       -      -         A      BUSY
    A       yes    -         A      REPLAY
    A       yes    yes       A      REPLAY
    A       -      yes       A      REVERSED
    -       -      yes       A      REVERSED
    A       yes    -         B      CONFLICT
    A       -      -         B      CONFLICT
    A       -      yes       B      CONFLICT
"""


@pytest.mark.parametrize("line", STORY.strip().splitlines()[1:])
def test_retry_story(line: str) -> None:
    stored, reply, reversed_, comes, verdict = line.split()

    judgement = judge(
        stored=None if stored == "-" else stored, content=comes, replied=reply == "yes", reversed_=reversed_ == "yes"
    )

    assert judgement is Judgement[verdict]


class Sale(msgspec.Struct):
    person: str
    total_fen: int


class Other(msgspec.Struct):
    person: str


def test_a_conflict_names_the_field_and_shows_no_value() -> None:
    assert differing_field(Sale("A", 1), Sale("B", 1)) == "person"
    assert differing_field(Sale("A", 1), Other("A")) == "infno"
