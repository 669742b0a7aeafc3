"""The starts of a node's process, counted: what a process gives out that must never repeat says which start made it."""

from __future__ import annotations

from alembic import op

from reference_impl.books.sql.migrations.columns import serial

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table; books that ran before have had starts nobody counted."""
    op.create_table("starts", serial("serial"))


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0004 is not taken back: open the file with a yidi of its own version")
