from __future__ import annotations

import doctest
import math

import pytest

from reference_impl.domain import keyed
from reference_impl.domain.keyed import GOLDEN, Quantiles, mix64, replication_seed, uniform

TABLE = Quantiles((0.0, 0.5, 1.0), (10.0, 20.0, 60.0))


def test_examples_in_the_docstrings_hold():
    assert doctest.testmod(keyed).failed == 0


def test_mixing_is_the_published_splitmix64():
    assert mix64(1234567 + GOLDEN) == 6457827717110365317


def test_the_same_key_draws_the_same_number_and_any_part_of_it_another():
    key = (1, 2, 3, 4, 5)
    others = [tuple(part + (place == at) for place, part in enumerate(key)) for at in range(5)]

    assert uniform(*key) == uniform(*key)
    assert len({uniform(*each) for each in (key, *others)}) == 6


@pytest.mark.parametrize(("u", "value"), [(0.0, 10.0), (0.25, 15.0), (0.5, 20.0), (0.75, 40.0)])
def test_a_quantile_lies_on_the_line_between_its_neighbours(u, value):
    assert TABLE.at(u) == value


def test_a_table_knows_its_mean_its_maximum_and_its_own_pairs():
    assert TABLE.mean == 0.5 * 15.0 + 0.5 * 40.0
    assert TABLE.maximum == 60.0
    assert TABLE.at(math.nextafter(1.0, 0.0)) <= TABLE.maximum
    assert TABLE.quantiles == ((0.0, 10.0), (0.5, 20.0), (1.0, 60.0))


@pytest.mark.parametrize(
    ("probabilities", "values", "complaint"),
    [
        ((0.0, 1.0), (1.0,), "as many values as probabilities"),
        ((0.0,), (1.0,), "as many values as probabilities"),
        ((0.1, 1.0), (1.0, 2.0), "from 0 to 1"),
        ((0.0, 0.9), (1.0, 2.0), "from 0 to 1"),
        ((0.0, 0.5, 0.5, 1.0), (1.0, 2.0, 3.0, 4.0), "must rise"),
        ((0.0, 1.0), (2.0, 1.0), "must rise"),
    ],
)
def test_a_table_that_is_no_distribution_is_refused(probabilities, values, complaint):
    with pytest.raises(ValueError, match=complaint):
        Quantiles(probabilities, values)


def test_the_replications_of_one_seed_are_not_those_of_the_next():
    """Counted up from the seed, the second replication of seed 1 was the first of seed 2, visit for visit."""
    several = [{replication_seed(seed, number) for number in range(300)} for seed in (0, 1, 2, 256, 2**63 - 1)]

    assert len(set.union(*several)) == 5 * 300
    assert all(0 <= seed < 2**63 for seeds in several for seed in seeds)
