"""What the laws look at, as rows of the final books: which columns each table has, and how a record becomes a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

import msgspec
import polars as pl

from reference_impl.domain.care_types import CareType
from reference_impl.domain.ledger import legs_for
from reference_impl.domain.master_data import item_of
from reference_impl.domain.nodes import is_city
from reference_impl.domain.prescribed import drugs_of
from reference_impl.domain.regions import province_of
from reference_impl.domain.transactions import CANCELS, PLACE_ORDER, REVERSE, SETTLEMENTS
from reference_impl.protocol.messages import SellDrugs, Settle, UploadLines

if TYPE_CHECKING:
    from reference_impl.books.final import FinalBooks
    from reference_impl.domain.benefit import Settlement
    from reference_impl.protocol.records import ChargesRecord, MessageRecord, Posting, SettlementCopy, SettlementRecord

_encode = msgspec.msgpack.Encoder().encode
UNDO_CODES = frozenset({*CANCELS, REVERSE})
"""The transactions that take a settlement back."""
_MOVING_MONEY = UNDO_CODES | {*SETTLEMENTS}

MONEY = ("total_fen", "fund_fen", "account_fen", "cash_fen", "hospital_part_fen")
"""What every side states of a settlement."""
_AMOUNTS: dict[str, Any] = {**dict.fromkeys(MONEY, pl.Int64), "scope_parts_fen": pl.Int64, "split": pl.Int64}
"""Beside them: own, over limit, prior and in scope added up; and a checksum of the whole split."""
SETTLEMENT_COLUMNS: dict[str, Any] = {
    "node": pl.String, "settlement": pl.String, "visit_id": pl.String, "person": pl.String, "code": pl.String,
    "msgid": pl.String, "posted_us": pl.Int64, "sign": pl.Int8, "reverses": pl.String,
    "before": pl.String, "care_region": pl.String, "insured_region": pl.String, "filing": pl.String,
    "business_day": pl.Int32, "care_type": pl.String, "disease": pl.String, "year": pl.Int32, "level": pl.Int8,
    "mid_stay": pl.Int8, "continues": pl.String, "prescription": pl.String, "legs": pl.Int64, **_AMOUNTS,
    **dict.fromkeys(
        ("scope_fen", "first_fen", "deductible_fen", "pool_fen", "large_fen", "illness_fen", "civil_fen", "aid_fen"),
        pl.Int64,
    ),
}  # fmt: skip
COPY_COLUMNS: dict[str, Any] = {
    "node": pl.String, "settlement": pl.String, "visit_id": pl.String, "msgid": pl.String, "settled_us": pl.Int64,
    "sign": pl.Int8, "reverses": pl.String, **_AMOUNTS,
}  # fmt: skip
POSTING_COLUMNS: dict[str, Any] = {
    "node": pl.String, "posting": pl.String, "settlement": pl.String, "posted_us": pl.Int64, "sum_fen": pl.Int64,
    "legs": pl.Int64,
}  # fmt: skip
MESSAGE_COLUMNS: dict[str, Any] = {
    "node": pl.String, "sender": pl.String, "msgid": pl.String, "code": pl.String, "tombstone": pl.Boolean,
    "answered": pl.Boolean, "withdrawn": pl.Boolean, "done": pl.Boolean, "original": pl.String,
    "reversed_by": pl.String,
}  # fmt: skip


CHARGE_COLUMNS: dict[str, Any] = {
    "node": pl.String, "visit_id": pl.String, "settlement": pl.String, "fees_fen": pl.Int64, "lines_fen": pl.Int64,
    "repeated": pl.String, "told_as": pl.String, "told_of": pl.String,
}  # fmt: skip


CODED_COLUMNS: dict[str, Any] = {
    "node": pl.String, "msgid": pl.String, "code": pl.String, "item_code": pl.String, "opened_us": pl.Int64,
}  # fmt: skip


DRUG_COLUMNS: dict[str, Any] = {
    "node": pl.String, "msgid": pl.String, "item": pl.String, "count_e4": pl.Int64,
}  # fmt: skip


TYPED_COLUMNS: dict[str, Any] = {
    "node": pl.String, "msgid": pl.String, "care_type": pl.String,
}  # fmt: skip


FILING_COLUMNS: dict[str, Any] = {
    "node": pl.String, "filing": pl.String, "place": pl.String, "accepted_us": pl.Int64, "uploaded_us": pl.Int64,
    "begins_us": pl.Int64, "ends_us": pl.Int64, "ended_us": pl.Int64, "allowed": pl.Int64, "named": pl.List(pl.String),
    "of_visit": pl.String,
}  # fmt: skip


class Laid(NamedTuple):
    """How one table of the evidence is laid out from the books.

    ``place`` is where in the column ``by`` the province of care stands: every id names the institution it is of.
    """

    rows: Callable[[str, FinalBooks], Iterator[tuple[Any, ...]]]
    columns: dict[str, Any]
    by: str
    place: int


OF_REGION, OF_INSTITUTION, _OF_ID = 0, 1, 2
"""An institution's code is a letter and its region; an id made from a message's has a letter of its own before it."""


def _settlements(node: str, books: FinalBooks) -> Iterator[tuple[Any, ...]]:
    return (_settlement(node, made) for made in books.settlements)


def _copies(node: str, books: FinalBooks) -> Iterator[tuple[Any, ...]]:
    return (_copy(node, copy) for copy in books.copies)


def _postings(node: str, books: FinalBooks) -> Iterator[tuple[Any, ...]]:
    return (_posting(node, posting) for posting in books.postings)


def _settlement(node: str, made: SettlementRecord) -> tuple[Any, ...]:
    return (
        node, made.settlement, made.visit, made.person, made.code, made.settled_by, made.posted_us, made.sign,
        made.reverses, made.before, made.care_region, made.insured_region, made.filing, made.business_day,
        made.care_type, made.disease, made.year, made.hospital_level, made.part.mid_stay, made.part.continues,
        made.prescription, _checksum(_legs_of(made)),
        *_amounts(made.amounts), *_parts(made.amounts),
    )  # fmt: skip


def _copy(node: str, copy: SettlementCopy) -> tuple[Any, ...]:
    return (
        node, copy.settlement, copy.visit, copy.settled_by, copy.settled_us, copy.sign, copy.reverses,
        *_amounts(copy.amounts),
    )  # fmt: skip


def _charges(node: str, books: FinalBooks) -> Iterator[tuple[Any, ...]]:
    """Yield the charges of each visit that was no sale and no order: as it sums them, and as its lines do."""
    summed = {charges.visit: _summed(charges) for charges in books.charges}  # not the lines: a province has millions
    for visit in books.visits:
        if visit.opened_as in SETTLEMENTS or visit.opened_as == PLACE_ORDER:
            continue  # a sale is settled with the message that holds its lines, an order by what such a one placed
        lines_fen, repeated = summed.get(visit.visit, _NOTHING)
        yield (
            node,
            visit.visit,
            visit.settlement,
            visit.fees.total_fen,
            lines_fen,
            repeated,
            visit.care_type,
            visit.diagnosis,
        )


_NOTHING = (0, "")


def _summed(charges: ChargesRecord) -> tuple[int, str]:
    """Return what a visit's lines add up to, and the serial numbers that more than one of them has."""
    lines = tuple(charges.lines())
    serials = Counter(line.serial for line in lines)
    return sum(line.total_fen for line in lines), ", ".join(s for s, times in serials.items() if times > 1)


def _filings(node: str, books: FinalBooks) -> Iterator[tuple[Any, ...]]:
    for kept in books.filings:
        for one in kept.filings:
            yield (
                node, one.serial, one.place, one.accepted_us, one.uploaded_us, one.begins_us, one.ends_us, one.ended_us,
                one.allowed, list(one.named), one.visit,
            )  # fmt: skip


def _coded(node: str, books: FinalBooks) -> Iterator[tuple[Any, ...]]:
    """Yield each code of the messages of charges that a place of care said yes to; a relay only passes them on."""
    if is_city(node):
        return
    for message in books.messages:
        body = None if message.request is None or message.reply is None else message.request.body
        if isinstance(body, UploadLines | SellDrugs) and body.lines and message.reply is not None:
            if message.reply.refusal:
                continue
            for code in sorted({line.item for line in body.lines}):
                yield node, message.key.msgid, message.code, code, message.opened_us


def _drugs(node: str, books: FinalBooks) -> Iterator[tuple[Any, ...]]:
    """Yield what a place of care said that it prescribes with a settlement, or dispenses with a sale."""
    for message in books.messages:
        request = message.request
        if request is None or message.code not in SETTLEMENTS or province_of(request.care_region) != node:
            continue
        body = request.body
        if isinstance(body, Settle | SellDrugs) and body.prescription:
            said = body.drugs if isinstance(body, Settle) else drugs_of(body.lines)
            for drug in said:
                yield node, message.key.msgid, item_of(drug.item), drug.count_e4


def _typed(node: str, books: FinalBooks) -> Iterator[tuple[Any, ...]]:
    """Yield as what a node was told that a settlement is paid, where not as an ordinary visit, by the message."""
    for message in books.messages:
        body = None if message.request is None or message.code not in SETTLEMENTS else message.request.body
        if isinstance(body, Settle | SellDrugs) and body.care_type != CareType.ORDINARY:
            yield node, message.key.msgid, body.care_type


def _posting(node: str, posting: Posting) -> tuple[Any, ...]:
    sum_fen = sum(leg.amount_fen for leg in posting.legs)
    return node, posting.posting, posting.settlement, posting.posted_us, sum_fen, _checksum(tuple(posting.legs))


def _amounts(amounts: Settlement) -> tuple[int, ...]:
    a = amounts
    scope_parts_fen = a.own_pay_fen + a.over_limit_fen + a.pre_self_pay_fen + a.in_scope_fen
    stated = (a.total_fen, a.fund_fen, a.account_fen, a.cash_fen, a.hospital_part_fen)
    return (*stated, scope_parts_fen, _checksum(a))


def _parts(amounts: Settlement) -> tuple[int, ...]:
    """Return what is in scope, and who bears it."""
    a = amounts
    return (
        a.in_scope_fen, a.first_self_pay_fen, a.deductible_fen, a.pool_fen, a.large_sum_fen, a.serious_illness_fen,
        a.civil_servant_fen, a.aid_fen,
    )  # fmt: skip


def _legs_of(made: SettlementRecord) -> tuple[tuple[str, int], ...]:
    """Return the legs that a settlement asks for: each fund's share, and to whom it is owed."""
    return legs_for(made.amounts, province_of(made.insured_region), province_of(made.care_region))


def _checksum(content: object) -> int:
    return crc32(_encode(content))


def _messages(node: str, books: FinalBooks) -> Iterator[tuple[Any, ...]]:
    """Yield the messages that a law asks about.

    Those taken back, those that take back, those without an answer, and at the insurer those that moved money.
    """
    for message in books.messages:
        moved = message.code in _MOVING_MONEY and _is_of_insurer(node, message)
        if message.reply is None or message.reversed_by is not None or message.code == REVERSE or moved:
            yield _message(node, message)


def _is_of_insurer(node: str, message: MessageRecord) -> bool:
    return message.request is not None and province_of(message.request.insured_region) == node


def _message(node: str, message: MessageRecord) -> tuple[Any, ...]:
    answered = message.reply is not None
    done = message.reply is not None and not message.reply.refusal
    original = getattr(message.request.body, "original", "") if message.request is not None else ""
    tombstone = message.request is None
    reversed_by = message.reversed_by or ""
    return (
        node,
        message.key.sender,
        message.key.msgid,
        message.code,
        tombstone,
        answered,
        message.withdrawn,
        done,
        original,
        reversed_by,
    )


_LAID = {
    "settlements": Laid(_settlements, SETTLEMENT_COLUMNS, "visit_id", _OF_ID),
    "copies": Laid(_copies, COPY_COLUMNS, "visit_id", _OF_ID),
    "charges": Laid(_charges, CHARGE_COLUMNS, "visit_id", _OF_ID),
    "postings": Laid(_postings, POSTING_COLUMNS, "settlement", _OF_ID),
    "filings": Laid(_filings, FILING_COLUMNS, "place", OF_REGION),
    "messages": Laid(_messages, MESSAGE_COLUMNS, "msgid", OF_INSTITUTION),
}
_AT_WISH = {
    "coded": Laid(_coded, CODED_COLUMNS, "msgid", OF_INSTITUTION),
    "typed": Laid(_typed, TYPED_COLUMNS, "msgid", OF_INSTITUTION),
    "drugs": Laid(_drugs, DRUG_COLUMNS, "msgid", OF_INSTITUTION),
}
"""What only laws of some scenarios look at, and costs a look at every message."""


def laid_tables(also: Iterable[str] = ()) -> dict[str, Laid]:
    """Return the tables that are laid out from the books, with those of ``also`` that only some scenarios ask for."""
    return _LAID | {name: _AT_WISH[name] for name in _AT_WISH if name in {*also}}
