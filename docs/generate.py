"""Write the reference pages that are made from code: ``python docs/generate.py``. A test holds them current."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lab.analysis.audit import AUDIT_COLUMNS
from lab.analysis.claims import CLAIM_COLUMNS
from reference_impl.domain.error_catalogue import CATALOGUE, GROUP_LETTERS, GROUP_NAMES_ZH, OWNER_NAMES_ZH
from reference_impl.telemetry.events import EVENTS, FACTS
from scenarios.reading.json_schema import json_schema_text, policy_schema_text, target_schema_text
from scenarios.record.fates import Fate, Stage
from scenarios.record.tables import TABLES
from scenarios.schema.measures import BY_PROVINCE, MEASURES, STATISTICS

HERE = Path(__file__).parent


def record_page() -> str:
    """Return the page of the run's tables."""
    lines = [
        "# The record",
        "",
        "A run folder holds `run.json` and these Parquet tables; both worlds write the same columns.",
        "Times are microseconds of the run's clock. Waits of people are people time: multiply by `scale.time`.",
    ]
    for table, columns in TABLES.items():
        lines += ["", f"## {table}", "", "| column | type | unit | meaning |", "|---|---|---|---|"]
        lines += [f"| `{c.name}` | {c.dtype} | {c.unit or '-'} | {c.doc} |" for c in columns]
    lines += ["", "## Fates", "", *(f"- `{fate}`" for fate in Fate)]
    lines += ["", "## Stages of business in flight", "", *(f"- `{stage}`" for stage in Stage)]
    lines += [
        "",
        "## The ledger",
        "",
        "A run with a planned stop leaves `ledger.parquet` beside its tables: the rows of `inflight`, each",
        "followed from its listing on: `ended_us` and `ended_after_us`, `delay_us` (held up by a closed door),",
        "`trips` (sent away, and one to claim by paper), `advance_yuan_days` (a bill paid in full until the claim",
        "is paid, one that lies unpaid while a door holds it up), and whether the checker found it `lost` or",
        "`doubled`. Spans are people time.",
        "",
        "## The claims",
        "",
        "A scenario with `paper_claims` leaves `claims.parquet` beside its tables: what the office of the insured",
        "province made of each paper claim ([why](why/a-batch-after-the-run.md)).",
        "",
        "| column | type | unit | meaning |",
        "|---|---|---|---|",
        *(f"| `{name}` | {dtype} | {unit or '-'} | {doc} |" for name, (dtype, unit, doc) in CLAIM_COLUMNS.items()),
        "",
        "## The audit",
        "",
        "A scenario with `audit` leaves `audit.parquet` beside its tables: every case that rules, samples and tickets",
        "brought before people, and what they made of it ([why](why/rules-unfold.md)).",
        "",
        "| column | type | unit | meaning |",
        "|---|---|---|---|",
        *(f"| `{name}` | {dtype} | {unit or '-'} | {doc} |" for name, (dtype, unit, doc) in AUDIT_COLUMNS.items()),
    ]
    return "\n".join(lines) + "\n"


def measures_page() -> str:
    """Return the page of the measures."""
    lines = [
        "# Measures and gates",
        "",
        "A gate is a sentence about a measure, in the scenario file: `contact.latency: [p95 < 3s]`.",
        "It is judged after the warm-up. With `--reps N` it carries an interval and may be *inconclusive*: Student's t",
        "over replications, and for a percentile a range of ranks of all replications' values together",
        "([why](why/pooled-percentiles.md)). A percentile of fewer values than put ten beyond it (p95: 200, p99: 1000)",
        "is *inconclusive* whatever it is, and the note says what length or how many replications would do.",
        "Of what is rare Student's t says too little: figures equal in all replications have an interval without",
        "width. A share of 99.9 % of 100 visits lies in its interval in about 40 of 100 cases with `--reps 5`, in 62",
        "with 10 (of 1000 visits: 95 and more); a count of 0.2 a replication in 64 and 88 (of 1 and more: 93 up).",
        f"A distribution needs a statistic: {', '.join(f'`{name}`' for name in STATISTICS)}.",
        "Of one province or city, or of all but it, ask `contact.latency[insured=41]`, `[insured!=41]`, `[care=33]`,",
        "where the table says *by province*.",
        "",
        "A cutover may have several plans. A piece of business belongs to each plan whose door it met: one that listed",
        "it in flight, parked it, or had it pay. `cutover.backlog` and the like are then of all plans together: what",
        "several held up counts once, and of times it is the longest of any plan, each from its own moments (the peak",
        "of the backlog from the first stop-accept). Of one plan ask `cutover.drain[plan=NAME]`. Business within a",
        "province is counted where a plan stops nothing else (`business: local`); otherwise it only lengthens queues:",
        "but what was in flight (`cutover.inflight`, `cutover.leftover`) is listed whole. These figures look at the",
        "whole run, warm-up included.",
        "",
        "What users saw is counted by intents: a visit that wants to settle, once, however many messages it took.",
        "It is served when it settles directly within `objective.late_after`; whom a rule refuses is neither",
        "served nor failed. An error budget is what `objective.availability` leaves over `objective.period`: 1 is",
        "all of it. By intents it is burnt by people, by time by quarters of an hour; *unplanned* leaves out the",
        "stop as it was announced, as contracts do and users do not. Ledger, snapshots and stages are in [the",
        "record](record.md).",
        "",
        "| measure | unit | kind | meaning |",
        "|---|---|---|---|",
    ]
    for measure in MEASURES.values():
        kind = "distribution" if measure.distribution else "number"
        kind += ", by province" if measure.name in BY_PROVINCE else ""
        lines.append(f"| `{measure.name}` | {measure.unit} | {kind} | {measure.doc} |")
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """Return the catalogue of errors."""
    lines = [
        "# Errors",
        "",
        "Every way a transaction can fail to end in a yes: its stable code, what is wrong, what the clerk does next,",
        "and who has to put it right. The classes are those of hospital clients (domain facts §1.11); the codes are",
        "this project's own, for the national list is not public. Owners are ASSUMED. *T* is no verdict: it is never",
        "stored, and never a no ([guarantees](guarantees.md), G2 and G3). *I* has no rows: signing in (9001) is not",
        "modelled. How long owners take is `abnormal` in the scenario; the figures are the measures `abnormal.*`.",
    ]
    for letter, group in GROUP_LETTERS.items():
        rows = [row for row in CATALOGUE.values() if row.group is group]
        if not rows:
            continue
        lines += ["", f"## {letter} {group.replace('_', '-')} {GROUP_NAMES_ZH[group]}", ""]
        lines += ["| code | what is wrong | what the clerk does next | owner |", "|---|---|---|---|"]
        lines += [
            f"| `{row.code}` | {row.what}<br>{row.what_zh} | {row.next_step}<br>{row.next_zh} | "
            f"{row.owner} {OWNER_NAMES_ZH[row.owner]} |"
            for row in rows
        ]
        lines += [f"\n`{row.code}` does not come up in a run of yidi: {row.unmet}." for row in rows if row.unmet]
    return "\n".join(lines) + "\n"


def log_page() -> str:
    """Return the page of the events that processes log."""
    lines = [
        "# The log",
        "",
        "Every process of `yidi serve` writes one line an event into `hosts/NAME.log` beside its books, `yidi serve`",
        "itself to standard error. `--log json` makes each a JSON object with `time` (UTC), `level`, `event`, `text`,",
        "the facts below and, of a message that is traced, `trace`. `--log-level` says from which level on.",
        "",
        "A line holds no person's number, certificate, name, card, diagnosis or money. An exception is told once, by",
        "its kind and the places in the code it went through; its words only where they are yidi's own or the",
        "operating system's. The id of a message may be told: it names an institution, a time and a serial, and nobody",
        "without the books. A test sends every kind of message with marks in all personal fields and searches logs,",
        "traces, figures and error texts for them (`tests/reference_impl/server/test_nobodys_number.py`).",
        "",
        "| event | level | text |",
        "|---|---|---|",
        *(f"| `{name}` | {event.level} | {event.words} |" for name, event in EVENTS.items()),
        "",
        "## Facts",
        "",
        "| fact | meaning |",
        "|---|---|",
        *(f"| `{name}` | {about} |" for name, about in FACTS.items()),
    ]
    return "\n".join(lines) + "\n"


def schema_page() -> str:
    """Return the published JSON Schema."""
    return json_schema_text()


PAGES: dict[str, Callable[[], str]] = {
    "record.md": record_page,
    "measures.md": measures_page,
    "errors.md": errors_page,
    "log.md": log_page,
    "scenario.schema.json": schema_page,
    "policy.schema.json": policy_schema_text,
    "target.schema.json": target_schema_text,
}


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
