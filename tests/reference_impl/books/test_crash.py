"""A process killed in the middle of its commits: what it acknowledged is there, and no change is there by half."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from book_samples import done, insert

from reference_impl.books.sqlite.books import SqliteBooks, read_final

PROGRAM = """
import asyncio, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from book_samples import settled, person, settlement, posting, done, insert
from reference_impl.books.sqlite.books import SqliteBooks

async def teller(books, lane):
    for version in range(1, 10_000):
        number = version * 10 + lane
        change = insert(done(number), person(version, name=f"34{lane:022d}"), settlement(number),
                        posting(number))
        await books.commit(change)
        os.write(1, f"{number}\\n".encode())

async def main():
    books = SqliteBooks(Path(sys.argv[1]))
    await asyncio.gather(*(teller(books, lane) for lane in range(8)))

asyncio.run(main())
"""


def test_whoever_is_told_of_a_commit_finds_it_in_the_file(tmp_path, blank_books):
    path = tmp_path / "34.sqlite"
    path.write_bytes(blank_books.read_bytes())

    async def told():
        books = SqliteBooks(path)
        try:
            await books.commit(insert(done(1)))
            with closing(sqlite3.connect(path)) as another:
                return another.execute("SELECT msgid FROM messages").fetchall()
        finally:
            books.close()

    assert asyncio.run(told()) == [(done(1).key.msgid,)]


@pytest.mark.parametrize("acknowledged_min", [1, 150])
def test_killed_between_commits_nothing_acknowledged_is_lost_and_nothing_is_half(
    tmp_path, blank_books, acknowledged_min
):
    path = tmp_path / "34.sqlite"
    path.write_bytes(blank_books.read_bytes())
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), str(Path(__file__).parent)], stdout=subprocess.PIPE
    )
    heard = b""
    while heard.count(b"\n") < acknowledged_min:
        heard += os.read(child.stdout.fileno(), 4096)
    child.send_signal(signal.SIGKILL)
    heard += child.stdout.read()
    child.stdout.close()
    child.wait(10)

    books = read_final(path)

    acknowledged = {int(word) for word in heard.rpartition(b"\n")[0].split()}
    messages = {int(message.key.msgid[-6:]) for message in books.messages}
    assert acknowledged <= messages
    assert {int(one.settlement[1:]) for one in books.settlements} == messages
    assert {int(posting.settlement[1:]) for posting in books.postings} == messages
    assert all(sum(leg.amount_fen for leg in posting.legs) == 0 and posting.legs for posting in books.postings)
    assert sum(person.version for person in books.persons) == len(messages)
