"""``import yidi``: what a user writes works as they mean it, or is told in one sentence, with nothing half-written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import yidi

SENTENCE = re.compile(r"^\w+: got .+; expected .+; .+$", re.DOTALL)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "busy.partial").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "notes.txt").write_text("not a folder")
    (tmp_path / "costs.json").write_text("{}")
    return tmp_path


def everything(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """One run that all who only read it share."""
    return yidi.run("lost-reply", out=str(tmp_path_factory.mktemp("api") / "x"))


def test_a_run_takes_its_folder_as_text_and_reads_back_as_text(answered):
    assert isinstance(answered, Path)
    assert (answered / "run.json").is_file()
    assert (answered / "report.html").is_file()
    assert not answered.with_name("x.partial").exists()

    assert yidi.read(str(answered))["sim"].run.complete


def test_a_cost_file_may_be_given_as_text(here):
    packaged = yidi.__file__.replace("yidi.py", "sim/model/costs.json")

    made = yidi.read(yidi.run("lost-reply", costs=packaged, out=here / "run"))["sim"]

    assert made.replication.digest == yidi.simulate(yidi.load("lost-reply"), costs=packaged).digest


@pytest.mark.parametrize(
    "sets", [["seed=7"], ("seed=7",), (text for text in ["seed=7"])], ids=["list", "tuple", "once"]
)
def test_settings_may_be_any_list_of_texts(sets):
    assert yidi.load("lost-reply", sets=sets).seed == 7


class Odd:
    """No number, though it looks like one."""

    def __repr__(self):
        return "Odd()"

    def __index__(self) -> int:
        raise ValueError("odd")


class Half:
    """Half a watcher."""

    def __repr__(self):
        return "Half()"

    def begin(self, what: str, total: int) -> None:
        """Say nothing."""


WRONG_ARGUMENT = [
    ({"world": "banana"}, "'sim', 'load' or 'both'"),
    ({"world": ""}, "'sim', 'load' or 'both'"),
    ({"world": None}, "leave it out for the simulated world"),
    ({"world": np.array(["sim", "load"])}, "'sim', 'load' or 'both'"),
    ({"watcher": 5}, "an object with begin, advance and note"),
    ({"watcher": Half()}, "an object with begin, advance and note"),
    ({"reps": Odd()}, "at least 1"),
    ({"seed": Odd()}, "below two to the power of 63"),
    ({"reps": 0}, "at least 1"),
    ({"reps": -1}, "at least 1"),
    ({"reps": True}, "reps: got True"),
    ({"reps": "3"}, "reps: got '3'"),
    ({"reps": 2.0}, "whole number"),
    ({"reps": None}, "leave it out for one replication"),
    ({"seed": -1}, "seed: got -1"),
    ({"seed": True}, "seed: got True"),
    ({"seed": "7"}, "seed: got '7'"),
    ({"seed": 1.5}, "whole number"),
    ({"seed": 2**63}, "below two to the power of 63"),
    ({"sets": "scale.volume=0.001"}, "write sets=['scale.volume=0.001']"),
    ({"sets": {"scale.volume": 0.001}}, "a list of settings such as"),
    ({"sets": b"seed=1"}, "a list of settings such as"),
    ({"sets": None}, "leave it out for none"),
    ({"sets": [7]}, "write each setting as one text"),
    ({"variant": 3}, "such as 'quick'"),
    ({"variant": ""}, "leave it out for none"),
    ({"costs": 42}, "leave it out for the packaged one"),
    ({"out": 3}, "the path of a folder to be made"),
    ({"out": ""}, "leave it out for runs/NAME-WORLD-N"),
    ({"out": "a\0b"}, "the path of a folder to be made"),
    ({"out": "new/" + "a" * 300}, "has a name longer than 255 bytes"),
    ({"out": "a\ud800"}, "half a character"),
    ({"costs": "a" * 300}, "has a name longer than 255 bytes"),
    ({"source": "a" * 300}, "try 'national-day'"),
    ({"source": "a\0.yaml"}, "try 'national-day'"),
    ({"source": "a\ud800.yaml"}, "try 'national-day'"),
    ({"source": 42}, "try 'national-day'"),
    ({"source": None}, "try 'national-day'"),
    ({"source": ""}, "try 'national-day'"),
]
WRONG_MATTER = [
    ({"seed": None, "sets": ["seed=-1"]}, yidi.ScenarioError, "greater than or equal to 0"),
    ({"sets": ["seed"]}, yidi.ScenarioError, "expected path=value"),
    ({"variant": "qick"}, yidi.ScenarioError, "did you mean 'quick'?"),
    ({"source": "lost-repl"}, yidi.ScenarioError, "did you mean 'lost-reply'?"),
    ({"source": "nowhere.yaml"}, yidi.ScenarioError, "nowhere.yaml"),
    ({"costs": "nowhere.json"}, yidi.CostError, "expected one written by 'yidi calibrate'"),
    ({"costs": "taken"}, yidi.CostError, "expected one written by 'yidi calibrate'"),
    ({"costs": "costs.json"}, yidi.CostError, "not a cost file"),
    ({"costs": "costs.json", "world": "both"}, yidi.CostError, "not a cost file"),
    ({"costs": "costs.json", "world": "load"}, yidi.CostError, "not a cost file"),
    ({"out": "taken"}, yidi.InputError, "taken exists; expected a new name"),
    ({"out": "."}, yidi.InputError, "exists; expected a new name"),
    ({"out": "dangling"}, yidi.InputError, "dangling exists; expected a new name"),
    ({"out": "loop"}, yidi.InputError, "loop exists; expected a new name"),
    ({"out": "new/.."}, yidi.InputError, "has no name of its own"),
    ({"out": "new/" + "a" * 250}, yidi.InputError, "has a name longer than 255 bytes"),
    ({"out": "busy"}, yidi.InputError, "was interrupted or is at work"),
    ({"out": "notes.txt/run"}, yidi.InputError, "cannot make output folder"),
]


def shown(value: object) -> str:
    return repr(value).replace("\0", "0") if isinstance(value, dict | str) else getattr(value, "__name__", "")


@pytest.mark.parametrize(("arguments", "said"), WRONG_ARGUMENT, ids=shown)
def test_a_wrong_argument_is_told_in_one_sentence_and_nothing_is_made(arguments, said, here):
    before = everything(here)

    with pytest.raises(yidi.InputError) as caught:
        yidi.run(**{"source": "lost-reply"} | arguments)

    assert SENTENCE.match(str(caught.value))
    assert said in str(caught.value)
    assert everything(here) == before


@pytest.mark.parametrize(("arguments", "error", "said"), WRONG_MATTER, ids=shown)
def test_what_is_wrong_with_the_matter_is_told_and_nothing_is_made(arguments, error, said, here):
    before = everything(here)

    with pytest.raises(error) as caught:
        yidi.run(**{"source": "lost-reply"} | arguments)

    assert said in str(caught.value)
    assert isinstance(caught.value, yidi.InputError)
    assert everything(here) == before


def test_a_scenario_handed_to_run_is_sent_to_simulate(here):
    with pytest.raises(yidi.InputError, match=r"yidi\.simulate\(scenario\)") as caught:
        yidi.run(yidi.load("lost-reply"))

    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: yidi.simulate(42), "yidi.load makes one"),
        (lambda: yidi.simulate("lost-reply"), "write yidi.load('lost-reply')"),
        (lambda: yidi.simulate(None), "expected a scenario of yidi.load"),
        (lambda: yidi.simulate(yidi.load("lost-reply"), costs=42), "costs: got 42"),
        (lambda: yidi.simulate(yidi.load("lost-reply"), costs="nowhere.json"), "nowhere.json: cannot read"),
        (lambda: yidi.load(42), "source: got 42"),
        (lambda: yidi.load("lost-reply", sets="seed=1"), "write sets=['seed=1']"),
        (lambda: yidi.load("lost-reply", variant=3), "variant: got 3"),
        (lambda: yidi.load("lost-reply", seed=10**5000), "what cannot be shown (int)"),
        (lambda: yidi.load("lost-reply", seed=-1), "seed: got -1"),
        (lambda: yidi.read("nowhere"), "run folder nowhere does not exist; expected a folder that 'yidi run' made"),
        (lambda: yidi.read("taken"), "taken is not a run folder"),
        (lambda: yidi.read("a" * 300), "has a name longer than 255 bytes"),
        (lambda: yidi.read("a\0"), "holds a zero byte"),
        (lambda: yidi.read("a\ud800"), "half a character"),
        (lambda: yidi.read(42), "yidi.run returns one"),
        (lambda: yidi.read(None), "yidi.run returns one"),
    ],
    ids=range(17),
)
def test_whatever_else_is_wrong_is_our_error(call, said, here):
    with pytest.raises(yidi.InputError) as caught:
        call()

    assert said in str(caught.value)
    assert caught.value.exit_code == 2


def altered(answered: Path, folder: Path, **changes: object) -> Path:
    folder.mkdir()
    told = json.loads((answered / "run.json").read_text(encoding="utf-8"))
    (folder / "run.json").write_text(json.dumps(told | changes), encoding="utf-8")
    return folder


def test_a_run_without_a_finished_replication_is_told(answered, here):
    with pytest.raises(yidi.InputError, match="holds no finished replication"):
        yidi.read(altered(answered, here / "stopped", replications=[], complete=False))


def test_a_run_of_another_version_is_told(answered, here):
    with pytest.raises(yidi.InputError, match="expected a run of this version"):
        yidi.read(altered(answered, here / "old", scenario={"nome": "old"}))


def test_a_run_whose_tables_are_gone_is_told(answered, here):
    with pytest.raises(yidi.RecordError, match="cannot read table"):
        yidi.read(altered(answered, here / "empty"))
