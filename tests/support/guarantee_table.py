"""Make the table of guarantees by running it: each test without its bug, which must pass, and with it, which must fail.

``cd tests && PYTHONPATH=.. python -m support.guarantee_table`` writes ``docs/guarantee-table.md``; with names of promises
(``G4 "law 13"``) it runs these alone and writes nothing. It ends with 1 when a test fails that should pass, when a bug is
noticed by no test, or when a test with a bug does not come as far as what it holds: an error of Python's is no proof.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from support.shown import SHOWN, Shown

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guarantee-table.md"
COMMAND = "cd tests && PYTHONPATH=.. python -m support.guarantee_table"
SAID_MAX = 160
"""Characters of what a failure said that the table shows."""
RUN_S = 300
"""What all tests together without a bug, or one with one, may take on a slow machine."""
_PROOFS = ("AssertionError", "Failed", "assert ")
_VIOLATION = re.compile(r"Violation\(law='(.*?)', visit=.*?, detail=(['\"])(.*?)\2")


class Ran(NamedTuple):
    """What came of pytest: its exit code, and of each test that failed whether its call did, and what was said."""

    code: int
    failed: tuple[tuple[str, str], ...]
    output: str


class Row(NamedTuple):
    """A line of the table: what the test said with the bug, or what is wrong with the proof."""

    shown: Shown
    said: str
    wrong: str


def ran(tests: Iterable[str], bug: str = "") -> Ran:
    """Run tests by their ids in a process of their own, with a bug or without."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        planted = ["--plant", bug, "-x"] if bug else []
        command = [
            sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:randomly", "-p", "no:cacheprovider",
            "--tb=line", f"--junitxml={report}", *planted, *dict.fromkeys(f"tests/{test}" for test in tests),
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, text=True,
            timeout=RUN_S, check=False,
        )  # fmt: skip
        failed = tuple(_failed(report)) if report.exists() else ()
    return Ran(done.returncode, failed, done.stdout + done.stderr)


def _failed(report: Path) -> Iterator[tuple[str, str]]:
    """Yield how each test failed ("failure" in its call, "error" before or after it), and what it said."""
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - our own pytest wrote it
        for kind in ("failure", "error"):
            for one in case.findall(kind):
                yield kind, one.get("message", "")


def row_of(shown: Shown) -> Row:
    """Run a test with its bug and return what it said."""
    done = ran([shown.test], shown.bug)
    if done.code == 0:
        return Row(shown, "", "no test notices the bug")
    if not done.failed:
        return Row(shown, "", f"pytest ended with {done.code} and no test failed: {done.output.strip()[-500:]}")
    kind, said = done.failed[0]
    if kind == "error" or not said.startswith(_PROOFS):
        return Row(shown, "", f"the test did not come as far as what it holds: {one_line(said)}")
    return Row(shown, one_line(said), "")


def one_line(said: str) -> str:
    """Return what a failure said in a line: a law's own sentence where it was one."""
    law = _VIOLATION.search(said)
    text = f"{law[1]}: {law[3]}" if law else said.removeprefix("AssertionError: ")
    text = " ".join(text.split())
    return text if len(text) <= SAID_MAX else f"{text[: SAID_MAX - 1].rstrip()}…"


def page_of(rows: Sequence[Row], revision: str, day: str) -> str:
    """Return the page."""
    lines = [
        "# Guarantees, shown",
        "",
        "Made by running it: each test passes as the code is, and fails with its bug planted. What it printed then is in",
        f"the last column. Revision {revision}, {day}:",
        "",
        f"    {COMMAND}",
        "",
        "The promises are on [the page of guarantees](guarantees.md). To see one fail:",
        "`pytest --plant 'a late yes stands' tests/reference_impl/protocol/test_crossing.py`. A bug is an attribute replaced",
        "in the test's process (`tests/support/planted.py`, `tests/support/mutants.py`); which test is to notice which is",
        "`tests/support/shown.py`.",
        "",
        "| | test | planted bug | what it printed |",
        "|---|---|---|---|",
        *(
            f"| {shown.promise} | `{shown.test}` | {shown.bug} | {_cell(said)} |"
            for shown, said, _wrong in rows
        ),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _cell(said: str) -> str:
    return "`" + said.replace("`", "'").replace("|", "\\|") + "`"


def _revision() -> str:
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty=, with changes", "--abbrev=7", "--exclude=*"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return told.stdout.strip()


def main(names: Sequence[str]) -> int:
    """Run what is asked for and print it; write the page when that is all, and all is shown."""
    chosen = [shown for shown in SHOWN if not names or shown.promise in names]
    unknown = sorted(set(names) - {shown.promise for shown in SHOWN})
    if unknown:
        print(f"no promise is called {unknown[0]!r}; expected some of {', '.join(dict.fromkeys(s.promise for s in SHOWN))}", file=sys.stderr)  # noqa: E501, T201 - what it is for
        return 2
    sound = ran(shown.test for shown in chosen)
    if sound.code:
        print(sound.output, "without any bug these must pass", file=sys.stderr)  # noqa: T201 - what it is for
        return 1
    rows = list[Row]()
    for shown in chosen:
        rows.append(row_of(shown))
        _, said, wrong = rows[-1]
        print(f"{'NOT SHOWN' if wrong else 'shown'} {shown.promise}, {shown.bug}: {wrong or said}", flush=True)  # noqa: T201 - what it is for
    missed = sum(1 for row in rows if row.wrong)
    if not names and not missed:
        PAGE.write_text(page_of(rows, _revision(), f"{datetime.now(UTC):%Y-%m-%d}"), encoding="utf-8")
    print(f"{len(rows) - missed} of {len(rows)} shown")  # noqa: T201 - what it is for
    return 1 if missed else 0


def _asked(words: Sequence[str] | None = None) -> list[str]:
    parser = argparse.ArgumentParser(prog=f"({COMMAND})", description="Make the table of guarantees by running it.")
    parser.add_argument("promise", nargs="*", help="run these alone, as G4 or 'law 13', and write nothing")
    return parser.parse_args(words).promise


if __name__ == "__main__":
    sys.exit(main(_asked()))
