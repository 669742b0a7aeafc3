"""A new kind of record needs a struct and a line: laid out, kept and read back without a line of books' own code."""

from __future__ import annotations

import sqlite3
from enum import StrEnum
from typing import Literal, NamedTuple

import pytest

from reference_impl.books import memory
from reference_impl.books.sql import layout as module
from reference_impl.books.sql.layout import layout_of
from reference_impl.domain.benefit import Accumulators
from reference_impl.protocol.records import KINDS, Kind, Record, Way


class Standing(StrEnum):
    FILED = "filed"
    ENDED = "ended"


class Due(NamedTuple):
    account: str
    amount_fen: int


class Filing(Record, frozen=True, gc=False):
    """A kind that the books have never heard of."""

    filing: str
    version: int
    standing: Standing
    sign: Literal[1, -1]
    accumulators: Accumulators
    monthly_fen: tuple[int, ...] = ()
    dues: tuple[Due, ...] = ()


FILING = Filing(
    "F1", 1, Standing.FILED, -1, Accumulators(year=2024, stays=3), (1, 2), (Due("34:fund", 5), Due("x", -5))
)


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setitem(KINDS, Filing, Kind("filings", "filing", Way.APPENDED))
    layout_of.cache_clear()
    yield layout_of(Filing)
    layout_of.cache_clear()


def test_a_new_kind_lies_flat_and_is_read_back(known):
    assert [column.name for column in known.columns] == [
        "filing", "version", "standing", "sign", *Accumulators.__struct_fields__, "monthly_fen",
    ]  # fmt: skip
    assert known.child.table == "filings_dues"
    assert known.record_of(known.row_of(FILING), FILING.dues) == FILING


def test_its_columns_are_what_sqlite_stores(known):
    marks = ", ".join("?" * len(known.columns))
    columns = ", ".join(f"{column.name} {column.sql}" for column in known.columns)
    with sqlite3.connect(":memory:") as connection:
        connection.execute(f"CREATE TABLE filings ({columns}) STRICT")
        connection.execute(f"INSERT INTO filings VALUES ({marks})", known.row_of(FILING))  # noqa: S608 - marks alone
        [row] = connection.execute("SELECT * FROM filings")

    assert known.record_of(row, FILING.dues) == FILING


def test_memory_keeps_it_in_its_way(known):
    keeper = memory._keeper(Filing)
    keeper.keep(FILING)

    assert keeper.all() == (FILING,)


class Loose(Record, frozen=True, gc=False):
    loose: str
    share: float


def test_a_field_that_has_no_place_in_a_row_is_named(monkeypatch):
    monkeypatch.setitem(KINDS, Loose, Kind("loose", "loose", Way.APPENDED))

    with pytest.raises(TypeError, match="field 'share' of type <class 'float'> has no place in a row"):
        module.layout_of(Loose)
