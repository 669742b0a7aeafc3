"""A process killed in the middle of its commits: what it acknowledged is there, and no change is there by half."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reference_impl.books.sqlite.books import read_final

PROGRAM = """
import asyncio, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from book_samples import settled, person, claim, posting, done, insert
from reference_impl.books.sqlite.books import SqliteBooks

async def teller(books, lane):
    for version in range(1, 10_000):
        number = version * 10 + lane
        change = insert(done(number), person=person(version, name=f"34{lane:022d}"), claim=claim(number),
                        posting=posting(number))
        await books.commit(change)
        os.write(1, f"{number}\\n".encode())

async def main():
    books = SqliteBooks(Path(sys.argv[1]))
    await asyncio.gather(*(teller(books, lane) for lane in range(8)))

asyncio.run(main())
"""


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
    entries = {int(entry.key.msgid[-6:]) for entry in books.entries}
    assert acknowledged <= entries
    assert {int(claim.settlement[1:]) for claim in books.claims} == entries
    assert {int(posting.settlement[1:]) for posting in books.postings} == entries
    assert all(sum(leg.amount_fen for leg in posting.legs) == 0 and posting.legs for posting in books.postings)
    assert sum(person.version for person in books.persons) == len(entries)
