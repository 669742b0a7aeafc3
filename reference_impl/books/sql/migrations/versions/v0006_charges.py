"""The charges on a visit, line by line."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reference_impl.books.sql.migrations.columns import KEY, WHOLE

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table; of charges before it was kept, the visit has the sums alone."""
    op.create_table(
        "charges",
        sa.Column("visit", KEY, primary_key=True, nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("batches", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0006 is not taken back: open the file with a yidi of its own version")
