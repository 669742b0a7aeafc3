"""The log: events of a closed list, as text and as JSON, and of an exception never what a message said."""

from __future__ import annotations

import ast
import logging
import re
import string
import subprocess
import sys
import warnings
from pathlib import Path

import msgspec
import pytest

from reference_impl.telemetry import log
from reference_impl.telemetry.context import TraceContext
from reference_impl.telemetry.events import EVENTS, FACTS
from reference_impl.telemetry.log import configure, hears_debug, is_routine, last_words, said_of, say
from reference_impl.telemetry.options import LogForm, LogLevel, LogRules
from reference_impl.telemetry.spans import Kind, Spans

ROOT = Path(__file__).parents[3]
PERSON = "33010619820101123X"
INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


@pytest.fixture
def configured(monkeypatch):
    """Configure the log of this process, and leave none of it behind."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(log._Rules, "form", log._Rules.form)
    monkeypatch.setattr(log._Rules, "least", log._Rules.least)
    yield lambda form="json", level="info": configure(LogRules(form=LogForm(form), level=LogLevel(level)))
    logging.captureWarnings(capture=False)
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)


def lines(capsys):
    return [msgspec.json.decode(line) for line in capsys.readouterr().err.splitlines()]


def test_an_event_is_a_line_of_json_with_its_facts(configured, capsys):
    configured()
    say("node.broken", node="33", why="books 33 cannot be read")

    [line] = lines(capsys)
    assert re.fullmatch(INSTANT, line.pop("time"))
    assert line == {
        "level": "error",
        "event": "node.broken",
        "text": "node 33 cannot serve: books 33 cannot be read",
        "node": "33",
        "why": "books 33 cannot be read",
    }


def test_an_event_is_one_line_of_text_whatever_it_says(configured, capsys):
    configured("text")
    say("node.broken", node="33", why="two\nlines\r\n\x1b[31m")

    said = capsys.readouterr().err
    assert re.fullmatch(rf"{INSTANT} error \| node 33 cannot serve: two lines \?\[31m\n", said)


def test_a_name_that_is_no_text_is_told_all_the_same(configured, capsys):
    configured()
    say("node.broken", node="33", why="books \udcff")

    assert [line["why"] for line in lines(capsys)] == ["books ?"]


def test_a_traced_message_s_lines_say_its_trace(configured, capsys):
    spans = Spans(1.0)
    for form in ("json", "text"):
        configured(form)
        with spans.within("work", Kind.SERVER, TraceContext(255), {}):
            say("move.went-on", node="33", stage="copied")

    as_json, as_text = capsys.readouterr().err.splitlines()
    assert msgspec.json.decode(as_json)["trace"] == f"{255:032x}"
    assert as_text.endswith(f"[trace {255:032x}]")


def test_what_matters_less_than_was_asked_for_is_not_told(configured, capsys):
    configured(level="warning")
    say("process.serving", process="care")
    say("fault.ordered", node="33", state="slow")
    assert [line["event"] for line in lines(capsys)] == ["fault.ordered"]
    assert not hears_debug()

    configured(level="debug")
    assert hears_debug()


def test_an_event_or_a_fact_that_is_not_of_the_list_is_a_mistake_of_ours():
    with pytest.raises(KeyError, match=r"made\.up"):
        say("made.up", node="33")
    with pytest.raises(KeyError, match="a log holds no person"):
        say("node.broken", node="33", why="", person=PERSON)


def test_an_exception_is_told_by_its_kind_and_its_places(configured, capsys):
    def inner():
        return {}[PERSON]

    configured()
    try:
        inner()
    except KeyError as error:
        say("message.failed", **said_of(error))

    [line] = lines(capsys)
    assert re.fullmatch(r"KeyError at telemetry/test_log\.py:\d+", line["error"])
    assert re.fullmatch(r"telemetry/test_log\.py:\d+ inner < telemetry/test_log\.py:\d+ test_an\w+", line["where"])
    assert PERSON not in str(line)


def test_what_libraries_log_comes_through_without_what_an_exception_holds(configured, capsys):
    configured()
    try:
        raise ValueError(PERSON)
    except ValueError:
        logging.getLogger("asyncio").exception("Task exception was never retrieved\nfuture: ValueError(%r)", PERSON)
    logging.getLogger("quiet").info("nothing that matters")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old and tired", stacklevel=1)

    failed, warned = lines(capsys)
    assert (failed["event"], failed["logger"]) == ("library.spoke", "asyncio")
    assert re.match(r"Task exception was never retrieved: ValueError at telemetry/test_log\.py:\d+; ", failed["why"])
    assert PERSON not in str(failed)
    assert warned["logger"] == "py.warnings"


@pytest.mark.parametrize(("form", "end"), [("json", 'raise KeyError("SECRET")'), ("text", 'raise KeyError("SECRET")')])
def test_a_process_that_ends_by_an_exception_says_so_in_one_line_without_its_words(form, end):
    program = f"""
from reference_impl.telemetry.log import configure
from reference_impl.telemetry.options import LogForm, LogRules
configure(LogRules(form=LogForm({form!r})))
{end}
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)

    [line] = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert last_words(line).startswith("yidi: KeyError at <string>:5")
    assert "SECRET" not in line


def test_the_last_words_of_a_line_are_what_it_says_in_either_form(configured, capsys):
    for form in ("json", "text"):
        configured(form)
        say("process.failed", why="no | such port")

    assert [last_words(line) for line in capsys.readouterr().err.splitlines()] == ["yidi: no | such port"] * 2
    for other in ('{"half', "{}", "a library's own line", "a | b", ""):
        assert last_words(other) == other


def test_a_routine_line_is_told_from_one_of_trouble_in_either_form(configured, capsys):
    for form in ("json", "text"):
        configured(form)
        say("process.serving", process="care")
        say("node.broken", node="33", why="no books")

    assert [*map(is_routine, capsys.readouterr().err.splitlines())] == [True, False] * 2
    assert not any(map(is_routine, ('{"half', "a library's own line", "", "|", "info and more")))


# --- the list ---


def said_in_code():
    """Each call of ``say`` in our code: where, which event, which facts are named."""
    for room in ("reference_impl", "lab", "loadtest"):
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
                    first = node.args[0] if node.args else None
                    if isinstance(first, ast.Constant) and "." in str(first.value):
                        yield path.name, str(first.value), {each.arg for each in node.keywords if each.arg}


def test_every_event_is_said_somewhere_and_none_that_is_not_listed():
    assert {event for _, event, _ in said_in_code()} == set(EVENTS)


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_s_words_name_facts_of_the_list(event):
    named = {name for _, name, _, _ in string.Formatter().parse(EVENTS[event].words) if name}

    assert named
    assert named <= FACTS.keys()


def test_every_fact_of_the_list_is_told_by_some_event():
    named = {name for each in EVENTS.values() for _, name, _, _ in string.Formatter().parse(each.words) if name}
    assert FACTS.keys() == named | {fact for _, _, facts in said_in_code() for fact in facts}
