"""What a node writes down: one message a message, and records of several kinds; and the change that moves them.

Plain data. ``reference_impl.books`` stores it, the workflows decide it. A ``Change`` is applied whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Literal, NamedTuple, TypeVar

import msgspec

from reference_impl.domain.benefit import Accumulators, EarlierYear, Settlement
from reference_impl.domain.care_types import CareType
from reference_impl.domain.fees import FeeTotals, PricedLine
from reference_impl.domain.filing import Filing, Stay
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.prescribed import Drug
from reference_impl.domain.remembered import Past
from reference_impl.protocol.messages import MessageId, PersonNo, Reply, Request, SettlementId, VisitId


class Key(msgspec.Struct, frozen=True, order=True, gc=False, array_like=True):
    """One key, one effect (G1)."""

    sender: NodeId
    msgid: MessageId


class MessageRecord(msgspec.Struct, frozen=True, gc=False):
    """A message a node took in. Without ``reply`` it is an intent; a tombstone has ``request`` None.

    ``withdrawn`` marks an intent whose next node surely did not act (closed, full, unreachable): the same key may try
    again as if it were new, and a restart does not drive it.
    """

    key: Key
    code: str
    opened_us: int
    request: Request | None
    reply: Reply | None = None
    reversed_by: MessageId | None = None
    withdrawn: bool = False

    def answered(self, reply: Reply) -> MessageRecord:
        """Return the same message with its verdict."""
        return MessageRecord(self.key, self.code, self.opened_us, self.request, reply, self.reversed_by, self.withdrawn)


class Record(msgspec.Struct, frozen=True, gc=False):
    """Something that books keep beside the messages.

    A new kind is a struct here, a line in ``KINDS`` and a migration. Its fields are text, whole numbers, a ``StrEnum``,
    a struct of such fields (laid flat), a tuple of whole numbers or of structs, or a tuple of ``NamedTuple`` rows.
    """


RecordT = TypeVar("RecordT", bound=Record)


class VisitRecord(Record, frozen=True, gc=False):
    """A visit as its care province knows it. The insured province knows persons and settlements, not visits.

    Institution, insured region and person are those of the message that opened it, and its kind that of its transaction
    ``opened_as``: no later message may name others.

    ``held_by`` is the message that is deciding about the visit's money elsewhere: until its outcome is known nothing
    else may move the visit, so that the message means the same however often it is sent. ``ended_us`` is when a
    discharged stay ended. ``insurance`` and ``began_us`` are what the opening message said; a visit from before books
    kept them has none. ``care_type`` is as what it is to be paid, and ``diagnosis`` what for, as 2203 said it.
    ``mid_stay`` is 1 where what is settled is no whole stay, ``continues`` the part whose rest this one is.
    """

    visit: VisitId
    version: int
    institution: NodeId
    insured_region: str
    person: PersonNo
    state: VisitState
    opened_by: MessageId
    opened_as: str
    fees: FeeTotals
    settlement: SettlementId = SettlementId("")
    settled_by: MessageId = MessageId("")
    held_by: MessageId = MessageId("")
    ended_us: int = 0
    insurance: str = ""
    began_us: int = 0
    care_type: str = CareType.ORDINARY.value
    diagnosis: str = ""
    mid_stay: Literal[0, 1] = 0
    continues: VisitId = VisitId("")


class ChargedBatch(msgspec.Struct, frozen=True, gc=False):
    """The charges of one accepted message, as they were priced, under the batch it named.

    What was charged stands in the message itself, ``charged_by``; older books do not say which it was.
    """

    batch: str
    lines: tuple[PricedLine, ...]
    charged_by: MessageId = MessageId("")


class ChargesRecord(Record, frozen=True, gc=False):
    """The charges on a visit, line by line; beside the visit, because only what moves charges reads them."""

    visit: VisitId
    version: int
    batches: tuple[ChargedBatch, ...]

    def lines(self) -> Iterator[PricedLine]:
        """Yield every line on the visit, in the order they came."""
        for batch in self.batches:
            yield from batch.lines


class PersonRecord(Record, frozen=True, gc=False):
    """An insured person: what the policy needs to remember. ``version`` moves with every change.

    ``latest`` is the settlement that stands and was made last: the one that may be taken back. ``earlier`` is what
    counts in the year before that of the accumulators, for stays that ended in it and are settled later.
    """

    person: PersonNo
    version: int
    accumulators: Accumulators
    earlier: EarlierYear = EarlierYear()
    latest: SettlementId = SettlementId("")


class FilingsRecord(Record, frozen=True, gc=False):
    """What a person has filed for treatment elsewhere, and the stays there that the insurer was told of.

    Beside the person, whose record moves with every settlement; nothing is taken out of either list.
    """

    person: PersonNo
    version: int
    filings: tuple[Filing, ...]
    stays: tuple[Stay, ...] = ()


class RememberedRecord(Record, frozen=True, gc=False):
    """A person's settlements one by one, where a policy asks for more of a year than the accumulators hold.

    Moves with the person; of persons whose policy asks for none of it there is none.
    """

    person: PersonNo
    version: int
    past: tuple[Past, ...]


class StayPart(msgspec.Struct, frozen=True, gc=False):
    """As which part of a stay a settlement was made; empty of what is settled whole.

    ``mid_stay`` is 1 where the stay goes on under a visit of its own, ``continues`` the visit that this one goes on
    from. Where the policy has parts pay one deductible, ``merged_deductible_fen`` was paid of it by the parts before,
    and ``merged_stays`` of the stays of this benefit year are these.
    """

    mid_stay: Literal[0, 1] = 0
    continues: VisitId = VisitId("")
    merged_deductible_fen: int = 0
    merged_stays: int = 0


WHOLE = StayPart()


class SettlementRecord(Record, frozen=True, gc=False):
    """A settlement in the insured province's books. ``sign`` is -1 for one that takes ``reverses`` back.

    ``year`` is the benefit year it counts in, 0 where that is the year it was posted in. ``before`` is the settlement
    of the person that stood last when this one was made: the latest again once this one is taken back. ``filing`` is
    the receipt of the filing that let it through, empty where none was asked for.
    ``business_day`` (yyyymmdd) is the day it is dated on, fixed here and never worked out again; 0 in older books.
    ``care_type`` is as what it was paid, ``disease`` for which chronic or special disease, empty where for none.
    ``part`` says of a stay settled in parts which of them it is, ``hospital_level`` by which level it was paid, 0 in
    older books. ``prescription`` is the one that it ended with, and of a sale the one that it dispensed by.
    """

    settlement: SettlementId
    visit: VisitId
    person: PersonNo
    institution: NodeId
    care_region: str
    insured_region: str
    code: str
    settled_by: MessageId
    posted_us: int
    sign: Literal[1, -1]
    amounts: Settlement
    reverses: SettlementId = SettlementId("")
    year: int = 0
    before: SettlementId = SettlementId("")
    filing: str = ""
    business_day: int = 0
    care_type: str = CareType.ORDINARY.value
    disease: str = ""
    part: StayPart = WHOLE
    hospital_level: int = 0
    prescription: str = ""


class ContinuationRecord(Record, frozen=True, gc=False):
    """That a stay goes on from a settled one, in the insured province's books, by what was settled: no other may.

    Its own negative is written when that settlement is taken back.
    """

    settlement: SettlementId
    continues: VisitId
    visit: VisitId
    sign: Literal[1, -1]
    reverses: SettlementId = SettlementId("")


class PrescriptionRecord(Record, frozen=True, gc=False):
    """What became of an electronic prescription, in the insured province's books, by the settlement that did it.

    Issued by that of the follow-up, ``dispensed`` (1) by that of a sale; the latest that stands says how it is. Each
    has its own negative once its settlement is taken back, so that a sale undone leaves the prescription as issued.
    ``drugs`` is what it prescribes: none in older books.
    """

    settlement: SettlementId
    prescription: str
    person: PersonNo
    valid_until_us: int
    dispensed: Literal[0, 1]
    sign: Literal[1, -1]
    reverses: SettlementId = SettlementId("")
    drugs: tuple[Drug, ...] = ()


class SettlementCopy(Record, frozen=True, gc=False):
    """A settlement as its insurer's reply stated it, kept by each node that the reply passed: care province and hub.

    Written with the outcome, so that the money on the way can be held against the insurer's books, to the fen and the
    day. ``settled_us`` is the insurer's time; ``sign`` is -1 for one that takes ``reverses`` back.
    """

    settlement: SettlementId
    visit: VisitId
    settled_by: MessageId
    code: str
    settled_us: int
    sign: Literal[1, -1]
    amounts: Settlement
    reverses: SettlementId = SettlementId("")


class Leg(NamedTuple):
    """One line of a posting: debits positive, credits negative."""

    account: str
    amount_fen: int


class Posting(Record, frozen=True, gc=False):
    """A balanced posting for one settlement: its legs sum to zero (G5)."""

    posting: str
    settlement: SettlementId
    posted_us: int
    legs: tuple[Leg, ...]


class PrefundRecord(Record, frozen=True, gc=False):
    """What an insured province has posted against its prefund with one province of care, and nobody took back.

    Moved in the commit of each settlement that uses it, so that two that are decided at once never pass its limit.
    """

    care: str
    version: int
    posted_fen: int


class VisitsOfPerson(Record, frozen=True, gc=False):
    """What a look finds of a person: every visit as it stands, by their ids. Never written: it is the visits."""

    person: PersonNo
    visits: tuple[VisitRecord, ...]


class Way(Enum):
    """How a kind of record is kept."""

    VERSIONED = "versioned"
    """One a key; a new one takes the old one's place when its version is the next."""
    STANDING = "standing"
    """Appended; a look finds the latest of its key that no later one reverses."""
    APPENDED = "appended"
    """Appended, and never looked up."""


class Kind(NamedTuple):
    """How books keep one kind of record: under which name, by which field, in which way."""

    name: str
    key: str
    way: Way


KINDS: dict[type[Record], Kind] = {
    VisitRecord: Kind("visits", "visit", Way.VERSIONED),
    ChargesRecord: Kind("charges", "visit", Way.VERSIONED),
    PersonRecord: Kind("persons", "person", Way.VERSIONED),
    SettlementRecord: Kind("settlements", "visit", Way.STANDING),
    Posting: Kind("postings", "posting", Way.APPENDED),
    SettlementCopy: Kind("settlement_copies", "visit", Way.STANDING),
    FilingsRecord: Kind("filings", "person", Way.VERSIONED),
    RememberedRecord: Kind("remembered", "person", Way.VERSIONED),
    PrefundRecord: Kind("prefunds", "care", Way.VERSIONED),
    ContinuationRecord: Kind("continuations", "continues", Way.STANDING),
    PrescriptionRecord: Kind("prescriptions", "prescription", Way.STANDING),
}


class Listing(NamedTuple):
    """Which records a look finds together, of a versioned kind: those whose field ``by`` holds what the look names."""

    kind: type[Record]
    by: str


LISTS: dict[type[Record], Listing] = {VisitsOfPerson: Listing(VisitRecord, "person")}
"""What is found together; books find it by an index, and take a record of these kinds for no commit."""


class Ref(msgspec.Struct, frozen=True, gc=False):
    """What a look names: a kind of record, and the key of the one that is wanted.

    Of what is found together (``LISTS``) the key is what its records have in common.
    """

    kind: type[Record]
    key: str


class Change(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One atomic commit.

    ``message`` is inserted when ``insert`` is true (one of the same key that is not ``withdrawn`` makes the whole
    change ``AlreadyThere``); otherwise it gives the message of the same key its outcome: the reply, or that it is
    withdrawn, while what it asked stands as it was inserted. Neither ever clears a stored
    ``reversed_by``: a reversal that came in between stands until it is lifted.
    ``tombstone`` marks the message of that key as reversed, or inserts a tombstone when there is none.
    ``lifted`` names the original of a 2601 that was refused: the mark that ``message`` set there goes, and what had no
    content of its own counts as withdrawn. A mark of another message stays.
    ``records`` are kept each in the way of its kind. A versioned one is written when the stored version is the new
    version minus one (none stored counts as version 0); any other makes the whole change ``Stale``. Of two
    records of one key the last stands. An outcome (``insert`` false) with records whose message was reversed meanwhile
    is ``Stale`` too: what it did must be decided again.
    """

    message: MessageRecord
    insert: bool
    tombstone: MessageRecord | None = None
    lifted: Key | None = None
    records: tuple[Record, ...] = ()

    def get(self, kind: type[RecordT]) -> RecordT | None:
        """Return the record of this kind, if there is one."""
        for record in self.records:
            if isinstance(record, kind):
                return record
        return None


class Committed(msgspec.Struct, frozen=True, gc=False):
    """The change is on disk."""


class Stale(msgspec.Struct, frozen=True, gc=False):
    """Somebody else moved a versioned record first: look again, decide again."""


class AlreadyThere(msgspec.Struct, frozen=True, gc=False):
    """A message of this key exists; nothing was written."""

    message: MessageRecord


CommitResult = Committed | Stale | AlreadyThere


class View(msgspec.Struct, frozen=True, gc=False):
    """One instant of the books: the message, and those of the records asked for that are there."""

    message: MessageRecord | None = None
    records: tuple[Record, ...] = ()

    def get(self, kind: type[RecordT]) -> RecordT | None:
        """Return the record of this kind, if it was asked for and is there."""
        for record in self.records:
            if isinstance(record, kind):
                return record
        return None
