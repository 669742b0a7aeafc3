"""The two witnesses as tables: settlements, postings and messages from the books; attempts and visits from the record.

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
    from reference_impl.protocol.records import MessageRecord, Posting, SettlementRecord
    from scenarios.record.recorder import Record

UNDO_CODES = frozenset({*CANCELS, REVERSE})
"""The transactions that take a settlement back."""

SETTLEMENT_COLUMNS: dict[str, Any] = {
    "node": pl.String, "settlement": pl.String, "visit_id": pl.String, "person": pl.String, "code": pl.String,
    "msgid": pl.String, "posted_us": pl.Int64, "sign": pl.Int8, "reverses": pl.String, "total_fen": pl.Int64,
    "fund_fen": pl.Int64, "care_region": pl.String, "insured_region": pl.String,
}  # fmt: skip
POSTING_COLUMNS: dict[str, Any] = {
    "node": pl.String, "posting": pl.String, "settlement": pl.String, "sum_fen": pl.Int64,
}  # fmt: skip
MESSAGE_COLUMNS: dict[str, Any] = {
    "node": pl.String, "sender": pl.String, "msgid": pl.String, "code": pl.String, "tombstone": pl.Boolean,
    "answered": pl.Boolean, "withdrawn": pl.Boolean, "done": pl.Boolean, "original": pl.String,
    "reversed_by": pl.String,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the laws may look at."""

    settlements: pl.DataFrame
    postings: pl.DataFrame
    messages: pl.DataFrame
    visits: pl.DataFrame
    attempts: pl.DataFrame

    def standing(self) -> pl.DataFrame:
        """Return the settlements that no reversal has taken back."""
        taken_back = self.settlements.filter(pl.col("sign") == -1).select("node", settlement="reverses")
        return self.settlements.filter(pl.col("sign") == 1).join(taken_back, on=["node", "settlement"], how="anti")


def gather(books: Mapping[str, FinalBooks], record: Record) -> Evidence:
    """Lay out the final books of every node beside the record of the run."""
    return Evidence(
        settlements=_frame(
            (_settlement(node, c) for node, b in books.items() for c in b.settlements), SETTLEMENT_COLUMNS
        ),
        postings=_frame((_posting(node, p) for node, b in books.items() for p in b.postings), POSTING_COLUMNS),
        messages=_frame((_message(node, m) for node, b in books.items() for m in b.messages), MESSAGE_COLUMNS),
        visits=record.visits,
        attempts=record.messages.select("visit", "code", "msgid", "sent_us", "done_us", "outcome", "reply_crc"),
    )


def _frame(rows: Iterable[tuple[Any, ...]], columns: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=columns, orient="row")


def _settlement(node: str, made: SettlementRecord) -> tuple[Any, ...]:
    return (
        node, made.settlement, made.visit, made.person, made.code, made.settled_by, made.posted_us, made.sign,
        made.reverses, made.amounts.total_fen, made.amounts.fund_fen, made.care_region, made.insured_region,
    )  # fmt: skip


def _posting(node: str, posting: Posting) -> tuple[Any, ...]:
    return node, posting.posting, posting.settlement, sum(leg.amount_fen for leg in posting.legs)


def _message(node: str, message: MessageRecord) -> tuple[Any, ...]:
    answered = message.reply is not None
    done = message.reply is not None and not message.reply.refusal
    original = getattr(message.request.body, "original", "") if message.request is not None else ""
    tombstone = message.request is None
    reversed_by = message.reversed_by or ""
    return (
        node,
        message.key.sender,
        message.key.msgid,
        message.code,
        tombstone,
        answered,
        message.withdrawn,
        done,
        original,
        reversed_by,
    )
