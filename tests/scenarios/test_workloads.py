"""Workloads: open arrivals of every shape against what theory says of them, and what a scenario may not say of them."""

from __future__ import annotations

from statistics import fmean, pvariance
from typing import Any

import numpy as np
import pytest

from lab.analysis.capacity import implied_load
from scenarios.patients.closed import NO_USERS, Due, Users, user_count
from scenarios.patients.streams import arrivals_expected, cross_per_day, local_per_cross, traffic_of
from scenarios.patients.visits import plan_visits
from scenarios.reading.errors import ScenarioError
from scenarios.reading.loader import dump_scenario, load_scenario, restore_scenario
from scenarios.schema import Scenario
from sim.model.costs import load_costs

S = 1_000_000
RATE = 20
LENGTH_S = 60
SEEDS = 60
BASE = """\
name: base
horizon: {start: 2024-03-13 03:00:00, length: 60s}
visits:
  arrivals: {ARRIVALS}
  mix: {outpatient: 0.5, pharmacy: 0.5, inpatient: 0}
MORE
topology: {regions: [33, 34, 63], hospitals_per_province: {hospital: 2, pharmacy: 2}}
"""
OPEN = f"  per_day: {RATE}/s\n  local_per_cross: 0"


@pytest.fixture
def read(tmp_path):
    def read(arrivals: str, more: str = OPEN, **options: Any) -> Scenario:
        path = tmp_path / "s.yaml"
        path.write_text(BASE.replace("ARRIVALS", arrivals).replace("MORE\n", f"{more}\n" if more else ""))
        return load_scenario(path, **options)

    return read


def moments_s(scenario: Scenario) -> np.ndarray:
    return np.sort(traffic_of(scenario).arrival_us) / S


def counts(read: Any, arrivals: str, edges_s: list[float], **options: Any) -> np.ndarray:
    """Return how many came in each window, a row for each seed."""
    return np.array([np.histogram(moments_s(read(arrivals, seed=s, **options)), edges_s)[0] for s in range(SEEDS)])


# --- theory ---


def test_an_even_stream_is_poisson_its_counts_vary_as_much_as_they_are_many(read):
    """Dispersion test: n times variance over mean is chi-squared, 600 windows within four standard deviations."""
    found = counts(read, "kind: poisson", list(range(0, LENGTH_S + 1, 6))).ravel()

    assert fmean(found) == pytest.approx(RATE * 6, rel=0.015)
    assert abs(pvariance(found) / fmean(found) - 1) < 4 * (2 / found.size) ** 0.5


def test_gaps_of_an_even_stream_have_no_memory(read):
    gaps_s = np.concatenate([np.diff(moments_s(read("kind: poisson", seed=s))) for s in range(10)])

    beyond = [(gaps_s > t / RATE).mean() for t in (0.5, 1, 2)]
    assert beyond == pytest.approx(np.exp([-0.5, -1, -2]), abs=0.015)


def test_the_hours_have_no_say_where_arrivals_are_even(read):
    """At three in the morning hardly anybody comes by the hours."""
    assert moments_s(read("kind: profile")).size < moments_s(read("kind: poisson")).size / 5


BURSTS = "kind: bursts, every: 4s, for: 1s, factor: 10"


def test_bursts_keep_the_mean_rate_and_are_more_uneven_than_chance(read):
    found = counts(read, BURSTS, list(range(LENGTH_S + 1)))

    assert fmean(found.ravel()) == pytest.approx(RATE, rel=0.05)
    assert pvariance(found.ravel()) / fmean(found.ravel()) > 5
    shares = [(row > 2 * RATE).mean() for row in found]
    assert fmean(shares) == pytest.approx(0.2, abs=0.06)


@pytest.mark.parametrize(
    ("arrivals", "edges_s", "rates"),
    [
        ("kind: spike, at: 20s, for: 10s, factor: 4", [0, 20, 30, 60], [1, 4, 1]),
        ("kind: step, every: 20s, rise: 0.5", [0, 20, 40, 60], [1, 1.5, 2]),
        ("kind: soak, ramp: 30s", [0, 15, 30, 60], [0.25, 0.75, 1]),
        ("kind: soak", [0, 30, 60], [1, 1]),
    ],
)
def test_a_shape_has_the_rates_that_it_says_and_no_others(read, arrivals, edges_s, rates):
    found = counts(read, arrivals, edges_s)

    expected = RATE * np.array(rates) * np.diff(edges_s)
    assert found.mean(axis=0) == pytest.approx(expected, rel=0.03)
    assert found.var(axis=0) == pytest.approx(expected, rel=0.8), "still Poisson inside each window"
    assert arrivals_expected(read(arrivals)) == pytest.approx(expected.sum())


def test_a_shape_is_drawn_on_the_clock_of_people(read):
    """A minute of people that takes a tenth of the time has the same visits, ten times as dense."""
    slow, fast = (read("kind: spike, at: 20s, for: 10s, factor: 4", sets=sets) for sets in ([], ["scale.time=10"]))

    assert moments_s(fast) == pytest.approx(moments_s(slow) / 10, abs=1e-5)


def test_the_busiest_hour_of_the_arithmetic_is_that_of_the_shape(read):
    load = implied_load(read("kind: spike, at: 20s, for: 10s, factor: 4"), load_costs())

    assert load.cross_visits == pytest.approx(RATE * 90)
    assert load.settlements_per_s == pytest.approx(RATE * 1.5)


# --- closed users ---


CLOSED = "kind: closed, users: 4, throughput: 2/s"


def test_closed_users_have_a_visit_each_period_at_most_and_begin_apart(read):
    scenario = read(CLOSED, "")
    users = plan_visits(scenario).users

    assert [len(rows) for rows in users.rows] == [120] * 4
    assert len(set(users.first_us)) == 4
    assert all(0 <= first_us < 500_000 for first_us in users.first_us)
    assert cross_per_day(scenario) * LENGTH_S / 86_400 == pytest.approx(480)
    assert local_per_cross(scenario) == 0
    assert arrivals_expected(scenario) == pytest.approx(480)


def test_one_user_more_changes_nobody_elses_visits(read):
    def of_first(count: int) -> list[tuple[str, str, int]]:
        plan = plan_visits(read(f"kind: closed, users: {count}, think: 1s", "", sets=["visits.handling=1s"]))
        return [
            (visit.kind, visit.person, visit.total_fen)
            for visit in (plan.begun(row, 7) for row in plan.users.rows[0])
            if visit.arrival_us == 7
        ]

    assert of_first(2) == of_first(3) != []


def test_a_user_who_was_held_up_does_not_catch_up_and_makes_the_next_visit():
    users = Users(rows=((10, 11, 12, 13),), first_us=(5,), thinks_us=(), period_us=100, until_us=1_000)
    [user] = users

    assert user.first() == Due(10, 5)
    assert user.next(began_us=5, ended_us=30) == Due(11, 105)
    assert user.next(began_us=105, ended_us=640) == Due(12, 640)
    assert user.next(began_us=640, ended_us=1_000) is None
    assert (len(NO_USERS), users.visits) == (0, 4)


def test_a_user_who_thinks_does_so_from_the_end_of_each_visit():
    users = Users(rows=((3, 4),), first_us=(0,), thinks_us=((0, 70),), period_us=0, until_us=1_000)
    [user] = users

    assert user.first() == Due(3, 0)
    assert user.next(began_us=0, ended_us=500) == Due(4, 570)
    assert user.next(began_us=570, ended_us=600) is None, "no visit is left"


def test_volume_makes_more_users_and_not_quicker_ones(read):
    scenario = read(CLOSED, "", sets=["scale.volume=0.5"])

    assert user_count(scenario, scenario.visits.arrivals) == 2
    assert plan_visits(scenario).users.period_us == 500_000


@pytest.mark.parametrize(
    "arrivals", [CLOSED, BURSTS, "kind: closed, users: 2, think: {distribution: uniform, low: 0s, high: 2s}"]
)
def test_a_workload_survives_being_written_down(read, arrivals):
    scenario = read(arrivals, "" if "closed" in arrivals else OPEN)
    again = restore_scenario(dump_scenario(scenario))

    assert again == scenario
    assert plan_visits(again).digest() == plan_visits(scenario).digest()


# --- what is refused ---


REFUSED = """
    kind: brusts                                        |                   | kind             | one of profile, poisson
    users: 3                                            |                   | kind             | one of profile, poisson
    kind: poisson, rate: 3                              |                   | rate             | one of kind
    kind: spike, at: 50s, for: 20s, factor: 2           |                   | for              | outlasts the horizon
    kind: spike, at: 5s, for: 2s, factor: 1             |                   | factor           | greater than 1
    kind: step, every: 60s, rise: 1                     |                   | every            | one step alone
    kind: step, every: 1ms, rise: 1                     |                   | every            | too many steps
    kind: bursts, every: 50s, for: 10s, factor: 2       |                   | every            | no time for a burst
    kind: bursts, every: 1ms, for: 1ms, factor: 2       |                   | every            | too many steps
    kind: soak, ramp: 60s                               |                   | ramp             | rises beyond
    kind: closed, users: 3                              | -                 | arrivals         | one of think and throughput
    kind: closed, users: 3, think: 1s, throughput: 1/s  | -                 | arrivals         | one of think and throughput
    kind: closed, users: 3, think: 0s                   | -                 | arrivals         | never stop asking
    kind: closed, users: 3, throughput: 0               | -                 | arrivals         | never begin
    kind: closed, users: 0, think: 1s                   | -                 | users            | greater than or equal to 1
    kind: closed, users: 30000, think: 1ms              | -                 | users            | more than can be planned
    kind: closed, users: 3, think: 1s                   |   per_day: 5/s    | per_day          | do not go by it
    kind: closed, users: 3, think: 1s                   |   local_per_cross: 1 | local_per_cross | do not go by it
    kind: closed, users: 3, think: 1s                   |   hourly_by_kind: {} | hourly_by_kind | do not go by it
    kind: closed, users: 3, think: 1s                   |   care_types: {internet: 0.5} | internet | when they are free
    kind: closed, users: 3, think: 1s                   |   explicit: [{kind: pharmacy, care: 330400, insured: 340100, at: 0s}] | explicit | beside closed users
    kind: poisson                                       |   day: average    | day              | do not go by it
    kind: trace                                         | -                 | arrivals         | a trace without visits
    kind: trace, visits: [{kind: pharmacy, at: 90s}]    | -                 | at               | after the horizon
    kind: trace, visits: [{kind: pharmacy, at: 1s, care: 330400}] | -       | arrivals.visits.0 | places by halves
    kind: trace, visits: [{kind: pharmacy, at: 1s}]     |   stay_mean: 3d   | mix              | do not go by it
"""


@pytest.mark.parametrize("line", REFUSED.strip().splitlines())
def test_what_a_workload_cannot_be_is_refused_with_its_place(read, line):
    arrivals, more, key, what = (cell.strip() if n != 1 else cell.rstrip() for n, cell in enumerate(line.split(" | ")))
    more = {"": OPEN, "-": ""}.get(more.strip(), "  " + more.strip())

    with pytest.raises(ScenarioError) as caught:
        read(arrivals, more)

    assert key in caught.value.key
    assert what in str(caught.value)
    assert caught.value.line > 0


def test_stays_and_closed_users_and_a_scaled_trace_do_not_go_together(read):
    for sets, what in (
        (["visits.mix={outpatient: 0.5, pharmacy: 0.4, inpatient: 0.1}"], "wait for days"),
        (["scale.volume=50000"], "too many users"),
    ):
        with pytest.raises(ScenarioError, match=what):
            read(CLOSED, "", sets=sets)
    with pytest.raises(ScenarioError, match="as many as they are"):
        read(
            "kind: poisson",
            "",
            sets=["scale.volume=2", "visits.arrivals={kind: trace, visits: [{kind: pharmacy, at: 1s}]}"],
        )
