"""The two witnesses as tables: settlements, copies, postings, messages of the books; attempts and visits of the record.

This module only lays facts out. It must never judge them, and never repair a row that looks wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import polars as pl

from lab.checker.agreement import NO_AGREEMENT, Agreement
from lab.checker.rows import CODED_COLUMNS, DRUG_COLUMNS, OF_INSTITUTION, OF_REGION, TYPED_COLUMNS, Laid, laid_tables
from reference_impl.domain.nodes import is_city
from scenarios.record.written import Scratch

if TYPE_CHECKING:
    from pathlib import Path

    from reference_impl.books.final import FinalBooks
    from scenarios.record.written import RunTables

EARLIER_COLUMNS: dict[str, Any] = {"node": pl.String, "before": pl.String, "other": pl.String}

_ATTEMPTED = ("visit", "code", "msgid", "sent_us", "done_us", "outcome", "reply_crc")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the laws may look at."""

    settlements: pl.DataFrame
    copies: pl.DataFrame
    charges: pl.DataFrame
    postings: pl.DataFrame
    messages: pl.DataFrame
    visits: pl.DataFrame
    attempts: pl.DataFrame
    mid_stays: pl.DataFrame
    inflight: pl.DataFrame
    filings: pl.DataFrame
    closings: pl.DataFrame
    earlier: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EARLIER_COLUMNS))
    """Of a portion: whose the settlements of other places are that those of this one were worked out upon."""
    coded: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CODED_COLUMNS))
    """By which codes a place of care priced each message of charges; looked up only where codes are issued anew."""
    drugs: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=DRUG_COLUMNS))
    """What a place of care said that it prescribes, or dispenses by prescription; only where insurers hold any."""
    typed: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=TYPED_COLUMNS))
    """As what nodes were told that settlements are paid; only where there is care that is not ordinary."""
    relays: tuple[str, ...] = ()
    """The cities that are nodes of their own, and so have books."""
    agreement: Agreement = NO_AGREEMENT

    def standing(self) -> pl.DataFrame:
        """Return the settlements that no reversal has taken back."""
        return _standing(self.settlements)

    def standing_copies(self) -> pl.DataFrame:
        """Return the copies of settlements that their node has not seen taken back."""
        return _standing(self.copies)


_PROVINCE_DIGITS = 2
CHUNK_ROWS = 50_000
"""Rows held as tuples before they are packed into columns."""


def gather(
    books: Mapping[str, FinalBooks],
    tables: RunTables,
    agreement: Agreement = NO_AGREEMENT,
) -> Evidence:
    """Lay out the final books of every node beside the record of the run."""
    which = laid_tables(agreement.looked_up())
    laid = {name: pl.concat(list(_chunks(books, one))) for name, one in which.items()}
    return Evidence(
        **laid,
        visits=tables.frame("visits"),
        attempts=tables.scan("messages").select(_ATTEMPTED).collect(),
        mid_stays=tables.frame("mid_stays"),
        inflight=tables.frame("inflight"),
        closings=tables.frame("closings"),
        agreement=agreement,
        relays=_relays(books),
    )


@dataclass(frozen=True, slots=True)
class LaidOut:
    """The final books of every node as the evidence has them, in files: nobody needs the world that wrote them."""

    files: Mapping[str, list[Path]]
    scratch: Scratch
    """Holds the files, as long as this does."""
    relays: tuple[str, ...] = ()
    """As in the evidence."""


def lay_out(books: Mapping[str, FinalBooks], scratch: Scratch, agreement: Agreement = NO_AGREEMENT) -> LaidOut:
    """Lay the final books out on disk, with what only laws of this ``agreement`` look at."""
    which = laid_tables(agreement.looked_up())
    files = {name: [_stored(chunk, scratch.path(name)) for chunk in _chunks(books, one)] for name, one in which.items()}
    return LaidOut(files, scratch, _relays(books))


def _relays(books: Mapping[str, FinalBooks]) -> tuple[str, ...]:
    return tuple(filter(is_city, books))


def portions(
    laid: LaidOut,
    tables: RunTables,
    looked_at: Collection[str] = (),
    *,
    agreement: Agreement = NO_AGREEMENT,
) -> Iterator[Evidence]:
    """Give the same evidence by province of care, one after the other: what is not looked at lies on disk.

    With ``looked_at`` only the tables named are read, and the others are empty.
    """
    laid_out = laid_tables(laid.files)
    sources = {name: (pl.scan_parquet(laid.files[name]), one.by, one.place) for name, one in laid_out.items()}
    sources["visits"] = (tables.scan("visits"), "hospital", OF_INSTITUTION)
    sources["mid_stays"] = (tables.scan("mid_stays"), "msgid", OF_INSTITUTION)
    sources["attempts"] = (tables.scan("messages").select(_ATTEMPTED), "msgid", OF_INSTITUTION)
    sources["inflight"] = (tables.scan("inflight"), "care_region", OF_REGION)
    sources["closings"] = (tables.scan("closings"), "care_region", OF_REGION)
    if looked_at:
        rest = sources.keys() - looked_at
        sources |= {name: (sources[name][0].clear(), *sources[name][1:]) for name in rest}
    provinces = {name: pl.col(by).str.slice(place, _PROVINCE_DIGITS) for name, (_, by, place) in sources.items()}
    every = pl.concat([source.select(province=provinces[name]).unique() for name, (source, _, _) in sources.items()])
    for province in every.unique().collect()["province"].sort():  # of every table: nothing may be left unchecked
        portion = {
            name: source.filter(provinces[name] == province).collect() for name, (source, _, _) in sources.items()
        }
        elsewhere = {name: source.filter(provinces[name] != province) for name, (source, _, _) in sources.items()}
        earlier = _earlier(portion["settlements"], elsewhere)
        yield Evidence(**portion, earlier=earlier, agreement=agreement, relays=laid.relays)


def _earlier(settlements: pl.DataFrame, elsewhere: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """Return whose the settlements elsewhere are that these were worked out upon: a person goes to many places."""
    upon = settlements.lazy().filter(pl.col("before") != "").select("node", settlement="before").unique()
    made = elsewhere["settlements"].filter(pl.col("sign") == 1).join(upon, on=["node", "settlement"], how="semi")
    of_visit = (
        elsewhere["attempts"].select("msgid", "visit").join(made.select("msgid"), on="msgid", how="semi").unique()
    )
    patients = of_visit.join(elsewhere["visits"].select("visit", other="person"), on="visit")
    return (
        made.join(patients, on="msgid").select("node", "other", before="settlement").collect().select(*EARLIER_COLUMNS)
    )


def _chunks(books: Mapping[str, FinalBooks], laid: Laid) -> Iterator[pl.DataFrame]:
    """Yield a table of the evidence in pieces; one at least."""
    rows = (row for node, kept in books.items() for row in laid.rows(node, kept))
    yield _frame(islice(rows, CHUNK_ROWS), laid.columns)
    while some := list(islice(rows, CHUNK_ROWS)):
        yield _frame(some, laid.columns)


def _stored(chunk: pl.DataFrame, path: Path) -> Path:
    chunk.write_parquet(path, compression="lz4")
    return path


def _standing(settlements: pl.DataFrame) -> pl.DataFrame:
    taken_back = settlements.filter(pl.col("sign") == -1).select("node", settlement="reverses")
    return settlements.filter(pl.col("sign") == 1).join(taken_back, on=["node", "settlement"], how="anti")


def _frame(rows: Iterable[tuple[Any, ...]], columns: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=columns, orient="row")
