"""A PostgreSQL server for tests: the one that YIDI_TEST_POSTGRESQL names, or one of our own made from the system's package.

Our own lies in a folder of its own, listens on loopback alone and lives as long as the tests. PostgreSQL does not run
as root: started by root it runs as the user of its package.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from reference_impl.books.postgresql.session import aside

ADDRESS = "YIDI_TEST_POSTGRESQL"
"""``postgresql://USER@HOST:PORT/DATABASE`` of a server that tests may make and drop schemas in."""
NEEDED = "YIDI_NEED_POSTGRESQL"
"""Set where tests without a server must fail and not be skipped."""
PACKAGE_USER = "postgres"
_PROGRAMS = "/usr/lib/postgresql/*/bin"
_NUMBERS = itertools.count()
_QUICK = "fsync=off", "full_page_writes=off", "shared_buffers=32MB", "max_wal_size=256MB"
"""For a server whose machine is not going to lose its power: the operating system keeps what was written."""


def programs():
    """The folder of the newest installed server's programs; None where there is none."""
    found = shutil.which("initdb")
    places = sorted(Path("/").glob(f"{_PROGRAMS[1:]}/initdb"), key=lambda path: int(path.parts[-3]))
    if places:
        return places[-1].parent
    return None if found is None else Path(found).resolve().parent


def need(*, own=False):
    """Skip a test where no server can be had, or none of our own; where they must run, fail it."""
    if programs() or (os.environ.get(ADDRESS) and not own):
        return
    why = f"no PostgreSQL here: install the system's package postgresql, or set {ADDRESS}"
    if os.environ.get(NEEDED):
        pytest.fail(f"{why}; {NEEDED} is set, so these tests must run")
    pytest.skip(why)


class Cluster:
    """One server of our own."""

    def __init__(self, folder, port=None, settings=_QUICK):
        self.folder, self.settings = folder, settings
        self.port = port or free_port()
        self._bin = programs()

    @property
    def address(self):
        return f"postgresql://{PACKAGE_USER}@127.0.0.1:{self.port}/{PACKAGE_USER}"

    def make(self, auth="trust", password_file=None):
        words = [] if password_file is None else ["--pwfile", str(password_file)]
        self.run("initdb", "-D", str(self.folder), "-U", PACKAGE_USER, "-A", auth, "-E", "UTF8", "--no-sync", *words)
        self.configure(*self.settings)
        return self

    def configure(self, *settings):
        with (self.folder / "postgresql.conf").open("a") as file:
            file.writelines(f"{setting.partition('=')[0]} = '{setting.partition('=')[2]}'\n" for setting in settings)

    def start(self):
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=60"
        self.run(
            "pg_ctl", "-D", str(self.folder), "-l", str(self.folder / "log"), "-w", "-t", "60", "-o", options, "start"
        )
        return self

    def stop(self, mode="immediate"):
        self.run("pg_ctl", "-D", str(self.folder), "-m", mode, "-w", "stop", check=False)

    def promote(self):
        self.run("pg_ctl", "-D", str(self.folder), "-w", "promote")

    def run(self, program, *words, check=True):
        """Run one of the server's programs, as its user when we are root."""
        whose = {"user": PACKAGE_USER, "group": PACKAGE_USER, "extra_groups": ()} if os.geteuid() == 0 else {}
        done = subprocess.run(
            [str(self._bin / program), *words], cwd="/", capture_output=True, text=True, check=False, timeout=120, **whose
        )  # fmt: skip
        if check and done.returncode:
            log = self.folder / "log"
            said = log.read_text() if log.exists() else ""
            raise RuntimeError(f"{program} failed: {done.stdout} {done.stderr} {said[-2000:]}")
        return done.stdout


@contextmanager
def own_folder():
    """A folder that the server's user may use."""
    folder = Path(tempfile.mkdtemp(prefix="yidi-postgresql-"))
    try:
        if os.geteuid() == 0:
            user = pwd.getpwnam(PACKAGE_USER)
            os.chown(folder, user.pw_uid, user.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def server():
    """The address of a server to test on."""
    need()
    given = os.environ.get(ADDRESS)
    if given:
        yield given
        return
    with own_folder() as folder:
        cluster = Cluster(folder / "data").make().start()
        try:
            yield cluster.address
        finally:
            cluster.stop()


@contextmanager
def own_database(address):
    """The address of a new database on a server; it goes with all who still use it."""
    name = f"yidi_{os.getpid()}_{next(_NUMBERS)}"
    execute(address, f"CREATE DATABASE {name} STRATEGY file_copy")
    try:
        yield f"{address.rpartition('/')[0]}/{name}"
    finally:
        execute(address, f"DROP DATABASE {name} WITH (FORCE)")


def execute(address, *statements):
    """What each statement finds, in a session of its own."""

    async def work():
        connection = await asyncpg.connect(address)
        try:
            return [await connection.fetch(statement) for statement in statements]
        finally:
            await connection.close()

    return aside(work)


def execute_in(schema, statement):
    """What a statement finds among the tables of a schema."""

    async def work():
        connection = await asyncpg.connect(schema.server.address, server_settings={"search_path": schema.name})
        try:
            return await connection.fetch(statement)
        finally:
            await connection.close()

    return aside(work)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(holds, limit_s=30):
    """Wait for a state."""
    until = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.02)
