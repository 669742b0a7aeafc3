"""``yidi trail``: hold the books of nodes against their trail (留痕), and the trail against itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from lab.cli import console
from reference_impl.books.final import BooksError
from reference_impl.books.places import Place, all_on, books_at, nodes_of, serving_place
from reference_impl.books.postgresql.address import is_address
from reference_impl.books.trail import BEGINNING, Noted, Verified
from reference_impl.domain.failures import FailedRunError, InputError

__all__ = ["trail"]

_EXPECTED = "the folder of 'yidi serve --books', its 'books', or a file"
_SHOWN = 200
"""Characters of a place that no system has such a long name for."""


def trail(books: str, noted: Sequence[str], *, as_json: bool) -> int:
    """Verify books: a file, a folder of them, or on a server by its address; return 0 when all is as written."""
    places = _places_at(books)
    if noted and len(places) > 1:
        raise InputError(
            f"--noted is of the books of one node, and {books} has {len(places)}; expected those that it was noted of"
        )
    wanted = [_noted(text) for text in noted]
    found = {place.name: _verified(place, wanted, alone=len(places) == 1) for place in places}
    if as_json:
        console.say_json({name: msgspec.to_builtins(one) for name, one in found.items()})
    else:
        for name, one in found.items():
            _tell(name, one)
    return 0 if all(one.holds for one in found.values()) else FailedRunError.exit_code


def _verified(place: Place, noted: Sequence[Noted], *, alone: bool) -> Verified:
    """Verify the books of one node; that some of many cannot be read is a finding, and the others are read.

    Raises:
        BooksError: when books that are ``alone`` cannot be read.

    """
    try:
        return place.verify(noted)
    except BooksError as error:
        if alone:
            raise
        return Verified(entries=0, tip="", findings=(str(error),), found=1)


def _places_at(books: str) -> list[Place]:
    """Return where books lie: of a folder those that serve, for what served before its books moved is past."""
    if is_address(books):
        places = all_on(books)
        if not places:
            raise InputError(f"no books at {books}; expected the database of 'yidi serve --books', or DATABASE#SCHEMA")
        return places
    path = Path(books)
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
        folder = path / "books" if (path / "books").is_dir() else path
    except OSError as error:
        raise InputError(f"{books[:_SHOWN]}: {error.strerror}; expected {_EXPECTED}") from error
    if is_file:
        return [books_at(path)]
    if not is_folder:
        raise InputError(f"no books at {books}; expected {_EXPECTED}")
    nodes = nodes_of(folder)
    if not nodes:
        raise InputError(f"no books at {books}; expected {_EXPECTED}")
    return [serving_place(folder, node) for node in nodes]


def _noted(text: str) -> Noted:
    """Return an entry as it was noted.

    >>> _noted(f"7:{'0' * 64}").serial
    7
    """
    serial, _, digest = text.partition(":")
    try:
        noted = Noted(int(serial), bytes.fromhex(digest))
    except ValueError:
        noted = BEGINNING
    if noted.serial < 1 or len(noted.hash) != len(BEGINNING.hash):
        raise InputError(f"--noted {text!r}; expected NUMBER:HASH as 'yidi trail' prints it")
    return noted


def _tell(name: str, one: Verified) -> None:
    if one.holds:
        console.say(f"{name}: {one.entries} entries hold; note {one.entries}:{one.tip}")
        return
    things = "1 thing is not as it was" if one.found == 1 else f"{one.found} things are not as they were"
    console.say(f"{name}: {things} written")
    for finding in one.findings:
        console.say(f"  {finding}")
    if one.found > len(one.findings):
        console.say(f"  and {one.found - len(one.findings)} more")
