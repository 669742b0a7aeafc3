"""People: a number says all, nobody is in two places at once, few come twice on a day."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.person import PERSON_TYPES, UnknownPersonError, person_no
from scenarios.patients.people import insured_cities, overlapping, single_serial
from scenarios.patients.population import person_facts


@given(
    region=st.integers(110000, 669999),
    person_type=st.integers(0, 2),
    temporary=st.booleans(),
    serial=st.integers(0, 10**12 - 1),
)
def test_a_persons_number_says_what_the_insured_province_knows(region, person_type, temporary, serial):
    facts = person_facts(person_no(region, person_type, temporary, serial))

    assert facts.insured_region == str(region)
    assert facts.person_type == PERSON_TYPES[person_type]
    assert facts.temporary is temporary
    assert facts.insurance == ("390" if person_type == 2 else "310")
    assert (facts.balance_fen == 0) if person_type == 2 else (0 <= facts.balance_fen <= 6_000_000)


def test_the_account_of_a_person_is_the_same_whenever_and_wherever_asked():
    assert person_facts("33040010000000000017").balance_fen == 69_532


@pytest.mark.parametrize(
    "number",
    ["", "3304001000000000001", "330400100000000000171", "33040030000000000017", "33040010200000000017"[:7] + "2" + "0" * 12,
     "GD_SW000000000000001", "33040010000000000.17", "\uff13" * 20],
)  # fmt: skip
def test_a_number_nobody_was_given_is_refused(number):
    with pytest.raises(UnknownPersonError, match="no person is insured"):
        person_facts(number)


STORY = """
    person begin end clash
    A      0     10  no
    B      5     15  no
    A      9     12  yes
    A      10    11  no
    A      10    99  yes
    B      15    20  no
    C      1     2   no
    D      0     100 no
    D      1     2   yes
    D      3     4   yes
    D      100   101 no
"""


def test_a_visit_that_begins_before_the_persons_last_has_ended_clashes():
    rows = [line.split() for line in STORY.strip().splitlines()[1:]]
    person = np.array([ord(row[0]) for row in rows], np.uint64)
    begin, end = (np.array([int(row[column]) for row in rows]) for column in (1, 2))

    assert overlapping(person, begin, end).tolist() == [row[3] == "yes" for row in rows]


@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50), st.integers(1, 20)), max_size=40),
)
def test_without_the_clashing_visits_nobody_is_in_two_places_at_once(rows):
    person = np.array([row[0] for row in rows], np.uint64)
    begin = np.array([row[1] for row in rows], np.int64)
    end = begin + np.array([row[2] for row in rows], np.int64)
    kept = ~overlapping(person, begin, end)

    for who in set(person[kept].tolist()):
        mine = sorted(zip(begin[kept & (person == who)], end[kept & (person == who)], strict=True))
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(mine))


def test_people_with_one_visit_only_have_twelve_digits_of_their_own():
    keys = np.array([0, 1, (4 << 40) + 7, (1 << 40) + 49_999_999_999])
    serials = single_serial(keys)

    assert len(set(serials.tolist())) == 4
    assert all(600_000_000_000 <= serial < 10**12 for serial in serials.tolist())


def test_a_named_city_insures_its_share_of_the_province():
    cities = insured_cities(["33", "34"], ["3415", "3499"], {"3415": 0.25})

    assert cities.shares[cities.codes.index("3415")] == pytest.approx(0.25)
    assert "3499" in cities.codes
    assert [sum(group) for group in cities.groups] == pytest.approx([1.0, 1.0])
