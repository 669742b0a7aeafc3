"""The command line: every wrong input is one line and exit code 2; results go to standard output alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import yaml

from lab.analysis.gates import EXIT_CODES
from lab.cli.app import run_command
from reference_impl.domain.failures import InputError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "bad-key.yaml").write_text("name: bad\nhorizn: {length: 1d}\n")
    (tmp_path / "bad-unit.yaml").write_text("name: bad\nhorizon: {length: 3 fortnights}\n")
    (tmp_path / "gap.yaml").write_text(GAP)
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)))
    (tmp_path / "costs.json").write_text("{}")
    return tmp_path


GAP = """\
name: gap
sources: by hand
insured: [34]
others: default
versions:
  - {until: 2023-06-30, cap: {active: 1}, terms: [&row {kinds: [outpatient, pharmacy, inpatient], persons: [active],
     deductible: 0, segments: [[null, 50%]]}]}
  - {from: 2023-07-02, cap: {active: 1}, terms: [*row]}
"""

WRONG = """
    check nation                                                | did you mean 'national-day'?
    check no-such-file.yaml                                     | no-such-file.yaml
    check taken                                                 | is a folder
    check bad-key.yaml                                          | bad-key.yaml:2:1: key 'horizn'
    check bad-unit.yaml                                         | bad-unit.yaml:2
    check binary.yaml                                           | not a text file
    check national-day --variant qick                           | no such variant
    check national-day --set visits.per_day=-1                  | greater than or equal to 0
    check national-day --set visits.per_day                     | expected path=value
    check national-day --set topology.regions=[99,11]           | unknown province '99'
    check national-day --set gates={speed: "< 3s"}              | unknown measure
    check slow-province --set scale.time=100000                 | breaks a timeout
    check national-day --costs costs.json                       | not a cost file
    check --policy beijing-employe                              | did you mean 'beijing-employee'?
    check --policy gap.yaml                                     | gap.yaml:6:3: key 'versions': a gap between version 0
    check lost-reply --policy points                            | expected --policy alone
    check                                                       | expected a scenario, or --policy POLICY
    run lost-reply --out taken                                  | output folder taken exists
    run lost-reply --costs nowhere.json                         | nowhere.json: cannot read
    run lost-reply --world both --costs costs.json              | not a cost file
    run lost-reply --out .                                      | output folder . exists
    run lost-reply --world nowhere                              | --world
    run lost-reply --reps 0                                     | --reps
    run lost-reply --reps many                                  | --reps
    report nowhere                                              | run folder nowhere does not exist
    report taken                                                | is not a run folder
    compare taken nowhere                                       | run
    serve lost-reply --books postgresql://a:b@db/yidi           | holds a password
    serve lost-reply --books postgresql://db                    | no address of a database
    serve lost-reply --books here --folder there                | are two folders
    cutover copy 127.0.0.1:9 34 --to postgresql://a:b@db/yidi   | holds a password
    operate nonsense 33 close                                   | expected HOST:PORT
    operate [::1 33 close                                       | expected HOST:PORT
    operate 127.0.0.1:9 33 close                                | nobody answers
    operate 127.0.0.1:9 333 close                               | expected 'hub', a province's two digits
    operate 127.0.0.1:9 33 explode                              | explode
    operate 127.0.0.1:9 33 reopen --ramp 5                      | expected a duration
    cutover status nonsense 33                                  | expected HOST:PORT
    cutover freeze 127.0.0.1:9 3304                             | a city's are not moved
    cutover verify 127.0.0.1:9 33                               | nobody answers
    cutover drain 127.0.0.1:9 33 --within 5                     | expected a duration
    cutover explode                                             | No such command 'explode'
    cutover plan lost-reply                                     | plans no stop
    cutover plan real-stops --lever stop_befor                  | did you mean 'stop_before'
    cutover plan real-stops --weight patients=-1                | expected a number, 0 or more
    cutover plan real-stops --budget soon                       | expected a duration
    cutover plan real-stops --trials 0                          | --trials
    cutover plan real-stops --trials 1 --out costs.json         | cannot make output folder
    calibrate --out new/..                                      | has no name of its own
    calibrate --out costs.json                                  | output costs.json exists
    curve jiaxing-qinghai                                       | visits.per_day is 0
    curve national-day --loads 1                                | --loads
    nonsense                                                    | No such command 'nonsense'
    run                                                         | Missing argument
"""


@pytest.mark.parametrize("line", WRONG.strip().splitlines(), ids=lambda line: line.split("|")[0].strip())
def test_wrong_input_is_one_line_and_exit_code_2(line, here, capsys):
    command, _, expected = (part.strip() for part in line.partition("|"))
    before = sorted(here.iterdir())

    code = run_command(_words(command))

    shown = capsys.readouterr()
    assert code == 2
    assert shown.out == ""
    assert expected in shown.err
    assert "Traceback" not in shown.err
    assert len(shown.err.strip().splitlines()) == 1
    assert [path for path in sorted(here.iterdir()) if path not in before] == []


def _words(command):
    """Split at spaces, but keep what follows ``gates=`` together."""
    head, keyword, rest = command.partition("gates=")
    return [*head.split(), keyword + rest] if keyword else head.split()


def test_port_in_use_is_one_line_and_nothing_is_left_running(here, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        code = run_command(["serve", "lost-reply", "--base-port", str(port)])

    shown = capsys.readouterr()
    assert code == 2
    assert f"port {port}" in shown.err
    assert len(shown.err.strip().splitlines()) == 1


def test_our_own_failure_is_one_line_and_exit_code_3(here, capsys, monkeypatch):
    monkeypatch.setattr("lab.experiments.experiment.simulate_task", lambda *_: 1 / 0)

    code = run_command(["run", "lost-reply", "--out", "run"])

    shown = capsys.readouterr()
    assert code == 3
    assert "the run failed: ZeroDivisionError" in shown.err
    assert "Traceback" not in shown.err
    assert not (here / "run").exists()
    assert not json.loads((here / "run.partial" / "run.json").read_text())["complete"]


def test_interrupt_is_told_and_keeps_the_partial_folder(here, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("lab.experiments.experiment.simulate_task", interrupt)

    code = run_command(["run", "lost-reply", "--out", "run"])

    assert code == 130
    assert "interrupted" in capsys.readouterr().err
    assert [path.name for path in here.glob("run*")] == ["run.partial"]


def test_check_prints_the_load_a_scenario_implies(here, capsys):
    assert run_command(["check", "national-day", "--variant", "quick"]) == 0

    shown = capsys.readouterr()
    assert "messages/s" in shown.out
    assert "machine" in shown.out
    assert shown.err == ""


def test_check_of_a_policy_shows_what_its_worked_cases_come_to(capsys):
    assert run_command(["check", "--policy", "points"]) == 0

    shown = capsys.readouterr()
    assert "of 10000.00 in scope: pool 4840.00, the person 5160.00; as by hand" in shown.out
    assert shown.err == ""


def test_check_of_a_policy_writes_json(capsys):
    assert run_command(["check", "--policy", "four-funds", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert found["policy"]["name"] == "four-funds"
    assert found["worked"][2]["amounts"]["civil_servant_fen"] == 322_000


def test_check_of_a_scenario_shows_its_policies_too(capsys):
    assert run_command(["check", "policy-change-midyear"]) == 0

    said = capsys.readouterr().out
    assert "insured in 3709; versions: always until 2023-06-30, from 2023-07-01" in said
    assert "active, inpatient, level 3, after 1 stays" in said


def test_check_writes_json(here, capsys):
    assert run_command(["check", "slow-province", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert found["scenario"]["name"] == "slow-province"
    assert found["load"]["stations"]


def test_resolved_scenario_is_yaml_with_everything_applied(here, capsys):
    assert run_command(["check", "lost-reply", "--resolved", "--set", "seed=77"]) == 0

    assert yaml.safe_load(capsys.readouterr().out)["seed"] == 77


def test_schema_is_json(capsys):
    assert run_command(["schema"]) == 0

    assert json.loads(capsys.readouterr().out)["title"] == "yidi scenario"
    assert run_command(["schema", "--policy"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "yidi benefit policy"


def test_run_says_its_verdict_and_leaves_a_page(here, capsys):
    assert run_command(["run", "jiaxing-qinghai", "--out", "run"]) == 0

    shown = capsys.readouterr()
    assert "verdict: pass" in shown.out
    assert (here / "run" / "report.html").exists()


def test_failed_gate_is_exit_code_1(here, capsys):
    gate = "gates={direct_rate: '> 99.9%'}"

    assert run_command(["run", "jiaxing-qinghai", "--set", gate, "--json"]) == 1

    shown = json.loads(capsys.readouterr().out)
    assert shown["verdict"] == "fail"
    assert shown["checker"][0]["lost"] == 1
    assert Path(shown["folder"]) == Path("runs/jiaxing-qinghai-sim-1")


def test_report_and_compare_write_pages(here, capsys):
    for seed in ("1", "2"):
        run_command(["run", "lost-reply", "--seed", seed, "--out", f"run{seed}"])
    (here / "run1" / "report.html").unlink()
    capsys.readouterr()

    assert run_command(["report", "run1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pages"] == ["run1/report.html"]
    assert (here / "run1" / "report.html").exists()
    assert (here / "run1" / "report.json").exists()
    assert run_command(["compare", "run1", "run2", "--out", "pages/both.html", "--json"]) == 0
    assert any(row["measure"] == "settlement.latency.p95" for row in json.loads(capsys.readouterr().out)["measures"])
    assert (here / "pages" / "both.html").exists()
    assert (here / "pages" / "both.json").exists()


@pytest.mark.parametrize("out", ["run1/run.html", "new.json", ".", "new/..", "plain/new.html", "figured/new.html"])
def test_compare_writes_its_json_over_nothing(out, here, capsys):
    run_command(["run", "lost-reply", "--out", "run1"])
    (here / "plain").write_text("no folder")
    (here / "figured").mkdir()
    (here / "figured" / "figures").write_text("no folder")
    before = (here / "run1" / "run.json").read_bytes()
    capsys.readouterr()

    assert run_command(["compare", "run1", "run1", "--out", out]) == 2

    assert "expected" in capsys.readouterr().err
    assert (here / "run1" / "run.json").read_bytes() == before
    assert not (here / "new.json").exists()


def test_report_over_a_file_where_its_figures_go_is_told(here, capsys):
    run_command(["run", "lost-reply", "--out", "run1"])
    shutil.rmtree(here / "run1" / "figures")
    (here / "run1" / "figures").write_text("no folder")
    capsys.readouterr()

    assert run_command(["report", "run1"]) == 2

    assert "expected a folder, or nothing, there" in capsys.readouterr().err


def test_help_names_every_command(capsys):
    assert run_command(["--help"]) == 0

    shown = capsys.readouterr().out
    for command in ("check", "schema", "run", "serve", "operate", "cutover", "report", "compare", "calibrate", "curve"):
        assert f"  {command} " in shown


def test_a_terminal_without_chinese_letters_is_no_reason_to_fail(tmp_path):
    scenario = {"name": "plain", "title": "异地就医", "question": "什么?", "topology": {"regions": [33, 34]}}
    (tmp_path / "plain.yaml").write_text(yaml.safe_dump(scenario, allow_unicode=True), encoding="utf-8")

    said = subprocess.run(
        [sys.executable, "-m", "lab.cli", "check", str(tmp_path / "plain.yaml")],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert (said.returncode, said.stderr) == (0, b"")
    assert said.stdout.decode("ascii").startswith("plain: ")


def run_in_ascii(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "lab.cli", *map(os.fsencode, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"} | environment,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(("option", "read"), [("--json", json.loads), ("--resolved", yaml.safe_load)])
def test_what_a_program_reads_says_the_same_in_a_terminal_without_the_letters(tmp_path, option, read):
    title = "异地 µ· 😀"
    scenario = {"name": "plain", "title": title, "topology": {"regions": [33, 34]}}
    (tmp_path / "plain.yaml").write_text(yaml.safe_dump(scenario, allow_unicode=True), encoding="utf-8")

    said = run_in_ascii("check", str(tmp_path / "plain.yaml"), option)

    found = read(said.stdout.decode("ascii"))
    assert found.get("scenario", found)["title"] == title


def test_a_scenario_whose_name_is_no_text_here_is_run_and_named_as_it_is(here):
    shutil.copy(ROOT / "scenarios" / "library" / "lost-reply.yaml", here / "医院.yaml")
    words = ("run", "医院.yaml", "--variant", "quick", "--out", "run1")

    said = run_in_ascii(*words, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")

    assert said.returncode == 0, said.stderr
    assert json.loads((here / "run1" / "run.json").read_bytes())["source"] == "医院.yaml"


@pytest.mark.parametrize("key", ["scenario", "machine", "checker"])
def test_a_run_file_nested_without_end_is_wrong_input(here, capsys, key):
    run_command(["run", "lost-reply", "--variant", "quick", "--out", "run1"])
    path = here / "run1" / "run.json"
    told = json.loads(path.read_bytes())
    part = told["replications"][0] if key == "checker" else told
    part[key] = {"deep": "@"}
    path.write_text(json.dumps(told).replace('"@"', "[" * 10_000 + "]" * 10_000))
    capsys.readouterr()

    assert run_command(["report", "run1"]) == InputError.exit_code

    assert "cannot read run1/run.json" in capsys.readouterr().err


def test_exit_codes_cover_every_verdict():
    assert set(EXIT_CODES) == {"pass", "fail", "inconclusive", "invalid", "none"}
    assert InputError.exit_code == 2


@pytest.mark.slow
def test_ctrl_c_on_replications_stops_every_process_and_keeps_what_is_finished(tmp_path):
    command = [sys.executable, "-m", "lab.cli", "run", "national-day", "--variant", "quick", "--reps", "40"]
    child = subprocess.Popen(
        [*command, "--out", str(tmp_path / "run")], cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("run.partial/rep-*/visits.parquet"))) < 4:
        assert time.monotonic() < deadline, "no replication was ever finished"
        time.sleep(0.2)

    os.killpg(child.pid, signal.SIGINT)
    said = child.communicate(timeout=30)[1]

    assert child.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    kept = json.loads((tmp_path / "run.partial" / "run.json").read_text())
    assert not kept["complete"]
    assert 1 <= len(kept["replications"]) < 40


def test_a_report_over_tables_that_are_no_longer_the_runs_is_written_and_says_so(here, capsys):
    run_command(["run", "lost-reply", "--variant", "quick", "--out", "run1"])
    visits = here / "run1" / "visits.parquet"
    pl.read_parquet(visits).with_columns(fund_fen=0).cast({"fund_fen": pl.Int64}).write_parquet(visits)
    capsys.readouterr()

    assert run_command(["report", "run1"]) == 3

    assert "run1: the tables no longer match the digest in run.json" in capsys.readouterr().err
    assert "the tables no longer match the digest" in (here / "run1" / "report.html").read_text()
    assert run_command(["compare", "run1", "run1", "--out", "pair.html"]) == 3
    assert "no longer match" in (here / "pair.html").read_text()
