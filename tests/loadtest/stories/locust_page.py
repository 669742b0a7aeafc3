"""A Locust that somebody started: what is typed, its laboratory, its session and its page; patched, as Locust is."""

from __future__ import annotations

import locust  # noqa: F401 - patches the standard library: first

import sys  # isort: skip
import tempfile
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from locust.argument_parser import get_empty_argument_parser
from locust.env import Environment
from locust.html import DEFAULT_BUILD_PATH
from telling import tell

from loadtest.asked import Asked, add_options, asked_of, refuse_options
from loadtest.laboratory import Accepted, Concluded, Laboratory, LaboratoryError
from loadtest.page import LINES_OF_LOCUST, extend_page
from loadtest.session import Session
from loadtest.shape import UntilDrained
from loadtest.so_far import SoFar
from loadtest.tables import TABLES, as_csv, marks
from loadtest.validity import Verdict, Window
from reference_impl.domain.failures import InputError
from scenarios.reading.loader import dump_scenario
from scenarios.reading.scale import resolve
from scenarios.record.fates import Fate
from scenarios.schema import Scenario

S = 1_000_000
SCENARIO = resolve(
    Scenario.model_validate(
        {
            "name": "frozen-hub",
            "horizon": {"length": "1min", "warm_up": "10s"},
            "visits": {"per_day": 300},
            "topology": {"regions": [33, 63]},
            "faults": [{"kind": "freeze", "node": "hub", "at": "20s", "for": "5s"}],
            "gates": {"contact.latency": ["p95 < 3s"], "direct_rate": ["> 99%"], "visits.lost": ["== 0"]},
        }
    )
)


def refused(error: type[Exception], do: Any, *words: Any) -> str:
    try:
        do(*words)
    except error as found:
        return str(found)
    raise AssertionError("it was not refused")


# --- what is typed ---


def typed(*words: str) -> Namespace:
    parser = get_empty_argument_parser()
    add_options(parser)
    return parser.parse_args(list(words))


def story_the_options_are_those_of_yidi_run():
    options = typed(
        "--yidi-scenario", "national-day", "--variant", "quick", "--set", "a=1", "--set", "b=2", "--seed", "7"
    )
    assert asked_of(options) == Asked("national-day", "quick", ("a=1", "b=2"), 7)


def story_the_page_asks_for_the_scenario_and_what_it_says_is_asked():
    parser = get_empty_argument_parser()
    add_options(parser)
    assert set(parser.args_included_in_web_ui) >= {"yidi_scenario", "variant", "seed"}
    assert not {"out", "sets"} & set(parser.args_included_in_web_ui)
    options = typed("--yidi-scenario", "national-day")
    vars(options).update(yidi_scenario="rehearsal", variant="", seed="")  # as Locust takes over an empty form
    assert asked_of(options) == Asked("rehearsal")


def story_nothing_asked_and_a_seed_that_is_no_number_are_refused():
    assert "--yidi-scenario is missing" in refused(InputError, asked_of, typed())
    assert "'x'" in refused(InputError, asked_of, typed("--yidi-scenario", "a", "--seed", "x"))


def story_an_option_of_locust_that_would_have_no_effect_is_refused():
    refuse_options(Namespace(num_users=None, processes=None, tags=None))
    said = refused(InputError, refuse_options, Namespace(num_users=5))
    assert "--users has no effect" in said
    assert "institution" in said


# --- the shape ---


def story_a_shape_has_one_user_an_institution_until_its_course_is_over():
    shape = UntilDrained()
    assert shape.tick() is None, "nothing was made ready"
    shape.course = SimpleNamespace(users=lambda: 250)
    assert shape.tick() == (250, 250)
    shape.course = SimpleNamespace(users=lambda: 0)
    assert shape.tick() == (0, 1.0)
    shape.course = SimpleNamespace(users=lambda: None)
    assert shape.tick() is None


# --- the laboratory ---


def laboratory(*answers: dict[str, Any] | None, code: int = 0) -> Laboratory:
    """Start one that hears a line for each of its answers, and says nothing for a None."""
    program = f"""
import json, sys
for said in {list(answers)!r}:
    line = sys.stdin.readline()
    if said:
        print(json.dumps(said), flush=True)
sys.exit({code})
"""
    return Laboratory(Asked("some"), (sys.executable, "-c", program))


ACCEPTED = {"event": "accepted", "scenario": dump_scenario(SCENARIO), "predicted": {"contact.latency.p95": 90_000.0}}
CONCLUDED = {
    "event": "concluded",
    "code": 1,
    "verdict": "fail",
    "lines": ["a line", "verdict: fail"],
    "gates": [{"measure": "direct_rate", "expression": "> 99%", "shown": "97 %", "interval": "", "verdict": "fail"}],
}


def story_a_laboratory_says_what_can_be_run_where_and_what_came_of_it():
    with tempfile.TemporaryDirectory() as folder:
        one = laboratory(ACCEPTED, {"event": "go", "folder": folder}, CONCLUDED)
        accepted = one.accepted()
        assert accepted.scenario == SCENARIO
        assert accepted.predicted == {"contact.latency.p95": 90_000.0}
        assert one.start() == Path(folder)
        found = one.conclude(0)
        assert (found.code, found.verdict, found.lines[-1]) == (1, "fail", "verdict: fail")


def story_what_a_laboratory_refuses_is_wrong_input_only_where_it_says_so():
    wrong = laboratory({"event": "refused", "text": "no such scenario", "code": 2})
    assert refused(InputError, wrong.accepted) == "no such scenario"
    broken = laboratory(ACCEPTED, {"event": "refused", "text": "the port is taken", "code": 3})
    assert refused(LaboratoryError, broken.start) == "the port is taken"
    wrong.close()
    broken.close()


def story_a_laboratory_that_goes_without_a_word_leaves_nobody_waiting():
    gone = laboratory(ACCEPTED, None, code=7)
    gone.accepted()
    assert "ended with code 7" in refused(LaboratoryError, gone.start)
    assert gone.gone
    assert "ended with code 7" in refused(LaboratoryError, gone.conclude, 0)
    gone.close()


def story_a_laboratory_that_is_let_go_while_it_waits_ends_without_a_signal():
    one = laboratory(ACCEPTED, None, None)
    one.accepted()
    one.close()
    assert one.gone


# --- the page ---


class FakeRun:
    """A run at its twenty-second second, in which two visits have ended and three are under way."""

    now_us = 22 * S
    live_count, left_count = 3, 4
    verdict = Verdict((Window(10 * S, 15 * S, 0.31, 2_100, 0, ""), Window(15 * S, 20 * S, 0.9, 2_100, 0, "too busy")))

    def __init__(self) -> None:
        self.so_far = SoFar(0)
        self.so_far.fates.update({Fate.DIRECT: 97, Fate.PAPER_BY_CHOICE: 3})


def session(run: FakeRun | None = None, concluded: Concluded | None = None) -> Any:
    return SimpleNamespace(accepted=Accepted(SCENARIO, {"direct_rate": 0.995}), seen=run, concluded=concluded)


def rows(key: str, of: Any) -> list[dict[str, str]]:
    [table] = [one for one in TABLES if one.key == key]
    found = table.rows(of)
    assert all(set(row) == set(table.columns) for row in found)
    return found


def story_before_a_run_its_gates_and_faults_can_be_read():
    assert [row["verdict"] for row in rows("gates", session())] == ["at the end"] * 3
    [fault] = rows("faults", session())
    assert (fault["at"], fault["until"], fault["what"], fault["where"], fault["state"]) == (
        "20.0 s", "25.0 s", "freeze", "hub", "ahead",
    )  # fmt: skip
    assert rows("fates", session()) == rows("validity", session()) == []


def story_while_a_run_goes_on_its_tables_say_how_far_it_is():
    going = session(FakeRun())
    assert [(row["fate"], row["visits"]) for row in rows("fates", going)] == [
        ("direct", "97"), ("paper_by_choice", "3"), ("under way", "3"), ("not begun", "4"),
    ]  # fmt: skip
    assert [(row["figure"], row["predicted"], row["verdict"]) for row in rows("gates", going)] == [
        ("", "", "at the end"), ("97.00%", "99.50%", "fails so far"), ("", "", "at the end"),
    ]  # fmt: skip
    assert [row["verdict"] for row in rows("validity", going)] == ["valid", "too busy"]
    assert [row["state"] for row in rows("faults", going)] == ["now"]


def story_after_a_run_the_gates_are_the_laboratorys():
    ended = session(FakeRun(), Concluded(1, "fail", ("verdict: fail",), tuple(CONCLUDED["gates"])))
    assert [(row["gate"], row["figure"], row["verdict"]) for row in rows("gates", ended)] == [
        ("direct_rate", "97 %", "fail"), ("the run", "verdict: fail", "fail"),
    ]  # fmt: skip


def story_a_table_is_a_file_too():
    [table] = [one for one in TABLES if one.key == "validity"]
    lines = as_csv(table, session(FakeRun())).splitlines()
    assert lines[0] == "Window,Of its core,Start lag p99,Dropped arrivals,Verdict on the generator"
    assert lines[1] == "10 s to 15 s,31%,2.1 ms,0,valid"


def story_marks_are_of_what_has_begun_and_ended():
    assert marks(SCENARIO, 10 * S) == []
    assert marks(SCENARIO, 22 * S) == [(20 * S, "freeze hub")]
    assert marks(SCENARIO, 60 * S) == [(20 * S, "freeze hub"), (25 * S, "end of freeze hub")]


def page(of: Any) -> Any:
    environment = Environment(user_classes=[])
    environment.create_local_runner()
    ui = environment.create_web_ui("127.0.0.1", 0, delayed_start=True)
    extend_page(ui, of)
    return ui.app.test_client()


def story_locusts_page_has_our_tabs_and_asks_for_marks():
    text = page(session()).get("/").get_data(as_text=True)
    for key in ("fates", "gates", "validity", "faults"):
        assert f'"key": "{key}"' in text
        assert f"./yidi/{key}.csv" in text
    assert "yidi/marks" in text


def story_the_tables_come_with_locusts_own_figures():
    answer = page(session(FakeRun())).get("/stats/requests").get_json()
    assert answer["state"] == "ready", "Locust's own is there"
    shown = {one["key"]: one["data"] for one in answer["extended_stats"]}
    assert shown["fates"] == rows("fates", session(FakeRun()))


def story_files_and_marks_have_addresses_and_nothing_else_has():
    client = page(session(FakeRun()))
    assert client.get("/yidi/fates.csv").get_data(as_text=True).startswith("Fate,Visits")
    [mark] = client.get("/yidi/marks").get_json()
    assert mark["name"] == "freeze hub"
    assert mark["at"].endswith("Z")
    assert client.get("/yidi/secrets.csv").status_code == 404


def story_the_pinned_locusts_script_has_the_place_where_marks_are_added():
    [script] = Path(DEFAULT_BUILD_PATH, "assets").glob("src-*.js")
    assert script.read_text().count(LINES_OF_LOCUST) == 1
    served = page(session()).get(f"/assets/{script.name}").get_data(as_text=True)
    assert "window.yidiLines" in served
    assert len(served) - len(script.read_text()) < 200, "a few characters more, and nothing else"


# --- the session ---


def fake_session(*answers: dict[str, Any] | None) -> tuple[Session, Environment]:
    """Return a session in an environment, whose laboratory gives these answers."""
    environment = Environment(user_classes=[])
    environment.create_local_runner()
    made = Session(environment, lambda: Asked("some"), 10)
    made._ready = Asked("some"), laboratory(*answers)
    made.accepted = made._ready[1].accepted()
    return made, environment


def story_a_run_that_cannot_begin_is_over_at_once_and_gives_its_code():
    made, environment = fake_session(ACCEPTED, {"event": "refused", "text": "the folder is taken", "code": 2})
    assert made.users() is None
    assert environment.process_exit_code == 2
    assert made.concluded is not None
    assert made.concluded.lines == ("the folder is taken",)
    made.end()
    assert environment.process_exit_code == 2, "an end with nothing at work says nothing new"


def story_what_is_stopped_before_it_has_begun_was_interrupted():
    made, environment = fake_session(ACCEPTED, None, None)
    made._begins = True  # as while it waits for the system
    made.end()
    assert environment.process_exit_code == 130
    assert made.run is None


def story_an_end_with_nothing_at_work_ends_nothing():
    made, environment = fake_session(ACCEPTED, None, None)
    made.end()
    assert environment.process_exit_code is None
    made.close()


if __name__ == "__main__":
    tell(globals())
