"""The recorder that fills a run's tables, and the reader of a run folder.

Must never compute a measure: ``lab`` does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from reference_impl.domain.failures import InputError
from scenarios.record.tables import (
    ROW_TYPES,
    TABLES,
    Column,
    ContactRow,
    EventRow,
    GeneratorRow,
    InflightRow,
    MessageRow,
    StationRow,
    VisitRow,
)

__all__ = [
    "ROW_TYPES",
    "TABLES",
    "Column",
    "ContactRow",
    "EventRow",
    "GeneratorRow",
    "InflightRow",
    "MessageRow",
    "Record",
    "RecordError",
    "Recorder",
    "StationRow",
    "VisitRow",
    "digest_of",
    "frame_of",
    "read_record",
    "stored_digest",
    "write_frames",
]

_RESPELLED = {"stations": {"busy": "utilisation"}}
"""Columns of the first format of a record, by table, and their names today: an old record is read as a new one."""
SAMPLED = ("stations", "generator")
"""Tables of samples: they describe how a run was made, and are left out of its digest."""
_ADDED_COLUMNS = {
    "events": ("hits",),
    "visits": ("account_fen", "hospital_part_fen", "settled_us"),
    "generator": ("lag_counts",),
}
"""Columns that were added since: in an older record they are null."""
_ADDED_TABLES = ("contacts",)
"""Tables that records of older versions do not have: such a record is read with none of their rows."""
CHUNK_ROWS = 20_000
"""Rows held as Python tuples before they are packed into columns; bounds the memory of a long run."""


class RecordError(InputError):
    """A folder does not hold a record."""


class Recorder:
    """Takes rows while a run goes on, and packs them into columns as it goes."""

    def __init__(self) -> None:
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
        self._chunks: dict[str, list[pl.DataFrame]] = {name: [] for name in TABLES}

    def visit(self, row: VisitRow) -> None:
        """Take the one row of a visit."""
        self._take("visits", row)

    def attempt(self, row: MessageRow) -> None:
        """Take one attempt of a message."""
        self._take("messages", row)

    def contact(self, row: ContactRow) -> None:
        """Take one attendance at a desk."""
        self._take("contacts", row)

    def station(self, row: StationRow) -> None:
        """Take one sample of a station."""
        self._take("stations", row)

    def event(self, row: EventRow) -> None:
        """Take one fault or cutover phase."""
        self._take("events", row)

    def inflight(self, row: InflightRow) -> None:
        """Take one piece of business in flight."""
        self._take("inflight", row)

    def generator(self, row: GeneratorRow) -> None:
        """Take one sample of the load generator."""
        self._take("generator", row)

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return all tables, sorted by their keys, with the fates of the business in flight joined."""
        for name in TABLES:
            self._pack(name)
        frames = {name: _stacked(name, chunks) for name, chunks in self._chunks.items()}
        frames["visits"] = frames["visits"].sort("visit")
        frames["messages"] = frames["messages"].sort("visit", "step", "attempt", "sent_us", maintain_order=True)
        frames["contacts"] = frames["contacts"].sort("visit", "contact")
        frames["events"] = frames["events"].sort("at_us", maintain_order=True)
        frames["inflight"] = _with_fates(frames["inflight"], frames["visits"])
        return frames

    def write(self, folder: Path) -> None:
        """Write every table to ``folder``; a file under its final name is complete."""
        write_frames(self.frames(), folder)

    def _take(self, name: str, row: tuple[Any, ...]) -> None:
        rows = self._rows[name]
        rows.append(row)
        if len(rows) >= CHUNK_ROWS:
            self._pack(name)

    def _pack(self, name: str) -> None:
        if self._rows[name]:
            self._chunks[name].append(frame_of(name, self._rows[name]))
            self._rows[name] = []


@dataclass(frozen=True, slots=True)
class Record:
    """The tables of one run."""

    visits: pl.DataFrame
    messages: pl.DataFrame
    contacts: pl.DataFrame
    stations: pl.DataFrame
    events: pl.DataFrame
    inflight: pl.DataFrame
    generator: pl.DataFrame

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return the tables by name."""
        return {name: getattr(self, name) for name in TABLES}


def frame_of(name: str, rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """Return rows of one table as columns."""
    columns = TABLES[name]
    values: Iterable[tuple[Any, ...]] = zip(*rows, strict=True) if rows else ((),) * len(columns)
    series = [pl.Series(column.name, data, column.dtype) for column, data in zip(columns, values, strict=True)]
    return pl.DataFrame(series)


def write_frames(frames: Mapping[str, pl.DataFrame], folder: Path) -> None:
    """Write tables as Parquet files, each first under a name that says it is not whole."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        partial = folder / f"{name}.parquet.partial"
        frame.write_parquet(partial)
        partial.replace(folder / f"{name}.parquet")


def digest_of(frames: Mapping[str, pl.DataFrame]) -> str:
    """Return the hash of what happened: equal for equal runs, on any machine and with any version of the libraries."""
    hashed = hashlib.sha256()
    for name in TABLES:
        if name not in SAMPLED:
            hashed.update(frames[name].write_csv().encode())
    return hashed.hexdigest()


def stored_digest(folder: Path) -> str:
    """Return the digest of the tables as they lie in a run folder, with the columns of whichever version wrote them."""
    return digest_of({name: _stored(folder, name) for name in TABLES if name not in SAMPLED})


def read_record(folder: Path) -> Record:
    """Return the tables of a run folder; raise :class:`RecordError` when one is missing or has other columns."""
    return Record(**{name: _read_table(folder, name) for name in TABLES})


def _stored(folder: Path, name: str) -> pl.DataFrame:
    path = folder / f"{name}.parquet"
    if name in _ADDED_TABLES and folder.is_dir() and not path.exists():
        return frame_of(name, [])
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RecordError(f"{path}: cannot read table {name!r}; expected a finished run folder") from error


def _read_table(folder: Path, name: str) -> pl.DataFrame:
    path = folder / f"{name}.parquet"
    frame = _stored(folder, name)
    frame = frame.rename(_RESPELLED.get(name, {}), strict=False)
    expected = {column.name: column.dtype for column in TABLES[name]}
    absent = [column for column in _ADDED_COLUMNS.get(name, ()) if column not in frame.columns]
    frame = frame.with_columns(pl.lit(None, expected[column]).alias(column) for column in absent).select(
        *(column for column in expected if column in frame.columns or column in absent),
        *(column for column in frame.columns if column not in expected),
    )
    if dict(frame.schema) != expected:
        differing = sorted({*frame.schema} ^ {*expected}) or [c for c in expected if frame.schema[c] != expected[c]]
        raise RecordError(f"{path}: columns differ from this version's: {', '.join(differing)}")
    return frame


def _stacked(name: str, chunks: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(chunks, rechunk=True) if chunks else frame_of(name, [])


def _with_fates(inflight: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    fates = visits.select("visit", pl.col("fate").alias("final"))
    joined = inflight.join(fates, on="visit", how="left", maintain_order="left")
    return joined.with_columns(fate=pl.coalesce("final", "fate")).drop("final")
