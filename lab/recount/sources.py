"""Where books lie, read by their own means: files by ``sqlite3``, a server's schemas by its driver.

Which books of a node serve is what the folder says: a move leaves a journal, and new books beside the old ones.
This module must never open books for writing.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lab.recount.sheets import Source
from reference_impl.domain.failures import InputError

__all__ = ["FileBooks", "ServerBooks", "source_in"]

_FILE = ".sqlite"
_SCHEMA = "yidi_"
_HUB, _DIGITS = "hub", (2, 4)


def source_in(folder: Path) -> Source:
    """Return the books of a folder: that of ``yidi serve --books`` or of a run that kept its books.

    Raises:
        InputError: when there are none.

    """
    books = folder / "books" if (folder / "books").is_dir() else folder
    server = books / "server.json"
    found = ServerBooks(books, _said(server, "address")) if server.exists() else FileBooks(books)
    if not found.nodes():
        raise InputError(f"no books at {folder}; expected a folder that 'yidi serve --books' or 'yidi endure' kept")
    return found


class FileBooks:
    """The files of a folder."""

    def __init__(self, folder: Path) -> None:
        """Read the books in ``folder``."""
        self._folder = folder
        names = {path.name.partition(".")[0] for path in folder.glob(f"*{_FILE}")}
        self._files = {node: _serving(folder, node, f"{node}{_FILE}") for node in sorted(names)}

    def nodes(self) -> tuple[str, ...]:
        """Return the nodes that have books there."""
        return tuple(self._files)

    def rows(self, node: str, table: str, columns: tuple[str, ...]) -> Iterable[tuple[Any, ...]]:
        """Return the rows of one table of a node's books."""
        path = self._folder / self._files[node]
        try:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            try:
                return connection.execute(_select(table, columns)).fetchall()
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise InputError(_unread(f"{path}", error)) from None


class ServerBooks:
    """The schemas of a server."""

    def __init__(self, folder: Path, address: str) -> None:
        """Read the books that ``folder`` says lie at ``address``."""
        self._address = address
        names = [row[0] for row in self._asked("SELECT schemaname FROM pg_tables WHERE tablename = 'messages'")]
        nodes = {words[1] for words in (name.split("_") for name in names) if _is_node(words)}
        self._schemas = {node: _serving(folder, node, f"{_SCHEMA}{node}") for node in sorted(nodes)}

    def nodes(self) -> tuple[str, ...]:
        """Return the nodes that have books there."""
        return tuple(self._schemas)

    def rows(self, node: str, table: str, columns: tuple[str, ...]) -> Iterable[tuple[Any, ...]]:
        """Return the rows of one table of a node's books."""
        return self._asked(_select(f"{self._schemas[node]}.{table}", columns))

    def _asked(self, sql: str) -> list[tuple[Any, ...]]:
        try:
            import asyncpg  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs] - an extra, and it brings none
        except ImportError:
            raise InputError("books on a server need asyncpg: pip install 'yidi[postgresql]'") from None
        driver: Any = asyncpg

        async def ask() -> list[tuple[Any, ...]]:
            connection = await driver.connect(self._address, timeout=10)
            try:
                return [tuple(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        try:
            return asyncio.run(ask())
        except (OSError, ValueError, driver.PostgresError, driver.InterfaceError) as error:
            raise InputError(_unread(self._address, error)) from None


def _is_node(words: list[str]) -> bool:
    """Return whether a schema is the first one of a node's books.

    >>> [_is_node(name.split("_")) for name in ("yidi_34", "yidi_hub", "yidi_34_2", "pg_catalog", "public")]
    [True, True, False, False, False]
    """
    if len(words) != 2 or words[0] != _SCHEMA.rstrip("_"):  # noqa: PLR2004 - a name and what it is of
        return False
    return words[1] == _HUB or (words[1].isdecimal() and len(words[1]) in _DIGITS)


def _serving(folder: Path, node: str, first: str) -> str:
    """Return the name of the books that serve: those of the journal of a move, or the first."""
    journal = folder / f"{node}.move.json"
    return _said(journal, "serving") if journal.exists() else first


def _said(path: Path, name: str) -> str:
    """Return a text that a file beside the books says under a name."""
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"cannot read {path}: {error}; restore the file from a copy") from None
    match said:
        case {**names} if isinstance(text := names.get(name), str):
            return text
        case _:
            raise InputError(f"cannot read {path}: expected an object with a text {name!r}; restore it from a copy")


def _select(table: str, columns: tuple[str, ...]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    return f"SELECT {names} FROM {table}"  # noqa: S608 - our own names


def _unread(where: str, error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return f"cannot read the books at {where}: {words}; expected books of this version that no process is moving"
