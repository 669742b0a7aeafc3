"""What people have filed for treatment elsewhere, and by which filing a settlement was let through."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reference_impl.books.sql.migrations.columns import KEY, WHOLE

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table and the column; of settlements that are there already no filing was asked."""
    op.create_table(
        "filings",
        sa.Column("person", KEY, primary_key=True, nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("filings", sa.Text, nullable=False),
        sa.Column("stays", sa.Text, nullable=False),
    )
    op.execute("ALTER TABLE settlements ADD COLUMN filing TEXT NOT NULL DEFAULT ''")


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0009 is not taken back: open the file with a yidi of its own version")
