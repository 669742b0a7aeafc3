"""Visits and settlements keep whose they are: the institution, and for a visit its insured region and kind."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reference_impl.domain.transactions import REGISTER

revision = "0003"
down_revision = "0002"

_TEXT = "TEXT NOT NULL DEFAULT ''"


def upgrade() -> None:
    """Read both from what is there: a message id begins with the institution, a person's number with the region."""
    op.execute(f"ALTER TABLE visits ADD COLUMN institution {_TEXT}")
    op.execute(f"ALTER TABLE visits ADD COLUMN insured_region {_TEXT}")
    op.execute("UPDATE visits SET institution = substr(opened_by, 1, 12), insured_region = substr(person, 1, 6)")
    op.execute(f"ALTER TABLE visits ADD COLUMN opened_as {_TEXT}")
    opened_as = "(SELECT code FROM messages WHERE msgid = opened_by ORDER BY serial LIMIT 1)"
    op.execute(
        sa.text(f"UPDATE visits SET opened_as = coalesce({opened_as}, :unknown)").bindparams(unknown=REGISTER)  # noqa: S608 - ours
    )
    op.execute(f"ALTER TABLE settlements ADD COLUMN institution {_TEXT}")
    op.execute("UPDATE settlements SET institution = substr(settled_by, 1, 12)")


def downgrade() -> None:
    """Refuse: books go forward only."""
    raise NotImplementedError("revision 0003 is not taken back: open the file with a yidi of its own version")
