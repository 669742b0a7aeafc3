"""What PostgreSQL has beside the hot statements: the tables of new books, and the function that writes a group.

One call of it judges a whole group of changes, writes those that hold and keeps the verdicts. The changes of a group
touch different keys (``books/postgresql/changes.py`` sees to it), so each step is taken for all of them at once. What
is done about a row that is there already is said by the same constructs as in the hot statements. This module must
never be imported by a serving process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from sqlalchemy import Column, ColumnElement, Table, literal_column, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from reference_impl.books.sql.hot import Insert, on_known_message, on_marked_message, on_next_version
from reference_impl.books.sql.layout import LAYOUTS
from reference_impl.books.sql.schema import CHILDREN, RECORDS, messages, metadata
from reference_impl.books.trail import BEGINNING, GROUP_HEAD

__all__ = ["beside_tables", "tables"]

_DIALECT = postgresql.dialect(paramstyle="named")
_KINDS = [*RECORDS.values(), *CHILDREN.values()]
_HOLDS = "holds[one.of_change]"
"""Whether the change that a row belongs to is written."""
_MARKS, _LIFTED = "marks", "lifted"
_LIST, _LIST_16 = 0x90, b"\xdc"
"""How a list begins in MessagePack. No call brings so many changes that two bytes would not count them."""


def tables() -> Iterator[tuple[str, str]]:
    """Yield what makes empty books, by name: each table and its indexes."""
    for table in metadata.sorted_tables:
        yield f"create_{table.name}", str(CreateTable(table).compile(dialect=_DIALECT))
        for index in sorted(table.indexes, key=lambda each: str(each.name)):
            yield f"create_{index.name}", str(CreateIndex(index).compile(dialect=_DIALECT))


def beside_tables() -> Iterator[tuple[str, str]]:
    """Yield what is made anew with each version of the program: the last group, types of rows, the function."""
    yield "drop_write_group", "DROP FUNCTION IF EXISTS write_group"
    yield "drop_last_group", "DROP TABLE IF EXISTS last_group"
    yield (
        "create_last_group",
        "CREATE TABLE last_group (number BIGINT NOT NULL, verdicts TEXT NOT NULL, opened BIGINT NOT NULL)",
    )
    yield "begin_last_group", "INSERT INTO last_group (number, verdicts, opened) VALUES (0, '', 0)"
    for table in (messages, *_KINDS):
        cells = ", ".join(f"{_name(one)} {one.type.compile(_DIALECT)}" for one in table.c)
        yield f"drop_row_of_{table.name}", f"DROP TYPE IF EXISTS {_row(table)}"
        yield f"create_row_of_{table.name}", f"CREATE TYPE {_row(table)} AS ({cells})"
    yield "create_write_group", _function()


def _function() -> str:
    given = [
        "group_number BIGINT", f"said {_row(messages)}[]", "inserts BOOLEAN[]", "with_records BOOLEAN[]",
        "told BYTEA[]",
        *_parameters(messages, _MARKS), *_parameters(messages, _LIFTED),
    ]  # fmt: skip
    for table in _KINDS:
        given += _parameters(table, table.name)
    body = "; ".join([*_judging(), *_writing_messages(), *_writing_records(), _writing_trail()])
    return f"""
        CREATE FUNCTION write_group({", ".join(given)}) RETURNS TEXT LANGUAGE plpgsql AS $body$
        DECLARE stale BIGINT[] := '{{}}'; judged TEXT; holds BOOLEAN[];
        BEGIN {body}; UPDATE last_group SET number = group_number, verdicts = judged; RETURN judged; END $body$"""  # noqa: S608 - ours


# --- judging: first the key, then the versions ------------------------------------------------------------------------


def _judging() -> Iterator[str]:
    """Say of each change: written (c), its key is known (k), a version is stale (s), nothing there to replace (n)."""
    for kind, table in RECORDS.items():
        if LAYOUTS[kind].versioned:
            key = _name(table.c[LAYOUTS[kind].kind.key])
            stale = f"""
                SELECT one.of_change FROM {_rows(table, table.name)} LEFT JOIN {table.name} AS there
                ON there.{key} = one.{key} WHERE one.version <> coalesce(there.version, 0) + 1"""  # noqa: S608 - ours
            yield _given(table.name, f"stale := stale || ARRAY({stale})")
    yield f"""
        SELECT string_agg(each.verdict, '' ORDER BY each.of_change),
            array_agg(each.verdict = 'c' ORDER BY each.of_change) INTO judged, holds
        FROM (SELECT one.of_change, CASE
            WHEN there.msgid IS NULL AND NOT one.inserts THEN 'n'
            WHEN there.withdrawn = 0 AND one.inserts THEN 'k'
            WHEN one.of_change = ANY (stale) THEN 's'
            WHEN NOT one.inserts AND one.with_records AND one.reversed_by IS NULL AND there.reversed_by IS NOT NULL
            THEN 's' ELSE 'c' END AS verdict
            FROM {_said()} LEFT JOIN messages AS there ON there.msgid = one.msgid AND there.sender = one.sender
        ) AS each"""  # noqa: S608 - ours


# --- writing ----------------------------------------------------------------------------------------------------------


def _writing_messages() -> Iterator[str]:
    fresh = _inserted(messages, f"{_said()} WHERE one.inserts AND {_HOLDS}", on_known_message)
    yield f"IF true = ANY (inserts) THEN {fresh}; END IF"
    close = f"""
        UPDATE messages SET reply = one.reply, reversed_by = coalesce(messages.reversed_by, one.reversed_by),
        withdrawn = one.withdrawn FROM {_said()}
        WHERE messages.msgid = one.msgid AND messages.sender = one.sender AND NOT one.inserts AND {_HOLDS}"""  # noqa: S608 - ours
    yield f"IF false = ANY (inserts) THEN {close}; END IF"
    yield _given(_MARKS, _inserted(messages, f"{_rows(messages, _MARKS)} WHERE {_HOLDS}", on_marked_message))
    lift = f"""
        UPDATE messages SET reversed_by = NULL,
        withdrawn = CASE WHEN messages.request IS NULL THEN 1 ELSE messages.withdrawn END
        FROM {_rows(messages, _LIFTED)} WHERE messages.msgid = one.msgid AND messages.sender = one.sender
        AND messages.reversed_by = one.reversed_by AND {_HOLDS}"""  # noqa: S608 - ours
    yield _given(_LIFTED, lift)


def _writing_records() -> Iterator[str]:
    keys = {RECORDS[kind].name: layout.kind.key for kind, layout in LAYOUTS.items() if layout.versioned}
    for table in _KINDS:
        key = keys.get(table.name)
        rows = f"{_rows(table, table.name)} WHERE {_HOLDS}"
        yield _given(table.name, _inserted(table, rows, None if key is None else _next_version(table, key)))


def _writing_trail() -> str:
    """Write the entry that ``books.trail`` would make of the changes that hold, behind the last one there is.

    A list in MessagePack begins with how many it holds: up to 15 in one byte, then in two behind a mark.
    """
    return f"""
        INSERT INTO trail (serial, hash, content) SELECT made.serial,
            sha256(made.before || int8send(made.serial) || made.content), made.content
        FROM (
            SELECT coalesce(last.serial, {BEGINNING.serial}) + 1 AS serial,
                coalesce(last.hash, {_bytes(BEGINNING.hash)}) AS before, {_bytes(GROUP_HEAD)} || CASE
                WHEN those.count < 16 THEN substr(int4send({_LIST} + those.count::int), 4)
                ELSE {_bytes(_LIST_16)} || substr(int4send(those.count::int), 3) END || those.all_told AS content
            FROM (
                SELECT count(*) AS count, string_agg(one.told, {_bytes()} ORDER BY one.of_change) AS all_told
                FROM unnest(told) WITH ORDINALITY AS one(told, of_change) WHERE {_HOLDS}
            ) AS those
            LEFT JOIN (SELECT serial, hash FROM trail ORDER BY serial DESC LIMIT 1) AS last ON true
            WHERE those.count > 0
        ) AS made"""  # noqa: S608 - ours


def _next_version(table: Table, key: str) -> Callable[[Insert], Insert]:
    return lambda fresh: on_next_version(fresh, table, key)


def _inserted(table: Table, rows: str, known: Callable[[Insert], Insert] | None) -> str:
    """Return an insert of ``rows`` in the order of their changes; ``known`` says what of those that are there."""
    cells: list[ColumnElement[Any]] = [literal_column(f"one.{_name(each)}") for each in table.c]
    source = select(*cells).select_from(text(f"{rows} ORDER BY one.of_change"))
    fresh = postgresql.insert(table).from_select([each.name for each in table.c], source)
    return str((fresh if known is None else known(fresh)).compile(dialect=_DIALECT))


# --- words ------------------------------------------------------------------------------------------------------------


def _bytes(given: bytes = b"") -> str:
    return f"'\\x{given.hex()}'::bytea"


def _parameters(table: Table, name: str) -> tuple[str, str]:
    """Return the parameters of rows and of the places of the changes that they belong to, from 1."""
    return f"{_rows_of(name)} {_row(table)}[]", f"{_places_of(name)} BIGINT[]"


def _given(name: str, step: str) -> str:
    return f"IF {_places_of(name)} IS NOT NULL THEN {step}; END IF"


def _rows(table: Table, name: str) -> str:
    cells = ", ".join(_name(each) for each in table.c)
    return f"ROWS FROM (unnest({_rows_of(name)}), unnest({_places_of(name)})) AS one({cells}, of_change)"


def _said() -> str:
    cells = ", ".join(_name(each) for each in messages.c)
    return (
        "ROWS FROM (unnest(said), unnest(inserts), unnest(with_records)) "
        f"WITH ORDINALITY AS one({cells}, inserts, with_records, of_change)"
    )


def _rows_of(name: str) -> str:
    return f"rows_of_{name}"


def _places_of(name: str) -> str:
    return f"places_of_{name}"


def _row(table: Table) -> str:
    return f"row_of_{table.name}"


def _name(one: Column[Any]) -> str:
    return cast("Any", _DIALECT).identifier_preparer.quote(one.name)
