"""Read a trace of arrivals: a CSV or Parquet file whose rows become the visits of ``visits.arrivals``.

A row keeps the place where it stands, so that an error in it names the trace's own file and line (of a Parquet file the
number of the row). Must never decide whether a row makes sense: ``scenarios.schema.written_visit`` does.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import polars as pl

from scenarios.reading.errors import ScenarioError
from scenarios.reading.named_file import NamedFile, at_place, digits, refuse_long
from scenarios.reading.shape import nearest
from scenarios.reading.tree import Branch, Place

__all__ = ["TRACE_BYTES_MAX", "TRACE_ROWS_MAX", "read_csv", "read_parquet", "with_trace"]

TRACE_BYTES_MAX = 64 * 1024 * 1024
TRACE_ROWS_MAX = 200_000
"""A trace is kept whole in the scenario of each of its runs."""
_COLUMNS = ("at", "at_us", "kind", "care", "insured", "institution", "stay", "stay_us", "total_fen")
_WHOLE_US = {"at_us": "at", "stay_us": "stay"}
"""Columns of whole microseconds, and the key that each is the value of."""
_WHOLE_FEN = "total_fen"
_NAME_SHOWN = 100


class _Row(NamedTuple):
    line: int
    cells: tuple[str, ...]


def with_trace(tree: Branch) -> Branch:
    """Return a scenario's tree with the rows of the trace that it names as ``visits.arrivals.visits``."""
    visits = tree.child("visits")
    arrivals = None if visits is None else visits.child("arrivals")
    file = None if arrivals is None else arrivals.child("file")
    if visits is None or arrivals is None or file is None or not isinstance(file.value, str):
        return tree
    if arrivals.child("visits") is not None:
        raise ScenarioError(
            "a trace with a file and with visits",
            **at_place(file.place), key="visits.arrivals.file", got=repr(file.value), expected="one of the two",
        )  # fmt: skip
    rows = _read(file, file.value)
    return _with(tree, "visits", _with(visits, "arrivals", _with(arrivals, "visits", rows)))


def read_csv(text: str, file: str) -> Branch:
    """Return the rows of a CSV file's text."""
    if "\0" in text:
        raise ScenarioError("not a text file", file=file, got="a zero byte", expected="CSV in UTF-8")
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        rows = [_Row(reader.line_num, tuple(cell.strip() for cell in cells)) for cells in reader if cells]
    except csv.Error as error:
        raise ScenarioError(f"not CSV: {error}", file=file, line=reader.line_num, column=1) from error
    if not rows:
        raise ScenarioError("empty file", file=file, line=1, column=1, expected=f"a line of columns: {_known()}")
    return _as_visits(rows[0].cells, rows[1:], Place(file, rows[0].line, 1))


def read_parquet(raw: bytes, file: str) -> Branch:
    """Return the rows of a Parquet file's bytes."""
    try:
        schema = pl.read_parquet_schema(io.BytesIO(raw))
        count = pl.scan_parquet(io.BytesIO(raw)).select(pl.len()).collect().item()
        _refuse_many(count, file)
        known = [name for name in schema if name in _COLUMNS]
        frame = pl.read_parquet(io.BytesIO(raw), columns=known)
        texts = frame.select(pl.col(name).cast(pl.String).fill_null("") for name in known)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:  # damaged pages panic
        what = str(error).strip().splitlines()
        raise ScenarioError(f"not Parquet: {what[0] if what else 'unreadable'}", file=file) from error
    cells = texts.select(name for name in known).iter_rows()
    rows = (_Row(number, row) for number, row in enumerate(cells, start=1))
    unknown = [name for name in schema if name not in _COLUMNS]
    return _as_visits((*known, *unknown), rows, Place(file, 1, 1))


def _read(file: Branch, name: str) -> Branch:
    return NamedFile(file.place, name, "visits.arrivals.file", "trace", TRACE_BYTES_MAX).read(read_csv, read_parquet)


def _as_visits(columns: tuple[str, ...], rows: Iterable[_Row], head: Place) -> Branch:
    _check_columns(columns, head)
    visits = list(_visits(columns, rows, head.file))
    return Branch(visits, head, head)


def _visits(columns: tuple[str, ...], rows: Iterable[_Row], file: str) -> Iterator[Branch]:
    for number, row in enumerate(rows, start=1):
        _refuse_many(number, file)
        place = Place(file, row.line, 1)
        if len(row.cells) != len(columns):
            got, expected = f"{len(row.cells)} cells", f"{len(columns)}, as in the first line"
            raise ScenarioError("a row of another length", **at_place(place), got=got, expected=expected)
        yield Branch(dict(_cells(columns, row, file)), place, place)


def _cells(columns: tuple[str, ...], row: _Row, file: str) -> Iterator[tuple[str, Branch]]:
    for number, (name, text) in enumerate(zip(columns, row.cells, strict=True), start=1):
        if not text:
            continue
        place = Place(file, row.line, number)
        refuse_long(text, place, name)
        if name in _WHOLE_US:
            yield _WHOLE_US[name], Branch(f"{digits(text, place, name, 'whole microseconds')}us", place, place)
        elif name == _WHOLE_FEN:
            yield name, Branch(digits(text, place, name, "whole fen, in digits alone"), place, place)
        else:
            yield name, Branch(text, place, place)


def _check_columns(columns: tuple[str, ...], head: Place) -> None:
    for number, name in enumerate(columns, start=1):
        place = replace(head, column=number)
        if name not in _COLUMNS:
            hint = nearest(name, _COLUMNS)
            raise ScenarioError(
                "unknown column", **at_place(place), got=repr(name[:_NAME_SHOWN]), expected=_known(), hint=hint
            )
        if columns.index(name) != number - 1:
            raise ScenarioError("a column twice", **at_place(place), got=repr(name), expected="each column once")
    for fine, coarse in _WHOLE_US.items():
        if {fine, coarse} <= set(columns):
            raise ScenarioError(
                "two columns of one moment", **at_place(head), got=f"{coarse} and {fine}", expected="one"
            )
    for wanted in (("at", "at_us"), ("kind",)):
        if not set(wanted) & set(columns):
            got, expected = ", ".join(columns), f"a column {' or '.join(wanted)}"
            raise ScenarioError("missing column", **at_place(head), got=got, expected=expected)


def _refuse_many(count: int, file: str) -> None:
    if count > TRACE_ROWS_MAX:
        raise ScenarioError("too many rows", file=file, expected=f"at most {TRACE_ROWS_MAX}")


def _known() -> str:
    return f"of {', '.join(_COLUMNS)}"


def _with(tree: Branch, key: str, value: Branch) -> Branch:
    assert isinstance(tree.value, dict)  # the key was found in it
    return replace(tree, value={**tree.value, key: value})
