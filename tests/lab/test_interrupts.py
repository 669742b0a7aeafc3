"""A command that is ended keeps what is finished and leaves nothing running, whatever ended it, and whatever stood still."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil
import pytest

from lab.calibration import calibrate as calibration
from lab.calibration.calibrate import cache_path, calibrate, costs_of_this_machine, costs_or_assumed
from lab.cli.app import INTERRUPTED
from lab.experiments.experiment import Silent
from reference_impl.domain.failures import InvalidRunError
from sim.model.costs import ANY_CODE, load_costs, write_costs

ROOT = Path(__file__).parents[2]
LIMIT_S = 60
POLL_S = 0.05

FROZEN = """
name: frozen
question: What becomes of a process that stands still when the command is ended?
horizon: {start: 2024-03-13 07:30:00, length: 2h, drain_limit: 15min}
scale: {time: 120}
visits: {per_day: 400}
topology: {regions: [33, 34], hospitals_per_province: {hospital: 2, pharmacy: 2}}
clients: {timeout: 300ms, forward_timeout: {care: 250ms, hub: 200ms}, reversal_timeout: 300ms}
faults:
  - {kind: freeze, node: hub, at: 1min, for: 110min}
"""


class Command:
    """``yidi`` as a process, and every process that it started."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lab.cli", *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.started: dict[int, psutil.Process] = {}

    def wait_for(self, state) -> None:
        """Wait until one of its children is as ``state`` says."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            with suppress(psutil.NoSuchProcess):
                for child in psutil.Process(self.process.pid).children(recursive=True):
                    self.started.setdefault(child.pid, child)
                    if state(child):
                        return
            assert self.process.poll() is None, self.process.stdout.read()
            assert time.monotonic() < deadline, "the state was never seen"
            time.sleep(POLL_S)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode

    def assert_nothing_is_left(self) -> None:
        _, left = psutil.wait_procs(list(self.started.values()), timeout=LIMIT_S)
        try:
            assert [(one.pid, one.cmdline()) for one in left] == []
        finally:
            for one in left:
                with suppress(psutil.NoSuchProcess):
                    one.kill()


def stands_still(child: psutil.Process) -> bool:
    return child.status() == psutil.STATUS_STOPPED


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_process_stands_still_for_ever_after_the_end_of_the_command(tmp_path, number):
    (tmp_path / "frozen.yaml").write_text(FROZEN)
    command = Command(tmp_path, "run", "frozen.yaml", "--world", "load", "--out", "run")
    command.wait_for(stands_still)

    code = command.end(number)

    assert code == (-signal.SIGKILL if number is signal.SIGKILL else INTERRUPTED)
    command.assert_nothing_is_left()
    if number is not signal.SIGKILL:
        assert list(tmp_path.glob("run.partial/**/visits.parquet")), "what was finished is kept"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_generator_that_stands_still_is_ended_with_the_command(tmp_path, number):
    (tmp_path / "frozen.yaml").write_text(FROZEN.partition("faults:")[0])
    command = Command(tmp_path, "run", "frozen.yaml", "--world", "load", "--out", "run")
    command.wait_for(lambda child: "loadtest" in child.cmdline() and child.cpu_times().user > 1)
    [generator] = [child for child in command.started.values() if "loadtest" in child.cmdline()]
    generator.suspend()
    command.wait_for(stands_still)

    code = command.end(number)

    assert code == (-signal.SIGKILL if number is signal.SIGKILL else INTERRUPTED)
    command.assert_nothing_is_left()


def works(child: psutil.Process) -> bool:
    return "--multiprocessing-fork" in child.cmdline() and child.cpu_times().user > 2


@pytest.mark.slow
def test_replications_that_the_run_file_does_not_list_leave_no_folder(tmp_path):
    command = Command(ROOT, "run", "national-day", "--variant", "quick", "--reps", "9", "--out", str(tmp_path / "run"))
    command.wait_for(works)

    code = command.end(signal.SIGINT)

    assert code == INTERRUPTED
    command.assert_nothing_is_left()
    listed = json.loads((tmp_path / "run.partial" / "run.json").read_bytes())["replications"]
    assert {one["folder"] for one in listed} == {each.name for each in tmp_path.glob("run.partial/rep-*")}


@pytest.mark.slow
def test_a_process_that_died_over_its_replication_is_told_and_the_others_end(tmp_path):
    command = Command(ROOT, "run", "national-day", "--variant", "quick", "--reps", "9", "--out", str(tmp_path / "run"))
    command.wait_for(works)
    next(child for child in command.started.values() if works(child)).kill()

    said, _ = command.process.communicate(timeout=LIMIT_S)

    assert command.process.returncode == 3
    assert b"ended before it was done" in said
    assert b"Traceback" not in said
    command.assert_nothing_is_left()


NATION = ("run", "national-day", "--set", "scale.volume=0.06", "--out")
"""More arrivals than a world may have that is no process of its own."""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_nation_interrupted_keeps_what_is_finished_and_leaves_nothing_running(tmp_path, number):
    """Its world has a process of its own, which hears of it from the command alone."""
    command = Command(ROOT, *NATION, str(tmp_path / "run"))
    command.wait_for(lambda child: works(child) and child.cpu_times().user > 4)  # it is past planning by then

    code = command.end(number)

    assert code == (-signal.SIGKILL if number is signal.SIGKILL else INTERRUPTED)
    command.assert_nothing_is_left()
    if number is not signal.SIGKILL:
        assert json.loads((tmp_path / "run.partial" / "run.json").read_bytes())["replications"]
        assert (tmp_path / "run.partial" / "visits.parquet").stat().st_size
        assert not [*(tmp_path / "run.partial").glob("yidi-*")]


@pytest.mark.slow
def test_a_nation_whose_world_died_is_told(tmp_path):
    command = Command(ROOT, *NATION, str(tmp_path / "run"))
    command.wait_for(works)
    next(child for child in command.started.values() if works(child)).kill()

    said, _ = command.process.communicate(timeout=LIMIT_S)

    assert command.process.returncode == 3
    assert b"ended before it was done" in said
    assert b"Traceback" not in said
    command.assert_nothing_is_left()
    assert not [*(tmp_path / "run.partial").glob("yidi-*")]


@pytest.mark.slow
def test_ctrl_c_in_a_calibration_ends_the_command_and_caches_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    command = Command(tmp_path, "calibrate")
    command.wait_for(lambda child: "loadtest" in child.cmdline())

    assert command.end(signal.SIGINT) == INTERRUPTED

    command.assert_nothing_is_left()
    assert list((tmp_path / "cache" / "yidi").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_a_run_of_replications(tmp_path, number):
    scenario = FROZEN.replace("per_day: 400", "per_day: 40000").replace("scale: {time: 120}", "")
    (tmp_path / "long.yaml").write_text(scenario)
    command = Command(tmp_path, "run", "long.yaml", "--reps", "4", "--out", "run")
    command.wait_for(lambda child: child.cpu_times().user > 1)

    command.end(number)

    command.assert_nothing_is_left()


def test_an_interrupted_calibration_is_an_interrupted_command_and_keeps_nothing(tmp_path, monkeypatch):
    """It went on, and a third of the samples were taken for the costs of this machine for ever."""

    class Interrupted:
        def __init__(self, *_, **__):
            pass

        def go(self):
            return INTERRUPTED

    monkeypatch.setattr(calibration, "Replay", Interrupted)

    with pytest.raises(KeyboardInterrupt):
        calibrate(tmp_path / "costs.json", Silent())

    assert not list(tmp_path.iterdir())


def test_costs_kept_that_are_not_whole_are_measured_anew(tmp_path, monkeypatch):
    """They were used for ever: 29 rows of 127, and twice as dear as the messages are."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    whole = msgspec.structs.replace(load_costs().file, mark="MEASURED")
    write_costs(whole, cache_path())
    data = json.loads(cache_path().read_bytes())
    general = [row for row in data["rows"] if row["code"] == ANY_CODE]
    cache_path().write_text(json.dumps(data | {"rows": general}))
    measured = []

    def measure(path, _watcher):
        measured.append(path)
        write_costs(whole, path)

    monkeypatch.setattr(calibration, "calibrate", measure)

    assert costs_of_this_machine(Silent()) == cache_path()
    assert costs_of_this_machine(Silent()) == cache_path()
    assert measured == [cache_path()]


def test_a_calibration_spoilt_by_others_costs_a_run_of_both_worlds_nothing_but_its_earlier_costs(tmp_path, monkeypatch):
    """A newcomer's first command ended in an error, because a browser was open."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    told = []

    class Noting(Silent):
        def note(self, text):
            told.append(text)

    def spoilt(path, watcher):
        raise InvalidRunError("others used 35% of core 0")

    monkeypatch.setattr(calibration, "calibrate", spoilt)

    assert costs_or_assumed(Noting()) is None
    assert any("others used 35%" in text for text in told)
    assert any("assumed" in text for text in told)
    assert not list(tmp_path.rglob("costs-*"))
