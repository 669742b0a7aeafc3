"""What ``yidi run --target FILE --once`` says: every message, what came of it, and how each visit ended."""

from __future__ import annotations

from typing import Any

import polars as pl

from lab.cli import console
from lab.report.format import show_duration
from lab.report.style import FATE_NAMES
from reference_impl.domain.transactions import TRANSACTIONS
from scenarios.record.fates import Fate
from scenarios.record.recorder import Record

__all__ = ["smoke_code", "smoke_data", "smoke_say"]

_PASSED = 0
_FAILED = 1


def smoke_data(record: Record) -> list[dict[str, Any]]:
    """Return the visits, each with its end and its messages."""
    return [
        {
            "kind": row["kind"],
            "care_region": row["care_region"],
            "insured_region": row["insured_region"],
            "fate": row["fate"],
            "refusal": row["refusal"],
            "messages": _messages(record, row["visit"]).to_dicts(),
        }
        for row in record.visits.sort("visit").iter_rows(named=True)
    ]


def smoke_say(record: Record) -> None:
    """Print them."""
    rows = [
        [
            visit["kind"],
            message["code"],
            TRANSACTIONS[message["code"]].label,
            message["outcome"],
            message["refusal"] or "",
            show_duration(message["took_us"]),
        ]
        for visit in smoke_data(record)
        for message in visit["messages"]
    ]
    console.table(["visit", "code", "transaction", "outcome", "why", "took"], rows, words=5)
    for visit in smoke_data(record):
        why = f" ({visit['refusal']})" if visit["refusal"] else ""
        places = f"{visit['care_region']} for a person of {visit['insured_region']}"
        console.say(f"{visit['kind']} in {places}: {FATE_NAMES[visit['fate']]}{why}")


def smoke_code(record: Record) -> int:
    """Return the exit code: 0 when every visit was settled at the desk, at the first attempt or after."""
    settled = (Fate.DIRECT.value, Fate.DIRECT_AFTER_RETRY.value)
    fates = record.visits.get_column("fate")
    return _PASSED if len(fates) and fates.is_in(settled).all() else _FAILED


def _messages(record: Record, visit: int) -> pl.DataFrame:
    mine = record.messages.filter(pl.col("visit") == visit).sort("sent_us")
    return mine.select(
        "code", "attempt", "outcome", "refusal", took_us=(pl.col("done_us") - pl.col("sent_us")).fill_null(0)
    )
