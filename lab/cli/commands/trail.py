"""``yidi trail``: hold the books of nodes against their trail (留痕), and the trail against itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from lab.cli import console
from reference_impl.books.journal import read_journal
from reference_impl.books.places import read_server
from reference_impl.books.sqlite.place import SUFFIX
from reference_impl.books.sqlite.trailing import verify_file
from reference_impl.books.trail import BEGINNING, Noted, Verified
from reference_impl.domain.failures import FailedRunError, InputError

__all__ = ["trail"]


def trail(place: Path, noted: Sequence[str], *, as_json: bool) -> int:
    """Verify the books at ``place``, a file or a folder of them; return 0 when all is as written."""
    files = _files_at(place)
    if noted and len(files) > 1:
        raise InputError(f"--noted is of one file, and {place} has {len(files)}; expected the file it was noted of")
    wanted = [_noted(text) for text in noted]
    found = {path.name: verify_file(path, wanted) for path in files}
    if as_json:
        console.say_json({name: msgspec.to_builtins(one) for name, one in found.items()})
    else:
        for name, one in found.items():
            _tell(name, one)
    return 0 if all(one.holds for one in found.values()) else FailedRunError.exit_code


def _files_at(place: Path) -> list[Path]:
    """Return a file, or those in a folder that serve: what a node served from before its books moved is past."""
    if place.is_file():
        return [place]
    folder = place / "books" if (place / "books").is_dir() else place
    if read_server(folder) is not None:
        raise InputError(f"books of {folder} lie on a server, where no trail is kept; expected one file of books")
    nodes = sorted({path.name.partition(".")[0] for path in folder.glob(f"*{SUFFIX}")})
    if not nodes:
        raise InputError(f"no books at {place}; expected the folder of 'yidi serve --books', its 'books', or a file")
    journals = {node: read_journal(folder, node) for node in nodes}
    return [folder / (f"{node}{SUFFIX}" if one is None else one.serving) for node, one in journals.items()]


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
    console.say(f"{name}: {one.found} things are not as they were written")
    for finding in one.findings:
        console.say(f"  {finding}")
    if one.found > len(one.findings):
        console.say(f"  and {one.found - len(one.findings)} more")
