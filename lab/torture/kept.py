"""What a tortured node keeps: books in memory, or the very SQLite code on a file that dies and is opened again.

Books on a server are in ``lab/torture/served.py``: they need a driver that is an extra.

No thread and no loop: a change is written where the world stands. It must never keep a half-applied change.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from functools import cache
from itertools import count
from pathlib import Path
from typing import Protocol, cast

from reference_impl.books.final import FinalBooks
from reference_impl.books.memory import MemoryBooks
from reference_impl.books.places import Place
from reference_impl.books.sqlite.connection import apply, connect, find_intents, read_whole, see
from reference_impl.books.sqlite.group import GroupCommit
from reference_impl.books.sqlite.opening import make_ready
from reference_impl.books.sqlite.place import SqlitePlace
from reference_impl.protocol.records import Change, CommitResult, Key, MessageRecord, Ref, View

__all__ = ["InMemory", "Kept", "OnSqlite"]

_MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - only to make a private folder in
_NOBODY = cast("asyncio.Future[CommitResult]", None)
"""Who waits for a change: it is written at once."""


class Kept(Protocol):
    """One node's books, at once."""

    @property
    def place(self) -> Place | None:
        """Where they lie; None in memory."""
        ...

    def see(self, key: Key, refs: tuple[Ref, ...] = ()) -> View:
        """Return what is known of a message and of records."""
        ...

    def apply(self, change: Change) -> CommitResult:
        """Apply the whole change or none of it."""
        ...

    def intents(self) -> tuple[MessageRecord, ...]:
        """Return the intents without outcome."""
        ...

    def read_all(self) -> FinalBooks:
        """Return everything."""
        ...

    def die(self, within: Change | None = None) -> None:
        """Lose what a process loses that dies, perhaps in the middle of a change; what was applied stays."""
        ...

    def forget(self) -> None:
        """Close them and take them away."""
        ...


class InMemory(MemoryBooks):
    """Books in memory, which outlive their process here."""

    __slots__ = ()
    place: None = None

    def die(self, within: Change | None = None) -> None:
        """Lose nothing: a change is applied or it is not."""
        del within

    def forget(self) -> None:
        """Take nothing away: nothing lies anywhere."""


class OnSqlite:
    """Books in a file of their own, in memory-backed storage where there is some."""

    __slots__ = ("_connection", "_group", "path")

    def __init__(self, path: Path | None = None) -> None:
        """Make empty books, or open those at ``path``."""
        self.path = path or _fresh()
        self._open()

    @property
    def place(self) -> SqlitePlace:
        """Where they lie."""
        return SqlitePlace(self.path)

    def _open(self) -> None:
        self._connection = connect(self.path)
        self._group = GroupCommit(self._connection, self.path.stem)

    def see(self, key: Key, refs: tuple[Ref, ...] = ()) -> View:
        """Return what is known of a message and of records."""
        return see(self._connection, key, refs)

    def apply(self, change: Change) -> CommitResult:
        """Write the change and flush it."""
        [(_, result)] = self._group.write([(change, _NOBODY, 0)])
        if isinstance(result, Exception):
            raise result
        return result

    def intents(self) -> tuple[MessageRecord, ...]:
        """Return the intents without outcome."""
        return find_intents(self._connection)

    def read_all(self) -> FinalBooks:
        """Return everything."""
        return read_whole(self._connection)

    def die(self, within: Change | None = None) -> None:
        """Leave the file as a killed process does, perhaps with a change begun, and open it again."""
        if within is not None:
            self._connection.execute("BEGIN IMMEDIATE")
            apply(self._connection, within)
        self._connection.close()
        self._open()

    def forget(self) -> None:
        """Close the file and remove it."""
        self._connection.close()
        for path in self.path.parent.glob(f"{self.path.name}*"):
            path.unlink()


_serial = count()


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="yidi-torture-", dir=_MEMORY_DISK if _MEMORY_DISK.is_dir() else None)


@cache
def _empty() -> Path:
    """Return empty books to copy, made once a process."""
    path = Path(_scratch().name) / "empty.sqlite"
    make_ready([path])
    return path


def _fresh() -> Path:
    path = Path(_scratch().name) / f"{next(_serial)}.sqlite"
    shutil.copyfile(_empty(), path)
    return path
