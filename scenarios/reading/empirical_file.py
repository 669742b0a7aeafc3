"""Read the durations that an empirical distribution was seen to have, from a CSV or Parquet file, into its ``values``.

A row keeps its line, so that an error in it names the file's own line (of a Parquet file the number of the row). Must
never decide whether a duration makes sense: ``scenarios.schema.durations`` does.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from scenarios.reading.errors import ScenarioError
from scenarios.reading.tree import Branch, Place

__all__ = ["EMPIRICAL_BYTES_MAX", "EMPIRICAL_ROWS_MAX", "with_empirical"]

EMPIRICAL_BYTES_MAX = 16 * 1024 * 1024
EMPIRICAL_ROWS_MAX = 200_000
"""The rows are kept in the scenario of each run."""
_WRITTEN, _WHOLE_US = "duration", "duration_us"
_CELL_MAX = 100
"""Characters of a cell: no duration is as long."""


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
            **_at(file.place), key=".".join((*path, "file")), got=repr(file.value), expected="one of the two",
        )  # fmt: skip
    rows = [Branch(text, place, place) for place, text in _rows(file.place, file.value, ".".join((*path, "file")))]
    return replace(tree, value={**inside, "values": Branch(list(rows), file.place, file.key_place)})


def _rows(place: Place, name: str, key: str) -> Iterator[tuple[Place, str]]:
    path = (Path(place.file).parent if place.line else Path()) / name
    try:
        suffix = path.suffix.lower()
        if suffix not in (".csv", ".parquet"):
            raise ScenarioError(
                "wrong value", **_at(place), key=key, got=repr(name), expected="durations in CSV (*.csv) or Parquet"
            )
        if path.stat().st_size > EMPIRICAL_BYTES_MAX:
            raise ScenarioError("file too large", file=str(path), expected=f"at most {EMPIRICAL_BYTES_MAX} bytes")
        raw = path.read_bytes()
        rows = _of_csv(raw.decode("utf-8-sig"), str(path)) if suffix == ".csv" else _of_parquet(raw, str(path))
        yield from _bounded(rows, str(path))
    except UnicodeDecodeError as error:
        got = f"byte 0x{error.object[error.start]:02x} at offset {error.start}"
        raise ScenarioError("not a text file", file=str(path), got=got, expected="CSV in UTF-8") from error
    except (OSError, ValueError) as error:  # a ValueError is a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise ScenarioError(
            f"cannot read the durations {str(path)!r}: {reason}",
            **_at(place), key=key, expected="a readable file, from the scenario's folder on",
        ) from error  # fmt: skip


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
                raise ScenarioError("a row of another length", **_at(place), got=f"{len(cells)} cells", expected="one")
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
        got = ", ".join(name[:_CELL_MAX] for name in names) or "none"
        raise ScenarioError("wrong columns", **_at(place), got=got, expected=f"one: {_WRITTEN} or {_WHOLE_US}")
    return names[0]


def _duration(text: str, column: str, place: Place) -> str:
    if len(text) > _CELL_MAX:
        raise ScenarioError("a cell too long", **_at(place), key=column, expected=f"at most {_CELL_MAX} characters")
    if column == _WRITTEN:
        return text
    if not (text.isascii() and text.isdecimal()):
        raise ScenarioError("wrong value", **_at(place), key=column, got=repr(text), expected="whole microseconds")
    return f"{text}us"


def _bounded(rows: Iterator[tuple[Place, str]], file: str) -> Iterator[tuple[Place, str]]:
    for number, row in enumerate(rows, start=1):
        if number > EMPIRICAL_ROWS_MAX:
            raise ScenarioError("too many rows", file=file, expected=f"at most {EMPIRICAL_ROWS_MAX}")
        yield row


def _at(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line, "column": place.column}
