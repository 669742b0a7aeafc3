"""What the checker found: broken laws, and from them the visits that were lost or doubled and the one-sided list.

Lost: accepted at the hospital and not in the insured province's books, or the reverse with no reversal and no listed
break. Doubled: two effects for one key, or two settlements for one visit (glossary).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from lab.checker.agreement import NO_AGREEMENT, Agreement
from lab.checker.evidence import Evidence, LaidOut, gather, lay_out, portions
from lab.checker.laws import LAWS, Violation, every_yes_has_a_posting
from scenarios.record.recorder import tables_of
from scenarios.record.written import Scratch

if TYPE_CHECKING:
    from reference_impl.books.final import FinalBooks
    from scenarios.record.recorder import Record, RunTables

LISTED_MAX = 200
"""So many violations are written out; the counts are always whole."""


@dataclass(frozen=True, slots=True)
class ReconciliationBreak:
    """One message of the one-sided list (单边账): what one side holds and the other does not."""

    side: str
    visit: int | None
    msgid: str
    settlement: str
    care_region: str
    insured_region: str
    fund_fen: int
    fate: str


@dataclass(frozen=True, slots=True)
class Findings:
    """The verdict of the checker over one run."""

    laws: dict[str, int]
    violations: tuple[Violation, ...]
    lost: int
    doubled_visits: frozenset[str]
    one_sided: tuple[ReconciliationBreak, ...]
    open_intents: int

    @property
    def doubled(self) -> int:
        """How many visits were settled twice, or had one message act twice."""
        return len(self.doubled_visits)

    @property
    def one_sided_visits(self) -> frozenset[int]:
        """The visits of the one-sided list, by their number in the record."""
        return frozenset(d.visit for d in self.one_sided if d.visit is not None)

    def violations_of(self, law: str) -> tuple[Violation, ...]:
        """Return the violations of one law: they stand in the order of the laws."""
        names = [one.__name__ for one in LAWS]
        first = sum(self.laws[name] for name in names[: names.index(law)])
        return self.violations[first : first + self.laws[law]]

    @property
    def clean(self) -> bool:
        """True when no law is broken."""
        return not any(self.laws.values())

    def as_json(self) -> dict[str, Any]:
        """Return the findings as plain data, long lists cut at ``LISTED_MAX``."""
        return {
            "clean": self.clean,
            "laws": self.laws,
            "lost": self.lost,
            "doubled": self.doubled,
            "open_intents": self.open_intents,
            "violations": [asdict(v) for v in self.violations[:LISTED_MAX]],
            "one_sided": [asdict(d) for d in self.one_sided[:LISTED_MAX]],
        }


HOSPITAL_ONLY, INSURED_ONLY = "hospital only", "insured only"
PORTIONED_ROWS = 500_000
"""Attempts from which a run is checked in portions: there no visit of one has to do with another's."""


def check(
    books: Mapping[str, FinalBooks],
    record: Record,
    *,
    agreement: Agreement = NO_AGREEMENT,
) -> Findings:
    """Run every law over the final books of all nodes and the record of the run.

    ``agreement`` is what the scenario asks of its parties.
    """
    return _judged(gather(books, tables_of(record), agreement))


def check_tables(
    books: Mapping[str, FinalBooks] | LaidOut,
    tables: RunTables,
    *,
    agreement: Agreement = NO_AGREEMENT,
    also: Callable[[Evidence], None] | None = None,
) -> Findings:
    """Do as :func:`check`; of a large run, one place of care after the other, so that one is in memory at a time.

    ``also`` is shown each portion of the evidence beside the laws.
    """
    return together([_judged(_shown(portion, also)) for portion in _portions(books, tables, agreement)])


def look_through(
    books: Mapping[str, FinalBooks] | LaidOut,
    tables: RunTables,
    look: Callable[[Evidence], None],
    agreement: Agreement = NO_AGREEMENT,
) -> None:
    """Show each portion of the evidence, of a run that was checked before."""
    for portion in _portions(books, tables, agreement):
        look(portion)


def _portions(
    books: Mapping[str, FinalBooks] | LaidOut,
    tables: RunTables,
    agreement: Agreement = NO_AGREEMENT,
) -> Iterator[Evidence]:
    if not isinstance(books, LaidOut):
        if tables.rows("messages") < PORTIONED_ROWS:
            yield gather(books, tables, agreement)
            return
        books = lay_out(books, Scratch(), agreement)
    yield from portions(books, tables, agreement=agreement)


def _shown(evidence: Evidence, also: Callable[[Evidence], None] | None) -> Evidence:
    if also is not None:
        also(evidence)
    return evidence


def some_hold_alone(laid: LaidOut, tables: RunTables) -> bool:
    """Return whether a hospital holds a settlement that no insurer knows: the one finding a world has to work off."""
    looked_at = ("settlements", "postings", "attempts", "mid_stays")
    return any(True for portion in portions(laid, tables, looked_at) for _ in every_yes_has_a_posting(portion))


def together(found: Sequence[Findings]) -> Findings:
    """Return the findings of several portions of one run as one."""
    by_law = [violation for law in LAWS for one in found for violation in one.violations_of(law.__name__)]
    breaks = [d for side in (HOSPITAL_ONLY, INSURED_ONLY) for one in found for d in one.one_sided if d.side == side]
    return Findings(
        laws={law.__name__: sum(one.laws[law.__name__] for one in found) for law in LAWS},
        violations=tuple(by_law),
        lost=sum(one.lost for one in found),
        doubled_visits=frozenset[str]().union(*(one.doubled_visits for one in found)),
        one_sided=tuple(breaks),
        open_intents=sum(one.open_intents for one in found),
    )


def _judged(evidence: Evidence) -> Findings:
    broken = {law.__name__: tuple(law(evidence)) for law in LAWS}
    sides = {HOSPITAL_ONLY: broken["every_yes_has_a_posting"], INSURED_ONLY: broken["every_posting_has_a_witness"]}
    breaks = tuple(d for side, found in sides.items() for d in _breaks(evidence, side, found))
    doubled = broken["one_posting_a_key"] + broken["one_standing_settlement_a_visit"]
    return Findings(
        laws={name: len(found) for name, found in broken.items()},
        violations=tuple(v for found in broken.values() for v in found),
        lost=len({(d.side, d.msgid) for d in breaks}),
        doubled_visits=frozenset(v.visit for v in doubled),
        one_sided=breaks,
        open_intents=evidence.messages.filter(~pl.col("answered") & ~pl.col("tombstone") & ~pl.col("withdrawn")).height,
    )


def _breaks(evidence: Evidence, side: str, found: tuple[Violation, ...]) -> list[ReconciliationBreak]:
    """Join what both witnesses know of the settlement messages that stand on one side only."""
    messages = pl.DataFrame({"msgid": [v.msgid for v in found]}, schema={"msgid": pl.String})
    seen = evidence.attempts.group_by("msgid").agg(pl.col("visit").first())
    visits = evidence.visits.select(
        "visit", "care_region", "insured_region", "fund_fen", "fate", settlement="settlement_id"
    )
    settled = evidence.settlements.filter(pl.col("sign") == 1).unique("msgid", keep="first", maintain_order=True)
    known = settled.select("msgid", "settlement", "care_region", "insured_region", "fund_fen")
    joined = messages.join(seen, on="msgid", how="left", maintain_order="left")
    joined = joined.join(visits, on="visit", how="left", maintain_order="left")
    joined = joined.join(known, on="msgid", how="left", maintain_order="left", suffix="_claimed")
    either = {name: pl.coalesce(f"{name}_claimed", name) for name in _EITHER}
    rows = joined.with_columns(**either).with_columns(pl.col(pl.String).fill_null(""), pl.col("fund_fen").fill_null(0))
    return [
        ReconciliationBreak(side=side, **row)
        for row in rows.select("visit", "msgid", *_EITHER, "fate").iter_rows(named=True)
    ]


_EITHER = ("settlement", "care_region", "insured_region", "fund_fen")
"""What the settlement says, or else the visit."""
