"""A search for a plan of less harm: what is nonsense, what it may not have seen, and what an interrupted one comes to."""

from __future__ import annotations

import msgspec
import pytest

from lab.experiments.experiment import Silent
from lab.planner.evaluate import fresh_seeds, search_seeds
from lab.planner.harm import weights_of
from lab.planner.knobs import knobs_of
from lab.planner.planning import Asked, plan_stop
from lab.planner.runbook import write_run_book
from reference_impl.domain.failures import InputError
from scenarios.reading.loader import load_stated

STOP = """
version: 2
name: tiny
horizon: {start: 2024-03-11 00:00:00, length: 2d, warm_up: 1h, drain_limit: 6h}
visits: {per_day: 20, mix: {outpatient: 60%, pharmacy: 30%, inpatient: 10%}}
topology: {regions: [33, 34], hospitals_per_province: {hospital: 1, pharmacy: 1}, desks_per_hospital: 2}
clients: {park: {share: 50%, spread: 4h}}
cutover: {name: night, scope: 34, at: 1d2h, window: 4h, ramp: {kind: linear, over: 1h}}
"""
WEIGHTS = tuple(weights_of(None, []).items())


@pytest.fixture
def stop(tmp_path):
    file = tmp_path / "tiny.yaml"
    file.write_text(STOP)
    return file


@pytest.mark.parametrize(
    ("lever", "said"),
    [
        ("ramp=[{kind: linear}]", "takes over"),
        ("ramp=[{kind: upwards}]", "linear"),
        ("park_share=[150%]", "150%"),
        ("stop_before=[-1h]", "-1h"),
        ("start=[soon]", "hours"),
        ("nope", "unknown lever"),
    ],
)
def test_a_lever_that_is_nonsense_is_refused_before_anything_starts(stop, lever, said):
    with pytest.raises(InputError, match=said):
        knobs_of(load_stated(stop), (lever,), nights=False)


@pytest.mark.parametrize("weight", ["patients=-1", "patients=nan", "patients=inf", "patients", "charm=1"])
def test_a_weight_that_is_nonsense_is_refused(weight):
    with pytest.raises(InputError, match="weight"):
        weights_of(None, [weight])


def test_the_seeds_of_the_judgement_are_none_of_the_search():
    assert not set(search_seeds(1, 1000)) & set(fresh_seeds(1, 1000))


def test_a_search_that_was_ended_in_the_middle_of_a_line_comes_to_the_same_answer(stop, tmp_path):
    asked = Asked(stop, trials=3, replications=1, fresh=2, levers=("start=[-20]", "spread=[1h, 2h]"), weights=WEIGHTS)
    whole = plan_stop(asked, tmp_path / "whole", Silent())
    torn = tmp_path / "torn"
    torn.mkdir()
    for name in ("asked.json", "replications.jsonl"):
        content = (tmp_path / "whole" / name).read_bytes()
        (torn / name).write_bytes(content if name == "asked.json" else content[: len(content) // 2])

    again = plan_stop(asked, torn, Silent())

    assert msgspec.structs.replace(again.planned, machine={}) == msgspec.structs.replace(whole.planned, machine={})


def test_a_lever_that_cannot_be_put_back_alone_is_named(stop, tmp_path):
    """Begun 20 hours earlier the parked have a day and a half to come back; begun as stated they would outlast the run."""
    asked = Asked(stop, trials=4, replications=1, fresh=2, levers=("start=[-20]", "spread=[1d]"), weights=WEIGHTS)
    answered = plan_stop(asked, tmp_path / "out", Silent())
    planned = answered.planned
    moved = next(one for one in planned.trials if one.levers["start"] == "-20" and one.levers["spread"] == "1d")
    judged = msgspec.structs.replace(planned.judged, worths=())
    told = msgspec.structs.replace(answered.planned, best=moved.number, judged=judged)

    write_run_book(type(answered)(told, answered.start, answered.found), tmp_path / "out")

    text = (tmp_path / "out" / "runbook.md").read_text()
    assert "no plan that can be has it alone as stated: start, spread" in text
    assert "No lever was moved" not in text
