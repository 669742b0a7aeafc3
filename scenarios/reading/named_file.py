"""A file of rows that a scenario names: found from the scenario's folder on, within bounds, or told why not.

Must never know what the rows mean: ``trace_file`` and ``empirical_file`` do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from scenarios.reading.errors import ScenarioError
from scenarios.reading.tree import Place

__all__ = ["NamedFile", "at_place", "digits", "refuse_long"]

_CELL_MAX = 100
"""Characters of a cell: no time, code or number is as long."""
Rows = TypeVar("Rows")


@dataclass(frozen=True, slots=True)
class NamedFile:
    """The file ``name`` at ``place`` of a scenario, under ``key``; ``holds`` says in a word or two what is in it."""

    place: Place
    name: str
    key: str
    holds: str
    bytes_max: int

    def read(self, of_csv: Callable[[str, str], Rows], of_parquet: Callable[[bytes, str], Rows]) -> Rows:
        """Return what one of the two makes of its content and its path, by the end of its name.

        Raises:
            ScenarioError: when it cannot be read, is too large, or is neither by its name.

        """
        path = (Path(self.place.file).parent if self.place.line else Path()) / self.name
        try:
            suffix = path.suffix.lower()
            if suffix not in (".csv", ".parquet"):
                raise ScenarioError(
                    "wrong value", **at_place(self.place), key=self.key, got=repr(self.name),
                    expected=f"{self.holds} in CSV (*.csv) or Parquet (*.parquet)",
                )  # fmt: skip
            if path.stat().st_size > self.bytes_max:
                raise ScenarioError("file too large", file=str(path), expected=f"at most {self.bytes_max} bytes")
            raw = path.read_bytes()
            return of_csv(raw.decode("utf-8-sig"), str(path)) if suffix == ".csv" else of_parquet(raw, str(path))
        except UnicodeDecodeError as error:
            got = f"byte 0x{error.object[error.start]:02x} at offset {error.start}"
            raise ScenarioError("not a text file", file=str(path), got=got, expected="CSV in UTF-8") from error
        except (OSError, ValueError) as error:  # a ValueError is a name that no file can have
            reason = getattr(error, "strerror", None) or error
            raise ScenarioError(
                f"cannot read the {self.holds} {str(path)!r}: {reason}",
                **at_place(self.place), key=self.key, expected="a readable file, from the scenario's folder on",
            ) from error  # fmt: skip


def at_place(place: Place) -> dict[str, Any]:
    """Return a place as an error names it."""
    return {"file": place.file, "line": place.line, "column": place.column}


def refuse_long(text: str, place: Place, name: str) -> None:
    """Raise when a cell is longer than anything that stands in one."""
    if len(text) > _CELL_MAX:
        raise ScenarioError("a cell too long", **at_place(place), key=name, expected=f"at most {_CELL_MAX} characters")


def digits(text: str, place: Place, name: str, expected: str) -> str:
    """Return a cell of digits alone: ``100.0`` or ``1_000`` may be meant otherwise than Python would read it."""
    if not (text.isascii() and text.isdecimal()):
        raise ScenarioError("wrong value", **at_place(place), key=name, got=repr(text), expected=expected)
    return text
