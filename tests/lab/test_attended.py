"""The laboratory for a Locust that somebody started: what it is asked, what it says, and how it hears a generator."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest

from lab import attended
from lab.attended import attend, predicted_for
from lab.errors import LabError
from lab.worlds.generator import PresentGenerator
from reference_impl.domain.failures import InputError
from reference_impl.hospital.pulse import Seen
from scenarios.reading.loader import load_scenario

ASKED = {"scenario": "national-day", "variant": "quick"}
SYSTEM: Any = SimpleNamespace()


def answers(*lines: Any) -> tuple[int, list[dict[str, Any]]]:
    """Ask in lines; return the exit code and what was said."""
    said: list[dict[str, Any]] = []
    hears = io.StringIO("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return attend(hears, lambda event, **facts: said.append({"event": event} | facts)), said


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("no JSON", "expected a line of JSON that asks for a run"),
        ({"variant": "quick"}, "expected a line of JSON"),
        ({"scenario": "no-such-day"}, "no such scenario"),
        (ASKED | {"variant": "slowly"}, "slowly"),
        (ASKED | {"sets": ["visits.nothing=3"]}, "visits.nothing"),
        (ASKED | {"seed": -1}, "seed: got -1"),
        ({"scenario": "believable-nation"}, "local_background"),
        (ASKED | {"predicted": "no/such/run"}, "no/such/run"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_sentence_before_anything_is_begun(asked, part):
    code, said = answers(asked)

    assert code == 2
    [refusal] = said
    assert (refusal["event"], refusal["code"]) == ("refused", 2)
    assert part in refusal["text"]
    assert "\n" not in refusal["text"]


def test_a_folder_that_is_taken_is_told_before_anybody_waits_for_the_run(tmp_path):
    (tmp_path / "taken").mkdir()

    code, said = answers(ASKED | {"out": str(tmp_path / "taken")})

    assert (code, said[0]["event"]) == (2, "refused")
    assert "exists" in said[0]["text"]


def test_whoever_only_looks_at_the_page_and_goes_has_begun_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    code, said = answers(ASKED | {"seed": 5})

    assert code == 0
    assert [line["event"] for line in said] == ["accepted"]
    assert said[0]["scenario"]["seed"] == 5
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fails_says_why_and_gives_its_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def broken(*_: Any) -> None:
        raise LabError("the load generator ended with code 1")

    monkeypatch.setattr(attended, "run_world", broken)

    code, said = answers(ASKED, {"event": "start"})

    assert code == 3
    assert said[-1] == {"event": "refused", "text": "the load generator ended with code 1", "code": 3}


def test_an_interrupted_run_says_where_what_was_finished_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(attended, "run_world", interrupted)

    code, said = answers(ASKED, {"event": "start"})

    assert (code, said[-1]["event"], said[-1]["code"]) == (130, "concluded", 130)
    assert "national-day-load-1.partial" in said[-1]["lines"][0]


def test_a_run_of_another_scenario_is_no_prediction(tmp_path, monkeypatch):
    scenario = load_scenario("national-day", variant="quick")
    other = SimpleNamespace(world="sim", scenario_hash="0" * 64, name="another-day", measures={})
    monkeypatch.setattr(attended.runs, "read_run_file", lambda _: other)

    with pytest.raises(InputError, match="got a run of another-day in the world 'sim'"):
        predicted_for(scenario, str(tmp_path))


# --- the generator that is there already ---


def heard(
    tmp_path, *lines: dict[str, Any]
) -> tuple[PresentGenerator, list[tuple[str, dict[str, Any]]], list[Any], Any]:
    """Return a generator that says these lines, what it is told, what was heard of it, and how it ends."""
    told: list[tuple[str, dict[str, Any]]] = []
    seen: list[Any] = []
    hears = io.StringIO("".join(json.dumps(line) + "\n" for line in lines))
    one = PresentGenerator(tmp_path, hears=hears, tell=lambda event, **facts: told.append((event, facts)))
    return one, told, seen, lambda: one.run(SYSTEM, seen.append, lambda plan, pulse: seen.append((plan, pulse)))


LEFT = {"event": "left", "code": 0}
DONE = {"event": "done", "own_failures": 2, "own_write_us": 11.0, "own_read_us": 12.0, "valid": True}


def test_a_generator_that_is_there_is_told_where_the_system_is_and_heard_to_its_end(tmp_path):
    pulse = {"messages": 4, "p95_us": 900, "busy": 1, "oldest_us": 7}
    one, told, seen, end = heard(
        tmp_path,
        {"event": "ready", "now_us": 40},
        {"event": "progress", "ended": 3},
        {"event": "pulse", "plan": "luan", "seen": pulse},
        DONE,
        LEFT,
        {"event": "progress", "ended": 99},
    )

    assert end() == 0
    assert told == [("go", {"folder": str(tmp_path.resolve())})]
    assert seen == [{"event": "progress", "ended": 3}, ("luan", Seen(**pulse))]
    assert (one.late_us, one.own_failures, one.own_us) == (40, 2, (11.0, 12.0))


@pytest.mark.parametrize(("code", "valid"), [(0, True), (3, False), (130, True)])
def test_it_has_finished_when_its_record_is_written(tmp_path, code, valid):
    *_, end = heard(tmp_path, DONE | {"valid": valid}, LEFT | {"code": code})

    assert end() == code


@pytest.mark.parametrize(("code", "valid"), [(1, True), (3, True), (2, True)])
def test_it_has_failed_when_it_ends_in_any_other_way(tmp_path, code, valid):
    *_, end = heard(tmp_path, DONE | {"valid": valid}, LEFT | {"code": code})

    with pytest.raises(LabError, match=f"ended with code {code}"):
        end()


def test_one_that_goes_without_a_word_has_left_no_record(tmp_path):
    *_, end = heard(tmp_path, {"event": "progress", "ended": 3})

    with pytest.raises(LabError, match="has gone"):
        end()
