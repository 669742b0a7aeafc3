"""As which part of a stay a settlement was made, by which level it was paid, and which stays another one goes on from.

As what a care province knows a stay: settled in its middle, or the rest of one that was.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reference_impl.books.sql.migrations.columns import WHOLE, serial, whole_word
from reference_impl.domain.transactions import ADMIT, INPATIENT_SETTLE

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the columns and the table.

    Books of before do not say which stays were settled in their middle: each may still be gone on from, once.
    """
    for table in ("settlements", "visits"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN mid_stay {whole_word()} NOT NULL DEFAULT 0")
        op.execute(f"ALTER TABLE {table} ADD COLUMN continues TEXT NOT NULL DEFAULT ''")
    for column in ("merged_deductible_fen", "merged_stays", "hospital_level"):
        op.execute(f"ALTER TABLE settlements ADD COLUMN {column} {whole_word()} NOT NULL DEFAULT 0")
    op.execute(sa.text("UPDATE settlements SET mid_stay = 1 WHERE code = :code").bindparams(code=INPATIENT_SETTLE))
    settled = sa.text("UPDATE visits SET mid_stay = 1 WHERE opened_as = :code AND settlement <> ''")
    op.execute(settled.bindparams(code=ADMIT))
    op.create_table(
        "continuations",
        serial("serial"),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("settlement", "continues", "visit")),
        sa.Column("sign", WHOLE, nullable=False),
        sa.Column("reverses", sa.Text, nullable=False),
    )
    op.create_index("continuations_by_continues", "continuations", ["continues"])


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0014 is not taken back: open the file with a yidi of its own version")
