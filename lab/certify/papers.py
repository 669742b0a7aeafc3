"""What a ledger says, for whoever has to show it: a page, a table, and the format that build servers read.

Each is made anew from the ledger alone. None may ever be written without the others.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape

from lab.calibration.machine import versions
from lab.certify.case import Business, Neighbour
from lab.certify.catalogue import CASES, NEIGHBOUR_CASES
from lab.certify.proofs import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from lab.certify.ledger import Entry, Subject

__all__ = ["CSV_FILE", "JUNIT_FILE", "PAGE_FILE", "Tally", "by_business", "write_papers"]

PAGE_FILE, JUNIT_FILE, CSV_FILE = "certify.html", "junit.xml", "results.csv"
_PROMISES = {case.id: case.promise for case in (*CASES, *NEIGHBOUR_CASES)}
_US_PER_S = 1_000_000
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML may hold; a target may answer with any."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With which a spreadsheet begins to reckon."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many cases there are, and how they ended; one of which nothing is written was not run either."""

    cases: int
    passed: int
    failed: int

    @classmethod
    def of(cls, subject: Subject, entries: Iterable[Entry]) -> Tally:
        """Return the tally of a ledger."""
        ended = Counter(entry.verdict for entry in entries)
        return cls(subject.cases, ended[Verdict.PASSED], ended[Verdict.FAILED])

    @property
    def not_run(self) -> int:
        """How many were not run."""
        return self.cases - self.passed - self.failed

    @property
    def verdict(self) -> str:
        """What is certified, in a word."""
        if self.failed:
            return "failed"
        return "not wholly run" if self.not_run else "passed"


def write_papers(folder: Path, subject: Subject, entries: Sequence[Entry]) -> Path:
    """Write page, table and JUnit file of a ledger into its folder, and return the page's path."""
    made = {JUNIT_FILE: _junit(subject, entries), CSV_FILE: _table(entries), PAGE_FILE: _page(subject, entries)}
    fresh = {folder / f"{name}.partial": content for name, content in made.items()}
    for partial, content in fresh.items():
        partial.write_bytes(content.encode())
    for partial in fresh:
        partial.replace(partial.with_suffix(""))
    return folder / PAGE_FILE


def _junit(subject: Subject, entries: Sequence[Entry]) -> str:
    tally = Tally.of(subject, entries)
    root = ET.Element(
        "testsuites",
        name="yidi certify",
        tests=f"{len(entries)}",
        failures=f"{tally.failed}",
        skipped=f"{len(entries) - tally.passed - tally.failed}",
    )
    for institution in dict.fromkeys(entry.institution for entry in entries):
        mine = [entry for entry in entries if entry.institution == institution]
        counts = Counter(entry.verdict for entry in mine)
        suite = ET.SubElement(
            root,
            "testsuite",
            name=institution,
            tests=f"{len(mine)}",
            failures=f"{counts[Verdict.FAILED]}",
            errors="0",
            skipped=f"{counts[Verdict.NOT_RUN]}",
            time=_seconds(sum(entry.took_us for entry in mine)),
        )
        for entry in mine:
            _junit_case(suite, entry)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _junit_case(suite: ET.Element, entry: Entry) -> None:
    business, _, name = entry.case.partition(".")
    case = ET.SubElement(
        suite, "testcase", classname=f"{entry.institution}.{business}", name=name, time=_seconds(entry.took_us)
    )
    reason = _NO_XML.sub("�", entry.reason)
    if entry.verdict is Verdict.FAILED:
        ET.SubElement(case, "failure", type=entry.proof.value, message=reason).text = reason
    elif entry.verdict is Verdict.NOT_RUN:
        ET.SubElement(case, "skipped", message=reason)


def _seconds(took_us: int) -> str:
    return f"{took_us / _US_PER_S:.3f}"


def _table(entries: Iterable[Entry]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("institution", "business", "case", "verdict", "class", "reason", "took_ms"))
    for entry in entries:
        business, _, name = entry.case.partition(".")
        reason = f"'{entry.reason}" if entry.reason.startswith(_FORMULA) else entry.reason
        took_ms = f"{entry.took_us / 1000:.1f}"
        writer.writerow((entry.institution, business, name, entry.verdict, entry.proof, reason, took_ms))
    return text.getvalue()


def _page(subject: Subject, entries: Sequence[Entry]) -> str:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("lab.certify"), PackageLoader("lab.report")]),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown: dict[str, Any] = {
        "subject": subject,
        "tally": Tally.of(subject, entries),
        "wrong": [entry for entry in entries if entry.verdict is Verdict.FAILED],
        "unrun": [entry for entry in entries if entry.verdict is Verdict.NOT_RUN],
        "matrix": by_business(entries),
        "promises": _PROMISES,
        "seconds": sum(entry.took_us for entry in entries) / _US_PER_S,
        "footer_version": versions().get("yidi", "from its source"),
    }
    return environment.get_template("certify.html").render(shown)


def by_business(entries: Iterable[Entry]) -> list[tuple[str, Counter[str], Counter[str]]]:
    """Return, of each business, how its cases ended and of which class its failures are."""
    ended: dict[str, Counter[str]] = {business.value: Counter() for business in (*Business, *Neighbour)}
    failed: dict[str, Counter[str]] = {business.value: Counter() for business in (*Business, *Neighbour)}
    for entry in entries:
        business = entry.case.partition(".")[0]
        ended[business][entry.verdict.value] += 1
        if entry.verdict is Verdict.FAILED:
            failed[business][entry.proof.value] += 1
    return [(name, counts, failed[name]) for name, counts in ended.items() if counts]
