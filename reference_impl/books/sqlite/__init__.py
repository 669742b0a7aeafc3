"""Books in one SQLite file a node: opening, the connection, the group writer."""
