"""MSER-5 finds where a start ends, and says when a series is too short to tell."""

from __future__ import annotations

import numpy as np
import pytest

from lab.analysis.estimation.warm_up import BATCH, VALUES_MIN, mean_series, mser5


def by_definition(series):
    """The cut as it is defined: the rest's squared deviations over the square of its length, rest by rest."""
    batches = series[: series.size // BATCH * BATCH].reshape(-1, BATCH).mean(axis=1)
    rests = [batches[start:] for start in range(batches.size - 4)]
    return BATCH * int(np.argmin([np.sum((rest - rest.mean()) ** 2) / rest.size**2 for rest in rests]))


def falling(rng, count, start=20.0, lasts=100.0):
    """A queue that begins too full and empties, about its steady mean of 5."""
    return 5.0 + start * np.exp(-np.arange(count) / lasts) + rng.normal(size=count)


@pytest.mark.parametrize("count", [VALUES_MIN, 333, 2000])
def test_the_cut_is_the_one_of_the_definition(count):
    rng = np.random.default_rng(4)
    for series in (falling(rng, count), rng.normal(size=count), rng.exponential(1.0, count) + 1e9):
        assert mser5(series).values == by_definition(series)


def test_a_start_that_is_off_is_cut_away_and_the_mean_of_the_rest_is_right():
    rng = np.random.default_rng(5)
    found = [falling(rng, 2000) for _ in range(200)]
    cuts = [mser5(series) for series in found]
    biased = np.mean([series.mean() for series in found])
    rest = np.mean([series[cut.values :].mean() for series, cut in zip(found, cuts, strict=True)])

    assert all(200 <= cut.values <= 1000 for cut in cuts)
    assert biased > 5.9
    assert rest == pytest.approx(5.0, abs=0.05)


def test_the_mean_of_replications_shows_a_start_that_noise_hides_in_each():
    rng = np.random.default_rng(6)
    noisy = [falling(rng, 500, start=2.0, lasts=50.0) + rng.normal(0.0, 4.0, 500) for _ in range(50)]
    alone, together = [mser5(series).values for series in noisy], mser5(mean_series(noisy)).values

    assert np.median(alone) < 50 <= together <= 250


def test_a_series_that_only_rises_is_too_short_and_a_steady_one_is_not():
    assert mser5(np.arange(500.0)).too_short
    assert not mser5(np.random.default_rng(7).normal(size=500)).too_short


@pytest.mark.parametrize("series", [np.ones(VALUES_MIN - 1), np.full(100, np.inf), np.full(100, np.nan)])
def test_too_few_values_and_values_without_end_are_refused(series):
    with pytest.raises(ValueError, match="at least 50 finite values"):
        mser5(series)


def test_series_of_other_lengths_have_no_mean():
    for series in ([], [np.ones(3), np.ones(4)]):
        with pytest.raises(ValueError, match="all of one length"):
            mean_series(series)
