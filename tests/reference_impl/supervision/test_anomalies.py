"""Anomaly lists: an institution that costs an insured place much more than others alike is on it, and no other."""

from __future__ import annotations

import polars as pl

from reference_impl.supervision.anomalies import anomalies
from reference_impl.supervision.planting import clean_subjects


def test_ordinary_business_has_no_anomaly():
    assert anomalies(clean_subjects(40_000)).is_empty()


def test_an_expensive_institution_is_listed_at_each_insured_place_that_it_costs_so_much():
    alike = clean_subjects(40_000).with_columns(insured=pl.lit("34"))
    costly = alike.filter(pl.col("kind") == "outpatient")["institution"][0]
    made = alike.with_columns(
        fund_fen=pl.when((pl.col("institution") == costly) & (pl.col("kind") == "outpatient"))
        .then(10_000_000)
        .otherwise("fund_fen")
    )

    [row] = anomalies(made).iter_rows(named=True)

    own = made.filter((pl.col("institution") == costly) & (pl.col("kind") == "outpatient"))
    usual = made.filter((pl.col("kind") == "outpatient") & (pl.col("level") == row["level"]) & ~pl.col("paper"))
    assert (row["institution"], row["insured"], row["mean_fen"]) == (costly, "34", 10_000_000)
    assert row["settlements"] == own.filter(~pl.col("paper")).height
    assert row["usual_fen"] == usual["fund_fen"].sum() // usual.height
    assert row["times_e4"] >= 20_000


def test_few_settlements_say_nothing():
    rows = clean_subjects(40_000).head(400)

    assert anomalies(rows, settlements_min=1_000).is_empty()
