"""Law 26: a visit is paid as what its diagnosis said."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from lab.checker.evidence import Evidence
from lab.checker.laws.parts import parts_make_one_stay
from lab.checker.laws.violation import Violation
from reference_impl.domain.care_types import CareType


def a_visit_is_paid_as_what_it_is(evidence: Evidence) -> Iterator[Violation]:
    """Law 26: the care type and disease of a standing settlement are those that the care place was told.

    The insurer's books are held against the care province's; a sale has no diagnosis, and no disease either. A stay
    settled in parts is one stay, in what hospitals saw and in its deductible (``parts``).
    """
    told = evidence.charges.filter(pl.col("settlement") != "").select("visit_id", "settlement", "told_as", "told_of")
    both = evidence.standing().join(told, on=["visit_id", "settlement"], how="left")
    chronic = pl.col("care_type") == CareType.CHRONIC.value
    of_disease = pl.when(chronic).then(pl.col("told_of").fill_null("")).otherwise(pl.lit(""))
    wrong = both.filter(
        (pl.col("care_type") != pl.col("told_as").fill_null(pl.col("care_type")))
        | (pl.col("disease") != of_disease)
        | (chronic & (pl.col("disease") == ""))
    )
    for row in wrong.sort("settlement").iter_rows(named=True):
        paid, said = (f"{row[a]} {row[b]}".strip() for a, b in (("care_type", "disease"), ("told_as", "told_of")))
        detail = (
            f"settlement {row['settlement']} at {row['node']} is paid as {paid}, and the care place was told {said}"
        )
        yield Violation("26 care type", row["visit_id"], detail, row["msgid"])
    yield from parts_make_one_stay(evidence)
