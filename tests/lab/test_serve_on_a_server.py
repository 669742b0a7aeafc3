"""``yidi serve --books postgresql://…`` as it is typed: what it says, what it keeps, and where it finds it again."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
from contextlib import contextmanager

from support.postgresql import execute

PROGRAM = "import sys; from lab.cli.app import main; sys.argv[0] = 'yidi'; main()"


@contextmanager
def served(folder, *words):
    """A running ``yidi serve``, and what it said of itself."""
    command = [sys.executable, "-c", PROGRAM, "serve", "lost-reply", "--folder", str(folder), "--json", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        said = "".join(itertools.takewhile(lambda line: line != "}\n", child.stdout))
        try:
            yield json.loads(said + "}") if said else child.communicate(timeout=60)[1]
        finally:
            child.send_signal(signal.SIGTERM)
            child.communicate(timeout=60)


def test_books_are_kept_on_a_server_and_found_there_by_the_next_start(tmp_path, database):
    with served(tmp_path, "--books", database) as said:
        assert (said["ready"], said["broken"], said["server"]) == (True, {}, database)
    with served(tmp_path) as said:
        assert (said["ready"], said["server"]) == (True, database)

    [rows] = execute(database, "SELECT count(*) FROM yidi_hub.starts")
    assert rows[0][0] == 2
    assert list(tmp_path.rglob("*.sqlite")) == []


def test_a_server_that_is_not_there_is_one_line(tmp_path):
    with served(tmp_path, "--books", "postgresql://yidi@127.0.0.1:1/yidi") as said:
        assert "cannot be reached" in said
        assert len(said.strip().splitlines()) == 1
