"""Law 20: who needs a filing to settle elsewhere has one that holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from lab.checker.agreement import Agreement
from lab.checker.codes import code_of
from lab.checker.evidence import Evidence
from lab.checker.laws.violation import Violation


def who_needs_a_filing_has_one(evidence: Evidence) -> Iterator[Violation]:
    """Law 20: a settlement that needed a filing names one that was valid then, for that place and that hospital.

    Looked up here by what the books say of the filing, and not by what the insurer decided. What an emergency counts as
    is for its one visit alone.
    """
    made = evidence.settlements.filter(pl.col("sign") == 1)
    cross = pl.col("care_region").str.slice(0, 2) != pl.col("insured_region").str.slice(0, 2)
    unfiled = made.filter(cross & pl.col("code").is_in(evidence.agreement.filed_for) & (pl.col("filing") == ""))
    for row in unfiled.sort("settlement").iter_rows(named=True):
        yield _unfiled(row, "names no filing, and needs one")
    named = made.filter(pl.col("filing") != "")
    begun = _begun(evidence, named)
    named = named.join(begun, on="visit_id", how="left")
    its_visit = begun.select(of_visit="visit_id", filed_of_record="of_record")
    filings = evidence.filings.join(its_visit, on="of_visit", how="left")
    joined = named.join(filings, on=["node", "filing"], how="left").sort("settlement")
    for row in joined.iter_rows(named=True):
        wrong = _wrong_with(row, evidence.agreement)
        if wrong:
            yield _unfiled(row, f"was let through by filing {row['filing']}, which {wrong}")
    counted = joined.filter(pl.col("allowed") > 0).join(
        evidence.standing().select("node", "settlement"), on=["node", "settlement"], how="semi"
    )
    uses = counted.group_by("node", "filing").agg(
        pl.col("of_record").fill_null(pl.col("visit_id")).n_unique().alias("uses"), pl.all().exclude("node").first()
    )
    for row in uses.filter(pl.col("uses") > pl.col("allowed")).sort("filing").iter_rows(named=True):
        detail = f"is one of {row['uses']} by filing {row['filing']}, which allows {row['allowed']}"
        yield _unfiled(row, detail)


def _begun(evidence: Evidence, named: pl.DataFrame) -> pl.DataFrame:
    """Return, for each visit that was settled, the visit of the record and when it began, as far as it is told.

    By the message that settled it: what its hospital calls a visit may have changed at a reopening.
    """
    began = pl.when(pl.col("open_at_start")).then(None).otherwise(pl.col("arrival_us")).alias("began_us")
    sent = evidence.attempts.join(named, on="msgid", how="semi").select("msgid", "visit").unique("msgid", keep="any")
    told = evidence.visits.select("visit", began, of_record=pl.col("visit").cast(pl.String))
    begun = named.select("msgid", "visit_id").join(sent, on="msgid").join(told, on="visit")
    return begun.select("visit_id", "began_us", "of_record").unique("visit_id", keep="first", maintain_order=True)


def _wrong_with(row: dict[str, Any], agreement: Agreement) -> str:
    """Return what was wrong with a filing when a settlement was made by it; empty when nothing was."""
    at_us, began_us = row["posted_us"], row["began_us"]
    if row["place"] is None:
        return "is not in the books"
    if not row["care_region"].startswith(row["place"]):
        return f"is for {row['place']}"
    if row["of_visit"] and (row["filed_of_record"] or row["of_visit"]) != (row["of_record"] or row["visit_id"]):
        return f"is of the emergency of visit {row['of_visit']} alone"
    if at_us < max(row["accepted_us"], row["begins_us"]):
        return "was not made yet"
    if at_us < row["uploaded_us"]:
        return "was not uploaded yet"
    if row["ended_us"] <= at_us or (began_us is not None and row["ends_us"] <= min(began_us, at_us)):
        return "was over"
    if row["named"] and agreement.first_code(code_of(row)) not in map(agreement.first_code, row["named"]):
        return "does not name the hospital"
    return ""


def _unfiled(row: dict[str, Any], detail: str) -> Violation:
    return Violation(
        "20 filing", row["visit_id"], f"settlement {row['settlement']} at {row['node']} {detail}", row["msgid"]
    )
