"""Releases and downloads: which rows are new, who has them when, and by which code an item is called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.master_data import (
    STALE_REFUSALS,
    Download,
    NodeData,
    Received,
    Release,
    Subject,
    code_of,
    concerns,
    item_of,
    received_us,
)
from reference_impl.domain.versioned import NEVER_US, Standing

NAMES = [f"S{number:05d}" for number in range(400)]
ALL = Release(1, 10, 20, 1.0)


def received(*releases: Release, downloads: tuple[Download, ...] | None = None) -> Received:
    return Received("33", releases, downloads, 7)


def test_a_share_of_the_names_is_concerned_and_always_the_same() -> None:
    half = Release(1, 0, 0, 0.5)

    found = [name for name in NAMES if concerns(half, name, 7)]

    assert 150 < len(found) < 250
    assert found == [name for name in NAMES if concerns(half, name, 7)]
    assert found != [name for name in NAMES if concerns(half, name, 8)]


@pytest.mark.parametrize(
    ("downloads", "came_us"),
    [
        (None, 10),  # who downloads nothing is told of it as it is published
        ((), NEVER_US),
        ((Download(9, 12), Download(19, 22)), 22),  # the first began before it was published
        ((Download(10, 13),), 13),
        ((Download(10, 13, 0.0), Download(20, 23)), 23),  # nothing came, so it is late by one
    ],
)
def test_a_release_comes_with_the_first_download_that_begins_once_it_is_published(
    downloads: tuple[Download, ...] | None, came_us: int
) -> None:
    assert received_us(ALL, "S00001", "33", downloads, 7) == came_us


def test_a_short_download_brings_a_part_and_the_next_one_the_rest() -> None:
    downloads = (Download(10, 11, 0.3), Download(20, 21, 0.3), Download(30, 31))

    came = [received_us(ALL, name, "33", downloads, 7) for name in NAMES]

    assert 80 < came.count(11) < 160
    assert 50 < came.count(21) < 120
    assert came.count(11) + came.count(21) + came.count(31) == len(NAMES)
    assert came != [received_us(ALL, name, "34", downloads, 7) for name in NAMES]  # others lack others


def test_a_level_that_is_stated_anew_ends_and_goes_on_when_it_has_come() -> None:
    levels = received(ALL, downloads=(Download(25, 30),))

    assert [levels.holds("H1", now_us) for now_us in (0, 19, 20, 29, 30, 99)] == [True, True, False, False, True, True]


def test_who_had_no_row_before_is_known_from_the_first_that_came() -> None:
    levels = received(Release(1, 10, 20, 1.0, first=True), downloads=(Download(25, 30),))

    assert [levels.holds("H1", now_us) for now_us in (0, 20, 29, 30)] == [False, False, False, True]


def test_rows_that_nothing_concerns_hold_for_ever() -> None:
    nothing = received(Release(1, 10, 20, 0.0))

    assert nothing.holds("H1", 0)
    assert nothing.holds("H1", 10**15)
    assert nothing.code_standing("S00001", 99) is Standing.VALID


def test_a_new_code_takes_the_place_of_the_old_one_which_holds_beside_it_for_a_while() -> None:
    codes = received(Release(1, 10, 20, 1.0, overlap_us=5))

    stands = {
        now_us: (codes.code_standing("X", now_us).value, codes.code_standing("X.1", now_us).value)
        for now_us in (9, 10, 20, 24, 25)
    }

    assert stands == {
        9: ("valid", "not_received"),
        10: ("valid", "not_yet"),
        20: ("valid", "valid"),
        24: ("valid", "valid"),
        25: ("ended", "valid"),
    }
    assert [codes.newest_code("X", now_us) for now_us in (9, 19, 20, 30)] == ["X", "X", "X.1", "X.1"]


def test_whoever_has_a_later_release_knows_the_earlier_ones_too() -> None:
    first, second = Release(1, 0, 0, 1.0), Release(2, 50, 50, 1.0)
    codes = received(first, second, downloads=(Download(0, 5, 0.0), Download(50, 60)))

    assert codes.code_standing("X", 55) is Standing.VALID  # by what had come
    assert [codes.code_standing(code, 60).value for code in ("X", "X.1", "X.2")] == ["ended", "ended", "valid"]


RELEASES = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 50), st.floats(0, 1), st.integers(0, 20)), min_size=1, max_size=4
)
DOWNLOADS = st.none() | st.lists(st.tuples(st.integers(0, 80), st.integers(0, 20), st.floats(0, 1)), max_size=4)


@given(RELEASES, DOWNLOADS, st.sampled_from(NAMES), st.integers(0, 120))
def test_one_who_has_what_the_other_has_never_turns_their_code_away(
    releases: list[tuple[int, int, float, int]],
    downloads: list[tuple[int, int, float]] | None,
    item: str,
    now_us: int,
) -> None:
    """A hospital and a place of care that download together agree at every instant, whatever came short."""
    issued = [
        Release(number, min(a, b), max(a, b), share, overlap)
        for number, (a, b, share, overlap) in enumerate(releases, 1)
    ]
    made = None if downloads is None else tuple(sorted((Download(a, a + b, c) for a, b, c in downloads), key=repr))
    if made is not None:
        made = tuple(sorted(made, key=lambda one: one.began_us))
    codes = Received("33", issued, made, 7)

    written = codes.newest_code(item, now_us)

    assert codes.code_standing(written, now_us) is Standing.VALID
    assert item_of(written) == item


def test_a_province_is_told_of_its_own_downloads_and_knows_the_rest_at_once() -> None:
    data = NodeData(
        seed=7,
        releases={Subject.PERSONS: (ALL,), Subject.INSTITUTIONS: (ALL,)},
        downloads={Subject.PERSONS: (Download(25, 30),)},
    )

    late, at_once, unheard = (
        data.received("33", subject) for subject in (Subject.PERSONS, Subject.INSTITUTIONS, Subject.CATALOGUE)
    )

    assert (late.holds("1", 25), at_once.holds("1", 25)) == (False, True)
    assert unheard.newest_code("X", 25) == "X"


def test_codes_of_a_release_lead_back_to_their_item() -> None:
    assert [item_of(code_of("S01001", number)) for number in (0, 1, 12)] == ["S01001"] * 3
    assert len(STALE_REFUSALS) == 4
