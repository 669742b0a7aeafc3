"""The business day of a settlement, fixed with its posting."""

from __future__ import annotations

from alembic import op

from reference_impl.books.sql.migrations.columns import whole_word

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column; what was posted before is dated by its instant."""
    op.execute(f"ALTER TABLE settlements ADD COLUMN business_day {whole_word()} NOT NULL DEFAULT 0")


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0010 is not taken back: open the file with a yidi of its own version")
