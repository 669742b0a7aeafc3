"""What the books ask of the database on every message, in SQLAlchemy Core, once for every dialect.

Results come from rows found and rows changed, never from a raised error: an error would roll back the neighbours in
the same group commit. This module must never be imported by a serving process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Integer,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from reference_impl.books.sql.schema import CHILDREN, RECORDS, messages, metadata, starts, trail
from reference_impl.protocol.records import KINDS, LISTS, Kind, Listing, Way

__all__ = ["Insert", "Inserting", "on_known_message", "on_marked_message", "on_next_version", "one_by_one", "shared"]

Insert = sqlite.Insert | postgresql.Insert
Inserting = Callable[[Table], Insert]
"""A dialect's own ``insert``: what it does about a row that is there already is no part of the standard."""

_ZERO: ColumnElement[int] = literal_column("0")
_ONE: ColumnElement[int] = literal_column("1")
_MINUS_ONE: ColumnElement[int] = literal_column("-1")
_CONTENT = ("code", "opened_us", "request", "reply", "withdrawn")
"""What a second write of a message may change."""

_this_message = and_(messages.c.msgid == bindparam("msgid"), messages.c.sender == bindparam("sender"))


def _without_serial(table: Table) -> list[ColumnElement[Any]]:
    return [column for column in table.c if column.name != "serial"]


def _values(table: Table) -> dict[str, Any]:
    return {column.name: bindparam(column.name) for column in table.c if column.name != "serial"}


# --- messages ---------------------------------------------------------------------------------------------------------


def on_known_message(fresh: Insert) -> Insert:
    """Insert, or try a withdrawn intent again; a mark of reversal that stands there stays."""
    return fresh.on_conflict_do_update(
        index_elements=["msgid", "sender"],
        set_={
            **{name: fresh.excluded[name] for name in _CONTENT},
            "reversed_by": func.coalesce(messages.c.reversed_by, fresh.excluded.reversed_by),
        },
        where=messages.c.withdrawn == _ONE,
    )


def _close_message() -> ClauseElement:
    """Give a message its outcome; what it asked stands as it was written."""
    changed: dict[str, ColumnElement[Any]] = {name: bindparam(f"new_{name}") for name in ("reply", "withdrawn")}
    mark = func.coalesce(messages.c.reversed_by, bindparam("new_reversed_by"))
    return update(messages).where(_this_message).values({**changed, "reversed_by": mark})


def on_marked_message(fresh: Insert) -> Insert:
    """Insert the mark alone, or set it; the first one stands."""
    return fresh.on_conflict_do_update(
        index_elements=["msgid", "sender"],
        set_={"reversed_by": fresh.excluded.reversed_by},
        where=messages.c.reversed_by.is_(None),
    )


def _lift_mark() -> ClauseElement:
    return (
        update(messages)
        .where(_this_message, messages.c.reversed_by == bindparam("by"))
        .values(reversed_by=null(), withdrawn=case((messages.c.request.is_(None), _ONE), else_=messages.c.withdrawn))
    )


_MESSAGES: dict[str, ClauseElement] = {
    "find_message": select(*_without_serial(messages)).where(_this_message),
    "find_intents": select(*_without_serial(messages))
    .where(
        messages.c.reply.is_(None),
        messages.c.request.is_not(None),
        messages.c.reversed_by.is_(None),
        messages.c.withdrawn == _ZERO,
    )
    .order_by(messages.c.opened_us, messages.c.serial),
    "all_messages": select(*_without_serial(messages)).order_by(messages.c.serial),
}


# --- records of every kind --------------------------------------------------------------------------------------------


def on_next_version(fresh: Insert, table: Table, key: str) -> Insert:
    """Insert, or take the place of the version before."""
    return fresh.on_conflict_do_update(
        index_elements=[key], set_={c.name: fresh.excluded[c.name] for c in table.c if c.name != key}
    )


def _standing(table: Table, key: str) -> ClauseElement:
    """Find the latest of a key that no later one reverses."""
    back = table.alias("back")
    reversed_ = exists().where(
        back.c[key] == table.c[key],
        back.c.sign == _MINUS_ONE,
        back.c.reverses == table.c.settlement,
        back.c.serial > table.c.serial,
    )
    return (
        select(*_without_serial(table))
        .where(table.c[key] == bindparam(key), table.c.sign == _ONE, ~reversed_)
        .order_by(table.c.serial.desc())
    )


def _found(kind: Kind, table: Table) -> Iterator[tuple[str, ClauseElement]]:
    name, key, way = kind
    if way is Way.VERSIONED:
        yield f"find_{name}", select(table).where(table.c[key] == bindparam(key))
        yield f"all_{name}", select(table)
        return
    if way is Way.STANDING:
        yield f"find_{name}", _standing(table, key)
    yield f"all_{name}", select(table).order_by(table.c.serial)


def _together(listing: Listing) -> tuple[str, ClauseElement]:
    """Find the records of a kind that have a field in common, by their keys."""
    name, key, _ = KINDS[listing.kind]
    table = RECORDS[listing.kind]
    found = select(table).where(table.c[listing.by] == bindparam(listing.by)).order_by(table.c[key])
    return f"find_{name}_by_{listing.by}", found


# --- whole tables: what moving and comparing books asks ---------------------------------------------------------------


def _whole(table: Table, insert: Inserting) -> Iterator[tuple[str, ClauseElement]]:
    """Read a table page by page in the order of its key, count and sum it, put rows in by key and take them out."""
    key = [*table.primary_key.columns]
    after = tuple_(*(bindparam(f"after_{column.name}", type_=column.type) for column in key))
    name, rest = table.name, [column.name for column in table.c if not column.primary_key]
    yield f"page_{name}", select(*table.c).where(tuple_(*key) > after).order_by(*key)
    yield f"count_{name}", select(func.count()).select_from(table)
    money = [column for column in table.c if column.name.endswith("_fen") and isinstance(column.type, Integer)]
    if money:
        yield f"sums_{name}", select(*(func.coalesce(func.sum(column), _ZERO).label(column.name) for column in money))
    fresh = insert(table).values({column.name: bindparam(column.name) for column in table.c})
    names = [column.name for column in key]
    if rest:
        put = fresh.on_conflict_do_update(index_elements=names, set_={each: fresh.excluded[each] for each in rest})
    else:
        put = fresh.on_conflict_do_nothing(index_elements=names)
    yield f"put_{name}", put
    yield f"drop_{name}", delete(table).where(*(column == bindparam(column.name) for column in key))


# --- starts, and the time there was -----------------------------------------------------------------------------------


def _latest() -> ClauseElement:
    """Find the latest instant that anything in the books was opened or posted at."""
    posted = [table.c.posted_us for table in RECORDS.values() if "posted_us" in table.c]
    each = [select(func.max(column).label("at_us")) for column in (messages.c.opened_us, *posted)]
    instants = union_all(*each).subquery()
    return select(func.max(instants.c.at_us))


def _starts(insert: Inserting) -> Iterator[tuple[str, ClauseElement]]:
    following = select(func.coalesce(func.max(starts.c.serial), _ZERO) + _ONE)
    yield "keep_start", insert(starts).from_select(["serial"], following)
    yield "count_starts", select(func.count()).select_from(starts)
    yield "latest_instant", _latest()


def _named(table: Table) -> ColumnElement[str]:
    return literal_column(f"'{table.name}'", Text)


def _unread() -> ClauseElement:
    """Find rows by table and key that say what no reader of records sees: children of nobody, marks of no meaning."""
    of_message = messages.c.sender + literal_column("' '", Text) + messages.c.msgid
    found: list[Select[str, str]] = [
        select(_named(messages), of_message).where(messages.c.withdrawn.not_in([_ZERO, _ONE]))
    ]
    for kind, table in CHILDREN.items():
        parent, beside = RECORDS[kind], table.alias("beside")
        places = select(func.count()).where(beside.c.serial == table.c.serial).scalar_subquery()
        whose = cast(table.c.serial, Text) + literal_column("' '", Text) + cast(table.c.place, Text)
        orphan = ~exists().where(parent.c.serial == table.c.serial)
        out = or_(table.c.place < _ZERO, table.c.place >= places)
        found.append(select(_named(table), whose).where(or_(orphan, out)))
    return union_all(*found)


def _trail(insert: Inserting) -> dict[str, ClauseElement]:
    latest = select(func.max(trail.c.serial)).scalar_subquery()
    return {
        "last_of_trail": select(trail.c.serial, trail.c.hash).where(trail.c.serial == latest),
        "keep_trail": insert(trail).values({column.name: bindparam(column.name) for column in trail.c}),
        "all_trail": select(trail).order_by(trail.c.serial),
        "unread_rows": _unread(),
        "last_message": select(func.max(messages.c.serial)),
    }


def shared(insert: Inserting) -> dict[str, ClauseElement]:
    """Return by name what every dialect asks, for the one whose ``insert`` this is."""
    return {
        **_MESSAGES,
        **dict(_starts(insert)),
        **_trail(insert),
        **{name: found for kind, table in RECORDS.items() for name, found in _found(KINDS[kind], table)},
        **dict(map(_together, LISTS.values())),
        **{f"all_{table.name}": select(table).order_by(table.c.serial, table.c.place) for table in CHILDREN.values()},
        **{name: found for table in metadata.sorted_tables for name, found in _whole(table, insert)},
    }


def one_by_one(insert: Inserting) -> dict[str, ClauseElement]:
    """Return by name how a change is judged and written statement by statement, where none of them is a round trip."""
    said = insert(messages).values(_values(messages)).inline()
    return {
        "mark_of_message": select(messages.c.reversed_by).where(_this_message),
        "insert_message": on_known_message(said),
        "close_message": _close_message(),
        "mark_message": on_marked_message(said),
        "lift_mark": _lift_mark(),
        **{name: kept for kind, table in RECORDS.items() for name, kept in _kept(KINDS[kind], table, insert)},
        **{
            f"keep_{table.name}": insert(table).values({column.name: bindparam(column.name) for column in table.c})
            for table in CHILDREN.values()
        },
    }


def _kept(kind: Kind, table: Table, insert: Inserting) -> Iterator[tuple[str, ClauseElement]]:
    name, key, way = kind
    fresh = insert(table).values(_values(table)).inline()
    if way is Way.VERSIONED:
        yield f"version_of_{name}", select(table.c.version).where(table.c[key] == bindparam(key))
        fresh = on_next_version(fresh, table, key)
    yield f"keep_{name}", fresh
