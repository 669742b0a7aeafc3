"""A PostgreSQL schema as a place for books; see ``reference_impl.books.places``."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference_impl.books.final import BooksError
from reference_impl.books.postgresql.address import Schema
from reference_impl.books.postgresql.books import PostgresqlBooks, fill_books, read_final, read_latest_us
from reference_impl.books.postgresql.opening import all_names, are_there, make_ready, remove
from reference_impl.books.postgresql.session import aside
from reference_impl.books.postgresql.shelf import PostgresqlShelf
from reference_impl.books.postgresql.trailing import verify_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reference_impl.books.final import FinalBooks
    from reference_impl.books.postgresql.address import Server
    from reference_impl.books.sqlite.disk import Disk
    from reference_impl.books.trail import Noted, Verified
    from reference_impl.protocol.records import Change

__all__ = ["PostgresqlPlace"]


@dataclass(frozen=True, slots=True)
class PostgresqlPlace:
    """One schema."""

    schema: Schema

    @staticmethod
    def names_on(server: Server) -> list[str]:
        """Return the names of the schemas of a database that hold books."""
        return aside(lambda: all_names(server))

    def __str__(self) -> str:
        """Return it as people look for it."""
        return str(self.schema)

    @property
    def name(self) -> str:
        """What a journal calls it."""
        return self.schema.name

    def exists(self) -> bool:
        """Return whether books have been made there."""
        return aside(lambda: are_there(self.schema))

    def make_ready(self) -> None:
        """Make it current: made when missing, migrated when old."""
        aside(lambda: make_ready(self.schema))

    def fill(self, changes: Iterable[Change]) -> None:
        """Write ``changes`` into the books of a node that does not run yet, all or none."""
        fill_books(self.schema, changes)

    def read_final(self) -> FinalBooks:
        """Return everything in the books of a node that does not run."""
        return read_final(self.schema)

    def latest_us(self) -> int | None:
        """Return the latest instant in the books of a node that does not run; None for none."""
        return read_latest_us(self.schema)

    def verify(self, noted: Sequence[Noted]) -> Verified:
        """Hold the books against their trail, and the trail against itself and what was noted of it."""
        return verify_schema(self.schema, noted)

    async def open(self, disk: Disk) -> PostgresqlBooks:
        """Open the books to be served from; what disk this machine has is nothing to them."""
        del disk
        return await PostgresqlBooks.open(self.schema)

    def shelf(self) -> PostgresqlShelf:
        """Open whole books to be read."""
        return PostgresqlShelf.of(self.schema)

    def made_like(self, old: object) -> PostgresqlShelf:
        """Open whole books to write into, made when there are none: of this program's schema, as all that serve are."""
        del old
        return PostgresqlShelf.made(self.schema)

    def remove(self) -> None:
        """Take the books away, as far as that can be."""
        with suppress(BooksError):  # what cannot be taken away is in nobody's way: the next move takes another name
            aside(lambda: remove(self.schema))
