"""The trail: every commit once more, chained. That of older books begins with what they hold, at their next opening."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0014"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "trail",
        sa.Column("serial", sa.Integer, primary_key=True),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0018 is not taken back: open the file with a yidi of its own version")
