from __future__ import annotations

import json

import pytest

from lab.analysis.capacity import implied_load
from scenarios.reading.loader import (
    LIBRARY,
    dump_scenario,
    library_names,
    load_scenario,
    restore_scenario,
    variant_names,
)
from scenarios.schema.course import courses_of
from scenarios.schema.gates import parse_gates
from sim.model.costs import load_costs

EVERY = [(name, variant) for name in library_names() for variant in (None, *variant_names(name))]
REAL = [("national-day", "quick")] + [(name, "real") for name in library_names() if "real" in variant_names(name)]
US_PER_S = 1_000_000


def test_library_holds_these_questions():
    assert library_names() == (
        "administration-stop",
        "audit-backlog",
        "beijing-tianjin-hebei-2020",
        "believable-nation",
        "books-disagree",
        "chronic-month",
        "city-relay",
        "cutover-luan-2021",
        "downtime-announced",
        "endurance",
        "false-yes",
        "gated-reopening",
        "hub-move",
        "jiaxing-qinghai",
        "kill-every-role",
        "long-stays",
        "lost-reply",
        "metastable",
        "month-end",
        "national-day",
        "only-province-level",
        "overrun-and-rollback",
        "paper-flood",
        "pilot-2017",
        "policy-change-midyear",
        "prefund-runs-dry",
        "real-stops",
        "rehearsal",
        "renumbering",
        "reopening-storm",
        "session-storm",
        "six-trips",
        "slow-province",
        "stale-codes",
        "stalled-server",
        "status-not-shown",
        "taian-2023",
        "twice-capacity",
        "two-dialects",
        "unfiled-holiday",
        "wave-with-straggler",
    )


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_scenario_loads_and_nothing_in_it_is_hopeless(name, variant):
    scenario = load_scenario(name, variant=variant)

    assert scenario.name == name
    assert scenario.title
    assert scenario.question.endswith("?")
    assert parse_gates(scenario.gates)
    assert [station.name for station in implied_load(scenario, load_costs()).unstable] == []


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_what_a_run_writes_down_of_a_scenario_is_read_back_as_it_was(name, variant):
    scenario = load_scenario(name, variant=variant)

    assert restore_scenario(json.loads(json.dumps(dump_scenario(scenario)))) == scenario


@pytest.mark.parametrize("name", library_names())
def test_file_begins_with_question_sources_and_what_to_look_at(name):
    text = (LIBRARY / f"{name}.yaml").read_text(encoding="utf-8")
    head = text[: text.index("\nversion:")]

    assert all(line.startswith("#") for line in head.strip().splitlines())
    for word in ("Question:", "Sources:", "Look at:"):
        assert word in head


@pytest.mark.parametrize(("name", "variant"), REAL)
def test_variant_for_the_real_world_lasts_about_a_minute_and_fits_one_core(name, variant):
    scenario = load_scenario(name, variant=variant)
    load = implied_load(scenario, load_costs())

    assert (scenario.horizon.length + scenario.horizon.drain_limit) / US_PER_S < 65
    assert load.settlements_per_s < 80
    assert scenario.topology.machine_cores == 1
    assert scenario.clients.deadline < scenario.horizon.length


def test_slow_province_fills_the_hubs_workers_while_it_lasts():
    load = implied_load(load_scenario("slow-province"), load_costs())

    assert [station.name for station in load.stations_while_slow if station.unstable] == ["hub workers"]


def test_luan_closes_for_254_hours_at_the_hours_of_the_notice():
    cross, local = load_scenario("cutover-luan-2021").cutover
    hour_us = 3600 * US_PER_S

    assert (cross.scope, cross.business, local.scope, local.business) == ("3415", "cross", "3415", "local")
    assert cross.close_at == (3 * 24 + 18) * hour_us
    assert local.close_at == cross.close_at + 48 * hour_us
    assert cross.planned_reopen_at - cross.close_at == 254 * hour_us
    assert local.planned_reopen_at == cross.planned_reopen_at


@pytest.mark.parametrize("variant", [None, "quick", "real"])
@pytest.mark.parametrize("seed", range(5))
def test_the_straggler_leaves_the_wave_whatever_the_seed_and_the_night_that_overruns_is_given_up(variant, seed):
    wave = courses_of(load_scenario("wave-with-straggler", variant=variant, seed=seed))
    (night,) = courses_of(load_scenario("overrun-and-rollback", variant=variant, seed=seed))

    assert [course.plan.name for course in wave if course.rolled_back] == ["shanghai"]
    assert len({course.close_at for course in wave}) == 1
    assert night.rolled_back
    assert night.overrun_us == 0


def test_the_night_that_goes_on_is_open_hours_later_than_the_one_that_turns_back():
    back, on = (courses_of(load_scenario("overrun-and-rollback", variant=variant))[0] for variant in (None, "goes-on"))

    assert back.reopen_at < back.planned_reopen_at < on.reopen_at
    assert not on.rolled_back


@pytest.mark.parametrize(
    ("start", "visits"), [("2024-03-11", 652_000), ("2024-03-13", 652_000), ("2024-03-16", 652_000)]
)
def test_an_average_day_of_the_nation_has_652_000_visits_whatever_date_it_is_given(start, visits):
    scenario = load_scenario("national-day", sets=[f"horizon.start={start}T00:00:00"])

    assert implied_load(scenario, load_costs()).cross_visits == pytest.approx(visits)


def test_the_morning_is_shrunk_by_provinces_and_leaves_every_host_a_core():
    morning = load_scenario("national-day", variant="morning")

    assert len(morning.topology.regions) == morning.scale.provinces == 8
    assert min(morning.topology.cpus().values()) >= 1


@pytest.mark.parametrize("name", library_names())
def test_a_scenario_written_down_whole_is_read_as_the_same(name):
    """As it stands in a run folder, and as it goes to another process: every default of it is stated there."""
    asked = load_scenario(name)
    assert restore_scenario(dump_scenario(asked)) == asked
