"""Where the books of a node lie: a file of the folder, or a schema of the server that the folder names.

Which of them serve is the journal's to say (``journal.py``); without one they are the first. A folder knows one server:
its address stands in ``server.json``, and never a password. This module must never write into books.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from reference_impl.books.durable import write_whole
from reference_impl.books.final import BooksError
from reference_impl.books.journal import read_journal
from reference_impl.books.moving import Shelf
from reference_impl.books.postgresql.address import SCHEMA_MARK, SCHEME, Schema, Server
from reference_impl.books.sqlite.opening import make_ready
from reference_impl.books.sqlite.place import SUFFIX, SqlitePlace
from reference_impl.domain.unreadable import NO_JSON

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Sequence

    from reference_impl.books.final import FinalBooks
    from reference_impl.books.groups import Watcher, WriterStats
    from reference_impl.books.postgresql.place import PostgresqlPlace
    from reference_impl.books.sqlite.disk import Disk
    from reference_impl.books.trail import Noted, Verified
    from reference_impl.protocol.records import Change, CommitResult, Key, MessageRecord, Ref, View

__all__ = [
    "NodeBooks",
    "OpenShelf",
    "Place",
    "all_on",
    "books_at",
    "following",
    "hold_server",
    "make_all",
    "must_be_there",
    "nodes_of",
    "place_named",
    "read_server",
    "serving_place",
    "write_server",
]

_SERVER = "server.json"


class NodeBooks(Protocol):
    """The books of a node, open to be served from."""

    disk: Disk

    def look(self, key: Key, *refs: Ref) -> Awaitable[View]:
        """Return what is known of the message and of the records named, at one instant."""
        ...

    def commit(self, change: Change) -> Awaitable[CommitResult]:
        """Apply the whole change or none of it; the verdict comes when it is on disk."""
        ...

    def open_intents(self) -> Awaitable[tuple[MessageRecord, ...]]:
        """Return the intents without outcome, oldest first."""
        ...

    def count_start(self) -> int:
        """Write down, before anything is served, that the node's process starts; return how often it did before."""
        ...

    def latest_us(self) -> int | None:
        """Return the latest instant that anything was opened or posted at; None in empty books."""
        ...

    @property
    def stats(self) -> WriterStats:
        """What the writer did so far."""
        ...

    @property
    def failure(self) -> Exception | None:
        """Why they can at this moment not be written, or not be read; None while all is well."""
        ...

    def probe(self) -> Awaitable[None]:
        """Commit without changing what the books say; raises ``BooksError`` when that fails."""
        ...

    def watch(self, watcher: Watcher) -> None:
        """Have ``watcher`` told of each group of commits."""
        ...

    def slow_down(self, add_us: int) -> None:
        """Have every group of commits take ``add_us`` longer, as on a slow disk; a negative one takes that back."""
        ...

    def backlog(self) -> int:
        """Return how many changes wait for the writer."""
        ...

    @property
    def busy(self) -> bool:
        """Whether a change that was committed is not yet on disk."""
        ...

    def close(self) -> None:
        """Close them and let other processes have them."""
        ...


class OpenShelf(Shelf, Protocol):
    """Whole books, open until they are closed."""

    def close(self) -> None:
        """Let others have them."""
        ...

    def __enter__(self) -> Shelf:
        """Return the shelf."""
        ...

    def __exit__(self, *_: object) -> None:
        """Close it."""
        ...


class Place(Protocol):
    """Where books lie. Whatever asks for them or changes them raises ``BooksError`` where it fails, but ``remove``."""

    @property
    def name(self) -> str:
        """What a journal calls it."""
        ...

    def exists(self) -> bool:
        """Return whether books have been made there."""
        ...

    def make_ready(self) -> None:
        """Make them current: made when missing, migrated when old."""
        ...

    def fill(self, changes: Iterable[Change]) -> None:
        """Write ``changes`` into the books of a node that does not run yet, all or none."""
        ...

    def read_final(self) -> FinalBooks:
        """Return everything in the books of a node that does not run."""
        ...

    def latest_us(self) -> int | None:
        """Return the latest instant in the books of a node that does not run; None for none."""
        ...

    def verify(self, noted: Sequence[Noted]) -> Verified:
        """Hold the books against their trail, and the trail against itself and what was noted of it."""
        ...

    def open(self, disk: Disk) -> Awaitable[NodeBooks]:
        """Open the books to be served from."""
        ...

    def shelf(self) -> OpenShelf:
        """Open whole books to be read."""
        ...

    def made_like(self, old: Any) -> OpenShelf:
        """Open whole books to write into, made like those at the place ``old`` when there are none."""
        ...

    def remove(self) -> None:
        """Take the books away, as far as that can be."""
        ...


def serving_place(folder: Path, node: str) -> Place:
    """Return where the books of ``node`` are that serve, or are to be made.

    Raises:
        BooksError: when the journal cannot be read, or the books that it names are not there.

    """
    journal = read_journal(folder, node)
    if journal is not None:
        return must_be_there(place_named(folder, journal.serving))
    server = read_server(folder)
    return SqlitePlace(folder / f"{node}{SUFFIX}") if server is None else _first_or_serving(folder, node, server)


def place_named(folder: Path, name: str) -> Place:
    """Return the place that a journal in ``folder`` calls so.

    Raises:
        BooksError: when it is on a server, and the folder names none.

    """
    if name.endswith(SUFFIX):
        return SqlitePlace(folder / name)
    server = read_server(folder)
    if server is None:
        raise BooksError(f"books {name} lie on a server, and {folder / _SERVER} is not there: restore it from a copy")
    return _schema(server, name)


def books_at(path: Path) -> Place:
    """Return a file of books as a place."""
    return SqlitePlace(path)


def all_on(address: str) -> list[Place]:
    """Return the books in the database of an address, or those of the one schema that it names behind a ``#``.

    Raises:
        InputError: when it is no address.
        BooksError: when the server cannot be asked.

    """
    if SCHEMA_MARK in address:
        schema = Schema.read(address)
        return [_schema(schema.server, schema.name)]
    server = Server.read(address)
    return [_schema(server, name) for name in _names_on(server)]


def nodes_of(folder: Path) -> list[str]:
    """Return the nodes whose books lie in a folder, or on the server that it names.

    Raises:
        BooksError: when the server cannot be asked.

    """
    server = read_server(folder)
    nodes = {path.name.partition(".")[0] for path in folder.glob(f"*{SUFFIX}")}
    if server is not None:
        nodes |= {name.split("_")[1] for name in _names_on(server)}
    return sorted(nodes)


def must_be_there(place: Place) -> Place:
    """Return a place where books have been made: whoever opened what is missing would make empty ones.

    Raises:
        BooksError: when they are not there.

    """
    if not place.exists():
        raise BooksError(f"no books at {place}: expected those of a move; restore them from a copy")
    return place


def following(folder: Path, node: str, serving: str, server: Server | None) -> Place:
    """Return where new books of ``node`` are to be made, on a server or without one in a file; nothing lies there yet.

    Raises:
        BooksError: when the server cannot be asked.

    """
    numbers = [_number_of(path.name) for path in folder.glob(f"{node}.*{SUFFIX.removeprefix('.')}")]
    number = 1 + max(1, _number_of(serving), *numbers)
    if server is None:
        return SqlitePlace(folder / f"{node}.{number}{SUFFIX}")
    while (place := _schema(server, f"yidi_{node}_{number}")).exists():
        number += 1
    return place


def _number_of(name: str) -> int:
    """Return the number in the name of books.

    >>> [_number_of(name) for name in ("34.sqlite", "34.2.sqlite", "yidi_34", "yidi_34_3")]
    [1, 2, 1, 3]
    """
    words = name.removesuffix(SUFFIX).split(".") if name.endswith(SUFFIX) else name.split("_")[1:]
    return int(words[1]) if len(words) > 1 and words[1].isdecimal() else 1


def make_all(places: Iterable[Place]) -> None:
    """Make each current; new files are copies of the first one made.

    Raises:
        BooksError: when one cannot be.

    """
    files: list[Path] = []
    for place in places:
        if isinstance(place, SqlitePlace):
            files.append(place.path)
        else:
            place.make_ready()
    make_ready(files)


def read_server(folder: Path) -> Server | None:
    """Return the server that the folder names; None where its books are files.

    Raises:
        BooksError: when that cannot be read.

    """
    path = folder / _SERVER
    try:
        return msgspec.json.decode(path.read_bytes(), type=Server)
    except FileNotFoundError:
        return None
    except (OSError, *NO_JSON) as error:
        raise BooksError(f"cannot read where books lie: {path}: {error}; restore the file from a copy") from None


def write_server(folder: Path, server: Server) -> None:
    """Let the folder name a server from now on.

    Raises:
        BooksError: when that cannot be written.

    """
    path = folder / _SERVER
    try:
        write_whole(path, msgspec.json.encode(server))
    except OSError as error:
        raise BooksError(f"cannot write where books lie: {path}: {error}") from None


def hold_server(folder: Path, asked: Server | None, nodes: Iterable[str]) -> None:
    """Let new books lie on the server that this start asks for; one that asks for none goes by the folder.

    A server may be reached by another address than before, if the books are there.

    Raises:
        BooksError: when books lie elsewhere, or those at the place asked for are of another folder.

    """
    named = read_server(folder)
    if asked is None or asked == named:
        return
    for node in nodes:
        place = _first_or_serving(folder, node, asked)
        if isinstance(place, SqlitePlace):
            raise BooksError(
                f"the books of node {node} lie in {place}: start without --books {SCHEME}…, and move them there with "
                "'yidi cutover copy … --to'"
            )
        there = place.exists()
        if named is None and there:
            raise BooksError(
                f"there are books at {place} already, and {folder} knows nothing of them: give the folder that they "
                "were made with, or another database"
            )
        if named is not None and not there:
            raise BooksError(
                f"the books of node {node} lie at {named.address}, and none at {place}: start with --books "
                f"{named.address}, or move them by the server's own means first"
            )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_server(folder, asked)


def _first_or_serving(folder: Path, node: str, server: Server) -> Place:
    """Return where the node's books are, or would be made, if the folder named this server."""
    journal = read_journal(folder, node)
    file = SqlitePlace(folder / (f"{node}{SUFFIX}" if journal is None else journal.serving))
    if file.exists() or (journal is not None and journal.serving.endswith(SUFFIX)):
        return file
    return _schema(server, f"yidi_{node}" if journal is None else journal.serving)


def _schema(server: Server, name: str) -> Place:
    return _kind_on(server)(server.schema(name))


def _names_on(server: Server) -> list[str]:
    return _kind_on(server).names_on(server)


def _kind_on(server: Server) -> type[PostgresqlPlace]:
    try:
        from reference_impl.books.postgresql.place import PostgresqlPlace  # noqa: PLC0415 - needs a driver that is an extra
    except ImportError:
        raise BooksError(
            f"books {server.address} need asyncpg, which is not installed: pip install 'yidi[postgresql]'"
        ) from None
    return PostgresqlPlace
