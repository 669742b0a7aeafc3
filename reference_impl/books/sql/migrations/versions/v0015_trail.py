"""The trail: every commit once more, chained. That of older books begins with what they hold, at their next opening."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reference_impl.books.sql.migrations.columns import serial

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "trail",
        serial("serial"),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0015 is not taken back: open the file with a yidi of its own version")
