"""Opening a node's schema: whose it is, which revision it has, and what is made or brought up.

Everything is done in one transaction, so a process killed in it leaves nothing that looks like books. Current books
open without loading SQLAlchemy or Alembic, and so are new ones made.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reference_impl.books.final import BooksError
from reference_impl.books.postgresql.session import ERRORS, Connection, connect, trouble
from reference_impl.books.sql.statements import Dialect, read_statements
from reference_impl.books.sql.version import SCHEMA_VERSION

if TYPE_CHECKING:
    from reference_impl.books.postgresql.address import Schema, Server

__all__ = ["all_names", "are_there", "make_ready", "migrate", "must_be_current", "remove"]

_SQL = read_statements(Dialect.POSTGRESQL)
_TABLES_END = "drop_write_group"
"""The first of the statements that make what stands beside the tables."""
_BESIDE_END = "create_write_group"


def _blocks() -> tuple[list[str], list[str]]:
    """Return what makes the tables of new books, and what is made anew with each version of the program."""
    names = list(_SQL)
    first, last = names.index(_TABLES_END), names.index(_BESIDE_END)
    return [_SQL[name] for name in names[:first]], [_SQL[name] for name in names[first : last + 1]]


_TABLES, _BESIDE = _blocks()
_MADE = hashlib.sha256("\n".join(_BESIDE).encode()).hexdigest()


async def make_ready(schema: Schema) -> None:
    """Make the books current: made when missing, migrated when old.

    Raises:
        BooksError: when they are not ours, newer than this program, or cannot be made.

    """
    connection = await connect(schema)
    try:
        version = await _version_of(connection, schema)
        if version is not None and version < SCHEMA_VERSION:
            await _bring_up(schema, version)
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))", schema.name)
            if await _version_of(connection, schema) is None:
                await _make(connection, schema)
            if await connection.fetchval(_FUNCTION) != _MADE:
                for statement in _BESIDE:
                    await connection.execute(statement)
                await connection.execute(f"COMMENT ON FUNCTION write_group IS '{_MADE}'")
    except ERRORS as error:
        raise BooksError(f"cannot make books {schema}: {trouble(error)}; check what the user may do there") from None
    finally:
        connection.terminate()


_FUNCTION = "SELECT obj_description(to_regproc('write_group'), 'pg_proc')"


async def are_there(schema: Schema) -> bool:
    """Return whether books have been made there.

    Raises:
        BooksError: when that cannot be asked.

    """
    connection = await connect(schema)
    try:
        return await _version_of(connection, schema) is not None
    finally:
        connection.terminate()


_BOOKS = """SELECT schemaname FROM pg_tables
    WHERE tablename = 'alembic_version' AND schemaname ~ '^yidi_[a-z0-9_]+$' ORDER BY 1"""


async def all_names(server: Server) -> list[str]:
    """Return the names of the schemas that books have been made in.

    Raises:
        BooksError: when that cannot be asked.

    """
    connection = await connect(server.schema("public"))
    try:
        return [row[0] for row in await connection.fetch(_BOOKS)]
    finally:
        connection.terminate()


async def must_be_current(connection: Connection, schema: Schema) -> None:
    """Let nobody read books that are not there, not ours, or of another program.

    Raises:
        BooksError: saying which it is.

    """
    version = await _version_of(connection, schema)
    if version is None:
        raise BooksError(f"no books at {schema}: expected those of a node")
    if version != SCHEMA_VERSION:
        raise BooksError(
            f"books {schema} have schema {version}, and {SCHEMA_VERSION} is read here: start their node once to migrate"
        )


async def remove(schema: Schema) -> None:
    """Take the books away, if they are there.

    Raises:
        BooksError: when they cannot be.

    """
    connection = await connect(schema)
    try:
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema.name} CASCADE")
    except ERRORS as error:
        raise BooksError(f"cannot take away books {schema}: {trouble(error)}") from None
    finally:
        connection.terminate()


async def _version_of(connection: Connection, schema: Schema) -> int | None:
    """Return the revision of the books; None where there are none yet."""
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1)", schema.name):
        return None
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        raise BooksError(f"schema {schema} holds tables that are not yidi's: take another database")
    version = int(await connection.fetchval("SELECT version_num FROM alembic_version") or "0")
    if version > SCHEMA_VERSION:
        raise BooksError(f"books {schema} have schema {version}, this program knows {SCHEMA_VERSION}: use a newer yidi")
    return version


async def _make(connection: Connection, schema: Schema) -> None:
    await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema.name}")
    for statement in _TABLES:
        await connection.execute(statement)
    await connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    await connection.execute("INSERT INTO alembic_version VALUES ($1)", f"{SCHEMA_VERSION:04d}")


async def _bring_up(schema: Schema, version: int) -> None:
    """Migrate books that are older than this program; what cannot be is left as it was."""
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - loaded only where books are old

    try:
        await migrate(schema)
    except (SQLAlchemyError, *ERRORS) as error:
        cause = getattr(error, "orig", None) or error
        raise BooksError(
            f"cannot bring books {schema} from schema {version} to {SCHEMA_VERSION}: {trouble(cause)}; nothing was "
            "changed; stop what else uses them, or restore them from a copy"
        ) from None


async def migrate(schema: Schema, revision: str = "head") -> None:
    """Run the revisions that the books lack, in one transaction; a schema that is not there is made."""
    from alembic import command  # noqa: PLC0415 - half a second that current books do not cost
    from alembic.config import Config  # noqa: PLC0415 - the same
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - the same

    def upgrade(connection: Any) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent.parent / "sql" / "migrations"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: connect(schema))
    try:
        async with engine.begin() as connection:
            await connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {schema.name}")
            await connection.run_sync(upgrade)
    finally:
        await engine.dispose()
