"""The hot statements: written in SQLAlchemy Core, compiled once into ``hot.sql``, run on the driver (13 times faster).

``python -m reference_impl.books.sql.statements`` writes the file anew after a change of the schema; a test holds it to
the schema. Serving code must use ``read_statements`` alone, which loads no SQLAlchemy.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.sql.compiler import SQLCompiler

__all__ = ["compile_statements", "read_statements", "render"]

_FILE = Path(__file__).with_name("hot.sql")
_NAME = "-- "
_HEADER = "-- Made from schema.py by python -m reference_impl.books.sql.statements; parameters in the order named.\n"


def read_statements() -> dict[str, str]:
    """Return the compiled statements by name."""
    statements: dict[str, str] = {}
    for block in _FILE.read_text(encoding="utf-8").removeprefix(_HEADER).split("\n\n"):
        title, _, sql = block.strip().partition("\n")
        if title:
            statements[title.removeprefix(_NAME).partition("(")[0]] = sql
    return statements


def render() -> str:
    """Return the text that ``hot.sql`` must hold."""
    blocks = [f"{_NAME}{name}({', '.join(parameters)})\n{sql}" for name, sql, parameters in compile_statements()]
    return _HEADER + "\n" + "\n\n".join(blocks) + "\n"


def compile_statements() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield the name, the SQL and the parameter names in order of each hot statement."""
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - only where the file is made

    from reference_impl.books.sql import hot  # noqa: PLC0415 - the same

    dialect = sqlite.dialect(paramstyle="qmark")
    for name, statement in hot.STATEMENTS.items():
        compiled = cast("SQLCompiler", statement.compile(dialect=dialect))
        yield name, " ".join(str(compiled).split()), tuple(compiled.positiontup or ())


if __name__ == "__main__":
    _FILE.write_text(render(), encoding="utf-8")
