"""Hand-made evidence: the smallest books and records in which every law can be kept and broken."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import msgspec
import pytest

from lab.checker import Agreement
from reference_impl.books.final import FinalBooks
from reference_impl.books.memory import MemoryBooks
from reference_impl.domain.benefit import Settlement, take_back
from reference_impl.domain.fees import FeeLine, FeeTotals, PricedLine
from reference_impl.domain.filing import Filing, FilingKind
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.master_data import Download, Release, Subject
from reference_impl.domain.network import NetworkScope
from reference_impl.domain.policies import Policy
from reference_impl.domain.policy_book import PolicyBook
from reference_impl.domain.prefund import PrefundRules
from reference_impl.domain.renumbering import Renumbering
from reference_impl.domain.sessions import SessionRules
from reference_impl.protocol.messages import Done, LinesPriced, Reply, Request, RequestBody, Reverse, UploadLines
from reference_impl.protocol.records import (
    ChargedBatch,
    ChargesRecord,
    FilingsRecord,
    Key,
    Leg,
    MessageRecord,
    Posting,
    SettlementCopy,
    SettlementRecord,
    VisitRecord,
)
from scenarios.patients.master_data import MasterPlan
from scenarios.record.recorder import (
    TABLES,
    ContactRow,
    EventRow,
    InflightRow,
    MessageRow,
    Record,
    StationRow,
    VisitRow,
    frame_of,
)
from scenarios.schema.master_data import StaleDesk

HOSPITAL = "H33040000001"
PERSON = "631100100000000000000001"


def message_id(number: int) -> str:
    return f"{HOSPITAL}20240313080000{number:04d}"


def visit_row(visit: int, **changes: object) -> VisitRow:
    """A pharmacy visit of ten seconds, settled directly."""
    at = 1_000_000 * (visit + 1)
    row = VisitRow(
        visit=visit, kind="pharmacy", hospital=HOSPITAL, care_region="330400", insured_region="631100", person=PERSON,
        arrival_us=at, started_us=at, desk_wait_us=0, settle_sent_us=at + 200_000, settle_done_us=at + 300_000,
        latency_us=100_000, fate="direct", refusal="", settlement_id=f"S{visit}", visit_id=f"V{visit}",
        total_fen=10_000, fund_fen=7_000, cash_fen=3_000, account_fen=0, hospital_part_fen=0,
        settled_us=1, acked=True, attempts=3, paper_fen=0, parked_us=0,
        ended_us=at + 300_000, local=False, open_at_start=False,
    )  # fmt: skip
    return row._replace(**changes)


def inflight_row(visit: int, **changes: object) -> InflightRow:
    """A visit that a stop found at the desk."""
    row = InflightRow("stop_accept", 5, visit, "at_desk", "pharmacy", "330400", "631100", plan="night")
    return row._replace(**changes)


def message_row(visit: int, **changes: object) -> MessageRow:
    """The settlement message of a visit, answered yes at the first send."""
    at = 1_000_000 * (visit + 1)
    row = MessageRow(
        visit=visit, step=3, code="2102", msgid=message_id(visit), attempt=1, sent_us=at + 200_000,
        done_us=at + 300_000, outcome="ok", refusal="", reply_crc=100 + visit,
    )  # fmt: skip
    return row._replace(**changes)


def contact_row(visit: int, **changes: object) -> ContactRow:
    """The one contact of a visit, from the start of its desk work to its settlement."""
    at = 1_000_000 * (visit + 1)
    row = ContactRow(visit=visit, contact=1, intended_us=at, done_us=at + 300_000, outcome="done")
    return row._replace(**changes)


def settlement(visit: int, **changes: object) -> SettlementRecord:
    made = {
        "settlement": f"S{visit}", "visit": f"V{visit}", "person": PERSON, "institution": HOSPITAL, "care_region": "330400",
        "insured_region": "631100", "code": "2102", "settled_by": message_id(visit), "posted_us": 1, "sign": 1,
        "amounts": Settlement(total_fen=10_000, in_scope_fen=10_000, pool_fen=7_000, cash_fen=3_000),
    }  # fmt: skip
    made |= changes
    if made["sign"] < 0:
        made["amounts"] = take_back(made["amounts"])
    return SettlementRecord(**made)


def copy_of(s: SettlementRecord, **changes: object) -> SettlementCopy:
    """A settlement as care province and hub keep it."""
    kept = SettlementCopy(
        s.settlement, s.visit, s.settled_by, s.code, s.posted_us, s.sign, s.amounts, reverses=s.reverses
    )
    return msgspec.structs.replace(kept, **changes)


def visit_with_lines(*lines: PricedLine) -> tuple[VisitRecord, ChargesRecord]:
    """The visit of settlement S0 as the care province keeps it, and its charges: two lines, unless others are given."""
    lines = lines or (PricedLine("1", 6_000, in_scope_fen=6_000), PricedLine("2", 4_000, in_scope_fen=4_000))
    visit = VisitRecord(
        "V0",
        3,
        HOSPITAL,
        "631100",
        PERSON,
        VisitState.SETTLED,
        message_id(90),
        "2201",
        FeeTotals(10_000),
        "S0",
        message_id(0),
    )
    return visit, ChargesRecord("V0", 1, (ChargedBatch("B1", lines),))


def posting(
    settlement: str, amount_fen: int = 7_000, *, credit_fen: int | None = None, name: str = "", to: str = "33"
) -> Posting:
    credit_fen = -amount_fen if credit_fen is None else credit_fen
    legs = (Leg("63:fund:pool", amount_fen), Leg(f"63:owed:{to}", credit_fen))
    return Posting(posting=name or f"P{settlement}", settlement=settlement, posted_us=1, legs=legs)


def filing(**changes: object) -> Filing:
    """A filing for Jiaxing, valid for the settlement of a visit."""
    made = Filing("B0", FilingKind.TEMPORARY, "3304", accepted_us=0, uploaded_us=0, begins_us=0, ends_us=10**12)
    return msgspec.structs.replace(made, **changes)


def reversal_entry(number: int, original: str) -> MessageRecord:
    """A node that said yes to a 2601 of ``original``."""
    body = Reverse(person=PERSON, original=original, original_code="2102")
    request = Request("2601", message_id(number), "hub", HOSPITAL, "330400", "631100", body)
    return MessageRecord(Key("hub", message_id(number)), "2601", 5, request, Reply("R", Done()))


def settling_entry(settled: SettlementRecord) -> MessageRecord:
    """The message by which an insurer settled, or took back, as it keeps it."""
    body = Reverse(person=settled.person, original="", original_code="2102")
    request = Request("2102", settled.settled_by, "hub", HOSPITAL, "330400", settled.insured_region, body)
    return MessageRecord(Key("hub", settled.settled_by), "2102", 5, request, Reply("R", Done()))


def priced_entry(opened_us: int, *codes: str) -> MessageRecord:
    """Charges by these codes to which a place of care said yes."""
    lines = tuple(FeeLine(f"{serial}", code, 10_000, 1, 0) for serial, code in enumerate(codes))
    body = UploadLines(person=PERSON, visit="V0", batch="1", lines=lines)
    request = Request("2204", message_id(70), HOSPITAL, HOSPITAL, "330400", "631100", body)
    key = Key(HOSPITAL, message_id(70))
    return MessageRecord(key, "2204", opened_us, request, Reply("R", LinesPriced(lines=())))


def heard_entry(code: str, visit: int, body: RequestBody) -> MessageRecord:
    """The settlement of a visit as its place of care heard of it, and said yes to."""
    request = Request(code, message_id(visit), HOSPITAL, HOSPITAL, "330400", "631100", body)
    return MessageRecord(Key(HOSPITAL, message_id(visit)), code, 5, request, Reply("R", Done()))


def issued(
    of: str, *, valid_from: int = 0, downloads: tuple[Download, ...] | None = None, **more: object
) -> MasterPlan:
    """A plan with one release of everything of a subject, and the downloads of those who need it."""
    subject = Subject(of)
    node = "33" if subject is Subject.CATALOGUE else "63"
    release = Release(1, 0, valid_from, 1.0, **more)
    releases = {one: (release,) if one is subject else () for one in Subject}
    return MasterPlan(7, releases, {} if downloads is None else {(node, subject): downloads}, StaleDesk())


def tombstone(original: str) -> MessageRecord:
    return MessageRecord(Key("hub", original), "2102", 5, None, reversed_by=message_id(99))


@dataclass
class World:
    """One settled visit in books and record; tests bend one thing at a time."""

    visits: list[VisitRow] = field(default_factory=lambda: [visit_row(0)])
    messages: list[MessageRow] = field(default_factory=lambda: [message_row(0)])
    contacts: list[ContactRow] = field(default_factory=lambda: [contact_row(0)])
    settlements: list[SettlementRecord] = field(default_factory=lambda: [settlement(0)])
    postings: list[Posting] = field(default_factory=lambda: [posting("S0")])
    at_care: list[SettlementCopy] = field(default_factory=lambda: [copy_of(settlement(0))])
    charged: list[VisitRecord] = field(default_factory=lambda: [visit_with_lines()[0]])
    lines: list[ChargesRecord] = field(default_factory=lambda: [visit_with_lines()[1]])
    at_hub: list[SettlementCopy] = field(default_factory=lambda: [copy_of(settlement(0))])
    care_node: str = "33"
    at_cities: dict[str, list[SettlementCopy]] = field(default_factory=dict)
    """What cities keep that have relays of their own."""
    stored: list[MessageRecord] = field(default_factory=list)
    remembers: bool = True
    """Whether the insurer still knows the messages by which it settled."""
    stations: list[StationRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    inflight: list[InflightRow] = field(default_factory=list)
    filings: list[Filing] = field(default_factory=list)
    filed_for: frozenset[str] = frozenset()
    """The settlements that ask for a filing."""
    network: NetworkScope | None = None
    """What institutions are opened for."""
    policies: PolicyBook | None = None
    """The policies of insured regions that have their own."""
    master: MasterPlan | None = None
    """What was issued anew, and who had it when."""
    priced: list[MessageRecord] = field(default_factory=list)
    """The messages of charges to which the place of care said yes."""

    @property
    def agreement(self) -> Agreement:
        """What was agreed beforehand."""
        return Agreement(
            self.filed_for,
            self.master,
            self.policies,
            self.network,
            self.prefunds,
            self.own,
            sessions=self.sessions,
            prescription_valid_us=self.prescription_valid_us,
            order_valid_us=self.order_valid_us,
            renumberings=self.renumberings,
        )

    renumberings: tuple[Renumbering, ...] = ()
    """Which numbers changed."""

    own: dict[str, Policy] = field(default_factory=dict)
    """What insured provinces go by for regions without a policy of their own."""

    prefunds: dict[str, PrefundRules] = field(default_factory=dict)
    sessions: dict[str, SessionRules] = field(default_factory=dict)
    prescription_valid_us: int = 0
    order_valid_us: int = 0

    def passed(self, settled: SettlementRecord) -> None:
        """Let a settlement, or a negative one, stand in the insurer's books and in the copies of its way."""
        self.settlements.append(settled)
        self.at_care.append(copy_of(settled))
        self.at_hub.append(copy_of(settled))

    def books(self) -> dict[str, FinalBooks]:
        nothing = MemoryBooks().read_all().records
        filed = [FilingsRecord(PERSON, 1, tuple(self.filings))] if self.filings else []
        insured = {
            **nothing,
            SettlementRecord: self.settlements,
            Posting: self.postings,
            FilingsRecord: filed,
        }
        books = {"33": nothing, "hub": {**nothing, SettlementCopy: self.at_hub}, "63": insured}
        books[self.care_node] = {
            **books[self.care_node],
            SettlementCopy: self.at_care,
            VisitRecord: self.charged,
            ChargesRecord: self.lines,
        }
        books |= {city: {**nothing, SettlementCopy: copies} for city, copies in self.at_cities.items()}
        known = [*map(settling_entry, self.settlements)] if self.remembers else []
        messages = {"63": [*known, *self.stored], "33": self.priced}
        return {node: FinalBooks(messages.get(node, ()), kept) for node, kept in books.items()}

    def record(self) -> Record:
        made = {name: getattr(self, name, []) for name in TABLES}
        return Record(**{name: frame_of(name, rows) for name, rows in made.items()})


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def make() -> SimpleNamespace:
    """The makers of single rows and messages; under importlib test files cannot import one another."""
    makers = (
        World,
        contact_row,
        copy_of,
        filing,
        inflight_row,
        settlement,
        message_id,
        message_row,
        posting,
        priced_entry,
        heard_entry,
        issued,
        Download,
        reversal_entry,
        tombstone,
        visit_row,
        visit_with_lines,
        FeeTotals,
        PricedLine,
    )
    return SimpleNamespace(**{maker.__name__: maker for maker in makers})
