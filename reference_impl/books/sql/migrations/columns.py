"""Columns as every dialect of the books has them: whole numbers of 64 bits, serial numbers, keys in one order."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

__all__ = ["KEY", "WHOLE", "serial", "whole_word"]

WHOLE = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""A key that is text, by its code points: SQLite orders so by itself."""


def serial(name: str) -> sa.Column[Any]:
    """Return the number of a row, which the writer of the books gives."""
    return sa.Column(name, WHOLE, primary_key=True, autoincrement=False)


def whole_word() -> str:
    """Return what a whole number of 64 bits is called in the text of a statement."""
    return WHOLE.compile(op.get_context().dialect)
