"""The fit of costs: whoever makes counts from known numbers gets the numbers back, and is told how sure they are."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest

from lab.calibration.costfile import Metered, measured_costs
from lab.calibration.fit import cost_rows, estimate, fit, load_fits, quantile_table, spread_of
from lab.calibration.pace import at_even_pace, pace_of
from lab.calibration.windows import windows_of
from reference_impl.books.sqlite.checkpoint import CHECKPOINT_CHANGES
from reference_impl.domain.failures import InvalidRunError
from sim.model.costs import mean_us

TURN_US, READ_US, GROUP_US, COLD, COOLING_US = 90.0, 30.0, 80.0, 0.5, 20_000.0
CHECKPOINT_US = 3000.0
MACHINE = {"processor": "Tester", "cores": 2, "system": "Linux", "fsync_us": 100}
PIECES_US = {
    "care 2207 receive": 60.0, "care 2207 forward": 35.0, "care 2207 answer": 45.0, "care 2207 reply": 20.0,
    "care 1101 receive": 40.0, "care 1101 reply": 18.0,
}  # fmt: skip
CHANGES_US = {"care 2207": 30.0, "care 1101": 15.0}
COMMITS = {"care 2207": ("receive", "answer"), "care 1101": ("receive",)}


def reading_of(rate_per_s, seconds, random, *, noise=0.0, scale=lambda second: 1.0):
    """Play a process that serves Poisson pieces in turns at known costs; return what its meter would have read."""
    windows, samples, disk_us = [], defaultdict(list), []
    names = list(PIECES_US)
    now_us, ran_us, due = 0.0, -1e9, random.exponential(1e6 / rate_per_s)
    window, logged = empty(), 0
    while now_us < seconds * 1e6:
        begin_us = max(now_us, due)
        gap_us = int(begin_us - ran_us) if ran_us >= 0 else 10**8
        octave = min(gap_us.bit_length(), 27)
        warm = scale(int(begin_us / 1e6))
        cold = warm * (1 + COLD * (1 - math.exp(-gap_us / COOLING_US)))
        ready = []
        while due <= begin_us:
            ready.append(names[random.integers(len(names))])
            due += random.exponential(1e6 / rate_per_s)
        rough = 1 + noise * random.standard_normal(2 + len(ready))
        spent_us = TURN_US * cold * rough[0]
        factor, piece_octave = cold, octave
        count(window["turns"], octave, 1, gap_us)
        changes = []
        for name, more in zip(ready, rough[2:], strict=True):
            role, code, stage = name.split()
            piece_us = PIECES_US[name] * factor * more
            count(window["pieces"].setdefault(name, {}), piece_octave, 1, piece_us * 1000)
            samples[name].append((piece_octave, int(piece_us * 1000)))
            spent_us += piece_us + (READ_US * factor if stage in ("receive", "answer") else 0.0)
            factor, piece_octave = warm, 0  # those that follow the first find the process warm
            if stage in COMMITS[f"{role} {code}"]:
                changes.append(f"{role} {code}")
        if changes:
            changes_us = sum(CHANGES_US[name] for name in changes)
            one_us = changes_us / len(changes)
            group_us = ((GROUP_US + one_us) * cold + (changes_us - one_us) * warm) * rough[1]
            count(window["groups"], octave, 1, len(changes), group_us * 1000)
            if len(changes) == 1:
                count(window["pieces"].setdefault(f"{changes[0]} change", {}), octave, 1, group_us * 1000)
            spent_us += group_us
            disk_us.append(300)
            logged += len(changes)
        if logged >= CHECKPOINT_CHANGES:
            logged -= CHECKPOINT_CHANGES
            window["checkpoints"] += 1
            window["checkpoints_ns"] += CHECKPOINT_US * warm * 1000
            spent_us += CHECKPOINT_US * warm
        now_us = ran_us = begin_us + spent_us
        window["cpu_us"] += spent_us
        if now_us >= (len(windows) + 1) * 1e6:
            windows.append(window | {"began_us": len(windows) * 1e6, "length_us": 1e6})
            window = empty()
    return {"windows": windows, "samples": dict(samples), "disk_us": disk_us, "checkpoint_disk_us": [900, 1100]}


def empty():
    return {"cpu_us": 0.0, "turns": {}, "groups": {}, "pieces": {}, "checkpoints": 0, "checkpoints_ns": 0.0}


def count(tally, octave, *more):
    tally[octave] = [a + b for a, b in zip(tally.get(octave, [0] * len(more)), more, strict=True)]


def loads(*, seed=5, seconds=12, **how):
    random = np.random.default_rng(seed)
    return [[reading_of(rate, seconds, random, **how) for _ in range(2)] for rate in (30, 400, 3_000)]


def test_known_numbers_are_found_again():
    found = fit(windows_of(loads()))

    assert found.turn_us == pytest.approx(TURN_US, rel=0.03)
    assert found.read_us == pytest.approx(READ_US, rel=0.05)
    assert found.group_us == pytest.approx(GROUP_US, rel=0.03)
    assert found.cold == pytest.approx(COLD, rel=0.1)
    assert found.cooling_us == pytest.approx(COOLING_US, rel=0.25)
    assert found.checkpoint_us == pytest.approx(CHECKPOINT_US, rel=0.03)
    assert found.standing_share < 1e-3


def test_what_a_process_uses_when_nobody_asks_and_its_checkpoints_come_into_the_cost_file():
    """Each process looks at its clock for 5 ms a second more."""
    seen = [tuple(reading_with_standing(reading, 5_000.0) for reading in load) for load in loads()]

    file = measured_costs([Metered(load, 500.0, 0.0) for load in seen], "planted", MACHINE)

    assert file.standing_share.value == pytest.approx(0.005, rel=0.1)
    assert file.checkpoint_us.value == pytest.approx(CHECKPOINT_US, rel=0.1)
    assert file.checkpoint_disk_us == 1_000


def reading_with_standing(reading, standing_us):
    windows = [window | {"cpu_us": window["cpu_us"] + standing_us} for window in reading["windows"]]
    return reading | {"windows": windows}


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


@pytest.mark.parametrize(
    "given",
    [
        [],
        [
            [
                {
                    "windows": [empty() | {"began_us": 0, "length_us": 1e6}],
                    "samples": {},
                    "disk_us": [],
                    "checkpoint_disk_us": [],
                }
            ]
        ],
    ],
)
def test_a_system_that_had_nothing_to_do_tells_nothing(given):
    with pytest.raises(InvalidRunError, match="nothing to fit costs to: 0 turns and 0 groups"):
        fit(windows_of(given))


def test_a_machine_that_is_slow_every_third_second_is_told_by_its_pace_and_its_numbers_are_the_mean():
    """Others share the machine: the same work costs half as much again now and then, and three quarters otherwise."""
    windows = windows_of(loads(scale=lambda second: 1.5 if second % 3 == 0 else 0.75, seconds=24))

    paces = pace_of(windows)
    found = fit(at_even_pace(windows, paces))

    for pace in np.array([pace[:24] for pace in paces]):
        slow, quick = pace[::3], np.concatenate([pace[1::3], pace[2::3]])
        assert slow.mean() / quick.mean() == pytest.approx(2, rel=0.1)
        assert pace.mean() == pytest.approx(1000, rel=0.1)
    assert found.turn_us == pytest.approx(TURN_US, rel=0.1), "on the mean of all seconds"
    assert found.read_us == pytest.approx(READ_US, rel=0.25)
    assert found.cold == pytest.approx(COLD, rel=0.25)
    assert fit(windows).turn_us != pytest.approx(TURN_US, rel=0.3), "with the pace in it, nothing is told apart"


def test_a_steady_machine_has_an_even_pace_and_seconds_begin_at_the_zero_of_their_run():
    given = loads(seconds=10)
    for readings in given:
        for reading in readings:
            for window in reading["windows"]:
                window["began_us"] += 7_000_000

    paces = pace_of(windows_of(given, [7_000_000] * 3))

    assert [len(pace) for pace in paces] == [10, 10, 10]
    for pace in paces:
        assert 900 < min(pace) <= max(pace) < 1100


def test_what_a_second_with_little_work_cost_is_not_taken_for_a_pace():
    given = loads(seconds=6)
    last = given[2][0]["windows"][-1]
    for reading in given[2]:
        reading["windows"][-1] = empty() | {"began_us": 5e6, "length_us": 1e6}
    name, octaves = next(iter(last["pieces"].items()))
    given[2][0]["windows"][-1]["pieces"] = {name: {0: [1, 40 * 1000 * octaves[0][1] / octaves[0][0] / 1000]}}

    *_, pace = pace_of(windows_of(given))

    assert pace[5:] == (1000,)


def test_table_keeps_mean_and_median_of_a_long_tail():
    samples = list(np.random.default_rng(5).lognormal(6, 0.8, 4000))

    table = quantile_table(samples)

    assert mean_us(table) == pytest.approx(np.mean(samples), rel=0.01)
    assert table[len(table) // 2] == pytest.approx(np.median(samples), rel=0.03)
    assert list(table) == sorted(table)
