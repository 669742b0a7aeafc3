"""A person's settlements one by one, where a benefit policy asks for more of a year than the accumulators hold."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reference_impl.books.sql.migrations.columns import KEY, WHOLE

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the table; policies of before asked for none of it."""
    op.create_table(
        "remembered",
        sa.Column("person", KEY, primary_key=True, nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("past", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0011 is not taken back: open the file with a yidi of its own version")
