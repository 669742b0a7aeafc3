"""What hospitals of a run are paid for: the insurers' rows and corrections as cases, in groups as a coder would give.

A run knows no diagnosis. The group of a case is drawn: one whose standard lies near its bill, as far off as
``_SPREAD`` either way (ASSUMED). Must never say what a case is due: contracts do.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import polars as pl

from lab.analysis.admissions import began_s
from lab.analysis.renumbering import kept_visit_id
from reference_impl.accounting.contracts import Way
from reference_impl.accounting.hospital_pay import CASES
from reference_impl.accounting.statements import Side
from reference_impl.domain.keyed import Purpose, key_hash, uniform
from reference_impl.domain.money import E4
from reference_impl.domain.transactions import TRANSACTIONS
from scenarios.patients.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reference_impl.accounting.contracts import Contract, Terms
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario

__all__ = ["cases_of"]

_SPREAD = 0.4
_US_PER_S, _S_PER_DAY = 1_000_000, 86_400
_FEN_OF_A_POINT = 1_400_000
"""What a bill of weight 1 comes to where points have no price of their own (DIP). ASSUMED."""


def cases_of(booked: pl.DataFrame, record: Record, scenario: Scenario, terms: Terms) -> pl.DataFrame:
    """Return what hospitals are to be paid for: the insurers' ``booked`` rows, local business too."""
    insured = booked.filter(pl.col("side") == Side.INSURED.value)
    kinds = {code: str(TRANSACTIONS[code].kind) for code in insured["code"].unique() if code in TRANSACTIONS}
    made = pl.col("day").filter(pl.col("sign") > 0).min().over("settlement")
    rows = (
        insured.join(_visits(record, scenario), on="visit", how="left", maintain_order="left")
        .join(_levels(scenario), on="institution", how="left", maintain_order="left")
        .with_columns(
            kind=pl.col("code").replace_strict(kinds, default="", return_dtype=pl.String),
            settled_on=made.fill_null(pl.col("day")),
            level=pl.col("level").fill_null(1),
            stay_days=pl.col("stay_days").fill_null(1),
            person=pl.col("person").fill_null(pl.col("visit")),
            owed_fen=pl.col("fund_fen") + pl.col("account_fen"),
            day="booked_on",
        )
        .with_columns(level=pl.when(pl.col("kind") == "pharmacy").then(0).otherwise("level"))
    )
    grouped = rows.with_columns(pl.Series("group", list(_groups(rows, scenario.seed, terms)), dtype=pl.String))
    return grouped.select(pl.col(name).cast(kind) for name, kind in CASES.items())


def _visits(record: Record, scenario: Scenario) -> pl.DataFrame:
    """Return by visit, as its care province calls it, the person and the days of the stay."""
    ended = pl.coalesce("settled_us", "ended_us", "arrival_us")
    ended_s = (ended * scenario.scale.time).cast(pl.Int64) // _US_PER_S
    days = ((ended_s - pl.col("began_s")) / _S_PER_DAY).ceil().cast(pl.Int64).clip(1)
    known = (
        record.visits.filter(pl.col("visit_id") != "")
        .with_columns(visit_id=kept_visit_id())
        .join(began_s(scenario), on="visit", how="left")
    )
    whole = known.select("visit", "person", "visit_id", stay_days=days)
    parts = record.mid_stays.select("visit", visit_id=kept_visit_id()).join(whole.drop("visit_id"), on="visit")
    every = pl.concat([whole, parts.select(whole.columns)]).unique("visit_id", keep="first", maintain_order=True)
    return every.select(visit="visit_id", person="person", stay_days="stay_days")


def _levels(scenario: Scenario) -> pl.DataFrame:
    places = Places(scenario).hospitals
    schema = {"institution": pl.String, "level": pl.Int64}
    return pl.DataFrame({"institution": [p.code for p in places], "level": [p.level for p in places]}, schema=schema)


def _groups(rows: pl.DataFrame, seed: int, terms: Terms) -> Iterator[str]:
    """Yield the group of each row: the first whose standard is not below the drawn part of its bill."""
    ladders = [(one, _ladder(one)) for one in terms.contracts if one.weights]
    for row in rows.select("settlement", "kind", "level", "care", "total_fen").iter_rows(named=True):
        yield next((_nearest(row, seed, ladder) for one, ladder in ladders if _pays(one, row)), "")


def _pays(contract: Contract, row: Mapping[str, object]) -> bool:
    """Return whether a contract may pay for a row, on whatever day."""
    return row["kind"] in contract.kinds and row["level"] in contract.levels and row["care"] in contract.provinces


def _ladder(contract: Contract) -> tuple[Sequence[int], Sequence[str]]:
    """Return standards in fen, rising, and the group of each."""
    unit_fen = {Way.SINGLE_DISEASE: E4, Way.DRG: contract.rate_fen}.get(contract.way, _FEN_OF_A_POINT)
    ordered = sorted((weight * unit_fen // E4, name) for name, weight in contract.weights.items())
    return [fen for fen, _ in ordered], [name for _, name in ordered]


def _nearest(row: Mapping[str, object], seed: int, ladder: tuple[Sequence[int], Sequence[str]]) -> str:
    standards, names = ladder
    drawn = uniform(seed, key_hash(str(row["settlement"])), 0, 0, Purpose.CASE_GROUP)
    wanted_fen = abs(int(str(row["total_fen"]))) * (1.0 - _SPREAD + 2.0 * _SPREAD * drawn)
    return names[min(bisect_left(standards, wanted_fen), len(names) - 1)]
