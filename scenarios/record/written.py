"""The tables of one run that has ended, whole and in order; what is large lies on disk, in parts.

A national day writes six million attempts: nobody who only counts, checks or copies them need hold them all. Whoever
does need a table as one asks for it. Must never compute a measure: ``lab`` does.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import polars as pl

from scenarios.record.tables import TABLES

__all__ = ["SAMPLED", "Part", "RunTables", "Scratch", "hash_frame", "slices_of"]

SAMPLED: Final = ("stations", "generator", "workers")
"""Tables of samples: they describe how a run was made, and are left out of its digest."""
LATER_TABLES: Final = ("turned_away", "mid_stays", "identifications", "closings")
LATER_COLUMNS: Final[Mapping[str, Sequence[str]]] = {"inflight": ("plan", "code", "msgid")}
"""What was added since digests were last compared: left out of the digest where a table has no rows."""
SLICE_ROWS: Final = 100_000
"""Rows that are turned into text at a time."""


class Hash(Protocol):
    """What ``hashlib`` makes."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""
        ...


Part = pl.DataFrame | Path
"""Some rows of a table, in memory or as a Parquet file."""


class Scratch:
    """A folder for what is only needed while it is worked on: gone with whoever asked for it."""

    __slots__ = ("__weakref__", "_folder", "_made", "_removal", "_within")

    def __init__(self, within: Path | None = None) -> None:
        """Make nothing yet; the folder will lie in ``within``, or where temporary files do."""
        self._within = within
        self._folder: Path | None = None
        self._removal: weakref.finalize[..., Scratch] | None = None
        self._made = 0

    @property
    def folder(self) -> Path:
        """The folder; it is made when it is first asked for."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="yidi-", dir=self._within))
            self._removal = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder

    def path(self, name: str) -> Path:
        """Return the path of a new file; no two have the same."""
        self._made += 1
        return self.folder / f"{name}-{self._made:05}.parquet"

    def remove(self) -> None:
        """Remove the folder now, whoever still knows of it."""
        if self._removal is not None:
            self._removal()

    def leave(self) -> None:
        """Leave the folder to whoever owns the one it lies in."""
        if self._removal is not None:
            self._removal.detach()


class RunTables:
    """The tables by name, each as parts in the order of its rows."""

    __slots__ = ("_parts", "_scratch")

    def __init__(self, parts: Mapping[str, Sequence[Part]], scratch: Scratch | None = None) -> None:
        """``scratch`` holds the parts that lie on disk, as long as these tables do."""
        self._parts = dict(parts)
        self._scratch = scratch

    def scan(self, name: str) -> pl.LazyFrame:
        """Return a table to be read as far as it is needed; its rows keep their order."""
        return pl.concat([_lazy(part) for part in self._parts[name]])

    def frame(self, name: str) -> pl.DataFrame:
        """Return a table as one."""
        parts = self._parts[name]
        if len(parts) == 1 and isinstance(parts[0], pl.DataFrame):
            return parts[0]
        return self.scan(name).collect()

    def rows(self, name: str) -> int:
        """Return how many rows a table has."""
        return int(self.scan(name).select(pl.len()).collect().item())

    def laid_down(self, scratch: Scratch) -> dict[str, list[Path]]:
        """Return the files that all parts lie in: the files of another process, once this one has left its own.

        What is in memory is written to ``scratch``, and both are left to whoever owns the folder that they lie in.
        """
        files = {name: [_file_of(part, scratch.path(name)) for part in parts] for name, parts in self._parts.items()}
        for one in (self._scratch, scratch):
            if one is not None:
                one.leave()
        return files

    @property
    def in_memory(self) -> bool:
        """Whether nothing of it lies on disk."""
        return all(isinstance(part, pl.DataFrame) for parts in self._parts.values() for part in parts)

    def with_table(self, name: str, frame: pl.DataFrame) -> RunTables:
        """Return the same tables with another one under ``name``."""
        return RunTables({**self._parts, name: [frame]}, self._scratch)

    def write(self, folder: Path) -> None:
        """Write every table as one Parquet file; a file under its final name is complete."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, parts in self._parts.items():
            partial = folder / f"{name}.parquet.partial"
            if len(parts) == 1 and isinstance(parts[0], pl.DataFrame):
                parts[0].write_parquet(partial)
            else:
                self.scan(name).sink_parquet(partial)
            partial.replace(folder / f"{name}.parquet")

    def digest(self) -> str:
        """Return the hash of what happened: equal for equal runs, on any machine, with any version of the libraries."""
        hashed = hashlib.sha256()
        for name in TABLES:
            if name not in SAMPLED:
                hash_frame(hashed, name, (some for part in self._parts[name] for some in slices_of(part)))
        return hashed.hexdigest()


def slices_of(part: Part) -> Iterator[pl.DataFrame]:
    """Yield the rows of a part in slices that are small enough to be turned into text; one at least."""
    lazy = _lazy(part)
    rows = int(lazy.select(pl.len()).collect().item())
    for first in range(0, max(1, rows), SLICE_ROWS):
        yield lazy.slice(first, SLICE_ROWS).collect()


def hash_frame(hashed: Hash, name: str, slices: Iterator[pl.DataFrame]) -> None:
    """Add a table's text to a hash; what a table gained since changes the digest only of runs that have it."""
    first = next(slices)
    if not first.height:
        if name in LATER_TABLES:
            return
        first = first.drop(LATER_COLUMNS.get(name, ()), strict=False)
    hashed.update(first.write_csv(include_header=True).encode())
    for some in slices:
        hashed.update(some.write_csv(include_header=False).encode())


def _file_of(part: Part, path: Path) -> Path:
    if isinstance(part, Path):
        return part
    part.write_parquet(path, compression="lz4")
    return path


def _lazy(part: Part) -> pl.LazyFrame:
    return part.lazy() if isinstance(part, pl.DataFrame) else pl.scan_parquet(part)
