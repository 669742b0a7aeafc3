"""The protocol's structs as rows and back: the one place that knows the order of columns, shared with ``hot.sql``.

Requests and replies are stored as msgspec bytes: they are read by key and sent again, never searched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from reference_impl.domain.benefit import Accumulators, Settlement
from reference_impl.domain.fees import FeeTotals
from reference_impl.domain.lifecycle import VisitState
from reference_impl.protocol.messages import Reply, Request
from reference_impl.protocol.records import Claim, Entry, Key, Leg, PersonRecord, Posting, VisitRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Row",
    "claim_of",
    "claim_row",
    "entry_of",
    "entry_row",
    "person_of",
    "person_row",
    "postings_of",
    "visit_of",
    "visit_row",
]

Row = tuple[Any, ...]

_encode = msgspec.msgpack.Encoder().encode
_decode_request = msgspec.msgpack.Decoder(Request).decode
_decode_reply = msgspec.msgpack.Decoder(Reply).decode
_encode_list = msgspec.json.Encoder().encode
_decode_list = msgspec.json.Decoder(tuple[int, ...]).decode
_astuple = msgspec.structs.astuple

_VISIT_FEES = slice(5, 5 + len(FeeTotals.__struct_fields__) - 1)
_CLAIM_AMOUNTS = slice(9, 9 + len(Settlement.__struct_fields__))


def entry_row(entry: Entry) -> Row:
    """Return the columns of an entry."""
    request, reply = entry.request, entry.reply
    return (
        entry.key.sender,
        entry.key.msgid,
        entry.code,
        entry.opened_us,
        None if request is None else _encode(request),
        None if reply is None else _encode(reply),
        entry.reversed_by,
        1 if entry.withdrawn else 0,
    )


def entry_of(row: Row) -> Entry:
    """Return the entry of a row."""
    sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn = row
    return Entry(
        Key(sender, msgid),
        code,
        opened_us,
        None if request is None else _decode_request(request),
        None if reply is None else _decode_reply(reply),
        reversed_by,
        withdrawn == 1,
    )


def person_row(record: PersonRecord) -> Row:
    """Return the columns of a person."""
    return (record.person, record.version, *_astuple(record.accumulators))


def person_of(row: Row) -> PersonRecord:
    """Return the person of a row."""
    return PersonRecord(row[0], row[1], Accumulators(*row[2:]))


def visit_row(visit: VisitRecord) -> Row:
    """Return the columns of a visit."""
    *amounts, by_category = _astuple(visit.fees)
    return (
        visit.visit,
        visit.version,
        visit.person,
        visit.state.value,
        visit.opened_by,
        *amounts,
        _encode_list(by_category).decode(),
        visit.settlement,
        visit.settled_by,
        visit.held_by,
    )


def visit_of(row: Row) -> VisitRecord:
    """Return the visit of a row."""
    visit, version, person, state, opened_by = row[: _VISIT_FEES.start]
    amounts = row[_VISIT_FEES]
    by_category, *money = row[_VISIT_FEES.stop :]
    fees = FeeTotals(*amounts, by_category_fen=_decode_list(by_category))
    return VisitRecord(visit, version, person, VisitState(state), opened_by, fees, *money)


def claim_row(claim: Claim) -> Row:
    """Return the columns of a claim."""
    return (
        claim.settlement,
        claim.visit,
        claim.person,
        claim.care_region,
        claim.insured_region,
        claim.code,
        claim.settled_by,
        claim.posted_us,
        claim.sign,
        *_astuple(claim.amounts),
        claim.reverses,
    )


def claim_of(row: Row) -> Claim:
    """Return the claim of a row."""
    before, amounts = row[: _CLAIM_AMOUNTS.start], Settlement(*row[_CLAIM_AMOUNTS])
    return Claim(*before, amounts=amounts, reverses=row[-1])


def postings_of(headers: Iterable[Row], leg_rows: Iterable[Row]) -> tuple[Posting, ...]:
    """Return the postings of their rows and of the rows of their legs, both in the order written."""
    legs: dict[int, list[Leg]] = {}
    for entry, _, account, amount_fen in leg_rows:
        legs.setdefault(entry, []).append(Leg(account, amount_fen))
    return tuple(
        Posting(posting, settlement, posted_us, tuple(legs.get(entry, ())))
        for entry, posting, settlement, posted_us in headers
    )
