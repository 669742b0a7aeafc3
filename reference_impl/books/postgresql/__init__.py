"""Books in a PostgreSQL schema a node: where they lie, sessions, the group writer, looks, opening, moving."""
