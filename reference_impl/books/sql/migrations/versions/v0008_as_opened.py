"""What the message that opened a visit said of it: the insurance, and when the visit began."""

from __future__ import annotations

from alembic import op

from reference_impl.books.sql.migrations.columns import whole_word

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the columns; of visits that are there already nobody can say it, and nothing is held against them."""
    op.execute("ALTER TABLE visits ADD COLUMN insurance TEXT NOT NULL DEFAULT ''")
    op.execute(f"ALTER TABLE visits ADD COLUMN began_us {whole_word()} NOT NULL DEFAULT 0")


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0008 is not taken back: open the file with a yidi of its own version")
