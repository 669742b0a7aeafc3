"""Which settlements books state, so that a neighbour's account of the same messages can be held against them.

What a node answered, the node that asked keeps as a copy: each of those must be in the books of the one that answered,
to the fen, whatever became of the books in between. A copy that is missing upstream is no fault: the answer may have
been lost, and is asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from reference_impl.books.moving import LISTED_MAX, Shelf, rows_of
from reference_impl.books.sql.tables import TABLES
from reference_impl.domain.nodes import HUB, NodeId, insured_node

__all__ = ["Stated", "Told", "answered_by", "stated_in"]

_TABLES = {table.name: table for table in TABLES}


class Stated(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A settlement and its total."""

    settlement: str
    total_fen: int


class Told(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The account of neighbours held against new books: of how many settlements they were told, and what is not there.

    ``missing`` are the first of the ``lacking``: not stated in the books, or stated otherwise.
    """

    settlements: int
    lacking: int = 0
    missing: tuple[Stated, ...] = ()

    @classmethod
    def of(cls, told: Iterable[Stated], held: Iterable[Stated]) -> Told:
        """Hold what neighbours were told against what the books state."""
        heard = frozenset(told)
        missing = sorted(heard - frozenset(held))
        return cls(settlements=len(heard), lacking=len(missing), missing=tuple(missing[:LISTED_MAX]))

    @property
    def holds(self) -> bool:
        """Whether the books state all that neighbours were told."""
        return self.lacking == 0

    def words(self) -> tuple[str, ...]:
        """Return what is wrong, a line each."""
        wrong = [
            f"settlement {one.settlement} {one.total_fen} fen: a neighbour was told of it; it is missing or otherwise"
            for one in self.missing
        ]
        if self.lacking > len(self.missing):
            wrong.append(f"and {self.lacking - len(self.missing)} settlements more")
        return tuple(wrong)


def stated_in(shelf: Shelf) -> Iterator[Stated]:
    """Yield every settlement in the books: made there, or passed on and kept as a copy."""
    for table in ("settlements", "settlement_copies"):
        for record in _records(shelf, table):
            if record.sign == 1:
                yield Stated(record.settlement, record.amounts.total_fen)


def answered_by(shelf: Shelf, owner: NodeId, node: NodeId) -> Iterator[Stated]:
    """Yield the settlements that ``owner``, whose books these are, keeps of what ``node`` answered it."""
    asked = {
        message.key.msgid
        for message in _records(shelf, "messages")
        if message.request is not None and _next_of(owner, message.request.insured_region) == node
    }
    for copy in _records(shelf, "settlement_copies"):
        if copy.sign == 1 and copy.settled_by in asked:
            yield Stated(copy.settlement, copy.amounts.total_fen)


def _next_of(owner: NodeId, insured_region: str) -> NodeId:
    insurer = insured_node(insured_region)
    return insurer if owner in (HUB, insurer) else HUB


def _records(shelf: Shelf, name: str) -> Iterator[Any]:
    table = _TABLES[name]
    return map(table.read, rows_of(shelf, table))
