"""As many journeys as there can be connections for, and never more than a person has asked for."""

from __future__ import annotations

import pytest

from loadtest.descriptors import RESERVED, journeys_max
from loadtest.schedule import JOURNEYS_MAX
from reference_impl.domain.failures import InputError


@pytest.mark.parametrize(
    ("descriptors", "journeys"),
    [(1_048_576, JOURNEYS_MAX), (20_000, 20_000 - RESERVED), (RESERVED + 1, 1)],
)
def test_journeys_are_capped_by_the_descriptors_there_are(descriptors, journeys):
    assert journeys_max(None, descriptors) == journeys


def test_what_is_asked_for_and_can_be_had_is_granted():
    assert journeys_max(80_000, 1_048_576) == 80_000
    assert journeys_max(1, 20_000) == 1


def test_a_machine_that_lets_the_generator_open_next_to_nothing_is_refused():
    with pytest.raises(InputError, match=f"may open {RESERVED} files; expected more than"):
        journeys_max(None, RESERVED)
