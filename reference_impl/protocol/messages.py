"""The messages of a cross-province settlement, typed and in whole fen.

One struct a transaction body, in the words of the trade; the interface's own names, yuan strings and dates belong to
``reference_impl.wire`` alone. Structs are frozen and compare by content, so a body is its own fingerprint.
This module must never decide anything.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, NewType

import msgspec

from reference_impl.domain import transactions as tx
from reference_impl.domain.benefit import Settlement
from reference_impl.domain.care_types import CareType
from reference_impl.domain.certificate import ID_CARD, Certificate, card_serial
from reference_impl.domain.fees import FeeLine, FeeTotals, PricedLine, Split
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.prescribed import Drug

MessageId = NewType("MessageId", str)
"""30 characters: institution code (12), yyyyMMddHHmmss (14), sequence (4). The key for resending and reversing."""
VisitId = NewType("VisitId", str)
SettlementId = NewType("SettlementId", str)
PersonNo = NewType("PersonNo", str)
SessionNo = NewType("SessionNo", str)
"""What a sign-in is answered with (sign_no), and every message of the desk bears from then on."""
FilingId = NewType("FilingId", str)
"""The receipt of a filing (trt_dcla_detl_sn)."""
OrderNo = NewType("OrderNo", str)
"""The number of a pharmacy order (mdtrt_regno): at most 20 characters, made of its visit's id (``ids``)."""


class Body(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a transaction says: the interface's ``input`` or ``output``."""


# --- requests ---------------------------------------------------------------------------------------------------------


class _Certified(Body, frozen=True, kw_only=True):
    """What names a certificate, after all that it says beside."""

    certificate: Certificate = ID_CARD


class Shown(_Certified, frozen=True):
    """What says by which certificate the person is known here."""

    person: PersonNo

    @property
    def card_sn(self) -> str:
        """What the card says of itself."""
        return card_serial(self.person, self.certificate)


class FindPerson(Shown, frozen=True, tag="find_person"):
    """1101, and 2161 for an order: ask who holds this certificate and what the person is insured for."""


class Register(Shown, frozen=True, tag="register"):
    """2201: open an outpatient visit. ``visit`` is empty from the hospital; the care province issues it."""

    insurance: str
    began_us: int
    visit: VisitId = VisitId("")


class CancelRegistration(Body, frozen=True, tag="cancel_registration"):
    """2202: undo 2201."""

    person: PersonNo
    visit: VisitId


class Diagnose(Body, frozen=True, tag="diagnose"):
    """2203: say what the visit is for, and as what it is to be paid (``domain.care_types``).

    A text, as in what settles the visit: who prices and who pays refuse what is none.
    """

    person: PersonNo
    visit: VisitId
    diagnosis: str
    began_us: int
    care_type: str = CareType.ORDINARY.value


ALL_LINES = "0000"
"""What 2205 and 2302 name to take back every charge."""


class UploadLines(Body, frozen=True, tag="upload_lines"):
    """2204 and 2301: one whole batch of charges."""

    person: PersonNo
    visit: VisitId
    batch: str
    lines: tuple[FeeLine, ...]


class CancelLines(Body, frozen=True, tag="cancel_lines"):
    """2205 and 2302: take back charges of the visit not yet settled.

    ``named`` is a batch (2205) or a line (2302), or ``ALL_LINES``.
    """

    person: PersonNo
    visit: VisitId
    named: str = ALL_LINES


class Admit(Shown, frozen=True, tag="admit"):
    """2401: open a stay. ``visit`` is empty from the hospital; the care province issues it.

    An ``emergency`` counts as filed. ``continues`` is the visit of the same stay that the hospital settled in its
    middle: the rest of what was admitted once.
    """

    insurance: str
    began_us: int
    diagnosis: str
    visit: VisitId = VisitId("")
    emergency: bool = False
    continues: VisitId = VisitId("")


class Discharge(Body, frozen=True, tag="discharge"):
    """2402: end the stay medically. Without an ``insurance`` it is that of the admission: books of old have none."""

    person: PersonNo
    visit: VisitId
    ended_us: int
    insurance: str = ""


class CancelAdmission(Body, frozen=True, tag="cancel_admission"):
    """2404: undo 2401."""

    person: PersonNo
    visit: VisitId


class CancelDischarge(Body, frozen=True, tag="cancel_discharge"):
    """2405: undo 2402."""

    person: PersonNo
    visit: VisitId


class Settle(Shown, frozen=True, tag="settle"):
    """2206 and 2303 on trial; 2207 and 2304 for good.

    The hospital states ``total_fen``; the care province adds ``fees``, its priced lines summed by category,
    ``hospital_level`` and ``ended_us``, when a discharged stay ended (0 where none did), before the message leaves the
    province. ``use_account``: the personal account may pay. ``stated`` is the hospital's own split of the total, where
    it states one: the care province holds it against its own. ``mid_stay``: the stay goes on, under a visit of its own,
    whose settlement says with ``continues`` which visit it goes on from: to it the care province adds ``began_us``,
    when it was admitted. An ``emergency`` of an outpatient counts as filed; that of a stay was said on admission.
    ``care_type`` is that of the visit; where it is chronic, the care province adds the ``disease``, which its diagnosis
    said. ``prescription`` is the number of the one that a follow-up by internet ends with, ``drugs`` what it
    prescribes.
    """

    insurance: str
    visit: VisitId
    total_fen: int
    use_account: bool = True
    stated: Split | None = None
    hospital_level: int = 0
    fees: FeeTotals | None = None
    ended_us: int = 0
    mid_stay: bool = False
    continues: VisitId = VisitId("")
    began_us: int = 0
    emergency: bool = False
    care_type: str = CareType.ORDINARY.value
    disease: str = ""
    prescription: str = ""
    drugs: tuple[Drug, ...] = ()


class SellDrugs(Shown, frozen=True, tag="sell_drugs"):
    """2101 on trial; 2102 for good: a pharmacy sale carries its own lines and needs no registration.

    2166 places an order by it, and a 2102 that names the ``order`` pays that one: its lines are the order's.
    ``prescription`` is the number of the one that all of it is dispensed by; empty where by none that an insurer holds.
    Of a sale by one, the care province adds the ``drugs`` that its lines come to.
    """

    insurance: str
    total_fen: int
    use_account: bool = True
    lines: tuple[FeeLine, ...] = ()
    visit: VisitId = VisitId("")
    hospital_level: int = 0
    fees: FeeTotals | None = None
    care_type: str = CareType.ORDINARY.value
    prescription: str = ""
    drugs: tuple[Drug, ...] = ()
    order: OrderNo = OrderNo("")


class CancelSettlement(Body, frozen=True, tag="cancel_settlement"):
    """2208, 2305 and 2103: take a settlement back by a negative one."""

    person: PersonNo
    visit: VisitId
    settlement: SettlementId


class File(Body, frozen=True, tag="file"):
    """2501: register the person for treatment in ``region``, at ``hospital`` where the insurer wants hospitals named.

    ``kind`` is one of ``domain.filing.FilingKind``; a text, for the insurer is who refuses what is none.
    """

    person: PersonNo
    kind: str
    region: str
    hospital: NodeId


class WithdrawFiling(Body, frozen=True, tag="withdraw_filing"):
    """2502: end a filing, by its receipt."""

    person: PersonNo
    filing: FilingId


class Reverse(Body, frozen=True, tag="reverse"):
    """2601: whatever became of that message, let it have no effect."""

    person: PersonNo
    original: MessageId
    original_code: str


class AskVisits(Body, frozen=True, tag="ask_visits"):
    """5201: ask which visits of one's own a person has that began from then until then, both included.

    ``care`` is as what they are paid, of an ordinary one its kind; with ``visit`` that one alone is meant.
    """

    person: PersonNo
    from_us: int
    until_us: int
    care: str
    visit: VisitId = VisitId("")


class AskDiagnosis(Body, frozen=True, tag="ask_diagnosis"):
    """5202: ask what a visit of one's own was said to be for."""

    person: PersonNo
    visit: VisitId


class AskSettlement(Body, frozen=True, tag="ask_settlement"):
    """5203: ask for a settlement of one's own that stands."""

    person: PersonNo
    visit: VisitId
    settlement: SettlementId


class AskCharges(Body, frozen=True, tag="ask_charges"):
    """5204: ask for the charge lines of a settlement of one's own that stands, from the first or from ``after`` on."""

    person: PersonNo
    visit: VisitId
    settlement: SettlementId
    after: str = ""


class AskRecognised(Body, frozen=True, tag="ask_recognised"):
    """5301: ask which chronic and special diseases the insurer has recognised of a person, for a visit that is open."""

    person: PersonNo
    visit: VisitId = VisitId("")


class AskDesignated(Body, frozen=True, tag="ask_designated"):
    """5302: ask which institutions here a person has designated by filing, for a visit that is open."""

    person: PersonNo
    visit: VisitId = VisitId("")


class AskStays(Body, frozen=True, tag="ask_stays"):
    """5303: ask which stays of one's own, begun from then until then, a person lies in now."""

    from_us: int
    until_us: int
    person: PersonNo = PersonNo("")


class _OfNobody(Body, frozen=True):
    """What is about no person."""

    person: ClassVar[PersonNo] = PersonNo("")


class RefundOrder(_OfNobody, frozen=True, tag="refund_order"):
    """2163: give back all of a paid order; whose it is, the care province knows."""

    order: OrderNo


class CancelOrder(_OfNobody, frozen=True, tag="cancel_order"):
    """2167: take back an order that nobody has paid."""

    order: OrderNo


class AskOrder(Body, frozen=True, tag="ask_order"):
    """2170: ask for the order of a person that has waited longest here for its confirmation."""

    person: PersonNo


class AskOrderSettlement(Body, frozen=True, tag="ask_order_settlement"):
    """2171: ask how an order of a person was paid: the one named, or the one of theirs that was placed last."""

    person: PersonNo
    order: OrderNo = OrderNo("")


class SignIn(_OfNobody, frozen=True, tag="sign_in"):
    """9001: begin the session of a desk, by who works at it (opter_no)."""

    operator: str


class SignOut(_OfNobody, frozen=True, tag="sign_out"):
    """9002: end a session of that desk."""

    operator: str
    session: SessionNo


# --- replies ----------------------------------------------------------------------------------------------------------


class PersonFound(Body, frozen=True, tag="person_found"):
    """1101: the insured person."""

    person: PersonNo
    insurance: str
    person_type: str
    insured_region: str
    balance_fen: int
    age_e1: int
    civil_servant: bool = False


class BuyerFound(Body, frozen=True, tag="buyer_found"):
    """2161: the insured person, as far as its reply tells."""

    person: PersonNo
    insurance: str
    person_type: str
    insured_region: str
    balance_fen: int


class OrderPlaced(Body, frozen=True, tag="order_placed"):
    """2166: the order was tried at its insurer, and waits for its person's confirmation."""

    order: OrderNo


class OrderLine(msgspec.Struct, frozen=True, gc=False):
    """A line of an order, as its pharmacy stated it."""

    item: str
    count_e4: int
    price_e6: int
    total_fen: int


class _OrderTold(Body, frozen=True):
    """What is told of an order, whatever has become of it."""

    order: OrderNo
    person_type: str
    insurance: str
    total_fen: int


class OrderRefunded(_OrderTold, frozen=True, tag="order_refunded"):
    """2163: what was given back, below nothing."""

    cash_fen: int
    account_fen: int


class OrderTold(_OrderTold, frozen=True, tag="order_told"):
    """2170: an order that waits, placed at that moment."""

    placed_us: int
    lines: tuple[OrderLine, ...]


class OrderSettlementTold(_OrderTold, frozen=True, tag="order_settlement_told"):
    """2171: what was paid for an order, and by whom."""

    cash_fen: int
    account_fen: int
    lines: tuple[OrderLine, ...]


class VisitOpened(Body, frozen=True, tag="visit_opened"):
    """2201 and 2401: the visit's id, issued by the care province."""

    visit: VisitId


class LinesPriced(Body, frozen=True, tag="lines_priced"):
    """2204 and 2301: each line split by the care place's catalogue."""

    lines: tuple[PricedLine, ...]


class Settled(Body, frozen=True, tag="settled"):
    """2206, 2207, 2303, 2304, 2101, 2102: who pays what. ``settlement`` is empty on trial.

    ``balance_fen`` is what is left on the personal account, ``civil_servant`` whether the supplement of civil servants
    is for the person. The defaults are what every reply once said of a person: books kept from then hold such replies.
    """

    visit: VisitId
    settlement: SettlementId
    settled_us: int
    amounts: Settlement
    hospital_settlement: MessageId = MessageId("")
    person_type: str = "active"
    age_e1: int = 0
    balance_fen: int = 0
    civil_servant: bool = False


class Cancelled(Body, frozen=True, tag="cancelled"):
    """2208, 2305 and 2103: the negative settlement, and what is then on the personal account."""

    visit: VisitId
    settlement: SettlementId
    settled_us: int
    amounts: Settlement
    balance_fen: int = 0


class Filed(Body, frozen=True, tag="filed"):
    """2501: the receipt."""

    filing: FilingId


class VisitTold(msgspec.Struct, frozen=True, gc=False):
    """A visit as 5201 tells it: when it began, and ended where it has an end, as what it is paid, if one lies in it."""

    visit: VisitId
    began_us: int
    ended_us: int
    care: str
    lies: bool = False


class VisitsTold(Body, frozen=True, tag="visits_told"):
    """5201: the visits; none is an answer too."""

    visits: tuple[VisitTold, ...]


class StayTold(msgspec.Struct, frozen=True, gc=False):
    """A stay as 5303 tells it."""

    visit: VisitId
    began_us: int


class StaysTold(Body, frozen=True, tag="stays_told"):
    """5303: the stays; none is an answer too."""

    stays: tuple[StayTold, ...]


class ChargeTold(msgspec.Struct, frozen=True, gc=False):
    """A charge line as 5204 tells it: as the hospital stated it then, and as it was split."""

    serial: str
    charged_us: int
    item: str
    count_e4: int
    price_e6: int
    total_fen: int
    own_pay_fen: int
    over_limit_fen: int
    pre_self_pay_fen: int
    in_scope_fen: int
    grade: str
    category: int
    care: str


class ChargesTold(Body, frozen=True, tag="charges_told"):
    """5204: the next lines in their order, as many as an answer holds; none once the last was told."""

    lines: tuple[ChargeTold, ...]


class DiagnosisTold(Body, frozen=True, tag="diagnosis_told"):
    """5202: the diagnosis that stands, of a visit that began then."""

    visit: VisitId
    diagnosis: str
    began_us: int


class SettlementTold(Settled, frozen=True, tag="settlement_told"):
    """5203: the settlement as its yes stated it, from when to when its visit was, and as what it is paid and cleared.

    ``care`` is the care type, of an ordinary visit its kind; ``clearing`` the same, told apart by where it was. What
    was paid first, and the hospital's own part, have no field in the reply to a hospital.
    """

    began_us: int = 0
    ended_us: int = 0
    care: str = "outpatient"
    clearing: str = "outpatient"


class RecognisedDisease(msgspec.Struct, frozen=True, gc=False):
    """A disease by its code (opsp_dise_code) and name."""

    code: str
    name: str


class Recognised(Body, frozen=True, tag="recognised"):
    """5301: the diseases; none is an answer too."""

    diseases: tuple[RecognisedDisease, ...]


class DesignatedInstitution(msgspec.Struct, frozen=True, gc=False):
    """An institution that a filing names, from when until when (0 without an end)."""

    serial: str
    institution: NodeId
    begins_us: int
    ends_us: int = 0


class Designated(Body, frozen=True, tag="designated"):
    """5302: the institutions; none is an answer too, for most insurers want none named."""

    institutions: tuple[DesignatedInstitution, ...]


class SignedIn(Body, frozen=True, tag="signed_in"):
    """9001: the session."""

    session: SessionNo


class SignedOut(Body, frozen=True, tag="signed_out"):
    """9002: the session is over."""


class Done(Body, frozen=True, tag="done"):
    """The transactions whose reply has no output."""


RequestBody = (
    FindPerson
    | Register
    | CancelRegistration
    | Diagnose
    | UploadLines
    | CancelLines
    | Admit
    | Discharge
    | CancelAdmission
    | CancelDischarge
    | Settle
    | SellDrugs
    | CancelSettlement
    | File
    | WithdrawFiling
    | Reverse
    | AskVisits
    | AskDiagnosis
    | AskSettlement
    | AskCharges
    | AskRecognised
    | AskDesignated
    | AskStays
    | RefundOrder
    | CancelOrder
    | AskOrder
    | AskOrderSettlement
    | SignIn
    | SignOut
)
ReplyBody = (
    PersonFound
    | VisitOpened
    | LinesPriced
    | Settled
    | Cancelled
    | Filed
    | VisitsTold
    | DiagnosisTold
    | SettlementTold
    | ChargesTold
    | Recognised
    | Designated
    | StaysTold
    | BuyerFound
    | OrderPlaced
    | OrderRefunded
    | OrderTold
    | OrderSettlementTold
    | SignedIn
    | SignedOut
    | Done
)

CARRIERS: dict[str, tuple[type[Body], type[Body]]] = {
    tx.PERSON: (FindPerson, PersonFound),
    tx.PHARMACY_TRIAL: (SellDrugs, Settled),
    tx.PHARMACY_SETTLE: (SellDrugs, Settled),
    tx.PHARMACY_CANCEL: (CancelSettlement, Cancelled),
    tx.ORDER_PERSON: (FindPerson, BuyerFound),
    tx.PLACE_ORDER: (SellDrugs, OrderPlaced),
    tx.REFUND_ORDER: (RefundOrder, OrderRefunded),
    tx.CANCEL_ORDER: (CancelOrder, Done),
    tx.ASK_ORDER: (AskOrder, OrderTold),
    tx.ASK_ORDER_SETTLEMENT: (AskOrderSettlement, OrderSettlementTold),
    tx.REGISTER: (Register, VisitOpened),
    tx.CANCEL_REGISTRATION: (CancelRegistration, Done),
    tx.DIAGNOSE: (Diagnose, Done),
    tx.OUTPATIENT_LINES: (UploadLines, LinesPriced),
    tx.CANCEL_OUTPATIENT_LINES: (CancelLines, Done),
    tx.OUTPATIENT_TRIAL: (Settle, Settled),
    tx.OUTPATIENT_SETTLE: (Settle, Settled),
    tx.OUTPATIENT_CANCEL: (CancelSettlement, Cancelled),
    tx.INPATIENT_LINES: (UploadLines, LinesPriced),
    tx.CANCEL_INPATIENT_LINES: (CancelLines, Done),
    tx.INPATIENT_TRIAL: (Settle, Settled),
    tx.INPATIENT_SETTLE: (Settle, Settled),
    tx.INPATIENT_CANCEL: (CancelSettlement, Cancelled),
    tx.ADMIT: (Admit, VisitOpened),
    tx.DISCHARGE: (Discharge, Done),
    tx.CANCEL_ADMISSION: (CancelAdmission, Done),
    tx.CANCEL_DISCHARGE: (CancelDischarge, Done),
    tx.FILE: (File, Filed),
    tx.WITHDRAW_FILING: (WithdrawFiling, Done),
    tx.REVERSE: (Reverse, Done),
    tx.ASK_VISITS: (AskVisits, VisitsTold),
    tx.ASK_DIAGNOSIS: (AskDiagnosis, DiagnosisTold),
    tx.ASK_SETTLEMENT: (AskSettlement, SettlementTold),
    tx.ASK_CHARGES: (AskCharges, ChargesTold),
    tx.ASK_RECOGNISED: (AskRecognised, Recognised),
    tx.ASK_DESIGNATED: (AskDesignated, Designated),
    tx.ASK_STAYS: (AskStays, StaysTold),
    tx.SIGN_IN: (SignIn, SignedIn),
    tx.SIGN_OUT: (SignOut, SignedOut),
}
"""Which message type carries a transaction, as request and as reply. A test holds it to the catalogue."""


# --- envelopes --------------------------------------------------------------------------------------------------------


class Seal(msgspec.Struct, frozen=True, gc=False, eq=False, omit_defaults=True):
    """By what the institution vouches for the business in a request, all the way to the insurer (``sealed``).

    ``visit``, ``settlement`` and ``continues`` are as the institution called them. A seal is evidence of what is asked
    and no part of it: the same message sealed with another key is the same message (G1).
    """

    key: Annotated[str, msgspec.Meta(max_length=64)]
    mac: Annotated[str, msgspec.Meta(max_length=64)]
    visit: Annotated[str, msgspec.Meta(max_length=40)] = ""
    settlement: Annotated[str, msgspec.Meta(max_length=40)] = ""
    continues: Annotated[str, msgspec.Meta(max_length=40)] = ""

    def __eq__(self, other: object) -> bool:
        """Say that no request differs by its seal."""
        return other is None or isinstance(other, Seal)

    def __hash__(self) -> int:
        """Return the same for all, as they are equal."""
        return 0


class Request(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A request in its envelope.

    ``sender`` is the neighbour that sent it, ``(sender, msgid)`` the key (G1). The message id keeps its value on the
    whole path: it holds the institution's code, so it is unique in the nation, and the key a forwarder uses
    downstream is derived from the upstream key by changing the sender alone. ``session`` is that of the desk, empty
    where it holds none: the care province looks at it and takes it off, so it is no part of what is kept or sent on.
    """

    code: str
    msgid: MessageId
    sender: NodeId
    institution: NodeId
    care_region: str
    insured_region: str
    body: RequestBody
    seal: Seal | None = None
    session: SessionNo = SessionNo("")


class Reply(msgspec.Struct, frozen=True, gc=False):
    """A verdict: done (``body``), or refused for good (``refusal``, a code of the error tree, and ``reason``).

    ``reference`` is the receiver's own message id; it is stored with the verdict, so a replay repeats it.
    """

    reference: str
    body: ReplyBody | None = None
    refusal: str = ""
    reason: str = ""


class Hop(msgspec.Struct, frozen=True, gc=False):
    """When a node took a message in and let its answer out, in microseconds of the run's clock."""

    node: NodeId
    in_us: int
    out_us: int


class Answered(msgspec.Struct, frozen=True, gc=False):
    """A verdict arrived. ``hops`` lists the nodes on the way, nearest first."""

    reply: Reply
    hops: tuple[Hop, ...] = ()


class Busy(msgspec.Struct, frozen=True, gc=False):
    """Something is in work that this message has to wait for: ask again with the same key. Never stored.

    ``msgid`` is the message in work: the same one, or another that decides about the visit's money.
    """

    retry_after_us: int
    msgid: MessageId = MessageId("")


class Closed(msgspec.Struct, frozen=True, gc=False):
    """The door is shut for planned work until ``reopens_us``. Never stored: a closed door is not a verdict (G2).

    ``msgid`` names the message where it may have had its effect all the same: it is in the books, or another copy of it
    is in work. Empty where nothing was done.
    """

    scope: str
    reopens_us: int
    retry_after_us: int
    msgid: MessageId = MessageId("")


class Overloaded(msgspec.Struct, frozen=True, gc=False):
    """The node's queue is full, or it refuses work: it did not act. Never stored. ``msgid`` is as in ``Closed``.

    ``why`` is the code of a refusal that is none yet: what is wanting may come. Empty for want of capacity alone.
    """

    retry_after_us: int
    why: str = ""
    msgid: MessageId = MessageId("")


class Unreachable(msgspec.Struct, frozen=True, gc=False):
    """Nobody listened at the address: the node surely did not act."""


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """No reply within the timeout: the other side may or may not have acted (G3).

    ``why`` is the code that an answer gave which nobody signed: it may help whoever looks for the cause, and decides
    nothing.
    """

    waited_us: int
    why: str = ""


Answer = Answered | Busy | Closed | Overloaded
"""What a node says."""
Outcome = Answered | Busy | Closed | Overloaded | Unreachable | Unknown
"""What a caller learns."""
