"""Opening a node's SQLite file: whose file it is, which schema it has, and who else has it open.

A current file opens without loading SQLAlchemy or Alembic. A new file is made beside its place and renamed, so a
process killed while making it leaves nothing that looks like books.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from reference_impl.books.final import BooksError
from reference_impl.books.sql.version import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["APPLICATION_ID", "lock", "make_like", "make_ready", "must_be_current"]

APPLICATION_ID = 0x79696469
"""``yidi``: how SQLite itself tells our files from others."""


def lock(path: Path) -> int:
    """Take the books for this process and return the descriptor that holds them; closing it gives them back.

    Raises:
        BooksError: when another process has them open, or the folder cannot be written.

    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise BooksError(f"cannot open books {path}: {error}; check that the folder may be written") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise BooksError(f"books {path} are open in another process: stop that one first") from None
    return descriptor


def make_ready(paths: Iterable[Path]) -> None:
    """Make each file a current one: made when missing, migrated when old.

    Raises:
        BooksError: when a file is not ours, newer than this program, or cannot be written.

    """
    template: Path | None = None
    for path in paths:
        version = _version_of(path)
        if version == SCHEMA_VERSION:
            continue
        if version is not None:
            _bring_up(path, version)
            continue
        try:
            _make(path, template)
        except (OSError, sqlite3.Error) as error:
            raise BooksError(f"cannot make books {path}: {error}; check that the folder may be written") from None
        template = path


def must_be_current(path: Path) -> None:
    """Let nobody read a file that is not ours, or of another schema.

    Raises:
        BooksError: saying which it is.

    """
    version = _version_of(path)
    if version is None:
        raise BooksError(f"no books at {path}: expected a file of a node's books")
    if version != SCHEMA_VERSION:
        raise BooksError(
            f"books {path} have schema {version}, and {SCHEMA_VERSION} is read here: start their node once to migrate"
        )


def make_like(path: Path, current: Path) -> None:
    """Make empty books where there are none, with the tables of ``current`` ones: a process that serves loads nothing.

    Raises:
        BooksError: when a file there is not ours, or none can be made.

    """
    if _version_of(path) is not None:
        return
    partial = path.with_name(path.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        with closing(sqlite3.connect(partial, isolation_level=None)) as connection:
            _repeat_schema(connection, current)
        _put_in_place(partial, path)
    except (OSError, sqlite3.Error) as error:
        raise BooksError(f"cannot make books {path}: {error}; check that the folder may be written") from None


def _repeat_schema(connection: sqlite3.Connection, current: Path) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("ATTACH ? AS old", (str(current),))
    connection.execute("BEGIN IMMEDIATE")
    for (sql,) in connection.execute("SELECT sql FROM old.sqlite_master WHERE sql IS NOT NULL").fetchall():
        connection.execute(sql)
    connection.execute("INSERT INTO main.alembic_version SELECT * FROM old.alembic_version")
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _bring_up(path: Path, version: int) -> None:
    """Migrate books that are older than this program; what cannot be is left as it was."""
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - loaded only where books are old

    try:
        _migrate(path)
    except (OSError, sqlite3.Error, SQLAlchemyError) as error:
        cause = getattr(error, "orig", None) or error
        raise BooksError(
            f"cannot bring books {path} from schema {version} to {SCHEMA_VERSION}: {cause}; nothing was changed; "
            "stop what else uses the file, or restore it from a copy"
        ) from None


def _make(path: Path, template: Path | None) -> None:
    """Make new books, as a copy of ``template`` if there is one just made and still empty."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    if template is None:
        _migrate(partial)
    else:
        shutil.copyfile(template, partial)
    _put_in_place(partial, path)


def _put_in_place(partial: Path, path: Path) -> None:
    for flushed in (partial, partial.parent):
        descriptor = os.open(flushed, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    partial.rename(path)


def _version_of(path: Path) -> int | None:
    """Return the schema version of the file, or None when there is no file."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise BooksError(f"books {path} cannot be read: {error}; expected a SQLite file made by yidi") from None
    if application != APPLICATION_ID:
        raise BooksError(f"{path} is not yidi's: application id {application:#x}, expected {APPLICATION_ID:#x}")
    if version > SCHEMA_VERSION:
        raise BooksError(f"books {path} have schema {version}, this program knows {SCHEMA_VERSION}: use a newer yidi")
    return version


def _migrate(path: Path, *, revision: str = "head", version: int = SCHEMA_VERSION) -> None:
    """Run the revisions the file lacks, in one transaction."""
    import sqlalchemy  # noqa: PLC0415 - half a second that a current file does not cost
    from alembic import command  # noqa: PLC0415 - the same
    from alembic.config import Config  # noqa: PLC0415 - the same

    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("PRAGMA synchronous=FULL")
    engine = sqlalchemy.create_engine("sqlite://", creator=lambda: sqlite3.connect(path, isolation_level=None))
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent.parent / "sql" / "migrations"))
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
            connection.exec_driver_sql(f"PRAGMA user_version={version}")
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()
