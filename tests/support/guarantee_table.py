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

from support.shown import ROOT, SHOWN, Shown, promises

PAGE = ROOT / "docs" / "guarantee-table.md"
COMMAND = "cd tests && PYTHONPATH=.. python -m support.guarantee_table"
SAID_MAX = 160
"""Characters of what a failure said that the table shows."""
RUN_S = 900
"""What all tests together without a bug, or one with one, may take on a slow machine."""
_LEFT_OUT = tuple(
    word for name in ("locust", "yidi", "cov", "xdist", "randomly", "cacheprovider") for word in ("-p", f"no:{name}")
)
"""What no test of the table uses: each run is a process of its own, and starts sooner without."""
_PROOFS = ("AssertionError", "Failed", "assert ")
_TOO_LONG = "Failed: Timeout"
"""What pytest says of a test that hangs: nobody knows what it would have found."""
_DIFFERS = (r" at 0x[0-9a-f]+", r"<locals>\.", r" Full diff: .*")
_BREACH = re.compile(r"(?:Violation|Breach)\(law='(?P<law>.*?)',.*?detail=(?P<mark>['\"])(?P<detail>.*?)(?P=mark)[,)]")
"""A law that the checker, or one of the agencies' work, found broken, as Python shows it."""


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


def ran(tests: Iterable[str], bug: str = "", run_s: float = RUN_S) -> Ran:
    """Run tests by their ids in a process of their own, with a bug or without, for ``run_s`` seconds at most."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        planted = ["--plant", bug, "-x"] if bug else []
        command = [
            sys.executable, "-m", "pytest", "-vv", "--tb=short", *_LEFT_OUT,
            f"--junitxml={report}", *planted, *dict.fromkeys(f"tests/{test}" for test in tests),
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, text=True,
                timeout=run_s, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Ran(-1, (), f"it was ended after {run_s} s")
        failed = tuple(_failed(report)) if report.exists() else ()
    return Ran(done.returncode, failed, done.stdout + done.stderr)


def _failed(report: Path) -> Iterator[tuple[str, str]]:
    """Yield how each test failed ("failure" in its call, "error" before or after it), and what it said."""
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - our own pytest wrote it
        for kind in ("failure", "error"):
            for one in case.findall(kind):
                shown = [line[1:].strip() for line in (one.text or "").splitlines() if line.startswith("E ")]
                yield kind, " ".join(shown) or one.get("message", "")


def row_of(shown: Shown) -> Row:
    """Run a test with its bug and return what it said."""
    done = ran([shown.test], shown.bug)
    if done.code == 0:
        return Row(shown, "", "no test notices the bug")
    if not done.failed:
        return Row(shown, "", f"pytest ended with {done.code} and no test failed: {done.output.strip()[-500:]}")
    kind, said = done.failed[0]
    if kind == "error" or not said.startswith(_PROOFS) or said.startswith(_TOO_LONG):
        return Row(shown, "", f"the test did not come as far as what it holds: {one_line(said)}")
    breaches = {breach["law"]: breach["detail"] for breach in reversed([*_BREACH.finditer(said)])}
    number = shown.promise.removeprefix("law ")
    own = {law: detail for law, detail in breaches.items() if law.split()[0] == number}
    if breaches and number != shown.promise and not own:
        return Row(shown, "", f"another law notices the bug: {', '.join(breaches)}")
    laws = [f"{law}: {detail}" for law, detail in (own or breaches).items()]
    return Row(shown, one_line(laws[0] if laws else said), "")


def one_line(said: str) -> str:
    """Return what was said in a line, cut, without what differs from run to run or place to place."""
    text = " ".join(said.removeprefix("AssertionError: ").split())
    said_first, _, where = text.partition(" + where ")
    text = f"{said_first} + where {where}" if said_first == "assert False" else said_first
    for off in (*_DIFFERS, re.escape(str(ROOT)) + r"\S*", re.escape(tempfile.gettempdir()) + r"/\S*"):
        text = re.sub(off, "", text)
    return text if len(text) <= SAID_MAX else f"{text[: SAID_MAX - 1].rstrip()}…"


def page_of(rows: Sequence[Row], revision: str, day: str) -> str:
    """Return the page."""
    lines = [
        "# Guarantees, shown",
        "",
        "Each test passes as the code is, and fails with its bug planted; what it printed then is in the last column.",
        f"Revision {revision}, {day}, made by",
        "",
        f"    {COMMAND}",
        "",
        "The promises in full are on [their own page](guarantees.md). A bug is an attribute replaced in the test's process",
        "(`tests/support/planted.py`, and of the protocol under torture `tests/support/mutants.py`); which test is to",
        "notice which is `tests/support/shown.py`. To see one fail:",
        "",
        "    pytest --plant 'a late yes stands' tests/reference_impl/protocol/test_crossing.py",
        "",
        "The command ends with 1 when a test does not pass without its bug, when no test notices a bug, when another law",
        "than the one that is to be shown does, and when a test breaks off before it comes to what it holds.",
        "",
        "| | promise | test | planted bug | what it printed |",
        "|---|---|---|---|---|",
        *(line_of(row.shown, row.said) for row in rows),
    ]
    return "\n".join(lines) + "\n"


def line_of(shown: Shown, said: str) -> str:
    """Return a line of the table."""
    printed = said.replace("`", "'").replace("|", "\\|")
    return f"| {shown.promise} | {promises()[shown.promise]} | `{shown.test}` | {shown.bug} | `{printed}` |"


def _revision() -> str:
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty=, with changes", "--abbrev=7", "--exclude=*"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return told.stdout.strip()


def main(names: Sequence[str]) -> int:
    """Run what is asked for and print it; write the page when that is all, and all is shown."""
    unknown = sorted(set(names) - promises().keys())
    if unknown:
        print(f"no promise is called {unknown[0]!r}; expected some of {', '.join(promises())}", file=sys.stderr)  # noqa: T201 - what it is for
        return 2
    chosen = [shown for shown in SHOWN if not names or shown.promise in names]
    missing = [promise for promise in names or promises() if promise not in {shown.promise for shown in chosen}]
    for promise in missing:
        print(f"NOT SHOWN {promise}: it has no test with a bug in tests/support/shown.py", flush=True)  # noqa: T201 - what it is for
    revision, sound = _revision(), ran(shown.test for shown in chosen)
    if sound.code:
        print(sound.output, "without any bug these must pass", file=sys.stderr)  # noqa: T201 - what it is for
        return 1
    rows = list[Row]()
    for shown in chosen:
        rows.append(row_of(shown))
        _, said, wrong = rows[-1]
        print(f"{'NOT SHOWN' if wrong else 'shown'} {shown.promise}, {shown.bug}: {wrong or said}", flush=True)  # noqa: T201 - what it is for
    missed = sum(1 for row in rows if row.wrong)
    if not (names or missed or missing):
        PAGE.write_text(page_of(rows, revision, f"{datetime.now(UTC):%Y-%m-%d}"), encoding="utf-8")
    print(f"{len(rows) - missed} of {len(rows)} shown")  # noqa: T201 - what it is for
    return 1 if missed or missing else 0


def _asked(words: Sequence[str] | None = None) -> list[str]:
    parser = argparse.ArgumentParser(prog=f"({COMMAND})", description="Make the table of guarantees by running it.")
    parser.add_argument("promise", nargs="*", help="run these alone, as G4 or 'law 13', and write nothing")
    return parser.parse_args(words).promise


if __name__ == "__main__":
    sys.exit(main(_asked()))
