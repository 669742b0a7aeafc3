"""What ``WITHOUT ROWID`` would do for the tables whose rows are found by a name and replaced: time and bytes written.

    PYTHONPATH=. python benchmarks/without_rowid.py

Books as they are made, and books whose versioned tables have no row id: the row lies in the index of its name, one tree
instead of two. Both take the same changes (a message, and the next version of one of so many persons), in turns, three
to a commit, without a flush: processor time and bytes of the log are what differs. About half a minute.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from statistics import median
from time import process_time

from reference_impl.books.sql.layout import LAYOUTS
from reference_impl.books.sqlite.connection import apply
from reference_impl.books.sqlite.opening import make_ready
from reference_impl.domain.benefit import Accumulators
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import MessageId, PersonNo, Reply
from reference_impl.protocol.records import Change, Key, MessageRecord, PersonRecord

CHANGES, A_COMMIT, BLOCK, PERSONS = 30_000, 3, 1_500, (100, 10_000)
"""Changes in all, to a commit, and between two looks at the clock; how many persons they are of."""
VERSIONED = [layout.kind.name for layout in LAYOUTS.values() if layout.versioned]


def make(path: Path, *, rowid: bool) -> sqlite3.Connection:
    """Return new books; without row ids where asked."""
    make_ready([path])
    connection = sqlite3.connect(path, isolation_level=None)
    if not rowid:
        for name in VERSIONED:
            (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
            connection.execute(f'DROP TABLE "{name}"')
            connection.execute(f"{sql} WITHOUT ROWID")
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    return connection


def change(number: int, persons: int) -> Change:
    """Return the change of a message, and of the person whose turn it is."""
    turn, person = divmod(number, persons)
    key = Key(NodeId("33"), MessageId(f"H33010000001{number:018}"))
    message = MessageRecord(key, "2102", request=None, reply=Reply(f"R{number}"), opened_us=number)
    moved = PersonRecord(PersonNo(f"34{person * 7919 % persons:022}"), turn + 1, Accumulators(2024, number, number))
    return Change(message=message, insert=True, records=(moved,))


def write(connection: sqlite3.Connection, changes: list[Change]) -> float:
    """Write changes in groups, and return the processor time of one in microseconds."""
    begun = process_time()
    for first in range(0, len(changes), A_COMMIT):
        connection.execute("BEGIN IMMEDIATE")
        for one in changes[first : first + A_COMMIT]:
            apply(connection, one)
        connection.execute("COMMIT")
    return (process_time() - begun) / len(changes) * 1e6


def measure(folder: Path, persons: int) -> None:
    """Write the same changes to both in turns, and print what they took."""
    paths = {rowid: folder / f"{persons}-{rowid}.db" for rowid in (True, False)}
    books = {rowid: make(path, rowid=rowid) for rowid, path in paths.items()}
    times: dict[bool, list[float]] = {True: [], False: []}
    for block, first in enumerate(range(0, CHANGES, BLOCK)):
        made = [change(number, persons) for number in range(first, first + BLOCK)]
        for rowid in (True, False) if block % 2 else (False, True):
            times[rowid].append(write(books[rowid], made))
    for rowid, path in paths.items():
        with closing(books[rowid]):
            (log,) = path.parent.glob(f"{path.name}-wal")
            name = "with row ids" if rowid else "without"
            bytes_each = log.stat().st_size / CHANGES
            print(f"{persons:>7} persons  {name:13} {median(times[rowid]):6.1f} us   {bytes_each:7,.0f} bytes of log")
    ratio = median(new / old for old, new in zip(times[True], times[False], strict=True))
    print(f"{'':17}time without row ids / with: {ratio:.2f}")


def main() -> None:
    """Measure with few persons and with many."""
    with tempfile.TemporaryDirectory(prefix=".benchmark-", dir=Path.cwd()) as name:
        for persons in PERSONS:
            measure(Path(name), persons)


if __name__ == "__main__":
    main()
