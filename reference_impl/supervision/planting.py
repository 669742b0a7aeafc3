"""Business that breaks no rule, and violations planted in it by who knows which: what an audit is held against.

Made by arithmetic, so that a million rows take a second and the same numbers give the same rows. A plant is undone by
nothing else: whatever is planted for a family must be found by that family. Must never look at a limit but the
family's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import islice
from random import Random
from typing import Any, NamedTuple

import polars as pl

from reference_impl.domain.regions import PROVINCES
from reference_impl.supervision.rules import Family
from reference_impl.supervision.subjects import KINDS, SUBJECTS

__all__ = ["ALONE", "PLANTS", "Planted", "clean_subjects", "plant"]

_KIND_SHARES = (3, 2, 1)
_HOSPITALS, _DAYS, _LEVELS = 20, 28, 3
_FUND_TENTHS = 6
_PAPER_ONE_IN = 50
_STAY_DAYS = 8
_SPLIT_DAYS = 2
_ONE_DAY = timedelta(days=1)
Row = dict[str, Any]


def clean_subjects(count: int, first_day: date = date(2024, 3, 1)) -> pl.DataFrame:
    """Return so many settlements of four weeks, of which none breaks a packaged rule; one in fifty is on paper.

    Each person comes twice, a week and more apart.
    """
    number = pl.int_range(count, eager=True)
    names, kinds = (
        pl.Series(list(PROVINCES)),
        pl.Series([k for k, n in zip(KINDS, _KIND_SHARES, strict=True) for _ in range(n)]),
    )
    rows = pl.DataFrame({"n": number}).with_columns(
        kind=kinds.gather(number % len(kinds)),
        care=names.gather(number * 7 % len(names)),
        insured=names.gather((number * 7 + 1 + number // len(names) % (len(names) - 1)) % len(names)),
        day=number * 11 % _DAYS,
        hospital=number // len(names) % _HOSPITALS,
    )
    stays = pl.col("kind") == "inpatient"
    pharmacy = pl.col("kind") == "pharmacy"
    total_fen = (
        pl.when(stays).then(100_000 + pl.col("n") * 7_919 % 3_000_000).otherwise(1_000 + pl.col("n") * 7_919 % 90_000)
    )
    level = pl.when(pharmacy).then(0).otherwise(1 + pl.col("hospital") % _LEVELS)
    settled = pl.lit(first_day) + pl.duration(days=pl.col("day"))
    made = rows.with_columns(person=pl.col("n") // 2, level=level, total_fen=total_fen, settled=settled).with_columns(
        fund_fen=pl.col("total_fen") * _FUND_TENTHS // 10,
        stay=pl.when(stays).then(2 + pl.col("n") * 13 % _STAY_DAYS).otherwise(0),
        paper=pl.col("n") % _PAPER_ONE_IN == 1,
    )
    letter = pl.when(pharmacy).then(pl.lit("P")).otherwise(pl.lit("H"))
    return made.select(
        settlement=pl.format("A{}", pl.col("n").cast(pl.String).str.zfill(12)),
        person=pl.format("P{}", pl.col("person").cast(pl.String).str.zfill(12)),
        institution=pl.format(
            "{}{}0000{}", letter, "care", (pl.col("level") * 1_000 + pl.col("hospital")).cast(pl.String).str.zfill(5)
        ),
        care="care",
        insured="insured",
        kind="kind",
        level=pl.col("level").cast(pl.Int8),
        paper="paper",
        registered=pl.lit(value=True),
        began=(pl.col("settled") - pl.duration(days=pl.col("stay"))).cast(pl.Date),
        settled=pl.col("settled").cast(pl.Date),
        office_days=pl.when("paper").then(1 + pl.col("n") % 10).otherwise(0).cast(pl.Int32),
        total_fen=pl.col("total_fen").cast(pl.Int64),
        fund_fen=pl.col("fund_fen").cast(pl.Int64),
        account_fen=pl.lit(0, pl.Int64),
        cash_fen=(pl.col("total_fen") - pl.col("fund_fen")).cast(pl.Int64),
        hospital_part_fen=pl.lit(0, pl.Int64),
    )


# --- planting ---------------------------------------------------------------------------------------------------------


class Planted(NamedTuple):
    """Rows with violations in them, and the truth: which settlement breaks which family."""

    subjects: pl.DataFrame
    truth: frozenset[tuple[str, str]]


class _Made(NamedTuple):
    """What a plant makes of a row: rows that break the rule, and rows that only lead to it."""

    guilty: list[Row]
    beside: Sequence[Row] = ()


Plant = Callable[[Row, int], _Made]
"""From a clean row and the limit at its place to what breaks it."""


def plant(subjects: pl.DataFrame, families: Sequence[Family], each: int, seed: int) -> Planted:
    """Return the rows with ``each`` violations of every family that has a plant, in rows drawn by ``seed``.

    No person is planted in twice. Rows that are not there (a pharmacy for a rule of stays) are passed over.
    """
    rows: list[Row] = subjects.to_dicts()
    order = list(range(len(rows)))
    Random(seed).shuffle(order)
    left = list(_of_different_persons(rows, order))
    truth: set[tuple[str, str]] = set()
    made: dict[int, list[Row]] = {}
    for family in families:
        chosen = list(islice(_where_it_holds(family, rows, left), each))
        for number, limit in chosen:
            done = PLANTS[family.id](rows[number], limit)
            made[number] = [*done.guilty, *done.beside]
            truth |= {(row["settlement"], family.id) for row in done.guilty}
        left = [number for number in left if number not in made]
    whole = [row for number, one in enumerate(rows) for row in made.get(number, [one])]
    return Planted(pl.DataFrame(whole, schema=dict(SUBJECTS)), frozenset(truth))


def _where_it_holds(family: Family, rows: Sequence[Row], numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the rows that a family has a limit for, with that limit; none where it has no plant."""
    for number in numbers if family.id in PLANTS else ():
        limit = limit_of(family, rows[number])
        if limit is not None:
            yield number, limit


def limit_of(family: Family, row: Row) -> int | None:
    """Return the limit of a family for a row; None where it has no rule for it, or was not in force."""
    place = "pharmacy" if row["kind"] == "pharmacy" else f"{row['kind']}-{row['level']}"
    where = {**row, "place": place, "channel": "paper" if row["paper"] else "direct"}
    return family.limit_at(where) if family.holds_on(row["settled"]) else None


def _of_different_persons(rows: Sequence[Row], order: Sequence[int]) -> Iterator[int]:
    seen: set[str] = set()
    for number in order:
        person: str = rows[number]["person"]
        if person not in seen:
            seen.add(person)
            yield number


def _alone(**changes: Callable[[Row, int], Any]) -> Plant:
    """Return a plant that changes fields of the one row."""
    return lambda row, limit: _Made([row | {name: of(row, limit) for name, of in changes.items()}])


def _bill(row: Row, total_fen: int, fund_fen: int, account_fen: int = 0) -> Row:
    """Return the row with another bill, the patient paying what is left."""
    amounts = {"total_fen": total_fen, "fund_fen": fund_fen, "account_fen": account_fen, "hospital_part_fen": 0}
    return row | amounts | {"cash_fen": total_fen - fund_fen - account_fen}


def _copies(change: Callable[[Row, int], Row]) -> Plant:
    """Return a plant of one row more than the limit, each changed by its number."""

    def copied(row: Row, limit: int) -> _Made:
        first = [row, *(row | {"settlement": f"{row['settlement']}-{n}"} for n in range(1, limit + 1))]
        return _Made([change(one, number) for number, one in enumerate(first)])

    return copied


def _dearer(row: Row, number: int) -> Row:
    return _bill(row, row["total_fen"] + number, row["fund_fen"])


def _elsewhere(row: Row, number: int) -> Row:
    return _dearer(row, number) | {"institution": f"{row['institution'][:-2]}{number:02d}"}


def _of_another(row: Row, number: int) -> Row:
    return row | ({"person": f"{row['person']}-{number}"} if number else {})


def _dearer_of_another(row: Row, number: int) -> Row:
    return _dearer(_of_another(row, number), number)


def _split_stay(row: Row, limit: int) -> _Made:
    began = row["settled"] + (limit - 1) * _ONE_DAY
    again = {"settlement": f"{row['settlement']}-1", "began": began, "settled": began + _SPLIT_DAYS * _ONE_DAY}
    return _Made([_dearer(row, 1) | again], [row])


def _within_a_stay(row: Row, _: int) -> _Made:
    stay = {
        "settlement": f"{row['settlement']}-1", "kind": "inpatient", "began": row["settled"] - _ONE_DAY,
        "settled": row["settled"] + _ONE_DAY,
    }  # fmt: skip
    return _Made([row], [row | stay])


PLANTS: Mapping[str, Plant] = {
    "beyond-scope": lambda row, _: _Made([_bill(row, row["total_fen"], row["total_fen"])]),
    "overdue": _alone(paper=lambda _r, _l: True, office_days=lambda _r, limit: limit + 1),
    "home-on-paper": _alone(paper=lambda _r, _l: True, insured=lambda row, _l: row["care"]),
    "code-unregistered": _alone(registered=lambda _r, _l: False),
    "fund-high": lambda row, limit: _Made([_bill(row, 2 * (limit + 1), limit + 1)]),
    "visits-in-a-day": _copies(_dearer),
    "places-in-a-day": _copies(_elsewhere),
    "visits-in-a-month": _copies(_dearer),
    "bills-in-a-month": lambda row, limit: _Made([_bill(row, limit + 1, 0)]),
    "fund-in-a-month": lambda row, limit: _Made([_bill(row, 2 * (limit + 1), limit + 1)]),
    "account-high": lambda row, limit: _Made([_bill(row, 2 * (limit + 1), 0, limit + 1)]),
    "paper-high": lambda row, limit: _Made([_bill(row, limit + 1, 0) | {"paper": True}]),
    "twin-bills": _copies(lambda row, _: row),
    "bill-high": lambda row, limit: _Made([_bill(row, limit + 1, 0)]),
    "parts-miss-the-bill": _alone(cash_fen=lambda row, limit: row["cash_fen"] + limit + 1),
    "amount-below-zero": lambda row, limit: _Made([_bill(row, row["total_fen"], row["total_fen"] - limit + 1)]),
    "crowded-day": _copies(_dearer_of_another),
    "equal-bills": _copies(_of_another),
    "stay-long": _alone(began=lambda row, limit: row["settled"] - (limit + 1) * _ONE_DAY),
    "stay-turned-back": _alone(began=lambda row, limit: row["settled"] + (1 - limit) * _ONE_DAY),
    "bed-day-dear": lambda row, limit: _Made(
        [_bill(row, (limit + 1) * max(1, (row["settled"] - row["began"]).days), 0)]
    ),
    "one-place-crowds": _copies(_dearer_of_another),
    "stay-split": _split_stay,
    "in-a-stay": _within_a_stay,
    "same-place-often": _copies(_dearer),
    "nothing-billed": lambda row, limit: _Made([_bill(row, limit - 1, 0)]),
}
"""By family, how a violation of it is planted."""
ALONE = (
    "beyond-scope", "code-unregistered", "fund-high", "bill-high", "account-high", "parts-miss-the-bill",
)  # fmt: skip
"""Families whose violation lies in the one row, at any place and channel: what can be planted in a run's business."""
