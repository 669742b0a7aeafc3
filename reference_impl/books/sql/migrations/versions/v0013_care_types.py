"""As what a visit is to be paid and what for, as its diagnosis said; and as what a settlement was paid."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the columns; what was there before is ordinary care, and of no disease that was told."""
    for table, told in (("visits", "diagnosis"), ("settlements", "disease")):
        op.execute(f"ALTER TABLE {table} ADD COLUMN care_type TEXT NOT NULL DEFAULT 'ordinary'")
        op.execute(f"ALTER TABLE {table} ADD COLUMN {told} TEXT NOT NULL DEFAULT ''")


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0013 is not taken back: open the file with a yidi of its own version")
