"""What an insured province has posted against its prefund with each place of care."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reference_impl.books.sql.migrations.columns import KEY, WHOLE

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the table; nothing was posted against a prefund before."""
    op.create_table(
        "prefunds",
        sa.Column("care", KEY, primary_key=True, nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("posted_fen", WHOLE, nullable=False),
    )


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0012 is not taken back: open the file with a yidi of its own version")
