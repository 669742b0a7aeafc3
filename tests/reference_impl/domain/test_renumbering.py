"""The map from old numbers to new: total, one to one and both ways, unless it is asked to be none of these."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.person import PersonRegister, person_no
from reference_impl.domain.renumbering import Numbered, Renumbering, is_new_number, is_number, number_now

ALL = Renumbering(scope="63", salt=7, from_us=100, old_until_us=200, map_from_us=100)
REGISTER = PersonRegister(
    insurance={"active": "310", "retired": "310", "resident": "390"},
    balance_probabilities=(0.0, 1.0),
    balance_values_fen=(0.0, 1.0),
)
people = st.builds(
    person_no, st.just(630100), st.integers(0, 2), st.integers(0, 1), st.integers(min_value=0, max_value=10**12 - 1)
)


@given(number=people, salt=st.integers(0, 2**64 - 1))
def test_the_new_number_leads_back_to_the_old_one_and_keeps_region_and_type(number: str, salt: int) -> None:
    renumbering = Renumbering(scope="63", salt=salt, from_us=0, old_until_us=1, map_from_us=0)
    new = renumbering.new(number)

    assert renumbering.old(new) == number
    assert new[:7] == number[:7]
    assert len(new) == len(number)
    assert is_new_number(new)
    assert renumbering.new(new) == new
    assert renumbering.old(number) == number


@given(people, people)
def test_two_persons_have_two_new_numbers(one: str, other: str) -> None:
    assert (ALL.new(one) == ALL.new(other)) is (one == other)


def test_nobody_is_known_by_a_new_number_alone() -> None:
    """What is known of a person is worked out from the old number: the map has to be asked first."""
    new = ALL.new(person_no(630100, 0, 1, 17))

    assert REGISTER.reader().find(new) is None


def test_another_plan_or_seed_gives_other_numbers() -> None:
    number = person_no(630100, 0, 0, 17)

    assert ALL.new(number) != Renumbering(scope="63", salt=8, from_us=0, old_until_us=1, map_from_us=0).new(number)


@pytest.mark.parametrize(("scope", "concerned"), [("63", True), ("6301", True), ("hub", True), ("6302", False)])
def test_the_region_in_a_number_says_whether_it_is_concerned(scope: str, concerned: bool) -> None:
    renumbering = Renumbering(scope=scope, salt=7, from_us=0, old_until_us=1, map_from_us=0)

    assert renumbering.concerns(person_no(630100, 0, 0, 17)) is concerned


@pytest.mark.parametrize(
    ("map_from_us", "at_us", "there"), [(100, 99, False), (100, 100, True), (150, 149, False), (None, 10**9, False)]
)
def test_a_map_that_is_late_or_absent_leads_nowhere_until_it_comes(
    map_from_us: int | None, at_us: int, there: bool
) -> None:
    renumbering = Renumbering(scope="63", salt=7, from_us=100, old_until_us=200, map_from_us=map_from_us)

    assert renumbering.maps(person_no(630100, 0, 0, 17), at_us) is there


def test_a_partial_map_has_its_share_of_the_people_by_either_number() -> None:
    half = Renumbering(scope="63", salt=7, from_us=0, old_until_us=1, map_from_us=0, mapped_share=0.9)
    numbers = [person_no(630100, 0, 0, serial) for serial in range(5_000)]
    mapped = [number for number in numbers if half.maps(number, 0)]

    assert len(mapped) == pytest.approx(4_500, abs=100)
    assert all(half.maps(half.new(number), 0) is half.maps(number, 0) for number in numbers)


def test_a_map_with_collisions_gives_its_share_of_the_people_a_number_in_pairs() -> None:
    mixed = Renumbering(scope="63", salt=7, from_us=0, old_until_us=1, map_from_us=0, shared_share=0.2)
    numbers = [person_no(630100, 0, 0, serial) for serial in range(5_000)]
    given_to: dict[str, list[str]] = {}
    for number in numbers:
        given_to.setdefault(mixed.new(number), []).append(number)
    pairs = [both for both in given_to.values() if len(both) > 1]

    assert 2 * len(pairs) == pytest.approx(1_000, abs=120)
    assert all(len(both) == 2 for both in pairs)
    assert all(mixed.old(mixed.new(second)) == first for first, second in pairs)


@pytest.mark.parametrize(
    ("text", "expected"), [("34150010000000000017", True), ("34150012000000000017", True), ("SIM", False)]
)
def test_a_number_is_known_by_its_shape_old_or_new(text: str, *, expected: bool) -> None:
    assert is_number(text, Numbered.PERSON) is expected


@pytest.mark.parametrize(
    ("at_us", "said", "goes_by_new"),
    [
        (99, {}, False),  # nothing is given before the move
        (99, {"map_from_us": 50}, False),  # whatever the map says already
        (100, {}, True),
        (100, {"scope": "6302"}, False),  # another city's move
        (100, {"of": Numbered.VISIT}, False),  # of something else
        (100, {"map_from_us": 150}, False),  # whoever has no map goes by what they knew
        (150, {"map_from_us": 150}, True),
        (10**9, {"map_from_us": None}, False),
        (100, {"mapped_share": 0.0}, False),
    ],
)
def test_whoever_has_the_map_goes_by_the_new_number_once_it_leads_there(
    at_us: int, said: dict[str, object], *, goes_by_new: bool
) -> None:
    number = person_no(630100, 0, 0, 17)
    move = msgspec.structs.replace(ALL, **said)
    elsewhere = msgspec.structs.replace(ALL, scope="34", salt=9)

    told = number_now([elsewhere, move], Numbered.PERSON, number, at_us)

    assert told == (move.new(number) if goes_by_new else number)
    assert is_new_number(told) is goes_by_new
