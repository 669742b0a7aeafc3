"""Law 21: nobody from elsewhere is served directly where nothing is opened for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from lab.checker.evidence import Evidence
from lab.checker.laws.violation import Violation
from reference_impl.domain.institution import PLATFORM_LETTER
from reference_impl.domain.network import NetworkScope
from reference_impl.domain.regions import CITY_DIGITS, PROVINCE_DIGITS
from reference_impl.domain.transactions import TRANSACTIONS

_OPENING = [code for code, one in TRANSACTIONS.items() if one.opens]
"""What opens a visit: a registration, an admission, a sale."""


def only_what_is_opened_serves(evidence: Evidence) -> Iterator[Violation]:
    """Law 21: a yes that opened a visit from elsewhere came of an institution that was opened for it meanwhile.

    Held against the lines of the scenario and what hospitals saw, over the whole time from the first send to the yes:
    not against what a node looked up. A stay that was settled in its middle is admitted once: its rest opens nothing.
    """
    scope = evidence.agreement.network
    if scope is None:
        return
    first = evidence.attempts.group_by("msgid").agg(first_us=pl.col("sent_us").min())
    from_phone = pl.col("msgid").str.starts_with(PLATFORM_LETTER)  # what pays an order opens nothing
    begun = evidence.attempts.filter(pl.col("code").is_in(_OPENING) & (pl.col("outcome") == "ok") & ~from_phone)
    digits = PROVINCE_DIGITS if scope.between == "provinces" else CITY_DIGITS
    elsewhere = pl.col("care_region").str.slice(0, digits) != pl.col("insured_region").str.slice(0, digits)
    asked = evidence.visits.filter(elsewhere).select("visit", "visit_id", "hospital", "kind")
    parts = evidence.mid_stays.group_by("visit").agg(settled_us=pl.col("at_us").min())
    rows = begun.join(asked, on="visit").join(first, on="msgid").join(parts, on="visit", how="left")
    rest = (pl.col("first_us") >= pl.col("settled_us")).fill_null(value=False)
    rows = rows.filter(~rest).sort("msgid", "done_us")
    for row in rows.iter_rows(named=True):
        if not _opened_meanwhile(scope, row):
            detail = f"{row['code']} was done at {row['hospital']}, which was opened for no such visit from elsewhere"
            yield Violation("21 network", row["visit_id"], detail, row["msgid"])


def _opened_meanwhile(scope: NetworkScope, row: dict[str, Any]) -> bool:
    return any(
        row["kind"] in one.kinds and one.from_us <= row["done_us"] and row["first_us"] < one.until_us
        for one in scope.openings.get(row["hospital"], ())
    )
