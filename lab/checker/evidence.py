"""The two witnesses as tables: settlements, copies, postings, messages of the books; attempts and visits of the record.

This module only lays facts out. It must never judge them, and never repair a row that looks wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

import msgspec
import polars as pl

from lab.checker.agreement import NO_AGREEMENT, Agreement
from reference_impl.domain.ledger import legs_for
from reference_impl.domain.nodes import is_city
from reference_impl.domain.regions import province_of
from reference_impl.domain.transactions import CANCELS, REVERSE, SETTLEMENTS
from reference_impl.protocol.messages import SellDrugs, UploadLines
from scenarios.record.written import Scratch

if TYPE_CHECKING:
    from pathlib import Path

    from reference_impl.books.final import FinalBooks
    from reference_impl.domain.benefit import Settlement
    from reference_impl.protocol.records import ChargesRecord, MessageRecord, Posting, SettlementCopy, SettlementRecord
    from scenarios.record.written import RunTables

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
    "business_day": pl.Int32, "care_type": pl.String, "disease": pl.String, "legs": pl.Int64, **_AMOUNTS,
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
EARLIER_COLUMNS: dict[str, Any] = {"node": pl.String, "before": pl.String, "other": pl.String}


CODED_COLUMNS: dict[str, Any] = {
    "node": pl.String, "msgid": pl.String, "code": pl.String, "item_code": pl.String, "opened_us": pl.Int64,
}  # fmt: skip


FILING_COLUMNS: dict[str, Any] = {
    "node": pl.String, "filing": pl.String, "place": pl.String, "accepted_us": pl.Int64, "uploaded_us": pl.Int64,
    "begins_us": pl.Int64, "ends_us": pl.Int64, "ended_us": pl.Int64, "allowed": pl.Int64, "named": pl.List(pl.String),
    "of_visit": pl.String,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the laws may look at."""

    settlements: pl.DataFrame
    copies: pl.DataFrame
    charges: pl.DataFrame
    postings: pl.DataFrame
    messages: pl.DataFrame
    visits: pl.DataFrame
    attempts: pl.DataFrame
    mid_stays: pl.DataFrame
    inflight: pl.DataFrame
    filings: pl.DataFrame
    closings: pl.DataFrame
    earlier: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EARLIER_COLUMNS))
    """Of a portion: whose the settlements of other places are that those of this one were worked out upon."""
    coded: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CODED_COLUMNS))
    """By which codes a place of care priced each message of charges; looked up only where codes are issued anew."""
    relays: tuple[str, ...] = ()
    """The cities that are nodes of their own, and so have books."""
    agreement: Agreement = NO_AGREEMENT

    def standing(self) -> pl.DataFrame:
        """Return the settlements that no reversal has taken back."""
        return _standing(self.settlements)

    def standing_copies(self) -> pl.DataFrame:
        """Return the copies of settlements that their node has not seen taken back."""
        return _standing(self.copies)


class _Laid(NamedTuple):
    """How one table of the evidence is laid out from the books.

    ``place`` is where in the column ``by`` the province of care stands: every id names the institution it is of.
    """

    rows: Callable[[str, FinalBooks], Iterator[tuple[Any, ...]]]
    columns: dict[str, Any]
    by: str
    place: int


_OF_REGION, _OF_INSTITUTION, _OF_ID = 0, 1, 2
"""An institution's code is a letter and its region; an id made from a message's has a letter of its own before it."""
_PROVINCE_DIGITS = 2
CHUNK_ROWS = 50_000
"""Rows held as tuples before they are packed into columns."""


def gather(
    books: Mapping[str, FinalBooks],
    tables: RunTables,
    agreement: Agreement = NO_AGREEMENT,
) -> Evidence:
    """Lay out the final books of every node beside the record of the run."""
    which = _laid(coded=agreement.master is not None)
    laid = {name: pl.concat(list(_chunks(books, one))) for name, one in which.items()}
    return Evidence(
        **laid,
        visits=tables.frame("visits"),
        attempts=tables.scan("messages").select(_ATTEMPTED).collect(),
        mid_stays=tables.frame("mid_stays"),
        inflight=tables.frame("inflight"),
        closings=tables.frame("closings"),
        agreement=agreement,
        relays=_relays(books),
    )


@dataclass(frozen=True, slots=True)
class LaidOut:
    """The final books of every node as the evidence has them, in files: nobody needs the world that wrote them."""

    files: Mapping[str, list[Path]]
    scratch: Scratch
    """Holds the files, as long as this does."""
    relays: tuple[str, ...] = ()
    """As in the evidence."""


def lay_out(books: Mapping[str, FinalBooks], scratch: Scratch, *, coded: bool = False) -> LaidOut:
    """Lay the final books out on disk, with the codes of charges where they are ``coded`` anew."""
    which = _laid(coded=coded)
    files = {name: [_stored(chunk, scratch.path(name)) for chunk in _chunks(books, one)] for name, one in which.items()}
    return LaidOut(files, scratch, _relays(books))


def _relays(books: Mapping[str, FinalBooks]) -> tuple[str, ...]:
    return tuple(filter(is_city, books))


def portions(
    laid: LaidOut,
    tables: RunTables,
    looked_at: Collection[str] = (),
    *,
    agreement: Agreement = NO_AGREEMENT,
) -> Iterator[Evidence]:
    """Give the same evidence by province of care, one after the other: what is not looked at lies on disk.

    With ``looked_at`` only the tables named are read, and the others are empty.
    """
    laid_out = _laid(coded="coded" in laid.files)
    sources = {name: (pl.scan_parquet(laid.files[name]), one.by, one.place) for name, one in laid_out.items()}
    sources["visits"] = (tables.scan("visits"), "hospital", _OF_INSTITUTION)
    sources["mid_stays"] = (tables.scan("mid_stays"), "msgid", _OF_INSTITUTION)
    sources["attempts"] = (tables.scan("messages").select(_ATTEMPTED), "msgid", _OF_INSTITUTION)
    sources["inflight"] = (tables.scan("inflight"), "care_region", _OF_REGION)
    sources["closings"] = (tables.scan("closings"), "care_region", _OF_REGION)
    if looked_at:
        rest = sources.keys() - looked_at
        sources |= {name: (sources[name][0].clear(), *sources[name][1:]) for name in rest}
    provinces = {name: pl.col(by).str.slice(place, _PROVINCE_DIGITS) for name, (_, by, place) in sources.items()}
    every = pl.concat([source.select(province=provinces[name]).unique() for name, (source, _, _) in sources.items()])
    for province in every.unique().collect()["province"].sort():  # of every table: nothing may be left unchecked
        portion = {
            name: source.filter(provinces[name] == province).collect() for name, (source, _, _) in sources.items()
        }
        elsewhere = {name: source.filter(provinces[name] != province) for name, (source, _, _) in sources.items()}
        earlier = _earlier(portion["settlements"], elsewhere)
        yield Evidence(**portion, earlier=earlier, agreement=agreement, relays=laid.relays)


def _earlier(settlements: pl.DataFrame, elsewhere: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """Return whose the settlements elsewhere are that these were worked out upon: a person goes to many places."""
    upon = settlements.lazy().filter(pl.col("before") != "").select("node", settlement="before").unique()
    made = elsewhere["settlements"].filter(pl.col("sign") == 1).join(upon, on=["node", "settlement"], how="semi")
    of_visit = (
        elsewhere["attempts"].select("msgid", "visit").join(made.select("msgid"), on="msgid", how="semi").unique()
    )
    patients = of_visit.join(elsewhere["visits"].select("visit", other="person"), on="visit")
    return (
        made.join(patients, on="msgid").select("node", "other", before="settlement").collect().select(*EARLIER_COLUMNS)
    )


def _chunks(books: Mapping[str, FinalBooks], laid: _Laid) -> Iterator[pl.DataFrame]:
    """Yield a table of the evidence in pieces; one at least."""
    rows = (row for node, kept in books.items() for row in laid.rows(node, kept))
    yield _frame(islice(rows, CHUNK_ROWS), laid.columns)
    while some := list(islice(rows, CHUNK_ROWS)):
        yield _frame(some, laid.columns)


def _stored(chunk: pl.DataFrame, path: Path) -> Path:
    chunk.write_parquet(path, compression="lz4")
    return path


def _standing(settlements: pl.DataFrame) -> pl.DataFrame:
    taken_back = settlements.filter(pl.col("sign") == -1).select("node", settlement="reverses")
    return settlements.filter(pl.col("sign") == 1).join(taken_back, on=["node", "settlement"], how="anti")


def _frame(rows: Iterable[tuple[Any, ...]], columns: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=columns, orient="row")


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
        made.care_type, made.disease, _checksum(_legs_of(made)),
        *_amounts(made.amounts), *_parts(made.amounts),
    )  # fmt: skip


def _copy(node: str, copy: SettlementCopy) -> tuple[Any, ...]:
    return (
        node, copy.settlement, copy.visit, copy.settled_by, copy.settled_us, copy.sign, copy.reverses,
        *_amounts(copy.amounts),
    )  # fmt: skip


def _charges(node: str, books: FinalBooks) -> Iterator[tuple[Any, ...]]:
    """Yield the charges of each visit that was not a sale: as it sums them, and as its lines do."""
    summed = {charges.visit: _summed(charges) for charges in books.charges}  # not the lines: a province has millions
    for visit in books.visits:
        if visit.opened_as in SETTLEMENTS:
            continue  # a sale is settled with the message that holds its lines, also once it is taken back
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


_ATTEMPTED = ("visit", "code", "msgid", "sent_us", "done_us", "outcome", "reply_crc")
_LAID = {
    "settlements": _Laid(_settlements, SETTLEMENT_COLUMNS, "visit_id", _OF_ID),
    "copies": _Laid(_copies, COPY_COLUMNS, "visit_id", _OF_ID),
    "charges": _Laid(_charges, CHARGE_COLUMNS, "visit_id", _OF_ID),
    "postings": _Laid(_postings, POSTING_COLUMNS, "settlement", _OF_ID),
    "filings": _Laid(_filings, FILING_COLUMNS, "place", _OF_REGION),
    "messages": _Laid(_messages, MESSAGE_COLUMNS, "msgid", _OF_INSTITUTION),
}
_CODED = _Laid(_coded, CODED_COLUMNS, "msgid", _OF_INSTITUTION)


def _laid(*, coded: bool) -> dict[str, _Laid]:
    """Return the tables that are laid out from the books; the codes of charges only where they are ``coded`` anew."""
    return {**_LAID, "coded": _CODED} if coded else _LAID
