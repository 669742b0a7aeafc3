"""The two witnesses as tables: claims, postings and entries from the books; attempts and visits from the record.

This module only lays facts out. It must never judge them, and never repair a row that looks wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from reference_impl.domain.transactions import CANCELS, REVERSE

if TYPE_CHECKING:
    from reference_impl.books.final import FinalBooks
    from reference_impl.protocol.records import Claim, Entry, Posting
    from scenarios.record.recorder import Record

UNDO_CODES = frozenset({*CANCELS, REVERSE})
"""The transactions that take a settlement back."""

CLAIM_COLUMNS: dict[str, Any] = {
    "node": pl.String, "settlement": pl.String, "visit_id": pl.String, "person": pl.String, "code": pl.String,
    "msgid": pl.String, "posted_us": pl.Int64, "sign": pl.Int8, "reverses": pl.String, "total_fen": pl.Int64,
    "fund_fen": pl.Int64, "care_region": pl.String, "insured_region": pl.String,
}  # fmt: skip
POSTING_COLUMNS: dict[str, Any] = {
    "node": pl.String, "posting": pl.String, "settlement": pl.String, "sum_fen": pl.Int64,
}  # fmt: skip
ENTRY_COLUMNS: dict[str, Any] = {
    "node": pl.String, "sender": pl.String, "msgid": pl.String, "code": pl.String, "tombstone": pl.Boolean,
    "answered": pl.Boolean, "withdrawn": pl.Boolean, "done": pl.Boolean, "original": pl.String,
    "reversed_by": pl.String,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the laws may look at."""

    claims: pl.DataFrame
    postings: pl.DataFrame
    entries: pl.DataFrame
    visits: pl.DataFrame
    attempts: pl.DataFrame

    def standing(self) -> pl.DataFrame:
        """Return the settlements that no reversal has taken back."""
        taken_back = self.claims.filter(pl.col("sign") == -1).select("node", settlement="reverses")
        return self.claims.filter(pl.col("sign") == 1).join(taken_back, on=["node", "settlement"], how="anti")


def gather(books: Mapping[str, FinalBooks], record: Record) -> Evidence:
    """Lay out the final books of every node beside the record of the run."""
    return Evidence(
        claims=_frame((_claim(node, c) for node, b in books.items() for c in b.claims), CLAIM_COLUMNS),
        postings=_frame((_posting(node, p) for node, b in books.items() for p in b.postings), POSTING_COLUMNS),
        entries=_frame((_entry(node, e) for node, b in books.items() for e in b.entries), ENTRY_COLUMNS),
        visits=record.visits,
        attempts=record.messages.select("visit", "code", "msgid", "sent_us", "done_us", "outcome", "reply_crc"),
    )


def _frame(rows: Iterable[tuple[Any, ...]], columns: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=columns, orient="row")


def _claim(node: str, claim: Claim) -> tuple[Any, ...]:
    return (
        node, claim.settlement, claim.visit, claim.person, claim.code, claim.settled_by, claim.posted_us, claim.sign,
        claim.reverses, claim.amounts.total_fen, claim.amounts.fund_fen, claim.care_region, claim.insured_region,
    )  # fmt: skip


def _posting(node: str, posting: Posting) -> tuple[Any, ...]:
    return node, posting.posting, posting.settlement, sum(leg.amount_fen for leg in posting.legs)


def _entry(node: str, entry: Entry) -> tuple[Any, ...]:
    answered = entry.reply is not None
    done = entry.reply is not None and not entry.reply.refusal
    original = getattr(entry.request.body, "original", "") if entry.request is not None else ""
    tombstone = entry.request is None
    reversed_by = entry.reversed_by or ""
    return (
        node,
        entry.key.sender,
        entry.key.msgid,
        entry.code,
        tombstone,
        answered,
        entry.withdrawn,
        done,
        original,
        reversed_by,
    )
