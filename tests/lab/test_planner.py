"""The planner: the same search gives the same trials however often it is ended, and nothing is called better unproved."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

import yidi
from lab.cli.app import INTERRUPTED, run_command
from lab.cli.cutover import LEVER_NAMES, WEIGHT_NAMES
from lab.experiments.experiment import Silent
from lab.planner import judgement, planning
from lab.planner.draft import start_of
from lab.planner.evaluate import CACHE_FILE, delayed, fits, fresh_seeds, search_seeds
from lab.planner.harm import COMPONENTS, FIGURES, figures_of, harm, weights_of
from lab.planner.judgement import HARM, Judged, Range
from lab.planner.knobs import applied, knobs_of
from lab.planner.levers import LEVERS, told
from lab.planner.planning import Asked, plan_stop
from lab.planner.runbook import verdict_of, write_run_book
from lab.planner.search import BATCH, Trial, front_of
from lab.planner.tasks import step_gates, tasks_of
from reference_impl.domain.failures import InputError
from scenarios.reading.loader import digest, load_scenario
from scenarios.schema import Scenario
from scenarios.schema.course import courses_of

ROOT = Path(__file__).parents[2]
US_PER_HOUR = 3_600_000_000
LIMIT_S = 60
WEIGHTS = tuple(weights_of(None, ()).items())
TINY = """
name: tiny-stop
title: A tiny stop
question: What is a stop of half a day worth changing?
horizon: {start: 2024-03-11 00:00:00, length: 3d, warm_up: 6h, drain_limit: 12h}
visits: {per_day: 24, stay_mean: 2d, local_per_cross: 0, mix: {outpatient: 70%, pharmacy: 20%, inpatient: 10%}}
topology: {regions: [33, 34], hospitals_per_province: {hospital: 2, pharmacy: 1}}
clients: {park: {share: 30%, spread: 2h}}
cutover: {name: anhui, scope: 34, at: 1d6h, stop_before: 1h, window: 12h, ramp: 1h}
"""
NIGHT = """
name: tiny-night
question: When is a night given up?
horizon: {start: 2024-03-11 00:00:00, length: 4d, warm_up: 6h, drain_limit: 12h}
visits: {per_day: 20, local_per_cross: 0, mix: {outpatient: 100%, pharmacy: 0%, inpatient: 0%}}
topology: {regions: [33, 34], hospitals_per_province: {hospital: 2, pharmacy: 1}}
clients: {park: {share: 30%, spread: 2h}}
cutover:
  - name: cross
    scope: 34
    business: cross
    announce: {lead: 6h}
    at: 1d20h
    window: {planned: 9h, migrate: {distribution: uniform, low: 4h, high: 12h}, verify: 1h}
    roll_back: {after: 11h, takes: 30min}
    ramp: {kind: linear, over: 2h}
"""


@pytest.fixture
def one_process(monkeypatch):
    """Simulate in this process, as little as tells: tests start none."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    monkeypatch.setattr(judgement, "DELAYS_H", (1, 8))
    monkeypatch.setattr(judgement, "FRONT_MAX", 2)


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny-stop.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture
def night(tmp_path):
    path = tmp_path / "tiny-night.yaml"
    path.write_text(NIGHT)
    return path


def asked_of(source, **changes) -> Asked:
    small = {
        "weights": WEIGHTS,
        "trials": 6,
        "replications": 1,
        "fresh": 2,
        "levers": ("ramp", "park_share", "announce"),
    }
    return Asked(source, **{**small, **changes})


# --- levers and drafts ---


@pytest.mark.parametrize("name", ["real-stops", "hub-move", "wave-with-straggler", "cutover-luan-2021"])
def test_the_plan_as_stated_is_among_the_choices_and_changing_nothing_changes_nothing(name):
    start = start_of(name)
    knobs = knobs_of(start.stated)
    untouched = applied(knobs, {knob.lever.name: knob.stated for knob in knobs}, start.draft())

    assert digest(untouched.resolved()) == digest(load_scenario(name))
    assert all([choice.stated for choice in knob.choices].count(True) == 1 for knob in knobs)


@pytest.mark.parametrize("source", ["tiny", "night"])
def test_every_choice_of_every_lever_is_a_plan_or_is_refused_by_the_loader_and_its_settings_can_be_typed(
    source, request
):
    start = start_of(request.getfixturevalue(source))
    refused = 0
    for knob in knobs_of(start.stated):
        for place, choice in enumerate(knob.choices):
            draft = applied([knob], {knob.lever.name: place}, start.draft())
            try:
                changed = draft.resolved()
            except yidi.ScenarioError:
                refused += 1
                continue
            assert digest(load_scenario(start.source, sets=draft.settings())) == digest(changed)
            assert choice.stated == (digest(changed) == digest(load_scenario(start.source)))
    assert refused <= 3


def test_the_work_behind_the_door_is_no_lever_and_stays_as_long_as_it_is(night):
    start = start_of(night)
    works = start.stated.cutover[0].work_us
    for knob in knobs_of(start.stated):
        for place in (0, len(knob.choices) - 1):
            draft = applied([knob], {knob.lever.name: place}, start.draft())
            assert json.dumps(draft.plans[0]["window"]["migrate"]) == json.dumps(
                start.draft().plans[0]["window"]["migrate"]
            )
    assert works == (5 * US_PER_HOUR, 13 * US_PER_HOUR)


def test_by_night_no_plan_closes_by_day_but_where_it_is_stated_so(tiny):
    stated = start_of(tiny).stated
    [knob] = knobs_of(stated, ["start=[-12, -9, -3, 0, 3, 12, 14]"], nights=True)
    closing = [(6 + choice.value) % 24 for choice in knob.choices if not choice.stated]

    assert closing
    assert all(hour >= 18 or hour < 6 for hour in closing)


@pytest.mark.parametrize(
    ("levers", "said"),
    [
        (["stop_befor"], "did you mean 'stop_before'"),
        (["stop_before=1h"], "expected a list of values"),
        (["stop_before=[]"], "expected a list of values"),
        (["stop_before=[an hour]"], "expected a duration"),
        (["start=[soon]"], "expected hours"),
        (["park_share=[140%]"], "expected a share"),
        (["plan.park_share"], "or plan.KEY"),
        (["turn_back"], "nothing of the kind"),
        (["planned=[8h]"], "nothing of the kind"),
    ],
)
def test_a_wrong_lever_is_told_in_one_sentence(tiny, levers, said):
    with pytest.raises(InputError, match=said.replace("(", r"\(")):
        knobs_of(start_of(tiny).stated, levers)


def test_each_lever_has_a_name_of_its_own_and_a_value_is_told_as_people_say_it():
    assert len({lever.name for lever in LEVERS}) == len(LEVERS)
    assert told({"kind": "steps", "steps": [{"share": 0.1, "hold": "1h"}]}) == "steps: 10 % for 1h"
    assert told({"kind": "linear", "over": "2h"}) == "evenly over 2h"


def test_any_key_of_a_plan_is_a_lever_at_values_that_are_given(tiny, tmp_path, one_process):
    told = ("cutover.announce.lead=6h",)
    asked = asked_of(tiny, trials=8, sets=told, levers=("plan.announce.comes_anyway=[10%, 100%]", "ramp"))
    planned = plan_stop(asked, tmp_path / "plan", Silent()).planned

    tried = {one.levers["plan.announce.comes_anyway"] for one in planned.trials}
    assert tried <= {"as stated", "10%", "100%"}
    assert len(tried) > 1
    with pytest.raises(yidi.ScenarioError, match="park_shar"):
        plan_stop(asked_of(tiny, levers=("plan.park_shar=[10%]",)), tmp_path / "other", Silent())
    assert not (tmp_path / "other").exists()


# --- harm ---


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["patients=-1"], "expected a number, 0 or more"),
        (["patients=many"], "expected a number"),
        (["patients=nan"], "expected a number"),
        (["patient=1"], "did you mean 'patients'"),
        (["patients"], "expected NAME=NUMBER"),
        ([f"{one.name}=0" for one in COMPONENTS], "got 0 for all"),
    ],
)
def test_wrong_weights_are_told_in_one_sentence(given, said):
    with pytest.raises(InputError, match=said):
        weights_of(None, given)


def test_weights_come_from_a_file_and_single_ones_go_above_it(tmp_path):
    file = tmp_path / "weights.yaml"
    file.write_text("patients: 3\npaper_claims: 0\n")

    weights = weights_of(file, ["patients=4"])

    assert (weights["patients"], weights["paper_claims"]) == (4, 0)
    file.write_text("- patients\n")
    with pytest.raises(InputError, match="expected a YAML mapping"):
        weights_of(file, [])
    with pytest.raises(InputError, match="cannot read weights"):
        weights_of(tmp_path / "nowhere.yaml", [])


def test_people_and_money_are_told_at_the_whole_volume_and_hours_as_they_are(tiny):
    sample = figures_of(yidi.simulate(yidi.load(tiny, sets=["visits.per_day=48", "scale.volume=0.5"])))
    same = figures_of(yidi.simulate(yidi.load(tiny)))

    assert same["patients"] > 0
    for name in ("patients", "paper_claims", "yuan_days"):
        assert sample[name] == pytest.approx(2 * same[name])
    assert sample["closed_hours"] == same["closed_hours"] == 1 + 12 + 1


def test_a_doubled_weight_doubles_its_part_of_the_harm():
    figures = {one.name: 2.0 for one in COMPONENTS}

    assert harm(figures, {"patients": 4.0}) == 2 * harm(figures, {"patients": 2.0})


# --- the search ---


def test_the_same_trials_come_however_often_a_search_was_ended_and_a_longer_one_begins_with_them(
    tiny, tmp_path, one_process
):
    class EndsAfter(Silent):
        def advance(self, done: float) -> None:
            if done >= BATCH:
                raise KeyboardInterrupt

    whole = plan_stop(asked_of(tiny, trials=10), tmp_path / "whole", Silent()).planned
    with pytest.raises(KeyboardInterrupt):
        plan_stop(asked_of(tiny, trials=10), tmp_path / "ended", EndsAfter())
    kept = (tmp_path / "ended" / CACHE_FILE).read_bytes()
    assert kept
    short = plan_stop(asked_of(tiny, trials=6), tmp_path / "ended", Silent()).planned
    gone_on = plan_stop(asked_of(tiny, trials=10), tmp_path / "ended", Silent()).planned

    assert (tmp_path / "ended" / CACHE_FILE).read_bytes().startswith(kept)
    assert gone_on.trials == whole.trials
    assert short.trials == whole.trials[:6]
    assert gone_on.judged == whole.judged
    assert len({tuple(one.levers.items()) for one in whole.trials}) > 4


def test_a_finished_search_asked_again_simulates_nothing(tiny, tmp_path, one_process, monkeypatch):
    first = plan_stop(asked_of(tiny), tmp_path / "plan", Silent()).planned
    with (tmp_path / "plan" / CACHE_FILE).open("ab") as file:
        file.write(b'{"key": "torn')
    monkeypatch.setattr("lab.planner.evaluate.simulate_here", lambda *_: pytest.fail("it was simulated already"))

    again = plan_stop(asked_of(tiny), tmp_path / "plan", Silent()).planned

    assert (again.trials, again.judged) == (first.trials, first.judged)


def test_the_first_trial_is_the_plan_as_stated_and_the_best_harms_no_more_on_the_seeds_of_the_search(
    tiny, tmp_path, one_process
):
    asked = asked_of(tiny, trials=12, levers=("park_share=[0%, 100%]",))
    planned = plan_stop(asked, tmp_path / "plan", Silent()).planned

    assert planned.trials[0].levers == {"park_share": "30 %"}
    assert planned.trials[planned.best].levers == {"park_share": "100%"}
    assert planned.judged.found["paper_claims"].value < planned.judged.stated["paper_claims"].value
    [worth] = planned.judged.worths
    assert worth.more_harm.value == pytest.approx(-planned.judged.difference["harm"].value)


def test_papers_that_hospitals_send_themselves_leave_nobody_to_claim_and_the_rest_parks_as_it_did(tiny):
    start = start_of(tiny)
    knobs = knobs_of(start.stated, ["settle_later=[50%, 100%]"])
    half, whole = (applied(knobs, {"settle_later": place}, start.draft()) for place in (1, 2))

    [mix] = half.stated().cutover[0].policies.mixes
    assert (mix.settle_later, mix.park, mix.paper) == pytest.approx((0.5, 0.15, 0.35))
    stated, sent = (figures_of(yidi.simulate(one.resolved())) for one in (start.draft(), whole))
    assert sent["paper_claims"] == 0 < stated["paper_claims"]


def test_no_seed_that_a_plan_is_judged_on_was_seen_by_the_search():
    for seed in (1, 2, 2**63 - 1):
        assert not set(search_seeds(seed, 200)) & set(fresh_seeds(seed, 200))


def test_a_plan_that_cannot_be_is_counted_and_never_the_best_nor_on_the_front(tiny, tmp_path, one_process):
    levers = ("early_cutoff=[30h]", "park_share")
    planned = plan_stop(asked_of(tiny, trials=8, levers=levers), tmp_path / "plan", Silent()).planned
    refused = [one for one in planned.trials if one.refused]

    assert refused
    assert all("early_cutoff" in one.refused or "warm-up" in one.refused for one in refused)
    assert not planned.trials[planned.best].refused
    assert not {one.number for one in refused} & {one.trial for one in planned.judged.front}


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=30))
def test_no_plan_tried_is_better_both_ways_than_one_of_the_front(points):
    trials = [Trial(number, {}, float(a), float(b)) for number, (a, b) in enumerate(points)]
    front = front_of(trials)

    for one in trials:
        dominated = any(
            other.harm <= one.harm
            and other.against <= one.against
            and (other.harm, other.against) != (one.harm, one.against)
            for other in trials
        )
        assert dominated == ((one.harm, one.against) not in {(kept.harm, kept.against) for kept in front})


# --- delays and judgement ---


@pytest.mark.parametrize("source", ["tiny", "night"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_delay_opens_the_door_so_much_later_and_tells_nobody(source, seed, request):
    scenario = load_scenario(request.getfixturevalue(source), seed=seed)
    late = delayed(scenario, 3 * US_PER_HOUR)

    for course, later in zip(courses_of(scenario), courses_of(late), strict=True):
        assert later.reopen_at == course.reopen_at + 3 * US_PER_HOUR
        assert later.planned_reopen_at == course.planned_reopen_at
        assert not later.rolled_back


def test_an_hour_of_delay_costs_patients_and_is_told_with_each_plans_hours(tiny, tmp_path, one_process):
    planned = plan_stop(asked_of(tiny, trials=1), tmp_path / "plan", Silent()).planned

    assert [one.hours for one in planned.judged.delays] == [1, 8]
    costs = [one.harm.value for one in planned.judged.delays]
    assert costs == sorted(costs)
    assert costs[0] >= dict(WEIGHTS)["overrun"]


def judged_with(difference: Range) -> Judged:
    of = {"harm": Range(100.0, 90.0, 110.0)}
    return Judged(of, of, {"harm": difference}, 50.0, (), (), (), {}, {})


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        (Range(-20.0, -30.0, -10.0), r"spares 20 points of harm \(20 % of 100\)"),
        (Range(-20.0, -45.0, 5.0), "was not shown to be better"),
        (Range(20.0, 10.0, 30.0), "is worse than the stated one"),
        (Range(0.0, 0.0, 0.0), "Nothing better was found"),
        (Range(-20.0), "gives no interval"),
    ],
)
def test_a_plan_is_called_better_only_where_the_interval_on_fresh_seeds_says_so(difference, said):
    assert re.search(said, verdict_of(judged_with(difference)))


# --- the run book ---


def test_a_run_book_has_tasks_in_order_with_the_hour_to_turn_back_and_both_forms_say_the_same(
    night, tmp_path, one_process
):
    folder = tmp_path / "plan"
    answered = plan_stop(asked_of(night, trials=5, levers=("turn_back", "planned", "announce")), folder, Silent())
    book = write_run_book(answered, folder)

    tasks = tasks_of(answered.found, answered.planned.judged)
    numbers = [task.number for task in tasks]
    assert all(not task.after or task.after in numbers for task in tasks)
    begins = {task.number: task.begins for task in tasks}
    assert all(begins[task.after] <= task.begins for task in tasks if task.after)
    text = (folder / "runbook.md").read_text(encoding="utf-8")
    page = (folder / "runbook.html").read_text(encoding="utf-8")
    assert "turn back at 2024-03-1" in text
    assert (folder / "figures" / "front.png").is_file()
    for section in book.sections:
        assert f"## {section.title}" in text
        assert f"<h2>{section.title}</h2>" in page
    assert {"overrun", "closed_hours"} <= answered.planned.judged.stated.keys()
    assert msgspec.json.decode((folder / "plan.json").read_bytes())["best"] == answered.planned.best


# --- what is refused ---


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"against": "hours"}, "expected a figure of harm"),
        ({"trials": None, "seconds": 0.001}, "too small for one trial"),
        ({"sets": ("horizon.length=44h",)}, "begins within horizon.warm_up, or somebody comes back"),
        ({"sets": ("cutover=null",)}, "plans no stop"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_is_made(tiny, tmp_path, one_process, changes, said):
    with pytest.raises(InputError, match=said):
        plan_stop(asked_of(tiny, **changes), tmp_path / "plan", Silent())

    assert not (tmp_path / "plan").exists()


def test_another_question_does_not_go_on_in_a_folder_that_holds_one(tiny, tmp_path, one_process):
    plan_stop(asked_of(tiny, trials=1), tmp_path / "plan", Silent())

    with pytest.raises(InputError, match="holds another search: got other replications"):
        plan_stop(asked_of(tiny, trials=1, replications=2), tmp_path / "plan", Silent())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note").write_text("mine")
    with pytest.raises(InputError, match="holds no search"):
        plan_stop(asked_of(tiny), tmp_path / "full", Silent())


def test_a_search_of_before_an_upgrade_is_not_gone_on_with(tiny, tmp_path, one_process, monkeypatch):
    """Half of its trials would be of one program and half of another."""
    plan_stop(asked_of(tiny, trials=1), tmp_path / "plan", Silent())
    monkeypatch.setattr(planning, "versions", lambda: {"yidi": "99.0"})

    with pytest.raises(InputError, match=r"yidi 99\.0 after .*another --out"):
        plan_stop(asked_of(tiny, trials=1), tmp_path / "plan", Silent())


def test_help_names_every_lever_and_every_weight():
    assert [lever.name for lever in LEVERS] == list(LEVER_NAMES)
    assert [one.name for one in COMPONENTS] == list(WEIGHT_NAMES)


def test_where_time_is_the_budget_visits_are_left_out_until_enough_trials_fit(tiny, monkeypatch):
    start = start_of(tiny, sets=("visits.per_day=4000",))
    asked = asked_of(tiny, trials=None, seconds=60.0, replications=4, fresh=2)

    plenty, scarce = (planning._volume(asked, 3, start, visit_s) for visit_s in (1e-6, 2e-3))

    assert plenty == 1.0
    assert scarce < 0.5
    assert planning._visits(start.stated) * scarce >= planning.VISITS_MIN


def test_a_budget_of_time_ends_the_search(tiny, tmp_path, one_process):
    planned = plan_stop(asked_of(tiny, trials=3, seconds=3600.0), tmp_path / "plan", Silent()).planned

    assert len(planned.trials) == 3
    assert planned.seconds == 3600.0


def test_fits_means_that_the_last_parked_patient_is_back_before_the_end(tiny):
    assert fits(load_scenario(tiny))
    assert fits(load_scenario(tiny, sets=["horizon.length=45h"]))
    assert not fits(load_scenario(tiny, sets=["horizon.length=44h"]))
    assert not fits(load_scenario(tiny), 80 * US_PER_HOUR)
    assert math.isfinite(planning._visits(load_scenario(tiny)))


# --- the command ---


def test_the_command_writes_a_run_book_and_says_what_it_says(tiny, tmp_path, one_process, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--trials", "4", "--reps", "1", "--fresh", "2", "--lever", "park_share", "--out", "plan"]

    assert run_command(["cutover", "plan", str(tiny), *options]) == 0
    said = capsys.readouterr().out
    assert "park_share" in said
    assert "run book: plan/runbook.html" in said
    assert run_command(["cutover", "plan", str(tiny), *options, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"][0]["number"] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--volume", "2"], "expected a share of the visits"),
        (["--budget", "soon"], "expected a duration"),
        (["--budget", "0"], "expected a time above 0"),
        (["--weight", "patients=-1"], "expected a number, 0 or more"),
        (["--lever", "nonsense"], "unknown lever"),
        (["--set", "cutover=null"], "plans no stop"),
    ],
)
def test_wrong_options_are_one_line_with_exit_code_2(tiny, tmp_path, monkeypatch, capsys, options, said):
    monkeypatch.chdir(tmp_path)

    assert run_command(["cutover", "plan", str(tiny), *options]) == 2

    shown = capsys.readouterr()
    assert said in shown.err
    assert len(shown.err.strip().splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny-stop.yaml"]


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_search_that_is_ended_leaves_no_process_and_keeps_what_was_simulated(tiny, tmp_path, number):
    command = subprocess.Popen(
        [sys.executable, "-m", "lab.cli", "cutover", "plan", str(tiny), "--trials", "400", "--out", "plan"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    deadline = time.monotonic() + LIMIT_S
    cache = tmp_path / "plan" / CACHE_FILE
    while not cache.is_file() or cache.stat().st_size == 0:
        assert command.poll() is None, command.stdout.read()
        assert time.monotonic() < deadline, "nothing was simulated"
        time.sleep(0.05)
    started = psutil.Process(command.pid).children(recursive=True)

    command.send_signal(number)
    said, _ = command.communicate(timeout=LIMIT_S)

    assert command.returncode == INTERRUPTED, said
    assert b"interrupted" in said
    _, left = psutil.wait_procs(started, timeout=LIMIT_S)
    assert left == []
    assert cache.read_bytes().count(b"\n") >= 1


GATED = {
    "scope": "34", "at": "20h",
    "window": {
        "planned": "8h", "verify": "1h",
        "rows": {"persons": {"count": 1000, "moved": 1000, "every": "1h"}},
        "gates": {"persons": "2%", "more_passes": 1},
    },
    "roll_back": {"after": "6h"},
    "ramp": {
        "kind": "steps", "steps": [{"share": 0.5, "hold": "1h"}],
        "gates": {"p95": "3s", "busy": "5%", "oldest": "1h", "hold": "30min", "holds": 2, "then": "fall_back"},
    },
}  # fmt: skip


def test_the_run_book_prints_the_numbers_of_every_gate():
    asked = Scenario.model_validate({"name": "gated", "horizon": {"length": "4d"}, "cutover": GATED})
    figures = {name: Range(1.0) for name in (*FIGURES, HARM)}
    judged = Judged(figures, figures, figures, 1.0, (), (), (), figures, dict.fromkeys(FIGURES, 1.0))
    gates = " ".join(task.gate for task in tasks_of(asked, judged))

    assert "refused rows of persons at most 2 %: go on; else 1 more passes at most, then turn back" in gates
    assert step_gates(asked.cutover[0]) in gates
    assert step_gates(asked.cutover[0]) == (
        "each step goes on when over the last 10 min: 95 % of the answers within 3 s; at most 5 % of the messages not "
        "served; nobody at a desk for over 60 min; else held 2 times 30 min at most, then fall back a step"
    )
