"""From a finished replication to its results: check, work off breaks, measure, write down.

The same steps for both worlds. This module must never ask which world it was, beyond what the record says.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lab.analysis import benefits, care_types, filing, master_data, prefund, prescriptions
from lab.analysis.agreement import agreement_of
from lab.analysis.audit import AUDIT_FILE, Audited, write_audit
from lab.analysis.claims import CLAIMS_FILE, with_claims, write_claims
from lab.analysis.gates import NEED_BOOKS, Length, judge_all
from lab.analysis.go_no_go import visits_without_row
from lab.analysis.ledger import LEDGER_FILE, follow_up, write_ledger
from lab.analysis.measures import Measures, afterwards_of, measure
from lab.analysis.monitoring import with_alarms
from lab.analysis.replicated import Replicated
from lab.checker import Evidence, Findings, LaidOut, check_tables, look_through
from lab.checker.findings import HOSPITAL_ONLY
from lab.runs.file import Commits, GateResult, Replication, Validity, checksum
from lab.runs.small import looked_at
from lab.worlds.followup import BREAKS_FILE, HeldByHospital, followed_up, held_by_hospitals, worked_off, write_breaks
from lab.worlds.statements import STATEMENTS_FILE, Dates, Statements
from scenarios.record.recorder import SAMPLED, Record, RunTables, record_of, tables_of
from scenarios.schema.course import courses_of
from scenarios.schema.gates import parse_gates

if TYPE_CHECKING:
    import polars as pl

    from reference_impl.books.final import FinalBooks
    from scenarios.schema import Scenario


_BESIDE = (BREAKS_FILE, LEDGER_FILE, CLAIMS_FILE, AUDIT_FILE, STATEMENTS_FILE, *(f"{name}.parquet" for name in SAMPLED))
"""What a replication leaves that its digest does not cover: how the run was made, and what was worked off after it."""


_OF_BOOKS = (filing, master_data, benefits, prefund, care_types, prescriptions)
"""What has figures that the books alone tell."""


@dataclass(slots=True)
class Outcome:
    """What a world hands over when a replication is done."""

    scenario: Scenario
    tables: RunTables
    books: Mapping[str, FinalBooks] | LaidOut | None
    """None of a system that is not ours: what is in its books is not seen."""
    took_s: float
    validity: Validity = field(default_factory=Validity)
    commits: Mapping[str, Commits] = field(default_factory=dict[str, Commits])
    follow_up: Callable[[Sequence[HeldByHospital]], Record] | None = None
    """Lets the hospitals work off the settlements they hold alone, and returns the record with what came of it."""
    findings: Findings | None = None
    """What the checker found, where it looked while the world still stood."""
    of_books: Mapping[str, float] | None = None
    """Figures that the books alone tell, where they were taken while the world still stood."""

    def figures(self) -> Mapping[str, float]:
        """Return the figures that the books alone tell."""
        if self.of_books is not None:
            return self.of_books
        if self.books is None:
            return {}
        assert not isinstance(self.books, LaidOut)  # whoever lays books out takes their figures before
        parts = (part.figures_of_books(self.books, self.scenario) for part in _OF_BOOKS)
        return {name: value for part in parts for name, value in part.items()}

    def checked(self, also: Callable[[Evidence], None] | None = None) -> Findings | None:
        """Return what the checker finds, None where there are no books; ``also`` is shown what it looks at."""
        if self.books is None:
            return None
        if self.findings is None:
            return check_tables(self.books, self.tables, agreement=agreement_of(self.scenario), also=also)
        if also is not None:
            look_through(self.books, self.tables, also, agreement_of(self.scenario))
        return self.findings

    def let_go(self) -> None:
        """Forget the world that this is the outcome of: it is checked, and its memory is wanted for the measures."""
        self.books, self.follow_up = {}, None
        gc.collect()


class Interrupted(KeyboardInterrupt):
    """Ctrl-C stopped a replication; what it had finished is written and measured."""

    def __init__(self, replication: Replication) -> None:
        super().__init__("interrupted")
        self.replication = replication


@dataclass(frozen=True, slots=True)
class Answer:
    """A replication, checked and measured."""

    scenario: Scenario
    tables: RunTables
    findings: Findings | None
    """None where there are no books to check."""
    measures: Measures
    ledger: pl.DataFrame | None = None
    """Every piece of business in flight at a planned stop, and what became of it; None where none is planned."""
    claims: pl.DataFrame | None = None
    """Every paper claim, and what its office made of it; None where the scenario has no office."""
    audited: Audited | None = None
    """Every case of the audit, and what people made of it; None where the scenario has none."""

    @property
    def record(self) -> Record:
        """All tables, in memory."""
        return record_of(self.tables)

    @property
    def digest(self) -> str:
        """The hash of what happened."""
        return self.tables.digest()

    @property
    def gates(self) -> tuple[GateResult, ...]:
        """The verdict on every gate of the scenario."""
        alone = Replicated((self.measures.flat(),), (self.measures.counts(),))
        length = Length.of(self.scenario)
        return judge_all(parse_gates(self.scenario.gates), alone, length=length, books=self.findings is not None)


def answer(outcome: Outcome, statements: Statements | None = None) -> Answer:
    """Check a replication, let what it left one-sided be worked off, and measure it.

    ``statements`` takes what each side states before anything is worked off.
    """
    findings = outcome.checked(None if statements is None else statements.take)
    of_books = outcome.figures()
    tables = with_alarms(work_off(outcome, findings), outcome.scenario)
    if not tables.in_memory:
        outcome.let_go()
    seen = looked_at(tables.scan, outcome.scenario)
    later = afterwards_of(seen, outcome.scenario)
    measures = measure(seen, outcome.scenario, findings, afterwards=later)
    measures.scalars.update(of_books)
    return Answer(
        outcome.scenario,
        tables,
        findings,
        measures,
        _ledger(seen, outcome.scenario, findings, later.claims),
        later.claims,
        later.audited,
    )


def _ledger(
    record: Record, scenario: Scenario, findings: Findings | None, claims: pl.DataFrame | None
) -> pl.DataFrame | None:
    if not scenario.cutover or findings is None:
        return None
    lost, doubled = findings.one_sided_visits, findings.doubled_visits
    refused = visits_without_row(record, courses_of(scenario), scenario)
    return follow_up(
        with_claims(record, claims),
        scenario.cutover,
        scenario.scale.time,
        lost=lost,
        doubled=doubled,
        refused=refused,
    )


def conclude(outcome: Outcome, folder: Path, name: str = ".") -> Replication:
    """Answer, write the tables to ``folder`` and return the results."""
    statements = Statements(Dates.of(outcome.scenario))
    found = answer(outcome, statements)
    if found.findings is not None:
        statements.write(folder)
        write_breaks(folder, worked_off(found.findings))
    found.tables.write(folder)
    if found.ledger is not None:
        write_ledger(folder, found.ledger)
    if found.claims is not None:
        write_claims(folder, found.claims)
    if found.audited is not None:
        write_audit(folder, found.audited)
    return Replication(
        folder=name,
        seed=outcome.scenario.seed,
        digest=found.digest,
        took_s=round(outcome.took_s, 3),
        measures=found.measures.flat(),
        checker={"not_seen": list(NEED_BOOKS)} if found.findings is None else found.findings.as_json(),
        validity=outcome.validity,
        counts=found.measures.counts(),
        commits=dict(outcome.commits),
        checksums={name: checksum(folder / name) for name in _BESIDE if (folder / name).exists()},
    )


def work_off(outcome: Outcome, findings: Findings | None) -> RunTables:
    """Let the hospitals work off what they hold alone, if the world still stands; return the tables after that."""
    if (
        findings is None
        or outcome.follow_up is None
        or not any(found.side == HOSPITAL_ONLY for found in findings.one_sided)
    ):
        return outcome.tables
    record = record_of(outcome.tables)
    held = held_by_hospitals(record, findings)
    if not held:
        return outcome.tables
    return tables_of(followed_up(record, outcome.follow_up(held), [one.visit for one in held]))
