"""The books of a served node, wherever they lie at the moment: frozen, thawed, changed for others.

Whoever holds them keeps holding them over a change of place. While they are frozen a look is answered and nothing is
written: who commits is told so, and knows that nothing was done.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from reference_impl.books.final import BooksError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from reference_impl.books.groups import Watcher, WriterStats
    from reference_impl.books.places import NodeBooks, Place
    from reference_impl.books.sqlite.disk import Disk
    from reference_impl.protocol.records import Change, CommitResult, Key, MessageRecord, Ref, View

__all__ = ["HeldBooks"]

_POLL_S = 0.002


class HeldBooks:
    """A node's books, for its role, its operator and its host."""

    __slots__ = ("_books", "_watcher", "frozen", "place")

    def __init__(self, place: Place, books: NodeBooks, *, frozen: bool = False) -> None:
        """Hold ``books``, which lie at ``place``."""
        self.place = place
        self._books = books
        self._watcher: Watcher | None = None
        self.frozen = frozen

    def look(self, key: Key, *refs: Ref) -> Awaitable[View]:
        """Return what is known of the message and of the records named, at one instant."""
        return self._books.look(key, *refs)

    def commit(self, change: Change) -> Awaitable[CommitResult]:
        """Apply the whole change or none of it; the verdict comes when it is on disk.

        Raises:
            BooksError: when they are frozen.

        """
        if self.frozen:
            raise BooksError(f"books {self.place} are frozen while they are moved: nothing was written")
        return self._books.commit(change)

    def open_intents(self) -> Awaitable[tuple[MessageRecord, ...]]:
        """Return the intents without outcome, oldest first."""
        return self._books.open_intents()

    def probe(self) -> Awaitable[None]:
        """Commit to them without changing what they say.

        Raises:
            BooksError: when they are frozen, or cannot be written.

        """
        if self.frozen:
            raise BooksError(f"books {self.place} are frozen while they are moved")
        return self._books.probe()

    async def freeze(self) -> None:
        """Take no more commits, and return when those that were taken are on disk."""
        self.frozen = True
        while self._books.busy:  # noqa: ASYNC110 - a writer that rests tells nobody, and this is asked once a move
            await asyncio.sleep(_POLL_S)

    def change_for(self, place: Place, books: NodeBooks) -> None:
        """Hold the books at another place from now on and close those held so far."""
        before, self._books = self._books, books
        self.place = place
        if self._watcher is not None:
            books.watch(self._watcher)
        before.close()

    def watch(self, watcher: Watcher) -> None:
        """Have ``watcher`` told of each group of commits, in the thread that writes it."""
        self._watcher = watcher
        self._books.watch(watcher)

    @property
    def disk(self) -> Disk:
        """The disk they lie on."""
        return self._books.disk

    @property
    def stats(self) -> WriterStats:
        """What the writer did since they were opened."""
        return self._books.stats

    @property
    def failure(self) -> Exception | None:
        """Why they can at this moment not be written, or no longer be read; None while all is well."""
        return self._books.failure

    def slow_down(self, add_us: int) -> None:
        """Have every group of commits take ``add_us`` longer; a negative one takes that back."""
        self._books.slow_down(add_us)

    def backlog(self) -> int:
        """Return how many changes wait for the writer."""
        return self._books.backlog()

    def latest_us(self) -> int | None:
        """Return the latest instant that anything in them was opened or posted at; None in empty books."""
        return self._books.latest_us()

    def close(self) -> None:
        """Close them; who wants written what is queued freezes them first."""
        self._books.close()
