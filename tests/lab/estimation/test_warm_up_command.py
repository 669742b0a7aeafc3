"""``yidi warm-up``: what a finished run says of its own start."""

from __future__ import annotations

import json

import pytest

from lab.cli.commands.warm_up import warm_up
from lab.experiments.experiment import Question, Silent, run_world
from reference_impl.domain.failures import InputError
from scenarios.reading.loader import load_scenario

STEADY = """
version: 1
name: steady
visits: {per_day: 200000, arrivals: {kind: poisson}}
horizon: {length: 20min}
"""


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    root = tmp_path_factory.mktemp("steady")
    (root / "steady.yaml").write_text(STEADY)
    run_world(Question(load_scenario(str(root / "steady.yaml")), "steady.yaml"), "sim", root / "run", Silent())
    return root / "run"


def test_a_run_says_where_its_start_ends_and_what_the_rest_comes_to(steady, tmp_path, capsys):
    code = warm_up(steady, tmp_path / "graph.svg", as_json=True)
    said = json.loads(capsys.readouterr().out)

    assert code == (1 if said["too_short"] else 0)
    assert said["stated_us"] == 0
    assert said["warm_up_us"] is None or 0 <= said["warm_up_us"] <= 10 * 60_000_000
    assert "<svg" in (tmp_path / "graph.svg").read_text()


@pytest.mark.parametrize("name", ["graph.pdf", "none/graph.png"])
def test_a_graph_that_cannot_be_written_is_refused(steady, tmp_path, name):
    with pytest.raises(InputError, match="expected"):
        warm_up(steady, tmp_path / name, as_json=True)
