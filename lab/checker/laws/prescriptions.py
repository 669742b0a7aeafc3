"""Law 28: no electronic prescription is dispensed twice, beyond its validity or its drugs, or to another person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from lab.checker.evidence import Evidence
from lab.checker.laws.violation import Violation
from reference_impl.domain.transactions import PHARMACY_SETTLE


def a_prescription_is_dispensed_once(evidence: Evidence) -> Iterator[Violation]:
    """Law 28: each sale by a prescription has a follow-up that stands, was settled before, and was of the same patient.

    And dispenses no drug of which less was prescribed, where it is known what was: by the messages of both desks.
    Told from the settlements and from who the patients were, never from what the insurer keeps of a prescription. Both
    visits are of one place of care's province: a prescription is taken to a pharmacy there.
    """
    named = evidence.standing().filter(pl.col("prescription") != "")
    if named.is_empty():
        return
    of_visit = evidence.attempts.select("msgid", "visit").unique("msgid", keep="first")
    patients = of_visit.join(evidence.visits.select("visit", patient="person"), on="visit").drop("visit")
    rows = named.join(patients, on="msgid", how="left").sort("posted_us", "settlement")
    is_sale = pl.col("code") == PHARMACY_SETTLE
    for what, some in (("issued", rows.filter(~is_sale)), ("dispensed", rows.filter(is_sale))):
        again = some.with_columns(before=pl.int_range(pl.len()).over("node", "prescription")).filter(
            pl.col("before") > 0
        )
        yield from (_wrong(row, f"is {what} a second time") for row in again.iter_rows(named=True))
    issued = rows.filter(~is_sale).unique(["node", "prescription"], keep="first", maintain_order=True)
    by = issued.select("node", "prescription", issued_us="posted_us", prescribed_to="patient", said_in="msgid")
    valid_us = evidence.agreement.prescription_valid_us
    sales = rows.filter(is_sale).join(by, on=["node", "prescription"], how="left")
    yield from _beyond_what_was_prescribed(evidence, sales)
    for row in sales.iter_rows(named=True):
        what = _fault_of(row, valid_us)
        if what:
            yield _wrong(row, what)


def _beyond_what_was_prescribed(evidence: Evidence, sales: pl.DataFrame) -> Iterator[Violation]:
    """Yield each drug of which a sale dispensed more than was prescribed; books of before do not say what was."""
    counted = evidence.drugs.group_by("msgid", "item").agg(pl.sum("count_e4"))
    said = counted.rename({"msgid": "said_in", "count_e4": "prescribed_e4"})
    dispensed = sales.join(counted, on="msgid").join(said.select("said_in").unique(), on="said_in", how="semi")
    over = dispensed.join(said, on=["said_in", "item"], how="left").with_columns(pl.col("prescribed_e4").fill_null(0))
    for row in over.filter(pl.col("count_e4") > pl.col("prescribed_e4")).sort("msgid", "item").iter_rows(named=True):
        yield _wrong(row, f"dispenses {row['count_e4']} of {row['item']} for {row['prescribed_e4']} (ten-thousandths)")


def _fault_of(row: dict[str, Any], valid_us: int) -> str:
    """Return what is wrong with one sale; where it is not known how long prescriptions are valid, none has expired."""
    if row["issued_us"] is None or row["posted_us"] < row["issued_us"]:
        return "is dispensed, and no settlement that stood then had issued it"
    if row["patient"] != row["prescribed_to"]:
        return f"is of {row['prescribed_to']}, and dispensed to {row['patient']}"
    past_us = row["posted_us"] - row["issued_us"] - valid_us
    return f"is dispensed {past_us} us after its end" if valid_us and past_us > 0 else ""


def _wrong(row: dict[str, Any], what: str) -> Violation:
    detail = f"settlement {row['settlement']} at {row['node']}: prescription {row['prescription']} {what}"
    return Violation("28 prescription", row["visit_id"], detail, row["msgid"])
