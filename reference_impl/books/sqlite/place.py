"""A SQLite file as a place for books; see ``reference_impl.books.places``."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reference_impl.books.sqlite.books import SqliteBooks, fill_books, read_final, read_latest_us
from reference_impl.books.sqlite.opening import make_ready
from reference_impl.books.sqlite.shelf import SqliteShelf
from reference_impl.books.sqlite.trailing import verify_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reference_impl.books.final import FinalBooks
    from reference_impl.books.sqlite.disk import Disk
    from reference_impl.books.trail import Noted, Verified
    from reference_impl.protocol.records import Change

__all__ = ["SUFFIX", "SqlitePlace"]

SUFFIX = ".sqlite"
_BESIDE = ("", "-wal", "-shm", ".lock", ".partial")
"""What a SQLite file has beside it."""


@dataclass(frozen=True, slots=True)
class SqlitePlace:
    """One file."""

    path: Path

    def __str__(self) -> str:
        """Return it as people look for it."""
        return str(self.path)

    @property
    def name(self) -> str:
        """What a journal calls it."""
        return self.path.name

    def exists(self) -> bool:
        """Return whether books have been made there."""
        return self.path.exists()

    def make_ready(self) -> None:
        """Make it current: made when missing, migrated when old."""
        make_ready([self.path])

    def fill(self, changes: Iterable[Change]) -> None:
        """Write ``changes`` into the books of a node that does not run yet, all or none."""
        fill_books(self.path, changes)

    def read_final(self) -> FinalBooks:
        """Return everything in the books of a node that does not run."""
        return read_final(self.path)

    def latest_us(self) -> int | None:
        """Return the latest instant in the books of a node that does not run; None for none."""
        return read_latest_us(self.path)

    def verify(self, noted: Sequence[Noted]) -> Verified:
        """Hold the books against their trail, and the trail against itself and what was noted of it."""
        return verify_file(self.path, noted)

    async def open(self, disk: Disk) -> SqliteBooks:
        """Open the books to be served from."""
        return SqliteBooks(self.path, disk)

    def shelf(self) -> SqliteShelf:
        """Open whole books to be read."""
        return SqliteShelf.of(self.path)

    def made_like(self, old: SqlitePlace) -> SqliteShelf:
        """Open whole books to write into, made like those that are moved when there are none."""
        return SqliteShelf.made(self.path, old.path)

    def remove(self) -> None:
        """Take the books away, as far as that can be."""
        for end in _BESIDE:
            with suppress(OSError):  # what cannot be taken away is in nobody's way: the next move takes another name
                self.path.with_name(self.path.name + end).unlink()
