"""Distributions by name: held against SciPy's own moments and shares, and read alike wherever they are drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from scenarios.schema.durations import Drawn, MachineDrawn, longest_us, shortest_us

S = 1_000_000
TRUTHS = {
    "exponential": ({"mean": "2s"}, stats.expon(scale=2 * S)),
    "gamma": ({"mean": "2s", "cv": 0.5}, stats.gamma(4, scale=S / 2)),
    "wild gamma": ({"mean": "2s", "cv": 2}, stats.gamma(0.25, scale=8 * S)),
    "weibull": ({"mean": "2s", "shape": 1.5}, stats.weibull_min(1.5, scale=2 * S / math.gamma(1 + 1 / 1.5))),
    "erlang": ({"mean": "2s", "stages": 3}, stats.gamma(3, scale=2 * S / 3)),
    "lognormal": ({"mean": "2s", "cv": 1}, stats.lognorm(math.sqrt(math.log(2)), scale=2 * S / math.sqrt(2))),
}
MANY = (np.arange(200_000) + 0.5) / 200_000


def drawn(distribution: str, said: dict[str, object], **more: object) -> Drawn:
    return Drawn.model_validate({"distribution": distribution.removeprefix("wild "), **said, **more})


def values_us(one: Drawn) -> np.ndarray:
    return np.array([one.at(u) for u in MANY])


@pytest.mark.parametrize("name", TRUTHS)
def test_what_is_drawn_has_the_moments_and_shares_of_its_name(name):
    said, truth = TRUTHS[name]

    values = values_us(drawn(name, said))

    assert values.mean() == pytest.approx(truth.mean(), rel=1e-3)
    assert values.std() == pytest.approx(truth.std(), rel=5e-3)
    shares = [share for share in (0.01, 0.1, 0.5, 0.9, 0.99, 0.999) if truth.ppf(share) > 100]  # whole microseconds
    for share in shares:
        assert (values <= truth.ppf(share)).mean() == pytest.approx(share, abs=5e-4)


@pytest.mark.parametrize("cv", [1.0, 2.0, 5.0])
def test_two_branches_vary_as_much_as_is_said(cv):
    values = values_us(drawn("hyperexponential", {"mean": "2s", "cv": cv}))

    assert values.mean() == pytest.approx(2 * S, rel=3e-3)
    assert values.std() / values.mean() == pytest.approx(cv, rel=2e-2)


def test_a_mixture_is_each_part_for_its_share():
    parts = [
        {"distribution": "constant", "value": "1s", "share": "25%"},
        {"distribution": "uniform", "low": "2s", "high": "4s", "share": 0.75},
    ]

    values = values_us(drawn("mixture", {"of": parts}))

    assert (values <= S).mean() == pytest.approx(0.25, abs=2e-3), "a step is a slope between two nodes"
    assert (values <= 3 * S).mean() == pytest.approx(0.25 + 0.75 / 2, abs=2e-3)
    assert values.mean() == pytest.approx(0.25 * S + 0.75 * 3 * S, rel=2e-3)


def test_of_what_was_seen_each_is_drawn_as_often_as_it_was_and_nothing_else():
    values = values_us(drawn("empirical", {"values": ["3s", "1s", "1s", "10s"]}))

    assert {int(value): int(count) for value, count in zip(*np.unique(values, return_counts=True), strict=True)} == {
        S: 100_000, 3 * S: 50_000, 10 * S: 50_000,
    }  # fmt: skip


def test_what_a_bound_cuts_off_is_drawn_from_what_is_left():
    values = values_us(drawn("exponential", {"mean": "2s"}, at_least="1s", at_most="4s"))

    assert values.min() >= S
    assert values.max() <= 4 * S
    left = stats.truncexpon(1.5, loc=S, scale=2 * S)
    assert values.mean() == pytest.approx(left.mean(), rel=1e-3)


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from([*TRUTHS]))
def test_a_larger_number_never_draws_a_shorter_time(first, second, name):
    one = drawn(name, TRUTHS[name][0])
    low, high = sorted((first, second))

    assert shortest_us(one) <= one.at(low) <= one.at(high) <= longest_us(one)


def test_the_nodes_are_the_same_bits_everywhere():
    """Rounded to seven digits: what differs between machines' logarithms lies far behind them."""
    one = drawn("gamma", {"mean": "2s", "cv": 0.7})

    assert [one.at(u) for u in (0.0, 0.001, 0.25, 0.5, 0.75, 0.999, 1.0)] == GAMMA_US


GAMMA_US = [1_574, 48_195, 971_488, 1_684_518, 2_688_972, 9_140_702, 16_507_650]


def test_a_distribution_shrinks_with_the_clock_of_people_and_draws_anew():
    one = drawn("exponential", {"mean": "2s"})
    assert one.at(0.5) == pytest.approx(2 * S * math.log(2), rel=1e-6)

    assert one.model_copy(update={"mean": S}).at(0.5) == pytest.approx(S * math.log(2), rel=1e-6)


def test_two_that_say_the_same_are_equal_whatever_was_drawn_of_one():
    one, other = (MachineDrawn.model_validate({"distribution": "exponential", "mean": "2ms"}) for _ in range(2))
    one.at(0.3)

    assert (one, hash(one)) == (other, hash(other))


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"distribution": "gamma", "mean": "1s"}, "a gamma duration takes mean, cv (got mean)"),
        ({"distribution": "gamma", "mean": "0s", "cv": 1}, "of mean 0 has no shape"),
        ({"distribution": "hyperexponential", "mean": "1s", "cv": 0.5}, "varies with cv 1 or more"),
        ({"distribution": "empirical"}, "takes values or file, values (got none)"),
        ({"distribution": "exponential", "mean": "1s", "at_least": "30s"}, "at_least and at_most leave 9.4e-14 of it"),
        ({"distribution": "exponential", "mean": "1s", "at_least": "3s", "at_most": "2s"}, "is not shorter than"),
        (
            {
                "distribution": "mixture",
                "of": [{"distribution": "constant", "value": "1s", "share": share} for share in (0.5, 0.6)],
            },
            "shares of a mixture add up to 1.1",
        ),
        ({"distribution": "cauchy", "mean": "1s"}, "Input should be 'constant', 'uniform'"),
    ],
)
def test_what_is_no_distribution_is_refused_with_what_it_takes(said, wrong):
    with pytest.raises(ValidationError) as refused:
        Drawn.model_validate(said)

    assert wrong in str(refused.value)
