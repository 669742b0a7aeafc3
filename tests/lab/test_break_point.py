"""The search for the rate that breaks a scenario: where it ends, why, and what it may not be asked."""

from __future__ import annotations

import json

import pytest

from lab.cli.app import run_command
from lab.experiments.break_point import BREAK_POINT_FILE, Search, Trial, refuse_unbreakable, searched
from reference_impl.domain.failures import InputError
from scenarios.reading.loader import load_scenario

TRUTH_PER_S = 37.0


def tried(verdict_of):
    def run(per_s, number):
        return Trial(per_s=per_s, verdict=verdict_of(per_s), folder=f"run-{number}")

    return run


def breaking(per_s):
    return "pass" if per_s <= TRUTH_PER_S else "fail"


@pytest.mark.parametrize("start", [0.5, 37, 38, 1_000])
@pytest.mark.parametrize("within", [0.3, 0.02])
def test_the_point_is_closed_in_from_either_side_as_narrowly_as_asked(start, within):
    trials, holds, breaks, ended = searched(tried(breaking), Search(start_per_s=start, within=within, runs_max=40))

    assert ended == "found"
    assert holds <= TRUTH_PER_S < breaks <= holds * (1 + within)
    assert len({trial.per_s for trial in trials}) == len(trials), "no load twice"
    assert [trial.folder for trial in trials] == [f"run-{n + 1}" for n in range(len(trials))]


@pytest.mark.parametrize(
    ("verdict_of", "holds", "breaks", "why"),
    [
        (lambda _: "pass", 64, None, "7 runs were not enough"),
        (lambda _: "fail", None, 1 / 64, "7 runs were not enough"),
        (lambda rate: "pass" if rate < 5 else "invalid", 4, None, "8 visits/s could not be judged: invalid"),
        (
            lambda rate: "inconclusive" if rate < 9 else "fail",
            None,
            None,
            "1 visits/s could not be judged: inconclusive",
        ),
    ],
)
def test_a_search_that_cannot_go_on_says_what_it_knows_and_why_it_ended(verdict_of, holds, breaks, why):
    _, held, broke, ended = searched(tried(verdict_of), Search(start_per_s=1, within=0.1, runs_max=7))

    assert (held, broke, ended) == (holds, breaks, why)


def test_a_rate_that_no_memory_holds_ends_the_search_and_what_held_stays(tmp_path, capsys):
    """Before it is planned, not by the kernel."""
    asked = ["--from", "1000000", "--runs", "2", "--set", "faults=[]", "--set", "horizon.length=10min"]
    code = run_command(["break-point", "stalled-server", *asked, "--out", str(tmp_path / "found")])

    assert code == 3
    assert "more than memory holds" in capsys.readouterr().out.replace("\n", " ")
    assert not (tmp_path / "found").exists() or json.loads((tmp_path / "found" / BREAK_POINT_FILE).read_text())
    assert run_command(["break-point", "stalled-server", "--from", "1e30"]) == 2
    assert run_command(["break-point", "stalled-server", "--from", "inf"]) == 2


def test_what_has_no_rate_or_no_gate_has_no_break_point():
    with pytest.raises(InputError, match="needs open arrivals"):
        refuse_unbreakable(load_scenario("stalled-server", variant="closed"))
    with pytest.raises(InputError, match="no gates"):
        refuse_unbreakable(load_scenario("stalled-server").model_copy(update={"gates": {}}))


def test_a_hub_of_one_worker_breaks_where_its_work_does_and_each_run_is_kept(tmp_path, capsys):
    """A message takes the hub 50 ms, and a purchase is three of them: about seven purchases a second."""
    sets = [
        "faults=[{kind: slow, node: hub, at: 0s, for: 40s, add: 50ms}]", "horizon.length=40s",
        "topology.hub={workers: 1, hold_while_waiting: true}", 'gates={"contact.latency": ["mean < 2s"]}',
    ]  # fmt: skip
    asked = ["break-point", "stalled-server", "--from", "2", "--within", "0.5", "--out", str(tmp_path / "found")]

    code = run_command([*asked, *(part for one in sets for part in ("--set", one)), "--json"])

    found = json.loads(capsys.readouterr().out)
    assert code == 0
    assert 3 < found["holds_per_s"] < found["breaks_per_s"] < 14
    kept = json.loads((tmp_path / "found" / BREAK_POINT_FILE).read_text())
    assert kept == {key: value for key, value in found.items() if key != "folder"}
    assert all((tmp_path / "found" / trial["folder"] / "run.json").exists() for trial in kept["trials"])
    failed = next(trial["failed"] for trial in kept["trials"] if trial["verdict"] == "fail")
    assert failed == ["contact.latency mean < 2s"]


def test_a_search_cut_short_says_so_and_leaves_with_another_code(tmp_path, capsys):
    asked = ["break-point", "stalled-server", "--from", "1", "--runs", "2", "--out", str(tmp_path / "found")]
    sets = ["horizon.length=10s", "faults=[]", 'gates={"contact.latency": ["mean < 2s"]}']

    code = run_command([*asked, *(part for one in sets for part in ("--set", one))])

    out = " ".join(capsys.readouterr().out.split())
    assert code == 3
    assert (
        "holds at 2 visits/s, breaks at nothing that was tried; the search ended early: 2 runs were not enough" in out
    )
