"""Versioned rows: what held when, by what had come by then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.versioned import Row, Standing, known_rows, newest_name, standing

STORY = """
    row of              came   at    known   stands
    -                   -      5     5       not_received
    X 0..9 v1           0      5     5       valid
    X 0..9 v1           0      9     9       ended
    X 4..9 v1           0      3     9       not_yet
    X 0..9 v1           7      5     5       not_received
    X 0..9 v1,0..3 v2   0,6    5     5       valid
    X 0..9 v1,0..3 v2   0,6    5     6       ended
    X 0..3 v1,0..9 v2   6,0    5     6       valid
    X 0..3 v1,3..9 v2   0,4    5     3       ended
    X 0..3 v1,3..9 v2   0,4    5     4       valid
"""
"""Who has heard what by then; the last two are a level that is stated anew, before and after it came."""


def rows_of(what: str, came: str) -> list[Row]:
    if what == "-":
        return []
    name, _, stated = what.partition(" ")
    found: list[Row] = []
    for one, came_us in zip(stated.split(","), came.split(","), strict=True):
        times, version = one.split(" v")
        from_us, until_us = times.split("..")
        found.append(Row(name, int(from_us), int(until_us), int(version), int(came_us)))
    return found


@pytest.mark.parametrize("line", STORY.strip().splitlines()[1:])
def test_a_name_stands_by_what_had_come(line: str) -> None:
    *what, came, at, known, stands = line.split()

    rows = rows_of(" ".join(what), came)

    assert standing(rows, "X", at_us=int(at), known_us=int(known)).value == stands


NAMES = st.sampled_from(["X", "Y"])
TIMES = st.integers(0, 12)
ROWS = st.lists(
    st.builds(Row, NAMES, TIMES, TIMES, st.integers(0, 5), TIMES),
    max_size=8,
    unique_by=lambda row: (row.name, row.valid_from_us, row.version),
)


@given(ROWS, NAMES, TIMES, TIMES)
def test_it_is_as_if_every_instant_were_written_on_a_sheet(
    rows: list[Row], name: str, at_us: int, known_us: int
) -> None:
    """The truth told another way: versions are written over each other in their order, instant by instant."""
    sheets: dict[tuple[str, int], set[int]] = {}
    for row in sorted(rows, key=lambda row: row.version):
        if row.received_us <= known_us:
            sheets[row.name, row.valid_from_us] = set(range(row.valid_from_us, row.valid_until_us))

    holds = {called for (called, _), instants in sheets.items() if at_us in instants}

    assert (standing(rows, name, at_us=at_us, known_us=known_us) is Standing.VALID) == (name in holds)
    newest = newest_name(rows, at_us=at_us, known_us=known_us)
    assert newest in (holds or {""})
    assert len(known_rows(rows, known_us)) == len(sheets)


@given(ROWS, TIMES, TIMES)
def test_what_comes_later_changes_nothing_of_what_was_known(rows: list[Row], at_us: int, known_us: int) -> None:
    before = [row for row in rows if row.received_us <= known_us]

    for name in ("X", "Y"):
        assert standing(rows, name, at_us=at_us, known_us=known_us) is standing(
            before, name, at_us=at_us, known_us=known_us
        )
