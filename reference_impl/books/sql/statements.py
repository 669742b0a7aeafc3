"""The hot statements: written in SQLAlchemy Core, compiled once for each dialect, run on the driver (13 times faster).

``python -m reference_impl.books.sql.statements`` writes ``hot.sql`` (SQLite) and ``hot_postgresql.sql`` anew after a
change of the schema; a test holds them to it. Serving code must use ``read_statements`` alone, which loads no
SQLAlchemy.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.sql.compiler import SQLCompiler

__all__ = ["Dialect", "compile_statements", "file_of", "read_statements", "render"]

_NAME = "-- "
_HEADER = "-- Made from schema.py by python -m reference_impl.books.sql.statements; parameters in the order named.\n"


class Dialect(StrEnum):
    """A database that the statements are compiled for."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


def file_of(dialect: Dialect) -> Path:
    """Return where the statements of a dialect stand."""
    name = "hot.sql" if dialect is Dialect.SQLITE else f"hot_{dialect}.sql"
    return Path(__file__).with_name(name)


def read_statements(dialect: Dialect = Dialect.SQLITE) -> dict[str, str]:
    """Return the compiled statements by name."""
    found: dict[str, str] = {}
    for block in file_of(dialect).read_text(encoding="utf-8").removeprefix(_HEADER).split("\n\n"):
        title, _, sql = block.strip().partition("\n")
        if title:
            found[title.removeprefix(_NAME).partition("(")[0]] = sql
    return found


def render(dialect: Dialect) -> str:
    """Return the text that the file of a dialect must hold."""
    blocks = [f"{_NAME}{name}({', '.join(parameters)})\n{sql}" for name, sql, parameters in compile_statements(dialect)]
    return _HEADER + "\n" + "\n\n".join(blocks) + "\n"


def compile_statements(dialect: Dialect) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield the name, the SQL and the parameter names in order of each hot statement."""
    from sqlalchemy.dialects import postgresql, sqlite  # noqa: PLC0415 - only where the files are made

    from reference_impl.books.sql import group_write, hot  # noqa: PLC0415 - the same

    if dialect is Dialect.SQLITE:
        speech = sqlite.dialect(paramstyle="qmark")
        wanted = hot.shared(sqlite.insert) | hot.one_by_one(sqlite.insert)
    else:
        speech = postgresql.dialect(paramstyle="numeric_dollar")
        wanted = hot.shared(postgresql.insert)
        for name, sql in (*group_write.tables(), *group_write.beside_tables()):
            yield name, " ".join(sql.split()), ()
    for name, statement in wanted.items():
        compiled = cast("SQLCompiler", statement.compile(dialect=speech))
        yield name, " ".join(str(compiled).split()), tuple(compiled.positiontup or ())


if __name__ == "__main__":
    for each in Dialect:
        file_of(each).write_text(render(each), encoding="utf-8")
