"""Which drugs an electronic prescription prescribes, as an insured province holds it."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add the column; prescriptions of before say none, and a sale by one of them is held against nothing."""
    op.execute("ALTER TABLE prescriptions ADD COLUMN drugs TEXT NOT NULL DEFAULT '[]'")


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0018 is not taken back: open the file with a yidi of its own version")
