"""Visits are found by the person too: a hospital asks which of a person's it has (5201, 5303)."""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the index; the rows stay as they are."""
    op.create_index("visits_by_person", "visits", ["person"])


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0016 is not taken back: open the file with a yidi of its own version")
