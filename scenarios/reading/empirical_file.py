"""Read the durations that an empirical distribution was seen to have, from a CSV or Parquet file, into its ``values``.

A row keeps its line, so that an error in it names the file's own line (of a Parquet file the number of the row). Must
never decide whether a duration makes sense: ``scenarios.schema.durations`` does.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from scenarios.reading.errors import ScenarioError
from scenarios.reading.named_file import NamedFile, at_place, digits, refuse_long
from scenarios.reading.tree import Branch, Place

__all__ = ["EMPIRICAL_BYTES_MAX", "EMPIRICAL_ROWS_MAX", "with_empirical"]

EMPIRICAL_BYTES_MAX = 16 * 1024 * 1024
EMPIRICAL_ROWS_MAX = 200_000
"""The rows are kept in the scenario of each run."""
_WRITTEN, _WHOLE_US = "duration", "duration_us"
_NAME_SHOWN = 100


def with_empirical(tree: Branch) -> Branch:
    """Return a scenario's tree with the rows of every file that an empirical distribution names as its ``values``."""
    return _with(tree, ())


def _with(tree: Branch, path: tuple[str, ...]) -> Branch:
    if isinstance(tree.value, list):
        return replace(tree, value=[_with(branch, (*path, str(n))) for n, branch in enumerate(tree.value)])
    if not isinstance(tree.value, dict):
        return tree
    inside = {key: _with(branch, (*path, key)) for key, branch in tree.value.items()}
    named, file = tree.child("distribution"), tree.child("file")
    if named is None or named.value != "empirical" or file is None or not isinstance(file.value, str):
        return replace(tree, value=inside)
    if tree.child("values") is not None:
        raise ScenarioError(
            "an empirical distribution with a file and with values",
            **at_place(file.place), key=".".join((*path, "file")), got=repr(file.value), expected="one of the two",
        )  # fmt: skip
    named_file = NamedFile(file.place, file.value, ".".join((*path, "file")), "durations", EMPIRICAL_BYTES_MAX)
    values = list(_bounded(named_file.read(_of_csv, _of_parquet)))
    return replace(tree, value={**inside, "values": Branch(values, file.place, file.key_place)})


def _of_csv(text: str, file: str) -> Iterator[tuple[Place, str]]:
    if "\0" in text:
        raise ScenarioError("not a text file", file=file, got="a zero byte", expected="CSV in UTF-8")
    reader = csv.reader(io.StringIO(text), strict=True)
    column = ""
    try:
        for cells in reader:
            place = Place(file, reader.line_num, 1)
            if not cells:
                continue
            if not column:
                column = _column([cell.strip() for cell in cells], place)
                continue
            if len(cells) != 1:
                raise ScenarioError(
                    "a row of another length", **at_place(place), got=f"{len(cells)} cells", expected="one"
                )
            yield place, _duration(cells[0].strip(), column, place)
    except csv.Error as error:
        raise ScenarioError(f"not CSV: {error}", file=file, line=reader.line_num, column=1) from error
    if not column:
        raise ScenarioError("empty file", file=file, line=1, column=1, expected=f"a line {_WRITTEN} or {_WHOLE_US}")


def _of_parquet(raw: bytes, file: str) -> Iterator[tuple[Place, str]]:
    try:
        frame = pl.read_parquet(io.BytesIO(raw), n_rows=EMPIRICAL_ROWS_MAX + 1)
        column = _column(frame.columns, Place(file, 1, 1))
        texts = frame.get_column(column).cast(pl.String).fill_null("").to_list()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:  # damaged pages panic
        what = str(error).strip().splitlines()
        raise ScenarioError(f"not Parquet: {what[0] if what else 'unreadable'}", file=file) from error
    for number, text in enumerate(texts, start=1):
        place = Place(file, number, 1)
        yield place, _duration(text, column, place)


def _column(names: list[str], place: Place) -> str:
    if names not in ([_WRITTEN], [_WHOLE_US]):
        got = ", ".join(name[:_NAME_SHOWN] for name in names) or "none"
        raise ScenarioError("wrong columns", **at_place(place), got=got, expected=f"one: {_WRITTEN} or {_WHOLE_US}")
    return names[0]


def _duration(text: str, column: str, place: Place) -> str:
    refuse_long(text, place, column)
    return text if column == _WRITTEN else f"{digits(text, place, column, 'whole microseconds')}us"


def _bounded(rows: Iterator[tuple[Place, str]]) -> Iterator[Branch]:
    for number, (place, text) in enumerate(rows, start=1):
        if number > EMPIRICAL_ROWS_MAX:
            raise ScenarioError("too many rows", file=place.file, expected=f"at most {EMPIRICAL_ROWS_MAX}")
        yield Branch(text, place, place)
