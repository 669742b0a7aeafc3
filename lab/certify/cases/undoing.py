"""Settlements taken back: by a negative one, by a reversal, in every order, and so that nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from lab.certify.case import Business, Case
from lab.certify.proofs import Proof
from lab.certify.scene import Scene
from lab.certify.visits import LINES, SETTLE, Visit, reversal
from reference_impl.domain import transactions as tx
from reference_impl.domain.benefit import Settlement
from reference_impl.hospital.ways import CANCEL_SETTLEMENT, UNDO
from reference_impl.protocol.messages import (
    AskSettlement,
    Cancelled,
    Done,
    MessageId,
    Settled,
    SettlementId,
    SettlementTold,
)

if TYPE_CHECKING:
    from reference_impl.domain.policies import Kind

__all__ = ["cases"]

_CANCEL: dict[Kind, Business] = {
    "outpatient": Business.OUTPATIENT_CANCEL,
    "inpatient": Business.INPATIENT_CANCEL,
    "pharmacy": Business.PHARMACY_UNDOING,
}
_REVERSE: dict[Kind, Business] = {
    "outpatient": Business.OUTPATIENT_REVERSAL,
    "inpatient": Business.INPATIENT_REVERSAL,
    "pharmacy": Business.PHARMACY_UNDOING,
}
_NOBODYS_SETTLEMENT = SettlementId("A0000000000000000000000000000")


def cases() -> Iterator[Case]:
    """Yield the cases of every kind of visit."""
    for kind, business in _CANCEL.items():
        yield from _cancelled(kind, business)
        yield from _of_two(kind, business)
        if kind != "pharmacy":
            yield from _backwards(kind, business)
    for kind, business in _REVERSE.items():
        yield from _reversed(kind, business)
        yield from _of_others(kind, business)


def asking(visit: Visit, settled: Settled) -> AskSettlement:
    """Return the query for a settlement of a visit."""
    person = visit.scene.listed.person
    return AskSettlement(person=person, visit=settled.visit or visit.visit, settlement=settled.settlement)


def _restored(scene: Scene, before_fen: int, first: Settlement, kind: Kind) -> None:
    """Prove that the person stands as before: the same account, and the same trial of the same bill."""
    now_fen = scene.balance_fen()
    scene.holds(
        now_fen == before_fen,
        f"the account has {now_fen} fen after all was taken back; expected {before_fen} as before",
    )
    again = Visit(scene, kind).ready().tried().amounts
    scene.holds(again == first, f"the same bill is tried otherwise after all was taken back: {again}; expected {first}")


def _cancelled(kind: Kind, business: Business) -> Iterator[Case]:
    cancels = CANCEL_SETTLEMENT[kind]

    def leaves_nothing(scene: Scene) -> None:
        before_fen = scene.balance_fen()
        visit = Visit(scene, kind).ready()
        first, settled = visit.tried().amounts, visit.settle()
        scene.done(cancels, visit.cancelling(), Cancelled)
        visit.settled = None
        scene.refused(tx.ASK_SETTLEMENT, asking(visit, settled), "S", "the settlement was cancelled")
        scene.clear()
        _restored(scene, before_fen, first, kind)

    yield Case(
        business,
        "cancel-leaves-nothing",
        Proof.RESTORE,
        "A cancelled settlement stands no more, and the person stands as before.",
        leaves_nothing,
    )

    def twice(scene: Scene) -> None:
        visit = Visit(scene, kind).ready()
        visit.settle()
        body = visit.cancelling()
        visit.cancel()
        scene.refused(cancels, body, "SO", "the settlement was cancelled before")

    yield Case(business, "cancelled-twice", Proof.ORDER, "A cancelled settlement is not cancelled again.", twice)

    def once(scene: Scene) -> None:
        visit = Visit(scene, kind).ready()
        visit.settle()
        body, msgid = visit.cancelling(), scene.next_id()
        first = scene.yes(cancels, body, Cancelled, msgid=msgid)
        visit.settled = None
        left_fen = scene.balance_fen()
        again = scene.verdict(cancels, body, msgid=msgid).body
        scene.holds(again == first, f"sent again it was answered with {again!r}; expected {first!r}")
        scene.holds(scene.balance_fen() == left_fen, "the account has another balance by a cancel sent again")

    yield Case(business, "cancelled-once", Proof.REPEAT, "A cancel sent again is answered as before.", once)

    def settled_again(scene: Scene) -> None:
        visit = Visit(scene, kind).ready()
        first, body, msgid = visit.settle(), visit.settling(), visit.settled_by
        visit.cancel()
        left_fen = scene.balance_fen()
        again = scene.verdict(SETTLE[kind], body, msgid=msgid).body
        scene.holds(again == first, f"sent again after its cancel it was answered with {again!r}; expected {first!r}")
        scene.holds(scene.balance_fen() == left_fen, "a settlement sent again after its cancel moved the account")

    yield Case(
        business,
        "same-after-cancel",
        Proof.REPEAT,
        "A settlement sent again after its cancel is answered as before, and pays nothing.",
        settled_again,
    )

    def nobodys(scene: Scene) -> None:
        visit = Visit(scene, kind).ready()
        visit.settle()
        body = msgspec.structs.replace(visit.cancelling(), settlement=_NOBODYS_SETTLEMENT)
        scene.refused(cancels, body, "SO", "nobody made this settlement")

    yield Case(
        business, "nobodys-settlement", Proof.VERDICT, "A settlement that nobody made is not cancelled.", nobodys
    )


def _of_two(kind: Kind, business: Business) -> Iterator[Case]:
    cancels = CANCEL_SETTLEMENT[kind]

    def negated(scene: Scene) -> None:
        visit = Visit(scene, kind).ready()
        settled = visit.settle()
        _negates(scene, visit.cancel().amounts, settled.amounts)

    yield Case(business, "negated", Proof.MONEY, "A cancel answers the negative of what was settled.", negated)

    def in_any_order(scene: Scene) -> None:
        before_fen = scene.balance_fen()
        first_trial = Visit(scene, kind).ready().tried().amounts
        scene.clear()
        earlier, later = Visit(scene, kind).ready(), Visit(scene, kind).ready()
        earlier.settle()
        later.settle()
        early = scene.verdict(cancels, earlier.cancelling())
        if not early.refusal:
            earlier.settled = None
        scene.done(cancels, later.cancelling(), Cancelled)
        later.settled = None
        if early.refusal:
            scene.done(cancels, earlier.cancelling(), Cancelled)
            earlier.settled = None
        scene.clear()
        _restored(scene, before_fen, first_trial, kind)

    yield Case(
        business,
        "cancelled-in-any-order",
        Proof.RESTORE,
        "Of two settlements the earlier is cancelled first or refused until the later is; then nothing is left.",
        in_any_order,
    )


def _negates(scene: Scene, cancelled: Settlement, settled: Settlement) -> None:
    told, said = msgspec.structs.asdict(cancelled), msgspec.structs.asdict(settled)
    wrong = [f"{name} {told[name]} of {said[name]} fen" for name in said if told[name] != -said[name]]
    scene.holds(not wrong, f"the cancel does not negate what it takes back: {', '.join(wrong)}")


def _backwards(kind: Kind, business: Business) -> Iterator[Case]:
    lines = next(code for code in UNDO[kind] if code in (tx.CANCEL_OUTPATIENT_LINES, tx.CANCEL_INPATIENT_LINES))

    def backwards(scene: Scene) -> None:
        visit = Visit(scene, kind).ready().leave_bed()
        visit.settle()
        visit.cancel()
        for code in UNDO[kind]:
            scene.done(code, visit.undoing(code), Done)
        scene.afterwards.clear()

    codes = ", ".join((CANCEL_SETTLEMENT[kind], *UNDO[kind]))
    yield Case(business, "backwards", Proof.ORDER, f"A visit is undone backwards: {codes}.", backwards)

    def in_other_orders(scene: Scene) -> None:
        visit = Visit(scene, kind).ready().leave_bed()
        visit.settle()
        for code in UNDO[kind]:
            scene.refused(code, visit.undoing(code), "S", "its settlement stands")
        visit.cancel()
        if kind == "inpatient":
            scene.refused(lines, visit.undoing(lines), "S", "its discharge stands")
            scene.yes(tx.CANCEL_DISCHARGE, visit.undoing(tx.CANCEL_DISCHARGE), Done)
            visit.discharged = False
        scene.refused(UNDO[kind][-1], visit.undoing(UNDO[kind][-1]), "S", "its charges stand")

    yield Case(
        business, "not-otherwise", Proof.ORDER, "It is not undone while what came after it stands.", in_other_orders
    )

    def again(scene: Scene) -> None:
        visit = Visit(scene, kind).ready()
        first = visit.settle().amounts
        visit.cancel()
        second = visit.took(scene.done(SETTLE[kind], visit.settling(), Settled)).amounts
        scene.holds(second == first, f"settled again it pays {second}; expected {first}, as at first")

    yield Case(business, "settled-again", Proof.VERDICT, "A cancelled visit is settled again, as at first.", again)

    def charged_while_settled(scene: Scene) -> None:
        visit = Visit(scene, kind).ready()
        visit.settle()
        scene.refused(LINES[kind], visit.charging(first=11), "S", "the visit is settled")

    yield Case(
        business, "charged-while-settled", Proof.ORDER, "Nothing is charged on a settled visit.", charged_while_settled
    )


def _reversed(kind: Kind, business: Business) -> Iterator[Case]:
    settle = SETTLE[kind]

    def leaves_nothing(scene: Scene) -> None:
        before_fen = scene.balance_fen()
        visit = Visit(scene, kind).ready()
        first, settled = visit.tried().amounts, visit.settle()
        scene.done(tx.REVERSE, reversal(scene, settle, visit.settled_by), Done)
        visit.settled = None
        scene.refused(tx.ASK_SETTLEMENT, asking(visit, settled), "S", "the settlement was reversed")
        scene.clear()
        _restored(scene, before_fen, first, kind)

    yield Case(
        business,
        "reversal-leaves-nothing",
        Proof.RESTORE,
        "A reversed settlement stands no more, and the person stands as before.",
        leaves_nothing,
    )

    def before_it_came(scene: Scene) -> None:
        visit, msgid = Visit(scene, kind).ready(), scene.next_id()
        scene.done(tx.REVERSE, reversal(scene, settle, msgid), Done)
        left_fen = scene.balance_fen()
        scene.refused(settle, visit.settling(), "S", "it was reversed before it came", msgid=msgid)
        scene.holds(scene.balance_fen() == left_fen, "a settlement reversed before it came moved the account")

    yield Case(
        business,
        "reversed-before-it-came",
        Proof.ORDER,
        "A settlement that was reversed before it came is refused, and pays nothing.",
        before_it_came,
    )

    def twice(scene: Scene) -> None:
        visit = Visit(scene, kind).ready()
        visit.settle()
        body, msgid = reversal(scene, settle, visit.settled_by), scene.next_id()
        first = scene.yes(tx.REVERSE, body, Done, msgid=msgid)
        visit.settled = None
        once_fen = scene.balance_fen()
        again = scene.verdict(tx.REVERSE, body, msgid=msgid).body
        scene.holds(again == first, f"sent again it was answered with {again!r}; expected {first!r}")
        scene.verdict(tx.REVERSE, body)  # from another desk: whatever it is told, it moves nothing
        now_fen = scene.balance_fen()
        scene.holds(now_fen == once_fen, f"reversed twice the account has {now_fen} fen; after once {once_fen}")

    yield Case(business, "reversed-once", Proof.REPEAT, "A reversal sent again, or from two desks, acts once.", twice)

    def after_cancel(scene: Scene) -> None:
        before_fen = scene.balance_fen()
        visit = Visit(scene, kind).ready()
        visit.settle()
        visit.cancel()
        scene.verdict(tx.REVERSE, reversal(scene, settle, visit.settled_by))
        now_fen = scene.balance_fen()
        scene.holds(
            now_fen == before_fen, f"cancelled, then reversed, the account has {now_fen} fen; expected {before_fen}"
        )

    yield Case(
        business, "reversed-after-cancel", Proof.RESTORE, "What was cancelled is not given back again.", after_cancel
    )


def _of_others(kind: Kind, business: Business) -> Iterator[Case]:
    settle = SETTLE[kind]

    def other_message(scene: Scene) -> None:
        """FOUND: one product reverses by a message id that it never sent."""
        visit = Visit(scene, kind).ready()
        settled = visit.settle()
        scene.verdict(tx.REVERSE, reversal(scene, settle, scene.next_id()))
        told = scene.done(tx.ASK_SETTLEMENT, asking(visit, settled), SettlementTold)
        scene.holds(told.amounts.total_fen == settled.amounts.total_fen, "the settlement is told otherwise")

    yield Case(
        business,
        "reversed-by-another-id",
        Proof.CLIENT,
        "A reversal of a message that was never sent leaves the settlement standing.",
        other_message,
    )

    def other_code(scene: Scene) -> None:
        visit = Visit(scene, kind).ready()
        visit.settle()
        code = next(one for one in SETTLE.values() if one != settle)
        scene.refused(tx.REVERSE, reversal(scene, code, visit.settled_by), "D", "oinfno is another transaction")

    yield Case(
        business, "reversed-as-another", Proof.VERDICT, "A message is not reversed as another transaction.", other_code
    )

    def others_message(scene: Scene) -> None:
        own = scene.next_id()
        other = MessageId(f"{own[0]}{own[1:7]}99999{own[12:]}")
        scene.refused(tx.REVERSE, reversal(scene, settle, other), "D", "omsgid is of another institution")

    yield Case(
        business, "others-message", Proof.VERDICT, "The message of another institution is not reversed.", others_message
    )
