"""Scope as a pure rule: who is from elsewhere, and what is opened when; held against a rule written out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.network import NetworkScope, Opening, is_open

KINDS = ("outpatient", "pharmacy", "inpatient")
ELSEWHERE = """
    between    care    insured  asked
    provinces  520100  520400   no
    provinces  520100  510100   yes
    cities     520100  520400   yes
    cities     520100  520100   no
    cities     520100  520102   no
    cities     520100  510100   yes
"""


@pytest.mark.parametrize("line", ELSEWHERE.strip().splitlines()[1:])
def test_who_comes_from_elsewhere(line) -> None:
    between, care, insured, asked = line.split()

    assert NetworkScope(between, {}).asks(care_region=care, insured_region=insured) == (asked == "yes")


instants = st.integers(0, 40)
openings = st.builds(
    Opening, st.lists(st.sampled_from(KINDS), unique=True).map(tuple), st.integers(0, 20), st.integers(21, 40)
)


@given(st.lists(openings, max_size=4).map(tuple), st.sampled_from(KINDS), instants)
def test_it_is_open_in_the_instants_that_its_lines_count_out(lines, kind, at_us) -> None:
    counted = {us for one in lines if kind in one.kinds for us in range(one.from_us, one.until_us)}

    assert is_open(lines, kind, at_us) == (at_us in counted)
    assert NetworkScope("cities", {"H": lines}).serves("H", kind, at_us) == (at_us in counted)
    assert not NetworkScope("cities", {"H": lines}).serves("P", kind, at_us)
