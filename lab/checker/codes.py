"""Under which code an institution settled, as message and visit say: a platform numbers what pays its orders."""

from __future__ import annotations

from typing import Any

import polars as pl

from reference_impl.domain.institution import INSTITUTION_CHARS, PLATFORM_LETTER

__all__ = ["code_of", "settled_under"]


def settled_under() -> pl.Expr:
    """Return the code in ``msgid``; of what a platform sent, that in the ``visit_id`` that a pharmacy opened."""
    by_platform = pl.col("msgid").str.starts_with(PLATFORM_LETTER)
    return (
        pl.when(by_platform)
        .then(pl.col("visit_id").str.slice(1, INSTITUTION_CHARS))
        .otherwise(pl.col("msgid").str.head(INSTITUTION_CHARS))
    )


def code_of(row: dict[str, Any]) -> str:
    """Return the same of one settlement."""
    if row["msgid"].startswith(PLATFORM_LETTER):
        return row["visit_id"][1 : 1 + INSTITUTION_CHARS]
    return row["msgid"][:INSTITUTION_CHARS]
