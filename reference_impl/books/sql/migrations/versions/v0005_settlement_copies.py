"""Copies of the settlements that pass a care province or the hub; the yearly deductible of stays, as far as paid."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reference_impl.books.sql.migrations.columns import WHOLE, serial

revision = "0005"
down_revision = "0004"

_AMOUNTS = (
    "total_fen",
    "own_pay_fen",
    "over_limit_fen",
    "pre_self_pay_fen",
    "in_scope_fen",
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


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _integers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, WHOLE, nullable=False) for name in names]


def upgrade() -> None:
    """Make the table; what passed before it was kept is in the messages alone."""
    op.create_table(
        "settlement_copies",
        serial("serial"),
        *_texts("settlement", "visit", "settled_by", "code"),
        *_integers("settled_us", "sign", *_AMOUNTS),
        *_texts("reverses"),
    )
    op.create_index("settlement_copies_by_visit", "settlement_copies", ["visit"])
    op.add_column("persons", sa.Column("stay_deductible_paid_fen", WHOLE, nullable=False, server_default="0"))


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0005 is not taken back: open the file with a yidi of its own version")
