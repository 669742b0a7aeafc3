"""The tree of failures is drawn, and the drawing is complete: a new exception must say where it belongs."""

from __future__ import annotations

import ast
import builtins
import re
from pathlib import Path

import pytest

import yidi
from lab.cli import app
from reference_impl.domain import failures

ROOT = Path(__file__).parent.parent
ROOMS = ("reference_impl", "scenarios", "sim", "loadtest", "lab")
TURNED_ASIDE = {
    "RefusedByRule", "ShutOut", "NotServed", "NotCovered", "NotIdentified", "OrderOver", "Unresolved", "OnHold", "PaysInFull", "NobodyListensError", "NoAnswerError",
    "NothingLeftError", "NotAnsweredError", "GateNotHeldError", "Interrupted", "_Halted", "Crash", "NeverRests",
    "Mismatch", "NotRun", "NobodyAnswered",
}  # fmt: skip
"""Raised and caught inside one room to turn a visit, a call or a loop aside; nobody who uses yidi sees one."""
BRANCH = re.compile(r"^(?P<indent>[ │├└─]*)(?P<name>\w+Error)\s+(?:exit (?P<code>\d)\s+)?\S")
ASIDE = re.compile(r"^    (\w+)  +\S")


def exceptions() -> dict[str, list[set[str]]]:
    """The names of the bases of every exception class of ours, by its name; a name used twice has two entries."""
    found: dict[str, list[set[str]]] = {}
    for path in (path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append({ast.unparse(base).split(".")[-1] for base in node.bases})
    return {name: made for name, made in found.items() if _raisable(name, found)}


def _raisable(name: str, classes: dict[str, list[set[str]]]) -> bool:
    known = getattr(builtins, name, None)
    if isinstance(known, type):
        return issubclass(known, BaseException)
    return any(_raisable(base, classes) for bases in classes.get(name, ()) for base in bases)


def drawn() -> tuple[dict[str, tuple[str, str | None]], list[str]]:
    """The parent and the exit code of each error of the first drawing, and the names of the second."""
    text = failures.__doc__ or ""
    tree, aside = text.split("No errors")
    above: list[tuple[int, str]] = []
    found: dict[str, tuple[str, str | None]] = {}
    for line in tree.splitlines():
        match = BRANCH.match(line)
        if match is None:
            continue
        depth = len(match["indent"])
        above = [(at, name) for at, name in above if at < depth]
        found[match["name"]] = (above[-1][1] if above else "Exception", match["code"])
        above.append((depth, match["name"]))
    return found, [match[1] for line in aside.splitlines() if (match := ASIDE.match(line))]


def test_no_two_exceptions_share_a_name():
    assert [name for name, made in exceptions().items() if len(made) > 1] == []


def test_every_exception_is_in_the_tree_or_turns_something_aside():
    tree, aside = drawn()

    assert set(aside) == TURNED_ASIDE
    assert set(exceptions()) == set(tree) | TURNED_ASIDE, "draw it in reference_impl/domain/failures.py"
    assert not set(tree) & TURNED_ASIDE


def test_every_error_hangs_where_it_is_drawn():
    made = exceptions()

    wrong = {name: parent for name, (parent, _) in drawn()[0].items() if parent not in made[name][0]}

    assert wrong == {}


@pytest.mark.parametrize("name", failures.__all__)
def test_the_drawn_exit_code_is_the_code(name):
    assert drawn()[0][name][1] == str(getattr(failures, name).exit_code)


def test_only_the_branches_say_an_exit_code():
    assert {name for name, (_, code) in drawn()[0].items() if code} == set(failures.__all__)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (yidi.ScenarioError("no such scenario", file="x"), 2),
        (yidi.CostError("not a cost file"), 2),
        (yidi.BooksError("books cannot be written"), 3),
        (yidi.LabError("the load generator ended"), 3),
        (yidi.InvalidRunError("the generator was the bottleneck"), 3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_command_leaves_with_the_code_of_the_tree(error, code, monkeypatch, capsys):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(app.typer.main, "get_command", lambda _: type("Command", (), {"main": staticmethod(fail)}))

    assert app.run_command([]) == code
    assert capsys.readouterr().err.strip().endswith(str(error))


def test_every_public_error_hangs_under_the_one_root():
    errors = [getattr(yidi, name) for name in yidi.__all__ if name.endswith("Error")]

    assert len(errors) > len(failures.__all__)
    assert all(issubclass(error, yidi.YidiError) for error in errors)


def test_a_planted_exception_outside_the_tree_is_caught():
    assert _raisable("New", {"New": [{"Odd"}], "Odd": [{"RuntimeError"}]})
    assert not _raisable("Plain", {"Plain": [{"Struct"}]})
