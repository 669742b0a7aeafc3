"""The fit of costs: whoever makes counts from known numbers gets the numbers back, and is told how sure they are."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest

from lab.calibration.fit import (
    cost_rows,
    estimate,
    fit,
    load_fits,
    quantile_table,
    spread_of,
    windows_of,
)
from reference_impl.domain.failures import InvalidRunError
from sim.model.costs import mean_us

TURN_US, READ_US, GROUP_US, COLD, COOLING_US = 90.0, 30.0, 80.0, 0.5, 20_000.0
PIECES_US = {
    "care 2207 receive": 60.0, "care 2207 forward": 35.0, "care 2207 answer": 45.0, "care 2207 reply": 20.0,
    "care 1101 receive": 40.0, "care 1101 reply": 18.0,
}  # fmt: skip
CHANGES_US = {"care 2207": 30.0, "care 1101": 15.0}
COMMITS = {"care 2207": ("receive", "answer"), "care 1101": ("receive",)}


def reading_of(rate_per_s, seconds, random, *, noise=0.0, scale=1.0):
    """Play a process that serves Poisson pieces in turns at known costs; return what its meter would have read."""
    windows, samples, disk_us = [], defaultdict(list), []
    names = list(PIECES_US)
    now_us, ran_us, due = 0.0, -1e9, random.exponential(1e6 / rate_per_s)
    window = empty()
    while now_us < seconds * 1e6:
        begin_us = max(now_us, due)
        gap_us = int(begin_us - ran_us) if ran_us >= 0 else 10**8
        octave = min(gap_us.bit_length(), 27)
        factor = scale * (1 + COLD * (1 - math.exp(-gap_us / COOLING_US)))
        ready = []
        while due <= begin_us:
            ready.append(names[random.integers(len(names))])
            due += random.exponential(1e6 / rate_per_s)
        rough = 1 + noise * random.standard_normal(2 + len(ready))
        spent_us = TURN_US * factor * rough[0]
        count(window["turns"], octave, 1, gap_us)
        changes = []
        for name, more in zip(ready, rough[2:], strict=True):
            role, code, stage = name.split()
            piece_us = PIECES_US[name] * factor * more
            count(window["pieces"].setdefault(name, {}), octave, 1, piece_us * 1000)
            samples[name].append((octave, int(piece_us * 1000)))
            spent_us += piece_us + (READ_US * factor if stage in ("receive", "answer") else 0.0)
            if stage in COMMITS[f"{role} {code}"]:
                changes.append(f"{role} {code}")
        if changes:
            group_us = (GROUP_US + sum(CHANGES_US[name] for name in changes)) * factor * rough[1]
            count(window["groups"], octave, 1, len(changes), group_us * 1000)
            if len(changes) == 1:
                count(window["pieces"].setdefault(f"{changes[0]} change", {}), octave, 1, group_us * 1000)
            spent_us += group_us
            disk_us.append(300)
        now_us = ran_us = begin_us + spent_us
        window["cpu_us"] += spent_us
        if now_us >= (len(windows) + 1) * 1e6:
            windows.append(window | {"length_us": 1e6})
            window = empty()
    return {"windows": windows, "samples": dict(samples), "disk_us": disk_us}


def empty():
    return {"cpu_us": 0.0, "turns": {}, "groups": {}, "pieces": {}}


def count(tally, octave, *more):
    tally[octave] = [a + b for a, b in zip(tally.get(octave, [0] * len(more)), more, strict=True)]


def loads(*, noise=0.0, seed=5, seconds=12):
    random = np.random.default_rng(seed)
    return [[reading_of(rate, seconds, random, noise=noise) for _ in range(2)] for rate in (30, 400, 3_000)]


def test_known_numbers_are_found_again():
    found = fit(windows_of(loads()))

    assert found.turn_us == pytest.approx(TURN_US, rel=0.03)
    assert found.read_us == pytest.approx(READ_US, rel=0.05)
    assert found.group_us == pytest.approx(GROUP_US, rel=0.03)
    assert found.cold == pytest.approx(COLD, rel=0.1)
    assert found.cooling_us == pytest.approx(COOLING_US, rel=0.25)
    assert found.standing_share < 1e-3


def test_noise_widens_the_intervals_and_they_hold_the_truth():
    """An interval of 95 % misses now and then, by chance: it is given its own width again on either side."""
    windows = windows_of(loads(noise=0.3))
    rough, exact = estimate(windows, resamples=40), estimate(windows_of(loads()), resamples=40)

    for name, truth in (("turn_us", TURN_US), ("group_us", GROUP_US), ("cold", COLD), ("cooling_us", COOLING_US)):
        fitted = rough.fitted(name)
        width = fitted.high - fitted.low
        assert fitted.low - width < truth < fitted.high + width, name
        assert exact.fitted(name).high - exact.fitted(name).low < width, name


def test_rows_tell_stages_with_what_is_read_and_changes_without_their_group():
    windows = windows_of(loads())
    rows = {(r.role, r.code, r.stage): r.cpu_us for r in cost_rows(windows, estimate(windows, resamples=5))}

    assert rows["care", "2207", "receive"].value == pytest.approx(60 + READ_US, rel=0.05)
    assert rows["care", "2207", "forward"].value == pytest.approx(35, rel=0.05)
    assert rows["care", "2207", "change"].value == pytest.approx(30, rel=0.15)
    assert rows["care", "1101", "change"].value == pytest.approx(15, rel=0.3)
    assert 40 + READ_US < rows["care", "*", "receive"].value < 60 + READ_US
    assert rows["insured", "*", "reply"].value == 0
    assert all(fitted.low <= fitted.value <= fitted.high for fitted in rows.values())


def test_a_rare_transaction_has_no_row_and_counts_in_that_of_all():
    given = loads()
    for readings in given:
        for reading in readings:
            for window in reading["windows"]:
                window["pieces"].pop("care 1101 reply", None)
    given[0][0]["windows"][0]["pieces"]["care 1101 reply"] = {5: [3, 3 * 400_000]}
    windows = windows_of(given)
    rows = {(r.role, r.code, r.stage): r.cpu_us.value for r in cost_rows(windows, estimate(windows, resamples=2))}

    assert ("care", "1101", "reply") not in rows
    assert rows["care", "*", "reply"] > rows["care", "2207", "reply"]


def test_every_load_is_told_within_what_its_noise_allows():
    windows = windows_of(loads(noise=0.1))
    told = load_fits(windows, fit(windows))

    assert [one.use for one in told] == sorted(one.use for one in told)
    assert [one.pieces_per_turn for one in told] == sorted(one.pieces_per_turn for one in told)
    assert all(abs(one.error) < 0.03 for one in told)
    assert all(one.residual < 0.1 for one in told)


def test_the_spread_is_around_the_mean_with_coldness_taken_out():
    given = loads(noise=0.2)
    windows = windows_of(given)
    table = spread_of(windows, fit(windows), [reading for readings in given for reading in readings])

    assert mean_us(table) == pytest.approx(1000, abs=5)
    drawn = np.interp(np.linspace(0, 1, 4000), np.linspace(0, 1, len(table)), table)
    assert float(np.std(drawn)) == pytest.approx(200, rel=0.1)


@pytest.mark.parametrize("given", [[], [[{"windows": [empty() | {"length_us": 1e6}], "samples": {}, "disk_us": []}]]])
def test_a_system_that_had_nothing_to_do_tells_nothing(given):
    with pytest.raises(InvalidRunError, match="nothing to fit costs to: 0 turns and 0 groups"):
        fit(windows_of(given))


def test_table_keeps_mean_and_median_of_a_long_tail():
    samples = list(np.random.default_rng(5).lognormal(6, 0.8, 4000))

    table = quantile_table(samples)

    assert mean_us(table) == pytest.approx(np.mean(samples), rel=0.01)
    assert table[len(table) // 2] == pytest.approx(np.median(samples), rel=0.03)
    assert list(table) == sorted(table)
