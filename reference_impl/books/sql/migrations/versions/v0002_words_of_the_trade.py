"""Tables and columns by the words of the trade: messages, settlements, serial numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_OPEN = sa.text("reply IS NULL AND request IS NOT NULL AND reversed_by IS NULL AND withdrawn = 0")


def upgrade() -> None:
    """Rename; nothing is copied, and nothing lost."""
    op.drop_index("open_entries", "entries")
    op.execute("ALTER TABLE entries RENAME TO messages")
    op.execute("ALTER TABLE messages RENAME COLUMN entry TO serial")
    op.create_index(
        "open_intents",
        "messages",
        ["opened_us"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.drop_index("ix_claims_visit", "claims")
    op.execute("ALTER TABLE claims RENAME TO settlements")
    op.execute("ALTER TABLE settlements RENAME COLUMN claim TO serial")
    op.create_index("settlements_by_visit", "settlements", ["visit"])
    op.execute("ALTER TABLE postings RENAME COLUMN entry TO serial")
    op.execute("ALTER TABLE posting_legs RENAME TO postings_legs")
    op.execute("ALTER TABLE postings_legs RENAME COLUMN entry TO serial")
    op.execute("ALTER TABLE postings_legs RENAME COLUMN leg TO place")


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0002 is not taken back: open the file with a yidi of its own version")
