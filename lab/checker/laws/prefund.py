"""Law 25: what an insured province owes a place of care never passes the prefund that it keeps there."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from lab.checker.evidence import Evidence
from lab.checker.laws.violation import Violation
from reference_impl.domain.prefund import PrefundRules


def prefunds_are_never_passed(evidence: Evidence) -> Iterator[Violation]:
    """Law 25: settlements and what took them back, added up as they were posted, stay within the limit of the hour.

    Added up from the settlements, and never from the account that the insurer keeps. Of a portion the sum is a part of
    the whole, for what is owed for a visit is never below zero: what passes the limit there passes it in all.
    """
    owed = pl.col("fund_fen") + pl.col("account_fen")
    care = pl.col("care_region").str.slice(0, 2)
    told = ("node", "settlement", "visit_id", "msgid", "posted_us", "sign")
    rows = evidence.settlements.select(*told, care=care, owed=owed)
    for insured, rules in sorted(evidence.agreement.prefunds.items()):
        yield from _passed(rows.filter(node=insured).sort("posted_us", maintain_order=True), rules)


def _passed(rows: pl.DataFrame, rules: PrefundRules) -> Iterator[Violation]:
    for quota in rules.quotas:
        used_fen = 0
        for row in rows.filter(care=quota.care).iter_rows(named=True):
            used_fen += row["owed"]
            over_fen = used_fen - quota.limit_at(row["posted_us"])
            if row["sign"] > 0 and row["owed"] > 0 and over_fen > 0:
                pair = f"{row['node']} with {quota.care}"
                what = f"settlement {row['settlement']} passes the prefund of {pair} by {over_fen} fen"
                yield Violation("25 prefund", row["visit_id"], what, row["msgid"])
