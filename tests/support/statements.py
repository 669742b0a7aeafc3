"""Statements made by hand and by seed, with differences planted by who knows which: the other way to the same truth."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import polars as pl

from reference_impl.accounting.statements import AMOUNTS, COLUMNS, PATH, Side
from reference_impl.domain.differences import DifferenceClass as Kind

DAYS = (20240311, 20240312, 20240313, 20240314)
PROVINCES = ("11", "31", "33", "34")
Row = dict[str, Any]
Book = dict[Side, list[Row]]
"""What each side lists of one settlement."""


def row(side: Side, settlement: str = "A1", **changes: Any) -> Row:
    """A stay of 100 yuan, of which the fund pays 70, treated in 33 and insured in 34."""
    made: Row = {
        "side": side.value, "settlement": settlement, "visit": f"V{settlement}", "institution": "H33040000001",
        "care": "33", "insured": "34", "code": "2304", "day": DAYS[1], "sign": 1, "total_fen": 10_000,
        "fund_fen": 7_000, "account_fen": 0, "cash_fen": 3_000, "care_type": "ordinary",
    }  # fmt: skip
    return made | changes


def refund(of: Row, **changes: Any) -> Row:
    return of | {"sign": -1, **{name: -of[name] for name in AMOUNTS}} | changes


def frame(*rows: Row) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=dict(COLUMNS))


def everywhere(settlement: str = "A1", **changes: Any) -> Book:
    """One settlement, equal on every side; within a province the hub never sees it."""
    book = {side: [row(side, settlement, **changes)] for side in PATH}
    if book[Side.CARE][0]["care"] == book[Side.CARE][0]["insured"]:
        book[Side.HUB] = []
    return book


def of(*books: Book) -> pl.DataFrame:
    return frame(*(one for book in books for rows in book.values() for one in rows))


# --- planting ---------------------------------------------------------------------------------------------------------


def insurer_lost_it(book: Book, _: Random) -> None:
    book[Side.INSURED] = []


def hospital_never_heard(book: Book, _: Random) -> None:
    book[Side.HOSPITAL] = []


def bill_differs(book: Book, rng: Random) -> None:
    fen = rng.choice([-1, 1, 5_000])
    [one] = book[Side.HOSPITAL]
    one["total_fen"] += fen
    one["cash_fen"] += fen


def fund_differs(book: Book, rng: Random) -> None:
    fen = rng.choice([-1, 1, 500])
    [one] = book[Side.HOSPITAL]
    one["fund_fen"] += fen
    one["cash_fen"] -= fen


def both_differ(book: Book, _: Random) -> None:
    [one] = book[Side.HOSPITAL]
    one["total_fen"] += 300
    one["fund_fen"] += 300


def insurer_refunded_alone(book: Book, _: Random) -> None:
    book[Side.INSURED].append(refund(book[Side.INSURED][0]))


def hospital_dates_it_after_midnight(book: Book, _: Random) -> None:
    book[Side.HOSPITAL][0]["day"] += 1


def hospital_lists_it_twice(book: Book, _: Random) -> None:
    book[Side.HOSPITAL].append(dict(book[Side.HOSPITAL][0]))


def care_keeps_no_copy(book: Book, _: Random) -> None:
    book[Side.CARE] = []


PLANTED: dict[Callable[[Book, Random], None], set[Kind]] = {
    insurer_lost_it: {Kind.ONLY_NEAR},
    hospital_never_heard: {Kind.ONLY_FAR},
    bill_differs: {Kind.TOTAL},
    fund_differs: {Kind.FUND},
    both_differ: {Kind.BOTH},
    insurer_refunded_alone: {Kind.STATE},
    hospital_dates_it_after_midnight: {Kind.DATE},
    hospital_lists_it_twice: {Kind.REPEATED},
    care_keeps_no_copy: {Kind.COPY_MISSING},
}
"""What is planted, and the classes that must be found for it, no other."""


def month(seed: int, settlements: int = 60, share: float = 0.4) -> tuple[pl.DataFrame, dict[str, set[Kind]]]:
    """Return statements of many settlements, and by settlement what was planted in it."""
    rng = Random(seed)
    books: list[Book] = []
    truth: dict[str, set[Kind]] = {}
    for number in range(settlements):
        name = f"A{number:05}"
        care, insured = rng.choice(PROVINCES), rng.choice(PROVINCES)
        total_fen = rng.randint(1, 1_000_000)
        fund_fen = rng.randint(0, total_fen)
        book = everywhere(
            name, care=care, insured=insured, day=rng.choice(DAYS[:-1]), total_fen=total_fen, fund_fen=fund_fen,
            cash_fen=total_fen - fund_fen,
        )  # fmt: skip
        if rng.random() < 0.1:  # taken back on a later day, which hospitals do not list
            for side in (Side.CARE, Side.HUB, Side.INSURED):
                book[side] += [refund(one, day=DAYS[-1]) for one in book[side]]
            book[Side.HOSPITAL] = []
        elif rng.random() < share:
            plant = rng.choice(list(PLANTED))
            plant(book, rng)
            truth[name] = PLANTED[plant]
        books.append(book)
    return of(*books), truth
