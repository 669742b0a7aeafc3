"""The care province (就医地): prices the lines, keeps the visit, acts alone or sends the message on to the insurer.

Pure decisions about one message at a time; ``forwarder`` and ``province`` run them. It must never decide a benefit:
the catalogue is the care place's, the policy the insured place's (domain facts §0.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from reference_impl.domain.care_types import CARE_TYPES, CareType
from reference_impl.domain.errors import Refusal
from reference_impl.domain.fees import (
    Catalogue,
    FeeTotals,
    add_fees,
    amounts_refusal,
    split_of,
    total_of,
)
from reference_impl.domain.institution import Institution, is_filing_platform
from reference_impl.domain.lifecycle import VisitEvent, VisitState, move
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.prescribed import drugs_of
from reference_impl.domain.renumbering import Numbered
from reference_impl.domain.transactions import ADMIT, GOES_ON_AS, PLACE_ORDER, SETTLEMENTS, TRANSACTIONS
from reference_impl.protocol.answers import NO, Refused
from reference_impl.protocol.charges import NO_CHARGES, charges_of, lines_refusal, priced_charges, recharged, uncharged
from reference_impl.protocol.copies import copies_after, copy_refs
from reference_impl.protocol.forwarder import Prepared
from reference_impl.protocol.ids import order_visit, visit_id
from reference_impl.protocol.master_data import Codes
from reference_impl.protocol.messages import (
    Admit,
    AskDesignated,
    AskOrder,
    AskOrderSettlement,
    AskRecognised,
    AskStays,
    CancelDischarge,
    CancelLines,
    CancelOrder,
    CancelSettlement,
    Diagnose,
    Discharge,
    Done,
    File,
    FindPerson,
    LinesPriced,
    MessageId,
    RefundOrder,
    Register,
    Reply,
    ReplyBody,
    Request,
    RequestBody,
    Reverse,
    SellDrugs,
    Settle,
    Settled,
    SettlementId,
    SignIn,
    SignOut,
    UploadLines,
    VisitId,
    VisitOpened,
    WithdrawFiling,
)
from reference_impl.protocol.named import Named
from reference_impl.protocol.networked import Networked
from reference_impl.protocol.numbers import NO_NUMBERS, Numbers
from reference_impl.protocol.orders import (
    ORDER_VALID_US,
    as_sold,
    named_order,
    order_refusal,
    placed,
    said_of_order,
    state_refusal,
)
from reference_impl.protocol.prescriptions import by_prescription_refusal
from reference_impl.protocol.records import (
    ChargedBatch,
    ChargesRecord,
    Key,
    MessageRecord,
    Record,
    Ref,
    SettlementCopy,
    View,
    VisitRecord,
)
from reference_impl.protocol.references import original_refusal, visit_refusal
from reference_impl.protocol.visits import (
    OPENING,
    REGISTERING,
    held_for,
    let_go,
    next_version,
    opened_visit,
    touched,
    unopened,
)

__all__ = ["DISCHARGED_AHEAD_US", "CareRole", "CareRules"]

_CHARGING = (UploadLines, CancelLines)
_ASKING_INSURER = (AskRecognised, AskDesignated)
"""Questions about a person, for a visit that is open here."""
_OF_NO_VISIT = (FindPerson, File, WithdrawFiling, AskStays, AskOrder, AskOrderSettlement, SignIn, SignOut)
DISCHARGED_AHEAD_US = 2 * 86_400 * 1_000_000
"""How long before its end, in business time, a hospital may say that a stay ends. ASSUMED."""


@dataclass(frozen=True, slots=True)
class CareRules:
    """What a care province goes by: its catalogue, the register of its institutions, the way to an insurer.

    ``next_node`` returns where a message for this insured region goes, or None when no such insurer is connected.
    ``ahead_us`` is how long before its end, on the node's clock, a stay may be discharged. Without ``codes`` an item
    has one code for ever; without ``networked`` every institution of the register serves people from elsewhere.
    ``dated`` is there where the catalogue is not the same on all days, and gives that of an instant in its place.
    ``order_valid_us`` is how long an order may be confirmed, on the node's clock.
    """

    node: NodeId
    catalogue: Catalogue
    institutions: Mapping[NodeId, Institution]
    next_node: Callable[[str], NodeId | None]
    ahead_us: int = DISCHARGED_AHEAD_US
    numbers: Numbers = NO_NUMBERS
    codes: Codes | None = None
    networked: Networked | None = None
    dated: Callable[[int], Catalogue] | None = None
    order_valid_us: int = ORDER_VALID_US


class CareRole:
    """Decides for the care province; a ``forwarder.ForwardingPolicy``."""

    __slots__ = ("_asks", "_dated", "_named", "_rules")

    def __init__(self, rules: CareRules) -> None:
        """Go by ``rules``."""
        self._rules = rules
        self._dated = rules.dated
        self._named = Named.by(rules.numbers)
        self._asks = self._named is not None or rules.networked is not None

    # --- acting alone ---

    def act(
        self, request: Request, view: View, now_us: int
    ) -> tuple[ReplyBody, tuple[Record, ...]] | Refusal | Refused:
        """Return the reply and the records after a transaction that stays in the province, or why not."""
        named = self._named
        outdated = None if named is None else named.refusal(request)
        if outdated is not None:
            return outdated
        request = request if named is None else named.meant(request)
        visit, event = view.get(VisitRecord), TRANSACTIONS[request.code].event
        assert event is not None  # the table gives every local transaction one
        if isinstance(request.body, CancelOrder):
            return self._cancelled_order(request, visit, now_us)
        refusal = visit_refusal(request, visit, self._rules.numbers)
        if refusal is not None or visit is None:
            return refusal or Refusal.NO_SUCH_VISIT
        state = move(visit.state, event)
        if isinstance(state, Refusal):
            return state
        if isinstance(request.body, UploadLines):
            return self._charged(request, request.body, visit, state, charges_of(visit, view), now_us)
        return self._acted(request, visit, state, view, now_us)

    def _cancelled_order(
        self, request: Request, visit: VisitRecord | None, now_us: int
    ) -> tuple[ReplyBody, tuple[Record, ...]] | Refusal:
        refusal = self._order_refusal(request, visit, now_us)
        if refusal is not None or visit is None:
            return refusal or Refusal.NO_SUCH_ORDER
        return Done(), (next_version(visit, VisitState.CANCELLED),)

    def _acted(
        self, request: Request, visit: VisitRecord, state: VisitState, view: View, now_us: int
    ) -> tuple[ReplyBody, tuple[Record, ...]] | Refusal | Refused:
        match request.body:
            case CancelLines() as cancel:
                return uncharged(request.code, cancel, next_version(visit, state), charges_of(visit, view))
            case Discharge() as leaving:
                refusal = _leaving_refusal(leaving, visit, now_us + self._rules.ahead_us)
                return refusal or (Done(), (next_version(visit, state, ended_us=leaving.ended_us),))
            case Diagnose(care_type=care_type, diagnosis=diagnosis):
                if care_type not in CARE_TYPES["outpatient"]:
                    return Refusal.NO_SUCH_CARE_TYPE
                return Done(), (next_version(visit, state, care_type=care_type, diagnosis=diagnosis),)
            case body:
                assert isinstance(body, CancelDischarge)  # the last of what stays in the province
                return Done(), (next_version(visit, state, ended_us=0),)

    def _charged(
        self,
        request: Request,
        upload: UploadLines,
        visit: VisitRecord,
        state: VisitState,
        charges: ChargesRecord,
        now_us: int,
    ) -> tuple[ReplyBody, tuple[Record, ...]] | Refusal | Refused:
        lines, codes = upload.lines, self._rules.codes
        refusal = lines_refusal(lines, charges.lines())
        if refusal is None and codes is not None:
            refusal, lines = codes.refusal(lines), codes.meant(lines)
        if refusal is not None:
            return refusal
        catalogue = self._rules.catalogue if self._dated is None else self._dated(now_us)
        priced = priced_charges(catalogue, lines, charges)
        if isinstance(priced, Refused):
            return priced
        fees = add_fees(visit.fees, total_of(priced))
        wrong = amounts_refusal(fees)
        batches = (*charges.batches, ChargedBatch(upload.batch, priced, request.msgid))
        return wrong or (
            LinesPriced(lines=priced),
            (next_version(visit, state, fees=fees), recharged(charges, batches)),
        )

    # --- sending on ---

    def wants(self, request: Request, original: MessageRecord | None) -> tuple[Ref, ...]:
        """Return the visit the message is about; one that opens a visit is about the visit it opens."""
        visit = self._visit_of(request, original)
        if visit is None:
            return ()
        body = request.body
        if isinstance(body, _CHARGING):
            return (Ref(VisitRecord, visit), Ref(ChargesRecord, visit))
        if isinstance(body, Admit) and body.continues:
            part = body.continues if self._named is None else self._named.visit(body.continues)
            return (Ref(VisitRecord, visit), Ref(VisitRecord, part))
        if isinstance(body, RefundOrder):
            return (Ref(VisitRecord, visit), Ref(SettlementCopy, visit))
        return (Ref(VisitRecord, visit), *copy_refs(request, visit))

    def _visit_of(self, request: Request, original: MessageRecord | None) -> VisitId | None:
        body = request.body
        if isinstance(body, Reverse):
            if original is not None and original.request is not None:
                return self._visit_of(original.request, None)
            opens = TRANSACTIONS[body.original_code].opens and not is_filing_platform(body.original)
            return visit_id(body.original) if opens else None
        if isinstance(body, _OF_NO_VISIT):
            return None
        if isinstance(body, RefundOrder | CancelOrder) or (isinstance(body, SellDrugs) and body.order):
            return order_visit(body.order) or None
        if isinstance(body, OPENING):
            return visit_id(request.msgid)
        return body.visit if self._named is None else self._named.visit(body.visit)

    def prepare(
        self, request: Request, view: View, original: MessageRecord | None, opened_us: int
    ) -> Prepared | Refusal | Refused:
        """Return the message as the insurer is to see it, or why it goes no further.

        A sale is priced by the day it was taken in (``opened_us``): the same however often it is driven on.
        """
        meant = self._let_in(request, view) if self._asks else request
        if isinstance(meant, Refusal):
            return meant
        request = meant
        next_node = self._rules.next_node(request.insured_region)
        if next_node is None:
            return Refusal.NO_SUCH_INSURER
        body, visit = request.body, view.get(VisitRecord)
        if isinstance(body, RefundOrder) or (isinstance(body, SellDrugs) and body.order):
            return self._prepare_order(request, visit, opened_us, next_node)
        match body:
            case Register() | Admit() | SellDrugs():
                opening = self._opening(request, body, view, opened_us)
                if isinstance(opening, NO):
                    return opening
                body = opening
            case Reverse():
                known = None if _sent_on_without(request, view, visit) else visit
                return self._prepare_reversal(request, body, known, original, next_node)
            case FindPerson() | File() | WithdrawFiling():
                pass
            case _:
                refusal = self._refusal(request, visit)
                if refusal is not None:
                    return refusal
                if isinstance(body, Settle) and visit is not None:
                    codes = self._rules.codes
                    body = msgspec.structs.replace(
                        body,
                        drugs=body.drugs if codes is None else codes.meant(body.drugs),
                        fees=visit.fees,
                        hospital_level=self._level_of(request),
                        stated=None,
                        ended_us=visit.ended_us,
                        began_us=visit.began_us if body.continues else 0,
                        disease=visit.diagnosis if body.care_type == CareType.CHRONIC else "",
                    )
        return Prepared(_from_here(request, self._rules.node, body), next_node, records=held_for(request, visit))

    def _prepare_order(
        self, request: Request, visit: VisitRecord | None, opened_us: int, next_node: NodeId
    ) -> Prepared | Refusal:
        """Return a paid or refunded order as its insurer is to see it, held until that has answered, or why not.

        A refund names nobody: its person is meant by the number that answered when it was taken in, however late it is
        driven on.
        """
        refusal = self._order_refusal(request, visit, opened_us)
        if refusal is not None or visit is None:
            return refusal or Refusal.NO_SUCH_ORDER
        person = self._rules.numbers.answering(visit.person, opened_us)
        sold = self.as_sold(request, msgspec.structs.replace(visit, person=person))
        held = msgspec.structs.replace(visit, version=visit.version + 1, held_by=request.msgid)
        return Prepared(_from_here(sold, self._rules.node, sold.body), next_node, records=(held,))

    def _order_refusal(self, request: Request, visit: VisitRecord | None, now_us: int) -> Refusal | None:
        refusal = order_refusal(request, visit, self._rules.numbers)
        if refusal is not None or visit is None:
            return refusal
        return state_refusal(request, visit, now_us, self._rules.order_valid_us)

    def as_sold(self, request: Request, visit: VisitRecord) -> Request:
        """Return what is said of an order as of a sale, with the region of its pharmacy."""
        code = NodeId(self._rules.numbers.original(Numbered.INSTITUTION, visit.institution))
        return as_sold(request, visit, self._rules.institutions[code])

    def _let_in(self, request: Request, view: View) -> Request | Refusal:
        """Return a message as it is meant, or why it may not be named so, or be sent from where it comes.

        The rest of a stay opens nothing new: it is settled by what its first part was admitted under.
        """
        meant = request if self._named is None else _as_meant(self._named, request, view)
        networked = self._rules.networked
        if networked is None or isinstance(meant, Refusal) or not isinstance(meant.body, OPENING):
            return meant
        if isinstance(meant.body, Admit) and meant.body.continues:
            return meant
        if named_order(meant) is not None:  # its pharmacy was opened when it was placed
            return meant
        return networked.refusal(meant, view) or meant

    def held(self, request: Request, view: View) -> bool:
        """Return whether another message is deciding about the visit's money; a reversal does not wait for its own."""
        visit, body = view.get(VisitRecord), request.body
        original = body.original if isinstance(body, Reverse) else ""
        return visit is not None and visit.held_by not in ("", request.msgid, original)

    def released(self, request: Request, view: View) -> tuple[Record, ...]:
        """Return the visit when the message that held it was not served, or was refused."""
        visit = view.get(VisitRecord)
        return (next_version(visit, visit.state),) if visit is not None and visit.held_by == request.msgid else ()

    def _refusal(self, request: Request, visit: VisitRecord | None) -> Refusal | None:
        body, event = request.body, TRANSACTIONS[request.code].event
        refusal = visit_refusal(request, visit, self._rules.numbers)
        if isinstance(body, _ASKING_INSURER):
            open_here = refusal is None and visit is not None and visit.state is VisitState.OPEN
            return None if open_here else Refusal.NOT_TREATED_HERE
        if refusal is not None or visit is None:
            return refusal or Refusal.NO_SUCH_VISIT
        if isinstance(body, CancelSettlement) and body.settlement != visit.settlement:
            return Refusal.NOT_SETTLED
        if event is VisitEvent.TAKE_BACK and visit.opened_by == visit.settled_by:
            return None if visit.state is VisitState.SETTLED else Refusal.NOT_SETTLED  # a pharmacy sale
        state = move(visit.state, event) if event else visit.state
        if isinstance(state, Refusal):
            return state
        if isinstance(body, Settle):
            if visit.continues and body.continues != visit.continues:
                return Refusal.NO_SUCH_PART
            unsaid = body.care_type == CareType.EMERGENCY and not body.emergency  # an emergency is said twice
            if unsaid or body.care_type != visit.care_type:
                return Refusal.OTHER_CARE_TYPE
            return _total_refusal(body, visit.fees)
        if event is VisitEvent.CANCEL_VISIT and visit.fees.total_fen:
            return Refusal.CHARGES_REMAIN
        return None

    def _opening(
        self, request: Request, body: Register | Admit | SellDrugs, view: View, opened_us: int
    ) -> Register | Admit | SellDrugs | Refusal | Refused:
        """Return what opens a visit, with the visit that it opens, or why it may not."""
        if isinstance(body, SellDrugs):
            return self._priced_sale(request, body, view, opened_us)
        refusal = _rest_refusal(request, body, view, self._rules.numbers)
        return refusal or msgspec.structs.replace(body, visit=visit_id(request.msgid))

    def _priced_sale(
        self, request: Request, sale: SellDrugs, view: View, opened_us: int
    ) -> SellDrugs | Refusal | Refused:
        """Return a sale with what its lines come to; one that was taken in is driven on by the codes of then."""
        lines, codes = sale.lines, self._rules.codes
        refusal = lines_refusal(lines, ())
        if refusal is None and sale.care_type == CareType.SPECIAL_DRUGS:
            refusal = None if self._rules.institutions[request.sender].dual_channel else Refusal.NOT_DUAL_CHANNEL
        if refusal is None and sale.prescription:
            ordered = request.code == PLACE_ORDER  # nothing of an order says by which
            refusal = Refusal.NOT_PRESCRIBED if ordered else by_prescription_refusal(lines)
        if refusal is None and codes is not None:
            refusal, lines = None if _is_taken_in(view) else codes.refusal(lines), codes.meant(lines)
        if refusal is not None:
            return refusal
        catalogue = self._rules.catalogue if self._dated is None else self._dated(opened_us)
        priced = priced_charges(catalogue, lines, NO_CHARGES)
        if isinstance(priced, Refused):
            return priced
        fees = total_of(priced)
        if fees.total_fen != sale.total_fen:
            return Refusal.TOTALS_DIFFER
        wrong = amounts_refusal(fees)
        if wrong is not None:
            return wrong
        return msgspec.structs.replace(
            sale,
            lines=(),
            fees=fees,
            visit=visit_id(request.msgid),
            hospital_level=self._level_of(request),
            drugs=drugs_of(lines) if sale.prescription else (),
        )

    def _level_of(self, request: Request) -> int:
        return self._rules.institutions[request.sender].level

    def _prepare_reversal(
        self,
        request: Request,
        body: Reverse,
        visit: VisitRecord | None,
        original: MessageRecord | None,
        next_node: NodeId,
    ) -> Prepared | Refusal:
        refusal = original_refusal(request, body, original, self._rules.numbers)
        of_order = visit is not None and is_filing_platform(request.sender)
        if refusal is None and visit is not None:
            judge = order_refusal if of_order else visit_refusal
            refusal = judge(request, visit, self._rules.numbers)
        if refusal is not None:
            return refusal
        refusal = None if visit is None else _gone_on_refusal(body, visit)
        if refusal is not None:
            return refusal
        tombstone = MessageRecord(
            Key(request.sender, body.original),
            body.original_code,
            opened_us=original.opened_us if original else 0,
            request=original.request if original else None,
            reversed_by=request.msgid,
        )
        asked = request if visit is None or not of_order else self.as_sold(request, visit)
        downstream = _from_here(asked, self._rules.node, body)
        return Prepared(downstream, next_node, records=touched(request, body, visit), tombstone=tombstone)

    def finish(
        self, request: Request, reply: Reply, view: View, original: MessageRecord | None
    ) -> tuple[Reply, tuple[Record, ...]]:
        """Return the reply for the hospital and the visit after the insurer's verdict."""
        named = self._named
        if named is None:
            return self._finished(request, reply, view, original)
        given, records = self._finished(named.meant(request), reply, view, original)
        return named.told(request, given), records

    def _finished(
        self, request: Request, reply: Reply, view: View, original: MessageRecord | None
    ) -> tuple[Reply, tuple[Record, ...]]:
        visit = view.get(VisitRecord)
        body = request.body
        names_order = isinstance(body, RefundOrder) or (isinstance(body, SellDrugs) and body.order)
        of_order = visit if names_order else None
        copies = copies_after(request if of_order is None else self.as_sold(request, of_order), reply, view)
        if visit is not None and request.code == ADMIT:
            visit = _opened_by(request, view)
        if reply.refusal:
            if reply.refusal == Refusal.ONE_SIDED and visit is not None:
                return reply, (*_kept(self._visit_after(request, reply, visit)), *copies)
            if isinstance(request.body, Reverse):
                return reply, _kept(let_go(request, visit, original))
            return reply, self.released(request, view)
        if unopened(request, visit) and isinstance(request.body, REGISTERING):
            opened = opened_visit(request, request.msgid, request.code, VisitState.OPEN, visit)
            return Reply(reply.reference, VisitOpened(visit=opened.visit)), (opened,)
        after = self._placed(request, view) if request.code == PLACE_ORDER else self._visit_after(request, reply, visit)
        told = said_of_order(request, reply, visit) if request.code in GOES_ON_AS else reply
        return told, (*_kept(after), *copies)

    def _placed(self, request: Request, view: View) -> VisitRecord:
        """Return the visit that an order is, which its insurer has tried: priced as it was when it was taken in."""
        visit, message, body = view.get(VisitRecord), view.message, request.body
        assert isinstance(body, SellDrugs)  # what places an order
        assert message is not None  # it was written down before it was tried
        sale = self._priced_sale(request, body, view, message.opened_us)
        assert isinstance(sale, SellDrugs)  # it was priced before it was tried, by the same rules
        opened = opened_visit(request, request.msgid, request.code, VisitState.OPEN, visit)
        return placed(sale, opened, message.opened_us)

    def _visit_after(self, request: Request, reply: Reply, visit: VisitRecord | None) -> VisitRecord | None:
        """Return the visit after the yes to ``request``; None where it stays as it is."""
        body = request.body
        if isinstance(body, SellDrugs) and not body.order:
            return self._sold(request, reply, body, visit)
        if visit is None:
            return None
        match body:
            case Register() | Admit() | FindPerson() | File() | WithdrawFiling() | AskRecognised() | AskDesignated():
                return None
            case Settle() | SellDrugs():
                return self._settled(request, reply, visit)
            case Reverse():
                return self._reversed(request, body, visit)
            case CancelSettlement():
                return self._taken_back(visit)
            case RefundOrder():
                return next_version(visit, VisitState.CANCELLED, settlement=SettlementId(""), settled_by=MessageId(""))
            case _:
                return self._moved(request, visit)

    def _sold(self, request: Request, reply: Reply, sale: SellDrugs, visit: VisitRecord | None) -> VisitRecord | None:
        if request.code not in SETTLEMENTS or not unopened(request, visit) or not isinstance(reply.body, Settled):
            return None
        return msgspec.structs.replace(
            opened_visit(request, request.msgid, request.code, VisitState.SETTLED, visit),
            fees=FeeTotals(total_fen=sale.total_fen),
            began_us=reply.body.settled_us,
            care_type=sale.care_type,
            settlement=reply.body.settlement,
            settled_by=request.msgid,
        )

    def _settled(self, request: Request, reply: Reply, visit: VisitRecord) -> VisitRecord | None:
        if request.code not in SETTLEMENTS or not isinstance(reply.body, Settled):
            return None
        state = move(visit.state, VisitEvent.SETTLE)
        if isinstance(state, Refusal):
            return None
        settled = next_version(visit, state, settlement=reply.body.settlement, settled_by=request.msgid)
        goes_on = isinstance(request.body, Settle) and request.body.mid_stay
        return msgspec.structs.replace(settled, mid_stay=1) if goes_on else settled

    def _reversed(self, request: Request, body: Reverse, visit: VisitRecord) -> VisitRecord | None:
        if visit.settled_by == body.original:
            return self._taken_back(visit)
        if visit.opened_by == body.original:
            return next_version(visit, VisitState.CANCELLED)
        # The original may have taken the visit after this reversal last looked for it.
        return next_version(visit, visit.state) if visit.held_by in (body.original, request.msgid) else None

    def _taken_back(self, visit: VisitRecord) -> VisitRecord | None:
        sold = visit.opened_by == visit.settled_by
        state = VisitState.CANCELLED if sold else move(visit.state, VisitEvent.TAKE_BACK)
        if isinstance(state, Refusal):
            return None
        unsettled = next_version(visit, state, settlement=SettlementId(""), settled_by=MessageId(""))
        return msgspec.structs.replace(unsettled, mid_stay=0) if visit.mid_stay else unsettled

    def _moved(self, request: Request, visit: VisitRecord) -> VisitRecord | None:
        event = TRANSACTIONS[request.code].event
        state = move(visit.state, event) if event else None
        return next_version(visit, state) if isinstance(state, VisitState) else None


def _opened_by(request: Request, view: View) -> VisitRecord | None:
    """Return the visit that an admission opens, as it is known; the part that it is the rest of is another."""
    opened = visit_id(request.msgid)
    return next((one for one in view.records if isinstance(one, VisitRecord) and one.visit == opened), None)


def _rest_refusal(request: Request, body: Register | Admit, view: View, numbers: Numbers) -> Refusal | None:
    """Return why a stay is not the rest that it is said to be; what was taken in before is carried to its end."""
    if isinstance(body, Register) or not body.continues or _is_taken_in(view):
        return None
    part = next((one for one in view.records if isinstance(one, VisitRecord) and one.visit == body.continues), None)
    if part is None or visit_refusal(request, part, numbers) is not None or not part.settlement:
        return Refusal.NO_SUCH_PART
    return None if part.mid_stay else Refusal.STAY_WAS_WHOLE


def _sent_on_without(request: Request, view: View, visit: VisitRecord | None) -> bool:
    """Return whether a platform's 2601 went on before the order that it is about was known: it goes on so again (G1).

    One that knew it holds it from its intent on.
    """
    again = _is_taken_in(view) and is_filing_platform(request.sender)
    return again and visit is not None and visit.held_by != request.msgid


def _gone_on_refusal(body: Reverse, visit: VisitRecord) -> Refusal | None:
    """Return why the admission of a stay is not reversed any more: what came after it is taken back first.

    Whoever sent that had heard of the admission, so nothing is unknown of it that a 2601 would be for.
    """
    if visit.opened_by != body.original or visit.opened_as != ADMIT:
        return None
    if visit.settled_by:
        return Refusal.ALREADY_SETTLED
    if visit.state is VisitState.DISCHARGED:
        return Refusal.ALREADY_DISCHARGED
    charged = visit.state is VisitState.OPEN and visit.fees.total_fen
    return Refusal.CHARGES_REMAIN if charged else None


def _leaving_refusal(body: Discharge, visit: VisitRecord, latest_us: int) -> Refusal | None:
    """Return why a stay does not end as its hospital says: what its admission said holds, and time has a direction."""
    if body.insurance and visit.insurance and body.insurance != visit.insurance:
        return Refusal.OTHER_INSURANCE
    return None if visit.began_us <= body.ended_us <= latest_us else Refusal.NO_SUCH_END


def _total_refusal(body: Settle, fees: FeeTotals) -> Refusal | None:
    """Return why the priced lines of a visit are not what its hospital says they come to."""
    if body.total_fen != fees.total_fen:
        return Refusal.TOTALS_DIFFER
    return Refusal.SPLIT_DIFFERS if body.stated not in (None, split_of(fees)) else None


def _kept(visit: VisitRecord | None) -> tuple[Record, ...]:
    return () if visit is None else (visit,)


def _from_here(request: Request, node: NodeId, body: RequestBody) -> Request:
    """Return ``request`` as the next node sees it: the same message id from another sender."""
    return Request(
        GOES_ON_AS.get(request.code, request.code),
        request.msgid,
        node,
        request.institution,
        request.care_region,
        request.insured_region,
        body,
        request.seal,
    )


def _as_meant(named: Named, request: Request, view: View) -> Request | Refusal:
    """Return a message with the business of the books that it means, or why it may not name it so any more.

    What was taken in under a number is driven on after that has ended: the insurer may hold its effect.
    """
    outdated = None if _is_taken_in(view) else named.refusal(request)
    return named.meant(request) if outdated is None else outdated


def _is_taken_in(view: View) -> bool:
    """Return whether a message stands as an intent: the insurer may hold its effect."""
    return view.message is not None and not view.message.withdrawn
