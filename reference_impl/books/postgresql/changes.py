"""A group of changes as the arguments of one call, and which changes may share a call.

The server judges all changes of a call by what stood before it. So no two of them may touch the same key: a call ends
before such a change, and the next one, which begins with it, finds what the earlier one did.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from reference_impl.books.sql.layout import LAYOUTS, Row
from reference_impl.books.sql.rows import message_row
from reference_impl.books.trail import told

if TYPE_CHECKING:
    from reference_impl.protocol.records import Change, MessageRecord

__all__ = ["NUMBERED", "GroupRows", "Serials", "arguments", "together"]

_CHILDREN = [layout.child.table for layout in LAYOUTS.values() if layout.child is not None]
_ROWS = ("marks", "lifted", *(layout.kind.name for layout in LAYOUTS.values()), *_CHILDREN)
"""What the function takes beside the messages, in its order."""
NUMBERED = ("messages", *(layout.kind.name for layout in LAYOUTS.values() if not layout.versioned))
"""Tables whose rows are numbered by whoever writes them."""


class Serials:
    """Gives the rows of each table their numbers: there is one writer, so it counts by itself."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        """Begin at nothing."""
        self._last = dict.fromkeys(NUMBERED, 0)

    def pass_by(self, table: str, serial: int) -> None:
        """Give no number up to ``serial``."""
        self._last[table] = max(self._last[table], serial)

    def following(self, table: str) -> int:
        """Return the next number."""
        serial = self._last[table] = self._last[table] + 1
        return serial


def together(changes: Sequence[Change]) -> int:
    """Return how many of the first changes may share a call: those up to one that touches the key of another."""
    touched: set[object] = set()
    for place, change in enumerate(changes):
        keys = set(_keys(change))
        if touched & keys:
            return place
        touched |= keys
    return len(changes)


def _keys(change: Change) -> Iterator[object]:
    yield change.message.key
    if change.tombstone is not None:
        yield change.tombstone.key
    if change.lifted is not None:
        yield change.lifted
    for record in change.records:
        layout = LAYOUTS.get(type(record))
        if layout is not None and layout.versioned:
            yield layout.kind.name, getattr(record, layout.kind.key)


def arguments(changes: Sequence[Change], serials: Serials) -> list[Any]:
    """Return what the function is called with, but for the number of the group."""
    rows = GroupRows(changes, serials)
    inserts = [change.insert for change in changes]
    with_records = [bool(change.records) for change in changes]
    given = (each for name in _ROWS for each in (rows.of.get(name), rows.places.get(name)))
    return [rows.said, inserts, with_records, [told(change) for change in changes], *given]


class GroupRows:
    """The rows of a group: its messages, and by name all others, each with the place of its change, from 1."""

    __slots__ = ("_serials", "of", "places", "said")

    def __init__(self, changes: Sequence[Change], serials: Serials) -> None:
        """Lay out ``changes``, with numbers from ``serials``."""
        self.said: list[Row] = []
        self.of: defaultdict[str, list[Row]] = defaultdict(list)
        self.places: defaultdict[str, list[int]] = defaultdict(list)
        self._serials = serials
        for place, change in enumerate(changes, 1):
            self._lay_out(change, place)

    def _lay_out(self, change: Change, place: int) -> None:
        self.said.append(self._numbered(change.message))
        if change.tombstone is not None:
            self._put("marks", place, self._numbered(change.tombstone))
        if change.lifted is not None:
            lifted = change.lifted
            self._put("lifted", place, (0, lifted.sender, lifted.msgid, "", 0, None, None, change.message.key.msgid, 0))
        for record in change.records:
            layout = LAYOUTS[type(record)]
            name = layout.kind.name
            if layout.versioned:
                self._put(name, place, layout.row_of(record))
                continue
            serial = self._serials.following(name)
            self._put(name, place, (serial, *layout.row_of(record)))
            if layout.child is not None:
                for child_place, row in enumerate(getattr(record, layout.child.field)):
                    self._put(layout.child.table, place, (serial, child_place, *row))

    def _put(self, name: str, place: int, row: Row) -> None:
        self.of[name].append(row)
        self.places[name].append(place)

    def _numbered(self, message: MessageRecord) -> Row:
        return self._serials.following("messages"), *message_row(message)
