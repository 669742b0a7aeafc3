"""Folding the write-ahead log back into the book file, after the answers have left.

SQLite does it by itself inside every so many commits: then one group in a hundred, and whoever waits for it, pays for
all of them (half a millisecond of CPU and as long again on the disk, by the meters of ``benchmarks/prediction.py``).
Here it is done between groups, once
their callers have been told. Nothing hangs on when: what is in the log is as safe as what is in the file (G7).
"""

from __future__ import annotations

import sqlite3

__all__ = ["CHECKPOINT_CHANGES", "Checkpoint"]

CHECKPOINT_CHANGES = 100
"""Changes after which the log is folded back: about the thousand pages after which SQLite would do it itself."""


class Checkpoint:
    """Counts what went into the log of one connection, and folds it back."""

    __slots__ = ("_connection", "_logged")

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Do for ``connection`` what it would do by itself from now on."""
        connection.execute("PRAGMA wal_autocheckpoint=0")
        self._connection = connection
        self._logged = 0

    def count(self, changes: int) -> None:
        """Count changes that were written to the log."""
        self._logged += changes

    @property
    def due(self) -> bool:
        """Whether the log is long enough."""
        return self._logged >= CHECKPOINT_CHANGES

    def make(self) -> None:
        """Fold back what no reader stands in the way of; what is left is folded back next time.

        Raises:
            sqlite3.OperationalError: when the file cannot be written; nothing is lost, the log has it.

        """
        self._logged = 0
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
