"""The history of the books' schema, run by Alembic at opening. A revision once landed must never be edited."""
