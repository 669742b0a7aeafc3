"""Stays that were settled in parts: what hospitals saw of them, and what their parts come to together.

A half of law 26: a visit is paid as what it is. Must never judge one part by itself: law 22 does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from lab.checker.agreement import Agreement
from lab.checker.evidence import Evidence
from lab.checker.laws.exact_benefits import case_of, payer_of
from lab.checker.laws.violation import Violation

__all__ = ["parts_make_one_stay"]

Row = dict[str, Any]


def parts_make_one_stay(evidence: Evidence) -> Iterator[Violation]:
    """Yield what is wrong with stays settled in parts.

    A stay goes on from another once. What a hospital settled in the middle of a stay is known as that at the insurer,
    and the rest names it. Where the policy has parts pay one deductible, they pay together what one stay owes: the
    whole of one deductible, or of their cost where that is less; parts of two years, or of two levels, are left out.
    """
    standing = evidence.standing()
    for row in _several(standing):
        yield _wrong(row, f"goes on from visit {row['continues']}, and {row['times'] - 1} more do")
    parted = standing.filter((pl.col("mid_stay") == 1) | (pl.col("continues") != ""))
    if parted.is_empty() and evidence.mid_stays.is_empty():
        return
    seen = evidence.attempts.select("msgid", of="visit").unique("msgid", keep="first")
    middle = evidence.mid_stays.select("msgid", part=pl.lit(value=True))
    rows = standing.join(seen, on="msgid").join(middle, on="msgid", how="left")
    whose = rows.filter(pl.col("of").is_in(evidence.mid_stays["visit"].implode())).sort("of", "posted_us")
    for _, parts in whose.group_by("of", maintain_order=True):
        yield from _of_one_stay(list(parts.iter_rows(named=True)), evidence.agreement)


def _several(standing: pl.DataFrame) -> Iterator[Row]:
    """Yield one settlement of each visit that several stays go on from."""
    going_on = standing.filter(pl.col("continues") != "").with_columns(times=pl.len().over("node", "continues"))
    yield from (
        going_on.filter(pl.col("times") > 1)
        .sort("settlement")
        .unique(["node", "continues"], keep="first", maintain_order=True)
        .iter_rows(named=True)
    )


def _of_one_stay(parts: Sequence[Row], agreed: Agreement) -> Iterator[Violation]:
    before: Row | None = None
    for row in parts:
        if row["part"] and not row["mid_stay"]:
            yield _wrong(row, "was made in the middle of a stay, and is kept as that of a whole one")
        named = "" if before is None else before["visit_id"]
        if row["continues"] != named:
            yield _wrong(
                row, f"goes on from visit {row['continues'] or 'none'}, and the hospital from {named or 'none'}"
            )
        before = row
    owed = _owed_fen(parts, agreed)
    paid_fen = sum(row["deductible_fen"] for row in parts)
    if owed and paid_fen not in owed:
        due = " or ".join(f"{fen}" for fen in sorted(owed))
        yield _wrong(
            parts[-1], f"and the parts before it pay {paid_fen} fen of deductible, and one stay owes {due} fen"
        )


def _owed_fen(parts: Sequence[Row], agreed: Agreement) -> set[int]:
    """Return what one stay of all that may owe as its deductible; nothing where parts are no one stay for that."""
    if len({(row["year"], row["level"], row["code"]) for row in parts}) > 1 or len(parts) == 1:
        return set()
    payer = payer_of(parts[0], agreed)
    cost_fen = sum(row["scope_fen"] - row["first_fen"] for row in parts)
    owed: set[int] = set()
    for policy in () if payer is None or not parts[0]["level"] else payer.versions:
        case = case_of(parts[0], payer, referred=False) if payer is not None else None
        if case is None or not policy.covers(case) or not policy.merges(transfer=False):
            return set()
        terms = policy.terms_of(case)
        if terms.deductible_per != "visit":
            return set()
        owed |= {min(one_fen, cost_fen) for one_fen in (terms.deductible_fen, *terms.later_deductibles_fen)}
    return owed


def _wrong(row: Row, what: str) -> Violation:
    return Violation(
        "26 care type", row["visit_id"], f"settlement {row['settlement']} at {row['node']} {what}", row["msgid"]
    )
