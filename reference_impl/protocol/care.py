"""The care province (就医地): prices the lines, keeps the visit, acts alone or sends the message on to the insurer.

Pure decisions about one message at a time; ``forwarder`` and ``province`` run them. It must never decide a benefit:
the catalogue is the care place's, the policy the insured place's (domain facts §0.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec

from reference_impl.domain.errors import Refusal
from reference_impl.domain.fees import (
    ZERO_FEES,
    Catalogue,
    FeeLine,
    FeeTotals,
    PricedLine,
    add_fees,
    amounts_refusal,
    line_amount_wrong,
    price_lines,
    split_of,
    take_fees,
    total_of,
)
from reference_impl.domain.institution import Institution
from reference_impl.domain.lifecycle import VisitEvent, VisitState, move
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.transactions import CANCEL_OUTPATIENT_LINES, SETTLEMENTS, TRANSACTIONS
from reference_impl.protocol.copies import copies_after, copy_refs
from reference_impl.protocol.forwarder import Prepared, Refused
from reference_impl.protocol.ids import visit_id
from reference_impl.protocol.messages import (
    ALL_LINES,
    Admit,
    CancelDischarge,
    CancelLines,
    CancelSettlement,
    Discharge,
    Done,
    FindPerson,
    LinesPriced,
    MessageId,
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
    UploadLines,
    VisitId,
    VisitOpened,
)
from reference_impl.protocol.records import (
    ChargedBatch,
    ChargesRecord,
    Key,
    MessageRecord,
    Record,
    Ref,
    View,
    VisitRecord,
)
from reference_impl.protocol.references import original_refusal, visit_refusal

__all__ = ["CareRole", "CareRules", "lines_refusal"]


@dataclass(frozen=True, slots=True)
class CareRules:
    """What a care province goes by: its catalogue, the register of its institutions, the way to an insurer.

    ``next_node`` returns where a message for this insured region goes, or None when no such insurer is connected.
    """

    node: NodeId
    catalogue: Catalogue
    institutions: Mapping[NodeId, Institution]
    next_node: Callable[[str], NodeId | None]


class CareRole:
    """Decides for the care province; a ``forwarder.ForwardingPolicy``."""

    __slots__ = ("_rules",)

    def __init__(self, rules: CareRules) -> None:
        """Go by ``rules``."""
        self._rules = rules

    # --- acting alone ---

    def act(self, request: Request, view: View) -> tuple[ReplyBody, tuple[Record, ...]] | Refusal | Refused:
        """Return the reply and the records after a transaction that stays in the province, or why not."""
        visit, event = view.get(VisitRecord), TRANSACTIONS[request.code].event
        assert event is not None  # the table gives every local transaction one
        refusal = visit_refusal(request, visit)
        if refusal is not None or visit is None:
            return refusal or Refusal.NO_SUCH_VISIT
        state = move(visit.state, event)
        if isinstance(state, Refusal):
            return state
        match request.body:
            case UploadLines() as upload:
                return self._charged(upload, visit, state, _charges_of(visit, view))
            case CancelLines() as cancel:
                return _uncharged(request.code, cancel, _after(visit, state), _charges_of(visit, view))
            case Discharge(ended_us=ended_us):
                return Done(), (_after(visit, state, ended_us=ended_us),)
            case CancelDischarge():
                return Done(), (_after(visit, state, ended_us=0),)
            case _:
                return Done(), (_after(visit, state),)

    def _charged(
        self, upload: UploadLines, visit: VisitRecord, state: VisitState, charges: ChargesRecord
    ) -> tuple[ReplyBody, tuple[Record, ...]] | Refusal | Refused:
        refusal = lines_refusal(upload.lines, charges.lines())
        if refusal is not None:
            return refusal
        priced = price_lines(self._rules.catalogue, upload.lines)
        fees = add_fees(visit.fees, total_of(priced))
        wrong = amounts_refusal(fees)
        batches = (*charges.batches, ChargedBatch(upload.batch, priced))
        return wrong or (LinesPriced(lines=priced), (_after(visit, state, fees=fees), _recharged(charges, batches)))

    # --- sending on ---

    def wants(self, request: Request, original: MessageRecord | None) -> tuple[Ref, ...]:
        """Return the visit the message is about; one that opens a visit is about the visit it opens."""
        visit = self._visit_of(request, original)
        if visit is None:
            return ()
        charges = (Ref(ChargesRecord, visit),) if isinstance(request.body, UploadLines | CancelLines) else ()
        return (Ref(VisitRecord, visit), *charges, *copy_refs(request, visit))

    def _visit_of(self, request: Request, original: MessageRecord | None) -> VisitId | None:
        body = request.body
        if isinstance(body, Reverse):
            if original is not None and original.request is not None:
                return self._visit_of(original.request, None)
            return visit_id(body.original) if TRANSACTIONS[body.original_code].opens else None
        if isinstance(body, FindPerson):
            return None
        if isinstance(body, Register | Admit | SellDrugs):
            return visit_id(request.msgid)
        return body.visit

    def prepare(self, request: Request, view: View, original: MessageRecord | None) -> Prepared | Refusal | Refused:
        """Return the message as the insurer is to see it, or why it goes no further."""
        next_node = self._rules.next_node(request.insured_region)
        if next_node is None:
            return Refusal.NO_SUCH_INSURER
        body, visit = request.body, view.get(VisitRecord)
        match body:
            case Register() | Admit():
                body = msgspec.structs.replace(body, visit=visit_id(request.msgid))
            case SellDrugs():
                sale = self._priced_sale(request, body)
                if isinstance(sale, Refusal | Refused):
                    return sale
                body = sale
            case Reverse():
                return self._prepare_reversal(request, body, visit, original, next_node)
            case FindPerson():
                pass
            case _:
                refusal = self._refusal(request, visit)
                if refusal is not None:
                    return refusal
                if isinstance(body, Settle) and visit is not None:
                    body = msgspec.structs.replace(
                        body,
                        fees=visit.fees,
                        hospital_level=self._level_of(request),
                        stated=None,
                        ended_us=visit.ended_us,
                    )
        return Prepared(_from_here(request, self._rules.node, body), next_node, records=_held(request, visit))

    def held(self, request: Request, view: View) -> bool:
        """Return whether another message is deciding about the visit's money; a reversal does not wait for its own."""
        visit, body = view.get(VisitRecord), request.body
        original = body.original if isinstance(body, Reverse) else ""
        return visit is not None and visit.held_by not in ("", request.msgid, original)

    def released(self, request: Request, view: View) -> tuple[Record, ...]:
        """Return the visit when the message that held it was not served, or was refused."""
        visit = view.get(VisitRecord)
        return (_after(visit, visit.state),) if visit is not None and visit.held_by == request.msgid else ()

    def _refusal(self, request: Request, visit: VisitRecord | None) -> Refusal | None:
        body, event = request.body, TRANSACTIONS[request.code].event
        refusal = visit_refusal(request, visit)
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
            return _total_refusal(body, visit.fees)
        if event is VisitEvent.CANCEL_VISIT and visit.fees.total_fen:
            return Refusal.CHARGES_REMAIN
        return None

    def _priced_sale(self, request: Request, sale: SellDrugs) -> SellDrugs | Refusal | Refused:
        refusal = lines_refusal(sale.lines, ())
        if refusal is not None:
            return refusal
        fees = total_of(price_lines(self._rules.catalogue, sale.lines))
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
        )

    def _level_of(self, request: Request) -> int:
        return self._rules.institutions[request.institution].level

    def _prepare_reversal(
        self,
        request: Request,
        body: Reverse,
        visit: VisitRecord | None,
        original: MessageRecord | None,
        next_node: NodeId,
    ) -> Prepared | Refusal:
        refusal = original_refusal(request, body, original)
        if refusal is None and visit is not None:
            refusal = visit_refusal(request, visit)
        if refusal is not None:
            return refusal
        if visit is not None and visit.opened_by == body.original and visit.settled_by not in ("", body.original):
            return Refusal.ALREADY_SETTLED  # the admission of a settled stay: take the settlement back first
        tombstone = MessageRecord(
            Key(request.sender, body.original),
            body.original_code,
            opened_us=original.opened_us if original else 0,
            request=original.request if original else None,
            reversed_by=request.msgid,
        )
        downstream = _from_here(request, self._rules.node, body)
        return Prepared(downstream, next_node, records=_touched(request, body, visit), tombstone=tombstone)

    def finish(
        self, request: Request, reply: Reply, view: View, original: MessageRecord | None
    ) -> tuple[Reply, tuple[Record, ...]]:
        """Return the reply for the hospital and the visit after the insurer's verdict."""
        visit, copies = view.get(VisitRecord), copies_after(request, reply, view)
        if reply.refusal:
            if reply.refusal == Refusal.ONE_SIDED and visit is not None:
                return reply, (*_kept(self._taken_back(visit)), *copies)
            if isinstance(request.body, Reverse):
                return reply, _kept(_let_go(request, visit, original))
            return reply, self.released(request, view)
        if _unopened(request, visit) and isinstance(request.body, Register | Admit):
            opened = _opened(request, request.msgid, request.code, VisitState.OPEN, visit)
            return Reply(reply.reference, VisitOpened(visit=opened.visit)), (opened,)
        return reply, (*_kept(self._visit_after(request, reply, visit)), *copies)

    def _visit_after(self, request: Request, reply: Reply, visit: VisitRecord | None) -> VisitRecord | None:
        """Return the visit after the yes to ``request``; None where it stays as it is."""
        body = request.body
        if isinstance(body, SellDrugs):
            return self._sold(request, reply, body, visit)
        if visit is None:
            return None
        match body:
            case Register() | Admit() | FindPerson():
                return None
            case Settle():
                return self._settled(request, reply, visit)
            case Reverse():
                return self._reversed(request, body, visit)
            case CancelSettlement():
                return self._taken_back(visit)
            case _:
                return self._moved(request, visit)

    def _sold(self, request: Request, reply: Reply, sale: SellDrugs, visit: VisitRecord | None) -> VisitRecord | None:
        if request.code not in SETTLEMENTS or not _unopened(request, visit) or not isinstance(reply.body, Settled):
            return None
        return msgspec.structs.replace(
            _opened(request, request.msgid, request.code, VisitState.SETTLED, visit),
            fees=FeeTotals(total_fen=sale.total_fen),
            settlement=reply.body.settlement,
            settled_by=request.msgid,
        )

    def _settled(self, request: Request, reply: Reply, visit: VisitRecord) -> VisitRecord | None:
        if request.code not in SETTLEMENTS or not isinstance(reply.body, Settled):
            return None
        state = move(visit.state, VisitEvent.SETTLE)
        if isinstance(state, Refusal):
            return None
        return _after(visit, state, settlement=reply.body.settlement, settled_by=request.msgid)

    def _reversed(self, request: Request, body: Reverse, visit: VisitRecord) -> VisitRecord | None:
        if visit.settled_by == body.original:
            return self._taken_back(visit)
        if visit.opened_by == body.original:
            return _after(visit, VisitState.CANCELLED)
        # The original may have taken the visit after this reversal last looked for it.
        return _after(visit, visit.state) if visit.held_by in (body.original, request.msgid) else None

    def _taken_back(self, visit: VisitRecord) -> VisitRecord | None:
        sold = visit.opened_by == visit.settled_by
        state = VisitState.CANCELLED if sold else move(visit.state, VisitEvent.TAKE_BACK)
        if isinstance(state, Refusal):
            return None
        return _after(visit, state, settlement=SettlementId(""), settled_by=MessageId(""))

    def _moved(self, request: Request, visit: VisitRecord) -> VisitRecord | None:
        event = TRANSACTIONS[request.code].event
        state = move(visit.state, event) if event else None
        return _after(visit, state) if isinstance(state, VisitState) else None


def _total_refusal(body: Settle, fees: FeeTotals) -> Refusal | None:
    """Return why the priced lines of a visit are not what its hospital says they come to."""
    if body.total_fen != fees.total_fen:
        return Refusal.TOTALS_DIFFER
    return Refusal.SPLIT_DIFFERS if body.stated not in (None, split_of(fees)) else None


def lines_refusal(lines: tuple[FeeLine, ...], charged: Iterable[PricedLine]) -> Refused | None:
    """Return why these lines cannot be charged beside those that are, and which line it is."""
    serials = {line.serial for line in charged}
    for line in lines:
        if line.serial in serials:
            return Refused(Refusal.LINE_REPEATED, f"feedetl_sn {line.serial}")
        if line_amount_wrong(line):
            return Refused(Refusal.LINE_AMOUNT, f"det_item_fee_sumamt of feedetl_sn {line.serial}")
        serials.add(line.serial)
    return None


def _charges_of(visit: VisitRecord, view: View) -> ChargesRecord:
    return view.get(ChargesRecord) or ChargesRecord(visit.visit, 0, ())


def _recharged(charges: ChargesRecord, batches: tuple[ChargedBatch, ...]) -> ChargesRecord:
    return ChargesRecord(charges.visit, charges.version + 1, batches)


def _uncharged(
    code: str, cancel: CancelLines, visit: VisitRecord, charges: ChargesRecord
) -> tuple[ReplyBody, tuple[Record, ...]] | Refusal | Refused:
    """Return the visit without what is taken back: all, one batch (2205) or one line (2302)."""
    named = cancel.named
    if named == ALL_LINES:
        left, fees = (), ZERO_FEES
    else:
        by_batch = code == CANCEL_OUTPATIENT_LINES
        left, taken = _parted(charges, lambda batch, line: named == (batch if by_batch else line.serial))
        if not taken:
            return Refused(Refusal.NO_SUCH_LINE, f"{'chrg_bchno' if by_batch else 'feedetl_sn'} {named}")
        fees = take_fees(visit.fees, total_of(taken))
        wrong = amounts_refusal(fees)  # a refund that stays may be larger than the charges that do
        if wrong is not None:
            return wrong
    return Done(), (msgspec.structs.replace(visit, fees=fees), _recharged(charges, left))


def _parted(
    charges: ChargesRecord, takes: Callable[[str, PricedLine], bool]
) -> tuple[tuple[ChargedBatch, ...], list[PricedLine]]:
    """Return the charges without the lines that ``takes`` chooses, and those lines."""
    left: list[ChargedBatch] = []
    taken: list[PricedLine] = []
    for batch in charges.batches:
        stays = tuple([line for line in batch.lines if not takes(batch.batch, line)])
        taken += [line for line in batch.lines if takes(batch.batch, line)]
        if stays:
            left.append(ChargedBatch(batch.batch, stays))
    return tuple(left), taken


def _kept(visit: VisitRecord | None) -> tuple[Record, ...]:
    return () if visit is None else (visit,)


def _held(request: Request, visit: VisitRecord | None) -> tuple[Record, ...]:
    """Return the visit held by a message that decides about its money, so that nothing else moves it meanwhile."""
    if visit is None or not TRANSACTIONS[request.code].holds:
        return ()
    return (msgspec.structs.replace(visit, version=visit.version + 1, held_by=request.msgid),)


def _touched(request: Request, body: Reverse, visit: VisitRecord | None) -> tuple[Record, ...]:
    """Return the visit with a new version: whoever decides about it at this moment must look again and see the mark.

    It is held until the verdict is known: nobody may settle what is about to be cancelled, nor move what turns out to
    be settled. Where the original would open the visit, a cancelled one takes its place, so that there is a version to
    move.
    """
    if visit is None and not TRANSACTIONS[body.original_code].opens:
        return ()
    if visit is None:
        first = _opened(request, body.original, body.original_code, VisitState.CANCELLED)
        return (msgspec.structs.replace(first, held_by=request.msgid),)
    return (msgspec.structs.replace(visit, version=visit.version + 1, held_by=request.msgid),)


def _let_go(request: Request, visit: VisitRecord | None, original: MessageRecord | None) -> VisitRecord | None:
    """Return the visit once its reversal was refused: held again by the original, where that has no verdict yet."""
    if visit is None or visit.held_by != request.msgid:
        return None
    in_work = original is not None and original.request is not None and original.reply is None
    held_by = original.key.msgid if original is not None and in_work and not original.withdrawn else MessageId("")
    return msgspec.structs.replace(visit, version=visit.version + 1, held_by=held_by)


def _unopened(request: Request, visit: VisitRecord | None) -> bool:
    """Return whether the visit that ``request`` opens is yet to be; a refused reversal leaves but a cancelled one."""
    return visit is None or (visit.state is VisitState.CANCELLED and visit.opened_by == request.msgid)


def _opened(
    request: Request, opened_by: MessageId, opened_as: str, state: VisitState, before: VisitRecord | None = None
) -> VisitRecord:
    """Return the visit that ``opened_by`` opens, as ``request`` has it, in the place of ``before``."""
    return VisitRecord(
        visit_id(opened_by),
        1 if before is None else before.version + 1,
        request.institution,
        request.insured_region,
        request.body.person,
        state,
        opened_by,
        opened_as,
        ZERO_FEES,
    )


def _after(
    visit: VisitRecord,
    state: VisitState,
    *,
    fees: FeeTotals | None = None,
    settlement: SettlementId | None = None,
    settled_by: MessageId | None = None,
    ended_us: int | None = None,
) -> VisitRecord:
    """Return the next version of ``visit``; what is not given stays."""
    return VisitRecord(
        visit.visit,
        visit.version + 1,
        visit.institution,
        visit.insured_region,
        visit.person,
        state,
        visit.opened_by,
        visit.opened_as,
        visit.fees if fees is None else fees,
        visit.settlement if settlement is None else settlement,
        visit.settled_by if settled_by is None else settled_by,
        ended_us=visit.ended_us if ended_us is None else ended_us,
    )


def _from_here(request: Request, node: NodeId, body: RequestBody) -> Request:
    """Return ``request`` as the next node sees it: the same message id from another sender."""
    return Request(
        request.code,
        request.msgid,
        node,
        request.institution,
        request.care_region,
        request.insured_region,
        body,
    )
