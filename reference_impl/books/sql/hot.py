"""What the books ask of the database on every message, in SQLAlchemy Core.

Verdicts come from rows found and rows changed, never from a raised error: an error would roll back the neighbours in
the same group commit. This module must never be imported by a serving process.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ClauseElement, ColumnElement, and_, bindparam, exists, func, literal_column, select, update
from sqlalchemy.dialects.sqlite import insert

from reference_impl.books.sql.schema import claims, entries, persons, posting_legs, postings, visits

__all__ = ["STATEMENTS"]

_ZERO: ColumnElement[int] = literal_column("0")
_ONE: ColumnElement[int] = literal_column("1")
_MINUS_ONE: ColumnElement[int] = literal_column("-1")

_this_entry = and_(entries.c.msgid == bindparam("msgid"), entries.c.sender == bindparam("sender"))
_entry_columns = [c for c in entries.c if c.name != "entry"]
_claim_columns = [c for c in claims.c if c.name != "claim"]


def _insert_entry() -> ClauseElement:
    """Insert, or try a withdrawn intent again; a mark of reversal that stands there stays."""
    fresh = insert(entries).values({c.name: bindparam(c.name) for c in _entry_columns})
    return fresh.on_conflict_do_update(
        index_elements=["msgid", "sender"],
        set_={
            **{name: fresh.excluded[name] for name in ("code", "opened_us", "request", "reply", "withdrawn")},
            "reversed_by": func.coalesce(entries.c.reversed_by, fresh.excluded.reversed_by),
        },
        where=entries.c.withdrawn == _ONE,
    )


def _replace_entry() -> ClauseElement:
    changed: dict[str, ColumnElement[Any]] = {
        name: bindparam(f"new_{name}") for name in ("code", "opened_us", "request", "reply", "withdrawn")
    }
    mark = func.coalesce(entries.c.reversed_by, bindparam("new_reversed_by"))
    return update(entries).where(_this_entry).values({**changed, "reversed_by": mark})


def _mark_entry() -> ClauseElement:
    fresh = insert(entries).values({c.name: bindparam(c.name) for c in _entry_columns})
    return fresh.on_conflict_do_update(
        index_elements=["msgid", "sender"],
        set_={"reversed_by": fresh.excluded.reversed_by},
        where=entries.c.reversed_by.is_(None),
    )


def _upsert(table: Any) -> ClauseElement:
    key = next(iter(table.primary_key)).name
    fresh = insert(table).values({c.name: bindparam(c.name) for c in table.c})
    return fresh.on_conflict_do_update(
        index_elements=[key], set_={c.name: fresh.excluded[c.name] for c in table.c if c.name != key}
    )


def _standing_claim() -> ClauseElement:
    back = claims.alias("back")
    taken_back = exists().where(
        back.c.visit == claims.c.visit, back.c.sign == _MINUS_ONE, back.c.reverses == claims.c.settlement
    )
    return (
        select(*_claim_columns)
        .where(claims.c.visit == bindparam("visit"), claims.c.sign == _ONE, ~taken_back)
        .order_by(claims.c.claim.desc())
    )


STATEMENTS: dict[str, ClauseElement] = {
    "find_entry": select(*_entry_columns).where(_this_entry),
    "find_person": select(persons).where(persons.c.person == bindparam("person")),
    "find_visit": select(visits).where(visits.c.visit == bindparam("visit")),
    "find_claim": _standing_claim(),
    "find_intents": select(*_entry_columns)
    .where(
        entries.c.reply.is_(None),
        entries.c.request.is_not(None),
        entries.c.reversed_by.is_(None),
        entries.c.withdrawn == _ZERO,
    )
    .order_by(entries.c.opened_us, entries.c.entry),
    "find_versions": select(
        select(persons.c.version).where(persons.c.person == bindparam("person")).scalar_subquery(),
        select(visits.c.version).where(visits.c.visit == bindparam("visit")).scalar_subquery(),
    ),
    "insert_entry": _insert_entry(),
    "replace_entry": _replace_entry(),
    "mark_entry": _mark_entry(),
    "write_person": _upsert(persons),
    "write_visit": _upsert(visits),
    "insert_claim": insert(claims).values({c.name: bindparam(c.name) for c in _claim_columns}),
    "insert_posting": insert(postings).values({c.name: bindparam(c.name) for c in postings.c if c.name != "entry"}),
    "insert_leg": insert(posting_legs).values({c.name: bindparam(c.name) for c in posting_legs.c}),
    "all_entries": select(*_entry_columns).order_by(entries.c.entry),
    "all_persons": select(persons),
    "all_visits": select(visits),
    "all_claims": select(*_claim_columns).order_by(claims.c.claim),
    "all_postings": select(postings).order_by(postings.c.entry),
    "all_legs": select(posting_legs).order_by(posting_legs.c.entry, posting_legs.c.leg),
}
