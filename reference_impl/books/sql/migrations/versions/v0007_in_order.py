"""A person's settlements in order, the benefit year each counts in, what an earlier year left, when a stay ended."""

from __future__ import annotations

from alembic import op

from reference_impl.books.sql.migrations.columns import whole_word

revision = "0007"
down_revision = "0006"

_TEXT = "TEXT NOT NULL DEFAULT ''"
_EARLIER = (
    "earlier_year",
    "earlier_deductible_paid_fen",
    "earlier_pool_paid_fen",
    "earlier_supplementary_paid_fen",
    "earlier_stays",
    "earlier_scope_self_paid_fen",
    "earlier_stay_deductible_paid_fen",
)
_STANDING = """
    SELECT s.serial, s.person, s.settlement FROM settlements AS s WHERE s.sign = 1 AND NOT EXISTS (
        SELECT 1 FROM settlements AS b WHERE b.visit = s.visit AND b.sign = -1 AND b.reverses = s.settlement
    )
"""
_LATEST = """
    UPDATE persons SET latest = coalesce((
        SELECT settlement FROM standing WHERE person = persons.person ORDER BY serial DESC LIMIT 1
    ), '')
"""
_BEFORE = """
    UPDATE settlements SET "before" = coalesce((
        SELECT settlement FROM standing WHERE person = settlements.person AND serial < settlements.serial
        ORDER BY serial DESC LIMIT 1
    ), '') WHERE serial IN (SELECT serial FROM standing)
"""


def upgrade() -> None:
    """Read the order from the serial numbers; year 0 stands for that of the posting."""
    whole = f"{whole_word()} NOT NULL DEFAULT 0"
    for name in _EARLIER:
        op.execute(f"ALTER TABLE persons ADD COLUMN {name} {whole}")
    op.execute(f"ALTER TABLE visits ADD COLUMN ended_us {whole}")
    op.execute(f"ALTER TABLE persons ADD COLUMN latest {_TEXT}")
    op.execute(f"ALTER TABLE settlements ADD COLUMN year {whole}")
    op.execute(f'ALTER TABLE settlements ADD COLUMN "before" {_TEXT}')
    op.execute(f"CREATE TEMP TABLE standing AS {_STANDING}")
    op.execute("CREATE INDEX standing_by_person ON standing (person, serial)")
    op.execute(_LATEST)
    op.execute(_BEFORE)
    op.execute("DROP TABLE standing")


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0007 is not taken back: open the file with a yidi of its own version")
