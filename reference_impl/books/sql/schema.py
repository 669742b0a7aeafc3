"""The tables of a node's books, as SQLAlchemy Core: for migrations and for compiling the hot statements.

A serving process must never import this module: SQLAlchemy costs a third of a second to load, and a serving process
needs only the compiled text in ``hot.sql``.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint, text

from reference_impl.domain.benefit import Accumulators, Settlement
from reference_impl.domain.fees import FeeTotals

__all__ = [
    "ACCUMULATORS",
    "FEES",
    "SETTLEMENT",
    "claims",
    "entries",
    "metadata",
    "persons",
    "posting_legs",
    "postings",
    "visits",
]

metadata = MetaData()

ACCUMULATORS = Accumulators.__struct_fields__
SETTLEMENT = Settlement.__struct_fields__
FEES = FeeTotals.__struct_fields__
"""The last one, the fees by category, is a JSON list: nobody asks for one category alone."""


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _integer(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


entries = Table(
    "entries",
    metadata,
    Column("entry", Integer, primary_key=True),
    _text("sender"),
    _text("msgid"),
    _text("code"),
    _integer("opened_us"),
    Column("request", LargeBinary),
    Column("reply", LargeBinary),
    Column("reversed_by", Text),
    _integer("withdrawn"),
    UniqueConstraint("msgid", "sender"),
)
Index(
    "open_entries",
    entries.c.opened_us,
    sqlite_where=text("reply IS NULL AND request IS NOT NULL AND reversed_by IS NULL AND withdrawn = 0"),
)

visits = Table(
    "visits",
    metadata,
    Column("visit", Text, primary_key=True, nullable=False),
    _integer("version"),
    _text("person"),
    _text("state"),
    _text("opened_by"),
    *(_integer(name) for name in FEES[:-1]),
    _text(FEES[-1]),
    _text("settlement"),
    _text("settled_by"),
    _text("held_by"),
)

persons = Table(
    "persons",
    metadata,
    Column("person", Text, primary_key=True, nullable=False),
    _integer("version"),
    *(_integer(name) for name in ACCUMULATORS),
)

claims = Table(
    "claims",
    metadata,
    Column("claim", Integer, primary_key=True),
    _text("settlement"),
    Column("visit", Text, nullable=False, index=True),
    _text("person"),
    _text("care_region"),
    _text("insured_region"),
    _text("code"),
    _text("settled_by"),
    _integer("posted_us"),
    _integer("sign"),
    *(_integer(name) for name in SETTLEMENT),
    _text("reverses"),
)

postings = Table(
    "postings",
    metadata,
    Column("entry", Integer, primary_key=True),
    _text("posting"),
    _text("settlement"),
    _integer("posted_us"),
)

posting_legs = Table(
    "posting_legs",
    metadata,
    Column("entry", Integer, primary_key=True),
    Column("leg", Integer, primary_key=True),
    _text("account"),
    _integer("amount_fen"),
    sqlite_with_rowid=False,
)
