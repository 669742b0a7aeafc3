"""Anomaly lists for the insured place (疑似问题线索): institutions that cost its funds much more than others alike.

The insured place analyses where its money goes and asks about what stands out (SEED 001). A list is a clue and no
finding: nothing is asked back for it.
"""

from __future__ import annotations

import polars as pl

from reference_impl.domain.money import E4

__all__ = ["ANOMALIES", "anomalies"]

ANOMALIES = (
    "insured", "care", "institution", "kind", "level", "settlements", "fund_fen", "mean_fen", "usual_fen", "times_e4",
)  # fmt: skip
"""Columns of the list. ``usual_fen`` is the insured place's mean over all institutions of that kind and level;
``times_e4`` how many times that the institution's mean is, in ten-thousandths."""
_ALIKE = ["insured", "kind", "level"]


def anomalies(subjects: pl.DataFrame, *, times_e4: int = 2 * E4, settlements_min: int = 10) -> pl.DataFrame:
    """Return the institutions whose mean is at least so many times the usual, by insured place, the costliest first.

    ``settlements_min`` of a place are too few to say anything. Both are ASSUMED.
    """
    direct = subjects.filter(~pl.col("paper"))
    usual = direct.group_by(_ALIKE).agg(all_fen=pl.col("fund_fen").sum(), all_rows=pl.len().cast(pl.Int64))
    own = direct.group_by(*_ALIKE, "care", "institution").agg(
        pl.col("fund_fen").sum(), settlements=pl.len().cast(pl.Int64)
    )
    joined = own.filter(pl.col("settlements") >= settlements_min).join(usual, on=_ALIKE).filter(pl.col("all_fen") > 0)
    times = pl.col("fund_fen") * pl.col("all_rows") * E4 // (pl.col("all_fen") * pl.col("settlements"))
    listed = joined.with_columns(
        mean_fen=pl.col("fund_fen") // pl.col("settlements"),
        usual_fen=pl.col("all_fen") // pl.col("all_rows"),
        times_e4=times,
    ).filter(pl.col("times_e4") >= times_e4)
    return listed.select(*ANOMALIES).sort(
        ["insured", "times_e4", "institution", "kind"], descending=[False, True, False, False]
    )
