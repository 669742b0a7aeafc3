"""Who collects what the loop decides in a round: while one group is under way to the server, the next one gathers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from reference_impl.books.final import BooksError
from reference_impl.books.groups import Job, Writer, resolve
from reference_impl.books.postgresql.changes import together

if TYPE_CHECKING:
    from reference_impl.books.postgresql.group import GroupWrite

__all__ = ["RoundWriter"]


class RoundWriter(Writer):
    """Sends a group at the end of a round, and the next one when that is answered."""

    __slots__ = ("_under_way", "group")

    def __init__(self, group: GroupWrite) -> None:
        """Write through ``group``, which nobody else may use from now on."""
        super().__init__()
        self.group = group
        self._under_way: asyncio.Task[None] | None = None

    def _finish(self) -> None:
        """Say to who still waits that nothing was written; whoever wants it written waits until nothing is ``busy``."""
        _tell(self._queued, "the books are closed: nothing was written")
        self._queued = []
        if self._under_way is not None:
            self._under_way.cancel()

    def _end_round(self) -> None:
        group = self._next_group()
        self._due = bool(group)
        if group and self._loop is not None:
            self._under_way = self._loop.create_task(self._write(group))

    async def _write(self, group: list[Job]) -> None:
        try:
            done = await self.group.write(group)
        except asyncio.CancelledError:
            _tell(group, "the books were closed meanwhile: whether it was written is not known")
            raise
        resolve(done)
        self._end_round()

    def _next_group(self) -> list[Job]:
        group = super()._next_group()
        count = together([change for change, _, _ in group])
        self._queued = group[count:] + self._queued
        return group[:count]


def _tell(jobs: list[Job], words: str) -> None:
    """Say to who waits that the books were closed."""
    resolve([(future, BooksError(words)) for _, future, _ in jobs])
