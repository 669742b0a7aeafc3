"""What Alembic runs: the revisions, on the connection that the opening of the books hands over."""

from __future__ import annotations

from alembic import context

from reference_impl.books.sql.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
