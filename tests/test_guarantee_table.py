"""The table of guarantees is whole: each promise has a test that is there and a bug that can be planted, and no proof is sham."""

from __future__ import annotations

import ast
import re

import pytest
from support import guarantee_table
from support.guarantee_table import PAGE, Ran, line_of, main, one_line, ran, row_of
from support.planting import BUGS, every_bug, plant
from support.shown import ROOT, SHOWN, Shown, promises

from reference_impl.protocol.networked import Networked

LAW = Shown("law 13", "sim/test_care_types.py::test_a", "the hub keeps no copy")


def test_every_guarantee_and_every_law_has_a_test_and_a_bug():
    assert {one.promise for one in SHOWN} == promises().keys()
    assert {f"G{number}" for number in range(1, 24)} < promises().keys()
    assert {f"law {number}" for number in range(1, 30)} - promises().keys() == {"law 11", "law 12"}  # G19; torture's
    assert len(set(SHOWN)) == len(SHOWN)


def test_every_test_of_the_table_is_there_and_quick():
    for file, name in (one.test.split("::") for one in SHOWN):
        tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
        [found] = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == name]
        assert "slow" not in " ".join(ast.unparse(one) for one in found.decorator_list), (
            f"{name} is not run by the command"
        )


def test_every_bug_of_the_table_can_be_planted_and_none_is_left_over():
    asked = {one.bug for one in SHOWN}

    assert asked <= every_bug()
    assert BUGS.keys() <= asked
    for name in sorted(asked):
        with pytest.MonkeyPatch.context() as patched:
            plant(name, patched)


def test_a_planted_bug_is_gone_when_it_is_undone():
    sound = Networked.refusal
    with pytest.MonkeyPatch.context() as patched:
        plant("the hospital that treats is not held to what is opened", patched)
        assert Networked.refusal is not sound

    assert Networked.refusal is sound


def test_a_bug_that_nobody_planted_is_named():
    with pytest.MonkeyPatch.context() as patched, pytest.raises(LookupError, match="no planted bug is called 'none'"):
        plant("none", patched)


def test_the_page_is_of_this_list():
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| (G|law )\d", line)]
    expected = [line_of(one, "") for one in SHOWN]

    assert [line.rpartition("| `")[0] for line in lines] == [line.rpartition("| `")[0] for line in expected], (
        f"run: {guarantee_table.COMMAND}"
    )
    assert not [line for line in lines if line.endswith("`` |")]


VIOLATED = "AssertionError: (Violation(law='13 no copy', visit='V0', detail=\"hub keeps no copy of A's\", msgid='M'),) assert False"


@pytest.mark.parametrize(
    ("ran", "said", "wrong"),
    [
        (Ran(1, (("failure", VIOLATED),), ""), "13 no copy: hub keeps no copy of A's", ""),
        (Ran(1, (("failure", "assert 1 == 2"),), ""), "assert 1 == 2", ""),
        (Ran(1, (("failure", "Failed: DID NOT RAISE ValueError"),), ""), "Failed: DID NOT RAISE ValueError", ""),
        (Ran(0, (), ""), "", "no test notices the bug"),
        (Ran(1, (("failure", VIOLATED.replace("'13", "'1")),), ""), "", "another law notices the bug: 1 no copy"),
        (
            Ran(1, (("failure", "TypeError: lambda"),), ""),
            "",
            "did not come as far as what it holds: TypeError: lambda",
        ),
        (
            Ran(1, (("failure", "Failed: Timeout (>120.0s)"),), ""),
            "",
            "did not come as far as what it holds: Failed: Timeout (>120.0s)",
        ),
        (Ran(1, (("error", "assert fixture"),), ""), "", "did not come as far as what it holds: assert fixture"),
        (Ran(4, (), "not found"), "", "pytest ended with 4 and no test failed: not found"),
    ],
)
def test_what_counts_as_a_proof(monkeypatch, ran, said, wrong):
    monkeypatch.setattr(guarantee_table, "ran", lambda *_: ran)

    row = row_of(LAW)

    assert row.said == said
    assert row.wrong.endswith(wrong)
    assert bool(row.wrong) == bool(wrong)


QUICK = "reference_impl/domain/test_money.py::test_yuan_is_read_exactly"


def test_a_test_that_hangs_and_a_test_that_is_not_there_are_no_proofs():
    assert ran([QUICK], run_s=0.01) == Ran(-1, (), "it was ended after 0.01 s")
    assert "no test notices the bug" not in row_of(LAW).wrong


def test_a_line_tells_no_address_and_no_folder():
    said = f"assert [<A object at 0x7f00>] == [] + where A = f(PosixPath('{ROOT}/x'))"

    assert one_line(said) == "assert [<A object>] == []"
    assert str(ROOT) not in one_line(f"assert '{ROOT}/tests' == ''")


@pytest.mark.parametrize(
    ("with_bug", "page", "code"),
    [(Ran(1, (("failure", "assert 0"),), ""), True, 0), (Ran(0, (), ""), False, 1)],
    ids=["noticed", "not noticed"],
)
def test_the_page_is_written_when_all_is_shown(monkeypatch, tmp_path, capsys, with_bug, page, code):
    written = tmp_path / "table.md"
    monkeypatch.setattr(guarantee_table, "PAGE", written)
    monkeypatch.setattr(guarantee_table, "ran", lambda _, bug="": with_bug if bug else Ran(0, (), ""))

    assert main([]) == code
    assert written.exists() is page
    assert ("NOT SHOWN" in capsys.readouterr().out) is not page


def test_a_promise_without_a_test_and_a_test_that_fails_without_its_bug_are_errors(monkeypatch, capsys):
    monkeypatch.setattr(guarantee_table, "ran", lambda _, bug="": Ran(1, (), "FAILED") if not bug else Ran(0, (), ""))
    assert main(["G1"]) == 1
    assert "without any bug these must pass" in capsys.readouterr().err

    monkeypatch.setattr(guarantee_table, "ran", lambda *_: Ran(0, (), ""))
    monkeypatch.setattr(guarantee_table, "SHOWN", ())
    assert main(["G1"]) == 1
    assert "NOT SHOWN G1" in capsys.readouterr().out
    assert main(["G99"]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("one", SHOWN, ids=lambda one: f"{one.promise}: {one.bug}")
def test_each_planted_bug_is_noticed(one: Shown):
    assert row_of(one).wrong == ""
