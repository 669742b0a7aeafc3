"""The business day of a settlement, fixed with its posting."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column; what was posted before is dated by its instant."""
    op.execute("ALTER TABLE settlements ADD COLUMN business_day INTEGER NOT NULL DEFAULT 0")


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0010 is not taken back: open the file with a yidi of its own version")
