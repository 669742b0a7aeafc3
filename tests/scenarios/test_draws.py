"""Keyed draws: the same number for the same key, everywhere, and fair distributions of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reference_impl.domain.keyed import Purpose, key_hash, mix64, uniform
from scenarios.patients.draws import GroupedChoice, KeyedDraws, QuantileTable, mix_words, poisson, uniforms

GOLDEN = 0x9E3779B97F4A7C15
JUST_BELOW_ONE = 1.0 - 2.0**-53
words = st.integers(0, 2**64 - 1)
small = st.integers(0, 10_000)


def test_mixing_is_the_published_splitmix64():
    """The first outputs of SplitMix64 seeded with 1234567, as published with the generator."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]

    assert [mix64(1234567 + (n + 1) * GOLDEN) for n in range(4)] == published
    assert mix_words(np.array([1234567 + GOLDEN], np.uint64)).tolist() == published[:1]


@pytest.mark.parametrize(
    ("key", "number"),
    [
        ((1, 0, 0, 0, 1), 0.6172084904339515),
        ((1, 123456, 3, 2, Purpose.LINK), 0.9482581330644063),
        ((2**63 - 1, 2**64 - 1, 9, 400, Purpose.LOSS), 0.6547816923210843),
    ],
)
def test_a_key_has_its_number_on_every_machine(key, number):
    assert uniform(*key) == number
    assert KeyedDraws(key[0]).uniform(*key[1:]) == number


def test_a_text_has_its_hash_on_every_machine():
    assert key_hash("H33040000001") == 12831755683591717274


@given(seed=st.integers(0, 2**63 - 1), visit=words, step=small, attempt=small, purpose=st.sampled_from(Purpose))
def test_one_draw_and_a_million_draws_agree_bit_for_bit(seed, visit, step, attempt, purpose):
    drawn = uniform(seed, visit, step, attempt, purpose)

    assert 0.0 <= drawn < 1.0
    assert uniforms(seed, np.array([visit], np.uint64), step, attempt, purpose).tolist() == [drawn]


@pytest.mark.parametrize("other", [(2, 0, 0, 0, 1), (1, 0, 1, 0, 1), (1, 0, 0, 1, 1), (1, 0, 0, 0, 2)])
def test_changing_one_part_of_the_key_gives_unrelated_numbers(other):
    visits = np.arange(50_000)
    here = uniforms(1, visits, 0, 0, 1)
    there = uniforms(other[0], visits, *other[2:])

    assert abs(np.corrcoef(here, there)[0, 1]) < 0.02


@pytest.mark.parametrize("purpose", [Purpose.ARRIVAL, Purpose.FEE, Purpose.BACKOFF])
def test_draws_of_neighbouring_visits_are_even_and_unrelated(purpose):
    drawn = uniforms(7, np.arange(100_000), 0, 0, purpose)
    counts = np.bincount((drawn * 100).astype(int), minlength=100)

    assert stats.chisquare(counts).pvalue > 0.001
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 0.01


# --- quantile tables --------------------------------------------------------------------------------------------------


@given(u=st.floats(0.0, JUST_BELOW_ONE))
def test_a_table_gives_the_same_quantile_alone_and_in_a_crowd(u):
    table = QuantileTable([0.0, 0.1, 0.7, 1.0], [1.0, 1.3, 9.7, 40.1])

    assert table.at_many(np.array([u])).tolist() == [table.at(u)]
    assert 1.0 <= table.at(u) <= table.maximum


def test_a_table_states_the_mean_it_draws():
    table = QuantileTable([0.0, 0.5, 0.9, 1.0], [0.0, 1.0, 3.0, 20.0])
    drawn = table.at_many(uniforms(1, np.arange(200_000), 0, 0, 1))

    assert table.mean == pytest.approx(0.25 + 0.8 + 1.15)
    assert drawn.mean() == pytest.approx(table.mean, rel=0.01)
    assert table.with_mean(5.0).mean == pytest.approx(5.0)
    assert table.quantiles[1] == (0.5, 1.0)


@pytest.mark.parametrize(
    ("probabilities", "values"),
    [
        ([0.0, 1.0], [1.0]),
        ([0.1, 1.0], [1, 2]),
        ([0.0, 0.9], [1, 2]),
        ([0, 0, 1], [1, 2, 3]),
        ([0, 1], [2, 1]),
        ([], []),
    ],
)
def test_a_table_that_does_not_rise_is_refused(probabilities, values):
    with pytest.raises(ValueError, match="quantiles"):
        QuantileTable(probabilities, values)


# --- choices and counts -----------------------------------------------------------------------------------------------


def test_choices_follow_their_weights_within_their_group():
    choice = GroupedChoice([[1.0, 3.0], [], [0.0, 2.0, 0.0, 8.0, 0.0]])
    groups = np.repeat([0, 2], 50_000)
    found = np.bincount(choice.draw(groups, uniforms(1, np.arange(100_000), 0, 0, 1)), minlength=7) / 50_000

    assert found == pytest.approx([0.25, 0.75, 0.0, 0.2, 0.0, 0.8, 0.0], abs=0.01)


@pytest.mark.parametrize(("group", "last"), [(0, 1), (1, 3), (700, 1400)])
def test_the_largest_number_below_one_stays_in_its_group(group, last):
    choice = GroupedChoice([[0.1, 0.2], [0.7, 0.1, 0.0]] + [[1.0, 1.0]] * 699)

    assert choice.draw(np.array([group]), np.array([JUST_BELOW_ONE])).tolist() == [last + (0 if group < 700 else 2)]


def test_choosing_from_a_group_without_weight_is_refused():
    with pytest.raises(ValueError, match=r"nothing to choose from in groups \[1\]"):
        GroupedChoice([[1.0], [0.0]]).draw(np.array([0, 1]), np.array([0.5, 0.5]))


@pytest.mark.parametrize("mean", [0.0, 0.2, 3.7, 41.5, 812.0, 652_000.4])
@pytest.mark.parametrize("u", [0.0, 0.001, 0.25, 0.5, 0.9, 0.9999])
def test_a_poisson_count_is_the_quantile(mean, u):
    expected = 0 if u == 0.0 and mean < 100 else stats.poisson.ppf(max(u, 1e-300), mean)

    if u > 0.0:
        assert poisson(mean, u) == expected
    else:
        assert 0 <= poisson(mean, u) <= mean


@pytest.mark.parametrize("mean", [-1.0, float("inf"), float("nan")])
def test_a_poisson_mean_without_sense_is_refused(mean):
    with pytest.raises(ValueError, match="Poisson mean"):
        poisson(mean, 0.5)
