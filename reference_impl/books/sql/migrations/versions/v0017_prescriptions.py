"""Electronic prescriptions as an insured province holds them, and which settlement issued one or dispensed by it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reference_impl.books.sql.migrations.columns import WHOLE, serial

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add the column and the table; books of before know of no prescription."""
    op.execute("ALTER TABLE settlements ADD COLUMN prescription TEXT NOT NULL DEFAULT ''")
    op.create_table(
        "prescriptions",
        serial("serial"),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("settlement", "prescription", "person")),
        *(sa.Column(name, WHOLE, nullable=False) for name in ("valid_until_us", "dispensed", "sign")),
        sa.Column("reverses", sa.Text, nullable=False),
    )
    op.create_index("prescriptions_by_prescription", "prescriptions", ["prescription"])


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0017 is not taken back: open the file with a yidi of its own version")
