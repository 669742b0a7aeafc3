"""Moving the books of a node to new ones, row by row, and proving that nothing was lost, doubled or changed on the way.

Whatever database either lies in: a ``Shelf`` gives rows by table and takes them. Messages are rows like all others, so
what is remembered of each key (G1) and the marks of reversals (G4) move along. A pass carries over what differs: after
a kill it is made again, and finds most of it done. This module must never change the books that it reads from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

import msgspec

from reference_impl.books.sql.layout import Row
from reference_impl.books.sql.tables import TABLES, BookTable

__all__ = ["LISTED_MAX", "Account", "Difference", "Moved", "Proof", "Refused", "Shelf", "move", "prove", "rows_of"]

LISTED_MAX = 100
"""So many rows that differ or are refused are listed one by one; all are counted."""
_PAGE_ROWS = 1000
_encode = msgspec.msgpack.Encoder().encode


class Shelf(Protocol):
    """Whole books, open to be moved or compared."""

    def page(self, table: BookTable, after: Row, rows_max: int) -> list[Row]:
        """Return the next rows behind a key, by key."""
        ...

    def put(self, table: BookTable, rows: Sequence[Row], gone: Sequence[Row]) -> list[tuple[Row, str]]:
        """Write rows by their key and take out those of the keys ``gone``; return what is refused, and why."""
        ...

    def account(self, table: BookTable) -> Account:
        """Return how many rows a table has, and its sums of money."""
        ...


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What one table comes to. ``digest`` is of all its rows by key; empty where nobody has walked through them."""

    rows: int
    fen: dict[str, int]
    digest: str = ""


class Refused(msgspec.Struct, frozen=True):
    """A row that could not be moved, and why."""

    table: str
    key: str
    why: str


class Difference(msgspec.Struct, frozen=True):
    """A row in which the new books differ from the old ones: missing, added or changed."""

    table: str
    key: str
    kind: str
    columns: tuple[str, ...] = ()
    """Of a changed one: in which columns."""


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What one step of a pass did to one table."""

    table: str
    seen: int
    moved: int
    refused: tuple[Refused, ...] = ()


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The new books held against the old ones in three ways: counts, sums of fen, digests, each by table."""

    old: dict[str, Account]
    new: dict[str, Account]
    differences: tuple[Difference, ...]
    """The first of the rows that differ."""
    differing: int
    """All of them."""

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, doubled or changed."""
        return self.old == self.new and self.differing == 0

    def words(self) -> tuple[str, ...]:
        """Return what is wrong, a line each: tables that do not add up, then the first rows that differ."""
        wrong = [line for table in self.old for line in _unequal(table, self.old[table], self.new[table])]
        wrong += [f"{one.table} {one.key} {_in(one)}" for one in self.differences]
        if self.differing > len(self.differences):
            wrong.append(f"and {self.differing - len(self.differences)} rows more")
        return tuple(wrong)


def _unequal(table: str, old: Account, new: Account) -> Iterator[str]:
    if old.rows != new.rows:
        yield f"{table}: {new.rows} rows, expected {old.rows}"
    for name, fen in old.fen.items():
        if new.fen.get(name) != fen:
            yield f"{table}: {name} sums to {new.fen.get(name)}, expected {fen}"
    if old.digest != new.digest and (old.rows, old.fen) == (new.rows, new.fen):
        yield f"{table}: digest {new.digest[:12]}, expected {old.digest[:12]}"


def _in(one: Difference) -> str:
    return f"{one.kind} in {', '.join(one.columns)}" if one.columns else one.kind


# --- moving -----------------------------------------------------------------------------------------------------------


def move(old: Shelf, new: Shelf, rows_max: int = _PAGE_ROWS) -> Iterator[Moved]:
    """Carry over, a step at a time, every row that the new books lack or hold otherwise; take out what is too much.

    A step looks at no more than ``rows_max`` rows. A row that the program cannot read is refused and not moved: what
    nobody can read must not be taken for moved.
    """
    for table in TABLES:
        pairs = _pairs(old, new, table, rows_max)
        while chunk := list(islice(pairs, rows_max)):
            yield _carry(new, table, chunk)


def _carry(new: Shelf, table: BookTable, pairs: Iterable[tuple[Row | None, Row | None]]) -> Moved:
    rows: list[Row] = []
    gone: list[Row] = []
    refused: list[Refused] = []
    seen = 0
    for ours, theirs in pairs:
        seen += ours is not None
        if ours == theirs:
            continue
        if ours is None:
            assert theirs is not None  # one of the two is there
            gone.append(table.key_of(theirs))
            continue
        why = _unreadable(table, ours)
        if why:
            refused.append(Refused(table.name, name_of(table, ours), why))
        else:
            rows.append(ours)
    if rows or gone:
        refused += [Refused(table.name, name_of(table, row), why) for row, why in new.put(table, rows, gone)]
    return Moved(table=table.name, seen=seen, moved=len(rows) + len(gone), refused=tuple(refused))


def _unreadable(table: BookTable, row: Row) -> str:
    """Return why a row is none that the program reads; empty for a good one."""
    try:
        table.read(row)
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


# --- proving ----------------------------------------------------------------------------------------------------------


def prove(old: Shelf, new: Shelf) -> Proof:
    """Hold the new books against the old ones: what each counts and sums by itself, and both row by row."""
    olds, news = (
        {table.name: old.account(table) for table in TABLES},
        {table.name: new.account(table) for table in TABLES},
    )
    differences: list[Difference] = []
    differing = 0
    for table in TABLES:
        digests = hashlib.sha256(), hashlib.sha256()
        for pair in _pairs(old, new, table, _PAGE_ROWS):
            for digest, row in zip(digests, pair, strict=True):
                if row is not None:
                    digest.update(_encode(row))
            if pair[0] != pair[1]:
                differing += 1
                if differing <= LISTED_MAX:
                    differences.append(_difference(table, *pair))
        for accounts, digest in zip((olds, news), digests, strict=True):
            accounts[table.name] = msgspec.structs.replace(accounts[table.name], digest=digest.hexdigest())
    return Proof(old=olds, new=news, differences=tuple(differences), differing=differing)


def _difference(table: BookTable, ours: Row | None, theirs: Row | None) -> Difference:
    if theirs is None:
        assert ours is not None  # one of the two is there
        return Difference(table.name, name_of(table, ours), "missing")
    if ours is None:
        return Difference(table.name, name_of(table, theirs), "added")
    columns = [name for name, old, new in zip(table.columns, ours, theirs, strict=True) if old != new]
    return Difference(table.name, name_of(table, ours), "changed", tuple(columns))


def name_of(table: BookTable, row: Row) -> str:
    """Return how a row is named to a reader: by its key, and a numbered one by the message or settlement it is of."""
    words = [str(part) for part in table.key_of(row)]
    if table.columns[0] == "serial":
        words += [str(cell) for name, cell in zip(table.columns, row, strict=True) if name in _NAMING]
    return " ".join(words)


_NAMING = ("msgid", "settlement")


def _pairs(old: Shelf, new: Shelf, table: BookTable, rows_max: int) -> Iterator[tuple[Row | None, Row | None]]:
    """Yield the rows of both by key, each beside its like; None where one has no row of that key."""
    ours, theirs = rows_of(old, table, rows_max), rows_of(new, table, rows_max)
    left, right = next(ours, None), next(theirs, None)
    while left is not None or right is not None:
        if right is None or (left is not None and table.key_of(left) < table.key_of(right)):
            yield left, None
            left = next(ours, None)
        elif left is None or table.key_of(right) < table.key_of(left):
            yield None, right
            right = next(theirs, None)
        else:
            yield left, right
            left, right = next(ours, None), next(theirs, None)


def rows_of(shelf: Shelf, table: BookTable, rows_max: int = _PAGE_ROWS) -> Iterator[Row]:
    """Yield all rows of a table by key."""
    after = table.before_all
    while rows := shelf.page(table, after, rows_max):
        yield from rows
        after = table.key_of(rows[-1])
