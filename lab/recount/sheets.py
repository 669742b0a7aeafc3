"""Copies books and a record into one scratch database, so that one SQL is asked of all nodes, wherever their books lie.

Rows are copied as they are and never repaired. What a message said stays out of it: of a reply only its checksum is
taken, which the record has of what was heard.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from zlib import crc32

import polars as pl

from reference_impl.domain.failures import InputError
from reference_impl.domain.transactions import TRANSACTIONS
from scenarios.record.fates import DIRECT_FATES

__all__ = ["RECORD", "Source", "laid_out"]

_AMOUNTS = (
    "total_fen", "own_pay_fen", "over_limit_fen", "pre_self_pay_fen", "in_scope_fen", "deductible_fen",
    "first_self_pay_fen", "pool_fen", "large_sum_fen", "serious_illness_fen", "civil_servant_fen", "aid_fen",
    "other_fund_fen", "hospital_part_fen", "account_fen", "cash_fen",
)  # fmt: skip
BOOKS: Mapping[str, tuple[str, ...]] = {
    "settlements": (
        "serial", "settlement", "visit", "person", "care_region", "insured_region", "code", "settled_by", "posted_us",
        "sign", "reverses", "year", "before", "business_day", *_AMOUNTS,
    ),
    "postings": ("serial", "posting", "settlement", "posted_us"),
    "postings_legs": ("serial", "place", "account", "amount_fen"),
    "settlement_copies": ("serial", "settlement", "visit", "settled_by", "settled_us", "sign", "reverses", *_AMOUNTS),
    "visits": ("visit", "state", "settlement", "settled_by", "held_by", "total_fen", "opened_as"),
    "persons": (
        "person", "year", "deductible_paid_fen", "pool_paid_fen", "supplementary_paid_fen", "scope_self_paid_fen",
        "stay_deductible_paid_fen", "latest",
    ),
    "prefunds": ("care", "posted_fen"),
    "messages": ("serial", "sender", "msgid", "code", "opened_us", "request", "reply", "reversed_by", "withdrawn"),
}  # fmt: skip
"""Which columns of the books are asked about."""
RECORD: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "heard": ("messages", ("visit", "code", "msgid", "attempt", "sent_us", "done_us", "outcome", "reply_crc")),
    "patients": (
        "visits",
        (
            "visit", "care_region", "insured_region", "fate", "settlement_id", "total_fen", "fund_fen", "cash_fen",
            "account_fen", "hospital_part_fen", "acked",
        ),
    ),
    "parts": (
        "mid_stays",
        ("visit", "msgid", "settlement_id", "total_fen", "fund_fen", "cash_fen", "account_fen", "hospital_part_fen"),
    ),
    "closings": ("closings", ("node", "care_region", "day", "entries", "total_fen", "owed_fen")),
}  # fmt: skip
"""What the record's tables are called here, and which of their columns are asked about."""
_SQL = Path(__file__).with_name("sheets.sql")
_REQUEST, _REPLY = BOOKS["messages"].index("request"), BOOKS["messages"].index("reply")


class Source(Protocol):
    """Where the books of all nodes lie."""

    def nodes(self) -> Iterable[str]:
        """Return the nodes that have books there."""
        ...

    def rows(self, node: str, table: str, columns: tuple[str, ...]) -> Iterable[tuple[Any, ...]]:
        """Return the rows of one table of a node's books."""
        ...


def laid_out(source: Source, record: Path | None) -> sqlite3.Connection:
    """Return a scratch database of all that the ``source`` holds, and of the record in the folder ``record``.

    Raises:
        InputError: when books or record cannot be read.

    """
    scratch = sqlite3.connect("")
    scratch.execute("PRAGMA synchronous = OFF")
    for table, columns in BOOKS.items():
        _make(scratch, table, ("node", *columns))
    for table, (_, columns) in RECORD.items():
        _make(scratch, table, columns)
    scratch.execute("CREATE TABLE nodes (node TEXT PRIMARY KEY)")
    scratch.execute("CREATE TABLE acts (code TEXT PRIMARY KEY, act TEXT, kind TEXT)")
    scratch.execute("CREATE TABLE direct_fates (fate TEXT PRIMARY KEY)")
    scratch.executemany(
        "INSERT INTO acts VALUES (?, ?, ?)", [(c, row.act, row.kind) for c, row in TRANSACTIONS.items()]
    )
    scratch.executemany("INSERT INTO direct_fates VALUES (?)", [(fate.value,) for fate in DIRECT_FATES])
    for node in source.nodes():
        scratch.execute("INSERT INTO nodes VALUES (?)", (node,))
        for table, columns in BOOKS.items():
            rows = source.rows(node, table, columns)
            _fill(scratch, table, ((node, *row) for row in (_told(rows) if table == "messages" else rows)))
    if record is not None:
        for table, (name, columns) in RECORD.items():
            _fill(scratch, table, _recorded(record / f"{name}.parquet", columns))
    scratch.executescript(_SQL.read_text(encoding="utf-8"))
    return scratch


def _make(scratch: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> None:
    scratch.execute(f"CREATE TABLE {table} ({', '.join(columns)})")


def _fill(scratch: sqlite3.Connection, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    width = len(scratch.execute(f"SELECT * FROM {table} LIMIT 0").description)  # noqa: S608 - our own names
    scratch.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * width)})", rows)  # noqa: S608 - our own names


def _told(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield messages with 1 for the bytes of a request, and the checksum for those of a reply."""
    for row in rows:
        cells = list(row)
        cells[_REQUEST] = None if row[_REQUEST] is None else 1
        try:
            cells[_REPLY] = None if row[_REPLY] is None else crc32(row[_REPLY])
        except TypeError:  # text or a number in the place of bytes: what no hospital can have heard
            cells[_REPLY] = -1
        yield tuple(cells)


def _recorded(path: Path, columns: tuple[str, ...]) -> Iterable[tuple[Any, ...]]:
    try:
        frame = pl.read_parquet(path, columns=list(columns))
    except (OSError, pl.exceptions.PolarsError) as error:
        words = " ".join(str(error).split())
        raise InputError(f"cannot read {path}: {words}; expected a table of a finished run") from None
    for name, kind in frame.schema.items():
        if kind.is_nested() or isinstance(kind, (pl.Object, pl.Binary)):
            raise InputError(f"cannot read {path}: got {kind} in column {name!r}; expected a table of a finished run")
    return frame.iter_rows()
