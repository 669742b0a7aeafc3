"""The first books: entries, visits, persons, claims and balanced postings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reference_impl.books.sql.migrations.columns import KEY, WHOLE, serial

revision = "0001"
down_revision = None

_FEES = ("total_fen", "own_pay_fen", "over_limit_fen", "pre_self_pay_fen", "in_scope_fen")
_ACCUMULATORS = (
    "year",
    "deductible_paid_fen",
    "pool_paid_fen",
    "supplementary_paid_fen",
    "stays",
    "balance_fen",
    "scope_self_paid_fen",
)
_SETTLEMENT = (
    *_FEES,
    "deductible_fen",
    "first_self_pay_fen",
    "pool_fen",
    "large_sum_fen",
    "serious_illness_fen",
    "civil_servant_fen",
    "aid_fen",
    "other_fund_fen",
    "hospital_part_fen",
    "account_fen",
    "cash_fen",
)
_OPEN = sa.text("reply IS NULL AND request IS NOT NULL AND reversed_by IS NULL AND withdrawn = 0")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _integers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, WHOLE, nullable=False) for name in names]


def upgrade() -> None:
    """Make the tables."""
    _make_entries()
    op.create_table(
        "visits",
        sa.Column("visit", KEY, primary_key=True, nullable=False),
        *_integers("version"),
        *_texts("person", "state", "opened_by"),
        *_integers(*_FEES),
        *_texts("by_category_fen", "settlement", "settled_by", "held_by"),
    )
    op.create_table(
        "persons",
        sa.Column("person", KEY, primary_key=True, nullable=False),
        *_integers("version", *_ACCUMULATORS),
    )
    op.create_table(
        "claims",
        serial("claim"),
        *_texts("settlement", "visit", "person", "care_region", "insured_region", "code", "settled_by"),
        *_integers("posted_us", "sign", *_SETTLEMENT),
        *_texts("reverses"),
    )
    op.create_index("ix_claims_visit", "claims", ["visit"])
    _make_postings()


def _make_entries() -> None:
    op.create_table(
        "entries",
        serial("entry"),
        *_texts("sender", "msgid", "code"),
        *_integers("opened_us"),
        sa.Column("request", sa.LargeBinary),
        sa.Column("reply", sa.LargeBinary),
        sa.Column("reversed_by", sa.Text),
        *_integers("withdrawn"),
        sa.UniqueConstraint("msgid", "sender"),
    )
    op.create_index(
        "open_entries",
        "entries",
        ["opened_us"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def _make_postings() -> None:
    op.create_table(
        "postings",
        serial("entry"),
        *_texts("posting", "settlement"),
        *_integers("posted_us"),
    )
    op.create_table(
        "posting_legs",
        serial("entry"),
        sa.Column("leg", WHOLE, primary_key=True),
        *_texts("account"),
        *_integers("amount_fen"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Refuse: claims are never thrown away."""
    raise NotImplementedError(
        "revision 0001 is the first: books are not taken back to nothing, delete the file instead"
    )
