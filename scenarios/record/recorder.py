"""The recorder that fills a run's tables, and the reader of a run folder.

Must never compute a measure: ``lab`` does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from reference_impl.domain.failures import InputError
from scenarios.record.tables import (
    ROW_TYPES,
    TABLES,
    ClosingRow,
    Column,
    ContactRow,
    EventRow,
    GeneratorRow,
    IdentificationRow,
    InflightRow,
    MessageRow,
    MidStayRow,
    StationRow,
    TurnedAwayRow,
    VisitRow,
    WorkerRow,
)
from scenarios.record.written import SAMPLED, Part, RunTables, Scratch, hash_frame, slices_of

__all__ = [
    "ROW_TYPES",
    "TABLES",
    "ClosingRow",
    "Column",
    "ContactRow",
    "EventRow",
    "GeneratorRow",
    "IdentificationRow",
    "InflightRow",
    "MessageRow",
    "MidStayRow",
    "Record",
    "RecordError",
    "Recorder",
    "RunTables",
    "StationRow",
    "TurnedAwayRow",
    "VisitRow",
    "WorkerRow",
    "digest_of",
    "frame_of",
    "merged_frames",
    "read_record",
    "record_of",
    "scan_table",
    "small_record",
    "stored_digest",
    "tables_of",
    "write_frames",
]

_RESPELLED = {"stations": {"busy": "utilisation"}}
"""Columns of the first format of a record, by table, and their names today: an old record is read as a new one."""
_ADDED_COLUMNS = {
    "events": ("hits",),
    "visits": ("account_fen", "hospital_part_fen", "settled_us"),
    "generator": ("lag_counts", "worker"),
    "inflight": ("plan", "code", "msgid"),
}
"""Columns that were added since: in an older record they are null."""
_ADDED_TABLES = ("contacts", "turned_away", "mid_stays", "identifications", "closings", "workers")
"""Tables that records of older versions do not have: such a record is read with none of their rows."""
CHUNK_ROWS = 10_000
"""Rows held as Python tuples before they are packed into columns; bounds the memory of a long run."""
SPILL_ROWS = 60_000
"""Rows of a table held as columns before they go to disk."""
PART_VISITS = 50_000
"""Visits whose rows are put in order together, where a table is too large to be sorted as one."""
_ORDER = {
    "visits": ("visit",),
    "messages": ("visit", "step", "attempt", "sent_us"),
    "contacts": ("visit", "contact"),
    "events": ("at_us",),
    "turned_away": ("visit", "at_us"),
    "mid_stays": ("visit",),
    "identifications": ("visit", "contact", "step"),
    "closings": ("day", "node", "care_region"),
    "workers": ("worker",),
}


class RecordError(InputError):
    """A folder does not hold a record."""


class Recorder:
    """Takes rows while a run goes on, packs them into columns, and puts those on disk as they become many."""

    def __init__(self, folder: Path | None = None) -> None:
        """``folder`` is where what goes to disk lies meanwhile; without one, where temporary files do."""
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
        self._chunks: dict[str, list[pl.DataFrame]] = {name: [] for name in TABLES}
        self._spilled: dict[str, list[Path]] = {name: [] for name in TABLES}
        self._scratch = Scratch(folder)

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

    def turned_away(self, row: TurnedAwayRow) -> None:
        """Take one time that a planned stop held a visit up."""
        self._take("turned_away", row)

    def mid_stay(self, row: MidStayRow) -> None:
        """Take one stay that was settled in its middle."""
        self._take("mid_stays", row)

    def identification(self, row: IdentificationRow) -> None:
        """Take one thing that was shown at a desk, or not."""
        self._take("identifications", row)

    def closing(self, row: ClosingRow) -> None:
        """Take one closed business day of an insurer and a province of care."""
        self._take("closings", row)

    def generator(self, row: GeneratorRow) -> None:
        """Take one sample of the load generator."""
        self._take("generator", row)

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return all tables, sorted by their keys, with the fates of the business in flight joined."""
        tables = self.tables()
        return {name: tables.frame(name) for name in TABLES}

    def tables(self) -> RunTables:
        """Return all tables as :meth:`frames` does; those that have gone to disk stay there."""
        for name in TABLES:
            self._pack(name)
        parts = {name: self._in_order(name) for name in TABLES}
        fates = pl.concat([_of(part).select("visit", "fate") for part in parts["visits"]])
        parts["inflight"] = [_with_fates(_whole(parts["inflight"]), fates.collect())]
        return RunTables(parts, self._scratch)

    def write(self, folder: Path) -> None:
        """Write every table to ``folder``; a file under its final name is complete."""
        self.tables().write(folder)

    def _take(self, name: str, row: tuple[Any, ...]) -> None:
        rows = self._rows[name]
        rows.append(row)
        if len(rows) >= CHUNK_ROWS:
            self._pack(name)

    def _pack(self, name: str) -> None:
        if self._rows[name]:
            chunks = self._chunks[name]
            chunks.append(frame_of(name, self._rows[name]))
            self._rows[name] = []
            if sum(chunk.height for chunk in chunks) >= SPILL_ROWS:
                self._spilled[name].append(self._put_away(name, pl.concat(chunks)))
                chunks.clear()

    def _put_away(self, name: str, frame: pl.DataFrame) -> Path:
        path = self._scratch.path(name)
        frame.write_parquet(path, compression="lz4")
        return path

    def _in_order(self, name: str) -> list[Part]:
        """Return a table in its order: as one in memory, or in parts on disk once some of it has gone there."""
        order, spilled, chunks = _ORDER.get(name, ()), self._spilled[name], self._chunks[name]
        if not spilled or "visit" not in order:
            return [_sorted(_stacked(name, [*map(pl.read_parquet, spilled), *chunks]), order)]
        every = pl.concat([_of(part) for part in (*spilled, *chunks)])
        parts: list[Part] = []
        for first in range(0, every.select(pl.col("visit").max()).collect().item() + 1, PART_VISITS):
            some = every.filter(pl.col("visit").is_between(first, first + PART_VISITS, closed="left")).collect()
            if some.height:
                parts.append(self._put_away(name, _sorted(some, order)))
        return parts


@dataclass(frozen=True, slots=True)
class Record:
    """The tables of one run."""

    visits: pl.DataFrame
    messages: pl.DataFrame
    contacts: pl.DataFrame
    stations: pl.DataFrame
    events: pl.DataFrame
    inflight: pl.DataFrame
    turned_away: pl.DataFrame
    mid_stays: pl.DataFrame
    identifications: pl.DataFrame
    closings: pl.DataFrame
    generator: pl.DataFrame
    workers: pl.DataFrame

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return the tables by name."""
        return {name: getattr(self, name) for name in TABLES}


def tables_of(record: Record) -> RunTables:
    """Return the tables of a record."""
    return RunTables({name: [frame] for name, frame in record.frames().items()})


def record_of(tables: RunTables) -> Record:
    """Return all tables in memory."""
    return Record(**{name: tables.frame(name) for name in TABLES})


def frame_of(name: str, rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """Return rows of one table as columns."""
    columns = TABLES[name]
    values: Iterable[tuple[Any, ...]] = zip(*rows, strict=True) if rows else ((),) * len(columns)
    series = [pl.Series(column.name, data, column.dtype) for column, data in zip(columns, values, strict=True)]
    return pl.DataFrame(series)


def merged_frames(parts: Sequence[Mapping[str, pl.DataFrame]]) -> dict[str, pl.DataFrame]:
    """Return the tables of several recorders of one run as those of one: each in its order, no visit in two parts."""
    return {
        name: _sorted(_stacked(name, [part[name] for part in parts if part[name].height]), _ORDER.get(name, ()))
        for name in TABLES
    }


def write_frames(frames: Mapping[str, pl.DataFrame], folder: Path) -> None:
    """Write tables as Parquet files, each first under a name that says it is not whole."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        partial = folder / f"{name}.parquet.partial"
        frame.write_parquet(partial)
        partial.replace(folder / f"{name}.parquet")


def digest_of(frames: Mapping[str, pl.DataFrame]) -> str:
    """Return the hash of what happened: equal for equal runs, on any machine and with any version of the libraries."""
    return RunTables({name: [frame] for name, frame in frames.items()}).digest()


def stored_digest(folder: Path) -> str:
    """Return the digest of the tables as they lie in a run folder, with the columns of whichever version wrote them."""
    hashed = hashlib.sha256()
    for name in TABLES:
        if name not in SAMPLED:
            hash_frame(hashed, name, _stored_slices(folder, name))
    return hashed.hexdigest()


def read_record(folder: Path) -> Record:
    """Return the tables of a run folder; raise :class:`RecordError` when one is missing or has other columns."""
    return Record(**{name: scan_table(folder, name).collect() for name in TABLES})


def small_record(
    scan: Callable[[str], pl.LazyFrame],
    *,
    cutover: bool,
    why: bool = False,
    nation: bool = False,
    relays: bool = False,
) -> Record:
    """Return what measures and pages look at, in little memory; ``scan`` gives a table to be read as far as needed.

    Of a message no hop and no id, only a number that tells ids apart, and ``why`` it was refused only where that is
    asked; the first two hops where ``relays`` ask how long the first was at it. Without a cutover, whose queues
    everybody stands in, no visit within a province, and of a visit no more money than the bill and what funds paid of
    it, and nobody's name; only a ``nation`` asks for its hospital. Words that repeat are categories, which compare,
    group and sort as the text they are.
    """
    left_out = [name for name in _NAMES if not (nation and name == _OF_A_NATION)]
    visits = (scan("visits") if cutover else scan("visits").filter(~pl.col("local")).drop(left_out)).collect()
    kept = visits.lazy().select("visit")
    told = ("code", "outcome", "refusal") if why else ("code", "outcome")
    words = [pl.col(name).cast(pl.Categorical) for name in told]
    hops = _FIRST_HOPS if relays else ()
    messages = scan("messages").select("visit", *words, pl.col("msgid").hash(), "sent_us", "done_us", *hops)
    some = {
        name: table.join(kept, on="visit", how="semi", maintain_order="left").collect()
        for name, table in (("messages", messages), ("contacts", scan("contacts")))
    }
    rest = {name: scan(name).collect() for name in TABLES if name not in ("visits", *some)}
    return Record(visits=visits, **some, **rest)


_FIRST_HOPS = ("city_in_us", "city_out_us", "care_in_us", "care_out_us")
_NAMES = (
    "hospital", "person", "refusal", "settlement_id", "visit_id", "cash_fen", "account_fen", "hospital_part_fen",
    "settled_us",
)  # fmt: skip


_OF_A_NATION = "hospital"


def _stored(folder: Path, name: str) -> pl.LazyFrame:
    path = folder / f"{name}.parquet"
    if name in _ADDED_TABLES and folder.is_dir() and not path.exists():
        return frame_of(name, []).lazy()
    try:
        lazy = pl.scan_parquet(path)
        lazy.collect_schema()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unread(path, name) from error
    return lazy


def _stored_slices(folder: Path, name: str) -> Iterator[pl.DataFrame]:
    path = folder / f"{name}.parquet"
    if not path.is_file():
        yield _stored(folder, name).collect()
        return
    try:
        yield from slices_of(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unread(path, name) from error


def _unread(path: Path, name: str) -> RecordError:
    return RecordError(f"{path}: cannot read table {name!r}; expected a finished run folder")


def scan_table(folder: Path, name: str) -> pl.LazyFrame:
    """Return a table of a run folder, with this version's columns, to be read as far as it is needed.

    Raises:
        RecordError: when it is missing or has other columns.

    """
    path = folder / f"{name}.parquet"
    lazy = _stored(folder, name).rename(_RESPELLED.get(name, {}), strict=False)
    expected = {column.name: column.dtype for column in TABLES[name]}
    there = lazy.collect_schema().names()
    absent = [column for column in _ADDED_COLUMNS.get(name, ()) if column not in there]
    lazy = lazy.with_columns(pl.lit(None, expected[column]).alias(column) for column in absent).select(
        *(column for column in expected if column in there or column in absent),
        *(column for column in there if column not in expected),
    )
    schema = lazy.collect_schema()
    if dict(schema) != expected:
        differing = sorted({*schema} ^ {*expected}) or [c for c in expected if schema[c] != expected[c]]
        raise RecordError(f"{path}: columns differ from this version's: {', '.join(differing)}")
    return lazy


def _stacked(name: str, chunks: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(chunks, rechunk=True) if chunks else frame_of(name, [])


def _sorted(frame: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
    return frame.sort(*order, maintain_order=True) if order else frame


def _of(part: Part) -> pl.LazyFrame:
    return part.lazy() if isinstance(part, pl.DataFrame) else pl.scan_parquet(part)


def _whole(parts: Sequence[Part]) -> pl.DataFrame:
    return pl.concat([_of(part) for part in parts]).collect()


def _with_fates(inflight: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    fates = visits.select("visit", pl.col("fate").alias("final"))
    joined = inflight.join(fates, on="visit", how="left", maintain_order="left")
    return joined.with_columns(fate=pl.coalesce("final", "fate")).drop("final")
